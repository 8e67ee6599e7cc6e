use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Whose turn it is, of those that any can be asked: one is asked while its answers are of use, then the next.
pub(super) struct Turn {
    place: AtomicUsize,
    /// Whether anybody was asked since it passed on.
    asked: AtomicBool,
}

impl Turn {
    pub(super) fn beginning_with(place: usize) -> Turn {
        Turn { place: AtomicUsize::new(place), asked: AtomicBool::new(false) }
    }

    /// Who of so many is asked; 0 if there are none.
    pub(super) fn of(&self, count: usize) -> usize {
        self.place.load(Ordering::Relaxed).checked_rem(count).unwrap_or(0)
    }

    /// Whoever has the turn was asked.
    pub(super) fn asked(&self) {
        self.asked.store(true, Ordering::Relaxed);
    }

    /// The one after the one that was asked is next. What one said may be found to be of no use in several ways, and of each of many
    /// partitions: were each counted, some would never be asked.
    pub(super) fn pass(&self) {
        if self.asked.swap(false, Ordering::Relaxed) {
            self.place.fetch_add(1, Ordering::Relaxed);
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
            turn.asked();
            let who = turn.of(3);
            (0..complaints).for_each(|_| turn.pass());
            who
        });
        assert_eq!(asked, [1, 2, 0, 1, 2, 0], "each in turn");
        turn.asked();
        turn.asked();
        assert_eq!(turn.of(3), 1, "the same one while nobody complains");
        assert_eq!(turn.of(0), 0);
    }
}
