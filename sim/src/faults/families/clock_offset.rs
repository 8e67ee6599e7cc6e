//! Wall clocks that are wrong from the start: by a little, by minutes, by days. Not one of the families that a run draws
//! from, for it happens before everything else; about half of the runs have it, and then about half of the machines.
use crate::faults::{Fault, TimedFault};
use crate::rng::Stream;

/// Draws which of these machines' clocks are wrong from the start.
pub fn draw_clock_offsets(machines: &[String], rng: &mut Stream) -> Vec<TimedFault> {
    if rng.chance(500) {
        return Vec::new();
    }
    let mut offsets = Vec::new();
    for node in machines {
        let far = *rng.pick(&[500, 600_000, 10 * 86_400_000]);
        let (ms, is_meant) = (rng.around(far), rng.chance(500));
        if is_meant && ms != 0 {
            offsets.push(TimedFault { at_us: 0, fault: Fault::Offset { node: node.clone(), ms } });
        }
    }
    offsets
}
