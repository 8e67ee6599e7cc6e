use std::collections::BTreeMap;

use super::rotation::Rotation;
use super::rows::{MessageRow, ROWS_MAX};
use crate::raft::{Ballot, Message};
use crate::types::PartitionId;

/// The messages that wait for one node: of each partition and kind the newest, in the order in which they came. What is
/// lost with a connection is not sent again; the core's timers see to that.
#[derive(Debug)]
pub struct Outbox {
    order: Rotation<(PartitionId, Kind)>,
    messages: BTreeMap<(PartitionId, Kind), Message>,
    rows_max: usize,
    dropped: u64,
}

/// What a later message takes the place of.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Kind {
    Vote(Ballot),
    VoteReply(Ballot),
    BeginEpoch,
    EndEpoch,
    NotLeader,
}

impl Outbox {
    /// As many rows wait at most.
    pub const ROWS_MAX_DEFAULT: usize = 65_536;

    /// # Panics
    /// Without room for a row.
    #[must_use]
    pub fn new(rows_max: usize) -> Outbox {
        assert!(rows_max > 0, "an outbox has room");
        Outbox { order: Rotation::new(), messages: BTreeMap::new(), rows_max, dropped: 0 }
    }

    /// Puts a message in line; the oldest row goes if there is no room.
    ///
    /// # Panics
    /// For a fetch or a reply to one: those travel in sessions.
    pub fn push(&mut self, partition: PartitionId, message: Message) {
        let kind = match &message {
            Message::Vote(vote) => Kind::Vote(vote.ballot),
            Message::VoteReply(reply) => Kind::VoteReply(reply.ballot),
            Message::BeginEpoch { .. } => Kind::BeginEpoch,
            Message::EndEpoch { .. } => Kind::EndEpoch,
            Message::NotLeader { .. } => Kind::NotLeader,
            Message::Fetch(_) | Message::FetchReply(_) => {
                panic!("fetches and their replies travel in sessions: {partition}, {message:?}")
            }
        };
        let key = (partition, kind);
        self.order.remove(key);
        self.order.push(key);
        self.messages.insert(key, message);
        if self.order.len() > self.rows_max
            && let Some(oldest) = self.order.pop()
        {
            self.messages.remove(&oldest);
            self.dropped += 1;
        }
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// How many rows had no room so far.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// The rows of one frame.
    pub fn take(&mut self) -> Vec<MessageRow> {
        let mut rows = Vec::with_capacity(self.len().min(ROWS_MAX));
        while rows.len() < ROWS_MAX
            && let Some(key) = self.order.pop()
        {
            let message = self.messages.remove(&key).expect("what waits has a message");
            rows.push(MessageRow { partition: key.0, message });
        }
        rows
    }

    /// Forgets a partition that is no longer here.
    pub fn forget(&mut self, partition: PartitionId) {
        let first = (partition, Kind::Vote(Ballot::PreVote));
        let keys: Vec<_> =
            self.messages.range(first..=(partition, Kind::NotLeader)).map(|(key, _)| *key).collect();
        for key in keys {
            self.order.remove(key);
            self.messages.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peers::tests::partition;
    use crate::types::LeaderEpoch;

    fn begin(epoch: i32) -> Message {
        Message::BeginEpoch { epoch: LeaderEpoch(epoch) }
    }

    fn end(epoch: i32) -> Message {
        Message::EndEpoch { epoch: LeaderEpoch(epoch), successor: None }
    }

    fn row(index: i32, message: Message) -> MessageRow {
        MessageRow { partition: partition(index), message }
    }

    #[test]
    fn the_newest_of_a_kind_is_sent_in_order() {
        let mut outbox = Outbox::new(100);
        outbox.push(partition(1), begin(1));
        outbox.push(partition(2), begin(4));
        outbox.push(partition(1), end(1));
        outbox.push(partition(1), begin(2));
        assert_eq!(outbox.take(), [row(2, begin(4)), row(1, end(1)), row(1, begin(2))]);
        assert!(outbox.is_empty() && outbox.take().is_empty());
    }

    #[test]
    fn the_oldest_goes_where_there_is_no_room() {
        let mut outbox = Outbox::new(2);
        for index in 0..5 {
            outbox.push(partition(index), begin(1));
        }
        assert_eq!(outbox.dropped(), 3);
        outbox.push(partition(4), end(1));
        outbox.forget(partition(4));
        assert_eq!((outbox.take(), outbox.dropped()), (vec![], 4));
    }

    #[test]
    fn a_frame_is_bounded() {
        let mut outbox = Outbox::new(Outbox::ROWS_MAX_DEFAULT);
        for index in 0..20_000 {
            outbox.push(partition(index), begin(1));
        }
        assert_eq!((outbox.take().len(), outbox.take().len()), (ROWS_MAX, 20_000 - ROWS_MAX));
    }
}
