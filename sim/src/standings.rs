//! How each replica stood over time: its role, its epoch, the end of its log, its high watermark. For people who look at a
//! failure: kept only where the whole trace is, and no part of its hash.
//!
//! A change of the role or the epoch is kept at once. The ends of a log move with each record: they are kept when
//! [`ENDS_EVERY`] has passed since what was kept before, and where they came to rest.
use std::collections::BTreeMap;
use std::time::Duration;

use ordain::probe::ReplicaStep;

use crate::time::SimTime;

/// How often the ends of a replica's log are kept while they move.
pub const ENDS_EVERY: Duration = Duration::from_millis(100);

/// One replica's standings, in order of their times.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReplicaLife {
    /// The machine's name.
    pub node: String,
    /// The topic's name and the partition's index, as far as the name is known.
    pub partition: String,
    pub standings: Vec<Standing>,
}

/// How a replica stood from some time on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Standing {
    pub time: SimTime,
    /// As the replica calls it, or [`GONE`].
    pub role: &'static str,
    pub epoch: i32,
    pub log_end: i64,
    pub high_watermark: i64,
}

/// The role of a replica that its node holds no longer.
pub const GONE: &str = "gone";

/// A topic's id.
type Topic = [u8; 16];

/// What is kept so far.
#[derive(Default)]
pub(crate) struct Standings {
    replicas: BTreeMap<(Topic, i32, String), Replica>,
    names: BTreeMap<Topic, String>,
}

#[derive(Default)]
struct Replica {
    kept: Vec<Standing>,
    /// What has not been kept yet.
    newest: Option<Standing>,
    /// When it made its last step.
    stepped: SimTime,
}

impl Standings {
    /// The replica on that machine has made a step.
    pub(crate) fn step(&mut self, now: SimTime, node: &str, step: &ReplicaStep) {
        let ((topic, index), (_, log_end), (_, high_watermark)) =
            (step.partition, step.log_end, step.committed);
        let replica = self.replicas.entry((topic, index, node.to_owned())).or_default();
        let standing = Standing { time: now, role: step.role, epoch: step.epoch, log_end, high_watermark };
        replica.stepped = now;
        replica.take(standing);
    }

    /// The topic has that name.
    pub(crate) fn name(&mut self, topic: Topic, name: &str) {
        self.names.entry(topic).or_insert_with(|| name.to_owned());
    }

    /// A machine that was asked at `asked` holds these replicas, and no others.
    pub(crate) fn holds(
        &mut self,
        (asked, now): (SimTime, SimTime),
        node: &str,
        held: impl Fn(Topic, i32) -> bool,
    ) {
        for ((topic, index, machine), replica) in &mut self.replicas {
            // One that has stepped since may have come since.
            if machine == node && !held(*topic, *index) && replica.stepped < asked {
                let last = replica.newest.or(replica.kept.last().copied());
                if let Some(last) = last.filter(|last| last.role != GONE) {
                    replica.take(Standing { time: now, role: GONE, ..last });
                }
            }
        }
    }

    /// All of it.
    pub(crate) fn lives(&self) -> Vec<ReplicaLife> {
        let life = |((topic, index, node), replica): (&(Topic, i32, String), &Replica)| {
            let name = self.names.get(topic).cloned().unwrap_or_else(|| without_name(*topic));
            let standings = replica.kept.iter().copied().chain(replica.newest).collect();
            ReplicaLife { node: node.clone(), partition: format!("{name}-{index}"), standings }
        };
        self.replicas.iter().map(life).collect()
    }
}

impl Replica {
    fn take(&mut self, standing: Standing) {
        let before = self.newest.or(self.kept.last().copied());
        let is_same = |before: Standing| Standing { time: standing.time, ..before } == standing;
        let turns = before.is_none_or(|one| (one.role, one.epoch) != (standing.role, standing.epoch));
        if turns {
            // Where it stood when it turned.
            self.kept.extend(self.newest.take());
            self.kept.push(standing);
            return;
        }
        let is_due = self.kept.last().is_none_or(|kept| standing.time.since(kept.time) >= ENDS_EVERY);
        let moved = !before.is_some_and(is_same);
        if moved && is_due {
            // What is older than what is kept now tells nothing more, unless it stood so for long.
            let rested = self.newest.take();
            self.kept.extend(rested.filter(|one| standing.time.since(one.time) >= ENDS_EVERY));
            self.kept.push(standing);
        } else if moved {
            self.newest = Some(standing);
        }
    }
}

/// What a topic is called whose name nobody has told.
fn without_name(topic: Topic) -> String {
    topic.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(role: &'static str, epoch: i32, log_end: i64) -> ReplicaStep {
        ReplicaStep {
            partition: ([5; 16], 2),
            node: 1,
            directory: [0; 16],
            epoch,
            role,
            leads: role == "leader",
            log_start: 0,
            log_end: (epoch, log_end),
            durable: (epoch, log_end),
            committed: (epoch, log_end - 1),
            epochs: Vec::new(),
            voters: Vec::new(),
            votes: Vec::new(),
            damaged: false,
        }
    }

    fn at(ms: u64) -> SimTime {
        SimTime(ms * 1_000_000)
    }

    fn kept(standings: &Standings) -> Vec<(u64, &'static str, i32, i64)> {
        let lives = standings.lives();
        assert_eq!(lives.len(), 1);
        let told = |one: &Standing| (one.time.0 / 1_000_000, one.role, one.epoch, one.log_end);
        lives[0].standings.iter().map(told).collect()
    }

    #[test]
    fn turns_are_kept_at_once_and_ends_now_and_then() {
        let mut standings = Standings::default();
        for (ms, role, epoch, end) in [
            (0, "follower", 1, 10),
            (30, "follower", 1, 11),
            (40, "candidate", 2, 11),
            (41, "leader", 2, 12),
            (50, "leader", 2, 13),
            (60, "leader", 2, 14),
            (141, "leader", 2, 15),
            (150, "leader", 2, 16),
            (400, "leader", 2, 16),
            (700, "leader", 2, 17),
            (710, "leader", 2, 18),
        ] {
            standings.step(at(ms), "n1", &step(role, epoch, end));
        }
        let expected = [
            (0, "follower", 1, 10),
            (30, "follower", 1, 11),
            (40, "candidate", 2, 11),
            (41, "leader", 2, 12),
            (141, "leader", 2, 15),
            (150, "leader", 2, 16),
            (700, "leader", 2, 17),
            (710, "leader", 2, 18),
        ];
        assert_eq!(kept(&standings), expected);
    }

    #[test]
    fn partitions_have_their_topics_names_and_replicas_that_are_gone_are_told() {
        let mut standings = Standings::default();
        standings.step(at(5), "n1", &step("follower", 1, 10));
        assert_eq!(standings.lives()[0].partition, format!("{}-2", "05".repeat(16)));
        standings.name([5; 16], "events");
        assert_eq!(
            (standings.lives()[0].node.as_str(), standings.lives()[0].partition.as_str()),
            ("n1", "events-2")
        );
        standings.holds((at(5), at(6)), "n1", |_, _| false);
        standings.holds((at(7), at(8)), "n2", |_, _| false);
        standings.holds((at(7), at(8)), "n1", |_, index| index == 2);
        assert_eq!(
            kept(&standings),
            [(5, "follower", 1, 10)],
            "it may have come since, is elsewhere, is there"
        );
        standings.holds((at(9), at(10)), "n1", |_, _| false);
        standings.holds((at(11), at(12)), "n1", |_, _| false);
        assert_eq!(kept(&standings), [(5, "follower", 1, 10), (10, GONE, 1, 10)]);
        standings.step(at(20), "n1", &step("follower", 1, 0));
        assert_eq!(kept(&standings).last(), Some(&(20, "follower", 1, 0)));
    }
}
