//! Nothing gets through between two machines, in one direction or in both.
use super::{Drawn, Place, When};
use crate::faults::Fault;
use crate::rng::Stream;

pub(super) fn draw(place: &Place<'_>, rng: &mut Stream) -> Drawn {
    let (a, b) = (place.node(), place.peer());
    let mut drawn = vec![(When::Later, Fault::Mend { a: a.clone(), b: b.clone() })];
    let directions = rng.between(1, 3);
    if directions & 1 != 0 {
        drawn.push((When::Now, Fault::Cut { from: a.clone(), to: b.clone() }));
    }
    if directions & 2 != 0 {
        drawn.push((When::Now, Fault::Cut { from: b, to: a }));
    }
    drawn
}
