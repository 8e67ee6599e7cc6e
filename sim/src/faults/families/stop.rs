//! The process is asked to stop, and starts again.
use super::{Drawn, Place, When};
use crate::faults::Fault;
use crate::rng::Stream;

pub(super) fn draw(place: &Place<'_>, _: &mut Stream) -> Drawn {
    vec![(When::Now, Fault::Stop { node: place.node() })]
}
