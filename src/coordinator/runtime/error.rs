use crate::partition::AppendError;

/// Why a coordinator gave no answer of its own. The broker maps each to a Kafka error code.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CoordinatorError {
    #[error("the coordinator is loading its groups; try again")]
    Loading,
    /// Another node leads the partition, or this one is about to end, or cannot read what it holds.
    #[error("this node does not coordinate the group")]
    NotCoordinator,
    /// The change may or may not be made later.
    #[error("the change was not committed in time")]
    Timeout,
    #[error("the change could not be written: {0}")]
    Write(#[from] AppendError),
    #[error("the change cannot be written as one batch: {0}")]
    Unwritable(String),
}
