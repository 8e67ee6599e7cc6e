//! The machine loses its power at any moment, or at any await, and gets it back.
use super::{Drawn, Place, When};
use crate::faults::Fault;
use crate::rng::Stream;

/// A busy broker polls its tasks so often in some ten milliseconds, an idle one in some seconds.
const POLLS_MAX: u64 = 400;

pub(super) fn draw(place: &Place<'_>, rng: &mut Stream) -> Drawn {
    let node = place.node();
    let fault = if rng.chance(500) {
        Fault::PowerFail { node: node.clone() }
    } else {
        let skip = u32::try_from(rng.between(0, POLLS_MAX)).unwrap_or(0);
        Fault::PowerFailAtPoll { node: node.clone(), skip }
    };
    vec![(When::Now, fault), (When::Later, Fault::Start { node })]
}
