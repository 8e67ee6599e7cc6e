//! The disk does nothing for a while.
use super::{Drawn, Place, When};
use crate::faults::Fault;
use crate::rng::Stream;

pub(super) fn draw(place: &Place<'_>, rng: &mut Stream) -> Drawn {
    vec![(When::Now, Fault::Stall { node: place.node(), for_us: rng.between(1_000, 3_000_000) })]
}
