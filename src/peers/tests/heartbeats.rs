use std::time::Duration;

use bytes::Bytes;

use super::{at, fetch, partition};
use crate::peers::rows::write_reply_rows;
use crate::peers::{
    Answer, Answerer, Asked, Asker, PeerTiming, Replied, ReplyRow, RowError, SessionError, Wanted, Wants,
};
use crate::raft::{Contacts, Event, FetchOutcome, FetchReply, Slice};
use crate::types::{Instant, LeaderEpoch, NodeId, Offset};
use crate::wire::messages::{PeerFetch, PeerFetchReply};

const MS: u64 = 1_000_000;
const PEER: NodeId = NodeId(2);

fn ms(at: u64) -> Instant {
    Instant(at * MS)
}

fn timing() -> PeerTiming {
    PeerTiming::new(Duration::from_millis(100), Duration::from_millis(500)).expect("they fit")
}

#[test]
fn a_heartbeat_fits_several_times_into_the_silence() {
    assert_eq!(PeerTiming::new(Duration::from_millis(100), Duration::from_millis(399)), None);
    assert_eq!(PeerTiming::new(Duration::ZERO, Duration::from_millis(399)), None);
}

#[test]
fn an_idle_pair_exchanges_one_request_and_one_reply_a_heartbeat() {
    // The two clocks have nothing to do with each other.
    let mut asker = Asker::new(timing(), ms(1000));
    let mut answerer = Answerer::new(PEER, timing(), ms(70));
    assert_eq!(answerer.next_number(), None);
    assert_eq!((asker.due(), asker.over(ms(0))), (ms(1000), None), "at once");
    let first = asker.request(ms(1000), &Wanted::default());
    let heartbeat = PeerFetch { sequence: 1, clock: 1_000_000_000, answer_now: true, ..PeerFetch::default() };
    assert_eq!(first, heartbeat);
    assert_eq!((asker.due(), asker.over(ms(0))), (ms(1250), Some(ms(1500))));
    let asked = answerer.take(ms(80), &first);
    assert_eq!(asked, Ok(Asked { as_of: None, seen: 0, rows: vec![], forgotten: vec![] }));
    assert!(answerer.owes());
    assert_eq!(answerer.next_number(), Some(1));
    let reply = answerer.reply(ms(81), vec![]);
    let expected = PeerFetchReply {
        number: 1,
        answers: 1,
        clock: 81_000_000,
        echo: 1_000_000_000,
        ..PeerFetchReply::default()
    };
    assert_eq!(reply, expected);
    assert!(!answerer.owes());
    assert_eq!(asker.take(ms(1020), reply), Ok(Replied { as_of: ms(1000), rows: vec![] }));
    assert_eq!((asker.due(), asker.over(ms(0))), (ms(1100), None));
    let second = asker.request(ms(1100), &Wanted::default());
    assert!(second.answer_now);
    let asked = answerer.take(ms(190), &second).expect("it is the next one");
    assert_eq!((asked.as_of, asked.seen), (Some(ms(81)), 1));
    assert_eq!((answerer.over(ms(0)), answerer.over(ms(300))), (ms(690), ms(800)));
}

#[test]
fn a_busy_follower_demands_an_answer_once_a_heartbeat() {
    let mut asker = Asker::new(timing(), ms(0));
    let mut wants = Wants::default();
    let mut demands = Vec::new();
    for now in 0..250 {
        wants.changed(partition(1));
        let request = asker.request(ms(now), &wants.take(|_| Some(fetch(1, 0))));
        if request.answer_now {
            demands.push(now);
            let answer = PeerFetchReply {
                number: demands.len() as i64,
                answers: request.sequence,
                echo: request.clock,
                ..PeerFetchReply::default()
            };
            asker.take(ms(now), answer).expect("an answer");
        }
    }
    assert_eq!(demands, [0, 100, 200]);
    // A leader that tells much and hears nothing needs its echo, too.
    let mut asker = Asker::new(timing(), ms(0));
    asker.request(ms(0), &Wanted::default());
    for number in 1..=99 {
        let news = PeerFetchReply { number, answers: 1, echo: 0, ..PeerFetchReply::default() };
        asker.take(ms(number as u64), news).expect("news");
    }
    assert_eq!((asker.due(), asker.over(ms(0))), (ms(100), None));
}

#[test]
fn a_demand_whose_answer_takes_long_is_told_of_life_and_given_up_when_nothing_comes_any_more() {
    let mut asker = Asker::new(timing(), ms(0));
    let first = asker.request(ms(0), &Wanted::default());
    assert!(first.answer_now);
    assert_eq!((asker.due(), asker.over(ms(0))), (ms(250), Some(ms(500))));
    let again = asker.request(ms(250), &Wanted::default());
    assert!(!again.answer_now, "one demand is enough");
    assert_eq!((asker.due(), asker.over(ms(0))), (ms(500), Some(ms(500))));
    assert_eq!(asker.over(ms(420)), Some(ms(920)), "a part of a frame came");
    asker.request(ms(500), &Wanted::default());
    let answer = PeerFetchReply { number: 1, answers: 1, echo: 0, ..PeerFetchReply::default() };
    asker.take(ms(900), answer).expect("an answer to the first");
    assert_eq!((asker.due(), asker.over(ms(900))), (ms(600), None));
}

#[test]
fn that_records_came_is_told_soon() {
    let mut asker = Asker::new(timing(), ms(0));
    asker.request(ms(0), &Wanted::default());
    let reply = |number, rows| {
        let rows = write_reply_rows(rows);
        PeerFetchReply { number, answers: 1, echo: 0, rows, ..PeerFetchReply::default() }
    };
    asker.take(ms(10), reply(1, Vec::new())).expect("an answer");
    assert_eq!(asker.due(), ms(100), "a heartbeat is soon enough");
    asker.take(ms(20), reply(2, vec![entries(7)])).expect("news");
    asker.take(ms(30), reply(3, vec![entries(8)])).expect("news");
    assert_eq!(asker.due(), ms(45), "of the first of them");
    let told = asker.request(ms(45), &Wanted::default());
    assert_eq!((told.seen, told.answer_now), (3, false));
    assert_eq!(asker.due(), ms(130));
}

/// A row with a batch.
fn entries(offset: i64) -> ReplyRow {
    let (asked, last) = (at(1, offset), at(1, offset + 1));
    let slice = Slice { last, epoch_starts: Vec::new(), voters: Vec::new() };
    let reply = FetchReply {
        epoch: LeaderEpoch(1),
        asked,
        high_watermark: asked,
        log_start: Offset::ZERO,
        outcome: FetchOutcome::Entries(slice),
    };
    let records = Bytes::from_static(b"a batch").into();
    ReplyRow { records, ..ReplyRow::of(partition(1), Answer::Reply(reply)) }
}

#[test]
fn what_waited_in_a_socket_proves_nothing() {
    let mut contacts = Contacts::new(timing().silence);
    contacts.watch(PEER, ms(0));
    let mut answerer = Answerer::new(PEER, timing(), ms(0));
    let first = PeerFetch { sequence: 1, answer_now: true, ..PeerFetch::default() };
    answerer.take(ms(1), &first).expect("the first one");
    let reply = answerer.reply(ms(10), vec![]);
    let old = PeerFetch { sequence: 2, seen: 1, echo: reply.clock, ..PeerFetch::default() };
    // This node is stopped, and finds the request when it wakes.
    let now = ms(5000);
    let silent: Vec<Event> = contacts.expired(now).collect();
    assert_eq!(silent, [Event::NodeSilent { node: PEER }]);
    let as_of = answerer.take(now, &old).expect("the next one").as_of.expect("an echo");
    assert_eq!((as_of, contacts.heard(PEER, as_of, now)), (ms(10), None));
}

#[test]
fn what_was_not_said_cannot_be_answered() {
    let mut asker = Asker::new(timing(), ms(7));
    let reply = |number, answers, echo, clock| PeerFetchReply {
        number,
        answers,
        echo,
        clock,
        ..PeerFetchReply::default()
    };
    let none = asker.take(ms(8), reply(1, 1, 7, 0));
    assert_eq!(none, Err(SessionError::Answers { found: 1, sent: 0 }));
    asker.request(ms(8), &Wanted::default());
    let mut refused = |reply| asker.take(ms(9), reply).expect_err("it is refused");
    assert_eq!(refused(reply(2, 1, 0, 0)), SessionError::Number { found: 2, expected: 1 });
    assert_eq!(refused(reply(1, 0, 0, 0)), SessionError::Answers { found: 0, sent: 1 });
    assert_eq!(refused(reply(1, 2, 0, 0)), SessionError::Answers { found: 2, sent: 1 });
    assert_eq!(refused(reply(1, 1, 9_000_000, 0)), SessionError::Echo { found: 9_000_000 });
    assert_eq!(refused(reply(1, 1, -1, 0)), SessionError::Echo { found: -1 });
    assert_eq!(refused(reply(1, 1, 8_000_000, -5)), SessionError::Clock { found: -5 });
    assert!(asker.take(ms(9), reply(1, 1, 8_000_000, 0)).is_ok());

    let mut answerer = Answerer::new(PEER, timing(), ms(7));
    let request = |sequence, seen, echo| PeerFetch { sequence, seen, echo, ..PeerFetch::default() };
    let mut refused = |request| answerer.take(ms(9), &request).expect_err("it is refused");
    assert_eq!(refused(request(2, 0, -1)), SessionError::Number { found: 2, expected: 1 });
    assert_eq!(refused(request(1, 1, -1)), SessionError::Answers { found: 1, sent: 0 });
    assert_eq!(refused(request(1, 0, 8_000_000)), SessionError::Echo { found: 8_000_000 });
    let row = crate::wire::messages::peer_fetch::FetchRow { partition_index: -3, ..Default::default() };
    let bad = PeerFetch { rows: vec![row], ..request(1, 0, -1) };
    assert_eq!(refused(bad), SessionError::Row(RowError::Partition { index: -3 }));
    assert!(answerer.take(ms(9), &request(1, 0, -1)).is_ok());
}
