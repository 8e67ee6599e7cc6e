//! Syncs and durable writes fail: what was dirty is gone, and the next one succeeds.
use super::{Drawn, Place, When};
use crate::disk::FaultyOp;
use crate::rng::Stream;

pub(super) fn draw(place: &Place<'_>, rng: &mut Stream) -> Drawn {
    let prefix = (*rng.pick(&["journal/", "journal/", "logs/", "checkpoint", ""])).to_owned();
    super::disk_errors(place, FaultyOp::Sync, prefix, rng, When::Now)
}
