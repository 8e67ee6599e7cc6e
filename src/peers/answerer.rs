use super::flow::Flow;
use super::rows::{read_fetch_rows, read_forgotten, write_reply_rows};
use super::{FetchRow, PeerTiming, ReplyRow, SessionError};
use crate::types::{Instant, NodeId, PartitionId};
use crate::wire::messages::{PeerFetch, PeerFetchReply};

/// The acceptor's side of one connection's session: numbers, clocks, and whether an answer is owed. What the rows say is
/// [`super::News`]'.
#[derive(Debug)]
pub struct Answerer {
    peer: NodeId,
    timing: PeerTiming,
    /// Of the last request.
    sequence: i64,
    /// The other node's clock in it.
    clock: i64,
    heard_at: Instant,
    /// Of the last reply.
    number: i64,
    /// The clock in it.
    sent_at: Instant,
    owed: bool,
    flow: Flow,
}

/// What a request says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Asked {
    /// The other node lived at this instant of this node's clock: for [`crate::raft::Contacts::heard`]. The first request
    /// echoes nothing.
    pub as_of: Option<Instant>,
    /// The last reply that the follower had taken: for [`super::News::fetched`].
    pub seen: i64,
    pub rows: Vec<FetchRow>,
    pub forgotten: Vec<PartitionId>,
}

impl Answerer {
    /// Of a connection from `peer` whose handshake is done.
    #[must_use]
    pub fn new(peer: NodeId, timing: PeerTiming, now: Instant) -> Answerer {
        let flow = Flow::new(timing, now);
        Answerer {
            peer,
            timing,
            sequence: 0,
            clock: 0,
            heard_at: now,
            number: 0,
            sent_at: now,
            owed: false,
            flow,
        }
    }

    /// When the connection is to be closed, if nothing is heard until then; `moved` is when bytes came last.
    #[must_use]
    pub fn over(&self, moved: Instant) -> Instant {
        self.heard_at.max(moved).after(self.timing.silence)
    }

    /// Takes a request.
    ///
    /// # Errors
    /// If it cannot be the next one: the connection is to be closed.
    pub fn take(&mut self, now: Instant, request: &PeerFetch) -> Result<Asked, SessionError> {
        let expected = self.sequence + 1;
        if request.sequence != expected {
            return Err(SessionError::Number { found: request.sequence, expected });
        }
        if request.seen < 0 || request.seen > self.number {
            return Err(SessionError::Answers { found: request.seen, sent: self.number });
        }
        let as_of = match request.echo {
            super::NO_CLOCK if request.seen == 0 => None,
            echo => Some(super::clock_echoed(echo, self.sent_at)?),
        };
        let clock = super::clock_from_wire(request.clock)?;
        let rows = read_fetch_rows(self.peer, &request.rows)?;
        let forgotten = read_forgotten(&request.forgotten)?;
        (self.sequence, self.clock) = (request.sequence, clock);
        self.heard_at = self.heard_at.max(now);
        self.owed |= request.answer_now;
        if let Some(as_of) = as_of {
            self.flow.seen(now, request.seen, as_of);
        }
        Ok(Asked { as_of, seen: request.seen, rows, forgotten })
    }

    /// Whether a reply is due although there is no news.
    #[must_use]
    pub fn owes(&self) -> bool {
        self.owed
    }

    /// How many bytes of records the next reply may have; 0 while what was sent is on its way.
    #[must_use]
    pub fn room(&self) -> usize {
        self.flow.room()
    }

    /// The number of the next reply, for [`super::News::take`]; `None` before the first request.
    #[must_use]
    pub fn next_number(&self) -> Option<i64> {
        (self.sequence > 0).then_some(self.number + 1)
    }

    /// The next reply.
    ///
    /// # Panics
    /// Before the first request: see [`Answerer::next_number`].
    pub fn reply(&mut self, now: Instant, rows: Vec<ReplyRow>) -> PeerFetchReply {
        assert!(self.sequence > 0, "a reply to nothing");
        self.number += 1;
        self.sent_at = self.sent_at.max(now);
        self.owed = false;
        // Rows without records are short, and the other node may have nothing to ask because of them.
        let bytes = rows.iter().map(|row| row.records.len() + row.producer_state.len()).sum();
        self.flow.sent(self.number, bytes);
        PeerFetchReply {
            number: self.number,
            answers: self.sequence,
            clock: super::clock_to_wire(self.sent_at),
            echo: self.clock,
            rows: write_reply_rows(rows),
            ..PeerFetchReply::default()
        }
    }
}
