//! What a replica lets happen that may have followed a leader before its node's start.
use super::effects::{at, receive, step};
use crate::raft::cluster::first_key;
use crate::raft::{
    Ballot, Decision, Effect, Event, Message, Position, Recovered, Refusal, Replica, Timer, Timing, Vote,
    VoterSet,
};
use crate::types::{EpochHistory, Instant, LeaderEpoch, NodeId, Offset};

const EPOCH: LeaderEpoch = LeaderEpoch(2);
const OVER: Instant = Instant(Timing::USUAL.upholding.as_nanos() as u64);

/// Node 1 of three, found by its node's start at time 0, with a log of epoch 2 that ends there.
fn found(end: i64) -> Replica {
    let mut epochs = EpochHistory::default();
    epochs.assign(EPOCH, Offset::ZERO);
    let recovered = Recovered {
        epoch: EPOCH,
        vote: None,
        epochs,
        log_start: Offset::ZERO,
        log_end: Offset(end),
        high_watermark: Offset::ZERO,
        voters: vec![(Position::ORIGIN, VoterSet::new((1..=3).map(NodeId)))],
    };
    Replica::new(first_key(1), recovered, &Timing::USUAL, 7, Instant(0)).with_earlier_life(Instant(0))
}

/// What it decides when node 2 asks whether it would vote for it.
fn asked(replica: &mut Replica, now: Instant, log_end: Position) -> Decision {
    let (ballot, voter) = (Ballot::PreVote, first_key(1));
    let vote = Vote { epoch: EPOCH, ballot, candidate: first_key(2), voter, log_end };
    let mut effects = Vec::new();
    replica.step(now, Event::Received { from: NodeId(2), message: Message::Vote(vote) }, &mut effects);
    let replies = effects.into_iter().find_map(|effect| match effect {
        Effect::Send { message: Message::VoteReply(reply), .. } => Some(reply.decision),
        _ => None,
    });
    replies.expect("it answers")
}

#[test]
fn whom_it_followed_before_may_count_on_it_for_a_while() {
    let mut replica = found(5);
    assert_eq!(asked(&mut replica, Instant(0), at(2, 9)), Decision::Refused(Refusal::HasLeader));
    assert_eq!(asked(&mut replica, Instant(OVER.0 - 1), at(2, 9)), Decision::Refused(Refusal::HasLeader));
    assert_eq!(asked(&mut replica, OVER, at(2, 9)), Decision::Granted);
}

#[test]
fn it_takes_nobodys_place_itself_meanwhile() {
    let mut replica = found(5);
    let campaigns = |replica: &mut Replica, now| {
        let mut effects = Vec::new();
        replica.step(now, Event::Timer(Timer::Election), &mut effects);
        !effects.is_empty()
    };
    assert!(!campaigns(&mut replica, Instant(OVER.0 - 1)));
    assert_eq!(replica.deadline(), Some((OVER, Timer::Election)));
    assert_eq!(asked(&mut replica, Instant(1), at(1, 9)), Decision::Refused(Refusal::HasLeader));
    assert_eq!(replica.deadline(), Some((OVER, Timer::Election)), "not for one whose log ends before");
    assert!(campaigns(&mut replica, OVER));
}

#[test]
fn nobody_makes_it_campaign_meanwhile() {
    let mut replica = found(5);
    let campaign = |replica: &mut Replica, now| {
        let mut effects = Vec::new();
        replica.step(now, Event::Campaign, &mut effects);
        effects
    };
    assert_eq!(campaign(&mut replica, Instant(OVER.0 - 1)), []);
    assert_eq!(asked(&mut replica, Instant(OVER.0 - 1), at(2, 9)), Decision::Refused(Refusal::HasLeader));
    assert!(!campaign(&mut replica, OVER).is_empty());
}

#[test]
fn whoever_asked_meanwhile_is_answered_when_the_time_is_over() {
    let over = |log_end| {
        let mut replica = found(5);
        assert_eq!(asked(&mut replica, Instant(1), log_end), Decision::Refused(Refusal::HasLeader));
        assert_eq!(replica.deadline(), Some((OVER, Timer::Election)));
        let mut effects = Vec::new();
        replica.step(OVER, Event::Timer(Timer::Election), &mut effects);
        let told = effects.iter().find_map(|effect| match effect {
            Effect::Send { to, message: Message::VoteReply(reply) } => Some((*to, reply.decision)),
            _ => None,
        });
        (told, replica.deadline().expect("it waits").0)
    };
    let (told, next) = over(at(2, 9));
    assert_eq!(told, Some((NodeId(2), Decision::Granted)));
    assert!(next >= OVER.after(Timing::USUAL.election), "it lets the other go first");
    let (told, next) = over(at(2, 4));
    assert_eq!(told, Some((NodeId(2), Decision::Refused(Refusal::LogBehind))));
    assert_eq!(next, OVER, "the other cannot win");
}

#[test]
fn who_is_told_of_a_leader_knows_again_whom_it_follows() {
    let mut replica = found(5);
    receive(&mut replica, 3, Message::BeginEpoch { epoch: EPOCH });
    assert_eq!(asked(&mut replica, Instant(1), at(2, 9)), Decision::Refused(Refusal::HasLeader));
    step(&mut replica, Event::NodeSilent { node: NodeId(3) });
    assert_eq!(asked(&mut replica, Instant(2), at(2, 9)), Decision::Granted);
}

#[test]
fn whoever_asked_before_it_was_told_of_a_leader_is_not_answered_again() {
    let mut replica = found(5);
    assert_eq!(asked(&mut replica, Instant(1), at(2, 9)), Decision::Refused(Refusal::HasLeader));
    receive(&mut replica, 3, Message::BeginEpoch { epoch: EPOCH });
    assert_eq!(step(&mut replica, Event::NodeSilent { node: NodeId(3) }), []);
    // Who asks while the leader is heard still is.
    step(&mut replica, Event::NodeHeard { node: NodeId(3) });
    assert_eq!(asked(&mut replica, Instant(2), at(2, 9)), Decision::Refused(Refusal::HasLeader));
    assert_eq!(step(&mut replica, Event::NodeSilent { node: NodeId(3) }).len(), 1);
}

#[test]
fn a_vote_is_given_meanwhile() {
    // Whoever asks for it has been granted the pre-votes of a majority: no leader counts on all the others of it.
    let mut replica = found(5);
    let (ballot, voter, candidate) = (Ballot::Vote, first_key(1), first_key(2));
    let vote = Vote { epoch: LeaderEpoch(3), ballot, candidate, voter, log_end: at(2, 9) };
    let effects = receive(&mut replica, 2, Message::Vote(vote));
    assert_eq!(effects, [Effect::PersistVote { epoch: LeaderEpoch(3), candidate }]);
}
