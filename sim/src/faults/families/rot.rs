//! Bit rot: a bit of a file is another one.
use super::{Drawn, Place, When};
use crate::faults::Fault;
use crate::rng::Stream;

pub(super) fn draw(place: &Place<'_>, rng: &mut Stream) -> Drawn {
    vec![(When::Now, Fault::Rot { node: place.node(), aim: super::aim(rng), pick: rng.word() })]
}
