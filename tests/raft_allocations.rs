//! In its steady state a replica allocates nothing: a leader that appends and hears of positions, a follower that appends.
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use ordain::raft::{
    Ballot, Decision, Effect, Event, Fetch, FetchOutcome, FetchReply, Message, Position, Recovered, Replica,
    ReplicaKey, Slice, Standing, Timing, VoteReply, VoterSet,
};
use ordain::types::{EpochHistory, Instant, LeaderEpoch, NodeId, Offset, Uuid};

/// The system's allocator, counting what this thread takes.
struct Counting;

thread_local! {
    static TAKEN: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: everything is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        TAKEN.with(|taken| taken.set(taken.get() + 1));
        // SAFETY: as the caller promised.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: as the caller promised.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn taken(work: impl FnOnce()) -> u64 {
    let before = TAKEN.with(Cell::get);
    work();
    TAKEN.with(Cell::get) - before
}

fn key(node: i32) -> ReplicaKey {
    ReplicaKey { node: NodeId(node), directory: Uuid::ZERO }
}

fn at(end: i64) -> Position {
    Position { epoch: LeaderEpoch(0), end: Offset(end) }
}

fn replica() -> Replica {
    let recovered = Recovered {
        epoch: LeaderEpoch::NONE,
        vote: None,
        epochs: EpochHistory::default(),
        log_start: Offset::ZERO,
        log_end: Offset::ZERO,
        high_watermark: Offset::ZERO,
        voters: vec![(Position::ORIGIN, VoterSet::new((1..=3).map(NodeId)))],
    };
    Replica::new(key(1), recovered, &Timing::USUAL, 1, Instant(0))
}

fn from(node: i32, message: Message) -> Event {
    Event::Received { from: NodeId(node), message }
}

#[test]
fn a_leader_takes_positions_without_allocating() {
    let mut leader = replica();
    let mut effects: Vec<Effect> = Vec::with_capacity(16);
    let granted = |ballot, epoch| {
        let (epoch, decision) = (LeaderEpoch(epoch), Decision::Granted);
        let reply = VoteReply { epoch, ballot, asked: epoch, voter: key(2), decision, leader: None };
        from(2, Message::VoteReply(reply))
    };
    leader.step(Instant(0), Event::Campaign, &mut effects);
    leader.step(Instant(0), granted(Ballot::PreVote, -1), &mut effects);
    leader.step(Instant(0), Event::VoteDurable { epoch: LeaderEpoch(0) }, &mut effects);
    leader.step(Instant(0), granted(Ballot::Vote, 0), &mut effects);
    let fetch = |node, end| {
        let (epoch, replica) = (LeaderEpoch(0), key(node));
        let fetch = Fetch { epoch, replica, log_end: at(end), durable: at(end), log_start: Offset::ZERO };
        from(node, Message::Fetch(fetch))
    };
    leader.step(Instant(0), Event::Durable { position: at(0) }, &mut effects);
    leader.step(Instant(0), fetch(2, 0), &mut effects);
    assert_eq!(leader.standing(), Standing::Serving);
    let allocations = taken(|| {
        for end in 1..1_000 {
            effects.clear();
            leader.step(Instant(0), Event::Appended { log_end: at(end) }, &mut effects);
            leader.step(Instant(0), fetch(2, end), &mut effects);
            leader.step(Instant(0), Event::Durable { position: at(end) }, &mut effects);
            leader.step(Instant(0), fetch(3, end), &mut effects);
            assert_eq!(leader.high_watermark(), Offset(end));
        }
    });
    assert_eq!(allocations, 0);
}

#[test]
fn a_follower_appends_without_allocating() {
    let mut follower = replica();
    let mut effects: Vec<Effect> = Vec::with_capacity(16);
    let reply = |asked, last, epoch_starts| {
        let outcome = FetchOutcome::Entries(Slice { last, epoch_starts, voters: Vec::new() });
        let (epoch, high_watermark, log_start) = (LeaderEpoch(0), asked, Offset::ZERO);
        from(2, Message::FetchReply(FetchReply { epoch, asked, high_watermark, log_start, outcome }))
    };
    let start = ordain::types::EpochStart { epoch: LeaderEpoch(0), start: Offset::ZERO };
    follower.step(Instant(0), from(2, Message::BeginEpoch { epoch: LeaderEpoch(0) }), &mut effects);
    follower.step(Instant(0), reply(Position::ORIGIN, at(0), vec![start]), &mut effects);
    let allocations = taken(|| {
        for end in 1..1_000 {
            effects.clear();
            follower.step(Instant(0), reply(at(end - 1), at(end), Vec::new()), &mut effects);
            follower.step(Instant(0), Event::Durable { position: at(end) }, &mut effects);
            assert_eq!(follower.fetch().durable, at(end));
        }
    });
    assert_eq!(allocations, 0);
}
