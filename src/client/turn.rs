use std::sync::atomic::{AtomicUsize, Ordering};

/// Whose turn it is, of those that any can be asked: one is asked while its answers are of use, then the next.
pub(super) struct Turn {
    /// Twice the place of the one that has the turn; and one more once it was asked.
    state: AtomicUsize,
}

/// Who had the turn when it was looked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Looked {
    state: usize,
}

impl Looked {
    /// Which of so many has the turn; 0 if there are none.
    pub(super) fn of(self, count: usize) -> usize {
        (self.state / 2).checked_rem(count).unwrap_or(0)
    }
}

impl Turn {
    pub(super) fn beginning_with(place: usize) -> Turn {
        Turn { state: AtomicUsize::new(2 * place) }
    }

    pub(super) fn look(&self) -> Looked {
        Looked { state: self.state.load(Ordering::Relaxed) }
    }

    /// The one that is so many behind the one that had the turn was asked, and has it now, since those between could not be; unless the
    /// turn has passed on since.
    pub(super) fn asked(&self, looked: Looked, behind: usize) {
        let now = 2 * (looked.state / 2).wrapping_add(behind) + 1;
        let _passed_on_meanwhile =
            self.state.compare_exchange(looked.state, now, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// The one after the one that was asked is next. What one said may be found to be of no use in several ways, and of each of many
    /// partitions: were each counted, some would never be asked.
    pub(super) fn pass(&self) {
        let state = self.state.load(Ordering::Relaxed);
        if state % 2 == 1 {
            let next = state.wrapping_add(1);
            let _another_one_complained =
                self.state.compare_exchange(state, next, Ordering::Relaxed, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_was_asked_is_passed_over_once_however_much_of_it_is_of_no_use() {
        let turn = Turn::beginning_with(4);
        let asked = [2, 1, 3, 7, 2, 1].map(|complaints| {
            let looked = turn.look();
            turn.asked(looked, 0);
            (0..complaints).for_each(|_| turn.pass());
            looked.of(3)
        });
        assert_eq!(asked, [1, 2, 0, 1, 2, 0], "each in turn");
        let looked = turn.look();
        turn.asked(looked, 0);
        turn.asked(turn.look(), 0);
        assert_eq!(turn.look().of(3), 1, "the same one while nobody complains");
        assert_eq!(turn.look().of(0), 0);
    }

    #[test]
    fn those_that_cannot_be_asked_are_passed_over_too() {
        let turn = Turn::beginning_with(0);
        turn.asked(turn.look(), 1);
        assert_eq!(turn.look().of(3), 1, "the first is not there");
        turn.pass();
        assert_eq!(turn.look().of(3), 2);
        turn.asked(turn.look(), 2);
        assert_eq!(turn.look().of(3), 1, "neither the third nor the first is there");
    }

    #[test]
    fn an_answer_that_comes_late_passes_over_nobody_who_was_not_asked() {
        let turn = Turn::beginning_with(0);
        let late = turn.look();
        turn.asked(turn.look(), 0);
        turn.pass();
        turn.asked(late, 0);
        turn.pass();
        assert_eq!(turn.look().of(3), 1, "the second was not asked yet");
    }
}
