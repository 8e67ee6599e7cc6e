//! JoinGroup's edges, effect by effect.
use super::*;

fn join(bench: &mut Bench, edit: impl FnOnce(&mut JoinGroup)) -> JoinResult {
    let mut command = join_group(bench, "g", "A", &MemberId::default());
    edit(&mut command);
    match bench.ask(GroupCommand::Join(command)) {
        GroupResponse::Join(result) => result,
        other => panic!("a join is answered with a join, not {other:?}"),
    }
}

fn error(bench: &mut Bench, edit: impl FnOnce(&mut JoinGroup)) -> GroupError {
    join(bench, edit).outcome.expect_err("the join is refused")
}

fn empty_group(since: Timestamp) -> GroupRecord {
    GroupRecord::GroupMetadata {
        group: GroupId::from("g"),
        value: Some(GroupMetadata {
            protocol_type: ProtocolType::default(),
            generation: 0,
            protocol: None,
            leader: None,
            current_state_timestamp: Some(since),
            members: Vec::new(),
        }),
    }
}

#[test]
fn what_is_malformed_is_refused_and_leaves_no_group() {
    let mut bench = Bench::new(GroupConfig::default());
    assert_eq!(error(&mut bench, |c| c.group_id = GroupId::default()), GroupError::InvalidGroupId);
    for got_ms in [5_999, 1_800_001, -1] {
        let expected = GroupError::InvalidSessionTimeout { got_ms, min_ms: 6_000, max_ms: 1_800_000 };
        assert_eq!(error(&mut bench, |c| c.session_timeout_ms = got_ms), expected);
    }
    assert_eq!(error(&mut bench, |c| c.member_id = MemberId::from("who")), GroupError::UnknownMemberId);
    let error = error(&mut bench, |c| c.client_id = "x".repeat(32_731));
    assert_eq!(error, GroupError::NameTooLong { max: 32_730 });
    assert_eq!(bench.log, []);
}

#[test]
fn the_longest_names_can_be_written() {
    let mut bench = Bench::new(GroupConfig::default());
    let mut command = join_group(&mut bench, &"g".repeat(32_767), "A", &MemberId::default());
    command.group_instance_id = Some(InstanceId::from("i".repeat(32_730)));
    bench.request(GroupCommand::Join(command.clone()));
    bench.advance(3_000);
    let member_id = MemberId::fresh(&"i".repeat(32_730), command.random);
    let sync = SyncGroup { group_id: command.group_id, ..sync_group("g", &member_id, 1) };
    bench.request(GroupCommand::Sync(sync));
    assert_eq!(bench.log.len(), 2);
    for record in &bench.log {
        let encoded = codec::encode(record).unwrap();
        assert!(codec::decode(encoded.key, encoded.value).is_ok());
    }
}

#[test]
fn the_first_join_is_given_an_id_and_makes_the_group_known() {
    let mut bench = Bench::new(GroupConfig::default());
    let command = join_group(&mut bench, "g", "A", &MemberId::default());
    let (token, effects) = bench.request(GroupCommand::Join(command));
    let member_id = MemberId::from("A-00000001-0000-4000-8000-000000000000");
    let result = JoinResult { member_id, outcome: Err(GroupError::MemberIdRequired) };
    assert_eq!(
        effects,
        [
            Effect::Reply { token, response: GroupResponse::Join(result), after: After::Now },
            Effect::Records { write: WriteId(1), records: vec![empty_group(START)] },
        ]
    );
    assert_eq!(state_of(&mut bench, "g"), GroupState::Empty);
}

#[test]
fn a_client_of_old_joins_without_an_id() {
    let mut bench = Bench::new(GroupConfig::default());
    let mut command = join_group(&mut bench, "g", "A", &MemberId::default());
    command.requires_known_member_id = false;
    let (token, effects) = bench.request(GroupCommand::Join(command));
    assert_eq!(effects, [Effect::Records { write: WriteId(1), records: vec![empty_group(START)] }]);
    let effects = bench.advance(3_000);
    let joined = joined(&effects, token);
    assert_eq!((joined.generation_id, joined.members.len()), (1, 1));
}

#[test]
fn an_id_that_is_not_used_within_a_session_is_forgotten() {
    let mut bench = Bench::new(GroupConfig::default());
    let given = join(&mut bench, |_| ()).member_id;
    assert_eq!(bench.advance(9_999), []);
    let timer = Timer::Session { group: GroupId::from("g"), member: given.clone() };
    assert_eq!(bench.shard.deadline(), Some((Instant(10_000_000_000), timer)));
    assert_eq!(bench.advance(1), []);
    assert_eq!(error(&mut bench, |c| c.member_id = given), GroupError::UnknownMemberId);
}

#[test]
fn an_id_that_was_just_given_cannot_be_a_static_members() {
    let mut bench = Bench::new(GroupConfig::default());
    let given = join(&mut bench, |_| ()).member_id;
    let edit = |c: &mut JoinGroup| {
        c.member_id = given;
        c.group_instance_id = Some(InstanceId::from("one"));
    };
    assert_eq!(error(&mut bench, edit), GroupError::PendingMemberWithInstanceId);
}

#[test]
fn protocols_must_have_one_in_common() {
    let mut bench = Bench::new(GroupConfig::default());
    assert_eq!(error(&mut bench, |c| c.protocols.clear()), GroupError::InconsistentGroupProtocol);
    let no_type = |c: &mut JoinGroup| c.protocol_type = ProtocolType::default();
    assert_eq!(error(&mut bench, no_type), GroupError::InconsistentGroupProtocol);
    stable_group(&mut bench, &["A", "B"]);
    let sticky = |c: &mut JoinGroup| c.protocols = vec![protocol("sticky", &[])];
    assert_eq!(error(&mut bench, sticky), GroupError::InconsistentGroupProtocol);
    let connect = |c: &mut JoinGroup| c.protocol_type = ProtocolType::from("connect");
    assert_eq!(error(&mut bench, connect), GroupError::InconsistentGroupProtocol);
    assert_eq!(state_of(&mut bench, "g"), GroupState::Stable, "a refusal disturbs nobody");
}

#[test]
fn the_protocol_most_members_prefer_is_chosen() {
    let mut bench = Bench::new(GroupConfig::default());
    let mut tokens = Vec::new();
    for preferences in [["range", "sticky"], ["sticky", "range"], ["sticky", "range"]] {
        let mut command = join_group(&mut bench, "g", "A", &MemberId::default());
        command.requires_known_member_id = false;
        command.protocols = preferences.iter().map(|name| protocol(name, &["topic"])).collect();
        tokens.push(bench.request(GroupCommand::Join(command)).0);
    }
    let effects = bench.advance(6_000);
    assert_eq!(joined(&effects, tokens[0]).protocol_name, Some(ProtocolName::from("sticky")));
}

#[test]
fn the_initial_delay_is_extended_while_members_come_but_not_past_the_rebalance_timeout() {
    let mut bench = Bench::new(GroupConfig::default());
    let arrive = |bench: &mut Bench| {
        let mut command = join_group(bench, "g", "A", &MemberId::default());
        command.requires_known_member_id = false;
        command.rebalance_timeout_ms = 8_000;
        bench.request(GroupCommand::Join(command)).0
    };
    let first = arrive(&mut bench);
    for _ in 0..7 {
        assert_eq!(bench.advance(1_000).len(), 0, "at {} ms", bench.now_ms);
        arrive(&mut bench);
    }
    // 3,000 + 3,000 + the remaining 2,000.
    let effects = bench.advance(1_000);
    assert_eq!(joined(&effects, first).members.len(), 8);
    assert_eq!(bench.now_ms, 8_000);
}

#[test]
fn without_a_delay_the_first_member_is_answered_at_once() {
    let mut bench = Bench::new(GroupConfig { initial_rebalance_delay_ms: 0, ..GroupConfig::default() });
    let mut command = join_group(&mut bench, "g", "A", &MemberId::default());
    command.requires_known_member_id = false;
    let (token, _) = bench.request(GroupCommand::Join(command));
    let effects = bench.advance(0);
    assert_eq!(joined(&effects, token).generation_id, 1);
}

#[test]
fn a_full_group_turns_away_new_members_only() {
    let mut bench = Bench::new(GroupConfig { group_max_size: 2, ..GroupConfig::default() });
    let ids = stable_group(&mut bench, &["A", "B"]);
    assert_eq!(error(&mut bench, |_| ()), GroupError::GroupMaxSizeReached);
    let follower = join(&mut bench, |c| c.member_id = ids[1].clone());
    assert_eq!(follower.outcome.map(|joined| joined.generation_id), Ok(1));
}

#[test]
fn while_members_join_those_that_wait_fill_the_group() {
    let mut bench = Bench::new(GroupConfig { group_max_size: 2, ..GroupConfig::default() });
    let ids = stable_group(&mut bench, &["A", "B"]);
    let join_again = |bench: &mut Bench| {
        let command = join_group(bench, "g", "A", &ids[0]);
        bench.request(GroupCommand::Join(command))
    };
    assert_eq!(join_again(&mut bench).1, [], "parked until the other joins");
    let mut command = join_group(&mut bench, "g", "C", &MemberId::default());
    command.requires_known_member_id = false;
    let (newcomer, effects) = bench.request(GroupCommand::Join(command));
    assert_eq!(effects, [], "one waits so far");
    assert_eq!(error(&mut bench, |c| c.member_id = ids[1].clone()), GroupError::GroupMaxSizeReached);
    // It takes the place of its first one, and finds that all who are left have joined.
    let (token, effects) = join_again(&mut bench);
    assert_eq!(joined(&effects, token).members.len(), 2);
    assert_eq!(joined(&effects, newcomer).generation_id, 2);
}

#[test]
fn ids_that_are_not_used_do_not_fill_a_group() {
    let mut bench = Bench::new(GroupConfig { group_max_size: 2, ..GroupConfig::default() });
    stable_group(&mut bench, &["A"]);
    for _ in 0..2 {
        assert_eq!(error(&mut bench, |_| ()), GroupError::MemberIdRequired);
    }
}

#[test]
fn a_shard_bounds_its_groups_and_members() {
    let limits = GroupLimits { groups_max: 1, members_max: 2, ..GroupLimits::default() };
    let mut bench = Bench::with_limits(GroupConfig::default(), limits);
    let first = join(&mut bench, |_| ());
    join(&mut bench, |_| ());
    let full = GroupError::TooManyMembers { max: 2 };
    assert_eq!(error(&mut bench, |_| ()), full, "ids given count as members");
    let other = |c: &mut JoinGroup| c.group_id = GroupId::from("h");
    assert_eq!(error(&mut bench, other), GroupError::TooManyGroups { max: 1 });
    bench.ask(leave_group("g", &[&first.member_id]));
    assert_eq!(error(&mut bench, |_| ()), GroupError::MemberIdRequired);
}

#[test]
fn ids_that_nobody_uses_keep_no_group_out_for_good() {
    let limits = GroupLimits { members_max: 2, ..GroupLimits::default() };
    let mut bench = Bench::with_limits(GroupConfig::default(), limits);
    for _ in 0..2 {
        assert_eq!(error(&mut bench, |_| ()), GroupError::MemberIdRequired);
    }
    let other = |c: &mut JoinGroup| c.group_id = GroupId::from("h");
    assert_eq!(error(&mut bench, other), GroupError::TooManyMembers { max: 2 });
    bench.advance(10_000);
    assert_eq!(error(&mut bench, other), GroupError::MemberIdRequired);
}

#[test]
fn ids_and_names_are_bounded_and_their_room_is_given_back() {
    let limits = GroupLimits { members_bytes_max: 1_000, ..GroupLimits::default() };
    let mut bench = Bench::with_limits(GroupConfig::default(), limits);
    // Of 337 bytes each is the id; the name is said again by the member, and its protocol takes some bytes, too.
    let long = |c: &mut JoinGroup| c.client_id = "c".repeat(300);
    let full = GroupError::MembersTooLarge { max: 1_000 };
    assert_eq!(error(&mut bench, long), GroupError::MemberIdRequired);
    assert_eq!(error(&mut bench, long), full);
    bench.advance(10_000);
    let id = join(&mut bench, long).member_id;
    // The member comes back with its id: that is not counted again.
    let mut command = join_group(&mut bench, "g", "A", &id);
    long(&mut command);
    let (token, effects) = bench.request(GroupCommand::Join(command));
    assert_eq!(effects, [], "parked");
    assert_eq!(error(&mut bench, long), full);
    let effects = bench.advance(3_000);
    assert_eq!(joined(&effects, token).leader, id);
    bench.ask(leave_group("g", &[&id]));
    assert_eq!(error(&mut bench, long), GroupError::MemberIdRequired);
    // The group goes, and the id that it has given out with it.
    let other = |c: &mut JoinGroup| (c.group_id, c.client_id) = (GroupId::from("h"), "c".repeat(300));
    assert_eq!(error(&mut bench, other), full);
    bench.ask(GroupCommand::DeleteGroups(DeleteGroups { groups: vec![GroupId::from("g")] }));
    assert_eq!(error(&mut bench, other), GroupError::MemberIdRequired);
    bench.reload();
}

#[test]
fn what_members_say_is_bounded_for_each_and_for_all() {
    let limits = GroupLimits { write_bytes_max: 1_000, members_bytes_max: 1_500, ..GroupLimits::default() };
    let mut bench = Bench::with_limits(GroupConfig::default(), limits);
    let says = |bytes: usize| vec![Protocol { name: "range".into(), metadata: Bytes::from(vec![0; bytes]) }];
    assert_eq!(error(&mut bench, |c| c.protocols = says(1_000)), GroupError::GroupTooLarge { max: 1_000 });
    // One member says much, and waits for others.
    let mut command = join_group(&mut bench, "g", "A", &MemberId::default());
    (command.protocols, command.requires_known_member_id) = (says(900), false);
    let (first, effects) = bench.request(GroupCommand::Join(command));
    assert_eq!(effects.iter().filter(|effect| matches!(effect, Effect::Reply { .. })).count(), 0, "parked");
    let full = GroupError::MembersTooLarge { max: 1_500 };
    assert_eq!(error(&mut bench, |c| c.protocols = says(900)), full);
    // The bound is over all groups, and what a member says anew takes the place of what it said.
    let other = |c: &mut JoinGroup| (c.group_id, c.protocols) = (GroupId::from("h"), says(900));
    assert_eq!(error(&mut bench, other), full);
    let effects = bench.advance(3_000);
    let id = joined(&effects, first).leader;
    let mut again = join_group(&mut bench, "g", "A", &id);
    again.protocols = says(880);
    let (token, effects) = bench.request(GroupCommand::Join(again));
    assert_eq!(joined(&effects, token).generation_id, 2);
    bench.ask(leave_group("g", &[&id]));
    assert_eq!(error(&mut bench, |c| c.protocols = says(900)), GroupError::MemberIdRequired);
}

#[test]
fn a_follower_that_joins_again_unchanged_is_told_the_generation() {
    let mut bench = Bench::new(GroupConfig::default());
    let ids = stable_group(&mut bench, &["A", "B"]);
    let joined = join(&mut bench, |c| c.member_id = ids[1].clone()).outcome.unwrap();
    assert_eq!((joined.generation_id, joined.leader, joined.members.len()), (1, ids[0].clone(), 0));
    assert_eq!(state_of(&mut bench, "g"), GroupState::Stable);
}

#[test]
fn the_leader_and_a_member_with_other_metadata_make_the_group_rebalance() {
    for (member, topics) in [(0, "topic"), (1, "other")] {
        let mut bench = Bench::new(GroupConfig::default());
        let ids = stable_group(&mut bench, &["A", "B"]);
        let mut command = join_group(&mut bench, "g", "A", &ids[member]);
        command.protocols = vec![protocol("range", &[topics])];
        let (_, effects) = bench.request(GroupCommand::Join(command));
        assert_eq!(effects, [], "parked until the other joins");
        assert_eq!(state_of(&mut bench, "g"), GroupState::PreparingRebalance);
        let mut command = join_group(&mut bench, "g", "A", &ids[1 - member]);
        command.protocols = vec![protocol("range", &["topic"])];
        let (token, effects) = bench.request(GroupCommand::Join(command));
        assert_eq!(joined(&effects, token).generation_id, 2);
    }
}

#[test]
fn a_repeated_join_takes_the_place_of_the_parked_one() {
    let mut bench = Bench::new(GroupConfig::default());
    let given = join(&mut bench, |_| ()).member_id;
    let command = join_group(&mut bench, "g", "A", &given);
    let (first, _) = bench.request(GroupCommand::Join(command));
    let command = join_group(&mut bench, "g", "A", &given);
    let (second, effects) = bench.request(GroupCommand::Join(command));
    let result = JoinResult { member_id: given, outcome: Err(GroupError::RebalanceInProgress) };
    let response = GroupResponse::Join(result);
    assert_eq!(effects, [Effect::Reply { token: first, response, after: After::Now }]);
    let effects = bench.advance(3_000);
    assert_eq!(joined(&effects, second).generation_id, 1);
}

#[test]
fn a_new_member_that_is_never_answered_expires_all_the_same() {
    let config = GroupConfig { new_member_join_timeout_ms: 20_000, ..GroupConfig::default() };
    let mut bench = Bench::new(config);
    let ids = stable_group(&mut bench, &["A"]);
    let mut command = join_group(&mut bench, "g", "B", &MemberId::default());
    command.requires_known_member_id = false;
    let (token, _) = bench.request(GroupCommand::Join(command));
    for _ in 0..19 {
        bench.advance(1_000);
        bench.ask(heartbeat("g", &ids[0], 1));
    }
    let effects = bench.advance(1_000);
    let result = JoinResult::refused(MemberId::default(), GroupError::UnknownMemberId);
    let response = GroupResponse::Join(result);
    assert_eq!(effects, [Effect::Reply { token, response, after: After::Now }]);
}

#[test]
fn a_static_member_fences_the_one_before_it() {
    let mut bench = Bench::new(GroupConfig::default());
    let mut command = join_group(&mut bench, "g", "A", &MemberId::default());
    command.group_instance_id = Some(InstanceId::from("one"));
    let (first, _) = bench.request(GroupCommand::Join(command.clone()));
    let old = MemberId::from("one-00000001-0000-4000-8000-000000000000");
    command.random = bench.random();
    let (second, effects) = bench.request(GroupCommand::Join(command.clone()));
    let response = GroupResponse::Join(JoinResult::refused(old.clone(), GroupError::FencedInstanceId));
    assert_eq!(effects, [Effect::Reply { token: first, response, after: After::Now }]);
    bench.advance(6_000);
    command.member_id = old;
    let GroupResponse::Join(result) = bench.ask(GroupCommand::Join(command)) else { panic!("a join") };
    assert_eq!(result.outcome, Err(GroupError::FencedInstanceId));
    assert_eq!(bench.open, BTreeSet::new(), "{second:?} was answered");
}

#[test]
fn a_static_leader_of_old_clients_is_told_that_another_leads() {
    let mut bench = Bench::new(GroupConfig::default());
    let mut command = join_group(&mut bench, "g", "A", &MemberId::default());
    command.group_instance_id = Some(InstanceId::from("one"));
    command.supports_skipping_assignment = false;
    bench.request(GroupCommand::Join(command.clone()));
    bench.advance(3_000);
    let old = MemberId::from("one-00000001-0000-4000-8000-000000000000");
    let mut sync = sync_group("g", &old, 1);
    sync.assignments = vec![(old.clone(), Bytes::from_static(b"p0"))];
    bench.request(GroupCommand::Sync(sync));
    bench.commit();
    command.random = bench.random();
    let (token, effects) = bench.request(GroupCommand::Join(command));
    let joined = joined(&effects, token);
    assert_eq!((joined.leader, joined.members, joined.skip_assignment), (old, vec![], false));
    let waits = matches!(
        effects[..],
        [Effect::Records { write: WriteId(3), .. }, Effect::Reply { after: After::Durable(WriteId(3)), .. },]
    );
    assert!(waits, "{effects:?}");
}

#[test]
fn a_static_member_with_another_protocol_makes_the_group_rebalance() {
    let mut bench = Bench::new(GroupConfig::default());
    let mut command = join_group(&mut bench, "g", "A", &MemberId::default());
    command.group_instance_id = Some(InstanceId::from("one"));
    command.protocols = vec![protocol("range", &["topic"]), protocol("sticky", &["topic"])];
    bench.request(GroupCommand::Join(command.clone()));
    bench.advance(3_000);
    let old = MemberId::from("one-00000001-0000-4000-8000-000000000000");
    bench.request(GroupCommand::Sync(sync_group("g", &old, 1)));
    bench.commit();
    command.random = bench.random();
    command.protocols.reverse();
    let (token, effects) = bench.request(GroupCommand::Join(command));
    let joined = joined(&effects, token);
    assert_eq!((joined.generation_id, joined.protocol_name), (2, Some(ProtocolName::from("sticky"))));
}
