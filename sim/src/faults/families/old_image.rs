//! An image of the disk is taken; when all is over it is put in the place of the newer one.
use super::{Drawn, Place, When};
use crate::faults::Fault;
use crate::rng::Stream;

pub(super) fn draw(place: &Place<'_>, _: &mut Stream) -> Drawn {
    vec![(When::Now, Fault::TakeImage { node: place.node() })]
}
