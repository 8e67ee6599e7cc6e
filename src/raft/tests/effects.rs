//! What each event makes a replica want, exactly.
use crate::raft::cluster::first_key;
use crate::raft::{
    Ballot, Decision, Effect, Event, Fetch, FetchOutcome, FetchReply, HaltReason, Message, Position,
    Recovered, Refusal, Replica, ReplicaKey, Slice, Standing, Timer, Timing, Vote, VoteReply, VoterSet,
};
use crate::types::{EpochHistory, EpochStart, Instant, LeaderEpoch, NodeId, Offset, Uuid};

pub(super) fn at(epoch: i32, end: i64) -> Position {
    Position { epoch: LeaderEpoch(epoch), end: Offset(end) }
}

/// A replica of node 1 among `voters`, with the log of one epoch.
fn replica(voters: i32, epoch: i32, end: i64, high_watermark: i64) -> Replica {
    let mut epochs = EpochHistory::default();
    if epoch >= 0 {
        epochs.assign(LeaderEpoch(epoch), Offset::ZERO);
    }
    let recovered = Recovered {
        epoch: LeaderEpoch(epoch),
        vote: None,
        epochs,
        log_start: Offset::ZERO,
        log_end: Offset(end),
        high_watermark: Offset(high_watermark),
        voters: vec![(Position::ORIGIN, VoterSet::new((1..=voters).map(NodeId)))],
    };
    Replica::new(first_key(1), recovered, &Timing::USUAL, 7, Instant(0))
}

pub(super) fn step(replica: &mut Replica, event: Event) -> Vec<Effect> {
    let mut effects = Vec::new();
    replica.step(Instant(0), event, &mut effects);
    effects
}

pub(super) fn receive(replica: &mut Replica, from: i32, message: Message) -> Vec<Effect> {
    step(replica, Event::Received { from: NodeId(from), message })
}

fn send(to: i32, message: Message) -> Effect {
    Effect::Send { to: NodeId(to), message }
}

fn granted(from: i32, ballot: Ballot, epoch: i32) -> Message {
    let epoch = LeaderEpoch(epoch);
    let decision = Decision::Granted;
    Message::VoteReply(VoteReply {
        epoch,
        ballot,
        asked: epoch,
        voter: first_key(from),
        decision,
        leader: None,
    })
}

fn vote(from: i32, ballot: Ballot, epoch: i32, log_end: Position) -> Message {
    let epoch = LeaderEpoch(epoch);
    Message::Vote(Vote { epoch, ballot, candidate: first_key(from), voter: first_key(1), log_end })
}

pub(super) fn fetch(from: i32, epoch: i32, log_end: Position, durable: Position) -> Message {
    let replica = first_key(from);
    Message::Fetch(Fetch { epoch: LeaderEpoch(epoch), replica, log_end, durable, log_start: Offset::ZERO })
}

fn reply(epoch: i32, asked: Position, high_watermark: Position, outcome: FetchOutcome) -> Message {
    let epoch = LeaderEpoch(epoch);
    Message::FetchReply(FetchReply { epoch, asked, high_watermark, log_start: Offset::ZERO, outcome })
}

fn entries(last: Position, epoch_starts: &[(i32, i64)]) -> FetchOutcome {
    let start = |&(epoch, start): &(i32, i64)| EpochStart { epoch: LeaderEpoch(epoch), start: Offset(start) };
    let epoch_starts = epoch_starts.iter().map(start).collect();
    FetchOutcome::Entries(Slice { last, epoch_starts, voters: Vec::new() })
}

/// Of three voters, with the log's end given, leading the epoch after.
fn leader(epoch: i32, end: i64) -> Replica {
    let mut replica = replica(3, epoch, end, 0);
    step(&mut replica, Event::Campaign);
    receive(&mut replica, 2, granted(2, Ballot::PreVote, epoch));
    step(&mut replica, Event::VoteDurable { epoch: LeaderEpoch(epoch + 1) });
    receive(&mut replica, 2, granted(2, Ballot::Vote, epoch + 1));
    assert_eq!(replica.standing(), Standing::Starting);
    replica
}

#[test]
fn a_lone_voter_leads_once_its_vote_is_durable_and_serves_once_its_start_is() {
    let mut replica = replica(1, 4, 10, 7);
    let epoch = LeaderEpoch(5);
    let candidate = first_key(1);
    assert_eq!(step(&mut replica, Event::Campaign), [Effect::PersistVote { epoch, candidate }]);
    assert_eq!(replica.standing(), Standing::NotLeader);
    assert_eq!(
        step(&mut replica, Event::VoteDurable { epoch }),
        [Effect::AppendEpochStart { epoch, start: Offset(10) }, Effect::BecameLeader { epoch }]
    );
    assert_eq!(replica.standing(), Standing::Starting);
    assert_eq!(replica.high_watermark(), Offset(7), "nothing is known to be committed yet");
    assert_eq!(
        step(&mut replica, Event::Durable { position: at(5, 10) }),
        [Effect::AdvanceHighWatermark { offset: Offset(10) }]
    );
    assert_eq!(replica.standing(), Standing::Serving);
    assert_eq!(replica.deadline(), None, "an undisturbed leader has no timer");
}

#[test]
fn records_are_committed_when_durable_not_when_appended() {
    let mut replica = replica(1, -1, 0, 0);
    step(&mut replica, Event::Campaign);
    step(&mut replica, Event::VoteDurable { epoch: LeaderEpoch(0) });
    assert_eq!(
        step(&mut replica, Event::Durable { position: at(0, 0) }),
        [Effect::AdvanceHighWatermark { offset: Offset(0) }],
        "said, though the log is empty: it serves now"
    );
    assert_eq!(step(&mut replica, Event::Appended { log_end: at(0, 3) }), []);
    assert_eq!(replica.high_watermark(), Offset(0));
    assert_eq!(
        step(&mut replica, Event::Durable { position: at(0, 3) }),
        [Effect::AdvanceHighWatermark { offset: Offset(3) }]
    );
    assert_eq!(step(&mut replica, Event::Durable { position: at(0, 3) }), [], "said once");
}

#[test]
fn a_campaign_asks_first_then_votes_for_itself_then_asks_in_earnest() {
    let mut replica = replica(3, 0, 5, 5);
    let me = first_key(1);
    let asks = |ballot, epoch| {
        [2, 3].map(|to| {
            let (epoch, voter) = (LeaderEpoch(epoch), first_key(to));
            send(to, Message::Vote(Vote { epoch, ballot, candidate: me, voter, log_end: at(0, 5) }))
        })
    };
    assert_eq!(step(&mut replica, Event::Campaign), asks(Ballot::PreVote, 0));
    let epoch = LeaderEpoch(1);
    assert_eq!(
        receive(&mut replica, 3, granted(3, Ballot::PreVote, 0)),
        [Effect::PersistVote { epoch, candidate: me }],
        "nobody is asked before the own vote is durable"
    );
    assert_eq!(step(&mut replica, Event::VoteDurable { epoch }), asks(Ballot::Vote, 1));
    assert_eq!(receive(&mut replica, 3, granted(3, Ballot::PreVote, 0)), [], "of another ballot");
    let begins = [2, 3].map(|to| send(to, Message::BeginEpoch { epoch }));
    assert_eq!(
        receive(&mut replica, 3, granted(3, Ballot::Vote, 1)),
        [
            &[Effect::AppendEpochStart { epoch, start: Offset(5) }, Effect::BecameLeader { epoch }],
            &begins[..]
        ]
        .concat()
    );
    assert_eq!(step(&mut replica, Event::Durable { position: at(1, 5) }), []);
    assert_eq!(
        receive(&mut replica, 3, fetch(3, 1, at(0, 5), at(0, 5))),
        [Effect::ServeFetch { to: NodeId(3), after: at(0, 5) }]
    );
    assert_eq!(replica.standing(), Standing::Starting, "an entry of its own epoch must be on a majority");
    assert_eq!(
        receive(&mut replica, 3, fetch(3, 1, at(1, 5), at(1, 5))),
        [
            Effect::AdvanceHighWatermark { offset: Offset(5) },
            Effect::ServeFetch { to: NodeId(3), after: at(1, 5) }
        ]
    );
}

#[test]
fn a_candidate_whom_nobody_refuses_goes_on_in_its_epoch() {
    let mut replica = replica(3, 0, 5, 5);
    let (me, epoch) = (first_key(1), LeaderEpoch(1));
    let asks = [2, 3].map(|to| {
        let (ballot, voter) = (Ballot::Vote, first_key(to));
        send(to, Message::Vote(Vote { epoch, ballot, candidate: me, voter, log_end: at(0, 5) }))
    });
    step(&mut replica, Event::Campaign);
    receive(&mut replica, 3, granted(3, Ballot::PreVote, 0));
    let round = |replica: &mut Replica| step(replica, Event::Timer(Timer::Round));
    assert_eq!(round(&mut replica), [], "its disk is slow: it neither asks nor enters another epoch");
    assert_eq!(replica.epoch(), epoch);
    assert_eq!(step(&mut replica, Event::VoteDurable { epoch }), asks);
    assert_eq!(round(&mut replica), asks, "what was lost, or waits for another's disk, is asked for again");
    let refused = VoteReply {
        epoch,
        ballot: Ballot::Vote,
        asked: epoch,
        voter: first_key(2),
        decision: Decision::Refused(Refusal::VotedForAnother),
        leader: None,
    };
    assert_eq!(receive(&mut replica, 2, Message::VoteReply(refused)), []);
    let pre_votes = [2, 3].map(|to| {
        let (ballot, voter) = (Ballot::PreVote, first_key(to));
        send(to, Message::Vote(Vote { epoch, ballot, candidate: me, voter, log_end: at(0, 5) }))
    });
    assert_eq!(round(&mut replica), pre_votes, "a vote that went to another has to be won in another epoch");
}

#[test]
fn an_epoch_that_is_heard_of_does_not_put_an_election_off() {
    let mut replica = replica(3, 0, 5, 5);
    let waits_until = |replica: &Replica| replica.deadline().map(|(at, _)| at);
    let before = waits_until(&replica);
    let later = Event::Received { from: NodeId(2), message: vote(2, Ballot::PreVote, 7, at(0, 4)) };
    let mut effects = Vec::new();
    replica.step(Instant(1), later, &mut effects);
    assert_eq!(replica.epoch(), LeaderEpoch(7));
    assert!(waits_until(&replica) <= before, "{:?} after {before:?}", waits_until(&replica));
}

#[test]
fn a_vote_is_told_once_it_is_durable_and_kept() {
    let mut replica = replica(3, 2, 5, 5);
    let epoch = LeaderEpoch(3);
    assert_eq!(
        receive(&mut replica, 2, vote(2, Ballot::Vote, 3, at(2, 5))),
        [Effect::PersistVote { epoch, candidate: first_key(2) }]
    );
    assert_eq!(step(&mut replica, Event::VoteDurable { epoch }), [send(2, granted(1, Ballot::Vote, 3))]);
    let refused = |refusal, asked| {
        let decision = Decision::Refused(refusal);
        let (ballot, voter, asked) = (Ballot::Vote, first_key(1), LeaderEpoch(asked));
        Message::VoteReply(VoteReply { epoch, ballot, asked, voter, decision, leader: None })
    };
    assert_eq!(
        receive(&mut replica, 3, vote(3, Ballot::Vote, 3, at(2, 9))),
        [send(3, refused(Refusal::VotedForAnother, 3))]
    );
    assert_eq!(
        receive(&mut replica, 2, vote(2, Ballot::Vote, 3, at(2, 5))),
        [send(2, granted(1, Ballot::Vote, 3))],
        "the same candidate is told again"
    );
    assert_eq!(
        receive(&mut replica, 3, vote(3, Ballot::Vote, 2, at(2, 9))),
        [send(3, refused(Refusal::OldEpoch, 2))]
    );
}

#[test]
fn a_shorter_log_gets_no_vote_and_an_epoch_start_makes_a_log_longer() {
    let mut leader = leader(0, 5);
    // It holds the start of epoch 1 and no record of it; it hears of epoch 2.
    let effects = receive(&mut leader, 3, vote(3, Ballot::Vote, 2, at(0, 5)));
    let refused = VoteReply {
        epoch: LeaderEpoch(2),
        ballot: Ballot::Vote,
        asked: LeaderEpoch(2),
        voter: first_key(1),
        decision: Decision::Refused(Refusal::LogBehind),
        leader: None,
    };
    assert_eq!(
        effects,
        [
            Effect::Resigned { epoch: LeaderEpoch(1) },
            send(3, Message::VoteReply(refused)),
            Effect::LeaderChanged { epoch: LeaderEpoch(2), leader: None }
        ]
    );
}

#[test]
fn a_follower_appends_acknowledges_when_durable_and_commits_no_further_than_it_holds() {
    let mut follower = replica(3, 0, 5, 0);
    let epoch = LeaderEpoch(1);
    assert_eq!(
        receive(&mut follower, 2, Message::BeginEpoch { epoch }),
        [Effect::Fetch { from: NodeId(2) }, Effect::LeaderChanged { epoch, leader: Some(NodeId(2)) }]
    );
    assert_eq!(follower.deadline(), None, "failure is detected for the node");
    assert_eq!(
        receive(&mut follower, 2, reply(1, at(0, 5), at(1, 9), entries(at(1, 7), &[(1, 5)]))),
        [
            Effect::AppendEntries { previous: at(0, 5), last: at(1, 7) },
            Effect::AdvanceHighWatermark { offset: Offset(7) },
            Effect::Fetch { from: NodeId(2) },
        ]
    );
    assert_eq!((follower.fetch().log_end, follower.fetch().durable), (at(1, 7), at(0, 5)));
    assert_eq!(
        receive(&mut follower, 2, reply(1, at(0, 5), at(1, 9), entries(at(1, 7), &[(1, 5)]))),
        [],
        "an answer to an earlier fetch"
    );
    let beyond = receive(&mut follower, 2, reply(1, at(0, 4), at(1, 8), entries(at(1, 8), &[(1, 5)])));
    assert_eq!(beyond, [], "of an earlier state of the log, and committed is more than it has");
    assert_eq!(
        step(&mut follower, Event::Durable { position: at(1, 7) }),
        [Effect::Fetch { from: NodeId(2) }]
    );
    assert_eq!(follower.fetch().durable, at(1, 7));
    assert_eq!(
        receive(&mut follower, 2, reply(1, at(1, 7), at(1, 7), entries(at(1, 6), &[]))),
        [Effect::Malformed { from: NodeId(2) }],
        "a log does not shrink by an append"
    );
}

#[test]
fn what_is_told_of_the_commit_with_entries_that_were_sent_twice_counts() {
    let mut follower = replica(3, 1, 5, 0);
    let epoch = LeaderEpoch(1);
    receive(&mut follower, 2, Message::BeginEpoch { epoch });
    let sent = |high_watermark| reply(1, at(1, 5), at(1, high_watermark), entries(at(1, 9), &[]));
    receive(&mut follower, 2, sent(6));
    let again = receive(&mut follower, 2, sent(9));
    assert_eq!(again, [Effect::AdvanceHighWatermark { offset: Offset(9) }]);
    assert_eq!(follower.fetch().log_end, at(1, 9));
    assert_eq!(receive(&mut follower, 2, sent(6)), [], "that is old");
    let other = reply(1, at(1, 5), at(0, 9), entries(at(1, 9), &[]));
    assert_eq!(
        receive(&mut follower, 2, other),
        [],
        "what was committed in another epoch is not in this log"
    );
}

#[test]
fn a_follower_cuts_what_diverged_and_never_what_is_committed() {
    let mut follower = replica(3, 0, 5, 3);
    receive(&mut follower, 2, Message::BeginEpoch { epoch: LeaderEpoch(2) });
    assert_eq!(
        receive(&mut follower, 2, reply(2, at(0, 5), at(2, 4), FetchOutcome::Diverging(at(0, 4)))),
        [Effect::Truncate { to: at(0, 4) }, Effect::Fetch { from: NodeId(2) }]
    );
    let reason = HaltReason::CommittedEntriesDiverge { high_watermark: at(0, 3), common: at(0, 2) };
    assert_eq!(
        receive(&mut follower, 2, reply(2, at(0, 4), at(2, 4), FetchOutcome::Diverging(at(0, 2)))),
        [Effect::Halted { reason }]
    );
    assert_eq!(follower.standing(), Standing::Failed);
    assert_eq!(step(&mut follower, Event::Campaign), [], "for good");
}

#[test]
fn a_leader_tells_where_a_log_left_its_own() {
    let mut leader = leader(4, 10);
    let answer = |asked, outcome| {
        let epoch = LeaderEpoch(5);
        let high_watermark = Position::ORIGIN;
        let reply = FetchReply { epoch, asked, high_watermark, log_start: Offset::ZERO, outcome };
        [send(2, Message::FetchReply(reply))]
    };
    assert_eq!(
        receive(&mut leader, 2, fetch(2, 5, at(4, 12), at(4, 12))),
        answer(at(4, 12), FetchOutcome::Diverging(at(4, 10)))
    );
    assert_eq!(
        receive(&mut leader, 2, fetch(2, 5, at(3, 2), at(3, 2))),
        answer(at(3, 2), FetchOutcome::Diverging(at(-1, 0)))
    );
}

#[test]
fn a_leader_that_hears_no_majority_resigns() {
    let mut leader = leader(0, 5);
    assert_eq!(step(&mut leader, Event::NodeSilent { node: NodeId(2) }), []);
    assert_eq!(
        step(&mut leader, Event::NodeSilent { node: NodeId(3) }),
        [
            Effect::Resigned { epoch: LeaderEpoch(1) },
            Effect::LeaderChanged { epoch: LeaderEpoch(1), leader: None }
        ]
    );
    assert_eq!(leader.epoch(), LeaderEpoch(1), "its epoch stays");
}

#[test]
fn a_leader_that_asks_for_votes_in_its_own_epoch_leads_no_more() {
    let epoch = LeaderEpoch(1);
    let mut follower = replica(3, 1, 5, 0);
    receive(&mut follower, 2, Message::BeginEpoch { epoch });
    let ballot = Ballot::PreVote;
    let granted = VoteReply {
        epoch,
        ballot,
        asked: epoch,
        voter: first_key(1),
        decision: Decision::Granted,
        leader: None,
    };
    assert_eq!(
        receive(&mut follower, 2, vote(2, ballot, 1, at(1, 9))),
        [send(2, Message::VoteReply(granted)), Effect::LeaderChanged { epoch, leader: None }],
        "what it said when it resigned was lost"
    );
    assert!(follower.deadline().is_some(), "another one may have to lead");
}

#[test]
fn a_request_for_votes_that_comes_after_its_candidate_was_elected_ends_nothing() {
    let epoch = LeaderEpoch(1);
    let mut follower = replica(3, 1, 5, 0);
    receive(&mut follower, 2, Message::BeginEpoch { epoch });
    let ballot = Ballot::Vote;
    let decision = Decision::Refused(Refusal::HasLeader);
    let leader = Some(NodeId(2));
    let refused = VoteReply { epoch, ballot, asked: epoch, voter: first_key(1), decision, leader };
    assert_eq!(
        receive(&mut follower, 2, vote(2, ballot, 1, at(1, 9))),
        [send(2, Message::VoteReply(refused))],
        "another connection was faster with what came of it"
    );
}

#[test]
fn a_replica_whose_vote_is_not_durable_does_not_campaign() {
    let mut voter = replica(3, 1, 5, 0);
    let epoch = LeaderEpoch(2);
    let persist = Effect::PersistVote { epoch, candidate: first_key(2) };
    assert_eq!(receive(&mut voter, 2, vote(2, Ballot::Vote, 2, at(1, 9))), [persist]);
    let wake = |voter: &mut Replica| {
        let (at, timer) = voter.deadline().expect("it waits");
        let mut effects = Vec::new();
        voter.step(at, Event::Timer(timer), &mut effects);
        effects
    };
    for _ in 0..3 {
        assert_eq!(wake(&mut voter), [], "its disk is slow, and the other one waits for it");
    }
    let reply = send(2, granted(1, Ballot::Vote, 2));
    assert_eq!(step(&mut voter, Event::VoteDurable { epoch }), [reply]);
    let asked = wake(&mut voter);
    assert!(matches!(asked[..], [Effect::Send { .. }, Effect::Send { .. }]), "nothing came of it: {asked:?}");
}

#[test]
fn a_pre_vote_is_refused_by_who_hears_a_leader() {
    let mut follower = replica(3, 1, 5, 0);
    receive(&mut follower, 2, Message::BeginEpoch { epoch: LeaderEpoch(1) });
    let reply = |decision, leader| {
        let (epoch, ballot, voter) = (LeaderEpoch(1), Ballot::PreVote, first_key(1));
        send(3, Message::VoteReply(VoteReply { epoch, ballot, asked: epoch, voter, decision, leader }))
    };
    assert_eq!(
        receive(&mut follower, 3, vote(3, Ballot::PreVote, 1, at(1, 9))),
        [reply(Decision::Refused(Refusal::HasLeader), Some(NodeId(2)))]
    );
    assert_eq!(
        step(&mut follower, Event::NodeSilent { node: NodeId(2) }),
        [reply(Decision::Granted, None)],
        "what was refused is granted now"
    );
    assert!(matches!(follower.deadline(), Some((_, Timer::Election))));
    assert_eq!(
        receive(&mut follower, 3, vote(3, Ballot::PreVote, 1, at(1, 9))),
        [reply(Decision::Granted, None)]
    );
    assert_eq!(
        step(&mut follower, Event::NodeHeard { node: NodeId(2) }),
        [Effect::Fetch { from: NodeId(2) }]
    );
    assert_eq!(follower.deadline(), None);
}

#[test]
fn a_replica_in_anothers_place_does_not_vote() {
    let mut replica = replica(3, 1, 5, 0);
    let voter = ReplicaKey { node: NodeId(1), directory: Uuid([9; 16]) };
    let epoch = LeaderEpoch(1);
    let asked = Vote { epoch, ballot: Ballot::Vote, candidate: first_key(2), voter, log_end: at(1, 5) };
    let refused = VoteReply {
        epoch,
        ballot: Ballot::Vote,
        asked: epoch,
        voter,
        decision: Decision::Refused(Refusal::AnotherReplica),
        leader: None,
    };
    assert_eq!(receive(&mut replica, 2, Message::Vote(asked)), [send(2, Message::VoteReply(refused))]);
}

#[test]
fn an_election_that_cannot_succeed_is_told_aloud() {
    let mut replica = replica(3, 1, 5, 0);
    step(&mut replica, Event::Campaign);
    let lost = |from| {
        let (epoch, ballot, voter) = (LeaderEpoch(1), Ballot::PreVote, first_key(from));
        let decision = Decision::Refused(Refusal::AnotherReplica);
        Message::VoteReply(VoteReply { epoch, ballot, asked: epoch, voter, decision, leader: None })
    };
    assert_eq!(receive(&mut replica, 2, lost(2)), []);
    assert_eq!(receive(&mut replica, 3, lost(3)), [Effect::Stalled { lost: 2, voters: 3 }]);
    assert_eq!(receive(&mut replica, 3, lost(3)), [], "once in a round");
    assert!(matches!(replica.deadline(), Some((_, Timer::Backoff))));
    step(&mut replica, Event::Timer(Timer::Backoff));
    receive(&mut replica, 2, lost(2));
    assert_eq!(
        receive(&mut replica, 3, lost(3)),
        [Effect::Stalled { lost: 2, voters: 3 }],
        "and in the next"
    );
}

#[test]
fn a_failed_storage_ends_everything() {
    let mut leader = leader(0, 5);
    assert_eq!(step(&mut leader, Event::StorageFailed), [Effect::Resigned { epoch: LeaderEpoch(1) }]);
    assert_eq!(step(&mut leader, Event::Durable { position: at(1, 5) }), []);
    assert_eq!(step(&mut leader, Event::Campaign), []);
    assert_eq!(leader.standing(), Standing::Failed);
    // Whoever follows it would wait for ever.
    let message = Message::NotLeader { epoch: LeaderEpoch(1), leader: None };
    let told = receive(&mut leader, 2, fetch(2, 1, at(1, 5), at(1, 5)));
    assert_eq!(told, [Effect::Send { to: NodeId(2), message }]);
}

#[test]
fn a_replica_that_cannot_serve_votes_and_does_not_lead() {
    let mut leader = leader(0, 5);
    let effects = step(&mut leader, Event::Electable(false));
    assert_eq!(effects[0], Effect::Resigned { epoch: LeaderEpoch(1) });
    assert_eq!(step(&mut leader, Event::Campaign), []);
    let mut candidate = replica(3, 0, 5, 0);
    step(&mut candidate, Event::Campaign);
    receive(&mut candidate, 2, granted(2, Ballot::PreVote, 0));
    step(&mut candidate, Event::Electable(false));
    step(&mut candidate, Event::VoteDurable { epoch: LeaderEpoch(1) });
    receive(&mut candidate, 2, granted(2, Ballot::Vote, 1));
    assert_eq!(candidate.standing(), Standing::NotLeader, "it gives its campaign up");
    let effects = receive(&mut leader, 2, vote(2, Ballot::Vote, 2, at(1, 5)));
    assert_eq!(effects, [Effect::PersistVote { epoch: LeaderEpoch(2), candidate: first_key(2) }]);
}

#[test]
fn a_timer_that_nobody_waits_for_changes_nothing() {
    let mut prospective = replica(3, 0, 5, 0);
    step(&mut prospective, Event::Campaign);
    let mut candidate = prospective.clone();
    receive(&mut candidate, 2, granted(2, Ballot::PreVote, 0));
    let mut follower = replica(3, 0, 5, 0);
    receive(&mut follower, 2, Message::BeginEpoch { epoch: LeaderEpoch(1) });
    for mut replica in [leader(0, 5), replica(3, 0, 5, 0), prospective, candidate, follower] {
        let announced = replica.deadline().map(|(_, timer)| timer);
        let all = [
            Timer::Election,
            Timer::Discover,
            Timer::Round,
            Timer::Backoff,
            Timer::Announce,
            Timer::Transfer,
        ];
        for timer in all.into_iter().filter(|&timer| Some(timer) != announced) {
            let before = replica.clone();
            assert_eq!(step(&mut replica, Event::Timer(timer)), []);
            assert_eq!(replica, before, "{timer:?}");
        }
    }
}

/// Thousands of them live on a node: what one takes apart from its voter set and its epochs.
#[test]
fn a_replica_is_small() {
    let bytes = std::mem::size_of::<Replica>();
    assert!(bytes <= 432, "{bytes} bytes");
}

#[test]
fn an_observer_asks_the_voters_and_then_whom_it_was_told_of() {
    let recovered = Recovered {
        epoch: LeaderEpoch::NONE,
        vote: None,
        epochs: EpochHistory::default(),
        log_start: Offset::ZERO,
        log_end: Offset::ZERO,
        high_watermark: Offset::ZERO,
        voters: vec![(Position::ORIGIN, VoterSet::new([2, 3].map(NodeId)))],
    };
    let mut observer = Replica::new(first_key(1), recovered, &Timing::USUAL, 7, Instant(0));
    assert_eq!(step(&mut observer, Event::MayKnow { nodes: [5, 1, 3, 4].map(NodeId).into() }), []);
    let mut asked = Vec::new();
    for _ in 0..5 {
        let (_, timer) = observer.deadline().expect("it looks for a leader");
        assert_eq!(timer, Timer::Discover);
        asked.extend(step(&mut observer, Event::Timer(timer)));
    }
    assert_eq!(asked, [2, 3, 4, 5, 2].map(|node| Effect::Fetch { from: NodeId(node) }));
}

#[test]
fn a_leader_tells_those_that_are_to_hold_the_log_who_leads() {
    let told = |to: i32, epoch: i32| Effect::Send {
        to: NodeId(to),
        message: Message::BeginEpoch { epoch: LeaderEpoch(epoch) },
    };
    let nodes = |nodes: &[i32]| Event::MayKnow { nodes: nodes.iter().copied().map(NodeId).collect() };
    let mut leader = leader(4, 10);
    step(&mut leader, Event::NodeSilent { node: NodeId(6) });
    let voters = [told(2, 5), told(3, 5)];
    let told_now = step(&mut leader, nodes(&[5, 1, 3, 6]));
    assert_eq!(told_now, [voters.as_slice(), &[told(5, 5)]].concat(), "nobody has fetched; one is silent");
    receive(&mut leader, 5, fetch(5, 5, at(4, 10), at(4, 10)));
    assert_eq!(step(&mut leader, Event::SessionAnew { node: NodeId(7) }), [], "it is not to hold the log");
    assert_eq!(
        step(&mut leader, nodes(&[1, 5, 4])),
        [told(2, 5), told(3, 5), told(4, 5)],
        "who has not fetched"
    );
    assert_eq!(step(&mut leader, Event::Timer(Timer::Announce)), [told(2, 5), told(3, 5), told(4, 5)]);
    for node in 2..=4 {
        receive(&mut leader, node, fetch(node, 5, at(4, 10), at(4, 10)));
    }
    assert_eq!(step(&mut leader, Event::Timer(Timer::Announce)), []);
    assert_eq!(leader.deadline(), None);
    assert_eq!(step(&mut leader, Event::SessionAnew { node: NodeId(5) }), [told(5, 5)]);

    let mut elected = replica(1, 4, 10, 7);
    assert_eq!(step(&mut elected, nodes(&[2])), [], "it does not lead");
    step(&mut elected, Event::Campaign);
    let effects = step(&mut elected, Event::VoteDurable { epoch: LeaderEpoch(5) });
    assert_eq!(effects.last(), Some(&told(2, 5)));
}

#[test]
fn a_start_that_is_wanted_waits_for_its_limit() {
    let mut follower = replica(3, 1, 5, 5);
    step(&mut follower, Event::StartLimit { offset: Offset(0) });
    receive(&mut follower, 2, Message::BeginEpoch { epoch: LeaderEpoch(2) });
    let mut told = FetchReply {
        epoch: LeaderEpoch(2),
        asked: at(1, 5),
        high_watermark: at(1, 5),
        log_start: Offset(4),
        outcome: entries(at(1, 5), &[]),
    };
    assert_eq!(receive(&mut follower, 2, Message::FetchReply(told.clone())), []);
    assert_eq!(follower.log_start(), Offset::ZERO);
    let moved = step(&mut follower, Event::StartLimit { offset: Offset(3) });
    assert_eq!(moved, [Effect::MoveLogStart { to: Offset(3) }]);
    let moved = step(&mut follower, Event::StartLimit { offset: Offset(9) });
    assert_eq!(moved, [Effect::MoveLogStart { to: Offset(4) }], "no further than its leader's");
    told.log_start = Offset(5);
    let moved = receive(&mut follower, 2, Message::FetchReply(told));
    assert_eq!(moved, [Effect::MoveLogStart { to: Offset(5) }]);
}

#[test]
fn a_node_that_falls_silent_before_it_votes_holds_no_other_change_up() {
    let mut leader = leader(0, 5);
    step(&mut leader, Event::Durable { position: at(1, 5) });
    receive(&mut leader, 2, fetch(2, 1, at(1, 5), at(1, 5)));
    assert_eq!(leader.standing(), Standing::Serving);
    let key = ReplicaKey { node: NodeId(4), directory: Uuid([9; 16]) };
    assert_eq!(step(&mut leader, Event::AddVoter { key }), []);
    assert_eq!(leader.joining(), Some(key));
    step(&mut leader, Event::NodeSilent { node: NodeId(4) });
    assert_eq!(leader.joining(), None);
    let removed = step(&mut leader, Event::RemoveVoter { key: first_key(3) });
    assert!(matches!(removed.first(), Some(Effect::AppendVoters { .. })), "{removed:?}");
}

/// Of three voters, of which the second follows it: it serves.
pub(super) fn serving() -> Replica {
    let mut leader = leader(1, 5);
    step(&mut leader, Event::Durable { position: at(2, 5) });
    receive(&mut leader, 2, fetch(2, 2, at(2, 5), at(2, 5)));
    assert_eq!(leader.standing(), Standing::Serving);
    leader
}

/// What follows when it resigns.
fn resigned(epoch: i32) -> [Effect; 2] {
    let epoch = LeaderEpoch(epoch);
    [Effect::Resigned { epoch }, Effect::LeaderChanged { epoch, leader: None }]
}

fn begin(to: i32, epoch: i32) -> Effect {
    send(to, Message::BeginEpoch { epoch: LeaderEpoch(epoch) })
}

#[test]
fn a_leader_that_serves_is_upheld_by_those_alone_that_follow_it() {
    let mut leader = serving();
    assert_eq!(
        step(&mut leader, Event::SessionAnew { node: NodeId(2) }),
        [begin(2, 2), begin(3, 2)],
        "the second may have started anew; it is asked to follow"
    );
    assert_eq!(leader.standing(), Standing::Serving);
    let mut deserted = leader.clone();
    receive(&mut leader, 2, fetch(2, 2, at(2, 5), at(2, 5)));
    step(&mut leader, Event::NodeSilent { node: NodeId(3) });
    assert_eq!(leader.standing(), Standing::Serving, "the second follows again");
    assert_eq!(
        step(&mut deserted, Event::NodeSilent { node: NodeId(3) }),
        resigned(2),
        "the second is heard, and may have voted for another"
    );
}

#[test]
fn a_leader_whose_last_follower_leaves_resigns() {
    let mut leader = serving();
    let mut joined = leader.clone();
    assert_eq!(step(&mut leader, Event::Unfollowed { node: NodeId(2) }), resigned(2));
    receive(&mut joined, 3, fetch(3, 2, at(1, 5), at(1, 5)));
    assert_eq!(step(&mut joined, Event::Unfollowed { node: NodeId(2) }), [begin(2, 2)], "the third follows");
    assert_eq!(joined.standing(), Standing::Serving);
}

#[test]
fn a_leader_does_not_begin_to_serve_without_followers() {
    let mut leader = leader(1, 5);
    receive(&mut leader, 2, fetch(2, 2, at(2, 5), at(2, 5)));
    step(&mut leader, Event::Unfollowed { node: NodeId(2) });
    assert_eq!(leader.standing(), Standing::Starting, "it serves nobody yet");
    let effects = step(&mut leader, Event::Durable { position: at(2, 5) });
    assert!(effects.ends_with(&resigned(2)), "{effects:?}");
}

#[test]
fn a_follower_that_is_told_again_who_leads_fetches_again() {
    let mut follower = replica(3, 1, 5, 0);
    let told = Message::BeginEpoch { epoch: LeaderEpoch(1) };
    receive(&mut follower, 2, told.clone());
    assert_eq!(receive(&mut follower, 2, told), [Effect::Fetch { from: NodeId(2) }]);
}

#[test]
fn a_transfer_is_for_who_is_there_and_ends_with_its_successor() {
    let mut leader = serving();
    receive(&mut leader, 3, fetch(3, 2, at(2, 5), at(2, 5)));
    let to = |node| Event::TransferLeadership { to: Some(NodeId(node)) };
    let end = send(2, Message::EndEpoch { epoch: LeaderEpoch(2), successor: Some(first_key(2)) });
    assert_eq!(step(&mut leader, to(2)).first(), Some(&end));
    assert_eq!(leader.standing(), Standing::HandingOver);
    let again = step(&mut leader, Event::SessionAnew { node: NodeId(2) });
    assert_eq!(again.first(), Some(&end), "what the former session carried may be lost");
    let again = step(&mut leader, Event::ConnectedAnew { node: NodeId(2) });
    assert_eq!(again, [end], "or the former connection to it");
    assert_eq!(step(&mut leader, Event::NodeSilent { node: NodeId(2) }), [Effect::TransferFailed]);
    assert_eq!(leader.standing(), Standing::Serving, "it does not wait until time is up");
    assert_eq!(step(&mut leader, to(2)), [Effect::TransferFailed], "nobody is there who could take over");
    assert_eq!(leader.standing(), Standing::Serving);
}

#[test]
fn nothing_is_handed_over_to_who_has_lost_its_memory() {
    let mut leader = serving();
    receive(&mut leader, 3, fetch(3, 2, at(2, 5), at(2, 5)));
    let found = ReplicaKey { node: NodeId(3), directory: Uuid([9; 16]) };
    let (epoch, nothing) = (LeaderEpoch(2), at(-1, 0));
    let empty = Fetch { epoch, replica: found, log_end: nothing, durable: nothing, log_start: Offset::ZERO };
    let effects = receive(&mut leader, 3, Message::Fetch(empty));
    assert_eq!(effects[0], Effect::VoterForgot { lost: first_key(3), found });
    let to = |node| Event::TransferLeadership { to: node };
    assert_eq!(step(&mut leader, to(Some(NodeId(3)))), [Effect::TransferFailed]);
    let end = send(2, Message::EndEpoch { epoch, successor: Some(first_key(2)) });
    let mut other = leader.clone();
    assert_eq!(step(&mut other, to(None)), [end], "the other one can");
    receive(&mut leader, 3, fetch(3, 2, at(2, 5), at(2, 5)));
    let end = send(3, Message::EndEpoch { epoch, successor: Some(first_key(3)) });
    assert_eq!(step(&mut leader, to(Some(NodeId(3)))), [end], "it is the voter that fetches");
}

#[test]
fn a_replica_that_begins_anew_tells_its_start_once_that_is_durable() {
    let mut follower = replica(3, 1, 5, 0);
    receive(&mut follower, 2, Message::BeginEpoch { epoch: LeaderEpoch(2) });
    let (to, voters) = (at(1, 9), VoterSet::new([1, 2, 3].map(NodeId)));
    let reset = FetchOutcome::Reset { to, voters: voters.clone() };
    let effects = receive(&mut follower, 2, reply(2, at(1, 5), at(2, 12), reset));
    let fetches = Effect::Fetch { from: NodeId(2) };
    let committed = Effect::AdvanceHighWatermark { offset: Offset(9) };
    assert_eq!(effects, [Effect::Reset { to, voters }, committed, fetches.clone()]);
    assert_eq!(follower.log_start(), Offset(9));
    assert_eq!(step(&mut follower, Event::Durable { position: to }), std::slice::from_ref(&fetches));
    assert_eq!(follower.fetch().log_start, Offset::ZERO, "nobody has said so yet");
    let start = Event::LogStartDurable { log_start: Offset(9) };
    assert_eq!(step(&mut follower, start), [fetches], "the leader counts it now");
    assert_eq!(follower.fetch().log_start, Offset(9));
}

#[test]
fn a_beginning_that_no_leader_can_have_is_malformed() {
    let voters = VoterSet::new([1, 2, 3].map(NodeId));
    // An epoch above the leader's own; a later epoch that begins before what is committed here.
    for to in [at(3, 9), at(2, 3)] {
        let mut follower = replica(3, 1, 5, 4);
        receive(&mut follower, 2, Message::BeginEpoch { epoch: LeaderEpoch(2) });
        let reset = FetchOutcome::Reset { to, voters: voters.clone() };
        let effects = receive(&mut follower, 2, reply(2, at(1, 5), at(2, 12), reset));
        assert_eq!(effects, [Effect::Malformed { from: NodeId(2) }], "{to:?}");
        assert_eq!(follower.log_end(), at(1, 5), "{to:?}");
    }
}
