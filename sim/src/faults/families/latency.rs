//! What two machines send each other takes longer.
use super::{Drawn, Place, When};
use crate::faults::Fault;
use crate::rng::Stream;

pub(super) fn draw(place: &Place<'_>, rng: &mut Stream) -> Drawn {
    let by_us = rng.between(1_000, 1_500_000);
    let latency = |by_us| Fault::Latency { a: place.node(), b: place.peer(), by_us };
    vec![(When::Now, latency(by_us)), (When::Later, latency(0))]
}
