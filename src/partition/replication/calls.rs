//! STUB until branch peer is merged.
use std::net::SocketAddr;

use bytes::Bytes;

use crate::types::NodeId;
use crate::wire::Text;

#[derive(Clone, Debug)]
pub struct PeerCall {
    pub listener: Text,
    pub client: SocketAddr,
    pub request: Bytes,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CallFailed {
    #[error("lost")]
    Lost,
}

#[derive(Clone)]
pub struct PeerCalls;

impl PeerCalls {
    pub async fn call(&self, _node: NodeId, _call: PeerCall) -> Result<Bytes, CallFailed> {
        Err(CallFailed::Lost)
    }
}
