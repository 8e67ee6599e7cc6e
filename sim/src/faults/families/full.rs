//! The disk is full for a while.
use super::{Drawn, Place, ROOM, When};
use crate::faults::Fault;
use crate::rng::Stream;

pub(super) fn draw(place: &Place<'_>, rng: &mut Stream) -> Drawn {
    let capacity = |bytes| Fault::Capacity { node: place.node(), bytes };
    vec![(When::Now, capacity(rng.between(0, 3 << 20))), (When::Later, capacity(ROOM))]
}
