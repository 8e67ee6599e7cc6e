use tokio::sync::mpsc;

use super::CoordinatorError;
use crate::coordinator::decision::WriteId;
use crate::coordinator::group::{GroupRecord, codec};
use crate::partition::{AppendOutcome, AppendRequest, AppendTerms, LeadershipError, Partitions};
use crate::probe::{Mutant, mutant};
use crate::types::{LeaderEpoch, PartitionId, Timestamp};
use crate::wire::batch::{BatchBuilder, BatchOptions, NewRecord, ValidatedBatch};

/// What one batch may take. Shards keep their writes far below; a group that was loaded from a log of old may
/// be larger than they would let it become.
const BATCH_BYTES_MAX: usize = 64 << 20;

/// How a write went.
pub(super) struct Outcome {
    pub(super) write: WriteId,
    /// What its records take.
    pub(super) bytes: usize,
    pub(super) result: Result<(), CoordinatorError>,
}

/// Reports one write's outcome, in any case: if it is dropped the write is lost with the node.
pub(super) struct Completion {
    write: WriteId,
    bytes: usize,
    outcomes: mpsc::UnboundedSender<Outcome>,
    told: bool,
}

impl Completion {
    pub(super) fn new(write: WriteId, bytes: usize, outcomes: mpsc::UnboundedSender<Outcome>) -> Completion {
        Completion { write, bytes, outcomes, told: false }
    }

    pub(super) fn tell(mut self, result: Result<(), CoordinatorError>) {
        self.send(result);
    }

    fn send(&mut self, result: Result<(), CoordinatorError>) {
        self.told = true;
        // Nobody listens once the task has ended.
        drop(self.outcomes.send(Outcome { write: self.write, bytes: self.bytes, result }));
    }
}

impl Drop for Completion {
    fn drop(&mut self) {
        if !self.told {
            self.send(Err(CoordinatorError::NotCoordinator));
        }
    }
}

/// Hands records to the log as one batch, without waiting for their commit: that is told through `completion`.
/// False if they make no batch, which is told too.
pub(super) async fn append(
    partitions: &Partitions,
    (id, epoch): (PartitionId, LeaderEpoch),
    records: &[GroupRecord],
    wall: Timestamp,
    completion: Completion,
) -> bool {
    let batch = match batch_of(records, wall) {
        Ok(batch) => batch,
        Err(error) => {
            tracing::error!(partition = %id, %error, "a coordinator's records do not make a batch");
            completion.tell(Err(error));
            return false;
        }
    };
    let done = Box::new(move |outcomes: Vec<AppendOutcome>| {
        let outcome = outcomes.into_iter().next();
        let outcome = outcome.unwrap_or(Err(LeadershipError::NotLeader.into()));
        completion.tell(outcome.map(|_| ()).map_err(CoordinatorError::Write));
    });
    let appends = vec![AppendRequest { id, batch, replicas_min: 0 }];
    let terms = match mutant(Mutant::CoordinatorWithoutEpoch) {
        true => AppendTerms::COMMITTED,
        false => AppendTerms::committed_under(epoch),
    };
    if partitions.append(appends, terms, done).await.is_err() {
        // The completion was dropped with `done`, which told the outcome.
        tracing::debug!(partition = %id, "a coordinator writes while the node shuts down");
    }
    true
}

fn batch_of(records: &[GroupRecord], wall: Timestamp) -> Result<ValidatedBatch, CoordinatorError> {
    let unwritable = |error: &dyn std::fmt::Display| CoordinatorError::Unwritable(error.to_string());
    let mut builder = BatchBuilder::new(BatchOptions::plain(BATCH_BYTES_MAX));
    for record in records {
        let encoded = codec::encode(record).map_err(|error| unwritable(&error))?;
        let new = NewRecord {
            timestamp: wall,
            key: Some(&encoded.key),
            value: encoded.value.as_deref(),
            headers: &[],
        };
        builder.append(new).map_err(|error| unwritable(&error))?;
    }
    Ok(builder.build())
}
