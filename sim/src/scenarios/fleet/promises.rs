//! What the replicas of a partition promise, and have to keep when their nodes start again: for whom they vote, and what they hold durably.
//! Raft's properties follow from both (docs/replication.md, Why it is safe). A promise that is broken shows there only if others fail at the
//! right moment; here it shows by itself.
//!
//! Owns what was said, by replica; which replicas are held to it, and that somebody has made what was seen void, the watch knows (`raft`).
use std::collections::BTreeMap;

use ordain::probe::{LogPosition, ReplicaKey, ReplicaStep};

use super::raft::{Run, contains};
use crate::scenarios::Violation;

/// What may become of what is durable on a node's disk.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Disk {
    /// It stays, or all of it is lost, with the directory's id.
    Whole,
    /// Parts of it may be destroyed.
    Weak,
}

/// What the replicas of a partition have promised.
#[derive(Default)]
pub(super) struct Promises {
    /// The candidate's node for which a replica has said that it votes in an epoch.
    votes: BTreeMap<(ReplicaKey, i32), i32>,
    logs: BTreeMap<ReplicaKey, Log>,
    /// The latest epoch that somebody was seen to lead, and the voters by the log of that leader.
    led: (i32, Vec<ReplicaKey>),
}

/// A replica's log, as far as it is a promise.
#[derive(Clone, Copy)]
struct Log {
    /// The run that was seen last, and where the log ended then.
    run: Run,
    end: LogPosition,
    /// The greatest end that was cut off in that run.
    cut: LogPosition,
    /// Up to here the next run has to find it.
    durable: LogPosition,
}

/// Where an empty log ends.
const NOTHING: LogPosition = (-1, 0);

impl Promises {
    /// Looks at a step of a replica; it is held to what it promises if it is known what its disk is like.
    ///
    /// # Errors
    /// What it has not kept.
    pub(super) fn look(&mut self, run: Run, disk: Option<Disk>, step: &ReplicaStep) -> Result<(), Violation> {
        if step.leads && step.epoch >= self.led.0 {
            self.led.0 = step.epoch;
            self.led.1.clone_from(&step.voters);
        }
        let Some(disk) = disk else { return Ok(()) };
        let place = |text: String| format!("node {} of partition {}: {text}", step.node, step.partition.1);
        self.votes_once(step).map_err(|text| Violation::new("raft-voted-twice", place(text)))?;
        let found = match disk {
            Disk::Whole => self.finds_what_was_durable(run, step),
            Disk::Weak => Ok(()),
        };
        found.map_err(|text| Violation::new("raft-durable-lost", place(text)))
    }

    /// In an epoch a replica votes for one candidate, however often it starts again.
    ///
    /// Why one that is right never fails, on whatever disk: it tells a vote once that is durable, and a start that finds anything of the log
    /// destroyed, the vote included, draws another directory, as does a log that is made anew on a node whose replica was let go. Where a
    /// disk is put back, the node is held to nothing any more. Two candidates on one node, one after the other with another directory, count
    /// as the same here.
    fn votes_once(&mut self, step: &ReplicaStep) -> Result<(), String> {
        for &(epoch, candidate) in &step.votes {
            let told = *self.votes.entry(((step.node, step.directory), epoch)).or_insert(candidate);
            if told != candidate {
                return Err(format!("in epoch {epoch} it votes for node {candidate}, after node {told}"));
            }
        }
        Ok(())
    }

    /// The first step of a run has all that the run before it held durably: no step that comes before it, or is it, cuts a log.
    ///
    /// Why one that is right never fails, on a disk that keeps what is durable:
    /// - The journal loses a suffix of its entries, and in each state from when a position is durable on the log has it, until it is cut;
    ///   what is cut is promised no more at once, though the cut may be lost.
    /// - What is cut, and comes again, may be called durable too early (docs/replication.md, *A completion may come late*): of what reaches no
    ///   further than anything that was cut in its run, nothing is promised that was not before. What reaches further was not in what was cut.
    /// - What lies before the log's start was deleted, and counts as had; a log that is reset promises nothing until that is durable.
    /// - A log that is damaged promises nothing, and is held to nothing; a disk that is lost has another directory when it comes back.
    /// - A replica that is let go is no voter any more by then, by the log of whoever led last. Its log is removed, and may be made anew under the
    ///   old directory for a moment, by a node that starts with an older image. So are observers held to nothing; nobody counts on them.
    fn finds_what_was_durable(&mut self, run: Run, step: &ReplicaStep) -> Result<(), String> {
        let whose = (step.node, step.directory);
        let before = self.logs.get(&whose).copied();
        let log = match before {
            Some(log) if log.run == run => log.after(step),
            Some(Log { durable, .. })
                if !step.damaged && self.led.1.contains(&whose) && !has(step, durable) =>
            {
                let (start, end, epochs) = (step.log_start, step.log_end, &step.epochs);
                return Err(format!(
                    "before it started again it held its log durably up to {durable:?}; it begins at {start} and ends at {end:?} now, with the epochs {epochs:?}"
                ));
            }
            Some(_) | None => Log { run, end: step.log_end, cut: NOTHING, durable: durable_of(step) },
        };
        self.logs.insert(whose, log);
        Ok(())
    }
}

impl Log {
    /// What it is after another step of the same run.
    fn after(self, step: &ReplicaStep) -> Log {
        let cut = if has(step, self.end) { self.cut } else { self.cut.max(self.end) };
        let said = durable_of(step);
        let durable = if said > cut { said } else { said.min(self.durable) };
        Log { end: step.log_end, cut, durable, ..self }
    }
}

fn durable_of(step: &ReplicaStep) -> LogPosition {
    if step.damaged { NOTHING } else { step.durable }
}

/// Whether a log begins with what ends there.
fn has(step: &ReplicaStep, position: LogPosition) -> bool {
    contains(&step.epochs, (step.log_start, step.log_end.1), position)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOSE: ReplicaKey = (2, [0; 16]);

    /// A step of a follower whose whole log is durable.
    fn step(log_end: LogPosition, epochs: &[(i32, i64)]) -> ReplicaStep {
        ReplicaStep {
            partition: ([5; 16], 0),
            node: WHOSE.0,
            directory: WHOSE.1,
            epoch: log_end.0,
            role: "follower",
            leads: false,
            log_start: 0,
            log_end,
            durable: log_end,
            committed: NOTHING,
            epochs: epochs.to_vec(),
            voters: Vec::new(),
            votes: Vec::new(),
            damaged: false,
        }
    }

    /// What is found in these steps, each with its run, of a partition whose leader counts on the replica.
    fn found(disk: Option<Disk>, steps: &[(u64, ReplicaStep)]) -> Option<&'static str> {
        let mut promises = Promises { led: (1, vec![WHOSE]), ..Promises::default() };
        let mut look = |run: u64, step: &ReplicaStep| promises.look(Run(run), disk, step);
        steps.iter().find_map(|(run, step)| look(*run, step).err().map(|wrong| wrong.checker))
    }

    #[test]
    fn an_epoch_has_one_vote_of_a_replica() {
        let votes = |votes: &[(i32, i32)]| ReplicaStep { votes: votes.to_vec(), ..step((1, 4), &[(1, 0)]) };
        let of = |disk, steps: &[ReplicaStep]| {
            let steps: Vec<(u64, ReplicaStep)> = (1..).zip(steps.iter().cloned()).collect();
            found(disk, &steps)
        };
        for disk in [Disk::Whole, Disk::Weak].map(Some) {
            assert_eq!(of(disk, &[votes(&[(5, 1)]), votes(&[(5, 1)]), votes(&[(6, 3)])]), None);
            assert_eq!(of(disk, &[votes(&[(5, 1)]), votes(&[(5, 3)])]), Some("raft-voted-twice"));
            assert_eq!(of(disk, &[votes(&[(5, 1), (5, 2)])]), Some("raft-voted-twice"), "in one step");
            let another = ReplicaStep { directory: [7; 16], ..votes(&[(5, 3)]) };
            assert_eq!(of(disk, &[votes(&[(5, 1)]), another]), None, "another replica");
        }
        assert_eq!(of(None, &[votes(&[(5, 1)]), votes(&[(5, 3)])]), None, "its disk was put back");
    }

    #[test]
    fn what_was_durable_is_there_after_a_start() {
        let (whole, held) = (Some(Disk::Whole), step((1, 6), &[(1, 0)]));
        let then = |next: ReplicaStep| found(whole, &[(1, held.clone()), (2, next)]);
        assert_eq!(then(held.clone()), None);
        assert_eq!(then(step((2, 6), &[(1, 0), (2, 6)])), None);
        let less = step((1, 5), &[(1, 0)]);
        let another_log = step((2, 8), &[(1, 0), (2, 5)]);
        assert_eq!(then(less.clone()), Some("raft-durable-lost"));
        assert_eq!(then(another_log), Some("raft-durable-lost"));
        assert_eq!(then(step(NOTHING, &[])), Some("raft-durable-lost"));
        let of_weak = [(1, held.clone()), (2, less.clone())];
        assert_eq!(found(Some(Disk::Weak), &of_weak), None);
        assert_eq!(found(whole, &[(1, held.clone()), (1, less.clone())]), None, "it is cut");
        assert_eq!(then(ReplicaStep { damaged: true, ..less.clone() }), None);
        assert_eq!(then(ReplicaStep { directory: [7; 16], ..less.clone() }), None, "another replica");
        assert_eq!(then(ReplicaStep { log_start: 6, ..step((3, 8), &[(3, 6)]) }), None, "it was deleted");
        let said_less = ReplicaStep { durable: (1, 5), ..held.clone() };
        assert_eq!(found(whole, &[(1, said_less), (2, less.clone())]), None, "the rest was no promise");
        let damaged = ReplicaStep { damaged: true, ..held.clone() };
        assert_eq!(found(whole, &[(1, damaged), (2, less.clone())]), None, "what is left of it");
        // The first step of a run may look as the last one before it did: a cut comes later then.
        let runs = [(1, held.clone()), (2, held.clone()), (2, less.clone()), (3, less)];
        assert_eq!(found(whole, &runs), None);
    }

    #[test]
    fn who_votes_no_more_by_the_last_leaders_log_is_held_to_nothing() {
        let (mut promises, whole) = (Promises::default(), Some(Disk::Whole));
        let leads = |epoch: i32, voters: &[ReplicaKey]| ReplicaStep {
            node: 1,
            epoch,
            leads: true,
            voters: voters.to_vec(),
            ..step((1, 6), &[(1, 0)])
        };
        let mut look = |run: u64, one: ReplicaStep| promises.look(Run(run), whole, &one).is_ok();
        assert!(look(1, leads(1, &[WHOSE])));
        assert!(look(1, step((1, 6), &[(1, 0)])));
        assert!(look(1, leads(2, &[])));
        assert!(look(1, leads(1, &[WHOSE])), "it does not know yet that another one leads");
        assert!(look(2, step(NOTHING, &[])), "it was let go");
        assert!(look(2, step((1, 6), &[(1, 0)])));
        assert!(look(2, leads(3, &[WHOSE])));
        assert!(!look(3, step(NOTHING, &[])));
    }

    #[test]
    fn what_is_cut_and_comes_again_is_no_promise_until_more_follows_it() {
        let (of_one, of_two) = (step((1, 6), &[(1, 0)]), step((2, 6), &[(1, 0), (2, 6)]));
        let cut = step((1, 3), &[(1, 0)]);
        let again = ReplicaStep { durable: (1, 3), ..of_one.clone() };
        let late = of_one.clone();
        let before = [(1, of_one), (1, cut.clone()), (1, again), (1, late)];
        let then = |next: ReplicaStep| {
            let mut steps = before.to_vec();
            steps.push((2, next));
            found(Some(Disk::Whole), &steps)
        };
        assert_eq!(then(cut.clone()), None, "what it said first was cut");
        assert_eq!(then(step((1, 2), &[(1, 0)])), Some("raft-durable-lost"), "that was not cut");
        let mut further = before.to_vec();
        further.extend([(1, of_two), (2, cut)]);
        assert_eq!(found(Some(Disk::Whole), &further), Some("raft-durable-lost"));
    }
}
