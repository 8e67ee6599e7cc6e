//! Writes fail with EIO.
use super::{Drawn, Place, When};
use crate::disk::FaultyOp;
use crate::faults::Fault;
use crate::rng::Stream;

pub(super) fn draw(place: &Place<'_>, rng: &mut Stream) -> Drawn {
    let prefix = (*rng.pick(&["journal/", "logs/", "checkpoint", ""])).to_owned();
    let mut drawn = super::disk_errors(place, FaultyOp::Write, prefix, rng, When::Now);
    if rng.chance(300) {
        // Nothing leaves memory for a while.
        let (node, prefix) = (place.node(), "logs/".to_owned());
        drawn.push((When::Now, Fault::Disk { node, op: FaultyOp::Write, prefix, times: 1000 }));
    }
    drawn
}
