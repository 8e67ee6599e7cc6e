//! How groups end, are shown, and pass from one coordinator to the next.
use super::*;

const RETENTION_MS: u64 = 7 * 24 * 60 * 60 * 1000;
const CHECK_MS: u64 = 600_000;

fn commit(bench: &mut Bench, command: OffsetCommit) {
    let response = bench.ask(GroupCommand::CommitOffsets(command));
    assert!(matches!(response, GroupResponse::CommitOffsets(Ok(_))), "{response:?}");
}

fn leave(bench: &mut Bench, command: LeaveGroup) -> Vec<Option<GroupError>> {
    match bench.ask(GroupCommand::Leave(command)) {
        GroupResponse::Leave(Ok(left)) => left.into_iter().map(|member| member.error).collect(),
        other => panic!("members leave, not {other:?}"),
    }
}

fn leaving(member: &str, instance: Option<&str>) -> LeavingMember {
    LeavingMember {
        member_id: MemberId::from(member),
        group_instance_id: instance.map(InstanceId::from),
        reason: Some("maintenance".to_string()),
    }
}

fn list(bench: &mut Bench, states: &[&str], types: &[&str]) -> Vec<String> {
    match bench.ask(GroupCommand::ListGroups(ListGroups::filtered(states, types))) {
        GroupResponse::ListGroups(groups) => groups.iter().map(|g| g.group_id.to_string()).collect(),
        other => panic!("a list, not {other:?}"),
    }
}

fn delete(bench: &mut Bench, group: &str) -> Option<GroupError> {
    let command = DeleteGroups { groups: vec![GroupId::from(group)] };
    match bench.ask(GroupCommand::DeleteGroups(command)) {
        GroupResponse::DeleteGroups(mut deleted) => deleted.remove(0).error,
        other => panic!("a deletion, not {other:?}"),
    }
}

#[test]
fn members_leave_each_with_an_answer_of_its_own() {
    let mut bench = Bench::new(GroupConfig::default());
    let command = LeaveGroup { group_id: GroupId::from("g"), members: vec![leaving("who", None)] };
    let unknown = Some(GroupError::UnknownMemberId);
    assert_eq!(leave(&mut bench, command), std::slice::from_ref(&unknown), "of a group that is not there");
    let no_group =
        bench.ask(GroupCommand::Leave(LeaveGroup { group_id: GroupId::default(), members: vec![] }));
    assert_eq!(no_group, GroupResponse::Leave(Err(GroupError::InvalidGroupId)));
    for instance in ["one", "two"] {
        let mut command = join_group(&mut bench, "g", "A", &MemberId::default());
        command.group_instance_id = Some(InstanceId::from(instance));
        bench.request(GroupCommand::Join(command));
    }
    let pending = join_group(&mut bench, "g", "B", &MemberId::default());
    let GroupResponse::Join(pending) = bench.ask(GroupCommand::Join(pending)) else { panic!("a join") };
    let members = vec![
        leaving("who", None),
        leaving("", None),
        leaving("", Some("three")),
        leaving("who", Some("one")),
        leaving("", Some("one")),
        leaving(pending.member_id.as_str(), None),
    ];
    let fenced = Some(GroupError::FencedInstanceId);
    let expected = [unknown.clone(), unknown.clone(), unknown, fenced, None, None];
    assert_eq!(leave(&mut bench, LeaveGroup { group_id: GroupId::from("g"), members }), expected);
    let effects = bench.advance(6_000);
    assert_eq!(effects.len(), 1, "only instance two is left: {effects:?}");
}

#[test]
fn the_last_member_leaves_an_empty_group_on_record() {
    let mut bench = Bench::new(GroupConfig::default());
    let ids = stable_group(&mut bench, &["A"]);
    let (token, effects) = bench.request(leave_group("g", &[&ids[0]]));
    let metadata = GroupMetadata {
        protocol_type: ProtocolType::from("consumer"),
        generation: 2,
        protocol: None,
        leader: None,
        current_state_timestamp: Some(START.plus_ms(6_000)),
        members: Vec::new(),
    };
    let record = GroupRecord::GroupMetadata { group: GroupId::from("g"), value: Some(metadata) };
    let left = LeftMember { member_id: ids[0].clone(), group_instance_id: None, error: None };
    assert_eq!(
        effects,
        [
            Effect::Records { write: WriteId(3), records: vec![record] },
            Effect::Reply {
                token,
                response: GroupResponse::Leave(Ok(vec![left])),
                after: After::Durable(WriteId(3))
            },
        ]
    );
}

#[test]
fn offsets_of_an_empty_group_age_since_it_became_empty() {
    let mut bench = Bench::new(GroupConfig::default());
    commit(&mut bench, simple_commit("g", "topic", 7));
    let ids = stable_group(&mut bench, &["A"]);
    // Four days as a member: the subscribed topic's offset does not age.
    for _ in 0..4 * 24 * 60 * 10 {
        bench.now_ms += 6_000;
        bench.ask(heartbeat("g", &ids[0], 1));
    }
    bench.ask(leave_group("g", &[&ids[0]]));
    bench.advance(RETENTION_MS - CHECK_MS);
    assert_eq!(fetch_all(&mut bench, "g").len(), 1);
    bench.advance(2 * CHECK_MS);
    assert_eq!(fetch_all(&mut bench, "g"), []);
    assert_eq!(state_of(&mut bench, "g"), GroupState::Dead);
    let tail = &bench.log[bench.log.len() - 2..];
    let topic_then_group = matches!(
        tail,
        [GroupRecord::OffsetCommit { value: None, .. }, GroupRecord::GroupMetadata { value: None, .. },]
    );
    assert!(topic_then_group, "{tail:?}");
}

#[test]
fn offsets_of_topics_a_stable_group_left_age_since_their_commit() {
    let mut bench = Bench::new(GroupConfig {
        offsets_retention: Duration::from_secs(3),
        offsets_retention_check_interval: Duration::from_secs(1),
        ..GroupConfig::default()
    });
    let ids = stable_group(&mut bench, &["A"]);
    for topic in ["topic", "other"] {
        let command = simple_commit("g", topic, 7);
        commit(&mut bench, OffsetCommit { generation_id: 1, member_id: ids[0].clone(), ..command });
    }
    bench.advance(5_000);
    assert_eq!(fetch_all(&mut bench, "g"), [("topic".to_string(), 0, 7)]);
    assert_eq!(bench.shard.stats().offset_expirations, 1);
}

#[test]
fn an_own_retention_counts_before_the_brokers() {
    let mut bench = Bench::new(GroupConfig::default());
    commit(&mut bench, OffsetCommit { retention_time_ms: Some(1000), ..simple_commit("g", "soon", 1) });
    commit(&mut bench, simple_commit("g", "later", 1));
    bench.advance(CHECK_MS);
    assert_eq!(fetch_all(&mut bench, "g"), [("later".to_string(), 0, 1)]);
    bench.advance(RETENTION_MS);
    assert_eq!(state_of(&mut bench, "g"), GroupState::Dead);
}

#[test]
fn a_large_expiry_is_cut_into_writes() {
    let limits = GroupLimits { records_per_write_max: 3, ..GroupLimits::default() };
    let mut bench = Bench::with_limits(GroupConfig::default(), limits);
    for i in 0..7 {
        commit(
            &mut bench,
            OffsetCommit { retention_time_ms: Some(1), ..simple_commit("g", &format!("t{i}"), 1) },
        );
    }
    let effects = bench.advance(CHECK_MS);
    let sizes = effects.iter().map(|effect| match effect {
        Effect::Records { records, .. } => records.len(),
        Effect::Reply { .. } => 0,
    });
    assert_eq!(sizes.collect::<Vec<_>>(), [3, 3, 2], "seven offsets and their group");
}

#[test]
fn only_empty_groups_are_deleted() {
    let mut bench = Bench::new(GroupConfig::default());
    assert_eq!(delete(&mut bench, "g"), Some(GroupError::GroupIdNotFound));
    commit(&mut bench, simple_commit("g", "topic", 7));
    let ids = stable_group(&mut bench, &["A"]);
    assert_eq!(delete(&mut bench, "g"), Some(GroupError::NonEmptyGroup));
    bench.ask(leave_group("g", &[&ids[0]]));
    assert_eq!(delete(&mut bench, "g"), None);
    assert_eq!(fetch_all(&mut bench, "g"), []);
    assert_eq!(bench.shard.durable(), &Durable::default());
}

#[test]
fn groups_are_listed_by_state_and_type_in_any_case() {
    let mut bench = Bench::new(GroupConfig::default());
    commit(&mut bench, simple_commit("offsets", "topic", 7));
    stable_group(&mut bench, &["A"]);
    assert_eq!(list(&mut bench, &[], &[]), ["g", "offsets"]);
    assert_eq!(list(&mut bench, &["sTABLE "], &[]), ["g"]);
    assert_eq!(list(&mut bench, &["Stable", "empty"], &["Classic"]), ["g", "offsets"]);
    assert!(list(&mut bench, &["Dead"], &[]).is_empty());
    assert!(list(&mut bench, &[], &["consumer"]).is_empty());
    assert!(list(&mut bench, &[], &["nonsense"]).is_empty());
    assert!(list(&mut bench, &["nonsense"], &[]).is_empty());
    assert_eq!(list(&mut bench, &[], &["nonsense", "classic"]), ["g", "offsets"]);
}

#[test]
fn of_filters_that_repeat_themselves_only_what_can_match_is_kept() {
    let words: Vec<&str> = ["Stable", "stable ", "nonsense", "EMPTY"].repeat(1_000);
    let states = Some(BTreeSet::from([GroupState::Empty, GroupState::Stable]));
    assert_eq!(ListGroups::filtered(&words, &[]), ListGroups { states });
}

#[test]
fn groups_are_described_with_metadata_only_when_stable() {
    let mut bench = Bench::new(GroupConfig::default());
    let unknown = describe(&mut bench, "g");
    assert_eq!((unknown.state, unknown.error), (GroupState::Dead, Some(GroupError::GroupIdNotFound)));
    assert_eq!(unknown.error_message.as_deref(), Some("Group g not found."));
    let old = DescribeGroups { groups: vec![GroupId::from("g")], knows_group_id_not_found: false };
    let GroupResponse::DescribeGroups(old) = bench.ask(GroupCommand::DescribeGroups(old)) else { panic!() };
    assert_eq!((old[0].state, &old[0].error), (GroupState::Dead, &None));
    let ids = stable_group(&mut bench, &["A"]);
    let group = describe(&mut bench, "g");
    assert_eq!((group.protocol_type.as_str(), group.protocol_data.as_str()), ("consumer", "range"));
    assert_eq!(group.members[0].metadata, protocol("range", &["topic"]).metadata);
    assert_eq!(group.members[0].assignment, Bytes::from(ids[0].to_string()));
    let command = join_group(&mut bench, "g", "A", &ids[0]);
    bench.request(GroupCommand::Join(command));
    let group = describe(&mut bench, "g");
    assert_eq!((group.state, group.protocol_data.as_str()), (GroupState::CompletingRebalance, ""));
    assert_eq!(group.members[0].metadata, Bytes::new());
}

#[test]
fn a_new_coordinator_gives_every_member_a_whole_session() {
    let mut bench = Bench::new(GroupConfig::default());
    let ids = stable_group(&mut bench, &["A", "B"]);
    commit(&mut bench, simple_commit("offsets", "topic", 7));
    bench.advance(9_000);
    assert_eq!(bench.reload(), []);
    bench.advance(9_000);
    assert_eq!(bench.ask(heartbeat("g", &ids[0], 1)), GroupResponse::Heartbeat(Ok(())));
    assert_eq!(describe(&mut bench, "g").members.len(), 2);
    assert_eq!(fetch_all(&mut bench, "offsets").len(), 1);
    bench.advance(1_000);
    let beat = bench.ask(heartbeat("g", &ids[0], 1));
    assert_eq!(beat, GroupResponse::Heartbeat(Err(GroupError::RebalanceInProgress)), "B is out");
}

#[test]
fn a_group_that_outgrew_its_limit_rebalances_when_it_is_loaded() {
    let mut bench = Bench::new(GroupConfig::default());
    let ids = stable_group(&mut bench, &["A", "B"]);
    bench.config.group_max_size = 1;
    assert_eq!(bench.reload(), []);
    assert_eq!(state_of(&mut bench, "g"), GroupState::PreparingRebalance);
    let command = join_group(&mut bench, "g", "A", &ids[0]);
    let (first, _) = bench.request(GroupCommand::Join(command));
    let command = join_group(&mut bench, "g", "B", &ids[1]);
    let (second, effects) = bench.request(GroupCommand::Join(command));
    let result = JoinResult::refused(MemberId::default(), GroupError::GroupMaxSizeReached);
    let response = GroupResponse::Join(result);
    assert_eq!(effects, [Effect::Reply { token: second, response, after: After::Now }]);
    let effects = bench.advance(60_000);
    assert_eq!(joined(&effects, first).members.len(), 1);
}

#[test]
fn a_record_that_contradicts_itself_is_mended() {
    let member = |id: &str, instance: Option<&str>| MemberMetadata {
        member_id: MemberId::from(id),
        group_instance_id: instance.map(InstanceId::from),
        client_id: String::new(),
        client_host: String::new(),
        rebalance_timeout_ms: -1,
        session_timeout_ms: 10_000,
        subscription: Bytes::new(),
        assignment: Bytes::new(),
    };
    let metadata = GroupMetadata {
        protocol_type: ProtocolType::from("consumer"),
        generation: 5,
        protocol: None,
        leader: Some(MemberId::from("who")),
        current_state_timestamp: None,
        members: vec![
            member("a", Some("one")),
            member("b", Some("one")),
            member("a", None),
            member("c", None),
        ],
    };
    let mut durable = Durable::default();
    durable.apply(&GroupRecord::GroupMetadata { group: GroupId::from("g"), value: Some(metadata) });
    let now = Now { instant: Instant(0), wall: START };
    let mut effects = Vec::new();
    let shard = GroupShard::load(durable, GroupConfig::default(), GroupLimits::default(), now, &mut effects);
    let group = &shard.groups[&GroupId::from("g")];
    assert_eq!(group.leader, Some(MemberId::from("a")));
    assert_eq!(group.members.keys().map(MemberId::as_str).collect::<Vec<_>>(), ["a", "c"]);
    assert_eq!(group.members[&MemberId::from("c")].rebalance_timeout_ms, 10_000);
    assert_eq!(group.subscribed_topics, None);
}
