//! Surveys, a plan and its application on a data directory in memory.
use std::collections::BTreeSet;

use super::*;
use crate::config::{Inputs, load};
use crate::log::testing::{TestDisk, TestFault, TestRandom, TestRuntime, test_io};
use crate::log::{LogConfig, Vote, voters};
use crate::metadata::controller::METADATA_PARTITION;
use crate::metadata::{MetadataImage, SnapshotId, Snapshots};
use crate::peers::forming::store;
use crate::peers::{Founding, Held};
use crate::types::{LeaderEpoch, Offset, PartitionId, PartitionIndex, Timestamp, TopicId, Uuid};
use crate::wire::MetadataRecord;
use crate::wire::batch::{BatchBuilder, BatchOptions, NewRecord, RecordBatch};
use crate::wire::messages::{PartitionRecord, RegisterBrokerRecord, TopicRecord};

const NODE: NodeId = NodeId(1);
const TOPIC: TopicId = TopicId([7; 16]);
/// A topic that the metadata do not name.
const OTHER: TopicId = TopicId([9; 16]);
/// So many that what they are told takes several commits of a small journal.
const PARTITIONS: i32 = 40;

fn config() -> BrokerConfig {
    let overrides = [
        "listeners=PLAINTEXT://127.0.0.1:0",
        "node.id=1",
        "ordain.journal.file.bytes=65536",
        "ordain.journal.files=16",
    ]
    .map(str::to_owned);
    let inputs = Inputs { file: None, environment: &[], overrides: &overrides };
    load(&inputs, None).expect("the configuration is right").broker
}

fn of(topic: TopicId, index: i32) -> PartitionId {
    PartitionId { topic, index: PartitionIndex(index) }
}

fn voter(node: i32, own: Uuid) -> ReplicaKey {
    let directory = if node == NODE.0 { own } else { Uuid([u8::try_from(node).expect("small"); 16]) };
    ReplicaKey { node: NodeId(node), directory }
}

fn batch(base: Offset, values: &[&[u8]]) -> RecordBatch {
    let mut builder = BatchBuilder::new(BatchOptions::plain(1 << 20));
    for value in values {
        let record = NewRecord { timestamp: Timestamp(0), key: None, value: Some(value), headers: &[] };
        builder.append(record).expect("there is room");
    }
    builder.build().into_batch().placed_at(base, LeaderEpoch(1))
}

/// Nodes 1 to 3, and a topic that all of them hold.
fn metadata(own: Uuid) -> Vec<MetadataRecord> {
    let broker = |node| RegisterBrokerRecord { broker_id: node, ..RegisterBrokerRecord::default() };
    let mut records: Vec<MetadataRecord> = (1..=3).map(|node| broker(node).into()).collect();
    records.push(TopicRecord { name: "t".into(), topic_id: TOPIC, ..TopicRecord::default() }.into());
    for partition_id in 0..PARTITIONS {
        let directories = (1..=3).map(|node| TopicId(voter(node, own).directory.0));
        let partition = PartitionRecord {
            partition_id,
            topic_id: TOPIC,
            replicas: vec![1, 2, 3],
            isr: Some(vec![1, 2, 3]),
            directories: directories.map(Into::into).collect(),
            leader: 1,
            ..PartitionRecord::default()
        };
        records.push(partition.into());
    }
    records
}

/// A stopped node's data directory.
struct Machine {
    disk: TestDisk,
}

/// How the metadata log is made.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Metadata {
    /// All of it is in memory and the journal.
    Whole,
    /// It is in a segment.
    Flushed,
    /// It begins behind what a snapshot covers.
    BehindSnapshot,
}

impl Machine {
    /// Its partitions hold ten records each, of which none is known as committed.
    fn new(metadata_as: Metadata) -> Machine {
        let (runtime, disk) = (TestRuntime::new(), TestDisk::new());
        let io = test_io(&runtime, &disk, 42);
        let made = async {
            let (storage, _, _) = open_directory(&io, &config(), NODE).await.expect("an empty disk");
            let own = storage.directory_id();
            let voters = VoterSet::of((1..=3).map(|node| voter(node, own))).expect("three are a set");
            let founding = Founding { cluster: "c".into(), voters };
            store(&*io.disk, &Held { founding, complete: true }).await.expect("it is kept");
            make_metadata(&io, &storage, metadata_as).await;
            for id in (0..PARTITIONS).map(|index| of(TOPIC, index)).chain([of(OTHER, 0)]) {
                let mut log = storage.create_log(id, Offset::ZERO, LogConfig::default()).await.expect("room");
                fill(&storage, &mut log, &[&b"v"[..]; 10]).await;
            }
            storage.close().await.expect("the journal works");
        };
        runtime.block_on(made);
        Machine { disk: disk.lose_power(&mut TestRandom(1)) }
    }

    /// Does something with the data directory.
    fn with<T>(&self, work: impl AsyncFnOnce(&Io) -> T) -> T {
        let runtime = TestRuntime::new();
        let io = test_io(&runtime, &self.disk, 43);
        runtime.block_on(async { work(&io).await })
    }

    fn survey(&self) -> Survey {
        self.with(async |io| survey(io, &config()).await).expect("it can be surveyed")
    }

    fn apply(&self, plan: &Plan) -> Result<(NodeId, usize), RecoveryError> {
        self.with(async |io| apply(io, &config(), plan, Timestamp(5)).await)
    }

    fn rehearse(&self, plan: &Plan) -> Result<(NodeId, usize), RecoveryError> {
        self.with(async |io| rehearse(io, &config(), plan, Timestamp(5)).await)
    }

    fn plan(&self) -> Plan {
        plan(&[self.survey()], &BTreeSet::from([2, 3])).expect("one survey fits itself")
    }
}

async fn fill(storage: &Storage, log: &mut PartitionLog, values: &[&[u8]]) {
    let journal = storage.journal();
    let at = journal.durable_position();
    let mut entries = vec![log.start_epoch(LeaderEpoch(1), at).expect("the first")];
    entries.push(log.append(batch(log.log_end(), values), at).expect("it follows"));
    journal.append(entries).await.expect("the journal works");
    log.durable(log.number());
}

async fn make_metadata(io: &Io, storage: &Storage, made: Metadata) {
    let records = metadata(storage.directory_id());
    let values: Vec<_> = records.iter().map(|record| record.encode().expect("it is written")).collect();
    let values: Vec<&[u8]> = values.iter().map(|value| &value[..]).collect();
    // The registrations are in the snapshot, the topic is behind it.
    let covered = if made == Metadata::BehindSnapshot { 3 } else { 0 };
    if covered > 0 {
        let mut image = MetadataImage::default();
        records[..covered].iter().for_each(|record| image.apply(record).expect("it fits"));
        let (mut snapshots, _) = Snapshots::open(io.disk.clone()).await.expect("an empty directory");
        let id = SnapshotId { end: Offset(3), epoch: LeaderEpoch(1) };
        snapshots.write(&image, id, Timestamp(0)).await.expect("it is written");
    }
    let start = Offset(i64::try_from(covered).expect("small"));
    let mut log = storage.create_log(METADATA_PARTITION, start, LogConfig::default()).await.expect("room");
    fill(storage, &mut log, &values[covered..]).await;
    if made == Metadata::Flushed {
        log.set_high_watermark(log.log_end());
        let work = log.take_flush(Timestamp(0)).expect("there is something to flush");
        for done in storage.flush(vec![work]).await {
            log.flushed(&done.expect("it is flushed"));
        }
        let mut round = storage.begin_checkpoint();
        round.require(log.needs_from());
        storage.checkpoint(round).await.expect("it is written");
    }
}

#[test]
fn a_survey_holds_every_log_by_name_or_by_id() {
    let survey = Machine::new(Metadata::BehindSnapshot).survey();
    assert_eq!((survey.node, &*survey.cluster, survey.metadata_end), (1, "c", 4 + i64::from(PARTITIONS)));
    assert_eq!((survey.metadata_damage.as_deref(), &survey.nodes[..]), (None, &[1, 2, 3][..]));
    assert_eq!(survey.logs.len(), usize::try_from(PARTITIONS).expect("small") + 2);
    let names: Vec<String> = survey.unnamed().map(SurveyedLog::name).collect();
    assert_eq!(names, [format!("{OTHER}-0")]);
    let log = survey.logs.iter().find(|log| log.name() == "t-7").expect("it is there");
    assert_eq!((log.log_start, log.log_end, log.committed), (0, 10, 0));
    assert_eq!(log.epochs, [EpochBegin { epoch: 1, start: 0 }]);
    assert_eq!(log.voters.iter().map(|voter| voter.node).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(survey.assigned[7].founders, log.voters);
}

#[test]
fn a_survey_bears_metadata_that_cannot_be_read() {
    let held = usize::try_from(PARTITIONS).expect("small") + 2;
    // A segment is damaged: nothing of it can be read.
    let machine = Machine::new(Metadata::Flushed);
    let segment = machine.disk.paths().into_iter().find(|path| path.ends_with(".log")).expect("a segment");
    machine.disk.corrupt(&segment, 200);
    let blind = machine.survey();
    let damage = blind.metadata_damage.clone().expect("it is told");
    assert!(damage.contains(&segment), "{damage}");
    assert_eq!(
        (blind.metadata_end, blind.nodes.len(), blind.assigned.len(), blind.logs.len()),
        (0, 0, 0, held)
    );
    assert_eq!(blind.unnamed().count(), held - 1);
    let made = plan(std::slice::from_ref(&blind), &BTreeSet::from([2, 3])).expect("one survey");
    assert!(made.metadata_is_gone());
    assert_eq!(made.unnamed.len(), held - 1);
    for refused in [machine.rehearse(&made), machine.apply(&made)] {
        let refused = refused.expect_err("without metadata nothing is served");
        assert!(matches!(refused, RecoveryError::MetadataGone), "{refused}");
    }

    // The snapshot is lost that stands for the log's beginning.
    let machine = Machine::new(Metadata::BehindSnapshot);
    let snapshot = machine.disk.paths().into_iter().find(|path| path.ends_with(".checkpoint"));
    machine.disk.corrupt(&snapshot.expect("there is one"), 100);
    let damage = machine.survey().metadata_damage.expect("it is told");
    assert!(damage.starts_with("the metadata log begins at offset 3"), "{damage}");

    // The log is damaged: what the snapshot has is left.
    let machine = Machine::new(Metadata::BehindSnapshot);
    machine.with(async |io| {
        let (storage, mut logs, _) = open_directory(io, &config(), NODE).await.expect("it opens");
        let metadata = logs.iter_mut().find(|log| log.key().partition == METADATA_PARTITION);
        let metadata = metadata.expect("it is there");
        metadata.mark_damaged("a test".to_owned());
        let work = metadata.take_flush(Timestamp(0)).expect("the damage is to be kept");
        for done in storage.flush(vec![work]).await {
            metadata.flushed(&done.expect("it is flushed"));
        }
        let round = storage.begin_checkpoint();
        storage.checkpoint(round).await.expect("it is written");
        storage.close().await.expect("the journal works");
    });
    let survey = machine.survey();
    assert!(survey.metadata_damage.is_some());
    assert_eq!((survey.metadata_end, &survey.nodes[..], survey.assigned.len()), (3, &[1, 2, 3][..], 0));
    assert_eq!(survey.damaged().map(|(log, _)| log.name()).collect::<Vec<_>>(), ["@metadata-0"]);
}

/// Each chosen log goes on alone, and all else is as it was.
fn assert_applied(machine: &Machine, plan: &Plan, seen: &str) {
    machine.with(async |io| {
        let (storage, logs, _) = open_directory(io, &config(), NODE).await.expect("it opens");
        for choice in &plan.chosen {
            let is_it = |log: &&PartitionLog| {
                log.key().partition.topic.to_string() == choice.topic_id
                    && log.key().partition.index.0 == choice.partition
            };
            let log = logs.iter().find(is_it).expect("it is there");
            let (key, epoch) = (own_key(NODE, &storage, log), LeaderEpoch(choice.epoch));
            let last = log.epochs().last().expect("it has epochs");
            assert_eq!((last.epoch, last.start.0), (epoch, choice.log_end), "{seen}");
            assert_eq!(log.vote(), Some(Vote { epoch, candidate: Some(key) }), "{seen}");
            let (_, alone) = log.voters().last().expect("it has voters");
            assert_eq!(alone.keys(), [key], "{seen}");
            assert_eq!((log.log_end().0, log.number().0), (choice.log_end + 1, choice.entry + 3), "{seen}");
        }
        let unnamed = logs.iter().find(|log| log.key().partition.topic == OTHER).expect("it stays");
        assert_eq!((unnamed.log_end(), unnamed.vote()), (Offset(10), None));
        storage.close().await.expect("the journal works");
    });
}

#[test]
fn what_was_applied_is_applied_once() {
    let machine = Machine::new(Metadata::Whole);
    let plan = machine.plan();
    let all = usize::try_from(PARTITIONS).expect("small") + 1;
    assert_eq!((plan.chosen.len(), plan.unnamed.len(), plan.gone.len()), (all, 1, 0));
    assert_eq!(machine.apply(&plan).expect("it is applied"), (NODE, all));
    assert_applied(&machine, &plan, "at once");
    assert_eq!(machine.apply(&plan).expect("there is nothing to do"), (NODE, 0));
    assert_applied(&machine, &plan, "twice");
    // The cluster's majority is this node by now.
    let again = machine.plan();
    assert_eq!((again.standing, again.chosen.len()), (all, 0));
}

#[test]
fn a_rehearsal_tells_what_would_be_done_and_changes_nothing() {
    let machine = Machine::new(Metadata::Whole);
    let (before, plan) = (machine.survey(), machine.plan());
    let all = plan.chosen.len();
    assert_eq!(machine.rehearse(&plan).expect("it could be applied"), (NODE, all));
    assert_eq!(machine.rehearse(&plan).expect("it still could"), (NODE, all));
    assert_eq!(machine.survey(), before);
    assert_eq!(machine.apply(&plan).expect("it is applied"), (NODE, all));
    assert_applied(&machine, &plan, "after rehearsals");
    assert_eq!(machine.rehearse(&plan).expect("there is nothing to do"), (NODE, 0));
}

#[test]
fn what_was_interrupted_is_ended_by_doing_it_again() {
    let whole = Machine::new(Metadata::Whole);
    let plan = whole.plan();
    let all = plan.chosen.len();
    let (mut ended, mut before, mut between) = (false, 0, 0);
    // The power fails within each change of the disk, one after the other.
    for change in 1..200 {
        for seed in 0..4 {
            let machine = Machine { disk: whole.disk.restart() };
            machine.disk.inject(TestFault::CrashAt(change));
            let done = machine.apply(&plan);
            ended = done.is_ok() && !machine.disk.has_crashed();
            let machine = Machine { disk: machine.disk.lose_power(&mut TestRandom(seed)) };
            let (_, left) = machine.apply(&plan).expect("it is ended");
            assert!(done.is_err() || left == 0, "change {change}: what was applied is durable");
            before += usize::from(left == all);
            between += usize::from((1..all).contains(&left));
            assert_applied(&machine, &plan, &format!("change {change}, seed {seed}"));
        }
        if ended {
            break;
        }
    }
    assert!(ended, "the power failed within all of it");
    assert!(before > 0 && between > 0, "before {before}, between two commits {between}");
}

/// Journals the first entries of a choice alone, as a crash between two commits leaves them.
fn begin(machine: &Machine, choice: &Choice, parts: usize) {
    machine.with(async |io| {
        let (storage, mut logs, _) = open_directory(io, &config(), NODE).await.expect("it opens");
        let id = of(TopicId::parse(&choice.topic_id).expect("an id"), choice.partition);
        let log = logs.iter_mut().find(|log| log.key().partition == id).expect("it is there");
        let key = own_key(NODE, &storage, log);
        let (at, epoch) = (storage.journal().durable_position(), LeaderEpoch(choice.epoch));
        let mut entries = vec![log.record_vote(Vote { epoch, candidate: Some(key) }, at)];
        entries.push(log.start_epoch(epoch, at).expect("it is above"));
        let alone = VoterSet::of([key]).expect("one voter is a set");
        let alone = voters::batch(&alone, log.log_end(), epoch, Timestamp(5));
        entries.push(log.append(alone, at).expect("it follows"));
        entries.truncate(parts);
        storage.journal().append(entries).await.expect("the journal works");
        storage.close().await.expect("the journal works");
    });
}

#[test]
fn a_log_that_was_told_half_is_told_the_rest() {
    let whole = Machine::new(Metadata::Whole);
    let plan = whole.plan();
    for parts in 0..=3 {
        let machine = Machine { disk: whole.disk.restart() };
        begin(&machine, &plan.chosen[3], parts);
        let (_, due) = machine.rehearse(&plan).expect("it can be ended");
        let (_, changed) = machine.apply(&plan).expect("it is ended");
        assert_eq!(changed, plan.chosen.len() - usize::from(parts == 3), "after {parts} entries");
        assert_eq!(due, changed, "after {parts} entries");
        assert_applied(&machine, &plan, &format!("after {parts} entries"));
    }
}

#[test]
fn a_directory_that_the_plan_does_not_know_is_refused() {
    let machine = Machine::new(Metadata::Whole);
    let good = machine.plan();
    let refused = |change: &dyn Fn(&mut Plan)| {
        let mut plan = good.clone();
        change(&mut plan);
        let rehearsed = machine.rehearse(&plan).expect_err("it would be refused").to_string();
        let applied = machine.apply(&plan).expect_err("it is another one's").to_string();
        assert_eq!(rehearsed, applied);
        applied
    };
    let text = refused(&|plan| plan.cluster = "d".to_owned());
    assert!(text.contains("cluster d"), "{text}");
    let text = refused(&|plan| plan.lost.push(1));
    assert!(text.starts_with("node 1 is named as lost"), "{text}");
    let text = refused(&|plan| drop(plan.directories.remove(&1)));
    assert!(text.contains("without a survey of node 1"), "{text}");
    let text = refused(&|plan| plan.directories.values_mut().for_each(|directory| directory.clear()));
    assert!(text.contains("another data directory of node 1"), "{text}");
    let text = refused(&|plan| plan.chosen[0].entry -= 1);
    assert!(text.contains("has changed since it was surveyed"), "{text}");
    let text = refused(&|plan| plan.chosen[0].partition = 77);
    assert!(text.contains("is not here any more"), "{text}");
    // The log has that epoch already.
    let text = refused(&|plan| plan.chosen[0].epoch = 1);
    assert!(text.starts_with(&good.chosen[0].name()), "{text}");
    assert_eq!(machine.apply(&good).expect("none of these changed anything").1, good.chosen.len());
}
