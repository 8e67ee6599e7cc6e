//! A latent sector error: a sector cannot be read until it is written again.
use super::{Drawn, Place, When};
use crate::faults::Fault;
use crate::rng::Stream;

pub(super) fn draw(place: &Place<'_>, rng: &mut Stream) -> Drawn {
    vec![(When::Now, Fault::BadSector { node: place.node(), aim: super::aim(rng), pick: rng.word() })]
}
