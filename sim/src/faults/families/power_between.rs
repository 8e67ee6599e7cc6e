//! The power fails, or the process dies, between two steps of the storage's protocols, of which one must not come
//! before the other is durable: the journal's files are recycled, segments removed, and the checkpoint that allows
//! it is written.
use super::{Drawn, Place, When};
use crate::disk::FaultyOp;
use crate::faults::{Death, Fault, Moment};
use crate::rng::Stream;

/// As many of them wait at most for their moment.
const TRAPS_MAX: u64 = 3;

pub(super) fn draw(place: &Place<'_>, rng: &mut Stream) -> Drawn {
    let mut drawn = Vec::new();
    for _ in 0..rng.between(1, TRAPS_MAX) {
        let (first, second) = draw_moments(rng);
        let death = *rng.pick(&[Death::Power, Death::Power, Death::Process]);
        drawn.push((When::Now, Fault::DieBetween { node: place.node(), first, second, death }));
    }
    drawn.push((When::Later, Fault::Start { node: place.node() }));
    drawn
}

fn draw_moments(rng: &mut Stream) -> (Moment, Moment) {
    let skip = |rng: &mut Stream, most| u32::try_from(rng.between(0, most)).unwrap_or(0);
    let mut moment = |op, prefix: &str, most| Moment { op, prefix: prefix.to_owned(), skip: skip(rng, most) };
    let pairs = [
        (moment(FaultyOp::Rename, "journal/", 2), moment(FaultyOp::Write, "checkpoint", 0)),
        (moment(FaultyOp::Rename, "journal/", 2), moment(FaultyOp::Rename, "checkpoint", 1)),
        (moment(FaultyOp::Remove, "logs/", 9), moment(FaultyOp::Write, "checkpoint", 0)),
        (moment(FaultyOp::Remove, "logs/", 9), moment(FaultyOp::Sync, "checkpoint", 0)),
        (moment(FaultyOp::Remove, "logs/", 9), moment(FaultyOp::Rename, "checkpoint", 1)),
        (moment(FaultyOp::Rename, "checkpoint", 1), moment(FaultyOp::Rename, "journal/", 0)),
        (moment(FaultyOp::Rename, "checkpoint", 1), moment(FaultyOp::Remove, "logs/", 4)),
        (moment(FaultyOp::Sync, "logs/", 2), moment(FaultyOp::Write, "checkpoint", 1)),
        (moment(FaultyOp::Sync, "journal/", 3), moment(FaultyOp::Write, "logs/", 3)),
    ];
    rng.pick(&pairs).clone()
}
