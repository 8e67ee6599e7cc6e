//! Reads fail with EIO, and pass when they are tried again.
use super::{Drawn, Place, When};
use crate::disk::FaultyOp;
use crate::faults::Fault;
use crate::rng::Stream;

pub(super) fn draw(place: &Place<'_>, rng: &mut Stream) -> Drawn {
    let prefix = (*rng.pick(&["journal/", "logs/", "checkpoint", ""])).to_owned();
    let mut drawn = super::disk_errors(place, FaultyOp::Read, prefix, rng, When::Now);
    if rng.chance(500) {
        // Most is read at a start.
        drawn.push((When::Now, Fault::Crash { node: place.node() }));
        drawn.push((When::Now, Fault::Start { node: place.node() }));
    }
    drawn
}
