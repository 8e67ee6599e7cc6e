//! The power fails between two steps of the storage's protocols, each of which must not come before the other is
//! durable: the journal's files are recycled, segments removed, and the checkpoint that allows it is written.
use super::{Drawn, Place, When};
use crate::disk::FaultyOp;
use crate::faults::{Fault, Moment};
use crate::rng::Stream;

pub(super) fn draw(place: &Place<'_>, rng: &mut Stream) -> Drawn {
    let skip = |rng: &mut Stream, most| u32::try_from(rng.between(0, most)).unwrap_or(0);
    let mut moment = |op, prefix: &str, most| Moment { op, prefix: prefix.to_owned(), skip: skip(rng, most) };
    let checkpoint = [FaultyOp::Write, FaultyOp::Sync, FaultyOp::Rename];
    let pairs = [
        (moment(FaultyOp::Rename, "journal/", 2), moment(checkpoint[0], "checkpoint", 0)),
        (moment(FaultyOp::Rename, "journal/", 2), moment(checkpoint[2], "checkpoint", 1)),
        (moment(FaultyOp::Remove, "logs/", 4), moment(checkpoint[0], "checkpoint", 0)),
        (moment(FaultyOp::Remove, "logs/", 4), moment(checkpoint[1], "checkpoint", 1)),
        (moment(FaultyOp::Rename, "checkpoint", 1), moment(FaultyOp::Rename, "journal/", 0)),
        (moment(FaultyOp::Rename, "checkpoint", 1), moment(FaultyOp::Remove, "logs/", 4)),
        (moment(FaultyOp::Sync, "logs/", 2), moment(checkpoint[0], "checkpoint", 1)),
        (moment(FaultyOp::Sync, "journal/", 3), moment(FaultyOp::Write, "logs/", 3)),
    ];
    let (first, second) = rng.pick(&pairs).clone();
    let node = place.node();
    vec![
        (When::Now, Fault::PowerFailBetween { node: node.clone(), first, second }),
        (When::Later, Fault::Start { node }),
    ]
}
