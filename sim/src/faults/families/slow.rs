//! The disk takes many times as long.
use super::{Drawn, Place, When};
use crate::faults::Fault;
use crate::rng::Stream;

pub(super) fn draw(place: &Place<'_>, rng: &mut Stream) -> Drawn {
    let times = u32::try_from(rng.between(2, 200)).unwrap_or(2);
    let slow = |times| Fault::Slow { node: place.node(), times };
    vec![(When::Now, slow(times)), (When::Later, slow(1))]
}
