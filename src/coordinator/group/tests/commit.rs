//! Committed offsets: who may commit, what is stored, what is given back, what is deleted.
use super::*;

fn commit(bench: &mut Bench, command: OffsetCommit) -> Result<Vec<CommittedTopic>, GroupError> {
    match bench.ask(GroupCommand::CommitOffsets(command)) {
        GroupResponse::CommitOffsets(outcome) => outcome,
        other => panic!("a commit is answered with a commit, not {other:?}"),
    }
}

fn delete(bench: &mut Bench, group: &str, topic: &str) -> Result<Vec<DeletedOffsets>, GroupError> {
    let topics = vec![(TopicName::from(topic), vec![PartitionIndex(0)])];
    let command = OffsetDelete { group_id: GroupId::from(group), topics };
    match bench.ask(GroupCommand::DeleteOffsets(command)) {
        GroupResponse::DeleteOffsets(outcome) => outcome,
        other => panic!("a deletion is answered with a deletion, not {other:?}"),
    }
}

fn member_commit(member: &MemberId, generation_id: i32) -> OffsetCommit {
    OffsetCommit { generation_id, member_id: member.clone(), ..simple_commit("g", "topic", 7) }
}

#[test]
fn a_commit_is_a_record_and_an_answer_once_it_is_committed() {
    let mut bench = Bench::new(GroupConfig::default());
    let mut command = simple_commit("g", "topic", 7);
    command.topics[0].topic_id = TopicId([3; 16]);
    command.topics[0].partitions[0].leader_epoch = LeaderEpoch(4);
    command.topics[0].partitions[0].metadata = Some("note".to_string());
    let (token, effects) = bench.request(GroupCommand::CommitOffsets(command));
    let topic = TopicName::from("topic");
    let record = GroupRecord::OffsetCommit {
        key: OffsetKey { group: GroupId::from("g"), topic: topic.clone(), partition: PartitionIndex(0) },
        value: Some(CommittedOffset {
            offset: Offset(7),
            leader_epoch: LeaderEpoch(4),
            metadata: "note".into(),
            commit_timestamp: START,
            expire_timestamp: None,
            topic_id: TopicId([3; 16]),
        }),
    };
    let partitions = vec![(PartitionIndex(0), None)];
    let response = vec![CommittedTopic { topic, topic_id: TopicId([3; 16]), partitions }];
    assert_eq!(
        effects,
        [
            Effect::Records { write: WriteId(1), records: vec![record] },
            Effect::Reply {
                token,
                response: GroupResponse::CommitOffsets(Ok(response)),
                after: After::Durable(WriteId(1))
            },
        ]
    );
}

#[test]
fn a_fetch_waits_for_the_commit_it_shows() {
    let mut bench = Bench::new(GroupConfig::default());
    bench.request(GroupCommand::CommitOffsets(simple_commit("g", "topic", 7)));
    let all = OffsetFetch { group_id: GroupId::from("g"), topics: None, require_stable: false };
    let after = |bench: &mut Bench| match &bench.request(GroupCommand::FetchOffsets(all.clone())).1[..] {
        [Effect::Reply { after, .. }] => *after,
        other => panic!("one reply, not {other:?}"),
    };
    assert_eq!(after(&mut bench), After::Durable(WriteId(1)));
    bench.commit();
    assert_eq!(after(&mut bench), After::Now);
    assert_eq!(fetch_all(&mut bench, "g"), [("topic".to_string(), 0, 7)]);
}

#[test]
fn an_own_retention_is_kept_with_what_its_record_version_can_hold() {
    let mut bench = Bench::new(GroupConfig::default());
    let mut command = simple_commit("g", "topic", 7);
    command.retention_time_ms = Some(500);
    command.topics[0].topic_id = TopicId([3; 16]);
    command.topics[0].partitions[0].leader_epoch = LeaderEpoch(4);
    commit(&mut bench, command).unwrap();
    let GroupRecord::OffsetCommit { value: Some(stored), .. } = &bench.log[0] else { panic!("an offset") };
    assert_eq!(stored.expire_timestamp, Some(START.plus_ms(500)));
    assert_eq!((stored.leader_epoch, stored.topic_id), (LeaderEpoch::NONE, TopicId::ZERO));
}

#[test]
fn who_may_commit() {
    let mut bench = Bench::new(GroupConfig::default());
    let who = MemberId::from("who");
    assert_eq!(commit(&mut bench, member_commit(&who, 1)), Err(GroupError::GroupIdNotFound));
    let old = OffsetCommit { knows_group_id_not_found: false, ..member_commit(&who, 1) };
    assert_eq!(commit(&mut bench, old), Err(GroupError::IllegalGeneration { got: 1, current: -1 }));
    let ids = stable_group(&mut bench, &["A", "B"]);
    assert_eq!(commit(&mut bench, simple_commit("g", "topic", 1)), Err(GroupError::UnknownMemberId));
    assert_eq!(commit(&mut bench, member_commit(&who, 1)), Err(GroupError::UnknownMemberId));
    let illegal = GroupError::IllegalGeneration { got: 0, current: 1 };
    assert_eq!(commit(&mut bench, member_commit(&ids[0], 0)), Err(illegal));
    let fenced = OffsetCommit { group_instance_id: Some(InstanceId::from("x")), ..member_commit(&ids[0], 1) };
    assert_eq!(commit(&mut bench, fenced), Err(GroupError::UnknownMemberId));
    assert!(commit(&mut bench, member_commit(&ids[0], 1)).is_ok(), "stable");
    let command = join_group(&mut bench, "g", "A", &ids[0]);
    bench.request(GroupCommand::Join(command));
    assert!(commit(&mut bench, member_commit(&ids[1], 1)).is_ok(), "of the generation that ends");
    let command = join_group(&mut bench, "g", "B", &ids[1]);
    bench.request(GroupCommand::Join(command));
    assert_eq!(commit(&mut bench, member_commit(&ids[1], 2)), Err(GroupError::RebalanceInProgress));
    bench.ask(leave_group("g", &[&ids[0], &ids[1]]));
    assert!(commit(&mut bench, simple_commit("g", "topic", 1)).is_ok(), "an empty group is anybody's");
}

#[test]
fn a_commit_keeps_the_session_alive() {
    let mut bench = Bench::new(GroupConfig::default());
    let ids = stable_group(&mut bench, &["A"]);
    for _ in 0..4 {
        bench.advance(9_000);
        assert!(commit(&mut bench, member_commit(&ids[0], 1)).is_ok());
    }
    bench.advance(10_000);
    assert_eq!(state_of(&mut bench, "g"), GroupState::Empty);
}

#[test]
fn metadata_is_bounded_in_utf16_units_partition_by_partition() {
    let mut bench = Bench::new(GroupConfig { offset_metadata_max_bytes: 4, ..GroupConfig::default() });
    let mut command = simple_commit("g", "topic", 7);
    let partition = command.topics[0].partitions[0].clone();
    for (i, metadata) in ["1234", "12345", "éééé", "😀😀", "😀😀1"].iter().enumerate() {
        let metadata = Some((*metadata).to_string());
        let partition =
            CommitPartition { partition: PartitionIndex(i as i32), metadata, ..partition.clone() };
        command.topics[0].partitions.push(partition);
    }
    command.topics[0].partitions.remove(0);
    let response = commit(&mut bench, command).unwrap();
    let too_large = Some(GroupError::OffsetMetadataTooLarge { max: 4 });
    let errors: Vec<_> = response[0].partitions.iter().map(|(_, error)| error.clone()).collect();
    assert_eq!(errors, [None, too_large.clone(), None, None, too_large]);
    assert_eq!(bench.log.len(), 3);
}

#[test]
fn a_commit_of_nothing_makes_no_group() {
    let mut bench = Bench::new(GroupConfig { offset_metadata_max_bytes: 0, ..GroupConfig::default() });
    let mut command = simple_commit("g", "topic", 7);
    command.topics[0].partitions[0].metadata = Some("x".to_string());
    commit(&mut bench, command).unwrap();
    assert_eq!(state_of(&mut bench, "g"), GroupState::Dead);
}

#[test]
fn a_shard_bounds_its_offsets() {
    let limits = GroupLimits { offsets_max: 2, groups_max: 1, ..GroupLimits::default() };
    let mut bench = Bench::with_limits(GroupConfig::default(), limits);
    for topic in ["a", "b"] {
        assert!(commit(&mut bench, simple_commit("g", topic, 1)).is_ok());
    }
    let full = Err(GroupError::TooManyOffsets { max: 2 });
    assert_eq!(commit(&mut bench, simple_commit("g", "c", 1)), full);
    assert!(commit(&mut bench, simple_commit("g", "a", 2)).is_ok(), "a newer value needs no room");
    let full = Err(GroupError::TooManyGroups { max: 1 });
    assert_eq!(commit(&mut bench, simple_commit("h", "a", 1)), full);
}

#[test]
fn a_shard_bounds_the_names_of_groups_that_only_commit() {
    let limits = GroupLimits { members_bytes_max: 10, ..GroupLimits::default() };
    let mut bench = Bench::with_limits(GroupConfig::default(), limits);
    assert!(commit(&mut bench, simple_commit("abcdef", "a", 1)).is_ok());
    let full = Err(GroupError::MembersTooLarge { max: 10 });
    assert_eq!(commit(&mut bench, simple_commit("ghijk", "a", 1)), full);
    assert!(
        commit(&mut bench, simple_commit("abcdef", "b", 1)).is_ok(),
        "a group that is there needs no room"
    );
    bench.ask(GroupCommand::DeleteGroups(DeleteGroups { groups: vec![GroupId::from("abcdef")] }));
    assert!(commit(&mut bench, simple_commit("ghijk", "a", 1)).is_ok());
}

#[test]
fn a_shard_bounds_the_notes_of_its_offsets() {
    let limits = GroupLimits { offset_notes_bytes_max: 10, ..GroupLimits::default() };
    let mut bench = Bench::with_limits(GroupConfig::default(), limits);
    let with_note = |topic: &str, bytes: usize| {
        let mut command = simple_commit("g", topic, 1);
        command.topics[0].partitions[0].metadata = Some("x".repeat(bytes));
        command
    };
    assert!(commit(&mut bench, with_note("a", 6)).is_ok());
    let full = Err(GroupError::OffsetNotesTooLarge { max: 10 });
    assert_eq!(commit(&mut bench, with_note("b", 5)), full);
    assert!(commit(&mut bench, with_note("a", 10)).is_ok(), "the note before needs no room any more");
    assert!(commit(&mut bench, with_note("b", 0)).is_ok(), "an offset without a note needs none");
    bench.shard.invariants();
}

#[test]
fn a_fetch_answers_for_every_partition_asked_for() {
    let mut bench = Bench::new(GroupConfig::default());
    let mut command = simple_commit("g", "topic", 7);
    command.topics[0].topic_id = TopicId([3; 16]);
    commit(&mut bench, command).unwrap();
    let mut offsets = |topic_id: TopicId, group: &str| {
        let partitions = vec![PartitionIndex(0), PartitionIndex(1)];
        let topics = Some(vec![FetchTopic { topic: TopicName::from("topic"), topic_id, partitions }]);
        let command = OffsetFetch { group_id: GroupId::from(group), topics, require_stable: true };
        let GroupResponse::FetchOffsets(mut fetched) = bench.ask(GroupCommand::FetchOffsets(command)) else {
            panic!("offsets")
        };
        fetched.topics.remove(0).partitions.iter().map(|p| p.offset.0).collect::<Vec<_>>()
    };
    assert_eq!(offsets(TopicId::ZERO, "g"), [7, -1]);
    assert_eq!(offsets(TopicId([3; 16]), "g"), [7, -1]);
    assert_eq!(offsets(TopicId([4; 16]), "g"), [-1, -1], "the topic of this name is another one now");
    assert_eq!(offsets(TopicId::ZERO, "unknown"), [-1, -1]);
    assert_eq!(fetch_all(&mut bench, "unknown"), []);
}

#[test]
fn offsets_of_subscribed_topics_cannot_be_deleted() {
    let mut bench = Bench::new(GroupConfig::default());
    assert_eq!(delete(&mut bench, "", "topic"), Err(GroupError::InvalidGroupId));
    assert_eq!(delete(&mut bench, "g", "topic"), Err(GroupError::GroupIdNotFound));
    commit(&mut bench, simple_commit("g", "topic", 7)).unwrap();
    commit(&mut bench, simple_commit("g", "other", 7)).unwrap();
    stable_group(&mut bench, &["A"]);
    let error = |outcome: Result<Vec<DeletedOffsets>, _>| outcome.unwrap()[0].partitions[0].1.clone();
    let subscribed = Some(GroupError::GroupSubscribedToTopic);
    assert_eq!(error(delete(&mut bench, "g", "topic")), subscribed);
    assert_eq!(error(delete(&mut bench, "g", "other")), None);
    assert_eq!(error(delete(&mut bench, "g", "none")), None, "no offset, no tombstone, no error");
    assert_eq!(fetch_all(&mut bench, "g"), [("topic".to_string(), 0, 7)]);
}

#[test]
fn an_offset_that_is_named_again_has_one_tombstone_and_each_mention_its_answer() {
    let mut bench = Bench::new(GroupConfig::default());
    commit(&mut bench, simple_commit("g", "topic", 7)).unwrap();
    let (group_id, topic) = (GroupId::from("g"), TopicName::from("topic"));
    let key = OffsetKey { group: group_id.clone(), topic: topic.clone(), partition: PartitionIndex(0) };
    let named = [vec![PartitionIndex(0), PartitionIndex(0), PartitionIndex(1)], vec![PartitionIndex(0)]];
    let answers = named.clone().map(|indexes| DeletedOffsets {
        topic: topic.clone(),
        partitions: indexes.into_iter().map(|index| (index, None)).collect(),
    });
    let topics = named.map(|indexes| (topic.clone(), indexes)).to_vec();
    let (token, effects) = bench.request(GroupCommand::DeleteOffsets(OffsetDelete { group_id, topics }));
    assert_eq!(
        effects,
        [
            Effect::Records { write: WriteId(2), records: vec![key.tombstone()] },
            Effect::Reply {
                token,
                response: GroupResponse::DeleteOffsets(Ok(answers.to_vec())),
                after: After::Durable(WriteId(2))
            },
        ]
    );
    assert_eq!(bench.shard.stats().offset_deletions, 1);
}

#[test]
fn a_deletion_that_takes_too_much_deletes_nothing() {
    let limits = GroupLimits { deletion_bytes_max: 100, ..GroupLimits::default() };
    let mut bench = Bench::with_limits(GroupConfig::default(), limits);
    for topic in ["a", "b"] {
        commit(&mut bench, simple_commit("g", topic, 7)).unwrap();
    }
    // A tombstone takes two bytes of names, and 80 at most of the rest.
    let topics = ["a", "b"].map(|topic| (TopicName::from(topic), vec![PartitionIndex(0)])).to_vec();
    let both = OffsetDelete { group_id: GroupId::from("g"), topics };
    let too_large = GroupError::DeletionTooLarge { max: 100 };
    assert_eq!(bench.ask(GroupCommand::DeleteOffsets(both)), GroupResponse::DeleteOffsets(Err(too_large)));
    assert_eq!(fetch_all(&mut bench, "g").len(), 2);
    assert!(delete(&mut bench, "g", "a").is_ok());
    assert_eq!(fetch_all(&mut bench, "g"), [("b".to_string(), 0, 7)]);
}

#[test]
fn an_unreadable_subscription_may_be_to_any_topic() {
    let mut bench = Bench::new(GroupConfig::default());
    commit(&mut bench, simple_commit("g", "other", 7)).unwrap();
    let mut command = join_group(&mut bench, "g", "A", &MemberId::default());
    command.requires_known_member_id = false;
    command.protocols[0].metadata = Bytes::from_static(b"\0\0\x7f\xff\xff\xff");
    bench.request(GroupCommand::Join(command));
    bench.advance(3_000);
    let outcome = delete(&mut bench, "g", "other").unwrap();
    assert_eq!(outcome[0].partitions[0].1, Some(GroupError::GroupSubscribedToTopic));
}

#[test]
fn a_group_of_another_kind_must_be_empty_for_its_offsets_to_be_deleted() {
    let mut bench = Bench::new(GroupConfig::default());
    let mut command = join_group(&mut bench, "g", "A", &MemberId::default());
    command.protocol_type = ProtocolType::from("connect");
    command.requires_known_member_id = false;
    bench.request(GroupCommand::Join(command));
    assert_eq!(delete(&mut bench, "g", "topic"), Err(GroupError::NonEmptyGroup));
}

#[test]
fn offsets_go_with_their_topic_unless_they_are_another_topics() {
    let mut bench = Bench::new(GroupConfig::default());
    for (group, id) in [("no-id", TopicId::ZERO), ("same", TopicId([1; 16])), ("other", TopicId([2; 16]))] {
        let mut command = simple_commit(group, "topic", 7);
        command.topics[0].topic_id = id;
        commit(&mut bench, command).unwrap();
    }
    let topic = DeletedTopic { name: TopicName::from("topic"), id: TopicId([1; 16]) };
    bench.step(GroupEvent::TopicsDeleted(vec![topic]));
    assert_eq!(fetch_all(&mut bench, "no-id"), []);
    assert_eq!(fetch_all(&mut bench, "same"), []);
    assert_eq!(fetch_all(&mut bench, "other"), [("topic".to_string(), 0, 7)]);
}

#[test]
fn what_no_record_can_hold_is_refused() {
    let limits = GroupLimits { write_bytes_max: 400, ..GroupLimits::default() };
    let mut bench = Bench::with_limits(GroupConfig::default(), limits);
    let long = "x".repeat(32_768);
    assert_eq!(commit(&mut bench, simple_commit(&long, "topic", 1)), Err(GroupError::InvalidGroupId));
    let response = commit(&mut bench, simple_commit("g", &long[..250], 1)).unwrap();
    assert_eq!(response[0].partitions[0].1, Some(GroupError::TopicNameTooLong { max: 249 }));
    let mut command = simple_commit("g", "topic", 1);
    command.topics[0].partitions[0].metadata = Some("x".repeat(400));
    assert_eq!(commit(&mut bench, command), Err(GroupError::CommitTooLarge { max: 400 }));
    assert_eq!(bench.log, []);
}

#[test]
fn a_note_must_be_a_string_of_the_protocol_whatever_is_configured() {
    let mut bench = Bench::new(GroupConfig { offset_metadata_max_bytes: 50_000, ..GroupConfig::default() });
    for (bytes, is_fine) in [(32_767, true), (32_768, false)] {
        let mut command = simple_commit("g", "topic", 1);
        command.topics[0].partitions[0].metadata = Some("x".repeat(bytes));
        let response = commit(&mut bench, command).unwrap();
        assert_eq!(response[0].partitions[0].1.is_none(), is_fine);
    }
    assert_eq!(bench.log.len(), 1);
    assert!(codec::encode(&bench.log[0]).is_ok());
}

#[test]
fn a_note_is_shared_however_often_it_is_asked_for() {
    let mut bench = Bench::new(GroupConfig::default());
    let mut command = simple_commit("g", "topic", 7);
    command.topics[0].partitions[0].metadata = Some("note".to_string());
    commit(&mut bench, command).unwrap();
    let partitions = vec![PartitionIndex(0); 2];
    let topic = FetchTopic { topic: TopicName::from("topic"), topic_id: TopicId::ZERO, partitions };
    let topics = Some(vec![topic]);
    let command = OffsetFetch { group_id: GroupId::from("g"), topics, require_stable: false };
    let GroupResponse::FetchOffsets(fetched) = bench.ask(GroupCommand::FetchOffsets(command)) else {
        panic!("a fetch is answered with offsets")
    };
    let [first, again] = &fetched.topics[0].partitions[..] else { panic!("both are answered") };
    assert_eq!((&*first.metadata, again.metadata.as_ptr()), ("note", first.metadata.as_ptr()));
}
