//! Connections: takes them, cuts frames, keeps replies in order, bounds memory and time, and lets go of all
//! that at shutdown. What a request means is `broker`'s, behind [`Service`].
//!
//! Invariants: replies leave in the order of their requests; a request's bytes are counted against the node's budget as
//! they arrive, those of a connection's own buffer apart; every wait on a peer has a deadline.
mod connection;
mod listener;
mod members;
mod memory;
mod node;
mod pace;
mod pipeline;
mod quota;
pub mod recovery;

mod sniff;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::oneshot;

use crate::broker::ByteBudget;
use crate::io::Shutdown;
pub use listener::{ListenerStats, serve};
pub use memory::{MemoryShare, RequestMemory};
pub use node::{BoundListener, Node, NodeFailed, StartError};
pub use quota::{AddressIsFull, ConnectionQuota, Place};

use crate::io::BoxFuture;

/// A response as the segments of its frame, length prefix included.
pub type Frame = Vec<Bytes>;

/// What the server hands requests to: one object per connection.
pub trait Session: Send + 'static {
    /// Handles one request frame (without its length prefix). Frames of one connection come one at a time,
    /// in order; an [`Answer::Later`] lets the next one in before the reply is there. `memory` is what is counted for the
    /// frame until its reply has left; a session may give it back before. A call that is dropped ends.
    fn call<'a>(
        &'a mut self,
        frame: Bytes,
        memory: &'a mut MemoryShare,
    ) -> std::pin::Pin<Box<dyn Future<Output = Answer> + Send + 'a>>;
}

/// Makes the session of a new connection.
pub trait Service: Send + Sync + 'static {
    fn session(&self, peer: SocketAddr) -> Box<dyn Session>;
}

/// What a request led to.
pub enum Answer {
    /// The reply.
    Now(Frame),
    /// The reply will come; a dropped sender closes the connection.
    Later(oneshot::Receiver<Frame>),
    /// The protocol foresees no reply (`acks=0`).
    Nothing,
    /// The peer broke the protocol, or may not go on: the connection is closed after the replies before it.
    Close(String),
    /// So, too, and the operator has been told: of each such connection, only somebody who looks for it reads.
    CloseTold(String),
}

/// The bounds of a listener's connections.
#[derive(Clone, Debug)]
pub struct ConnectionLimits {
    /// Longest request frame, in bytes (`socket.request.max.bytes`).
    pub frame_bytes_max: usize,
    /// How long a connection may be silent (`connections.max.idle.ms`).
    pub idle: Duration,
    /// How long a begun frame may take to arrive, and a reply to be taken by a slow client; longer ones have more time.
    pub transfer: Duration,
    /// How many replies may wait in one connection's pipeline.
    pub pipelined_max: usize,
}

/// All that a listener needs besides its socket.
#[derive(Clone)]
pub struct ServerContext {
    pub io: crate::io::Io,
    pub service: Arc<dyn Service>,
    pub limits: ConnectionLimits,
    pub memory: RequestMemory,
    /// What large replies hold until they have left: while others wait for some, slow clients are let go.
    pub reply_memory: ByteBudget,
    pub quota: Arc<ConnectionQuota>,
    pub shutdown: Shutdown,
}

/// A future that borrows nothing: what the parts of this module spawn.
type Task = BoxFuture<()>;
