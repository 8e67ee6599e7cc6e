//! Who campaigns when in the place of a leader that is silent.
use std::time::Duration;

use crate::raft::cluster::first_key;
use crate::raft::{
    Ballot, Decision, Effect, Event, FetchOutcome, FetchReply, Message, Position, Recovered, Refusal,
    Replica, Slice, Timer, Timing, Vote, VoteReply, VoterSet,
};
use crate::types::{EpochHistory, Instant, LeaderEpoch, NodeId, Offset};

const LEADER: NodeId = NodeId(3);

fn position(end: i64) -> Position {
    Position { epoch: LeaderEpoch(1), end: Offset(end) }
}

/// A voter of three that follows node 3 in epoch 1, with its log's end; the turns begin at `first_turn`.
fn follower(node: i32, end: i64, first_turn: u32) -> Replica {
    let mut epochs = EpochHistory::default();
    epochs.assign(LeaderEpoch(1), Offset::ZERO);
    let recovered = Recovered {
        epoch: LeaderEpoch(1),
        vote: None,
        epochs,
        log_start: Offset::ZERO,
        log_end: Offset(end),
        high_watermark: Offset::ZERO,
        voters: vec![(Position::ORIGIN, VoterSet::new((1..=3).map(NodeId)))],
    };
    let replica = Replica::new(first_key(node), recovered, &Timing::USUAL, 7, Instant(0));
    let mut replica = replica.with_first_turn(first_turn);
    let message = Message::BeginEpoch { epoch: LeaderEpoch(1) };
    step(&mut replica, Event::Received { from: LEADER, message });
    replica
}

fn step(replica: &mut Replica, event: Event) -> Vec<Effect> {
    let mut effects = Vec::new();
    replica.step(Instant(0), event, &mut effects);
    effects
}

fn pre_vote(from: i32, to: i32, end: i64) -> Event {
    let (epoch, ballot) = (LeaderEpoch(1), Ballot::PreVote);
    let (candidate, voter, log_end) = (first_key(from), first_key(to), position(end));
    let message = Message::Vote(Vote { epoch, ballot, candidate, voter, log_end });
    Event::Received { from: NodeId(from), message }
}

fn answer(of: i32, to: i32, decision: Decision, leader: Option<NodeId>) -> Effect {
    let (epoch, ballot, voter) = (LeaderEpoch(1), Ballot::PreVote, first_key(of));
    let message = Message::VoteReply(VoteReply { epoch, ballot, asked: epoch, voter, decision, leader });
    Effect::Send { to: NodeId(to), message }
}

/// How long it waits once the leader is silent.
fn wait(replica: &mut Replica) -> Duration {
    step(replica, Event::NodeSilent { node: LEADER });
    election(replica)
}

fn election(replica: &Replica) -> Duration {
    let (at, timer) = replica.deadline().expect("it waits for its turn");
    assert_eq!(timer, Timer::Election);
    at.since(Instant(0))
}

#[test]
fn voters_take_turns_that_begin_at_the_partitions_own() {
    let Timing { election_turn, election_after_silence, .. } = Timing::USUAL;
    for (node, first_turn, turn) in [(1, 0, 0), (2, 0, 1), (1, 1, 1), (2, 1, 0), (1, 6, 0)] {
        let waits = wait(&mut follower(node, 5, first_turn));
        let begin = election_turn * turn;
        assert!(waits >= begin && waits < begin + election_after_silence, "{node} {first_turn}: {waits:?}");
    }
}

#[test]
fn a_reluctant_one_comes_after_all_others() {
    let mut replica = follower(1, 5, 0);
    step(&mut replica, Event::Reluctant(true));
    assert!(wait(&mut replica) >= Timing::USUAL.election_turn * 2);
    step(&mut replica, pre_vote(2, 1, 4));
    assert!(election(&replica) >= Timing::USUAL.election_turn * 2, "though its log is longer");
    step(&mut replica, Event::Reluctant(false));
    step(&mut replica, pre_vote(2, 1, 4));
    assert_eq!(election(&replica), Duration::ZERO);
}

#[test]
fn a_reluctant_one_is_patient_until_nobody_has_led_for_long() {
    let mut replica = follower(1, 5, 0);
    step(&mut replica, Event::Reluctant(true));
    let at = |since: Duration| Instant(0).after(since);
    let silent = |replica: &mut Replica, now| {
        let mut effects = Vec::new();
        replica.step(now, Event::NodeHeard { node: LEADER }, &mut effects);
        replica.step(now, Event::NodeSilent { node: LEADER }, &mut effects);
        replica.deadline().map(|(at, _)| at.since(now))
    };
    let others = Timing::USUAL.election_turn * 2;
    let over = Timing::USUAL.patience;
    assert!(silent(&mut replica, Instant(0)) >= Some(others));
    assert!(silent(&mut replica, at(over - Duration::from_nanos(1))) >= Some(others));
    assert!(silent(&mut replica, at(over)) < Some(others), "nobody has committed anything");
    // A reply that tells what was committed before this epoch says nothing of its leader; one of this epoch does.
    for (epoch, is_patient) in [(0, false), (1, true)] {
        let high_watermark = Position { epoch: LeaderEpoch(epoch), end: Offset(5) };
        let slice = Slice { last: position(5), epoch_starts: Vec::new(), voters: Vec::new() };
        let reply = FetchReply {
            epoch: LeaderEpoch(1),
            asked: position(5),
            high_watermark,
            log_start: Offset::ZERO,
            outcome: FetchOutcome::Entries(slice),
        };
        let event = Event::Received { from: LEADER, message: Message::FetchReply(reply) };
        replica.step(at(over), event, &mut Vec::new());
        assert_eq!(silent(&mut replica, at(over)) >= Some(others), is_patient, "{epoch}");
    }
}

#[test]
fn of_two_the_one_that_can_win_goes_first() {
    let mut ahead = follower(2, 5, 0);
    assert!(wait(&mut ahead) > Duration::ZERO);
    let refused = answer(2, 1, Decision::Refused(Refusal::LogBehind), None);
    assert_eq!(step(&mut ahead, pre_vote(1, 2, 4)), [refused]);
    assert_eq!(election(&ahead), Duration::ZERO, "it goes at once");
    let mut equal = follower(1, 5, 0);
    wait(&mut equal);
    assert_eq!(step(&mut equal, pre_vote(2, 1, 5)), [answer(1, 2, Decision::Granted, None)]);
    assert!(election(&equal) >= Timing::USUAL.election_turn, "it waits for the other");
}

#[test]
fn a_pre_vote_that_came_too_early_is_granted_when_the_leader_falls_silent() {
    let mut replica = follower(2, 5, 0);
    let refused = answer(2, 1, Decision::Refused(Refusal::HasLeader), Some(LEADER));
    assert_eq!(step(&mut replica, pre_vote(1, 2, 5)), [refused]);
    let effects = step(&mut replica, Event::NodeSilent { node: LEADER });
    assert_eq!(effects, [answer(2, 1, Decision::Granted, None)]);
    step(&mut replica, Event::NodeHeard { node: LEADER });
    assert_eq!(step(&mut replica, Event::NodeSilent { node: LEADER }), [], "once");
    // A prospective takes it, though it has counted the refusal.
    let mut asker = follower(1, 5, 0);
    step(&mut asker, Event::NodeSilent { node: LEADER });
    step(&mut asker, Event::Timer(Timer::Election));
    let reply = |decision, leader| {
        let (epoch, ballot) = (LeaderEpoch(1), Ballot::PreVote);
        let reply = VoteReply { epoch, ballot, asked: epoch, voter: first_key(2), decision, leader };
        Event::Received { from: NodeId(2), message: Message::VoteReply(reply) }
    };
    step(&mut asker, reply(Decision::Refused(Refusal::HasLeader), Some(LEADER)));
    assert_eq!(asker.deadline().map(|(_, timer)| timer), Some(Timer::Round), "it goes on asking");
    let effects = step(&mut asker, reply(Decision::Granted, None));
    assert_eq!(effects, [Effect::PersistVote { epoch: LeaderEpoch(2), candidate: first_key(1) }]);
}
