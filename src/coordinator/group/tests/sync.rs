//! SyncGroup's and Heartbeat's edges.
use super::*;

fn sync_error(bench: &mut Bench, command: SyncGroup) -> GroupError {
    match bench.ask(GroupCommand::Sync(command)) {
        GroupResponse::Sync(outcome) => outcome.expect_err("the sync is refused"),
        other => panic!("a sync is answered with a sync, not {other:?}"),
    }
}

fn beat(bench: &mut Bench, command: GroupCommand) -> Result<(), GroupError> {
    match bench.ask(command) {
        GroupResponse::Heartbeat(outcome) => outcome,
        other => panic!("a heartbeat is answered with a heartbeat, not {other:?}"),
    }
}

/// A group of A, told its generation 1; nobody has synced.
fn completing(bench: &mut Bench, clients: &[&str]) -> Vec<MemberId> {
    let mut ids = Vec::new();
    for client in clients {
        let mut command = join_group(bench, "g", client, &MemberId::default());
        command.requires_known_member_id = false;
        ids.push(MemberId::fresh(client, command.random));
        bench.request(GroupCommand::Join(command));
    }
    bench.advance(6_000);
    bench.commit();
    assert_eq!(state_of(bench, "g"), GroupState::CompletingRebalance);
    ids
}

#[test]
fn who_is_not_in_the_generation_cannot_sync() {
    let mut bench = Bench::new(GroupConfig::default());
    let stranger = MemberId::from("who");
    let unknown = GroupError::UnknownMemberId;
    assert_eq!(sync_error(&mut bench, sync_group("", &stranger, 1)), GroupError::InvalidGroupId);
    assert_eq!(sync_error(&mut bench, sync_group("g", &stranger, 1)), unknown);
    let ids = completing(&mut bench, &["A"]);
    assert_eq!(sync_error(&mut bench, sync_group("g", &stranger, 1)), unknown);
    let illegal = GroupError::IllegalGeneration { got: 2, current: 1 };
    assert_eq!(sync_error(&mut bench, sync_group("g", &ids[0], 2)), illegal);
    let mut command = sync_group("g", &ids[0], 1);
    command.group_instance_id = Some(InstanceId::from("one"));
    assert_eq!(sync_error(&mut bench, command), unknown, "nobody has this instance id");
    let mut command = sync_group("g", &ids[0], 1);
    command.protocol_type = Some(ProtocolType::from("connect"));
    assert_eq!(sync_error(&mut bench, command), GroupError::InconsistentGroupProtocol);
    let mut command = sync_group("g", &ids[0], 1);
    command.protocol_name = Some(ProtocolName::from("sticky"));
    assert_eq!(sync_error(&mut bench, command), GroupError::InconsistentGroupProtocol);
}

#[test]
fn the_assignment_is_written_before_anybody_is_told() {
    let mut bench = Bench::new(GroupConfig::default());
    let ids = completing(&mut bench, &["A", "B"]);
    let (follower, effects) = bench.request(GroupCommand::Sync(sync_group("g", &ids[1], 1)));
    assert_eq!(effects, []);
    let mut command = sync_group("g", &ids[0], 1);
    command.protocol_name = Some(ProtocolName::from("range"));
    command.assignments =
        vec![(ids[0].clone(), Bytes::from_static(b"p0")), (MemberId::from("who"), Bytes::from_static(b"x"))];
    let (leader, effects) = bench.request(GroupCommand::Sync(command));
    let member = |id: &MemberId, assignment: &'static [u8]| MemberMetadata {
        member_id: id.clone(),
        group_instance_id: None,
        client_id: id.as_str()[..1].to_string(),
        client_host: "/127.0.0.1".to_string(),
        rebalance_timeout_ms: 60_000,
        session_timeout_ms: 10_000,
        subscription: protocol("range", &["topic"]).metadata,
        assignment: Bytes::from_static(assignment),
    };
    let record = GroupRecord::GroupMetadata {
        group: GroupId::from("g"),
        value: Some(GroupMetadata {
            protocol_type: ProtocolType::from("consumer"),
            generation: 1,
            protocol: Some(ProtocolName::from("range")),
            leader: Some(ids[0].clone()),
            current_state_timestamp: Some(START.plus_ms(6_000)),
            members: vec![member(&ids[0], b"p0"), member(&ids[1], b"")],
        }),
    };
    assert_eq!(effects, [Effect::Records { write: WriteId(2), records: vec![record] }]);
    let effects = bench.commit();
    let told = |token, assignment: &'static [u8]| Effect::Reply {
        token,
        response: GroupResponse::Sync(Ok(Synced {
            protocol_type: Some(ProtocolType::from("consumer")),
            protocol_name: Some(ProtocolName::from("range")),
            assignment: Bytes::from_static(assignment),
        })),
        after: After::Now,
    };
    assert_eq!(effects, [told(leader, b"p0"), told(follower, b"")]);
    assert_eq!(bench.shard.stats().completed_rebalances, 1);
    let (late, effects) = bench.request(GroupCommand::Sync(sync_group("g", &ids[0], 1)));
    assert_eq!(effects, [told(late, b"p0")], "in a stable group at once");
}

#[test]
fn of_two_assignments_the_later_counts() {
    let mut bench = Bench::new(GroupConfig::default());
    let ids = completing(&mut bench, &["A"]);
    let mut command = sync_group("g", &ids[0], 1);
    command.assignments = vec![(ids[0].clone(), Bytes::from_static(b"p0"))];
    let (first, _) = bench.request(GroupCommand::Sync(command.clone()));
    command.assignments[0].1 = Bytes::from_static(b"p1");
    let (second, effects) = bench.request(GroupCommand::Sync(command));
    let response = GroupResponse::Sync(Err(GroupError::RebalanceInProgress));
    assert_eq!(effects[0], Effect::Reply { token: first, response, after: After::Now });
    assert_eq!(bench.commit_up_to(WriteId(2)), [], "the assignment that was replaced");
    let effects = bench.commit_up_to(WriteId(3));
    let is_second = matches!(&effects[..], [Effect::Reply { token, response: GroupResponse::Sync(Ok(synced)), .. }]
        if *token == second && synced.assignment == Bytes::from_static(b"p1"));
    assert!(is_second, "{effects:?}");
}

#[test]
fn heartbeats_in_every_state() {
    let mut bench = Bench::new(GroupConfig::default());
    let who = MemberId::from("who");
    assert_eq!(beat(&mut bench, heartbeat("", &who, 1)), Err(GroupError::InvalidGroupId));
    assert_eq!(beat(&mut bench, heartbeat("g", &who, 1)), Err(GroupError::UnknownMemberId));
    let ids = completing(&mut bench, &["A"]);
    assert_eq!(beat(&mut bench, heartbeat("g", &who, 1)), Err(GroupError::UnknownMemberId));
    assert_eq!(beat(&mut bench, heartbeat("g", &ids[0], 1)), Ok(()), "completing");
    let illegal = GroupError::IllegalGeneration { got: 0, current: 1 };
    assert_eq!(beat(&mut bench, heartbeat("g", &ids[0], 0)), Err(illegal));
    bench.request(GroupCommand::Sync(sync_group("g", &ids[0], 1)));
    bench.commit();
    assert_eq!(beat(&mut bench, heartbeat("g", &ids[0], 1)), Ok(()), "stable");
    let mut command = join_group(&mut bench, "g", "B", &MemberId::default());
    command.requires_known_member_id = false;
    bench.request(GroupCommand::Join(command));
    assert_eq!(beat(&mut bench, heartbeat("g", &ids[0], 1)), Err(GroupError::RebalanceInProgress));
}

#[test]
fn a_member_that_is_removed_while_it_waits_is_answered() {
    let mut bench = Bench::new(GroupConfig::default());
    let ids = completing(&mut bench, &["A", "B"]);
    let (parked, _) = bench.request(GroupCommand::Sync(sync_group("g", &ids[1], 1)));
    let (_, effects) = bench.request(leave_group("g", &[&ids[1]]));
    let response = GroupResponse::Sync(Err(GroupError::UnknownMemberId));
    assert_eq!(effects[0], Effect::Reply { token: parked, response, after: After::Now });
}

#[test]
fn a_session_that_runs_out_while_its_member_waits_starts_over_with_the_answer() {
    let mut bench = Bench::new(GroupConfig::default());
    let ids = completing(&mut bench, &["A", "B"]);
    bench.request(GroupCommand::Sync(sync_group("g", &ids[1], 1)));
    for _ in 0..12 {
        bench.advance(1_000);
        assert_eq!(beat(&mut bench, heartbeat("g", &ids[0], 1)), Ok(()));
    }
    bench.request(GroupCommand::Sync(sync_group("g", &ids[0], 1)));
    assert_eq!(bench.commit().len(), 2, "B is still there after 12 s without a heartbeat");
    let timer = Timer::Session { group: GroupId::from("g"), member: ids[1].clone() };
    assert!(bench.shard.timers.is_scheduled(&timer));
}

#[test]
fn an_assignment_that_no_write_can_hold_makes_the_group_rebalance() {
    let limits = GroupLimits { write_bytes_max: 2_000, ..GroupLimits::default() };
    let mut bench = Bench::with_limits(GroupConfig::default(), limits);
    let ids = completing(&mut bench, &["A", "B"]);
    let (follower, _) = bench.request(GroupCommand::Sync(sync_group("g", &ids[1], 1)));
    let mut command = sync_group("g", &ids[0], 1);
    command.assignments = vec![(ids[0].clone(), Bytes::from(vec![0; 2_000]))];
    let (leader, effects) = bench.request(GroupCommand::Sync(command));
    let told = |token| {
        let response = GroupResponse::Sync(Err(GroupError::GroupTooLarge { max: 2_000 }));
        Effect::Reply { token, response, after: After::Now }
    };
    assert_eq!(effects, [told(leader), told(follower)]);
    assert_eq!(state_of(&mut bench, "g"), GroupState::PreparingRebalance);
}

#[test]
fn a_shard_bounds_its_assignments() {
    let limits = GroupLimits { assignments_bytes_max: 100, ..GroupLimits::default() };
    let mut bench = Bench::with_limits(GroupConfig::default(), limits);
    let ids = completing(&mut bench, &["A", "B"]);
    let assigns = |bytes: usize| {
        let mut command = sync_group("g", &ids[0], 1);
        command.assignments = vec![(ids[0].clone(), Bytes::from(vec![0; bytes]))];
        GroupCommand::Sync(command)
    };
    bench.request(assigns(100));
    let (_, effects) = bench.request(assigns(100));
    let replaced = matches!(&effects[..], [.., Effect::Records { .. }]);
    assert!(replaced, "what an assignment replaces is not counted: {effects:?}");
    let (follower, _) = bench.request(GroupCommand::Sync(sync_group("g", &ids[1], 1)));
    let (leader, effects) = bench.request(assigns(101));
    let told = |token| {
        let response = GroupResponse::Sync(Err(GroupError::AssignmentsTooLarge { max: 100 }));
        Effect::Reply { token, response, after: After::Now }
    };
    assert_eq!(effects[1..], [told(leader), told(follower)], "after the leader's earlier request");
    assert_eq!(state_of(&mut bench, "g"), GroupState::PreparingRebalance);
    bench.shard.invariants();
}
