//! What a replica can read no more, from those on other nodes.
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use super::{AskFailed, CallFailed, PeerCalls};
use crate::io::Clock;
use crate::log::{FilesVersion, LogId, RepairPiece, RepairRead, RepairSource};
use crate::probe::{Mutant, mutant};
use crate::types::{NodeId, PartitionId};
use crate::wire::messages::ReadRecordsRequest;

/// The version in which nodes ask each other.
const VERSION: i16 = 0;
/// How long one piece may take, and one of a single batch.
const PIECE_PATIENCE: Duration = Duration::from_secs(5);
const BATCH_PATIENCE: Duration = Duration::from_secs(40);
/// A piece that comes faster is followed by a larger one, one that comes slower by a smaller one: it is in the way of what else the
/// nodes tell each other.
const FAST: Duration = Duration::from_millis(50);
const SLOW: Duration = Duration::from_millis(200);
/// How much is asked for first, and at least, in bytes.
const FIRST_BYTES: usize = 64 << 10;
const LEAST_BYTES: usize = 2 << 10;

/// How much the next piece may have, in bytes: what the connections bring in a short time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Pace(usize);

impl Pace {
    fn patience(self) -> Duration {
        if self.0 > LEAST_BYTES { PIECE_PATIENCE } else { BATCH_PATIENCE }
    }

    /// After a piece that took so much longer than the shortest.
    fn after(self, took: Duration, most: usize) -> Pace {
        match took {
            took if took <= FAST => Pace((self.0 * 2).min(most)),
            took if took > SLOW => Pace((self.0 / 2).max(LEAST_BYTES)),
            _ => self,
        }
    }

    /// After one that did not come at all; `None` if it was the least.
    fn after_none(self) -> Option<Pace> {
        (self.0 > LEAST_BYTES).then_some(Pace((self.0 / 8).max(LEAST_BYTES)))
    }
}

/// The other replicas of a partition.
pub(super) struct Elsewhere {
    clock: Arc<dyn Clock>,
    calls: PeerCalls,
    id: PartitionId,
    nodes: Vec<NodeId>,
    /// The one that gave something last: it is asked first.
    at: AtomicUsize,
    /// Of what is asked next: see [`Pace`].
    pace: AtomicUsize,
    /// How long the shortest answer took, in nanoseconds: what a long way costs is no matter of its length.
    shortest: AtomicU64,
}

/// Why a node gave nothing.
#[derive(Debug, thiserror::Error)]
enum NotGiven {
    #[error("node {node} has not answered within {patience:?}")]
    TimedOut { node: NodeId, patience: Duration },
    #[error("node {node}: {failed}")]
    Failed { node: NodeId, failed: AskFailed },
    #[error("node {node} refuses, with error code {code}")]
    Refused { node: NodeId, code: i16 },
    #[error("node {0} answers with files that cannot be")]
    Impossible(NodeId),
}

impl NotGiven {
    /// It may be that less would have come: the connection may have ended over what was too long for it.
    fn may_be_for_its_length(&self) -> bool {
        match self {
            NotGiven::TimedOut { .. } => true,
            NotGiven::Failed { failed: AskFailed::Failed(CallFailed::Lost(_)), .. } => true,
            NotGiven::Failed { .. } | NotGiven::Refused { .. } | NotGiven::Impossible(_) => false,
        }
    }
}

impl Elsewhere {
    /// Those on these nodes, which are asked in turn.
    pub(super) fn new(
        clock: Arc<dyn Clock>,
        calls: PeerCalls,
        id: PartitionId,
        nodes: Vec<NodeId>,
    ) -> Elsewhere {
        Elsewhere {
            clock,
            calls,
            id,
            nodes,
            at: AtomicUsize::new(0),
            pace: AtomicUsize::new(FIRST_BYTES),
            shortest: AtomicU64::new(u64::MAX),
        }
    }

    async fn ask(&self, node: NodeId, wanted: RepairRead, pace: Pace) -> Result<RepairPiece, NotGiven> {
        let request = ReadRecordsRequest {
            topic_id: self.id.topic,
            partition_index: self.id.index.0,
            offset: wanted.offset.0,
            end_offset: wanted.up_to.0,
            max_bytes: i32::try_from(pace.0.min(wanted.bytes_max)).unwrap_or(i32::MAX),
            ..ReadRecordsRequest::default()
        };
        let patience = pace.patience();
        let began = self.clock.now();
        let deadline = began.after(patience);
        let asked = self.calls.ask(&*self.clock, (node, deadline), VERSION, &request).await;
        let answer = asked.map_err(|failed| match failed {
            AskFailed::TimedOut => NotGiven::TimedOut { node, patience },
            failed => NotGiven::Failed { node, failed },
        })?;
        if answer.error_code != 0 {
            return Err(NotGiven::Refused { node, code: answer.error_code });
        }
        let (Ok(log), Ok(rewrites)) = (u64::try_from(answer.log_id), u32::try_from(answer.rewrites)) else {
            return Err(NotGiven::Impossible(node));
        };
        let version = FilesVersion { log: LogId(log), rewrites };
        self.note_taken(pace, self.clock.now().since(began), wanted.bytes_max);
        Ok(RepairPiece { batches: answer.records.into_bytes(), from: node, version })
    }

    /// A piece took so long.
    fn note_taken(&self, pace: Pace, took: Duration, most: usize) {
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        let shortest = self.shortest.fetch_min(nanos, Ordering::Relaxed).min(nanos);
        let next = pace.after(Duration::from_nanos(nanos - shortest), most);
        self.pace.store(next.0, Ordering::Relaxed);
    }

    /// Asks all in turn for as much as the pace says.
    async fn in_turn(&self, wanted: RepairRead, pace: Pace) -> Result<RepairPiece, Vec<NotGiven>> {
        let mut why = Vec::new();
        let first = self.at.load(Ordering::Relaxed);
        for turn in 0..self.nodes.len() {
            let at = (first + turn) % self.nodes.len();
            match self.ask(self.nodes[at], wanted, pace).await {
                Ok(piece) => {
                    self.at.store(at, Ordering::Relaxed);
                    return Ok(piece);
                }
                Err(not_given) => why.push(not_given),
            }
        }
        Err(why)
    }
}

impl RepairSource for Elsewhere {
    async fn read(&self, wanted: RepairRead) -> Result<RepairPiece, String> {
        loop {
            let all = mutant(Mutant::ClusterRepairsAllAtOnce);
            let pace = Pace(if all { wanted.bytes_max } else { self.pace.load(Ordering::Relaxed) });
            let why = match self.in_turn(wanted, pace).await {
                Ok(piece) => return Ok(piece),
                Err(why) => why,
            };
            let may_be_less = why.iter().any(NotGiven::may_be_for_its_length);
            let Some(less) = pace.after_none().filter(|_| may_be_less && !all) else {
                return Err(why.iter().map(NotGiven::to_string).collect::<Vec<_>>().join("; "));
            };
            self.pace.store(less.0, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_follows_what_the_connections_bring() {
        let ms = Duration::from_millis;
        let first = Pace(FIRST_BYTES);
        assert_eq!(first.after(ms(50), 1 << 20), Pace(128 << 10));
        assert_eq!(first.after(ms(51), 1 << 20), first);
        assert_eq!(first.after(ms(200), 1 << 20), first);
        assert_eq!(first.after(ms(201), 1 << 20), Pace(32 << 10));
        assert_eq!(first.after(ms(1), 100_000), Pace(100_000));
        assert_eq!(Pace(3_000).after(ms(300), 1 << 20), Pace(LEAST_BYTES));
        let less = std::iter::successors(Some(Pace(1 << 20)), |pace| pace.after_none());
        let bytes: Vec<usize> = less.map(|pace| pace.0).collect();
        assert_eq!(bytes, [1 << 20, 128 << 10, 16 << 10, 2 << 10]);
        assert_eq!((first.patience(), Pace(LEAST_BYTES).patience()), (PIECE_PATIENCE, BATCH_PATIENCE));
    }
}
