use std::time::Duration;

use super::rows::{read_reply_rows, write_fetch_rows, write_forgotten};
use super::{ReplyRow, SessionError, Wanted};
use crate::types::Instant;
use crate::wire::messages::{PeerFetch, PeerFetchReply};

/// How often two nodes hear each other, and when they count as silent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PeerTiming {
    /// An idle pair exchanges a request and a reply this often.
    pub heartbeat: Duration,
    /// What is not answered for so long is lost. The same as of [`crate::raft::Contacts`].
    pub silence: Duration,
}

impl PeerTiming {
    /// An echo may be two heartbeats and two ways old; below this, a live node would count as silent.
    pub const HEARTBEATS_IN_SILENCE_MIN: u32 = 4;

    /// `None` if the silence is shorter than [`PeerTiming::HEARTBEATS_IN_SILENCE_MIN`] heartbeats.
    #[must_use]
    pub fn new(heartbeat: Duration, silence: Duration) -> Option<PeerTiming> {
        let fits = silence >= heartbeat * PeerTiming::HEARTBEATS_IN_SILENCE_MIN && !heartbeat.is_zero();
        fits.then_some(PeerTiming { heartbeat, silence })
    }
}

/// The dialler's side of one connection's session: numbers, clocks and heartbeats. What the rows say is [`super::Wants`]'.
#[derive(Debug)]
pub struct Asker {
    timing: PeerTiming,
    /// Of the last request.
    sequence: i64,
    /// The clock in it.
    sent_at: Instant,
    /// Of the last reply.
    number: i64,
    answers: i64,
    /// The other node's clock in it.
    clock: Option<i64>,
    heard_at: Instant,
    /// The request that demands an answer and has none.
    demand: Option<(i64, Instant)>,
    /// Since when records are here of which no request has told that their reply was seen.
    unseen_since: Option<Instant>,
}

/// What a reply says.
#[derive(Clone, PartialEq, Debug)]
pub struct Replied {
    /// The other node lived at this instant of this node's clock: for [`crate::raft::Contacts::heard`].
    pub as_of: Instant,
    pub rows: Vec<ReplyRow>,
}

impl Asker {
    /// Of a connection whose handshake is done.
    #[must_use]
    pub fn new(timing: PeerTiming, now: Instant) -> Asker {
        Asker {
            timing,
            sequence: 0,
            sent_at: now,
            number: 0,
            answers: 0,
            clock: None,
            heard_at: now,
            demand: None,
            unseen_since: None,
        }
    }

    /// When a request is due whether or not there are rows.
    #[must_use]
    pub fn due(&self) -> Instant {
        // How much may be on its way follows from how soon the other side hears that it came: see `Flow`.
        let heartbeat = self.heartbeat_due();
        let seen = self.unseen_since.map(|since| since.after(self.timing.heartbeat / 4));
        seen.map_or(heartbeat, |seen| seen.min(heartbeat))
    }

    fn heartbeat_due(&self) -> Instant {
        match self.demand {
            // What is on its way may be long: the other side hears meanwhile that this one lives.
            Some(_) => self.sent_at.after(self.timing.silence / 2),
            None if self.sequence == 0 => self.sent_at,
            None => self.sent_at.min(self.heard_at).after(self.timing.heartbeat),
        }
    }

    /// When the connection is to be closed if a demand is not answered until then, and nothing comes: `moved` is when bytes came last.
    #[must_use]
    pub fn over(&self, moved: Instant) -> Option<Instant> {
        self.demand.map(|(_, since)| since.max(moved).after(self.timing.silence))
    }

    /// The next request. The rows were made after those of the last reply had been taken.
    pub fn request(&mut self, now: Instant, wanted: &Wanted) -> PeerFetch {
        let answer_now = self.demand.is_none() && self.heartbeat_due() <= now;
        self.unseen_since = None;
        self.sequence += 1;
        self.sent_at = self.sent_at.max(now);
        if answer_now {
            self.demand = Some((self.sequence, now));
        }
        PeerFetch {
            sequence: self.sequence,
            seen: self.number,
            clock: super::clock_to_wire(self.sent_at),
            echo: self.clock.unwrap_or(super::NO_CLOCK),
            answer_now,
            rows: write_fetch_rows(&wanted.rows),
            forgotten: write_forgotten(&wanted.forgotten),
            ..PeerFetch::default()
        }
    }

    /// Takes a reply.
    ///
    /// # Errors
    /// If it cannot be one to what was asked: the connection is to be closed.
    pub fn take(&mut self, now: Instant, reply: PeerFetchReply) -> Result<Replied, SessionError> {
        let expected = self.number + 1;
        if reply.number != expected {
            return Err(SessionError::Number { found: reply.number, expected });
        }
        if reply.answers < self.answers.max(1) || reply.answers > self.sequence {
            let (found, sent) = (reply.answers, self.sequence);
            return Err(SessionError::Answers { found, sent });
        }
        let as_of = super::clock_echoed(reply.echo, self.sent_at)?;
        let clock = super::clock_from_wire(reply.clock)?;
        let rows = read_reply_rows(reply.rows)?;
        (self.number, self.answers, self.clock) = (reply.number, reply.answers, Some(clock));
        self.heard_at = self.heard_at.max(now);
        if rows.iter().any(|row| !row.records.is_empty() || !row.producer_state.is_empty()) {
            self.unseen_since.get_or_insert(now);
        }
        if self.demand.is_some_and(|(sequence, _)| sequence <= reply.answers) {
            self.demand = None;
        }
        Ok(Replied { as_of, rows })
    }
}
