//! What a replica can read no more, from those on other nodes.
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::PeerCalls;
use crate::io::Clock;
use crate::log::{FilesVersion, LogId, RepairPiece, RepairRead, RepairSource};
use crate::types::{NodeId, PartitionId};
use crate::wire::messages::ReadRecordsRequest;

/// The version in which nodes ask each other.
const VERSION: i16 = 0;
/// How long one piece may take.
const PIECE_PATIENCE: Duration = Duration::from_secs(5);

/// The other replicas of a partition.
pub(super) struct Elsewhere {
    clock: Arc<dyn Clock>,
    calls: PeerCalls,
    id: PartitionId,
    nodes: Vec<NodeId>,
    /// The one that gave something last: it is asked first.
    at: AtomicUsize,
}

impl Elsewhere {
    /// Those on these nodes, which are asked in turn.
    pub(super) fn new(
        clock: Arc<dyn Clock>,
        calls: PeerCalls,
        id: PartitionId,
        nodes: Vec<NodeId>,
    ) -> Elsewhere {
        Elsewhere { clock, calls, id, nodes, at: AtomicUsize::new(0) }
    }

    async fn ask(&self, node: NodeId, wanted: RepairRead) -> Result<RepairPiece, String> {
        let request = ReadRecordsRequest {
            topic_id: self.id.topic,
            partition_index: self.id.index.0,
            offset: wanted.offset.0,
            end_offset: wanted.up_to.0,
            max_bytes: i32::try_from(wanted.bytes_max).unwrap_or(i32::MAX),
            ..ReadRecordsRequest::default()
        };
        let deadline = self.clock.now().after(PIECE_PATIENCE);
        let asked = self.calls.ask(&*self.clock, (node, deadline), VERSION, &request).await;
        let answer = asked.map_err(|failed| format!("node {node}: {failed}"))?;
        if answer.error_code != 0 {
            return Err(format!("node {node} refuses, with error code {}", answer.error_code));
        }
        let (Ok(log), Ok(rewrites)) = (u64::try_from(answer.log_id), u32::try_from(answer.rewrites)) else {
            return Err(format!("node {node} answers with files that cannot be"));
        };
        let version = FilesVersion { log: LogId(log), rewrites };
        Ok(RepairPiece { batches: answer.records.into_bytes(), from: node, version })
    }
}

impl RepairSource for Elsewhere {
    async fn read(&self, wanted: RepairRead) -> Result<RepairPiece, String> {
        let mut why = Vec::new();
        let first = self.at.load(Ordering::Relaxed);
        for turn in 0..self.nodes.len() {
            let at = (first + turn) % self.nodes.len();
            match self.ask(self.nodes[at], wanted).await {
                Ok(piece) => {
                    self.at.store(at, Ordering::Relaxed);
                    return Ok(piece);
                }
                Err(error) => why.push(error),
            }
        }
        Err(why.join("; "))
    }
}
