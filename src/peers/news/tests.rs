use std::collections::BTreeMap;

use super::*;
use crate::peers::METADATA;
use crate::peers::tests::{at, fetch, partition};
use crate::raft::Slice;
use crate::types::LeaderEpoch;

const EPOCH: i32 = 3;
const ALL: usize = usize::MAX;

/// The leader's logs: ends, and the high watermark of each. A record takes `record` bytes and is a batch.
#[derive(Default)]
struct Leader {
    logs: BTreeMap<PartitionId, (i64, i64)>,
    record: usize,
}

impl Leader {
    fn with(record: usize, logs: impl IntoIterator<Item = (PartitionId, i64, i64)>) -> Leader {
        let logs = logs.into_iter().map(|(partition, end, committed)| (partition, (end, committed)));
        Leader { logs: logs.collect(), record }
    }

    fn serve(&self, partition: PartitionId, after: Position, room: Room) -> Serving {
        let Some(&(end, committed)) = self.logs.get(&partition) else { return Serving::NotHere };
        let left = (end - after.end.0) as usize;
        let mut count = left.min(room.bytes / self.record.max(1));
        if left > 0 && count == 0 {
            if !room.first_may_exceed {
                return Serving::NoRoom(entries(after, after, committed));
            }
            count = 1;
        }
        let last = at(EPOCH, after.end.0 + count as i64);
        let records = Records::from(Bytes::from(vec![0; count * self.record]));
        Serving::Entries { reply: entries(after, last, committed), records, more: count < left }
    }
}

fn entries(asked: Position, last: Position, committed: i64) -> FetchReply {
    let slice = Slice { last, epoch_starts: Vec::new(), voters: Vec::new() };
    FetchReply {
        epoch: LeaderEpoch(EPOCH),
        asked,
        high_watermark: at(EPOCH, committed),
        log_start: Offset::ZERO,
        outcome: FetchOutcome::Entries(slice),
    }
}

fn diverging(asked: Position, common: Position) -> Answer {
    Answer::Reply(FetchReply { outcome: FetchOutcome::Diverging(common), ..entries(asked, asked, 0) })
}

/// Of each row: the partition, and from where to where its entries go.
fn told(rows: &[ReplyRow]) -> Vec<(PartitionId, i64, i64)> {
    rows.iter()
        .map(|row| match &row.answer {
            Answer::Reply(FetchReply { asked, outcome: FetchOutcome::Entries(slice), .. }) => {
                (row.partition, asked.end.0, slice.last.end.0)
            }
            other => panic!("{other:?}"),
        })
        .collect()
}

/// A fetch that is served: what a driver does with it.
fn ask(news: &mut News, partition: PartitionId, end: i64, seen: i64) {
    news.fetched(partition, &fetch(EPOCH, end), seen);
    news.changed(partition);
}

#[test]
fn the_first_fetch_is_answered_and_nothing_twice() {
    let p = partition(0);
    let leader = Leader::with(10, [(p, 5, 5)]);
    let mut news = News::new(Budget::default());
    news.changed(p);
    assert!(news.is_empty(), "nobody follows it");
    ask(&mut news, p, 5, 0);
    assert_eq!(told(&news.take(1, ALL, |p, after, room| leader.serve(p, after, room))), [(p, 5, 5)]);
    ask(&mut news, p, 5, 1);
    assert_eq!(news.take(2, ALL, |p, after, room| leader.serve(p, after, room)), [], "it knows that already");
    let leader = Leader::with(10, [(p, 5, 6)]);
    news.changed(p);
    assert_eq!(
        told(&news.take(2, ALL, |p, after, room| leader.serve(p, after, room))),
        [(p, 5, 5)],
        "a watermark"
    );
}

#[test]
fn entries_are_streamed_without_being_asked_for_again() {
    let p = partition(0);
    let mut leader = Leader::with(10, [(p, 4, 0)]);
    let mut news = News::new(Budget { row_bytes: 30, reply_bytes: 1000, ..Budget::default() });
    ask(&mut news, p, 0, 0);
    assert_eq!(told(&news.take(1, ALL, |p, after, room| leader.serve(p, after, room))), [(p, 0, 3)]);
    assert_eq!(told(&news.take(2, ALL, |p, after, room| leader.serve(p, after, room))), [(p, 3, 4)]);
    leader.logs.insert(p, (6, 0));
    // An acknowledgement of what was there before the first row has come.
    ask(&mut news, p, 0, 0);
    assert_eq!(told(&news.take(3, ALL, |p, after, room| leader.serve(p, after, room))), [(p, 4, 6)]);
    // It has seen the second reply and not taken it: from where it stands.
    ask(&mut news, p, 3, 3);
    assert_eq!(told(&news.take(4, ALL, |p, after, room| leader.serve(p, after, room))), [(p, 3, 6)]);
}

#[test]
fn a_fetch_of_another_epoch_counts_whatever_is_under_way() {
    let p = partition(0);
    let leader = Leader::with(10, [(p, 4, 0)]);
    let mut news = News::new(Budget::default());
    news.fetched(p, &fetch(EPOCH - 1, 0), 0);
    news.changed(p);
    assert_eq!(told(&news.take(1, ALL, |p, after, room| leader.serve(p, after, room))), [(p, 0, 4)]);
    news.fetched(p, &fetch(EPOCH, 2), 0);
    news.changed(p);
    assert_eq!(told(&news.take(2, ALL, |p, after, room| leader.serve(p, after, room))), [(p, 2, 4)]);
}

#[test]
fn other_answers_wait_for_the_next_fetch() {
    let p = partition(0);
    let leader = Leader::with(10, [(p, 9, 0)]);
    let mut news = News::new(Budget::default());
    assert!(!news.answer(p, diverging(at(2, 7), at(2, 5)), Bytes::new()), "nobody asked");
    assert!(news.is_empty());
    news.fetched(p, &fetch(2, 7), 0);
    assert!(news.answer(p, diverging(at(2, 7), at(2, 6)), Bytes::new()));
    assert!(news.answer(p, diverging(at(2, 7), at(2, 5)), Bytes::new()));
    let rows = news.take(1, ALL, |p, after, room| leader.serve(p, after, room));
    let row = ReplyRow::of(p, diverging(at(2, 7), at(2, 5)));
    assert_eq!(rows, [row]);
    news.changed(p);
    assert_eq!(news.take(2, ALL, |_, _, _| panic!("where its log ends is not known")), []);
    ask(&mut news, p, 5, 1);
    assert_eq!(told(&news.take(2, ALL, |p, after, room| leader.serve(p, after, room))), [(p, 5, 9)]);
    // An answer that has become old before it was sent.
    assert!(news.answer(p, diverging(at(2, 7), at(2, 5)), Bytes::new()));
    ask(&mut news, p, 8, 2);
    assert_eq!(told(&news.take(3, ALL, |p, after, room| leader.serve(p, after, room))), [(p, 8, 9)]);
}

#[test]
fn a_follower_that_asks_the_leader_in_its_epoch_is_not_told_who_leads() {
    let p = partition(0);
    let (own, other) = (NodeId(1), NodeId(3));
    let leader = Leader::with(10, [(p, 9, 0)]);
    let not_leader = |leader| Answer::NotLeader { epoch: LeaderEpoch(EPOCH), leader };
    let mut news = News::new(Budget::default());
    assert!(!news.redirect(p, own, (LeaderEpoch(EPOCH), Some(own))), "nobody asked");
    ask(&mut news, p, 5, 0);
    // It led an earlier epoch, and what it said then comes late.
    assert!(news.redirect(p, own, (LeaderEpoch(EPOCH), Some(own))));
    assert_eq!(told(&news.take(1, ALL, |p, after, room| leader.serve(p, after, room))), [(p, 5, 9)]);
    for leads in [Some(other), None] {
        assert!(news.redirect(p, own, (LeaderEpoch(EPOCH), leads)));
        let rows = news.take(2, ALL, |_, _, _| panic!("this node does not lead"));
        assert_eq!(rows.into_iter().map(|row| row.answer).collect::<Vec<_>>(), [not_leader(leads)]);
    }
    // It asks in an epoch that is over.
    news.fetched(p, &fetch(EPOCH - 1, 5), 2);
    assert!(news.redirect(p, own, (LeaderEpoch(EPOCH), Some(own))));
    let rows = news.take(3, ALL, |_, _, _| panic!("it has to ask in this epoch"));
    assert_eq!(rows.into_iter().map(|row| row.answer).collect::<Vec<_>>(), [not_leader(Some(own))]);
}

#[test]
fn who_fetches_what_is_not_here_any_more_or_not_yet_is_told_so_once() {
    let [p, other] = [0, 1].map(partition);
    let leader = Leader::with(10, [(p, 1, 0)]);
    let absent =
        |partition| ReplyRow::of(partition, Answer::NotLeader { epoch: LeaderEpoch(EPOCH), leader: None });
    let mut news = News::new(Budget::default());
    assert!(!news.gone(p), "nobody asked for it");
    news.absent(other, LeaderEpoch(EPOCH));
    ask(&mut news, p, 0, 0);
    assert_eq!(news.len(), 2);
    let rows = news.take(1, 1, |p, after, room| leader.serve(p, after, room));
    assert_eq!((told(&rows[..1]), &rows[1..]), (vec![(p, 0, 1)], &[absent(other)][..]), "one at least");
    assert!(news.gone(p));
    assert_eq!(news.len(), 1);
    assert_eq!(news.take(3, ALL, |_, _, _| panic!("it is gone")), [absent(p)]);
    assert!(news.is_empty());
    // What it says next counts.
    for says in [News::forget, |news: &mut News, p| news.fetched(p, &fetch(EPOCH, 1), 3)] {
        news.absent(p, LeaderEpoch(EPOCH));
        says(&mut news, p);
        assert!(!news.take(4, ALL, |_, _, _| Serving::NotHere).contains(&absent(p)));
    }
    // It came and went before anybody was told.
    news.absent(p, LeaderEpoch(EPOCH));
    assert!(news.gone(p));
    // Neither these nor others have to wait for all of the others.
    let count = i32::try_from(ABSENT_MAX).unwrap();
    (0..count).for_each(|index| news.absent(partition(index), LeaderEpoch(EPOCH)));
    assert!(!news.is_overrun());
    news.absent(METADATA, LeaderEpoch(EPOCH));
    assert!(news.is_overrun());
    ask(&mut news, METADATA, 0, 4);
    ask(&mut news, partition(count), 0, 4);
    let leader = Leader::with(10, [(METADATA, 1, 0), (partition(count), 1, 0)]);
    let rows = news.take(5, ALL, |p, after, room| leader.serve(p, after, room));
    assert_eq!(told(&rows[..2]), [(METADATA, 0, 1), (partition(count), 0, 1)]);
    assert_eq!(rows.len(), ROWS_MAX);
}

#[test]
fn what_is_not_here_or_not_read_yet_waits() {
    let p = partition(0);
    let mut news = News::new(Budget::default());
    ask(&mut news, p, 0, 0);
    assert_eq!(news.take(1, ALL, |_, _, _| Serving::NotYet), []);
    assert!(news.is_empty());
    let leader = Leader::with(10, [(p, 1, 0)]);
    news.changed(p);
    assert_eq!(told(&news.take(1, ALL, |p, after, room| leader.serve(p, after, room))), [(p, 0, 1)]);
    news.changed(p);
    assert_eq!(news.take_unserved(p), None);
    assert_eq!(news.take(2, ALL, |_, _, _| Serving::NotHere), []);
    assert_eq!((news.take_unserved(p), news.take_unserved(p)), (Some(fetch(EPOCH, 0)), None), "once");
    news.changed(p);
    assert_eq!(news.take(2, ALL, |_, _, _| panic!("it waits for a fetch")), []);
    news.forget(p);
    news.changed(p);
    assert!(news.is_empty());
}

#[test]
fn each_has_its_turn_within_the_budget_and_the_metadata_log_is_first() {
    let all: Vec<_> = (0..4).map(|index| (partition(index), 9, 0)).chain([(METADATA, 2, 0)]).collect();
    let leader = Leader::with(100, all.clone());
    let mut news = News::new(Budget { row_bytes: 200, reply_bytes: 934, ..Budget::default() });
    for (p, _, _) in all {
        ask(&mut news, p, 0, 0);
    }
    let mut take = |number| told(&news.take(number, ALL, |p, after, room| leader.serve(p, after, room)));
    assert_eq!(take(1), [(METADATA, 0, 2), (partition(0), 0, 2), (partition(1), 0, 1)]);
    assert_eq!(take(2), [(partition(2), 0, 2), (partition(3), 0, 2), (partition(0), 2, 3)]);
    assert_eq!(take(3), [(partition(1), 1, 3), (partition(2), 2, 4), (partition(3), 2, 3)]);
}

#[test]
fn a_batch_that_is_larger_than_a_reply_goes_alone() {
    let (small, large) = (partition(0), partition(1));
    let leader = Leader::with(10, [(small, 1, 0)]);
    let giant = Leader::with(5000, [(large, 1, 0)]);
    let mut news = News::new(Budget { row_bytes: 1000, reply_bytes: 1000, ..Budget::default() });
    for p in [small, large, partition(2)] {
        ask(&mut news, p, 0, 0);
    }
    let serve =
        |p, after, room| if p == large { giant.serve(p, after, room) } else { leader.serve(p, after, room) };
    assert_eq!(told(&news.take(1, ALL, serve)), [(small, 0, 1)]);
    assert_eq!(news.len(), 2);
    assert_eq!(told(&news.take(2, ALL, serve)), [(large, 0, 1)]);
    let reset = FetchReply {
        outcome: FetchOutcome::Reset {
            to: at(EPOCH, 9),
            voters: crate::raft::VoterSet::new([crate::types::NodeId(1)]),
        },
        ..entries(at(0, 0), at(0, 0), 0)
    };
    ask(&mut news, small, 0, 2);
    news.fetched(large, &fetch(1, 0), 2);
    assert!(news.answer(large, Answer::Reply(reset), Bytes::from(vec![1; 2000])));
    assert_eq!(told(&news.take(3, ALL, serve)), [(small, 0, 1)]);
    assert_eq!(news.take(4, ALL, serve)[0].producer_state.len(), 2000);
    assert!(news.is_empty());
}

#[test]
fn no_more_is_sent_than_the_window_has_room_for() {
    let (p, q) = (partition(0), partition(1));
    let leader = Leader::with(10, [(p, 9, 0), (q, 1, 0)]);
    let mut news = News::new(Budget { window_bytes: 20, ..Budget::default() });
    ask(&mut news, p, 0, 0);
    ask(&mut news, q, 0, 0);
    let serve = |p, after, room| leader.serve(p, after, room);
    assert_eq!(told(&news.take(1, ALL, serve)), [(p, 0, 2), (q, 0, 0)], "the first fetch is answered");
    assert_eq!(told(&news.take(2, ALL, serve)), []);
    assert!(news.is_empty(), "both wait for an acknowledgement");
    // Taken, and not durable yet.
    let taken = Fetch { log_end: at(EPOCH, 2), durable: at(EPOCH, 0), ..fetch(EPOCH, 2) };
    news.fetched(p, &taken, 1);
    assert!(news.is_empty());
    news.fetched(p, &fetch(EPOCH, 2), 1);
    assert_eq!(told(&news.take(2, ALL, serve)), [(p, 2, 4)]);
    // Whoever does not follow any more holds nothing back.
    news.forget(p);
    assert_eq!(told(&news.take(3, ALL, serve)), [(q, 0, 1)]);
    let giant = Leader::with(5000, [(q, 2, 0)]);
    ask(&mut news, q, 1, 3);
    assert_eq!(told(&news.take(4, ALL, |p, after, room| giant.serve(p, after, room))), [(q, 1, 2)], "alone");
}

#[test]
fn a_high_watermark_is_told_though_the_window_has_no_room_for_what_follows() {
    let p = partition(0);
    let mut leader = Leader::with(10, [(p, 9, 0)]);
    let mut news = News::new(Budget { window_bytes: 20, ..Budget::default() });
    ask(&mut news, p, 0, 0);
    assert_eq!(told(&news.take(1, ALL, |p, after, room| leader.serve(p, after, room))), [(p, 0, 2)]);
    // What it has cannot leave its journal, nor make room for more, before it knows that it is committed.
    leader.logs.insert(p, (9, 2));
    news.changed(p);
    let rows = news.take(2, ALL, |p, after, room| leader.serve(p, after, room));
    let row = ReplyRow::of(p, Answer::Reply(entries(at(EPOCH, 2), at(EPOCH, 2), 2)));
    assert_eq!(rows, [row]);
    assert!(news.is_empty(), "the rest waits");
    news.changed(p);
    assert_eq!(news.take(3, ALL, |p, after, room| leader.serve(p, after, room)), [], "once");
    news.fetched(p, &fetch(EPOCH, 2), 2);
    assert_eq!(told(&news.take(3, ALL, |p, after, room| leader.serve(p, after, room))), [(p, 2, 4)]);
}
