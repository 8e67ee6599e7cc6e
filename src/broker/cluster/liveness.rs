use std::collections::BTreeMap;
use std::time::Duration;

use crate::types::{Instant, LeaderEpoch, NodeId};

/// Whom the active controller has heard, and when. It begins anew with each epoch in which this node is the controller: nobody
/// is silent then.
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

    /// Whether a broker has been heard within this time; one that was not heard yet counts from the first question on.
    pub(in crate::broker) fn lives(
        &mut self,
        epoch: LeaderEpoch,
        node: NodeId,
        now: Instant,
        patience: Duration,
    ) -> bool {
        self.enter(epoch);
        let heard = *self.heard.entry(node).or_insert(now);
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
        assert!(liveness.lives(first, NodeId(1), at(0), SESSION), "not heard yet");
        assert!(liveness.lives(first, NodeId(1), at(99), SESSION));
        assert!(!liveness.lives(first, NodeId(1), at(100), SESSION));
        liveness.heard(first, NodeId(1), at(150));
        assert!(liveness.lives(first, NodeId(1), at(249), SESSION));
        assert!(
            liveness.lives(second, NodeId(1), at(500), SESSION),
            "another controller has to listen first"
        );
        assert!(!liveness.lives(second, NodeId(1), at(600), SESSION));
    }
}
