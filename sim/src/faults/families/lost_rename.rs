//! The power fails at a change of names, with nothing of what was not synced kept: the rename is lost.
use super::{Drawn, Place, When};
use crate::disk::FaultyOp;
use crate::faults::Fault;
use crate::rng::Stream;

pub(super) fn draw(place: &Place<'_>, rng: &mut Stream) -> Drawn {
    let prefix = (*rng.pick(&["journal/", "checkpoint", "checkpoint", "logs"])).to_owned();
    let skip = u32::try_from(rng.between(0, 6)).unwrap_or(0);
    let node = place.node();
    vec![
        (When::Now, Fault::LoseNames { node: node.clone(), op: FaultyOp::Names, prefix, skip }),
        (When::Later, Fault::Start { node }),
    ]
}
