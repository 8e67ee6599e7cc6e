//! The network: byte streams between nodes, as TCP gives them.
//!
//! A stream is two queues of segments, one per direction. A segment arrives after a drawn latency and never
//! overtakes another; loss only delays. A writer may have one window of bytes on the way or unread at its
//! peer. While the way is cut, or the peer's machine is down, segments wait and are sent again some time after
//! it is whole; window updates wait likewise, resets are lost. A process that ends leaves its kernel behind,
//! which closes its streams; a machine without power leaves nothing: its peers hear no more until it runs again
//! and answers what it does not know with a reset.
//!
//! ```text
//!   write ─▶ credit ─▶ outgoing (due times) ══ link ══▶ inbox ─▶ read
//!               ▲                                          │
//!               └────────────── window update ◀────────────┘
//! ```
mod connect;
mod control;
mod deliver;
mod frames;
mod halves;
mod state;

pub(crate) use connect::SimNet;
pub use control::NetControl;
pub(crate) use deliver::{Event, happen, node_crashed, node_lost_power, node_powered_on};
pub use state::NetOptions;
pub(crate) use state::NetState;
