//! A write lands some sectors away from its place and reports success; in the journal, too, where a commit is then missing and
//! those beside it are hit. (What of that no single disk could tell is put right: `FaultAtlas::spare_unvouched`.)
use super::{Drawn, Place, When};
use crate::fault_atlas::Aim;
use crate::faults::Fault;
use crate::rng::Stream;

pub(super) fn draw(place: &Place<'_>, rng: &mut Stream) -> Drawn {
    let aim = *rng.pick(&[Aim::Records, Aim::Records, Aim::Journal, Aim::Index]);
    let by_sectors = if rng.chance(500) { -1 } else { 1 } * i64::try_from(rng.between(1, 8)).unwrap_or(1);
    vec![(When::Now, Fault::Misdirect { node: place.node(), aim, pick: rng.word(), by_sectors })]
}
