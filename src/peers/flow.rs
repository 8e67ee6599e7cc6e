//! How much of what is sent on a connection may be on its way at once: no more than comes through well within the silence by which
//! nodes count as gone, since heartbeats come behind it.
use std::collections::VecDeque;
use std::time::Duration;

use super::PeerTiming;
use crate::types::Instant;

/// What may be on its way in bytes: at first, at least, and at most.
const FIRST_BYTES: usize = 32 << 10;
const LEAST_BYTES: usize = 4 << 10;
/// What may be unseen falls to no less than this part of it at once.
const LEAST_PART: f64 = 0.125;
const MOST_BYTES: usize = 16 << 20;

/// The replies of one connection that the other node is not known to have taken. What may be unseen is doubled in a round of them, as
/// long as it is used and they come through in time, and cut once in a round that takes too long, by half or to what would have come in time. The time that the
/// network takes for the shortest does not count.
#[derive(Debug)]
pub(super) struct Flow {
    /// Later than the shortest round by so much is too late.
    late: Duration,
    sent: VecDeque<(i64, usize)>,
    unseen: usize,
    most: usize,
    shortest: Duration,
    /// When it was cut last: rounds that had begun before say nothing of what may be unseen since.
    cut_at: Instant,
}

impl Flow {
    pub(super) fn new(timing: PeerTiming, now: Instant) -> Flow {
        Flow {
            late: timing.silence / 2,
            sent: VecDeque::new(),
            unseen: 0,
            most: FIRST_BYTES,
            shortest: Duration::MAX,
            cut_at: now,
        }
    }

    /// How many bytes may be sent now. None before a quarter of all that may be has room: many small replies would cost more.
    pub(super) fn room(&self) -> usize {
        let room = self.most.saturating_sub(self.unseen);
        if room < self.most / 4 { 0 } else { room }
    }

    pub(super) fn sent(&mut self, number: i64, bytes: usize) {
        if bytes > 0 {
            self.sent.push_back((number, bytes));
            self.unseen += bytes;
        }
    }

    /// All replies up to this number were taken; it had been sent at `as_of`.
    pub(super) fn seen(&mut self, now: Instant, number: i64, as_of: Instant) {
        let before = self.unseen;
        while let Some(&(sent, bytes)) = self.sent.front()
            && sent <= number
        {
            self.unseen -= bytes;
            self.sent.pop_front();
        }
        let round = now.since(as_of);
        self.shortest = self.shortest.min(round);
        let longer = round.saturating_sub(self.shortest);
        if longer > self.late {
            if as_of > self.cut_at {
                let part = (self.late.as_secs_f64() / 2.0 / longer.as_secs_f64()).max(LEAST_PART);
                self.most = ((self.most as f64 * part) as usize).max(LEAST_BYTES);
                self.cut_at = now;
            }
        } else if longer <= self.late / 2 && before >= self.most / 2 {
            self.most = (self.most + before - self.unseen).min(MOST_BYTES);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn flow() -> Flow {
        let timing = PeerTiming::new(Duration::from_millis(100), Duration::from_millis(500));
        Flow::new(timing.expect("they fit"), Instant(0))
    }

    fn first_if<T>(queue: &mut VecDeque<T>, fits: impl Fn(&T) -> bool) -> Option<T> {
        if queue.front().is_some_and(fits) { queue.pop_front() } else { None }
    }

    /// Sends all that there is room for, until a second is over, on a connection that brings so many bytes in a ms, after `way` ms.
    /// Gives the longest round of the last half, in ms.
    fn stream(flow: &mut Flow, from: u64, bytes_per_ms: usize, way: u64) -> u64 {
        let mut waiting: VecDeque<(i64, u64, usize)> = VecDeque::new();
        let (mut number, mut longest, mut credit) = (from as i64 * 1_000, 0, 0);
        let lasts = 20_000;
        let mut taken: VecDeque<(u64, i64, u64)> = VecDeque::new();
        for now in from..from + lasts {
            while let Some((_, seen, sent_at)) = first_if(&mut taken, |(at, _, _)| *at <= now) {
                flow.seen(Instant(now * MS), seen, Instant(sent_at * MS));
                if now > from + lasts / 2 {
                    longest = longest.max(now - sent_at);
                }
            }
            credit += bytes_per_ms;
            while let Some((seen, sent_at, bytes)) = first_if(&mut waiting, |(_, _, bytes)| *bytes <= credit)
            {
                credit -= bytes;
                taken.push_back((now + way, seen, sent_at));
            }
            if waiting.is_empty() {
                credit = 0;
            }
            while flow.room() > 0 {
                number += 1;
                let bytes = flow.room().min(4_096);
                flow.sent(number, bytes);
                waiting.push_back((number, now, bytes));
            }
        }
        longest
    }

    #[test]
    fn what_is_on_its_way_comes_through_within_the_silence_at_any_speed() {
        // 40 KB, 1 MB, 12 MB (100 Mbit) and 1 GB in a second.
        for bytes_per_ms in [40, 1_000, 12_000, 1_000_000] {
            let mut flow = flow();
            let longest = stream(&mut flow, 1, bytes_per_ms, 1);
            assert!(longest <= 450, "{bytes_per_ms} bytes/ms: {longest} ms, {flow:?}");
        }
        let mut fast = flow();
        stream(&mut fast, 1, 1_000_000, 1);
        assert_eq!(fast.most, MOST_BYTES);
    }

    #[test]
    fn a_long_way_is_no_slow_one() {
        let mut flow = flow();
        stream(&mut flow, 1, 100_000, 300);
        assert_eq!(flow.most, MOST_BYTES);
    }

    #[test]
    fn a_connection_that_gets_slow_or_fast_is_followed() {
        let mut flow = flow();
        stream(&mut flow, 1, 1_000_000, 1);
        let longest = stream(&mut flow, 30_000, 1_000, 1);
        assert!(longest <= 450, "{longest} ms, {flow:?}");
        stream(&mut flow, 60_000, 1_000_000, 1);
        assert_eq!(flow.most, MOST_BYTES);
    }

    #[test]
    fn what_is_hardly_used_does_not_grow() {
        let mut flow = flow();
        for at in 1..10_000_i64 {
            flow.sent(at, 1_000);
            flow.seen(Instant(at as u64 * MS), at, Instant(at as u64 * MS));
        }
        assert_eq!((flow.most, flow.unseen, flow.room()), (FIRST_BYTES, 0, FIRST_BYTES));
    }

    #[test]
    fn a_single_larger_batch_may_be_sent_and_then_nothing_before_it_is_seen() {
        let mut flow = flow();
        flow.sent(1, 30 << 20);
        assert_eq!(flow.room(), 0);
        flow.seen(Instant(MS), 1, Instant(0));
        assert!(flow.room() > 0);
    }
}
