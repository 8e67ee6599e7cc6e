//! Both clocks of a machine run fast or slow.
use super::{Drawn, Place, When};
use crate::faults::Fault;
use crate::rng::Stream;

pub(super) fn draw(place: &Place<'_>, rng: &mut Stream) -> Drawn {
    let node = place.either(rng);
    let ppm = i32::try_from(rng.around(200_000)).unwrap_or(0);
    vec![(When::Now, Fault::Drift { node: node.clone(), ppm }), (When::Later, Fault::Drift { node, ppm: 0 })]
}
