use std::net::SocketAddr;

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
}
