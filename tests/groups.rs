//! Groups and offsets of a whole node, over its wire, in every version.
#![cfg(all(feature = "runtime", unix))]
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test of the real twins")]
mod common;

use bytes::Bytes;
use common::over_io::{IoClient, run, start};
use ordain::io::Io;
use ordain::server::Node;
use ordain::types::{ErrorCode, TopicId};
use ordain::wire::messages::create_topics_request::CreatableTopic;
use ordain::wire::messages::join_group_request::JoinGroupRequestProtocol;
use ordain::wire::messages::leave_group_request::MemberIdentity;
use ordain::wire::messages::offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use ordain::wire::messages::offset_delete_request::{OffsetDeleteRequestPartition, OffsetDeleteRequestTopic};
use ordain::wire::messages::offset_fetch_request::{
    OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
};
use ordain::wire::messages::sync_group_request::SyncGroupRequestAssignment;
use ordain::wire::messages::*;
use ordain::wire::{ApiRequest, Message, Text};

const NONE: i16 = 0;

const SETTINGS: [&str; 2] = ["offsets.topic.num.partitions=4", "group.initial.rebalance.delay.ms=0"];

struct Client(IoClient);

impl Client {
    async fn connect(io: &Io, node: &Node) -> Client {
        Client(IoClient::connect(io, node).await)
    }

    async fn ask<R: ApiRequest>(&mut self, version: i16, request: R) -> R::Response {
        self.0.ask(version, &request).await
    }

    /// Creates the topic `orders` of two partitions.
    async fn create_topic(&mut self) -> TopicId {
        let topic = CreatableTopic {
            name: "orders".into(),
            num_partitions: 2,
            replication_factor: 1,
            ..Default::default()
        };
        let request = CreateTopicsRequest { topics: vec![topic], timeout_ms: 5000, ..Default::default() };
        let response = self.ask(7, request).await;
        assert_eq!(response.topics[0].error_code, NONE, "{:?}", response.topics[0].error_message);
        response.topics[0].topic_id
    }

    async fn find(&mut self, version: i16, kind: i8, group: &str) -> (i16, i32, i32) {
        let key = Text::from(group);
        if version < 4 {
            let request = FindCoordinatorRequest { key, key_type: kind, ..Default::default() };
            let response = self.ask(version, request).await;
            return (response.error_code, response.node_id, response.port);
        }
        let coordinator_keys = vec![key, Text::from("other")];
        let request = FindCoordinatorRequest { key_type: kind, coordinator_keys, ..Default::default() };
        let response = self.ask(version, request).await;
        assert_eq!((response.coordinators.len(), &*response.coordinators[0].key), (2, group));
        let found = &response.coordinators[0];
        (found.error_code, found.node_id, found.port)
    }

    async fn join(&mut self, version: i16, group: &str, member_id: &str) -> JoinGroupResponse {
        let protocol = JoinGroupRequestProtocol {
            name: "range".into(),
            metadata: Bytes::from_static(&[0, 1]),
            ..Default::default()
        };
        let request = JoinGroupRequest {
            group_id: group.into(),
            session_timeout_ms: 10_000,
            rebalance_timeout_ms: 10_000,
            member_id: member_id.into(),
            protocol_type: "consumer".into(),
            protocols: vec![protocol],
            ..Default::default()
        };
        self.ask(version, request).await
    }

    /// Joins as the only member; gives its id and the generation.
    async fn join_alone(&mut self, version: i16, group: &str) -> (Text, i32) {
        let mut joined = self.join(version, group, "").await;
        if version >= 4 {
            assert_eq!(joined.error_code, ErrorCode::MemberIdRequired.code());
            assert_eq!(joined.protocol_name.is_none(), version >= 7);
            joined = self.join(version, group, &joined.member_id).await;
        }
        assert_eq!((joined.error_code, joined.members.len()), (NONE, 1), "version {version}");
        assert_eq!(
            (joined.leader.clone(), joined.protocol_name.as_deref()),
            (joined.member_id.clone(), Some("range"))
        );
        assert_eq!(joined.protocol_type.as_deref(), (version >= 7).then_some("consumer"));
        (joined.member_id, joined.generation_id)
    }

    async fn sync(
        &mut self,
        version: i16,
        group: &str,
        member: &Text,
        generation_id: i32,
    ) -> SyncGroupResponse {
        let assignment = SyncGroupRequestAssignment {
            member_id: member.clone(),
            assignment: Bytes::from_static(&[7]),
            ..Default::default()
        };
        let request = SyncGroupRequest {
            group_id: group.into(),
            generation_id,
            member_id: member.clone(),
            protocol_type: (version >= 5).then(|| "consumer".into()),
            protocol_name: (version >= 5).then(|| "range".into()),
            assignments: vec![assignment],
            ..Default::default()
        };
        self.ask(version, request).await
    }

    /// Commits to partition 0, and to one that does not exist.
    async fn commit(&mut self, version: i16, group: &str, id: TopicId, offset: i64) -> OffsetCommitResponse {
        let partition = |partition_index| OffsetCommitRequestPartition {
            partition_index,
            committed_offset: offset,
            committed_metadata: Some("note".into()),
            ..Default::default()
        };
        let by_id = version >= 10;
        let topic = OffsetCommitRequestTopic {
            name: if by_id { Text::new() } else { "orders".into() },
            topic_id: if by_id { id } else { TopicId::ZERO },
            partitions: vec![partition(0), partition(9)],
            ..Default::default()
        };
        let request =
            OffsetCommitRequest { group_id: group.into(), topics: vec![topic], ..Default::default() };
        self.ask(version, request).await
    }

    /// The committed offsets of partitions 0 and 1, or of all.
    async fn fetch(&mut self, version: i16, group: &str, id: TopicId, all: bool) -> Vec<(i32, i64, i16)> {
        let partition_indexes = vec![0, 1];
        if version < 8 {
            let topic =
                OffsetFetchRequestTopic { name: "orders".into(), partition_indexes, ..Default::default() };
            let topics = (!all).then(|| vec![topic]);
            let request = OffsetFetchRequest { group_id: group.into(), topics, ..Default::default() };
            let response = self.ask(version, request).await;
            assert_eq!(response.error_code, NONE);
            let partitions = response.topics.iter().flat_map(|topic| &topic.partitions);
            return partitions.map(|p| (p.partition_index, p.committed_offset, p.error_code)).collect();
        }
        let by_id = version >= 10;
        let topic = OffsetFetchRequestTopics {
            name: if by_id { Text::new() } else { "orders".into() },
            topic_id: if by_id { id } else { TopicId::ZERO },
            partition_indexes,
            ..Default::default()
        };
        let topics = (!all).then(|| vec![topic]);
        let asked = OffsetFetchRequestGroup { group_id: group.into(), topics, ..Default::default() };
        let other = OffsetFetchRequestGroup { group_id: "nobody".into(), topics: None, ..Default::default() };
        let request = OffsetFetchRequest { groups: vec![asked, other], ..Default::default() };
        let response = self.ask(version, request).await;
        let [asked, other] = &response.groups[..] else { panic!("{response:?}") };
        assert_eq!((&*asked.group_id, asked.error_code), (group, NONE));
        assert_eq!((&*other.group_id, other.error_code, other.topics.len()), ("nobody", NONE, 0));
        if let (true, Some(topic)) = (by_id, asked.topics.first()) {
            assert_eq!(topic.topic_id, id);
        }
        let partitions = asked.topics.iter().flat_map(|topic| &topic.partitions);
        partitions.map(|p| (p.partition_index, p.committed_offset, p.error_code)).collect()
    }
}

fn versions<M: Message>() -> std::ops::RangeInclusive<i16> {
    M::VERSIONS.min..=M::VERSIONS.max
}

#[test]
fn the_coordinator_is_found_in_every_version() {
    let directory = tempfile::tempdir().unwrap();
    run(async {
        let (io, node) = start(directory.path(), &SETTINGS).await;
        let mut client = Client::connect(&io, &node).await;
        let port = i32::from(node.listeners()[0].address.port());
        for version in versions::<FindCoordinatorRequest>() {
            assert_eq!(client.find(version, 0, "g").await, (NONE, 1, port), "version {version}");
            for kind in [1, 2, 77] {
                let refused = (ErrorCode::InvalidRequest.code(), -1, -1);
                if version >= 1 {
                    assert_eq!(client.find(version, kind, "g").await, refused, "version {version}");
                }
            }
        }
        drop(client);
        node.shutdown().await;
    });
}

#[test]
fn a_member_joins_syncs_beats_and_leaves_in_every_version() {
    let directory = tempfile::tempdir().unwrap();
    run(async {
        let (io, node) = start(directory.path(), &SETTINGS).await;
        let mut client = Client::connect(&io, &node).await;
        client.find(0, 0, "g").await;
        for version in versions::<JoinGroupRequest>() {
            let group = format!("group-{version}");
            let (member_id, generation_id) = client.join_alone(version, &group).await;
            let synced = client.sync(version.min(5), &group, &member_id, generation_id).await;
            assert_eq!((synced.error_code, &synced.assignment[..]), (NONE, &[7][..]));
            let heartbeat = |generation_id| HeartbeatRequest {
                group_id: group.as_str().into(),
                generation_id,
                member_id: member_id.clone(),
                ..Default::default()
            };
            let beat = client.ask(version.min(4), heartbeat(generation_id)).await;
            assert_eq!(beat.error_code, NONE);
            let beat = client.ask(version.min(4), heartbeat(generation_id + 1)).await;
            assert_eq!(beat.error_code, ErrorCode::IllegalGeneration.code());
            let leave = |version: i16| LeaveGroupRequest {
                group_id: group.as_str().into(),
                member_id: if version < 3 { member_id.clone() } else { Text::new() },
                members: if version < 3 {
                    Vec::new()
                } else {
                    vec![MemberIdentity { member_id: member_id.clone(), ..Default::default() }]
                },
                ..Default::default()
            };
            let (once, again) = (version.min(5), ErrorCode::UnknownMemberId.code());
            for expected in [NONE, again] {
                let left = client.ask(once, leave(once)).await;
                let error = if once < 3 { left.error_code } else { left.members[0].error_code };
                assert_eq!(error, expected, "version {version}");
            }
        }
        let unnamed = SyncGroupRequest { group_id: "group-9".into(), ..Default::default() };
        let refused = client.ask(5, unnamed).await;
        assert_eq!(refused.error_code, ErrorCode::InconsistentGroupProtocol.code());
        drop(client);
        node.shutdown().await;
    });
}

#[test]
fn offsets_are_committed_fetched_and_kept_in_every_version() {
    let directory = tempfile::tempdir().unwrap();
    let unknown = ErrorCode::UnknownTopicOrPartition.code();
    run(async {
        let (io, node) = start(directory.path(), &SETTINGS).await;
        let mut client = Client::connect(&io, &node).await;
        client.find(0, 0, "g").await;
        let id = client.create_topic().await;
        for version in versions::<OffsetCommitRequest>() {
            let response = client.commit(version, "loner", id, i64::from(version)).await;
            let partitions = &response.topics[0].partitions;
            let mut errors: Vec<_> = partitions.iter().map(|p| (p.partition_index, p.error_code)).collect();
            errors.sort_unstable();
            assert_eq!((response.topics.len(), errors), (1, vec![(0, NONE), (9, unknown)]));
        }
        for version in versions::<OffsetFetchRequest>() {
            let some = client.fetch(version, "loner", id, false).await;
            assert_eq!(some, [(0, 10, NONE), (1, -1, NONE)], "version {version}");
            if version >= 2 {
                assert_eq!(client.fetch(version, "loner", id, true).await, [(0, 10, NONE)]);
            }
        }
        let stranger = TopicId([1; 16]);
        let unknown_id = ErrorCode::UnknownTopicId.code();
        let response = client.commit(10, "loner", stranger, 1).await;
        assert!(response.topics[0].partitions.iter().all(|p| p.error_code == unknown_id));
        drop(client);
        node.shutdown().await;
    });
    run(async {
        let (io, node) = start(directory.path(), &SETTINGS).await;
        let mut client = Client::connect(&io, &node).await;
        assert_eq!(client.fetch(8, "loner", TopicId::ZERO, false).await, [(0, 10, NONE), (1, -1, NONE)]);
        let topic_names = vec!["orders".into()];
        let deletion = DeleteTopicsRequest { topic_names, timeout_ms: 5000, ..Default::default() };
        assert_eq!(client.ask(4, deletion).await.responses[0].error_code, NONE);
        // A topic of the same name starts without offsets.
        let id = client.create_topic().await;
        assert_eq!(client.fetch(8, "loner", TopicId::ZERO, true).await, []);
        assert_eq!(client.fetch(10, "loner", id, false).await, [(0, -1, NONE), (1, -1, NONE)]);
        drop(client);
        node.shutdown().await;
    });
}

#[test]
fn groups_are_listed_described_and_deleted_in_every_version() {
    let directory = tempfile::tempdir().unwrap();
    run(async {
        let (io, node) = start(directory.path(), &SETTINGS).await;
        let mut client = Client::connect(&io, &node).await;
        client.find(0, 0, "g").await;
        let id = client.create_topic().await;
        client.commit(8, "b", id, 1).await;
        client.commit(8, "a", id, 1).await;
        let (member, generation) = client.join_alone(4, "c").await;
        client.sync(4, "c", &member, generation).await;
        for version in versions::<ListGroupsRequest>() {
            let response = client.ask(version, ListGroupsRequest::default()).await;
            let names: Vec<&str> = response.groups.iter().map(|group| &*group.group_id).collect();
            assert_eq!((response.error_code, names), (NONE, vec!["a", "b", "c"]));
            if version >= 4 {
                assert_eq!(
                    (&*response.groups[0].group_state, &*response.groups[2].group_state),
                    ("Empty", "Stable")
                );
                let stable = ListGroupsRequest { states_filter: vec!["stable".into()], ..Default::default() };
                assert_eq!(client.ask(version, stable).await.groups.len(), 1);
            }
        }
        for version in versions::<DescribeGroupsRequest>() {
            let groups = vec!["c".into(), "nobody".into(), "a".into()];
            let include_authorized_operations = version >= 3;
            let request =
                DescribeGroupsRequest { groups, include_authorized_operations, ..Default::default() };
            let response = client.ask(version, request).await;
            let [c, nobody, a] = &response.groups[..] else { panic!("{response:?}") };
            assert_eq!((&*c.group_state, &*c.protocol_data, c.members.len()), ("Stable", "range", 1));
            assert!(c.members[0].client_host.starts_with("/127.0.0.1"));
            assert_eq!(c.authorized_operations, if version >= 3 { 3400 } else { i32::MIN });
            let expected = if version >= 6 { ErrorCode::GroupIdNotFound.code() } else { NONE };
            assert_eq!((nobody.error_code, &*nobody.group_state), (expected, "Dead"));
            assert_eq!((a.error_code, &*a.group_state, a.members.len()), (NONE, "Empty", 0));
        }
        let topic = OffsetDeleteRequestTopic {
            name: "orders".into(),
            partitions: [0, 9].map(|partition_index| OffsetDeleteRequestPartition { partition_index }).into(),
        };
        let deletion = OffsetDeleteRequest { group_id: "a".into(), topics: vec![topic] };
        let response = client.ask(0, deletion.clone()).await;
        let mut errors: Vec<_> =
            response.topics[0].partitions.iter().map(|p| (p.partition_index, p.error_code)).collect();
        errors.sort_unstable();
        assert_eq!(errors, [(0, NONE), (9, ErrorCode::UnknownTopicOrPartition.code())]);
        let refused = client.ask(0, OffsetDeleteRequest { group_id: "nobody".into(), ..deletion }).await;
        assert_eq!((refused.error_code, refused.topics.len()), (ErrorCode::GroupIdNotFound.code(), 0));
        for version in versions::<DeleteGroupsRequest>() {
            let group = format!("short-lived-{version}");
            client.commit(8, &group, id, 1).await;
            let groups_names =
                vec![group.as_str().into(), "c".into(), "nobody".into(), group.as_str().into()];
            let response =
                client.ask(version, DeleteGroupsRequest { groups_names, ..Default::default() }).await;
            let errors: Vec<i16> = response.results.iter().map(|result| result.error_code).collect();
            let (full, absent) = (ErrorCode::NonEmptyGroup.code(), ErrorCode::GroupIdNotFound.code());
            assert_eq!(errors, [NONE, full, absent]);
            assert_eq!(client.fetch(8, &group, id, true).await, []);
        }
        drop(client);
        node.shutdown().await;
    });
}
