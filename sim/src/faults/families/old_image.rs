//! An image of the disk is taken. At times it is put in the place of the newer disk while everything runs, as somebody does who
//! rolls a machine back; one that is left when all is over is put there then.
use super::{Drawn, Place, When};
use crate::faults::Fault;
use crate::rng::Stream;

/// So many of a thousand images come back among the other faults.
const RESTORED_PER_MILLE: u32 = 150;

pub(super) fn draw(place: &Place<'_>, rng: &mut Stream) -> Drawn {
    // From a copy, and some way into it: the schedule around it is the same, whether the image comes back or not.
    let mut own = rng.aside(3);
    let mut drawn = vec![(When::Now, Fault::TakeImage { node: place.node() })];
    if own.chance(RESTORED_PER_MILLE) {
        drawn.push((When::Later, Fault::RestoreImage { node: place.node() }));
    }
    drawn
}
