use std::collections::BTreeMap;

use super::partition::Place;
use super::request::{AppendError, AppendOutcome, OnAppended};
use crate::types::Instant;

/// The append requests of a shard that are not done: each is answered once, when its last outcome is there or
/// its time is up, whichever comes first.
#[derive(Default)]
pub(super) struct Appends {
    pending: BTreeMap<u64, Pending>,
    next: u64,
    /// No deadline of a request lies before it. It may lie before all of them: it is raised only when it comes,
    /// so that a request that is answered in time costs no timer.
    earliest: Option<Instant>,
}

struct Pending {
    outcomes: Vec<Option<AppendOutcome>>,
    missing: usize,
    deadline: Option<Instant>,
    /// `None` once the time was up: outcomes that come later are nobody's.
    done: Option<OnAppended>,
}

impl Appends {
    /// A new request with `slots` outcomes to come.
    pub(super) fn begin(&mut self, slots: usize, deadline: Option<Instant>, done: OnAppended) -> u64 {
        let request = self.next;
        self.next += 1;
        self.mind(deadline);
        let pending = Pending { outcomes: vec![None; slots], missing: slots, deadline, done: Some(done) };
        self.pending.insert(request, pending);
        request
    }

    pub(super) fn answer(&mut self, place: Place, outcome: AppendOutcome) {
        let pending = self.pending.get_mut(&place.request).expect("a request stays until its last answer");
        let slot = &mut pending.outcomes[place.slot];
        assert!(slot.is_none(), "an append is answered once");
        *slot = Some(outcome);
        pending.missing -= 1;
        if pending.missing == 0 {
            let pending = self.pending.remove(&place.request).expect("it was just there");
            if let Some(done) = pending.done {
                done(pending.outcomes.into_iter().map(|one| one.expect("none is missing")).collect());
            }
        }
    }

    /// Makes [`Appends::earliest`] no later than a deadline.
    pub(super) fn mind(&mut self, deadline: Option<Instant>) {
        self.earliest = match (self.earliest, deadline) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
    }

    /// When to call [`Appends::expire`].
    pub(super) fn earliest(&self) -> Option<Instant> {
        self.earliest
    }

    /// Answers the requests whose time is up with `late`: what of them is not done may be done all the same, later.
    pub(super) fn expire(&mut self, now: Instant, late: &AppendError) {
        self.earliest = None;
        let mut earliest = None;
        for pending in self.pending.values_mut().filter(|pending| pending.done.is_some()) {
            match pending.deadline {
                Some(deadline) if deadline <= now => {
                    let outcomes = pending.outcomes.iter().cloned();
                    let outcomes = outcomes.map(|one| one.unwrap_or_else(|| Err(late.clone()))).collect();
                    if let Some(done) = pending.done.take() {
                        done(outcomes);
                    }
                }
                Some(deadline) => {
                    earliest = Some(earliest.map_or(deadline, |one: Instant| one.min(deadline)));
                }
                None => {}
            }
        }
        self.earliest = earliest;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use super::*;
    use crate::partition::Appended;
    use crate::types::{Offset, Timestamp};

    type Seen = Arc<Mutex<Vec<Vec<AppendOutcome>>>>;

    fn done(seen: &Seen) -> OnAppended {
        let seen = Arc::clone(seen);
        Box::new(move |outcomes| seen.lock().expect("no panic").push(outcomes))
    }

    fn appended(offset: i64) -> AppendOutcome {
        Ok(Appended {
            base_offset: Offset(offset),
            log_append_time: Timestamp::NONE,
            log_start: Offset::ZERO,
        })
    }

    #[test]
    fn a_request_is_answered_once_with_what_was_done_in_time() {
        let (mut appends, seen) = (Appends::default(), Seen::default());
        let start = Instant::default();
        let at = |ms: u64| start.after(Duration::from_millis(ms));
        let first = appends.begin(2, Some(at(10)), done(&seen));
        let second = appends.begin(1, Some(at(30)), done(&seen));
        let third = appends.begin(1, None, done(&seen));
        assert_eq!(appends.earliest(), Some(at(10)));
        appends.answer(Place { request: first, slot: 1 }, appended(7));
        appends.expire(at(10), &AppendError::TimedOut);
        assert_eq!(*seen.lock().expect("no panic"), [vec![Err(AppendError::TimedOut), appended(7)]]);
        assert_eq!(appends.earliest(), Some(at(30)));
        // What becomes durable later is told to nobody.
        appends.answer(Place { request: first, slot: 0 }, appended(3));
        appends.answer(Place { request: second, slot: 0 }, appended(4));
        appends.expire(at(1_000_000), &AppendError::TimedOut);
        appends.answer(Place { request: third, slot: 0 }, appended(5));
        assert_eq!(seen.lock().expect("no panic")[1..], [vec![appended(4)], vec![appended(5)]]);
        assert_eq!((appends.earliest(), appends.pending.len()), (None, 0));
    }
}
