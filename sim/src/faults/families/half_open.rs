//! A peer loses its power: the streams to it stay open at this end, and nobody is there.
use super::{Drawn, Place, When};
use crate::faults::Fault;
use crate::rng::Stream;

pub(super) fn draw(place: &Place<'_>, _: &mut Stream) -> Drawn {
    vec![
        (When::Now, Fault::PowerFail { node: place.peer() }),
        (When::Later, Fault::Start { node: place.peer() }),
    ]
}
