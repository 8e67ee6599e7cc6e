//! Rot strikes what the next start will replay: the process ends, a bit in the journal behind the checkpoint turns,
//! and the process starts again.
use super::{Drawn, Place, When};
use crate::fault_atlas::Aim;
use crate::faults::Fault;
use crate::rng::Stream;

pub(super) fn draw(place: &Place<'_>, rng: &mut Stream) -> Drawn {
    let node = place.node();
    let end = if rng.chance(500) {
        Fault::PowerFail { node: node.clone() }
    } else {
        Fault::Crash { node: node.clone() }
    };
    vec![
        (When::Now, end),
        (When::Now, Fault::Rot { node: node.clone(), aim: Aim::Replayed, pick: rng.word() }),
        (When::Later, Fault::Start { node }),
    ]
}
