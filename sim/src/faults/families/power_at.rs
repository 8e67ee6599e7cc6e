//! The machine loses its power inside a write, a sync or a change of names: within a group commit, between a
//! rename and the sync of its directory.
use super::{Drawn, Place, When};
use crate::disk::FaultyOp;
use crate::faults::Fault;
use crate::rng::Stream;

pub(super) fn draw(place: &Place<'_>, rng: &mut Stream) -> Drawn {
    let op = *rng.pick(&[FaultyOp::Write, FaultyOp::Write, FaultyOp::Sync, FaultyOp::Names]);
    let prefix = (*rng.pick(&["journal/", "journal/", "logs/", "checkpoint", ""])).to_owned();
    let skip = u32::try_from(rng.between(0, 12)).unwrap_or(0);
    let node = place.node();
    vec![
        (When::Now, Fault::PowerFailAt { node: node.clone(), op, prefix, skip }),
        (When::Later, Fault::Start { node }),
    ]
}
