//! Some files take very long to be opened or read, as from a disk that tries a weak sector again and again:
//! meanwhile what they hold may leave the log.
use super::{Drawn, Place, When};
use crate::disk::FaultyOp;
use crate::faults::Fault;
use crate::rng::Stream;

pub(super) fn draw(place: &Place<'_>, rng: &mut Stream) -> Drawn {
    let hold = Fault::Hold {
        node: place.node(),
        op: *rng.pick(&[FaultyOp::Read, FaultyOp::Names]),
        prefix: "logs/".to_owned(),
        times: u32::try_from(rng.between(10, 100)).unwrap_or(10),
        // Mostly all of them: an index is read once, and it is behind that read that its segment is found to be gone.
        every: u32::try_from(rng.between(1, 12).div_ceil(8)).unwrap_or(1),
        for_us: rng.between(20_000, 2_000_000),
    };
    let mut drawn = vec![(When::Now, hold)];
    if rng.chance(500) {
        // Nothing is open, and nothing but the journal's end in memory, behind a start.
        drawn.push((When::Now, Fault::Crash { node: place.node() }));
        drawn.push((When::Now, Fault::Start { node: place.node() }));
    }
    drawn
}
