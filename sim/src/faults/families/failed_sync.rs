//! Syncs and durable writes fail: what was dirty is gone, and the next one succeeds. Of the journal's often one behind a write
//! that took long: what was to be appended meanwhile waits for it, and a client whose connection is reset sends again what is
//! still on its way to the disk.
use super::{Drawn, Place, When};
use crate::disk::FaultyOp;
use crate::faults::Fault;
use crate::rng::Stream;

const JOURNAL: &str = "journal/";

pub(super) fn draw(place: &Place<'_>, rng: &mut Stream) -> Drawn {
    let prefix = *rng.pick(&[JOURNAL, JOURNAL, JOURNAL, "logs/", "checkpoint", ""]);
    if prefix != JOURNAL || rng.chance(300) {
        return super::disk_errors(place, FaultyOp::Sync, prefix.to_owned(), rng, When::Now);
    }
    let for_us = rng.between(10_000, 400_000);
    let (node, op, prefix) = (place.node(), FaultyOp::Write, prefix.to_owned());
    let hold = Fault::Hold { node, op, prefix: prefix.clone(), times: 1, every: 1, for_us };
    let mut drawn = vec![(When::Now, hold)];
    if rng.chance(500) {
        drawn.push((When::In(for_us / 2), Fault::Reset { a: place.node(), b: place.peer() }));
    }
    drawn.extend(super::disk_errors(place, FaultyOp::Sync, prefix, rng, When::In(for_us)));
    drawn
}
