use std::sync::Arc;
use std::time::Duration;

use super::task::{
    Controller, ControllerConfig, ControllerHandle, ControllerUnavailable, METADATA_PARTITION,
};
use super::{Decision, Quorum, bootstrap};
use crate::config::{Inputs, LiveConfig, load};
use crate::metadata::{ImageCell, MetadataImage, SnapshotError};
use crate::partition::testing::{TestFault, TestNode};
use crate::partition::{AppendRequest, AppendTerms, PeerCalls};
use crate::raft::VoterSet;
use crate::types::{NodeId, Offset, PartitionId, PartitionIndex, ProducerId, Timestamp, TopicId};
use crate::wire::MetadataRecord;
use crate::wire::batch::{BatchBuilder, BatchOptions, NewRecord};
use crate::wire::messages::{BeginTransactionRecord, PartitionRecord, ProducerIdsRecord, TopicRecord};

/// A node that takes a snapshot after every few changes.
fn config() -> ControllerConfig {
    let overrides = [
        "listeners=PLAINTEXT://127.0.0.1:0",
        "node.id=1",
        "metadata.log.max.record.bytes.between.snapshots=300",
        "internal.metadata.max.batch.size.in.bytes=1000",
    ]
    .map(str::to_owned);
    let inputs = Inputs { file: None, environment: &[], overrides: &overrides };
    let loaded = load(&inputs, None).expect("the configuration is right");
    let start = Arc::new(loaded.broker);
    let live = Arc::new(LiveConfig::new(Arc::clone(&start)));
    ControllerConfig { start, settings: Arc::new(loaded.settings), live }
}

fn start(node: &TestNode) -> Result<(ControllerHandle, Arc<ImageCell>), ControllerUnavailable> {
    start_in(node, Quorum::Lone)
}

fn start_in(
    node: &TestNode,
    quorum: Quorum,
) -> Result<(ControllerHandle, Arc<ImageCell>), ControllerUnavailable> {
    let image = Arc::new(ImageCell::default());
    let started =
        Controller::start(node.io.clone(), config(), node.partitions.clone(), Arc::clone(&image), quorum);
    Ok((node.runtime.block_on(started)?, image))
}

/// Makes `changes` changes of which each leaves its number.
fn change(node: &TestNode, controller: &ControllerHandle, numbers: std::ops::Range<i64>) {
    for number in numbers {
        let changed = controller.change(move |image: &MetadataImage| {
            let mut records = bootstrap(image, "cluster", [("metadata.version", 25)]);
            let next = ProducerIdsRecord { next_producer_id: number, ..ProducerIdsRecord::default() };
            records.push(MetadataRecord::ProducerIds(next));
            Decision { records, reply: () }
        });
        node.runtime.block_on(changed).unwrap();
    }
    // A snapshot that is due is taken before the next change.
    node.runtime.block_on(controller.change(|_: &MetadataImage| Decision::reply(()))).unwrap();
}

/// A change that takes several batches: topics of these numbers, by this name.
fn topics(numbers: std::ops::Range<u8>) -> Vec<MetadataRecord> {
    let topic = |number: u8| TopicRecord {
        name: format!("{}-{number}", "t".repeat(100)).into(),
        topic_id: TopicId([number; 16]),
        ..TopicRecord::default()
    };
    numbers.map(|number| topic(number).into()).collect()
}

/// Writes records into the metadata log as a controller does that is cut off behind them.
fn write_and_die(node: &TestNode, records: &[MetadataRecord]) {
    let mut batch = BatchBuilder::new(BatchOptions::plain(10_000));
    for record in records {
        let value = record.encode().unwrap();
        let record = NewRecord { timestamp: Timestamp(0), key: None, value: Some(&value), headers: &[] };
        batch.append(record).unwrap();
    }
    let append = AppendRequest { id: METADATA_PARTITION, batch: batch.build(), replicas_min: 0 };
    let appended = node.partitions.append_one(append, AppendTerms::COMMITTED);
    node.runtime.block_on(appended).unwrap().unwrap();
}

#[test]
fn a_change_of_several_batches_is_one_change() {
    let node = TestNode::new();
    let (controller, image) = start(&node).unwrap();
    let written = controller.change(|_: &MetadataImage| Decision { records: topics(1..50), reply: () });
    node.runtime.block_on(written).unwrap();
    assert_eq!((image.load().topic_count(), image.end()), (49, Offset(51)), "and where it begins and ends");
    let before = image.load();
    let node = node.lose_power();
    let (_, image) = start(&node).unwrap();
    assert_eq!(image.load(), before);
}

#[test]
fn a_change_that_was_cut_off_never_was() {
    let node = TestNode::new();
    let (controller, image) = start(&node).unwrap();
    change(&node, &controller, 1..3);
    let (before, end) = (image.load(), image.end());
    let mut half = topics(1..5);
    half.insert(0, BeginTransactionRecord::default().into());
    write_and_die(&node, &half);

    let node = node.lose_power();
    let (controller, image) = start(&node).unwrap();
    assert_eq!((image.load(), image.end()), (before, end), "it is in no image");
    // The same topics: what was cut off is not in their way.
    let written = controller.change(|image: &MetadataImage| {
        assert_eq!(image.topic_count(), 0);
        Decision { records: topics(1..40), reply: () }
    });
    node.runtime.block_on(written).unwrap();
    change(&node, &controller, 3..9);
    assert_eq!((image.load().topic_count(), image.load().next_producer_id.0), (39, ProducerId(8)));
    let before = image.load();
    let node = node.lose_power();
    let (_, image) = start(&node).unwrap();
    assert_eq!(image.load(), before);
}

fn snapshots(node: &TestNode) -> Vec<String> {
    node.disk().paths().into_iter().filter(|path| path.starts_with("metadata/")).collect()
}

fn log_start(node: &TestNode) -> Offset {
    let moved = node.partitions.delete_records(vec![(METADATA_PARTITION, Some(Offset::ZERO))]);
    node.runtime.block_on(moved).unwrap().remove(0).unwrap()
}

#[test]
fn snapshots_bound_the_log_and_the_image_comes_back() {
    let node = TestNode::new();
    let (controller, image) = start(&node).unwrap();
    change(&node, &controller, 1..40);
    assert_eq!(snapshots(&node).len(), 2, "{:?}", snapshots(&node));
    let start_before = log_start(&node);
    assert!(start_before > Offset(10), "the log begins at {start_before}");
    let before = image.load();

    let node = node.lose_power();
    let (controller, image) = start(&node).unwrap();
    assert_eq!(image.load(), before);
    assert_eq!(image.load().next_producer_id.0, ProducerId(39));
    change(&node, &controller, 40..60);
    assert!(log_start(&node) > start_before);
    assert_eq!(snapshots(&node).len(), 2);
}

#[test]
fn a_damaged_snapshot_costs_a_longer_replay_and_two_are_refused() {
    let node = TestNode::new();
    let (controller, image) = start(&node).unwrap();
    change(&node, &controller, 1..40);
    let before = image.load();
    let node = node.lose_power();
    let names = snapshots(&node);
    node.disk().corrupt(&names[1], 60);
    let (_, image) = start(&node).unwrap();
    assert_eq!(image.load(), before, "the older one and the log make the same image");

    let node = node.lose_power();
    node.disk().corrupt(&names[0], 60);
    node.disk().corrupt(&names[1], 61);
    let refused = start(&node).map(|_| ()).unwrap_err();
    assert!(matches!(refused, ControllerUnavailable::Snapshot(SnapshotError::Lost { .. })), "{refused}");
    assert!(refused.to_string().contains(&names[0]), "{refused}");
}

#[test]
fn a_node_of_several_starts_with_a_damaged_log_and_one_that_is_alone_does_not() {
    let founded = || Quorum::Founded { voters: VoterSet::new([NodeId(1)]), calls: PeerCalls::unconnected() };
    let node = TestNode::new();
    let (controller, image) = start_in(&node, founded()).unwrap();
    leads(&node);
    change(&node, &controller, 1..3);
    let end = image.end();
    let node = node.lose_power();
    // In the payload of a commit that others follow.
    node.disk().corrupt("journal/00000000000000000001.journal", 2 * 4096 + 100);
    let node = node.lose_power();
    let (_, image) = start_in(&node, founded()).unwrap();
    let stats = node.runtime.block_on(node.partitions.stats(Some(vec![METADATA_PARTITION]))).unwrap();
    assert!(stats[0].damaged);
    assert!(image.end() < end, "it waits for the others");
    let node = node.lose_power();
    let refused = start(&node).map(|_| ()).unwrap_err();
    assert!(matches!(refused, ControllerUnavailable::Partition(_)), "{refused}");
}

#[test]
fn without_a_snapshot_the_whole_log_is_read_and_a_snapshot_beyond_it_is_refused() {
    let node = TestNode::new();
    let (controller, image) = start(&node).unwrap();
    change(&node, &controller, 1..3);
    assert!(snapshots(&node).is_empty());
    let before = image.load();
    let node = node.lose_power();
    let (_, image) = start(&node).unwrap();
    assert_eq!(image.load(), before);

    let id = crate::metadata::SnapshotId { end: Offset(1000), epoch: crate::types::LeaderEpoch(1) };
    let node = node.lose_power();
    node.runtime.block_on(async {
        let (mut store, _) = crate::metadata::Snapshots::open(node.io.disk.clone()).await.unwrap();
        store.write(&before, id, crate::types::Timestamp(1)).await.unwrap();
    });
    let refused = start(&node).map(|_| ()).unwrap_err();
    assert!(matches!(refused, ControllerUnavailable::Snapshot(SnapshotError::BeyondLog { .. })), "{refused}");
}

#[test]
fn a_snapshot_that_fails_changes_nothing() {
    let node = TestNode::new();
    let (controller, image) = start(&node).unwrap();
    node.inject(TestFault::FailWrites("metadata/".to_owned()));
    change(&node, &controller, 1..40);
    assert_eq!(log_start(&node), Offset::ZERO);
    let before = image.load();
    let node = node.lose_power();
    let (_, image) = start(&node).unwrap();
    assert_eq!(image.load(), before);
}

/// A sync of the directory that failed may have lost the name.
#[test]
fn a_snapshot_that_failed_is_tried_again_once_it_has_another_name() {
    let node = TestNode::new();
    let (controller, image) = start(&node).unwrap();
    node.inject(TestFault::FailSyncDir("metadata".to_owned()));
    while snapshots(&node).is_empty() {
        change(&node, &controller, 1..2);
    }
    let failed = image.end();
    let names = snapshots(&node);
    assert!(names[0].contains(&format!("{:020}-", failed.0)), "the log ends at {failed}: {names:?}");
    node.runtime.block_on(node.io.clock.sleep(Duration::from_secs(600)));
    assert_eq!(controller.newest_snapshot(), None, "the log has not grown");
    change(&node, &controller, 1..2);
    let newest = controller.newest_snapshot().expect("it was time");
    assert!(newest.end > failed && newest.end == image.end(), "{newest:?} after {failed}");
}

#[test]
fn a_leader_of_several_trims_its_log_behind_the_older_of_two_snapshots() {
    let founded = || Quorum::Founded { voters: VoterSet::new([NodeId(1)]), calls: PeerCalls::unconnected() };
    let node = TestNode::new();
    let (controller, image) = start_in(&node, founded()).unwrap();
    leads(&node);
    change(&node, &controller, 1..40);
    let names = snapshots(&node);
    assert_eq!(names.len(), 2, "{names:?}");
    let start = log_start(&node);
    assert!(names[0].contains(&format!("{:020}-", start.0)), "it begins at {start}: {names:?}");
    let before = image.load();

    let node = node.lose_power();
    let (controller, image) = start_in(&node, founded()).unwrap();
    node.runtime.block_on(image.once(|image, _| *image == *before));
    leads(&node);
    change(&node, &controller, 40..60);
    assert!(log_start(&node) > start);
}

/// Waits until the node is the active controller.
fn leads(node: &TestNode) {
    let serves = async {
        let leaderships = node.partitions.leaderships();
        loop {
            let mut changed = std::pin::pin!(leaderships.changed());
            changed.as_mut().enable();
            if leaderships.of(METADATA_PARTITION).is_some_and(|here| here.serving) {
                return;
            }
            changed.await;
        }
    };
    node.runtime.block_on(serves);
}

#[test]
fn a_node_of_several_makes_replicas_once_it_knows_what_it_knew() {
    let founded = || Quorum::Founded { voters: VoterSet::new([NodeId(1)]), calls: PeerCalls::unconnected() };
    let id = PartitionId { topic: TopicId([7; 16]), index: PartitionIndex(0) };
    let held = |node: &TestNode| {
        node.runtime.block_on(node.partitions.stats(Some(vec![id]))).unwrap().iter().any(|one| one.id == id)
    };
    let node = TestNode::new();
    let (controller, image) = start_in(&node, founded()).unwrap();
    leads(&node);
    let created = controller.change(move |_: &MetadataImage| {
        let topic = TopicRecord { name: "t".into(), topic_id: id.topic, ..TopicRecord::default() };
        let partition = PartitionRecord {
            topic_id: id.topic,
            replicas: vec![1],
            leader: 1,
            leader_epoch: 0,
            ..PartitionRecord::default()
        };
        Decision { records: vec![topic.into(), partition.into()], reply: () }
    });
    node.runtime.block_on(created).unwrap();
    assert!(image.load().partition(id).is_some());
    assert!(!held(&node), "it may have been deleted already");
    node.runtime.block_on(controller.remove_orphans()).unwrap();
    assert!(held(&node));

    let node = node.lose_power();
    let (_controller, image) = start_in(&node, founded()).unwrap();
    node.runtime.block_on(image.once(|image, _| image.partition(id).is_some()));
    assert!(held(&node), "it is on the disk");
}
