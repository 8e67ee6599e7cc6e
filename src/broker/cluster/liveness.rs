use std::collections::BTreeMap;
use std::time::Duration;

use crate::types::{Instant, LeaderEpoch, NodeId};

/// Whom the active controller has heard, and when. It begins anew with each epoch in which this node is the controller: nobody
/// is silent then, but whoever this node has not heard for long anyhow has not much time left. (Else controllers that follow each other
/// quickly would never come to find a broker silent.)
#[derive(Debug, Default)]
pub(in crate::broker) struct Liveness {
    epoch: Option<LeaderEpoch>,
    heard: BTreeMap<NodeId, Instant>,
}

impl Liveness {
    fn enter(&mut self, epoch: LeaderEpoch) {
        if self.epoch != Some(epoch) {
            *self = Liveness { epoch: Some(epoch), heard: BTreeMap::new() };
        }
    }

    /// A broker said that it lives.
    pub(in crate::broker) fn heard(&mut self, epoch: LeaderEpoch, node: NodeId, now: Instant) {
        self.enter(epoch);
        self.heard.insert(node, now);
    }

    /// Whether a broker has been heard within this time. One that was not heard yet in this epoch counts from the first question on, or,
    /// if this node does not hear its node, from when it ceased to; a quarter of the time is left to it at least.
    pub(in crate::broker) fn lives(
        &mut self,
        epoch: LeaderEpoch,
        (node, silent_since): (NodeId, Option<Instant>),
        now: Instant,
        patience: Duration,
    ) -> bool {
        self.enter(epoch);
        let spent = silent_since.map_or(Duration::ZERO, |since| now.since(since)).min(patience * 3 / 4);
        let first = Instant(now.0.saturating_sub(u64::try_from(spent.as_nanos()).unwrap_or(u64::MAX)));
        let heard = *self.heard.entry(node).or_insert(first);
        heard.after(patience) > now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_counts_from_the_epochs_beginning() {
        const SESSION: Duration = Duration::from_millis(100);
        let at = |ms: u64| Instant(ms * 1_000_000);
        let (first, second) = (LeaderEpoch(1), LeaderEpoch(2));
        let mut liveness = Liveness::default();
        let one = (NodeId(1), None);
        assert!(liveness.lives(first, one, at(0), SESSION), "not heard yet");
        assert!(liveness.lives(first, one, at(99), SESSION));
        assert!(!liveness.lives(first, one, at(100), SESSION));
        liveness.heard(first, NodeId(1), at(150));
        assert!(liveness.lives(first, one, at(249), SESSION));
        assert!(liveness.lives(second, one, at(500), SESSION), "another controller has to listen first");
        assert!(!liveness.lives(second, one, at(600), SESSION));
    }

    #[test]
    fn who_was_silent_before_has_a_quarter_of_the_time_left() {
        const SESSION: Duration = Duration::from_millis(100);
        let at = |ms: u64| Instant(ms * 1_000_000);
        let since = |node, ms| (NodeId(node), Some(at(ms)));
        let mut liveness = Liveness::default();
        let epoch = LeaderEpoch(3);
        let is_silent_at = |liveness: &mut Liveness, who, ms| !liveness.lives(epoch, who, at(ms), SESSION);
        for who in [since(1, 300), since(2, 940), since(3, 1_000), since(4, 1_200)] {
            assert!(!is_silent_at(&mut liveness, who, 1_000), "whoever has just begun has to listen first");
        }
        let when = [1, 2, 3, 4].map(|node| {
            (1_000..2_000).find(|&ms| is_silent_at(&mut liveness, since(node, 0), ms)).expect("at last")
        });
        assert_eq!(when, [1_025, 1_040, 1_100, 1_100]);
        liveness.heard(epoch, NodeId(1), at(1_500));
        assert!(!is_silent_at(&mut liveness, since(1, 300), 1_599), "what it says itself counts");
    }
}
