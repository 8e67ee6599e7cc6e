//! A peer's process dies in the middle of what it does, and begins anew.
use super::{Drawn, Place, When};
use crate::faults::Fault;
use crate::rng::Stream;

pub(super) fn draw(place: &Place<'_>, _: &mut Stream) -> Drawn {
    vec![(When::Now, Fault::Crash { node: place.peer() }), (When::Later, Fault::Start { node: place.peer() })]
}
