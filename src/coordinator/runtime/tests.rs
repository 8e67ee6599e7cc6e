use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::{CoordinatorError, GroupCoordinators};
use crate::config::{BrokerConfig, Inputs, OFFSETS_TOPIC, load};
use crate::coordinator::group::codec::encode;
use crate::coordinator::group::command::*;
use crate::coordinator::group::{
    CommittedOffset, GroupId, GroupRecord, MemberId, OffsetKey, ProtocolName, ProtocolType, TopicName,
};
use crate::io::Shutdown;
use crate::metadata::{ImageCell, MetadataImage};
use crate::partition::testing::{TestFault, TestNode};
use crate::partition::{AppendRequest, AppendTerms};
use crate::types::{LeaderEpoch, Offset, PartitionId, PartitionIndex, Timestamp, TopicId};
use crate::wire::MetadataRecord;
use crate::wire::batch::{BatchBuilder, BatchOptions, NewRecord};
use crate::wire::messages::{PartitionRecord, TopicRecord};

const TOPIC: TopicId = TopicId([5; 16]);
const PARTITIONS: i32 = 3;

fn partition(index: i32) -> PartitionId {
    PartitionId { topic: TOPIC, index: PartitionIndex(index) }
}

fn config() -> BrokerConfig {
    let overrides = ["listeners=PLAINTEXT://127.0.0.1:0".to_owned(), "node.id=1".to_owned()];
    let inputs = Inputs { file: None, environment: &[], overrides: &overrides };
    load(&inputs, None).expect("the configuration is right").broker
}

fn image() -> Arc<ImageCell> {
    let mut image = MetadataImage::default();
    let topic = TopicRecord { name: OFFSETS_TOPIC.into(), topic_id: TOPIC, ..Default::default() };
    image.apply(&MetadataRecord::Topic(topic)).unwrap();
    for index in 0..PARTITIONS {
        let record = PartitionRecord {
            topic_id: TOPIC,
            partition_id: index,
            replicas: vec![TestNode::ID.0],
            leader: TestNode::ID.0,
            ..Default::default()
        };
        image.apply(&MetadataRecord::Partition(record)).unwrap();
    }
    let cell = ImageCell::default();
    cell.publish(Arc::new(image), Offset::ZERO);
    Arc::new(cell)
}

/// The coordinators of a node with their partitions open.
fn coordinators(node: &TestNode) -> (GroupCoordinators, Shutdown) {
    (0..PARTITIONS).for_each(|index| node.open(partition(index)));
    let shutdown = Shutdown::new();
    let (io, partitions) = (node.io.clone(), node.partitions.clone());
    (GroupCoordinators::new(io, partitions, image(), &config(), shutdown.clone()), shutdown)
}

/// The partition that holds a group.
fn home(groups: &GroupCoordinators, group: &str) -> PartitionId {
    let split = groups.by_partition(vec![group], |group| group);
    PartitionId { topic: TOPIC, index: split.into_keys().next().unwrap().unwrap() }
}

fn commit(group: &str, offset: i64) -> GroupCommand {
    let partition = CommitPartition {
        partition: PartitionIndex(0),
        offset: Offset(offset),
        leader_epoch: LeaderEpoch::NONE,
        metadata: Some("note".to_owned()),
    };
    GroupCommand::CommitOffsets(OffsetCommit {
        group_id: GroupId::from(group),
        generation_id: -1,
        member_id: MemberId::default(),
        group_instance_id: None,
        retention_time_ms: None,
        knows_group_id_not_found: true,
        topics: vec![CommitTopic {
            topic: TopicName::from("orders"),
            topic_id: TopicId([8; 16]),
            partitions: vec![partition],
        }],
    })
}

fn join(group: &str) -> GroupCommand {
    GroupCommand::Join(JoinGroup {
        group_id: GroupId::from(group),
        member_id: MemberId::default(),
        group_instance_id: None,
        client_id: "client".to_owned(),
        client_host: "/127.0.0.1".to_owned(),
        session_timeout_ms: 10_000,
        rebalance_timeout_ms: 10_000,
        protocol_type: ProtocolType::from("consumer"),
        protocols: vec![Protocol { name: ProtocolName::from("range"), metadata: Bytes::from_static(b"m") }],
        requires_known_member_id: false,
        supports_skipping_assignment: true,
        reason: None,
        random: [3; 16],
    })
}

async fn committed(groups: &GroupCoordinators, group: &str) -> Result<Vec<i64>, CoordinatorError> {
    let fetch = OffsetFetch { group_id: GroupId::from(group), topics: None, require_stable: false };
    match groups.request(group, GroupCommand::FetchOffsets(fetch)).await? {
        GroupResponse::FetchOffsets(fetched) => {
            Ok(fetched.topics.iter().flat_map(|topic| &topic.partitions).map(|one| one.offset.0).collect())
        }
        other => panic!("a fetch is answered with {other:?}"),
    }
}

fn is_committed(response: &Result<GroupResponse, CoordinatorError>) -> bool {
    let Ok(GroupResponse::CommitOffsets(Ok(topics))) = response else { return false };
    topics.iter().all(|topic| topic.partitions.iter().all(|(_, error)| error.is_none()))
}

#[test]
fn committed_offsets_survive_a_loss_of_power() {
    let node = TestNode::new();
    let (groups, _) = coordinators(&node);
    node.runtime.block_on(async {
        for (group, offset) in [("a", 1), ("b", 2), ("c", 3), ("a", 11)] {
            let response = groups.request(group, commit(group, offset)).await;
            assert!(is_committed(&response), "{response:?}");
        }
        assert_eq!(committed(&groups, "a").await, Ok(vec![11]));
    });
    let node = node.lose_power();
    let (groups, _) = coordinators(&node);
    node.runtime.block_on(async {
        assert_eq!(committed(&groups, "a").await, Ok(vec![11]));
        assert_eq!(committed(&groups, "b").await, Ok(vec![2]));
        assert_eq!(committed(&groups, "c").await, Ok(vec![3]));
        assert_eq!(committed(&groups, "stranger").await, Ok(vec![]));
        let all = groups.request_all(&GroupCommand::ListGroups(ListGroups::default())).await;
        let mut names = Vec::new();
        for response in all {
            let Ok(GroupResponse::ListGroups(listed)) = response else { panic!("{response:?}") };
            names.extend(listed.into_iter().map(|group| group.group_id.to_string()));
        }
        names.sort();
        assert_eq!(names, ["a", "b", "c"]);
    });
}

#[test]
fn commits_that_are_sent_together_take_effect_in_their_order() {
    let node = TestNode::new();
    let (groups, _) = coordinators(&node);
    node.runtime.block_on(async {
        let requests = (0..100).map(|offset| ("g".to_owned(), commit("g", offset))).collect();
        let responses = groups.request_each(requests).await;
        assert!(responses.iter().all(is_committed));
        assert_eq!(committed(&groups, "g").await, Ok(vec![99]));
    });
}

#[test]
fn what_is_led_no_longer_is_dropped_and_the_log_decides() {
    let node = TestNode::new();
    let (groups, _) = coordinators(&node);
    let id = home(&groups, "g");
    node.runtime.block_on(async {
        assert!(is_committed(&groups.request("g", commit("g", 1)).await));
        node.partitions.delete(vec![id]).await.unwrap();
        let responses =
            groups.request_each((2..4).map(|offset| ("g".to_owned(), commit("g", offset))).collect()).await;
        assert_eq!(responses, [Err(CoordinatorError::NotCoordinator), Err(CoordinatorError::NotCoordinator)]);
        assert!(committed(&groups, "g").await.is_err(), "there is no log to load from");
    });
    node.open(id);
    node.runtime.block_on(async {
        // Loads are not tried in a row.
        node.io.clock.sleep(Duration::from_secs(2)).await;
        assert_eq!(committed(&groups, "g").await, Ok(vec![]), "the new log is empty, and so is the state");
        assert!(is_committed(&groups.request("g", commit("g", 5)).await));
        assert_eq!(committed(&groups, "g").await, Ok(vec![5]));
    });
}

#[test]
fn the_largest_commit_that_is_taken_can_be_written() {
    let overrides = ["listeners=PLAINTEXT://127.0.0.1:0".to_owned(), "node.id=1".to_owned()];
    let small = [overrides.as_slice(), &["ordain.journal.file.bytes=65536".to_owned()]].concat();
    let limit = |overrides: &[String]| {
        let inputs = Inputs { file: None, environment: &[], overrides };
        super::handle::group_limits(&load(&inputs, None).expect("it is right").broker).write_bytes_max
    };
    assert_eq!((limit(&overrides), limit(&small)), (1_000_000, 49_152));

    let node = TestNode::new();
    let (groups, _) = coordinators(&node);
    let large = |count: i32| {
        let GroupCommand::CommitOffsets(mut command) = commit("g", 1) else { unreachable!() };
        let partition = |index| CommitPartition {
            partition: PartitionIndex(index),
            offset: Offset(1),
            leader_epoch: LeaderEpoch::NONE,
            metadata: Some("x".repeat(4000)),
        };
        command.topics[0].partitions = (0..count).map(partition).collect();
        GroupCommand::CommitOffsets(command)
    };
    node.runtime.block_on(async {
        // Each takes 4000 bytes of metadata, 7 of names and at most 80 of the rest.
        assert!(is_committed(&groups.request("g", large(244)).await));
        let refused = groups.request("g", large(245)).await;
        let too_large = GroupError::CommitTooLarge { max: 1_000_000 };
        assert_eq!(refused, Ok(GroupResponse::CommitOffsets(Err(too_large))));
        assert_eq!(committed(&groups, "g").await.unwrap().len(), 244);
    });
}

#[test]
fn a_failed_journal_is_never_taken_for_a_commit() {
    let node = TestNode::new();
    let (groups, _) = coordinators(&node);
    node.runtime.block_on(async {
        assert!(is_committed(&groups.request("g", commit("g", 1)).await));
    });
    node.inject(TestFault::FailSync("journal".to_owned()));
    node.runtime.block_on(async {
        let response = groups.request("g", commit("g", 2)).await;
        assert!(response.is_err(), "{response:?}");
    });
    let node = node.lose_power();
    let (groups, _) = coordinators(&node);
    node.runtime.block_on(async {
        assert_eq!(committed(&groups, "g").await, Ok(vec![1]));
    });
}

#[test]
fn a_load_heeds_tombstones_and_skips_what_is_foreign() {
    let node = TestNode::new();
    let (groups, _) = coordinators(&node);
    let offset = |offset: i64| CommittedOffset {
        offset: Offset(offset),
        leader_epoch: LeaderEpoch::NONE,
        metadata: Default::default(),
        commit_timestamp: node.io.clock.wall(),
        expire_timestamp: None,
        topic_id: TopicId::ZERO,
    };
    let record = |partition: i32, value: Option<CommittedOffset>| {
        let topic = TopicName::from("orders");
        let key = OffsetKey { group: GroupId::from("g"), topic, partition: PartitionIndex(partition) };
        encode(&GroupRecord::OffsetCommit { key, value }).unwrap()
    };
    let mut builder = BatchBuilder::new(BatchOptions::plain(1 << 20));
    let mut add = |key: &[u8], value: Option<&[u8]>| {
        let new = NewRecord { timestamp: Timestamp(1), key: Some(key), value, headers: &[] };
        builder.append(new).unwrap();
    };
    for one in [record(0, Some(offset(7))), record(1, Some(offset(8))), record(0, None)] {
        add(&one.key, one.value.as_deref());
    }
    // The key of a consumer group's metadata: type 3, the name "x".
    add(&[0, 3, 0, 1, b'x'], Some(&[0, 0]));
    let append = AppendRequest { id: home(&groups, "g"), batch: builder.build(), replicas_min: 0 };
    node.runtime.block_on(async {
        node.partitions.append_one(append, AppendTerms::COMMITTED).await.unwrap().unwrap();
        assert_eq!(committed(&groups, "g").await, Ok(vec![8]));
    });
}

/// Writes a record that no load can read, and gives its offset.
async fn append_unreadable(node: &TestNode, id: PartitionId) -> Offset {
    let mut builder = BatchBuilder::new(BatchOptions::plain(1 << 20));
    // The key of an offset, cut short.
    let new = NewRecord { timestamp: Timestamp(1), key: Some(&[0, 1, 0]), value: None, headers: &[] };
    builder.append(new).unwrap();
    let append = AppendRequest { id, batch: builder.build(), replicas_min: 0 };
    node.partitions.append_one(append, AppendTerms::COMMITTED).await.unwrap().unwrap().base_offset
}

#[test]
fn a_damaged_record_makes_the_groups_unavailable_and_not_empty() {
    let node = TestNode::new();
    let (groups, _) = coordinators(&node);
    node.runtime.block_on(async {
        append_unreadable(&node, home(&groups, "g")).await;
        assert_eq!(committed(&groups, "g").await, Err(CoordinatorError::NotCoordinator));
    });
}

#[test]
fn deleted_topics_take_their_offsets_along() {
    let node = TestNode::new();
    let (groups, _) = coordinators(&node);
    node.runtime.block_on(async {
        assert!(is_committed(&groups.request("g", commit("g", 1)).await));
    });
    let node = node.lose_power();
    let (groups, _) = coordinators(&node);
    node.runtime.block_on(async {
        // Nothing is loaded yet: it is now.
        let deleted = DeletedTopic { name: TopicName::from("orders"), id: TopicId([8; 16]) };
        groups.topics_deleted(vec![deleted]).await;
        assert_eq!(committed(&groups, "g").await, Ok(vec![]));
    });
    let node = node.lose_power();
    let (groups, _) = coordinators(&node);
    node.runtime.block_on(async { assert_eq!(committed(&groups, "g").await, Ok(vec![])) });
}

/// What the only member of group `g` is told when it joins: with the end of the initial delay.
async fn joined(groups: &GroupCoordinators) -> Joined {
    match groups.request("g", join("g")).await {
        Ok(GroupResponse::Join(JoinResult { outcome: Ok(joined), .. })) => joined,
        other => panic!("{other:?}"),
    }
}

/// Group `g` has one member, which has its assignment.
async fn make_stable(groups: &GroupCoordinators) {
    let joined = joined(groups).await;
    let sync = SyncGroup {
        group_id: GroupId::from("g"),
        generation_id: joined.generation_id,
        member_id: joined.leader.clone(),
        group_instance_id: None,
        protocol_type: None,
        protocol_name: None,
        assignments: vec![(joined.leader.clone(), Bytes::from_static(b"all"))],
    };
    let response = groups.request("g", GroupCommand::Sync(sync)).await;
    assert!(matches!(response, Ok(GroupResponse::Sync(Ok(_)))), "{response:?}");
}

/// The state of group `g`, and how many members it has.
async fn described(groups: &GroupCoordinators) -> (GroupState, usize) {
    let describe = DescribeGroups { groups: vec![GroupId::from("g")], knows_group_id_not_found: true };
    let response = groups.request("g", GroupCommand::DescribeGroups(describe)).await;
    let Ok(GroupResponse::DescribeGroups(described)) = response else { panic!("{response:?}") };
    (described[0].state, described[0].members.len())
}

#[test]
fn members_expire_by_the_clock() {
    let node = TestNode::new();
    let (groups, _) = coordinators(&node);
    node.runtime.block_on(async {
        let joined = joined(&groups).await;
        assert_eq!((joined.generation_id, joined.members.len()), (1, 1));
        node.io.clock.sleep(Duration::from_secs(30)).await;
        assert_eq!(described(&groups).await, (GroupState::Empty, 0));
    });
}

#[test]
fn members_that_nobody_asks_about_expire_after_a_start_too() {
    let node = TestNode::new();
    let (groups, _) = coordinators(&node);
    node.runtime.block_on(async {
        make_stable(&groups).await;
    });
    let node = node.lose_power();
    let (groups, _) = coordinators(&node);
    node.runtime.block_on(async {
        assert_eq!(
            described(&groups).await,
            (GroupState::Stable, 1),
            "loaded when it is asked for, it has its member"
        );
    });
    let node = node.lose_power();
    let (groups, _) = coordinators(&node);
    drop(node.io.spawn.spawn("group loading", Box::pin(groups.clone().keep_loaded())));
    node.runtime.block_on(async {
        // Longer than the session, in which nobody asks.
        node.io.clock.sleep(Duration::from_secs(12)).await;
        assert_eq!(described(&groups).await, (GroupState::Empty, 0));
    });
}

#[test]
fn members_expire_too_where_the_first_load_failed_and_nobody_asks() {
    let node = TestNode::new();
    let (groups, _) = coordinators(&node);
    let id = home(&groups, "g");
    let unreadable = node.runtime.block_on(async {
        // Loaded before there is anything that cannot be.
        assert_eq!(committed(&groups, "g").await, Ok(vec![]));
        let unreadable = append_unreadable(&node, id).await;
        make_stable(&groups).await;
        unreadable
    });
    let node = node.lose_power();
    let (groups, _) = coordinators(&node);
    drop(node.io.spawn.spawn("group loading", Box::pin(groups.clone().keep_loaded())));
    node.runtime.block_on(async {
        node.io.clock.sleep(Duration::from_millis(500)).await;
        let whole = node.partitions.delete_records(vec![(id, Some(unreadable.plus(1)))]).await.unwrap();
        assert!(whole.iter().all(Result::is_ok), "{whole:?}");
        // Longer than the pause and the session.
        node.io.clock.sleep(Duration::from_secs(14)).await;
        assert_eq!(described(&groups).await, (GroupState::Empty, 0));
    });
}

#[test]
fn the_end_of_the_node_answers_who_is_parked() {
    let node = TestNode::new();
    let (groups, shutdown) = coordinators(&node);
    let clock = Arc::clone(&node.io.clock);
    node.runtime.block_on(async {
        let parked = groups.request("g", join("g"));
        let ends = async {
            clock.sleep(Duration::from_millis(100)).await;
            shutdown.begin();
        };
        let (response, ()) = tokio::join!(parked, ends);
        let Ok(GroupResponse::Join(result)) = response else { panic!("{response:?}") };
        assert_eq!(result.outcome, Err(GroupError::NotCoordinator));
        assert_eq!(committed(&groups, "g").await, Err(CoordinatorError::NotCoordinator));
    });
}

#[test]
fn without_an_offsets_topic_nobody_coordinates() {
    let node = TestNode::new();
    let (io, partitions) = (node.io.clone(), node.partitions.clone());
    let image = Arc::new(ImageCell::default());
    let groups = GroupCoordinators::new(io, partitions, image, &config(), Shutdown::new());
    node.runtime.block_on(async {
        assert_eq!(committed(&groups, "g").await, Err(CoordinatorError::NotCoordinator));
        assert!(groups.request_all(&GroupCommand::ListGroups(ListGroups::default())).await.is_empty());
    });
}
