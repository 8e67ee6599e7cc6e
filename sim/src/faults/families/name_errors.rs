//! Opening, renaming, removing, listing and syncing directories fail with EIO.
use super::{Drawn, Place, When};
use crate::disk::FaultyOp;
use crate::rng::Stream;

pub(super) fn draw(place: &Place<'_>, rng: &mut Stream) -> Drawn {
    let prefix = (*rng.pick(&["journal", "logs", "checkpoint", ""])).to_owned();
    super::disk_errors(place, FaultyOp::Names, prefix, rng, When::Now)
}
