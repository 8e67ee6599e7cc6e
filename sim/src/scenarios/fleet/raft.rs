//! Raft's five properties (Ongaro and Ousterhout, *In Search of an Understandable Consensus Algorithm*, figure 3), after each step
//! of each replica of a run. What is looked at are epochs and offsets, of whole nodes; that what stands at them is the same, readers
//! and the disks at the end tell. What a replica promises, and has to keep when its node starts again, is looked at beside (`promises`).
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ordain::io::Shutdown;
use ordain::probe::{self, LogPosition, ReplicaKey, ReplicaStep};
use ordain::types::{NodeId, PartitionId};

use super::promises::{Disk, Promises};
use super::{Fleet, machine_name};
use crate::cluster::{Cluster, NodeHandle};
use crate::scenarios::Violation;
use crate::time::SimTime;
use crate::world::lock;

/// So long after its last step as a leader a node may have answered as one still.
const ANSWERS_FOR: Duration = Duration::from_secs(1);

/// Looks at all replicas of this process, and keeps the first thing that is wrong. Cheap to clone.
#[derive(Clone, Default)]
pub(in crate::scenarios) struct RaftWatch {
    shared: Arc<Mutex<Shared>>,
    /// Begun when something is wrong.
    wrong: Shutdown,
}

/// When each epoch was first seen to be led, and by whom.
type EpochsLed = BTreeMap<i32, (SimTime, i32)>;

#[derive(Default)]
struct Shared {
    partitions: BTreeMap<([u8; 16], i32), Seen>,
    /// When each replica led last; `None` while it does.
    led: BTreeMap<([u8; 16], i32), BTreeMap<i32, Option<SimTime>>>,
    /// When a step of each partition's replicas was last one of a leader, and of which.
    led_last: BTreeMap<([u8; 16], i32), (SimTime, i32)>,
    /// When each epoch of each partition was first seen to be led, and by whom.
    epochs: BTreeMap<([u8; 16], i32), EpochsLed>,
    /// The nodes whose replicas are held to what they promise, and what their disks are like.
    held_to_promises: BTreeMap<i32, Disk>,
    wrong: Option<Violation>,
}

/// Which run of a node's process has made a step. Within it a replica that begins anew is another one, by its partition's topic id or by
/// its directory id: a topic is never created again under its id, whoever gets a replica that its node once let go draws a directory
/// (`Shard::create`), and so does a start that finds damage (`Partition::new`). A log that begins anew behind its leader's start, or in the
/// place of what was damaged, is the same replica, and knows as much as before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::scenarios) struct Run(pub(in crate::scenarios) u64);

/// Shows the replicas' steps to who looks at a failure, and to nobody else.
pub(in crate::scenarios) fn only_show(cluster: &Cluster) {
    let cluster = cluster.clone();
    probe::watch_replicas(move |step| cluster.replica_stepped(&machine_name(NodeId(step.node)), &step));
}

/// What was seen of a partition so far.
#[derive(Default)]
struct Seen {
    /// Who led an epoch, and where its log ended then.
    leaders: BTreeMap<i32, (i32, LogPosition)>,
    /// Where each epoch begins: one place, in every log.
    starts: BTreeMap<i32, i64>,
    /// The longest log that is known to be committed.
    committed: Committed,
    /// Nobody has committed more than the greater of this and that log.
    most: LogPosition,
    /// Up to where each replica has ever held its log durably, as it said.
    durable: BTreeMap<ReplicaKey, LogPosition>,
    /// How each replica stood last, and in which run; so that a step that changed nothing costs little, too.
    last: BTreeMap<ReplicaKey, (Run, ReplicaStep)>,
    promises: Promises,
}

/// A committed log: where it begins and ends, and its epochs, later ones among them.
#[derive(Clone, Default)]
struct Committed {
    log_start: i64,
    end: LogPosition,
    epochs: Vec<(i32, i64)>,
}

impl Committed {
    /// Up to where a replica's log is this one, as far as epochs tell: by log matching, up to where the last epoch that both have ends in
    /// one of them. What lies before the replica's start counts as had.
    fn held_by(&self, replica: &ReplicaStep) -> i64 {
        let end_of = |epochs: &[(i32, i64)], at: usize, log_end: i64| {
            epochs.get(at + 1).map_or(log_end, |(_, start)| log_end.min(*start))
        };
        let is_committed = |(_, (epoch, _)): &(usize, &(i32, i64))| *epoch <= self.end.0;
        let mut committed = self.epochs.iter().enumerate().rev().filter(is_committed);
        let both = committed.find_map(|(here, (epoch, _))| {
            let there = replica.epochs.iter().rposition(|(other, _)| other == epoch)?;
            let ours = end_of(&self.epochs, here, self.end.1);
            Some(ours.min(end_of(&replica.epochs, there, replica.log_end.1)))
        });
        both.unwrap_or(0).max(replica.log_start.min(self.end.1))
    }
}

impl RaftWatch {
    /// Looks at the nodes of the fleet from now on; says what is wrong in the trace, at once.
    pub(in crate::scenarios) fn begin(cluster: &Cluster, fleet: &Fleet) -> RaftWatch {
        let watch = RaftWatch::default();
        let (looks, notes) = (watch.clone(), cluster.clone());
        let machines: BTreeMap<i32, NodeHandle> =
            fleet.nodes().map(|(id, node)| (id.0, node.clone())).collect();
        probe::watch_replicas(move |step| {
            let machine = &machines[&step.node];
            notes.replica_stepped(machine.name(), &step);
            looks.note_leader(notes.now(), &step);
            if let Err(wrong) = looks.look(Run(machine.run_number()), step) {
                notes.note(format_args!("WRONG: {wrong}"));
            }
        });
        watch
    }

    /// The same, that holds the replicas of the fleet's nodes to what they promise, too. Not where somebody but the fleet takes disks away and
    /// brings them back.
    pub(in crate::scenarios) fn with_promises(self, fleet: &Fleet) -> RaftWatch {
        let disk = |id: NodeId| if fleet.weak_disk(id).is_some() { Disk::Weak } else { Disk::Whole };
        lock(&self.shared).held_to_promises = fleet.nodes().map(|(id, _)| (id.0, disk(id))).collect();
        self
    }

    /// A node's disk is an older one by now, and it may have promised more than it knows: it is held to nothing from now on.
    pub(in crate::scenarios) fn is_put_back(&self, node: NodeId) {
        lock(&self.shared).held_to_promises.remove(&node.0);
    }

    fn note_leader(&self, now: SimTime, step: &ReplicaStep) {
        let mut shared = lock(&self.shared);
        if step.leads {
            shared.led_last.insert(step.partition, (now, step.node));
            shared.epochs.entry(step.partition).or_default().entry(step.epoch).or_insert((now, step.node));
        }
        let led = shared.led.entry(step.partition).or_default();
        match led.get_mut(&step.node) {
            _ if step.leads => drop(led.insert(step.node, None)),
            Some(until @ None) => *until = Some(now),
            Some(Some(_)) | None => {}
        }
    }

    /// Whether a node has led a partition at some moment since `late` before that time. One that has ended without a word counts as if it
    /// led on.
    pub(in crate::scenarios) fn has_led(
        &self,
        id: PartitionId,
        node: NodeId,
        (late, time): (Duration, SimTime),
    ) -> bool {
        let shared = lock(&self.shared);
        let led = shared.led.get(&(id.topic.0, id.index.0)).and_then(|led| led.get(&node.0));
        led.is_some_and(|until| until.is_none_or(|until| until.after(late) >= time))
    }

    /// Whether a node that has led a partition since that time, as far as it knew, did so beside another one: by now a later epoch than the
    /// one that it was in then has another leader.
    pub(in crate::scenarios) fn has_led_beside(&self, id: PartitionId, node: NodeId, since: SimTime) -> bool {
        if !self.has_led(id, node, (ANSWERS_FOR, since)) {
            return false;
        }
        let shared = lock(&self.shared);
        let Some(epochs) = shared.epochs.get(&(id.topic.0, id.index.0)) else { return false };
        let mut own = epochs.iter().filter(|(_, (_, leader))| *leader == node.0);
        // Its last one by then, or else the first one since.
        let before = own.clone().take_while(|(_, (began, _))| *began <= since).last();
        let Some((epoch, _)) = before.or_else(|| own.next()) else { return false };
        epochs.range(epoch + 1..).any(|(_, (_, leader))| *leader != node.0)
    }

    /// Who has led a partition, or begun to, after that time; the last one who did.
    pub(in crate::scenarios) fn led_after(&self, id: PartitionId, time: SimTime) -> Option<NodeId> {
        let shared = lock(&self.shared);
        let (last, node) = *shared.led_last.get(&(id.topic.0, id.index.0))?;
        (last > time).then_some(NodeId(node))
    }

    /// Looks at one step.
    ///
    /// # Errors
    /// What is wrong with it; nothing more once that was told.
    pub(in crate::scenarios) fn look(&self, run: Run, step: ReplicaStep) -> Result<(), Violation> {
        let mut shared = lock(&self.shared);
        if shared.wrong.is_some() {
            return Ok(());
        }
        let Shared { partitions, held_to_promises, .. } = &mut *shared;
        let seen = partitions.entry(step.partition).or_default();
        let promised = seen.promises.look(run, held_to_promises.get(&step.node).copied(), &step);
        let looked = seen.look(run, step).and(promised);
        if let Err(wrong) = &looked {
            shared.wrong = Some(wrong.clone());
            self.wrong.begin();
        }
        looked
    }

    /// The disk is an older one by now, and all that was seen was of another; but that on this one no more was committed.
    pub(in crate::scenarios) fn is_older(&self) {
        lock(&self.shared).partitions.values_mut().for_each(Seen::begin_anew);
    }

    /// Most of the logs of a partition are lost for good, and somebody has decided which of those that are left goes on: what was seen was
    /// of the others, too; but that no more was committed. All nodes that hold it are down.
    pub(in crate::scenarios) fn goes_on_alone(&self, id: PartitionId) {
        if let Some(seen) = lock(&self.shared).partitions.get_mut(&(id.topic.0, id.index.0)) {
            seen.begin_anew();
        }
    }

    /// What was wrong first, as soon as something is.
    pub(in crate::scenarios) async fn is_wrong(&self) -> Violation {
        self.wrong.begun().await;
        lock(&self.shared).wrong.clone().expect("it is begun by the first")
    }
}

impl Seen {
    /// What is seen from now on need not agree with what was, but that nobody knows of more that is committed.
    fn begin_anew(&mut self) {
        *self = Seen { most: self.most.max(self.committed.end), ..Seen::default() };
    }

    fn look(&mut self, run: Run, step: ReplicaStep) -> Result<(), Violation> {
        let whose = (step.node, step.directory);
        let place = |text: String| {
            let at = format!("node {} at {:?} of partition {}", step.node, step.log_end, step.partition.1);
            format!("{at}: {text}")
        };
        match self.last.get(&whose) {
            Some((_, last)) if *last == step => return Ok(()),
            Some((of, last)) if *of == run => {
                goes_on(last, &step)
                    .and_then(|()| self.keeps_what_is_committed(last, &step))
                    .map_err(|(id, text)| Violation::new(id, place(text)))?;
            }
            Some(_) | None => {}
        }
        if step.leads && step.damaged {
            let text = place(format!("it leads epoch {}, and its log is damaged", step.epoch));
            return Err(Violation::new("I14-damaged-leads", text));
        }
        if step.leads {
            self.one_leader_that_appends(&step).map_err(|(id, text)| Violation::new(id, place(text)))?;
            if !contains(&step.epochs, (step.log_start, step.log_end.1), self.committed.end) {
                let text =
                    format!("it leads epoch {} without the committed {:?}", step.epoch, self.committed.end);
                // A leader of the past need not have what came after it.
                if step.epoch >= self.committed.end.0 {
                    return Err(Violation::new("raft-leader-incomplete", place(text)));
                }
            }
        }
        // What is left of a damaged log may contradict itself: its last epoch may begin behind its end. It leads nothing, and votes on nothing.
        let told = step.epochs.iter().filter(|(_, start)| *start > step.log_start && !step.damaged);
        for &(epoch, start) in told {
            let known = *self.starts.entry(epoch).or_insert(start);
            if known != start {
                let (begins, epochs) = (step.log_start, &step.epochs);
                let text = format!(
                    "epoch {epoch} begins at {start} here, and at {known} elsewhere; this log begins at {begins}, with the epochs {epochs:?}"
                );
                return Err(Violation::new("raft-logs-do-not-match", place(text)));
            }
        }
        let durable = self.durable.entry(whose).or_insert(step.durable);
        *durable = step.durable.max(*durable);
        let most = self.most.max(self.committed.end);
        self.a_leader_commits(run, &step)
            .map_err(|text| Violation::new("raft-committed-by-nobody", place(text)))?;
        self.one_committed_log(&step).map_err(|text| Violation::new("raft-committed-twice", place(text)))?;
        if step.committed > most {
            self.a_majority_held(run, &step)
                .map_err(|text| Violation::new("raft-committed-by-few", place(text)))?;
        }
        self.last.insert(whose, (run, step));
        Ok(())
    }

    /// Of two steps of one replica, the later one has as much of what anybody knows to be committed as the earlier one had. Only the leader
    /// of its epoch has a log cut, where the two part, or begin anew at its own start. If that epoch is no earlier than the last one of what
    /// is committed, the leader has all of that (leader completeness, which is held above), so that they part behind it, be it that it would
    /// be fetched again. A leader of the past may have cut what others have committed since. One that has found damage lets go of what it
    /// held.
    fn keeps_what_is_committed(
        &self,
        last: &ReplicaStep,
        step: &ReplicaStep,
    ) -> Result<(), (&'static str, String)> {
        let end = self.committed.end;
        // And the start of the last epoch, which takes no offset.
        let held = |one: &ReplicaStep| {
            (self.committed.held_by(one), contains(&one.epochs, (one.log_start, one.log_end.1), end))
        };
        let (before, after) = (held(last), held(step));
        if last.damaged || step.epoch < end.0 || after >= before {
            return Ok(());
        }
        let (before, after) = (before.0, after.0);
        let text = format!(
            "of what is committed up to {end:?} it held all before {before}, with its log's end at {:?}, and holds all before {after} now",
            last.log_end
        );
        Err(("I19-committed-cut", text))
    }

    /// Election safety, and that a leader only appends.
    fn one_leader_that_appends(&mut self, step: &ReplicaStep) -> Result<(), (&'static str, String)> {
        let (leader, end) = self.leaders.entry(step.epoch).or_insert((step.node, step.log_end));
        if *leader != step.node {
            return Err(("two-leaders", format!("node {leader} leads epoch {}, too", step.epoch)));
        }
        if step.log_end < *end {
            return Err((
                "raft-leader-cuts",
                format!("as the leader of epoch {} it had {end:?}", step.epoch),
            ));
        }
        *end = step.log_end;
        Ok(())
    }

    /// What a replica knows to be committed, a leader has committed: itself, also with its last step, or another one before.
    fn a_leader_commits(&self, run: Run, step: &ReplicaStep) -> Result<(), String> {
        let led =
            || self.last.get(&(step.node, step.directory)).is_some_and(|(of, last)| *of == run && last.leads);
        let most = self.most.max(self.committed.end);
        if step.committed <= most || step.leads || led() {
            return Ok(());
        }
        Err(format!(
            "it takes {:?} for committed; no leader has committed more than {most:?}",
            step.committed
        ))
    }

    /// What is committed for the first time, most voters of the leader have held durably, as they said: of the set that it has with this step,
    /// or of the one that it had before it.
    ///
    /// Why a leader that is right never fails: it counts a voter by a fetch of its own epoch, which tells how that voter stood after a step of
    /// it, and itself by this step; all these steps were seen. One that has lost its disk since, or cut its log, held it when it said so. A step
    /// may commit under the set before and append the next one, or append one and commit under that; it never appends two.
    fn a_majority_held(&self, run: Run, step: &ReplicaStep) -> Result<(), String> {
        let end = step.committed;
        let held = |voter: &&ReplicaKey| self.durable.get(*voter).is_some_and(|durable| *durable >= end);
        let most_held = |voters: &[ReplicaKey]| voters.iter().filter(held).count() > voters.len() / 2;
        let last = self.last.get(&(step.node, step.directory)).filter(|(of, _)| *of == run);
        if most_held(&step.voters) || last.is_some_and(|(_, last)| most_held(&last.voters)) {
            return Ok(());
        }
        let told: Vec<(i32, Option<&LogPosition>)> =
            step.voters.iter().map(|voter| (voter.0, self.durable.get(voter))).collect();
        Err(format!("it commits {end:?}, and its voters have never held more than {told:?} durably"))
    }

    /// State machine safety: of two logs that are known to be committed one is a prefix of the other.
    fn one_committed_log(&mut self, step: &ReplicaStep) -> Result<(), String> {
        let known = &self.committed;
        let ours = Committed { log_start: step.log_start, end: step.committed, epochs: step.epochs.clone() };
        // Of two prefixes of one log the longer one has the greater position.
        let (longer, shorter) = if ours.end > known.end { (&ours, known) } else { (known, &ours) };
        if !contains(&longer.epochs, (longer.log_start, longer.end.1), shorter.end) {
            return Err(format!("{:?} is committed, and {:?} elsewhere", ours.end, known.end));
        }
        if ours.end > known.end {
            self.committed = ours;
        }
        Ok(())
    }
}

/// Of two steps of one replica, without a restart between them, the later one: its epoch, its start and what it knows to be
/// committed never go back.
fn goes_on(last: &ReplicaStep, step: &ReplicaStep) -> Result<(), (&'static str, String)> {
    if step.epoch < last.epoch {
        return Err(("raft-epoch-fell", format!("its epoch falls from {} to {}", last.epoch, step.epoch)));
    }
    if step.committed < last.committed || step.committed.1 < last.committed.1 {
        let text = format!("it knew {:?} to be committed, and now {:?}", last.committed, step.committed);
        return Err(("I19-committed-cut", text));
    }
    if step.log_start < last.log_start {
        let text = format!("its log began at {}, and begins at {} now", last.log_start, step.log_start);
        return Err(("I10-offset-not-real", text));
    }
    Ok(())
}

/// Whether a log of these epochs, which begins and ends there, begins with what ends at `position`; what lies before its start was
/// deleted, and counts as had.
pub(super) fn contains(
    epochs: &[(i32, i64)],
    (log_start, log_end): (i64, i64),
    position: LogPosition,
) -> bool {
    let (epoch, end) = position;
    if end <= log_start {
        return true;
    }
    let Some(at) = epochs.iter().position(|(known, _)| *known == epoch) else { return false };
    let ends = epochs.get(at + 1).map_or(log_end, |(_, start)| *start);
    (epochs[at].1..=ends).contains(&end)
}

#[cfg(test)]
mod tests {
    use std::ops::RangeInclusive;
    use std::task::{Context, Poll, Waker};

    use ordain::types::{PartitionIndex, TopicId};

    use super::*;

    fn step(node: i32, epoch: i32, leads: bool, log_end: LogPosition, epochs: &[(i32, i64)]) -> ReplicaStep {
        ReplicaStep {
            partition: ([5; 16], 0),
            node,
            directory: [0; 16],
            epoch,
            role: if leads { "leader" } else { "follower" },
            leads,
            log_start: 0,
            log_end,
            durable: log_end,
            committed: (-1, 0),
            epochs: epochs.to_vec(),
            voters: vec![(node, [0; 16])],
            votes: Vec::new(),
            damaged: false,
        }
    }

    fn found(steps: &[ReplicaStep]) -> Option<&'static str> {
        let mut seen = Seen::default();
        steps.iter().find_map(|step| seen.look(Run(1), step.clone()).err().map(|wrong| wrong.checker))
    }

    #[test]
    fn within_a_run_nothing_goes_back() {
        let first = ReplicaStep { committed: (1, 4), log_start: 2, ..step(1, 2, true, (1, 6), &[(1, 2)]) };
        let found = |run: Run, second: ReplicaStep| {
            let watch = RaftWatch::default();
            assert_eq!(watch.look(Run(1), first.clone()), Ok(()));
            watch.look(run, second).err().map(|wrong| wrong.checker)
        };
        let older = ReplicaStep { epoch: 1, leads: false, ..first.clone() };
        let cut = ReplicaStep { committed: (1, 3), ..first.clone() };
        let began = ReplicaStep { log_start: 1, ..first.clone() };
        let same = Run(1);
        let all = [older, cut, began];
        let wrong = all.clone().map(|step| found(same, step));
        assert_eq!(wrong, [Some("raft-epoch-fell"), Some("I19-committed-cut"), Some("I10-offset-not-real")]);
        assert_eq!(all.clone().map(|step| found(Run(2), step)), [None; 3], "another run");
        let anew = all.map(|step| ReplicaStep { directory: [7; 16], ..step });
        assert_eq!(anew.map(|step| found(same, step)), [None; 3], "another replica in the same run");
        let watch = RaftWatch::default();
        assert_eq!(watch.look(same, ReplicaStep { committed: (1, 6), ..first.clone() }), Ok(()));
        watch.is_older();
        assert_eq!(watch.look(Run(2), step(2, 2, true, (2, 3), &[(2, 0)])), Ok(()), "an older disk");
    }

    #[test]
    fn who_goes_on_alone_need_not_have_what_the_others_had() {
        let id = PartitionId { topic: TopicId([5; 16]), index: PartitionIndex(0) };
        let lost = ReplicaStep { committed: (2, 6), ..step(1, 2, true, (2, 6), &[(1, 0), (2, 4)]) };
        let left = step(2, 1_002, true, (1_002, 3), &[(1, 0), (1_002, 3)]);
        let (watch, other) = (RaftWatch::default(), RaftWatch::default());
        for watch in [&watch, &other] {
            assert_eq!(watch.look(Run(1), lost.clone()), Ok(()));
        }
        let wrong = other.look(Run(2), left.clone()).unwrap_err();
        assert_eq!(wrong.checker, "raft-leader-incomplete", "nobody has decided that");
        watch.goes_on_alone(id);
        assert_eq!(watch.look(Run(2), left), Ok(()));
        let knows_more = ReplicaStep { committed: (3, 7), ..step(3, 3, false, (3, 7), &[(1, 0), (3, 6)]) };
        let wrong = watch.look(Run(2), knows_more).unwrap_err();
        assert_eq!(wrong.checker, "raft-committed-by-nobody", "it was never committed");
    }

    #[test]
    fn who_leads_is_known_from_its_steps() {
        let id = PartitionId { topic: TopicId([5; 16]), index: PartitionIndex(0) };
        let watch = RaftWatch::default();
        let leads = |leads: bool| step(2, 1, leads, (1, 3), &[(1, 0)]);
        assert_eq!(watch.led_after(id, SimTime(0)), None);
        watch.note_leader(SimTime(5), &leads(true));
        watch.note_leader(SimTime(9), &leads(false));
        assert_eq!(watch.led_after(id, SimTime(4)), Some(NodeId(2)));
        assert_eq!(watch.led_after(id, SimTime(5)), None, "not since");
        let other = PartitionId { index: PartitionIndex(1), ..id };
        assert_eq!(watch.led_after(other, SimTime(0)), None);
    }

    #[test]
    fn who_has_led_beside_another_is_known_by_the_epochs() {
        let id = PartitionId { topic: TopicId([5; 16]), index: PartitionIndex(0) };
        let watch = RaftWatch::default();
        let steps = |time, node, epoch, leads| {
            watch.note_leader(SimTime(time), &step(node, epoch, leads, (epoch, 3), &[(epoch, 0)]));
        };
        let beside = |node, since| watch.has_led_beside(id, NodeId(node), SimTime(since));
        let late = u64::try_from(ANSWERS_FOR.as_nanos()).unwrap();
        assert!(!beside(1, 0), "it has never led");
        steps(5, 1, 1, true);
        assert!(!beside(1, 9), "no other has");
        steps(7, 2, 2, true);
        assert!(beside(1, 4) && beside(1, 6) && beside(1, 9), "it does not know of its successor");
        assert!(!beside(2, 9), "nobody has come after this one");
        steps(8, 1, 2, false);
        assert!(beside(1, 8 + late), "an answer may have been on its way");
        assert!(!beside(1, 9 + late), "it knows");
        steps(10 + late, 1, 3, true);
        assert!(!beside(1, 11 + late), "it has come after the other one");
        assert!(beside(1, 9), "what was asked before that it may have answered as the leader of the past");
    }

    #[test]
    fn where_an_epoch_begins_a_damaged_log_need_not_know() {
        let whole = step(1, 2, true, (2, 6), &[(1, 0), (2, 4)]);
        let other = step(2, 2, false, (2, 6), &[(1, 0), (2, 5)]);
        assert_eq!(found(&[whole.clone(), other.clone()]), Some("raft-logs-do-not-match"));
        assert_eq!(found(&[whole, ReplicaStep { damaged: true, ..other }]), None);
    }

    #[test]
    fn what_others_know_to_be_committed_is_not_cut() {
        let leads = ReplicaStep { committed: (1, 8), ..step(1, 1, true, (1, 9), &[(1, 0)]) };
        let follows = step(2, 1, false, (1, 9), &[(1, 0)]);
        let to = |end: i64| ReplicaStep { log_end: (1, end), epoch: 2, ..follows.clone() };
        let then = |cut: ReplicaStep| found(&[follows.clone(), leads.clone(), cut]);
        assert_eq!(then(to(8)), None, "nobody knows more to be committed");
        assert_eq!(then(to(7)), Some("I19-committed-cut"));
        assert_eq!(then(ReplicaStep { directory: [7; 16], ..to(7) }), None, "another replica");
        let damaged = ReplicaStep { damaged: true, ..follows.clone() };
        assert_eq!(found(&[damaged, leads.clone(), to(7)]), None, "it has found damage");
    }

    fn keys(nodes: RangeInclusive<i32>) -> Vec<ReplicaKey> {
        nodes.map(|node| (node, [0; 16])).collect()
    }

    #[test]
    fn what_is_committed_most_voters_have_held() {
        let one = |node: i32, durable: i64| ReplicaStep {
            voters: keys(1..=3),
            durable: (1, durable),
            ..step(node, 1, node == 1, (1, 9), &[(1, 0)])
        };
        let commits = |end: i64| ReplicaStep { committed: (1, end), ..one(1, 9) };
        assert_eq!(found(&[one(2, 7), commits(7)]), None);
        assert_eq!(found(&[one(2, 6), commits(7)]), Some("raft-committed-by-few"), "two held less");
        assert_eq!(found(&[one(2, 7), commits(7), commits(8)]), Some("raft-committed-by-few"));
        let itself = ReplicaStep { committed: (1, 7), ..one(1, 6) };
        assert_eq!(found(&[one(2, 7), one(3, 9), itself.clone()]), None, "it need not hold it itself");
        assert_eq!(found(&[one(2, 7), itself]), Some("raft-committed-by-few"));
        let cut = ReplicaStep { epoch: 2, log_end: (1, 5), durable: (1, 5), ..one(2, 5) };
        assert_eq!(found(&[one(2, 7), cut, commits(7)]), None, "it held it when it said so");
        let another = ReplicaStep { directory: [7; 16], ..one(2, 9) };
        assert_eq!(found(&[another, commits(7)]), Some("raft-committed-by-few"), "it is no voter");
    }

    #[test]
    fn a_step_commits_under_the_voters_before_it_or_under_those_after_it() {
        let leads = |nodes: RangeInclusive<i32>, committed: LogPosition| ReplicaStep {
            voters: keys(nodes),
            committed,
            ..step(1, 1, true, (1, 9), &[(1, 0)])
        };
        let two = step(2, 1, false, (1, 9), &[(1, 0)]);
        let (nothing, some) = ((-1, 0), (1, 7));
        let at_once = [two.clone(), leads(1..=3, nothing), leads(1..=4, some)];
        assert_eq!(found(&at_once), None, "of three two are most");
        assert_eq!(found(&[leads(1..=2, nothing), leads(1..=1, some)]), None, "it is the only one left");
        let later = [two, leads(1..=3, nothing), leads(1..=4, nothing), leads(1..=4, some)];
        assert_eq!(found(&later), Some("raft-committed-by-few"), "of four two are too few");
    }

    #[test]
    fn what_a_replica_holds_of_it_is_not_cut_either() {
        let leads = ReplicaStep { committed: (3, 8), ..step(1, 3, true, (3, 9), &[(1, 0), (3, 7)]) };
        let held = |end, epochs: &[(i32, i64)]| step(2, 2, false, end, epochs);
        let cut = |before: ReplicaStep, after: ReplicaStep| found(&[before, leads.clone(), after]);
        let to = |epoch: i32, end: i64| ReplicaStep { epoch, ..held((1, end), &[(1, 0)]) };
        assert_eq!(cut(held((1, 6), &[(1, 0)]), to(3, 5)), Some("I19-committed-cut"));
        assert_eq!(cut(held((1, 6), &[(1, 0)]), to(3, 6)), None);
        assert_eq!(cut(held((1, 6), &[(1, 0)]), to(2, 5)), None, "by a leader of the past");
        let parted = held((2, 9), &[(1, 0), (2, 6)]);
        assert_eq!(cut(parted.clone(), to(3, 6)), None, "where they part");
        assert_eq!(cut(parted.clone(), to(3, 5)), Some("I19-committed-cut"));
        let anew = |start: i64| {
            let begins = held((3, start), &[(3, start)]);
            ReplicaStep { epoch: 3, log_start: start, ..begins }
        };
        assert_eq!(cut(parted.clone(), anew(7)), None, "behind all that it had");
        let empty = ReplicaStep { epoch: 3, ..held((-1, 0), &[]) };
        assert_eq!(cut(parted, empty), Some("I19-committed-cut"));
        let of_start = ReplicaStep { epoch: 3, ..held((3, 7), &[(1, 0), (3, 7)]) };
        let leads = ReplicaStep { committed: (3, 7), ..leads.clone() };
        assert_eq!(found(&[of_start, leads, to(3, 7)]), Some("I19-committed-cut"), "the start of an epoch");
    }

    #[test]
    fn who_leads_has_a_whole_log() {
        let damaged = |leads: bool| ReplicaStep { damaged: true, ..step(1, 1, leads, (1, 4), &[(1, 0)]) };
        let found = [damaged(false), damaged(true)].map(|step| found(&[step]));
        assert_eq!(found, [None, Some("I14-damaged-leads")]);
    }

    #[test]
    fn whoever_waits_is_told_at_once_what_was_wrong_first() {
        let watch = RaftWatch::default();
        let mut waiting = std::pin::pin!(watch.is_wrong());
        let mut poll = || waiting.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert_eq!(watch.look(Run(1), step(1, 1, true, (1, 4), &[(1, 0)])), Ok(()));
        assert_eq!(poll(), Poll::Pending);
        let second = step(2, 1, true, (1, 4), &[(1, 0)]);
        let wrong = watch.look(Run(1), second.clone()).unwrap_err();
        assert_eq!(watch.look(Run(1), ReplicaStep { node: 3, ..second }), Ok(()), "one is enough");
        assert_eq!(poll(), Poll::Ready(wrong));
    }

    #[test]
    fn each_property_is_held_against_the_steps() {
        let leader = step(1, 1, true, (1, 4), &[(1, 0)]);
        let committed = |step: &ReplicaStep, committed| ReplicaStep { committed, ..step.clone() };
        let grown = step(1, 1, true, (1, 9), &[(1, 0)]);
        assert_eq!(found(&[leader.clone(), grown.clone()]), None);
        assert_eq!(found(&[leader.clone(), step(2, 1, true, (1, 4), &[(1, 0)])]), Some("two-leaders"));
        assert_eq!(found(&[grown.clone(), leader.clone()]), Some("raft-leader-cuts"));
        let (without, with) = (step(2, 2, true, (2, 4), &[(1, 0), (2, 4)]), [(1, 0), (2, 9)]);
        assert_eq!(found(&[committed(&grown, (1, 9)), without.clone()]), Some("raft-leader-incomplete"));
        assert_eq!(found(&[committed(&grown, (1, 4)), without.clone()]), None);
        let later = step(3, 2, true, (2, 9), &[(1, 0), (2, 4)]);
        let of_the_past = [committed(&later, (2, 9)), grown.clone()];
        assert_eq!(found(&of_the_past), None, "it does not know that it leads no more");
        let elsewhere = step(3, 2, false, (2, 12), &with);
        assert_eq!(found(&[without, elsewhere]), Some("raft-logs-do-not-match"));
        let other = committed(&step(3, 3, false, (3, 9), &[(0, 0), (3, 6)]), (0, 6));
        assert_eq!(found(&[committed(&grown, (1, 7)), other]), Some("raft-committed-twice"));
        let follows = step(2, 1, false, (1, 9), &[(1, 0)]);
        let told = [committed(&grown, (1, 7)), committed(&follows, (1, 7))];
        assert_eq!(found(&told), None);
        let by_nobody = committed(&follows, (1, 8));
        assert_eq!(found(&[told[0].clone(), by_nobody.clone()]), Some("raft-committed-by-nobody"));
        let resigned = committed(&ReplicaStep { leads: false, ..grown.clone() }, (1, 8));
        assert_eq!(
            found(&[grown.clone(), resigned.clone(), by_nobody]),
            None,
            "it committed, and resigned thereby"
        );
        let mut seen = Seen::default();
        assert_eq!(seen.look(Run(1), grown.clone()), Ok(()));
        let wrong = seen.look(Run(2), resigned).unwrap_err();
        assert_eq!(wrong.checker, "raft-committed-by-nobody", "in this run it did not lead");
        let deleted = ReplicaStep { log_start: 8, ..committed(&step(3, 3, true, (3, 9), &[(3, 8)]), (3, 9)) };
        assert_eq!(found(&[committed(&grown, (1, 7)), deleted]), None, "what was committed is deleted there");
    }
}
