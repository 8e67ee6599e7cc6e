//! A write lands some sectors away from its place and reports success. Not in the journal: its last commit would be
//! gone without a trace, which no single disk can tell.
use super::{Drawn, Place, When};
use crate::fault_atlas::Aim;
use crate::faults::Fault;
use crate::rng::Stream;

pub(super) fn draw(place: &Place<'_>, rng: &mut Stream) -> Drawn {
    let aim = *rng.pick(&[Aim::Records, Aim::Records, Aim::Records, Aim::Index]);
    let by_sectors = if rng.chance(500) { -1 } else { 1 } * i64::try_from(rng.between(1, 8)).unwrap_or(1);
    vec![(When::Now, Fault::Misdirect { node: place.node(), aim, pick: rng.word(), by_sectors })]
}
