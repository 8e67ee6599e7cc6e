//! Both clocks of a machine stand still.
use super::{Drawn, Place, When};
use crate::faults::Fault;
use crate::rng::Stream;

pub(super) fn draw(place: &Place<'_>, rng: &mut Stream) -> Drawn {
    let node = place.either(rng);
    vec![
        (When::Now, Fault::Freeze { node: node.clone(), frozen: true }),
        (When::Later, Fault::Freeze { node, frozen: false }),
    ]
}
