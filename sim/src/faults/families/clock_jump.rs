//! A wall clock jumps, forward or back, by little or by days.
use super::{Drawn, Place, When};
use crate::faults::Fault;
use crate::rng::Stream;

pub(super) fn draw(place: &Place<'_>, rng: &mut Stream) -> Drawn {
    let far = *rng.pick(&[100, 20_000, 10 * 86_400_000]);
    vec![(When::Now, Fault::Jump { node: place.either(rng), ms: rng.around(far) })]
}
