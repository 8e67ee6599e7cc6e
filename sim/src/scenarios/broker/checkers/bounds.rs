//! I10, what can be said at once: an end of a partition that was told is never followed by a lower one, nor by one below a
//! record that had been acknowledged; a start that was told is never followed by a lower one (seen broken in Bufstream and
//! Redpanda #6301). Of two answers the later is the one whose question was asked after the other had come.
use ordain::types::Offset;

use crate::time::SimTime;

/// The highest offset that was told so far, by when it was.
#[derive(Default)]
pub(super) struct Bound {
    told: Vec<(SimTime, Offset)>,
}

impl Bound {
    /// It was told now.
    pub(super) fn raise(&mut self, now: SimTime, offset: Offset) {
        if self.told.last().is_none_or(|(_, highest)| *highest < offset) {
            self.told.push((now, offset));
        }
    }

    /// What was told to a question that was asked at `began`.
    ///
    /// # Errors
    /// If more had been told before.
    pub(super) fn hold(&self, began: SimTime, offset: Offset) -> Result<(), String> {
        self.hold_since(SimTime(0), began, offset)
    }

    /// As [`Bound::hold`], of what was told after `since`.
    ///
    /// # Errors
    /// If more had been told between the two.
    pub(super) fn hold_since(&self, since: SimTime, began: SimTime, offset: Offset) -> Result<(), String> {
        let before = self.told.partition_point(|(time, _)| *time <= began);
        match before.checked_sub(1).and_then(|last| self.told.get(last)) {
            Some((time, highest)) if *highest > offset && *time >= since => {
                Err(format!("told {offset}, asked for at {began}, and {highest} had been told at {time}"))
            }
            Some(_) | None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_back_is_found_unless_both_were_under_way() {
        let mut bound = Bound::default();
        assert_eq!(bound.hold(SimTime(5), Offset(0)), Ok(()));
        bound.raise(SimTime(10), Offset(7));
        bound.raise(SimTime(20), Offset(9));
        bound.raise(SimTime(30), Offset(8));
        assert_eq!(bound.hold(SimTime(9), Offset(3)), Ok(()), "asked before 7 was told");
        assert!(bound.hold(SimTime(10), Offset(6)).unwrap_err().contains("7 had been told"));
        assert_eq!(bound.hold(SimTime(15), Offset(7)), Ok(()));
        assert!(bound.hold(SimTime(40), Offset(8)).unwrap_err().contains("9 had been told"));
        assert_eq!(bound.hold_since(SimTime(21), SimTime(40), Offset(8)), Ok(()), "9 was told before that");
    }
}
