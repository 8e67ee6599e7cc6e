//! Shards whose journal is short of room: everything that was taken in comes to its end, and nobody waits longer than
//! was said.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::testing::TestNode;
use super::*;
use crate::io::timeout;
use crate::log::StorageOptions;
use crate::log::testing::TestFault;
use crate::types::{
    Instant, LeaderEpoch, Offset, PartitionId, PartitionIndex, ProducerEpoch, ProducerId, Timestamp, TopicId,
};
use crate::wire::batch::{BatchBuilder, BatchOptions, NewRecord, ProducerStamp, ValidatedBatch};

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

fn partition(index: i32) -> PartitionId {
    PartitionId { topic: TopicId([9; 16]), index: PartitionIndex(index) }
}

/// A batch of one record with `bytes` of value.
fn batch(bytes: usize, producer: ProducerStamp) -> ValidatedBatch {
    let mut builder = BatchBuilder::new(BatchOptions { producer, ..BatchOptions::plain(bytes + KIB) });
    let value = vec![b'v'; bytes];
    let record =
        NewRecord { timestamp: Timestamp(1_700_000_000_000), key: None, value: Some(&value), headers: &[] };
    builder.append(record).unwrap();
    builder.build()
}

type Outcomes = Arc<Mutex<Vec<AppendOutcome>>>;

/// Sends appends, one request each; their outcomes come to the list.
fn send(node: &TestNode, appends: usize, bytes: usize, deadline: Option<Instant>) -> Outcomes {
    send_to(node, partition(0), (appends, bytes), deadline)
}

fn send_to(
    node: &TestNode,
    id: PartitionId,
    (appends, bytes): (usize, usize),
    deadline: Option<Instant>,
) -> Outcomes {
    let outcomes = Outcomes::default();
    node.runtime.block_on(async {
        for _ in 0..appends {
            let append = AppendRequest { id, batch: batch(bytes, ProducerStamp::NONE), replicas_min: 0 };
            let told = Arc::clone(&outcomes);
            let done = Box::new(move |answered: Vec<AppendOutcome>| told.lock().unwrap().extend(answered));
            let terms = AppendTerms { deadline, ..AppendTerms::COMMITTED };
            node.partitions.append(vec![append], terms, done).await.unwrap();
        }
    });
    outcomes
}

/// Waits until all appends are answered, at most a minute of the node's time.
fn all_made(node: &TestNode, outcomes: &Outcomes, appends: usize) {
    let clock = Arc::clone(&node.io.clock);
    let end = clock.now().after(Duration::from_secs(60));
    node.runtime.block_on(async {
        while outcomes.lock().unwrap().len() < appends && clock.now() < end {
            clock.sleep(Duration::from_millis(10)).await;
        }
    });
    let offsets: Vec<i64> =
        outcomes.lock().unwrap().iter().map(|one| one.as_ref().unwrap().base_offset.0).collect();
    assert_eq!(
        offsets,
        (0..appends as i64).collect::<Vec<_>>(),
        "{:?}",
        node.storage().journal().statistics()
    );
}

fn latest(node: &TestNode) -> i64 {
    let query = (partition(0), EpochCheck(LeaderEpoch::NONE), OffsetQuery::Latest);
    let answer = node.runtime.block_on(node.partitions.offsets(vec![query])).unwrap().remove(0).unwrap();
    match answer {
        OffsetReply::At { offset: Offset(offset), .. } => offset,
        other => panic!("{other:?}"),
    }
}

#[test]
fn appends_of_more_bytes_than_a_start_may_replay_come_to_their_end() {
    // All of them are sent before the journal has written any: each is kept from where the journal stood then, and
    // together they are more than the bound.
    let node = TestNode::with_options(StorageOptions {
        journal_file_bytes: 64 << 20,
        journal_files: 3,
        journal_replay_bytes: 0,
        ..StorageOptions::default()
    });
    let bound = node.storage().journal().statistics().replay_bytes_max;
    node.open(partition(0));
    let _maintenance = node.maintain(&[]);
    let outcomes = send(&node, 40, MIB, None);
    all_made(&node, &outcomes, 40);
    assert!(40 * MIB as u64 > 2 * bound);
    assert!(node.storage().journal().has_room());
}

#[test]
fn a_partition_that_is_asked_for_twice_at_once_keeps_its_log() {
    let node = TestNode::new();
    node.open(partition(0));
    let outcomes = send(&node, 3, KIB, None);
    all_made(&node, &outcomes, 3);
    let node = node.lose_power();
    let spec = PartitionSpec {
        id: partition(0),
        topic: "t".into(),
        voters: crate::raft::VoterSet::new([TestNode::ID]),
        assignment: None,
        lone: true,
        config: crate::log::LogConfig::default(),
    };
    node.runtime.block_on(node.partitions.create(vec![spec.clone(), spec])).unwrap();
    assert_eq!(latest(&node), 3);
}

#[test]
fn appends_of_more_bytes_than_the_journal_has_come_to_their_end() {
    let node = TestNode::with_options(StorageOptions {
        journal_file_bytes: 64 << 10,
        journal_files: 3,
        ..StorageOptions::default()
    });
    node.open(partition(0));
    let _maintenance = node.maintain(&[]);
    // In one turn of the shard there would be four times what the journal takes.
    let outcomes = send(&node, 200, 4 * KIB, None);
    all_made(&node, &outcomes, 200);
}

#[test]
fn what_a_turn_writes_first_is_answered_first() {
    let node = TestNode::new();
    node.open(partition(0));
    let bytes = 100 * KIB;
    let journal = node.storage().journal().clone();
    let before = journal.statistics().commits;
    // How many commits the journal had made when each append was answered.
    let answered_after = Arc::new(Mutex::new(Vec::new()));
    node.runtime.block_on(async {
        for _ in 0..16 {
            let append =
                AppendRequest { id: partition(0), batch: batch(bytes, ProducerStamp::NONE), replicas_min: 0 };
            let (told, journal) = (Arc::clone(&answered_after), journal.clone());
            let done = Box::new(move |answered: Vec<AppendOutcome>| {
                assert!(answered.iter().all(Result::is_ok), "{answered:?}");
                told.lock().unwrap().push(journal.statistics().commits - before);
            });
            node.partitions.append(vec![append], AppendTerms::COMMITTED, done).await.unwrap();
        }
        while answered_after.lock().unwrap().len() < 16 {
            node.io.clock.sleep(Duration::from_millis(1)).await;
        }
    });
    let answered_after = answered_after.lock().unwrap();
    let per_commit = journal.commit_bytes_max() / bytes as u64;
    let (first, last) = (answered_after[0], answered_after[15]);
    assert!(last >= 16 / per_commit, "sixteen appends take several commits: {answered_after:?}");
    assert!(first + 2 <= last, "the first waited for the last: {answered_after:?}");
}

#[test]
fn one_request_of_more_bytes_than_the_journal_has_comes_to_its_end() {
    let node = TestNode::with_options(StorageOptions {
        journal_file_bytes: 64 << 10,
        journal_files: 2,
        ..StorageOptions::default()
    });
    (0..10).for_each(|index| node.open(partition(index)));
    let _maintenance = node.maintain(&[]);
    let append = |index| AppendRequest {
        id: partition(index),
        batch: batch(40 * KIB, ProducerStamp::NONE),
        replicas_min: 0,
    };
    let (sender, outcomes) = tokio::sync::oneshot::channel();
    let done = Box::new(move |answered| sender.send(answered).unwrap());
    let clock = Arc::clone(&node.io.clock);
    let answered =
        node.runtime.block_on(timeout(&*clock, clock.now().after(Duration::from_secs(60)), async {
            node.partitions
                .append((0..10).map(append).collect(), AppendTerms::COMMITTED, done)
                .await
                .unwrap();
            outcomes.await.unwrap()
        }));
    let answered = answered.unwrap_or_else(|_| panic!("{:?}", node.storage().journal().statistics()));
    assert!(answered.iter().all(|one| one.as_ref().unwrap().base_offset == Offset(0)), "{answered:?}");
}

#[test]
fn an_append_behind_a_full_journal_times_out_on_time_and_readers_are_served() {
    let node = TestNode::with_options(StorageOptions {
        journal_file_bytes: 64 << 10,
        journal_files: 2,
        ..StorageOptions::default()
    });
    node.open(partition(0));
    // Nobody writes checkpoints: the journal fills up and stays so.
    let stuck = send(&node, 60, 4 * KIB, None);
    let clock = Arc::clone(&node.io.clock);
    node.runtime.block_on(clock.sleep(Duration::from_millis(1)));
    let made = stuck.lock().unwrap().len();
    assert!(0 < made && made < 60, "{made} appends found room");
    assert!(!node.storage().journal().has_room());
    let now = clock.now();
    let deadline = now.after(Duration::from_millis(250));
    let late = send(&node, 2, KIB, Some(deadline));
    node.runtime.block_on(clock.sleep_until(now.after(Duration::from_millis(249))));
    assert_eq!(*late.lock().unwrap(), []);
    node.runtime.block_on(clock.sleep_until(now.after(Duration::from_millis(251))));
    assert_eq!(*late.lock().unwrap(), [Err(AppendError::TimedOut), Err(AppendError::TimedOut)]);
    // What only reads does not wait; what else writes does.
    assert_eq!(latest(&node), made as i64);
    let created = timeout(&*clock, clock.now().after(Duration::from_secs(1)), async {
        node.open_soon(partition(1)).await
    });
    assert!(node.runtime.block_on(created).is_err(), "a creation waits for the journal");
    let _maintenance = node.maintain(&[]);
    all_made(&node, &stuck, 60);
    assert_eq!(latest(&node), 60, "what was too late is not made");
    // The creation that waited was made in its turn: it can be written to.
    let append = AppendRequest { id: partition(1), batch: batch(10, ProducerStamp::NONE), replicas_min: 0 };
    let outcome = node.runtime.block_on(node.partitions.append_one(append, AppendTerms::COMMITTED)).unwrap();
    assert_eq!(outcome.unwrap().base_offset, Offset(0));
}

#[test]
fn silent_producers_are_looked_for_at_their_own_interval() {
    for (retention, expiration, left) in [(3_600_000, 5_000, 0), (1_000, 3_600_000, 1)] {
        let node = TestNode::new();
        node.open(partition(0));
        let retention = format!("log.retention.check.interval.ms={retention}");
        let expiration = format!("producer.id.expiration.check.interval.ms={expiration}");
        let _maintenance = node.maintain(&[&retention, &expiration]);
        let producer = ProducerStamp { id: ProducerId(7), epoch: ProducerEpoch(0), base_sequence: 0 };
        let append = AppendRequest { id: partition(0), batch: batch(10, producer), replicas_min: 0 };
        node.runtime.block_on(node.partitions.append_one(append, AppendTerms::COMMITTED)).unwrap().unwrap();
        let known = || {
            let asked = node.partitions.producers(partition(0));
            node.runtime.block_on(asked).unwrap().unwrap().len()
        };
        assert_eq!(known(), 1);
        // It is remembered for a day.
        node.runtime.test_clock().move_wall(25 * 3_600_000);
        node.runtime.block_on(node.io.clock.sleep(Duration::from_secs(10)));
        assert_eq!(known(), left, "{retention}, {expiration}");
    }
}

/// A node whose appends are soon held back if they cannot go to segments.
fn cramped() -> TestNode {
    TestNode::with_options(StorageOptions {
        journal_file_bytes: 4 << 20,
        journal_files: 2,
        tail_budget_bytes: 256 << 10,
        journal_replay_bytes: 256 << 10,
        ..StorageOptions::default()
    })
}

#[test]
fn appends_that_wait_for_memory_count_as_a_slow_commit_though_others_are_made() {
    let node = TestNode::with_options(StorageOptions {
        journal_file_bytes: 4 << 20,
        tail_budget_bytes: 256 << 10,
        ..StorageOptions::default()
    });
    let clock = Arc::clone(&node.io.clock);
    node.open(partition(0));
    let filled = send(&node, 8, 32 << 10, None);
    all_made(&node, &filled, 8);
    let longest = || node.storage().journal().longest_commit(clock.now());
    longest();
    let held = send(&node, 1, KIB, None);
    let beside = |id: &PartitionId| handle::shard_of(*id, 2) == handle::shard_of(partition(0), 2);
    let wait = |after: i32| {
        for id in (after..).map(partition).filter(beside).take(3) {
            node.runtime.block_on(clock.sleep(Duration::from_millis(400)));
            node.open(id);
        }
        longest()
    };
    assert_eq!(wait(1), Duration::ZERO, "so long all wait under full load");
    let told = wait(100);
    assert!(held.lock().unwrap().is_empty(), "there is no room for it");
    assert!((2_000..3_000).contains(&told.as_millis()), "{told:?}");
    let _maintenance = node.maintain(&[]);
    node.runtime.block_on(clock.sleep(Duration::from_secs(2)));
    assert_eq!((held.lock().unwrap().len(), latest(&node)), (1, 9), "there is room now");
    longest();
    assert_eq!(longest(), Duration::ZERO);
}

#[test]
fn memory_that_logs_without_an_owner_hold_keeps_nobody_waiting() {
    let budget = 256 << 10;
    let node = TestNode::with_options(StorageOptions {
        journal_file_bytes: 4 << 20,
        tail_budget_bytes: budget,
        ..StorageOptions::default()
    });
    node.open(partition(0));
    let filled = send(&node, 8, 32 << 10, None);
    all_made(&node, &filled, 8);
    let node = node.lose_power();
    let _maintenance = node.maintain(&[]);
    assert!(node.storage().tail_budget().used() > budget, "what was replayed is in memory");
    let elsewhere = |id: &PartitionId| handle::shard_of(*id, 2) != handle::shard_of(partition(0), 2);
    let other = (1..).map(partition).find(elsewhere).unwrap();
    node.open(other);
    let outcomes = send_to(&node, other, (3, KIB), None);
    all_made(&node, &outcomes, 3);
}

#[test]
fn an_append_that_a_full_disk_holds_up_is_told_why() {
    let node = cramped();
    node.open(partition(0));
    let _maintenance = node.maintain(&[]);
    let clock = Arc::clone(&node.io.clock);
    // What the journal needs is there.
    node.runtime.block_on(clock.sleep(Duration::from_secs(5)));
    assert_eq!(node.storage().disk_full(), None);
    node.disk().set_capacity(Some(0));
    let held = send(&node, 60, 16 * KIB, None);
    node.runtime.block_on(clock.sleep(Duration::from_secs(3)));
    let made = held.lock().unwrap().len();
    assert!(made < 60, "{made} appends found room");
    let full = node.storage().disk_full().expect("the flush found no room");
    assert!(full.path.starts_with("logs/") && full.bytes > 0, "{full:?}");
    let late = send(&node, 1, KIB, Some(clock.now().after(Duration::from_millis(250))));
    node.runtime.block_on(clock.sleep(Duration::from_millis(251)));
    assert_eq!(*late.lock().unwrap(), [Err(AppendError::DiskFull(full))]);
    node.disk().set_capacity(None);
    all_made(&node, &held, 60);
    assert_eq!(node.storage().disk_full(), None);
    assert_eq!(latest(&node), 60, "what was too late is not made");
}

#[test]
fn a_partition_that_goes_takes_its_want_of_room_with_it() {
    let node = TestNode::new();
    node.open(partition(0));
    let _maintenance = node.maintain(&["log.retention.check.interval.ms=1000"]);
    let clock = Arc::clone(&node.io.clock);
    node.runtime.block_on(clock.sleep(Duration::from_secs(5)));
    node.disk().set_capacity(Some(0));
    let made = send(&node, 4, 16 * KIB, None);
    // A minute without need, and everything goes to its segments.
    node.runtime.block_on(clock.sleep(Duration::from_secs(65)));
    all_made(&node, &made, 4);
    assert!(node.storage().disk_full().is_some());
    node.runtime.block_on(node.partitions.delete(vec![partition(0)])).unwrap();
    node.disk().set_capacity(Some(1 << 30));
    node.runtime.block_on(clock.sleep(Duration::from_secs(65)));
    assert_eq!(node.storage().disk_full(), None);
}

#[test]
fn a_disk_that_fails_to_take_segments_is_told_of_until_it_takes_them() {
    let node = TestNode::new();
    node.open(partition(0));
    let _maintenance = node.maintain(&[]);
    let clock = Arc::clone(&node.io.clock);
    node.runtime.block_on(clock.sleep(Duration::from_secs(5)));
    assert_eq!(node.storage().disk_fails(), None);
    let fault = TestFault::FailWrites("logs/".to_owned());
    node.disk().inject(fault.clone());
    let made = send(&node, 4, 16 * KIB, None);
    // A minute without need, and everything goes to its segments.
    node.runtime.block_on(clock.sleep(Duration::from_secs(65)));
    all_made(&node, &made, 4);
    let fails = node.storage().disk_fails().expect("the flush failed");
    assert!(fails.logs == 1 && !fails.checkpoint && fails.reason.starts_with("writing logs/"), "{fails:?}");
    assert_eq!(node.storage().disk_full(), None, "there is room");
    node.disk().forgive(&fault);
    node.runtime.block_on(clock.sleep(Duration::from_secs(3)));
    assert_eq!(node.storage().disk_fails(), None);
}

/// Sends a batch of one record of an idempotent producer; its outcome comes to the list.
fn send_sequence(node: &TestNode, base_sequence: i32, within: Duration) -> Outcomes {
    let producer = ProducerStamp { id: ProducerId(7), epoch: ProducerEpoch(0), base_sequence };
    let append = AppendRequest { id: partition(0), batch: batch(KIB, producer), replicas_min: 0 };
    let terms = AppendTerms { deadline: Some(node.io.clock.now().after(within)), ..AppendTerms::COMMITTED };
    let outcomes = Outcomes::default();
    let told = Arc::clone(&outcomes);
    let done = Box::new(move |answered: Vec<AppendOutcome>| told.lock().unwrap().extend(answered));
    node.runtime.block_on(node.partitions.append(vec![append], terms, done)).unwrap();
    outcomes
}

#[test]
fn what_a_producer_sent_behind_a_batch_that_was_refused_waits_for_it() {
    let node = cramped();
    node.open(partition(0));
    let _maintenance = node.maintain(&[]);
    let sleep = |ms| node.runtime.block_on(node.io.clock.sleep(Duration::from_millis(ms)));
    sleep(5000);
    let (soon, later) = (Duration::from_millis(250), Duration::from_secs(60));
    let made = |outcomes: &Outcomes| outcomes.lock().unwrap()[0].as_ref().map(|one| one.base_offset.0).ok();
    let first = send_sequence(&node, 0, later);
    sleep(10);
    assert_eq!(made(&first), Some(0));
    node.disk().set_capacity(Some(0));
    let others = send(&node, 60, 16 * KIB, None);
    sleep(3000);
    let (second, third) = (send_sequence(&node, 1, soon), send_sequence(&node, 2, later));
    sleep(251);
    assert!(matches!(second.lock().unwrap()[..], [Err(AppendError::DiskFull(_))]), "{second:?}");
    assert!(third.lock().unwrap().is_empty(), "it has time");
    node.disk().set_capacity(None);
    sleep(3000);
    assert_eq!(others.lock().unwrap().len(), 60);
    let told = third.lock().unwrap()[0].clone();
    let Err(AppendError::Behind { sequence: 1, refusal }) = told else { panic!("{told:?}") };
    assert!(matches!(*refusal, AppendError::DiskFull(_)), "{refusal}");
    // Both come again.
    let (second, third) = (send_sequence(&node, 1, later), send_sequence(&node, 2, later));
    sleep(10);
    assert_eq!((made(&second), made(&third)), (Some(61), Some(62)));
    let gap = send_sequence(&node, 4, later);
    sleep(10);
    assert!(matches!(gap.lock().unwrap()[..], [Err(AppendError::Producer { .. })]), "{gap:?}");
}

#[test]
fn a_partition_is_small() {
    // There may be very many of them, and most are idle.
    let bytes = size_of::<super::partition::Partition>();
    assert!(bytes <= 1_400, "{bytes} bytes");
}

#[test]
fn a_reader_whose_log_left_this_one_before_all_that_it_knows_is_told_so() {
    let mut node = TestNode::new();
    let mut epochs = Vec::new();
    // Each start of the node begins an epoch: at 0, 3 and 6.
    for life in 0..3 {
        if life > 0 {
            node = node.lose_power();
        }
        node.open(partition(0));
        for _ in 0..3 {
            let append =
                AppendRequest { id: partition(0), batch: batch(KIB, ProducerStamp::NONE), replicas_min: 0 };
            let made = node.partitions.append_one(append, AppendTerms::COMMITTED);
            node.runtime.block_on(made).unwrap().unwrap();
        }
        let stats = node.partitions.stats(Some(vec![partition(0)]));
        epochs.push(node.runtime.block_on(stats).unwrap().remove(0).epoch);
    }
    let started = node.partitions.delete_records(vec![(partition(0), Some(Offset(5)))]);
    assert_eq!(node.runtime.block_on(started).unwrap().remove(0).unwrap(), Offset(5));
    let read = |offset, last_fetched_epoch| {
        let request = ReadRequest {
            id: partition(0),
            offset: Offset(offset),
            max_bytes: MIB,
            epoch: EpochCheck(LeaderEpoch::NONE),
            last_fetched_epoch,
            from: ReadFrom::Leader,
        };
        node.runtime.block_on(node.partitions.read(vec![request], MIB, true, None)).unwrap().remove(0)
    };
    let end = |epoch, end| Some(EpochEnd { epoch, end: Offset(end) });
    // Nothing of the first epoch is left: it ended where the log begins, at the latest.
    for (offset, epoch, diverging) in [
        (7, epochs[0], end(epochs[0], 5)),
        (5, epochs[0], None),
        (7, epochs[1], end(epochs[1], 6)),
        (6, epochs[1], None),
        (7, epochs[2], None),
    ] {
        let result = read(offset, epoch);
        assert_eq!(result.diverging, diverging, "at {offset}, after epoch {epoch}");
        let bytes = result.data.as_ref().map_or(0, ReadData::expected_bytes);
        assert_eq!(bytes > 0, diverging.is_none(), "at {offset}, after epoch {epoch}");
    }
    for epoch in epochs {
        let result = read(4, epoch);
        assert!(matches!(result.data, Err(PartitionError::OutOfRange { .. })), "after epoch {epoch}");
        assert_eq!(result.diverging, None);
    }
}
