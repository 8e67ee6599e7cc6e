//! The machine loses its power at any moment, and gets it back.
use super::{Drawn, Place, When};
use crate::faults::Fault;
use crate::rng::Stream;

pub(super) fn draw(place: &Place<'_>, _: &mut Stream) -> Drawn {
    vec![
        (When::Now, Fault::PowerFail { node: place.node() }),
        (When::Later, Fault::Start { node: place.node() }),
    ]
}
