//! The streams between two machines break.
use super::{Drawn, Place, When};
use crate::faults::Fault;
use crate::rng::Stream;

pub(super) fn draw(place: &Place<'_>, _: &mut Stream) -> Drawn {
    vec![(When::Now, Fault::Reset { a: place.node(), b: place.peer() })]
}
