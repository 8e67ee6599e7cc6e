use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::Bytes;

use super::is_metadata;
use super::rotation::Rotation;
use super::rows::{Answer, ROW_BYTES, ROWS_MAX, ReplyRow};
use crate::raft::{Fetch, FetchOutcome, FetchReply, Position};
use crate::types::{LeaderEpoch, NodeId, Offset, PartitionId};
use crate::wire::Records;

/// The leader's side of a fetch session, for the partitions of one owner: what one follower node knows of them, and which
/// have something new for it.
///
/// Entries are sent in a stream: after a row, the follower is taken to hold what was in it. The core takes a row only if it
/// follows its log end, so that an error here costs a round and no record. Partitions without news cost nothing.
///
/// What was sent and is not held durably yet is bounded ([`Budget::window_bytes`]), so that a follower whose disk is slower
/// than its leader's need not hold more than that in memory, and can always take what it is sent.
#[derive(Debug)]
pub struct News {
    partitions: BTreeMap<PartitionId, Follower>,
    waiting: Rotation<PartitionId>,
    /// Partitions whose next batch the window has no room for; their high watermarks are told all the same.
    held_back: BTreeSet<PartitionId>,
    /// Of which this node has no replica, though the follower asked for them, in these epochs: it is told so once.
    absent: BTreeMap<PartitionId, LeaderEpoch>,
    /// Of all partitions: bytes that were sent and are not acknowledged.
    unacknowledged: usize,
    budget: Budget,
}

/// How much goes into one reply.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Budget {
    /// Of one partition's entries, in bytes.
    pub row_bytes: usize,
    /// Of all rows, in bytes; one batch that is larger goes alone.
    pub reply_bytes: usize,
    /// Of entries that were sent and are not held durably yet, in bytes; one batch that is larger goes alone.
    pub window_bytes: usize,
}

/// So many partitions that are not here wait to be told of at most.
const ABSENT_MAX: usize = 8 * ROWS_MAX;

/// Of a reply's rows, in bytes.
pub(super) const REPLY_BYTES: usize = 4 << 20;

impl Default for Budget {
    fn default() -> Budget {
        Budget { row_bytes: 1 << 20, reply_bytes: REPLY_BYTES, window_bytes: 16 << 20 }
    }
}

#[derive(Debug)]
struct Follower {
    /// Its last one.
    fetch: Fetch,
    /// Where its log ends once it has taken all that was sent; `None`: that is to be told by its next fetch.
    after: Option<Position>,
    /// High watermark and log start as of the last row.
    told: Option<(Position, Offset)>,
    /// The reply with its last row.
    told_in: i64,
    /// Something else than entries.
    answer: Option<Box<(Answer, Bytes)>>,
    /// What follows its log was not here when its turn came.
    unserved: bool,
    /// The entries that were sent and are not acknowledged: where they end, and their bytes.
    unacknowledged: VecDeque<(Position, usize)>,
}

/// How much a partition may give.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Room {
    /// The most bytes of batches.
    pub bytes: usize,
    /// The first batch may be larger than that.
    pub first_may_exceed: bool,
}

/// What a partition has for a follower.
#[derive(Clone, PartialEq, Debug)]
pub enum Serving {
    /// Some of what follows, or nothing but the high watermark and log start.
    Entries {
        /// [`crate::raft::Replica::entries_reply`] for the batches in `records`.
        reply: FetchReply,
        records: Records,
        /// There are more behind these.
        more: bool,
    },
    /// The next batch is larger than the room, which it may not exceed. The high watermark and log start in an answer without entries.
    NoRoom(FetchReply),
    /// What follows is being read: [`News::changed`] will tell when it is there.
    NotYet,
    /// This node does not lead the partition, or its log does not hold the position.
    NotHere,
}

impl News {
    #[must_use]
    pub fn new(budget: Budget) -> News {
        News {
            partitions: BTreeMap::new(),
            waiting: Rotation::new(),
            held_back: BTreeSet::new(),
            absent: BTreeMap::new(),
            unacknowledged: 0,
            budget,
        }
    }

    /// A fetch came in a request that had `seen` that reply. To be told for partitions of which this node has a replica,
    /// and before the replica itself.
    pub fn fetched(&mut self, partition: PartitionId, fetch: &Fetch, seen: i64) {
        let follower = self.partitions.entry(partition).or_insert_with(|| Follower {
            fetch: *fetch,
            after: None,
            told: None,
            told_in: 0,
            answer: None,
            unserved: false,
            unacknowledged: VecDeque::new(),
        });
        self.absent.remove(&partition);
        (follower.answer, follower.unserved) = (None, false);
        let streaming =
            follower.after.is_some() && follower.fetch.epoch == fetch.epoch && seen < follower.told_in;
        let mut gone = follower.acknowledge(fetch.durable);
        if !streaming {
            if follower.fetch.epoch != fetch.epoch || follower.after != Some(fetch.log_end) {
                follower.told = None;
                // Whatever was sent beyond is not held, and is sent again.
                gone += follower.forget_sent();
            }
            follower.after = Some(fetch.log_end);
        }
        follower.fetch = *fetch;
        self.acknowledged(gone);
    }

    /// The last fetch of a follower that waits for another answer than entries: what it asked for is not here any more, and it
    /// has no reason to ask again. To be taken as if it came now; once.
    pub fn take_unserved(&mut self, partition: PartitionId) -> Option<Fetch> {
        let follower = self.partitions.get_mut(&partition)?;
        let is_unserved = std::mem::take(&mut follower.unserved);
        is_unserved.then_some(follower.fetch)
    }

    /// The window has room again for what was held back.
    fn acknowledged(&mut self, bytes: usize) {
        self.unacknowledged -= bytes;
        if self.unacknowledged < self.budget.window_bytes {
            for partition in std::mem::take(&mut self.held_back) {
                self.wait(partition);
            }
        }
    }

    /// The follower follows this partition here no longer.
    pub fn forget(&mut self, partition: PartitionId) {
        if let Some(mut follower) = self.partitions.remove(&partition) {
            let gone = follower.forget_sent();
            self.acknowledged(gone);
        }
        self.waiting.remove(partition);
        self.held_back.remove(&partition);
        self.absent.remove(&partition);
    }

    /// This node has no replica of a partition, so it does not lead it. Told here, that is lost only with the session that asks again;
    /// what else is said to the follower's node goes by another connection.
    pub fn absent(&mut self, partition: PartitionId, epoch: LeaderEpoch) {
        self.absent.insert(partition, epoch);
    }

    /// This node's replica of a partition is gone: a follower that asked for it learns that. Whether there is one.
    pub fn gone(&mut self, partition: PartitionId) -> bool {
        let followed = self.partitions.get(&partition).map(|follower| follower.fetch.epoch);
        let asked = followed.or_else(|| self.absent.get(&partition).copied());
        self.forget(partition);
        self.absent.extend(asked.map(|epoch| (partition, epoch)));
        asked.is_some()
    }

    /// Whether more partitions that are not here wait to be told of than are kept: only a session that begins anew can tell all, since
    /// it is asked again.
    #[must_use]
    pub fn is_overrun(&self) -> bool {
        self.absent.len() > ABSENT_MAX
    }

    /// There may be something new: the partition's log end, high watermark or log start moved, or a fetch is to be served
    /// ([`crate::raft::Effect::ServeFetch`]).
    pub fn changed(&mut self, partition: PartitionId) {
        if self.partitions.contains_key(&partition) {
            self.wait(partition);
        }
    }

    /// What a fetch is answered with besides entries; a reset comes with the producer state. One that comes later takes its
    /// place. `false` if the follower does not fetch here: then it is of no use, or a message for the [`super::Outbox`].
    pub fn answer(&mut self, partition: PartitionId, answer: Answer, producer_state: Bytes) -> bool {
        let Some(follower) = self.partitions.get_mut(&partition) else { return false };
        follower.answer = Some(Box::new((answer, producer_state)));
        let gone = follower.forget_sent();
        self.acknowledged(gone);
        self.wait(partition);
        true
    }

    /// Says that `leader` leads `epoch`, if anybody does, as [`News::answer`] would. A follower that asks this node, which is `own`,
    /// in the epoch that it leads knows that, and asks no second time: what it is told this for it had sent before, and what
    /// it waits for is entries.
    pub fn redirect(
        &mut self,
        partition: PartitionId,
        own: NodeId,
        (epoch, leader): (LeaderEpoch, Option<NodeId>),
    ) -> bool {
        let knows = |follower: &Follower| leader == Some(own) && follower.fetch.epoch == epoch;
        if self.partitions.get(&partition).is_some_and(knows) {
            return true;
        }
        self.answer(partition, Answer::NotLeader { epoch, leader }, Bytes::new())
    }

    fn wait(&mut self, partition: PartitionId) {
        if is_metadata(partition) {
            self.waiting.push_front(partition);
        } else {
            self.waiting.push(partition);
        }
    }

    /// Whether no partition has news.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.absent.is_empty()
    }

    /// How many partitions may have news.
    #[must_use]
    pub fn len(&self) -> usize {
        self.waiting.len() + self.absent.len()
    }

    /// The rows of the reply with this number, which is sent: they will not be told again on this connection. They have no more than
    /// `bytes` and the budget allow, but for a batch that is larger and goes alone. `serve` gives
    /// what follows a position in a partition's log, as much as there is room for. Each partition is asked once at most, in
    /// their turn.
    ///
    /// # Panics
    /// If `serve` has no room where it may exceed it, or gives what is no entries after the position.
    pub fn take(
        &mut self,
        number: i64,
        bytes: usize,
        mut serve: impl FnMut(PartitionId, Position, Room) -> Serving,
    ) -> Vec<ReplyRow> {
        let (mut rows, mut spent, mut again) = (Vec::new(), 0, Vec::new());
        let bytes = bytes.min(self.budget.reply_bytes);
        // Half of it at most is kept for what is not here.
        let absent_rows = self.absent.len().min(ROWS_MAX / 2);
        let of_others = bytes - (absent_rows * ROW_BYTES).min(bytes / 2);
        for _ in 0..self.waiting.len() {
            if rows.len() + absent_rows >= ROWS_MAX || spent >= of_others {
                break;
            }
            let Some(partition) = self.waiting.pop() else { break };
            let Some(follower) = self.partitions.get_mut(&partition) else { continue };
            let left = self.budget.row_bytes.min(of_others - spent);
            let window = self.budget.window_bytes.saturating_sub(self.unacknowledged);
            let room = Room {
                bytes: left.min(window),
                first_may_exceed: rows.is_empty() && (window > 0 || self.unacknowledged == 0),
            };
            let short = if window < left { Short::Window } else { Short::Reply };
            match (follower.take(partition, number, (room, short), &mut serve), short) {
                (Turn::Nothing, _) => {}
                (Turn::NoRoom, Short::Window) => {
                    self.held_back.insert(partition);
                }
                (Turn::NoRoom, Short::Reply) => {
                    self.waiting.push_front(partition);
                    break;
                }
                (Turn::Row { row, behind }, _) => {
                    spent += bytes_of(&row);
                    self.unacknowledged += follower.sent(&row);
                    rows.push(row);
                    match behind {
                        Behind::Nothing => {}
                        Behind::More => again.push(partition),
                        Behind::HeldBack => {
                            self.held_back.insert(partition);
                        }
                    }
                }
            }
        }
        again.into_iter().for_each(|partition| self.wait(partition));
        self.tell_absent(&mut rows, bytes.saturating_sub(spent));
        rows
    }

    /// Rows for partitions that are not here, of so many bytes, and one at least.
    fn tell_absent(&mut self, rows: &mut Vec<ReplyRow>, bytes: usize) {
        let most = (bytes / ROW_BYTES).max(1).min(ROWS_MAX - rows.len());
        for _ in 0..most {
            let Some((partition, epoch)) = self.absent.pop_first() else { break };
            rows.push(ReplyRow::of(partition, Answer::NotLeader { epoch, leader: None }));
        }
    }
}

/// What a row takes on the wire, about.
fn bytes_of(row: &ReplyRow) -> usize {
    let listed = match &row.answer {
        Answer::Reply(FetchReply { outcome: FetchOutcome::Entries(slice), .. }) => slice.epoch_starts.len(),
        Answer::Reply(FetchReply { outcome: FetchOutcome::Reset { voters, .. }, .. }) => voters.keys().len(),
        Answer::Reply(FetchReply { outcome: FetchOutcome::Diverging(_), .. }) | Answer::NotLeader { .. } => 0,
    };
    ROW_BYTES + LISTED_BYTES * listed + row.records.len() + row.producer_state.len()
}

/// What an epoch's start or a voter takes at most, in bytes.
const LISTED_BYTES: usize = 24;

/// What there is too little of for a batch that does not fit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Short {
    Window,
    Reply,
}

/// What a partition has behind its row.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Behind {
    Nothing,
    More,
    /// Entries for which the window has no room.
    HeldBack,
}

/// What a partition does with its turn.
#[expect(clippy::large_enum_variant, reason = "it is taken apart where it is made")]
enum Turn {
    Nothing,
    /// What it has is too large for what is left.
    NoRoom,
    Row {
        row: ReplyRow,
        behind: Behind,
    },
}

impl Follower {
    /// Notes entries that are sent; their bytes.
    fn sent(&mut self, row: &ReplyRow) -> usize {
        let bytes = row.records.len();
        if bytes > 0
            && let Some(after) = self.after
        {
            self.unacknowledged.push_back((after, bytes));
            return bytes;
        }
        0
    }

    /// The bytes that are acknowledged with this position.
    fn acknowledge(&mut self, durable: Position) -> usize {
        let mut gone = 0;
        while let Some(&(end, bytes)) = self.unacknowledged.front()
            && end <= durable
        {
            gone += bytes;
            self.unacknowledged.pop_front();
        }
        gone
    }

    /// Counts on nothing that was sent; its bytes.
    fn forget_sent(&mut self) -> usize {
        self.unacknowledged.drain(..).map(|(_, bytes)| bytes).sum()
    }

    fn take(
        &mut self,
        partition: PartitionId,
        number: i64,
        (room, short): (Room, Short),
        serve: &mut impl FnMut(PartitionId, Position, Room) -> Serving,
    ) -> Turn {
        if let Some(answer) = self.answer.take() {
            if answer.1.len() > room.bytes && !room.first_may_exceed {
                self.answer = Some(answer);
                return Turn::NoRoom;
            }
            (self.after, self.told, self.told_in) = (None, None, number);
            let (answer, producer_state) = *answer;
            let row = ReplyRow { producer_state, ..ReplyRow::of(partition, answer) };
            return Turn::Row { row, behind: Behind::Nothing };
        }
        let Some(after) = self.after else { return Turn::Nothing };
        let (reply, records, behind) = match serve(partition, after, room) {
            Serving::Entries { reply, records, more: true } => (reply, records, Behind::More),
            Serving::Entries { reply, records, more: false } => (reply, records, Behind::Nothing),
            Serving::NoRoom(reply) => {
                assert!(!room.first_may_exceed, "the first batch of {partition} may exceed the room");
                match short {
                    Short::Reply => return Turn::NoRoom,
                    // What the follower holds can leave its journal only once it knows that it is committed, and its journal may be what
                    // has no room for more.
                    Short::Window => (reply, Records::default(), Behind::HeldBack),
                }
            }
            Serving::NotYet => return Turn::Nothing,
            Serving::NotHere => {
                (self.after, self.unserved) = (None, true);
                return Turn::Nothing;
            }
        };
        let FetchOutcome::Entries(slice) = &reply.outcome else {
            panic!("a fetch of {partition} is served with entries: {reply:?}");
        };
        assert!(slice.last >= after, "{partition}: entries after {after} end at {}", slice.last);
        let told = (reply.high_watermark, reply.log_start);
        if slice.last == after && self.told == Some(told) {
            return if behind == Behind::HeldBack { Turn::NoRoom } else { Turn::Nothing };
        }
        (self.after, self.told, self.told_in) = (Some(slice.last), Some(told), number);
        Turn::Row { row: ReplyRow { records, ..ReplyRow::of(partition, Answer::Reply(reply)) }, behind }
    }
}

#[cfg(test)]
mod tests;
