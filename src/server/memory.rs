pub use crate::broker::MemoryShare;

use crate::broker::ByteBudget;

/// The node's memory for request frames that are being read or handled (`queued.max.request.bytes`): overload slows
/// readers instead of allocating.
///
/// Small frames have an eighth of it for themselves. They are counted when they are there, so whoever holds back the rest
/// of large frames does not keep the others from heartbeats, metadata or small records.
#[derive(Clone)]
pub struct RequestMemory {
    small: ByteBudget,
    large: ByteBudget,
}

/// The longest frame that counts as small, in bytes: what a connection's own buffer holds.
pub(super) const SMALL_FRAME_BYTES_MAX: usize = 64 * 1024;
/// The share of the memory that is for small frames alone.
const SMALL_SHARE: usize = 8;

impl RequestMemory {
    /// A budget of `bytes`.
    #[must_use]
    pub fn new(bytes: usize) -> RequestMemory {
        let small = bytes / SMALL_SHARE;
        RequestMemory { small: ByteBudget::new(small), large: ByteBudget::new(bytes - small) }
    }

    /// Waits for room for a frame of `bytes`.
    pub(super) async fn take(&self, bytes: usize) -> MemoryShare {
        let budget = if bytes <= SMALL_FRAME_BYTES_MAX { &self.small } else { &self.large };
        budget.take(bytes).await
    }

    /// Whether somebody waits with a large frame.
    pub(super) fn is_short(&self) -> bool {
        self.large.is_short()
    }

    /// How many bytes are free.
    #[must_use]
    pub fn available_bytes(&self) -> usize {
        self.small.available_bytes() + self.large.available_bytes()
    }
}
