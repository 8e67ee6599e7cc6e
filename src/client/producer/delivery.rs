use std::sync::{Arc, OnceLock};

use tokio::sync::Notify;

use crate::client::error::ClientError;
use crate::client::metadata::TopicPartition;
use crate::types::{Offset, Timestamp};

/// Where a record lies.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Delivered {
    pub at: TopicPartition,
    /// [`Offset::NONE`] where the broker did not tell: `acks=0`, or a batch it had already.
    pub offset: Offset,
    /// The broker's, where the topic's timestamps are its own.
    pub append_time: Option<Timestamp>,
}

/// What became of one batch, once known.
pub(super) struct Outcome {
    at: TopicPartition,
    result: OnceLock<Result<BatchDelivered, ClientError>>,
    known: Notify,
}

#[derive(Clone, Copy)]
pub(super) struct BatchDelivered {
    pub base_offset: Offset,
    pub append_time: Option<Timestamp>,
}

impl Outcome {
    pub(super) fn new(at: TopicPartition) -> Arc<Outcome> {
        Arc::new(Outcome { at, result: OnceLock::new(), known: Notify::new() })
    }

    pub(super) fn set(&self, result: Result<BatchDelivered, ClientError>) {
        assert!(self.result.set(result).is_ok(), "a batch is answered once");
        self.known.notify_waiters();
    }
}

/// What will become of a record.
pub struct Delivery {
    outcome: Arc<Outcome>,
    delta: i32,
}

impl Delivery {
    pub(super) fn new(outcome: &Arc<Outcome>, delta: i32) -> Delivery {
        Delivery { outcome: Arc::clone(outcome), delta }
    }

    /// Whether the answer is there.
    #[must_use]
    pub fn is_known(&self) -> bool {
        self.outcome.result.get().is_some()
    }

    /// Waits for the answer.
    ///
    /// # Errors
    /// Why the record was not, or is not known to be, written.
    pub async fn wait(&self) -> Result<Delivered, ClientError> {
        loop {
            let mut known = std::pin::pin!(self.outcome.known.notified());
            known.as_mut().enable();
            if let Some(result) = self.outcome.result.get() {
                let batch = result.clone()?;
                let offset = match batch.base_offset {
                    Offset::NONE => Offset::NONE,
                    base => base.plus(self.delta.into()),
                };
                return Ok(Delivered { at: self.outcome.at.clone(), offset, append_time: batch.append_time });
            }
            known.await;
        }
    }
}
