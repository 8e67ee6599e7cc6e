//! The process is killed; its kernel and its page cache live on.
use super::{Drawn, Place, When};
use crate::faults::Fault;
use crate::rng::Stream;

pub(super) fn draw(place: &Place<'_>, _: &mut Stream) -> Drawn {
    vec![(When::Now, Fault::Crash { node: place.node() }), (When::Later, Fault::Start { node: place.node() })]
}
