use std::net::SocketAddr;

use crate::types::NodeId;
use crate::wire::Text;

/// Who sent a request, and how it is to be read.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The request's version.
    pub version: i16,
    pub client_id: Option<Text>,
    pub peer: SocketAddr,
    /// The name of the listener it came through, which decides the addresses it is told.
    pub listener: std::sync::Arc<str>,
    /// The node that it was sent to, if that is another one.
    pub via: Option<NodeId>,
}
