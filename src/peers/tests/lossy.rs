//! Two halves of a session over a connection that can break at any point: in the end, each knows what the other has to say.
use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use proptest::prelude::*;

use super::{at, fetch, partition};
use crate::peers::{Answer, Answerer, Asker, Budget, News, PeerTiming, Room, Serving, Wants};
use crate::raft::{Fetch, FetchOutcome, FetchReply, Position, Slice};
use crate::types::{Instant, LeaderEpoch, NodeId, Offset, PartitionId};
use crate::wire::{PeerFrame, Records};

const EPOCH: i32 = 4;

/// One partition at both nodes. Each record is a batch of 40 bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Log {
    leader_end: i64,
    committed: i64,
    /// What the leader has heard.
    acknowledged: i64,
    follower_end: i64,
    durable: i64,
    /// What the follower has heard.
    follower_committed: i64,
}

struct Pair {
    now: Instant,
    logs: Vec<Log>,
    wants: Wants,
    connection: Connection,
    rows: Rows,
}

/// What ends with a connection.
struct Connection {
    asker: Asker,
    answerer: Answerer,
    news: News,
    requests: VecDeque<Bytes>,
    replies: VecDeque<Bytes>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Rows {
    asked: usize,
    told: usize,
}

#[derive(Clone, Debug)]
enum Act {
    Append(usize),
    Commit(usize),
    MakeDurable(usize),
    /// The follower cuts its log, to where it is durable.
    Truncate(usize),
    /// The follower lets go of its leader, and follows it again.
    Unfollow(usize),
    Request,
    Reply,
    TakeRequest,
    TakeReply,
    Break,
    Wait(u64),
}

impl Connection {
    fn new(now: Instant) -> Connection {
        let timing =
            PeerTiming::new(Duration::from_millis(100), Duration::from_millis(500)).expect("they fit");
        Connection {
            asker: Asker::new(timing, now),
            answerer: Answerer::new(NodeId(2), timing, now),
            news: News::new(Budget { row_bytes: 100, reply_bytes: 300, window_bytes: 700 }),
            requests: VecDeque::new(),
            replies: VecDeque::new(),
        }
    }
}

impl Pair {
    fn new(partitions: usize) -> Pair {
        let mut wants = Wants::default();
        for index in 0..partitions {
            wants.changed(partition(index as i32));
        }
        Pair {
            now: Instant(0),
            logs: vec![Log::default(); partitions],
            wants,
            connection: Connection::new(Instant(0)),
            rows: Rows::default(),
        }
    }

    fn act(&mut self, act: &Act) {
        let log = |at: &usize| *at % self.logs.len();
        match act {
            Act::Append(at) => {
                let at = log(at);
                self.logs[at].leader_end += 1;
                self.connection.news.changed(partition(at as i32));
            }
            Act::Commit(at) => {
                let at = log(at);
                let log = &mut self.logs[at];
                log.committed = log.leader_end;
                self.connection.news.changed(partition(at as i32));
            }
            Act::MakeDurable(at) => {
                let at = log(at);
                self.logs[at].durable = self.logs[at].follower_end;
                self.wants.changed(partition(at as i32));
            }
            Act::Truncate(at) => {
                let at = log(at);
                self.logs[at].follower_end = self.logs[at].durable;
                self.wants.changed(partition(at as i32));
            }
            Act::Unfollow(at) => {
                let partition = partition(log(at) as i32);
                self.wants.forget(partition);
                self.request();
                self.wants.changed(partition);
            }
            Act::Request => self.request(),
            Act::Reply => self.reply(),
            Act::TakeRequest => self.take_request(),
            Act::TakeReply => self.take_reply(),
            Act::Break => {
                self.connection = Connection::new(self.now);
                self.wants.restart();
            }
            Act::Wait(ms) => self.now = self.now.after(Duration::from_millis(*ms)),
        }
    }

    fn request(&mut self) {
        let demand = self.connection.asker.due() <= self.now;
        if self.wants.is_empty() && !demand {
            return;
        }
        let logs = &self.logs;
        let wanted = self.wants.take(|partition| Some(state(&logs[partition.index.0 as usize])));
        self.rows.asked += wanted.rows.len();
        let request = self.connection.asker.request(self.now, &wanted);
        self.connection.requests.push_back(bytes(&PeerFrame::Fetch(request)));
    }

    fn reply(&mut self) {
        let Connection { answerer, news, replies, .. } = &mut self.connection;
        let Some(number) = answerer.next_number() else { return };
        if news.is_empty() && !answerer.owes() {
            return;
        }
        let logs = &self.logs;
        let rows = news.take(number, answerer.room(), |partition, after, room| {
            serve(&logs[partition.index.0 as usize], after, room)
        });
        if rows.is_empty() && !answerer.owes() {
            return;
        }
        self.rows.told += rows.len();
        replies.push_back(bytes(&PeerFrame::FetchReply(answerer.reply(self.now, rows))));
    }

    fn take_request(&mut self) {
        let Some(frame) = self.connection.requests.pop_front() else { return };
        let PeerFrame::Fetch(request) = PeerFrame::decode(frame.slice(4..), 0).expect("a frame") else {
            panic!("the dialler asks");
        };
        let asked = self.connection.answerer.take(self.now, &request).expect("the next request");
        assert!(asked.as_of.is_none_or(|as_of| as_of <= self.now));
        asked.forgotten.into_iter().for_each(|partition| self.connection.news.forget(partition));
        for row in asked.rows {
            let log = &mut self.logs[row.partition.index.0 as usize];
            log.acknowledged = row.fetch.durable.end.0;
            self.connection.news.fetched(row.partition, &row.fetch, asked.seen);
            self.connection.news.changed(row.partition);
        }
    }

    fn take_reply(&mut self) {
        let Some(frame) = self.connection.replies.pop_front() else { return };
        let PeerFrame::FetchReply(reply) = PeerFrame::decode(frame.slice(4..), 0).expect("a frame") else {
            panic!("the acceptor answers");
        };
        let replied = self.connection.asker.take(self.now, reply).expect("the next reply");
        assert!(replied.as_of <= self.now);
        for row in replied.rows {
            let log = &mut self.logs[row.partition.index.0 as usize];
            let Answer::Reply(reply) = row.answer else { panic!("{:?}", row.answer) };
            let FetchOutcome::Entries(slice) = &reply.outcome else { panic!("{reply:?}") };
            if reply.asked.end.0 == log.follower_end {
                let entries = slice.last.end.0 - log.follower_end;
                assert_eq!(row.records.len() as i64, 40 * entries);
                log.follower_end = slice.last.end.0;
                log.follower_committed =
                    reply.high_watermark.end.0.min(log.follower_end).max(log.follower_committed);
                if entries > 0 {
                    self.wants.changed(row.partition);
                }
            } else {
                // Which it has told for the last time, perhaps: see `Follower::take_stale` of the core.
                if reply.high_watermark.end.0 <= log.follower_end {
                    log.follower_committed = log.follower_committed.max(reply.high_watermark.end.0);
                }
                self.wants.changed(row.partition);
            }
        }
    }

    /// Until nobody has anything to say. What is taken becomes durable soon.
    fn settle(&mut self) {
        for _ in 0..10_000 {
            for (index, log) in self.logs.iter_mut().enumerate() {
                if log.durable != log.follower_end {
                    log.durable = log.follower_end;
                    self.wants.changed(partition(index as i32));
                }
            }
            let before = (self.connection.requests.len(), self.connection.replies.len(), self.logs.clone());
            self.request();
            self.take_request();
            self.reply();
            self.take_reply();
            let idle = self.connection.requests.is_empty() && self.connection.replies.is_empty();
            if idle && self.wants.is_empty() && self.connection.news.is_empty() && before.2 == self.logs {
                return;
            }
        }
        panic!("they go on for ever");
    }
}

fn state(log: &Log) -> Fetch {
    Fetch { durable: at(EPOCH, log.durable), ..fetch(EPOCH, log.follower_end) }
}

fn serve(log: &Log, after: Position, room: Room) -> Serving {
    let reply = |last| FetchReply {
        epoch: LeaderEpoch(EPOCH),
        asked: after,
        high_watermark: at(EPOCH, log.committed),
        log_start: Offset::ZERO,
        outcome: FetchOutcome::Entries(Slice { last, epoch_starts: Vec::new(), voters: Vec::new() }),
    };
    let left = (log.leader_end - after.end.0) as usize;
    let mut count = left.min(room.bytes / 40);
    if left > 0 && count == 0 {
        if !room.first_may_exceed {
            return Serving::NoRoom(reply(after));
        }
        count = 1;
    }
    let reply = reply(at(EPOCH, after.end.0 + count as i64));
    Serving::Entries { reply, records: Bytes::from(vec![1; count * 40]).into(), more: count < left }
}

fn bytes(frame: &PeerFrame) -> Bytes {
    Records::from(frame.encode(0).expect("it can be encoded")).into_bytes()
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let log = || 0..4usize;
    let act = prop_oneof![
        3 => log().prop_map(Act::Append),
        2 => log().prop_map(Act::Commit),
        2 => log().prop_map(Act::MakeDurable),
        1 => log().prop_map(Act::Truncate),
        1 => log().prop_map(Act::Unfollow),
        4 => Just(Act::Request),
        4 => Just(Act::Reply),
        4 => Just(Act::TakeRequest),
        4 => Just(Act::TakeReply),
        1 => Just(Act::Break),
        1 => (1..200u64).prop_map(Act::Wait),
    ];
    proptest::collection::vec(act, 0..200)
}

proptest! {
    #[test]
    fn nothing_that_matters_is_lost(acts in acts()) {
        let mut pair = Pair::new(4);
        for act in &acts {
            pair.act(act);
        }
        pair.settle();
        for (index, log) in pair.logs.iter().enumerate() {
            prop_assert_eq!(log.acknowledged, log.durable, "what partition {} holds", index);
            prop_assert_eq!(log.follower_end, log.leader_end, "the log of partition {}", index);
            prop_assert_eq!(log.follower_committed, log.committed, "the high watermark of partition {}", index);
        }
    }
}

#[test]
fn ten_thousand_idle_partitions_are_in_no_frame() {
    let mut pair = Pair::new(10_000);
    pair.settle();
    assert_eq!(pair.rows, Rows { asked: 10_000, told: 10_000 }, "each once, on a new connection");
    let mut frames = 0;
    for _ in 0..50 {
        pair.act(&Act::Wait(100));
        pair.request();
        frames += pair.connection.requests.iter().map(Bytes::len).sum::<usize>();
        pair.take_request();
        pair.reply();
        frames += pair.connection.replies.iter().map(Bytes::len).sum::<usize>();
        pair.take_reply();
    }
    assert_eq!(pair.rows, Rows { asked: 10_000, told: 10_000 });
    assert_eq!(frames, 50 * (42 + 40), "bytes of 50 heartbeats");
    // One of them wakes up: a row of entries, one of where it stands then, and no more.
    pair.act(&Act::Append(77));
    pair.settle();
    assert_eq!(pair.rows, Rows { asked: 10_001, told: 10_001 });
    pair.act(&Act::Break);
    pair.settle();
    assert_eq!(pair.rows, Rows { asked: 20_001, told: 20_001 });
    assert_eq!(partition_of(&pair, 77), 1);
}

fn partition_of(pair: &Pair, index: i32) -> i64 {
    let PartitionId { index, .. } = partition(index);
    pair.logs[index.0 as usize].follower_end
}
