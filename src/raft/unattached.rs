use super::core::Core;
use super::{Effect, Timer};
use crate::types::Instant;

/// Knows its epoch and no leader of it: a replica that has just started, that voted, or that resigned.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Unattached {
    until: Instant,
    /// The place of whom to ask next for the leader among those who may know.
    ask_next: usize,
}

impl Unattached {
    pub(super) fn new(core: &mut Core, now: Instant) -> Unattached {
        let mut unattached = Unattached { until: now, ask_next: 0 };
        unattached.wait(core, now);
        unattached
    }

    /// It does not campaign yet: begins to wait anew.
    pub(super) fn wait(&mut self, core: &mut Core, now: Instant) {
        self.until = if core.is_eligible() {
            let election = core.timing.election;
            let at_least = if core.leaves_campaigns(now) { election * 2 } else { election };
            core.jitter.within(now.after(at_least), election)
        } else {
            now.after(core.timing.discover)
        };
    }

    /// Whoever asks for votes lacks what this replica holds.
    pub(super) fn hurry(&mut self, core: &mut Core, now: Instant) {
        if core.is_eligible() && !core.leaves_campaigns(now) {
            self.until = self.until.min(now.max(core.upholds_until));
        }
    }

    pub(super) fn wait_until(&mut self, until: Instant) {
        self.until = until;
    }

    pub(super) fn wait_no_longer_than(&mut self, until: Instant) {
        self.until = self.until.min(until);
    }

    pub(super) fn deadline(&self, core: &Core) -> (Instant, Timer) {
        (self.until, if core.is_eligible() { Timer::Election } else { Timer::Discover })
    }

    /// Asks the next node that may know who leads: whoever is asked with a fetch answers with the leader, or is it.
    pub(super) fn discover(&mut self, core: &mut Core, now: Instant, effects: &mut Vec<Effect>) {
        let nodes = core.may_know_leader();
        if let Some(&from) = nodes.get(self.ask_next % nodes.len().max(1)) {
            effects.push(Effect::Fetch { from });
            self.ask_next = (self.ask_next + 1) % nodes.len();
        }
        self.wait(core, now);
    }
}
