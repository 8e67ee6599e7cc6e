use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::address::BrokerAddress;
use crate::types::ErrorCode;
use crate::wire::batch::BatchError;
use crate::wire::{ApiKey, DecodeError, EncodeError, VersionRange};

/// What can go wrong between this client and a cluster. Every message names the broker and the API.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ClientError {
    #[error("cannot connect to {address}: {}", reason(.source))]
    Connect { address: BrokerAddress, source: Arc<io::Error> },
    #[error("cannot connect to any of {}; the last said: {last}", listed(.addresses))]
    NoBroker { addresses: Vec<BrokerAddress>, last: Box<ClientError> },
    #[error("{address} closed the connection during {api}: {reason}")]
    Disconnected { address: BrokerAddress, api: ApiKey, reason: String },
    #[error("{address} did not answer {api} within {after:?}")]
    Timeout { address: BrokerAddress, api: ApiKey, after: Duration },
    #[error("{address} answered {api} with bytes that cannot be read: {source}")]
    Malformed { address: BrokerAddress, api: ApiKey, source: DecodeError },
    #[error("{api} cannot be written: {source}")]
    Encode { api: ApiKey, source: EncodeError },
    #[error("{address} does not serve {api} in a version that this client speaks ({ours}); it has {}", offered(.theirs))]
    UnsupportedApi { address: BrokerAddress, api: ApiKey, ours: VersionRange, theirs: Option<VersionRange> },
    /// The broker refused. `subject` is what the error is about: a topic, a partition, a group.
    #[error("{subject}: {} ({api} at {address}){}", code.name(), detail(.message))]
    Refused { address: BrokerAddress, api: ApiKey, code: ErrorCode, subject: String, message: Option<String> },
    #[error("there is no topic {topic}")]
    UnknownTopic { topic: String },
    #[error("topic {topic} has no partition {partition}")]
    UnknownPartition { topic: String, partition: i32 },
    #[error("{topic}-{partition} has no leader now")]
    NoLeader { topic: String, partition: i32 },
    #[error("the cluster has no broker {node}")]
    UnknownNode { node: i32 },
    #[error("{subject}: {address} sent a record batch that cannot be read: {source}")]
    Batch { address: BrokerAddress, subject: String, source: BatchError },
    #[error("a record of {bytes} bytes does not fit a batch of {bytes_max} bytes; allow larger batches")]
    RecordTooLarge { bytes: usize, bytes_max: usize },
    #[error("{subject}: not delivered within {after:?}; the last error was: {last}")]
    Expired { subject: String, after: Duration, last: String },
    #[error("{subject}: there is no offset to begin with, and none may be chosen")]
    NoPosition { subject: String },
    #[error("{address} answered {api} without {missing}")]
    Incomplete { address: BrokerAddress, api: ApiKey, missing: String },
    #[error("the {what} has been closed")]
    Closed { what: &'static str },
}

impl ClientError {
    /// The error for a code in an answer; `None` if the code is none.
    pub(super) fn check(
        address: &BrokerAddress,
        api: ApiKey,
        code: i16,
        subject: impl Into<String>,
        message: Option<&str>,
    ) -> Result<(), ClientError> {
        if code == ErrorCode::None.code() {
            return Ok(());
        }
        let known = ErrorCode::from_code(code);
        let message = match (known, message) {
            (Some(_), message) => message.filter(|text| !text.is_empty()).map(str::to_owned),
            (None, message) => {
                Some(format!("error code {code}, unknown to this client. {}", message.unwrap_or("")))
            }
        };
        Err(ClientError::Refused {
            address: address.clone(),
            api,
            code: known.unwrap_or(ErrorCode::UnknownServerError),
            subject: subject.into(),
            message,
        })
    }

    /// The broker's error code, if it refused.
    #[must_use]
    pub fn code(&self) -> Option<ErrorCode> {
        if let ClientError::Refused { code, .. } = self { Some(*code) } else { None }
    }

    /// Whether the same request may succeed later.
    #[must_use]
    pub fn is_retriable(&self) -> bool {
        match self {
            ClientError::Connect { .. }
            | ClientError::NoBroker { .. }
            | ClientError::Disconnected { .. }
            | ClientError::Timeout { .. }
            | ClientError::NoLeader { .. }
            | ClientError::UnknownNode { .. } => true,
            ClientError::Refused { code, .. } => is_retriable(*code),
            ClientError::Malformed { .. }
            | ClientError::Encode { .. }
            | ClientError::UnsupportedApi { .. }
            | ClientError::UnknownTopic { .. }
            | ClientError::UnknownPartition { .. }
            | ClientError::Batch { .. }
            | ClientError::RecordTooLarge { .. }
            | ClientError::Expired { .. }
            | ClientError::NoPosition { .. }
            | ClientError::Incomplete { .. }
            | ClientError::Closed { .. } => false,
        }
    }

    /// Whether what this client knows of leaders and coordinators may be outdated.
    #[must_use]
    pub fn is_stale_metadata(&self) -> bool {
        self.code().map_or_else(|| self.is_retriable(), is_stale_metadata)
    }
}

/// The codes that Kafka's clients retry.
fn is_retriable(code: ErrorCode) -> bool {
    use ErrorCode as E;
    is_stale_metadata(code)
        || matches!(
            code,
            E::CorruptMessage
                | E::RequestTimedOut
                | E::NotEnoughReplicas
                | E::NotEnoughReplicasAfterAppend
                | E::CoordinatorLoadInProgress
                | E::ConcurrentTransactions
                | E::OffsetNotAvailable
                | E::UnstableOffsetCommit
                | E::ThrottlingQuotaExceeded
                | E::FetchSessionIdNotFound
                | E::InvalidFetchSessionEpoch
                | E::FetchSessionTopicIdError
        )
}

fn is_stale_metadata(code: ErrorCode) -> bool {
    use ErrorCode as E;
    matches!(
        code,
        E::UnknownTopicOrPartition
            | E::UnknownTopicId
            | E::InconsistentTopicId
            | E::LeaderNotAvailable
            | E::NotLeaderOrFollower
            | E::ReplicaNotAvailable
            | E::BrokerNotAvailable
            | E::NetworkException
            | E::CoordinatorNotAvailable
            | E::NotCoordinator
            | E::NotController
            | E::KafkaStorageError
            | E::FencedLeaderEpoch
            | E::UnknownLeaderEpoch
            | E::ListenerNotFound
    )
}

fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused".to_owned(),
        io::ErrorKind::TimedOut => "no answer".to_owned(),
        _ => error.to_string(),
    }
}

fn listed(addresses: &[BrokerAddress]) -> String {
    addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn offered(versions: &Option<VersionRange>) -> String {
    versions.map_or_else(|| "none".to_owned(), |range| range.to_string())
}

fn detail(message: &Option<String>) -> String {
    message.as_ref().map_or_else(String::new, |message| format!(": {message}"))
}
