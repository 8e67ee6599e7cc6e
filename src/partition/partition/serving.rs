use super::super::HandOverTerms;
use super::super::handle::spread;
use super::{Partition, Position, Read, ReadError, Standing, log};
use crate::log::StoredRead;
use crate::peers::{Room, Serving};
use crate::probe::{Mutant, mutant};
use crate::raft::{Fetch, FetchOutcome, Heard};
use crate::types::{LeaderEpoch, NodeId, Offset};
use crate::wire::Records;
use crate::wire::batch::{BatchHeader, HEADER_BYTES};
use bytes::Bytes;

/// What is read of segments at once, in bytes.
const STORED_READ_BYTES: usize = 1 << 20;

/// What a leader has for a follower.
pub(in crate::partition) enum Entries {
    Ready(Serving),
    /// To be read outside of the shard; what follows this position.
    Stored(StoredRead),
    /// They cannot be read.
    Unreadable(ReadError),
}

/// Who is to lead in a leader's place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::partition) enum Successor {
    /// There is nobody who may.
    Nobody,
    /// Those that may have still to fetch what this leader has committed.
    Behind {
        epoch: LeaderEpoch,
        committed: Offset,
    },
    Ready(NodeId),
}

/// What those that were behind are to hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::partition) struct Awaited {
    /// What was committed when they were behind: one that is so little behind while records come has the rest at once.
    pub(in crate::partition) committed: Offset,
    /// They do not come to it.
    pub(in crate::partition) in_vain: bool,
}

impl Partition {
    /// What follows `after` in the log that it leads.
    pub(in crate::partition) fn entries_after(&self, after: Position, room: Room) -> Entries {
        if !self.leads() || self.replica.entries_reply(after, after.end).is_none() {
            return Entries::Ready(Serving::NotHere);
        }
        let plan = log::ReadRequest {
            offset: after.end,
            max_bytes: room.bytes,
            up_to: self.log.log_end(),
            min_one_batch: room.first_may_exceed,
        };
        let read = match self.log.read(plan) {
            // It is given when it is there, whatever room there is then.
            Ok(Read::Stored(_)) => {
                let max_bytes = STORED_READ_BYTES;
                self.log.read(log::ReadRequest { max_bytes, min_one_batch: true, ..plan })
            }
            other => other,
        };
        match read {
            Ok(Read::Memory(pieces)) => Entries::Ready(self.entries(after, pieces)),
            Ok(Read::Stored(stored)) => Entries::Stored(stored),
            Err(error) => Entries::Unreadable(error),
        }
    }

    /// These batches as an answer. They were read after `after`, a moment ago perhaps.
    pub(in crate::partition) fn entries(&self, after: Position, pieces: Vec<Bytes>) -> Serving {
        let log_end = self.log.log_end();
        let mut records = Records::default();
        pieces.into_iter().for_each(|piece| records.push(piece));
        let end = match end_of(&records) {
            Some(end) => end,
            None if after.end >= log_end => log_end,
            // There are batches, and none of them fits.
            None => return self.no_room(after),
        };
        match self.replica.entries_reply(after, end) {
            Some(reply) => Serving::Entries { more: end < log_end, reply, records },
            None => Serving::NotHere,
        }
    }

    /// What follows `after` does not fit.
    pub(in crate::partition) fn no_room(&self, after: Position) -> Serving {
        self.replica.entries_reply(after, after.end).map_or(Serving::NotHere, Serving::NoRoom)
    }

    /// Whether a log that ends there may have to begin anew.
    pub(in crate::partition) fn begins_at_or_after(&self, position: Position) -> bool {
        self.replica.log_start() >= position.end
    }

    pub(in crate::partition) fn leads(&self) -> bool {
        match self.replica.standing() {
            Standing::Serving | Standing::Starting | Standing::HandingOver => true,
            Standing::NotLeader | Standing::Failed => false,
        }
    }

    /// Whom those that fetch here without being told otherwise have to turn to, if that has changed since this was asked last: who
    /// leads, as far as this node knows; nobody, if this node led until now. What a leader that goes says to voters may be lost, and who
    /// hears its node, and is not answered, would follow it for ever.
    pub(in crate::partition) fn turn(&mut self) -> Option<Option<NodeId>> {
        let own = self.replica.key();
        let turn = match self.replica.leader() {
            Some(leader) => Some(leader),
            None if self.turned_to.is_some_and(|(_, leader)| leader == Some(own.node)) => None,
            None => return None,
        };
        let now = Some((self.replica.epoch(), turn));
        (std::mem::replace(&mut self.turned_to, now) != now).then_some(turn)
    }

    /// What this replica asks its leader for.
    pub(in crate::partition) fn fetch(&self) -> Fetch {
        self.replica.fetch()
    }

    /// The producer state that goes with a reset to this log's start.
    pub(in crate::partition) fn producers_before_start(&self) -> Bytes {
        if mutant(Mutant::ReplicaResetWithoutProducers) {
            return Bytes::new();
        }
        self.log.producers_before_start()
    }

    /// Where its log ends: what it asks to be followed.
    pub(in crate::partition) fn log_end(&self) -> Position {
        self.replica.log_end()
    }

    /// The voter on another node that is to lead in this one's place: of those that follow and hold what is committed, the one that holds
    /// most. Nobody is served while a leader hands over: not to one that has still to fetch what others have acknowledged, be it from a
    /// slow disk.
    pub(in crate::partition) fn successor(
        &self,
        terms: &HandOverTerms,
        awaited: Option<Awaited>,
    ) -> Successor {
        let committed = self.replica.high_watermark();
        let in_vain = awaited.is_some_and(|awaited| awaited.in_vain);
        let enough = awaited.filter(|_| !in_vain).map_or(committed, |one| one.committed.min(committed));
        let all_may = mutant(Mutant::ClusterHandsOverToWhoIsBehind);
        let (wanted, others): (Vec<Heard>, Vec<Heard>) =
            self.replica.heard().into_iter().partition(|one| !terms.avoid.contains(&one.node));
        let others = if terms.to_anybody { others } else { Vec::new() };
        if wanted.is_empty() && others.is_empty() {
            return Successor::Nobody;
        }
        let best_of = |some: &[Heard]| {
            // One that lacks an epoch's start holds as many records as the others, and cannot take over yet.
            let rank = |one: &&Heard| (one.holds_all, one.durable);
            let is_ready = |one: &&Heard| all_may || (one.follows && one.durable >= enough);
            let best = some.iter().filter(is_ready).map(|one| rank(&one)).max()?;
            let best: Vec<&Heard> = some.iter().filter(|one| is_ready(one) && rank(one) == best).collect();
            // Of those that hold as much, another one for each partition.
            let place = usize::try_from(spread(self.log.key().partition) % best.len() as u64).ok()?;
            best.get(place).map(|one| one.node)
        };
        let another = || if wanted.is_empty() || in_vain { best_of(&others) } else { None };
        match best_of(&wanted).or_else(another) {
            Some(node) => Successor::Ready(node),
            None => Successor::Behind { epoch: self.replica.epoch(), committed },
        }
    }

    pub(in crate::partition) fn has_no_leader(&self) -> bool {
        self.replica.leader().is_none()
    }

    pub(in crate::partition) fn is_alone(&self) -> bool {
        self.replica.voters().keys() == [self.replica.key()]
    }
}

/// Where the last of these batches ends; the log has checked that they are batches. Copies headers alone.
fn end_of(records: &Records) -> Option<Offset> {
    let segments = records.segments();
    let (mut index, mut skip, mut end) = (0, 0, None);
    loop {
        while let Some(segment) = segments.get(index)
            && skip >= segment.len()
        {
            skip -= segment.len();
            index += 1;
        }
        let mut header = [0; HEADER_BYTES];
        let (mut filled, mut from) = (0, skip);
        for segment in segments.get(index..).unwrap_or_default() {
            let taken = (segment.len() - from).min(HEADER_BYTES - filled);
            header[filled..filled + taken].copy_from_slice(&segment[from..from + taken]);
            (filled, from) = (filled + taken, 0);
            if filled == HEADER_BYTES {
                break;
            }
        }
        let Some(header) = (filled == HEADER_BYTES).then(|| BatchHeader::parse(&header).ok()).flatten()
        else {
            return end;
        };
        let Some(length) = header.total_bytes() else { return end };
        end = Some(header.next_offset());
        skip += length;
    }
}

/// Whether an answer comes with a producer state.
pub(in crate::partition) fn is_reset(outcome: &FetchOutcome) -> bool {
    matches!(outcome, FetchOutcome::Reset { .. })
}
