//! The power fails soon after something that others build on: a commit was begun or is durable, an error was told,
//! the streams to a client were reset, the disk became slow.
use super::{Drawn, Place, When};
use crate::disk::FaultyOp;
use crate::faults::{Fault, Moment};
use crate::rng::Stream;

pub(super) fn draw(place: &Place<'_>, rng: &mut Stream) -> Drawn {
    let node = place.node();
    let most_us = *rng.pick(&[1_000, 5_000, 50_000]);
    let by_us = rng.between(1, most_us);
    let skip = u32::try_from(rng.between(0, 12)).unwrap_or(0);
    let journal = |op| Moment { op, prefix: "journal/".to_owned(), skip };
    let soon = |op| Fault::PowerFailSoon { node: node.clone(), after: journal(op), by_us };
    let mut drawn = match rng.between(0, 4) {
        0 => vec![(When::Now, soon(FaultyOp::Write))],
        1 => vec![(When::Now, soon(FaultyOp::Sync))],
        2 => {
            let fault = Fault::Disk {
                node: node.clone(),
                op: *rng.pick(&[FaultyOp::Sync, FaultyOp::Write]),
                prefix: (*rng.pick(&["journal/", "logs/", "checkpoint"])).to_owned(),
                times: 1,
            };
            vec![(When::Now, fault), (When::In(by_us), Fault::PowerFail { node: node.clone() })]
        }
        3 => vec![
            (When::Now, Fault::Reset { a: node.clone(), b: place.peer() }),
            (When::In(by_us), Fault::PowerFail { node: node.clone() }),
        ],
        // One commit takes so long that what was acknowledged by then reaches the clients.
        _ => {
            let hold = Fault::Hold {
                node: node.clone(),
                op: FaultyOp::Write,
                prefix: "journal/".to_owned(),
                times: u32::try_from(rng.between(1, 8)).unwrap_or(1),
                every: 1,
                for_us: 2 * by_us,
            };
            vec![(When::Now, hold), (When::Now, soon(FaultyOp::Sync))]
        }
    };
    drawn.push((When::Later, Fault::ClearDisk { node: node.clone() }));
    drawn.push((When::Later, Fault::Start { node }));
    drawn
}
