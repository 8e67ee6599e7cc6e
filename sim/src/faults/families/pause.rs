//! The process stands still for a while.
use super::{Drawn, Place, When};
use crate::faults::Fault;
use crate::rng::Stream;

pub(super) fn draw(place: &Place<'_>, _: &mut Stream) -> Drawn {
    vec![
        (When::Now, Fault::Pause { node: place.node() }),
        (When::Later, Fault::Resume { node: place.node() }),
    ]
}
