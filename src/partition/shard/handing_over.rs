//! Others are to lead what a shard leads.
use std::collections::BTreeMap;
use std::time::Duration;

use super::super::HandOverTerms;
use super::super::partition::{Awaited, Successor};
use super::Shard;
use crate::probe::{Mutant, mutant};
use crate::raft::Event;
use crate::types::{Instant, LeaderEpoch, NodeId, Offset, PartitionId};

/// How long those that are behind may take to what was committed when that was found.
const CATCH_UP: Duration = Duration::from_secs(1);
/// After so long nobody has looked: it counts for nothing.
const FORGOTTEN: Duration = Duration::from_secs(3);

/// What those are to hold that are to take over partitions, and were behind.
#[derive(Default)]
pub(super) struct Behind(BTreeMap<PartitionId, Mark>);

#[derive(Clone, Copy)]
struct Mark {
    since: Instant,
    epoch: LeaderEpoch,
    committed: Offset,
}

impl Behind {
    fn awaited(&self, id: PartitionId, epoch: LeaderEpoch, now: Instant) -> Option<Awaited> {
        let mark = self.0.get(&id).filter(|mark| mark.epoch == epoch && now.since(mark.since) < FORGOTTEN)?;
        Some(Awaited { committed: mark.committed, in_vain: now.since(mark.since) >= CATCH_UP })
    }

    /// They are behind, with this committed. Those who come to what is awaited already are let.
    fn note(&mut self, id: PartitionId, epoch: LeaderEpoch, committed: Offset, now: Instant) {
        let goes_on = self.awaited(id, epoch, now).is_some_and(|awaited| !awaited.in_vain);
        if !goes_on {
            self.0.insert(id, Mark { since: now, epoch, committed });
        }
    }
}

impl Shard {
    /// Lets others lead what is led here, where another voter follows that has caught up; counts what is led still where another voter
    /// follows, or led from where nobody here knows yet.
    pub(super) fn hand_over(&mut self, terms: &HandOverTerms) -> usize {
        let now = self.io.clock.now();
        // Who follows is to be known, too: some wait to be told.
        let waiting = self.partitions.values().filter(|one| one.has_parked() && !one.leads()).count();
        let (mut ready, mut count): (Vec<(PartitionId, NodeId)>, usize) = (Vec::new(), waiting);
        for (&id, one) in self.partitions.iter().filter(|(_, one)| one.leads()) {
            match one.successor(terms, self.behind.awaited(id, one.epoch(), now)) {
                Successor::Nobody => continue,
                Successor::Behind { epoch, committed } => self.behind.note(id, epoch, committed, now),
                Successor::Ready(to) => ready.push((id, to)),
            }
            count += 1;
        }
        self.behind.0.retain(|_, mark| now.since(mark.since) < FORGOTTEN);
        for (id, to) in ready.into_iter().take(terms.at_once_max) {
            self.behind.0.remove(&id);
            if self.partitions.get(&id).is_some_and(|partition| partition.standing().is_ok()) {
                self.step(id, Event::TransferLeadership { to: Some(to) });
            }
        }
        count
    }

    /// Leads no longer what others could lead: nobody will tell this node when they do. Gives how many partitions that were.
    pub(super) fn resign(&mut self) -> usize {
        if mutant(Mutant::ClusterStopsUnresigned) {
            return 0;
        }
        let led = self.partitions.iter().filter(|(_, one)| one.leads() && !one.is_alone());
        let led: Vec<PartitionId> = led.map(|(&id, _)| id).collect();
        for &id in &led {
            self.step(id, Event::Resign);
        }
        led.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{PartitionIndex, TopicId};

    #[test]
    fn who_is_behind_has_a_moment_and_then_another_one() {
        let id = PartitionId { topic: TopicId([1; 16]), index: PartitionIndex(0) };
        let (epoch, began) = (LeaderEpoch(3), Instant(5));
        let at = |ms: u64| began.after(Duration::from_millis(ms));
        let awaited = |committed, in_vain| Some(Awaited { committed: Offset(committed), in_vain });
        let mut behind = Behind::default();
        assert_eq!(behind.awaited(id, epoch, at(0)), None);
        behind.note(id, epoch, Offset(70), at(0));
        assert_eq!(behind.awaited(id, epoch, at(100)), awaited(70, false));
        behind.note(id, epoch, Offset(90), at(900));
        assert_eq!(behind.awaited(id, epoch, at(999)), awaited(70, false), "it is on its way to that");
        assert_eq!(behind.awaited(id, LeaderEpoch(4), at(999)), None, "another epoch has another log");
        assert_eq!(behind.awaited(id, epoch, at(1_000)), awaited(70, true));
        behind.note(id, epoch, Offset(95), at(1_100));
        assert_eq!(behind.awaited(id, epoch, at(1_200)), awaited(95, false));
        assert_eq!(behind.awaited(id, epoch, at(4_100)), None, "nobody has looked for long");
    }
}
