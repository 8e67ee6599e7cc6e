//! The one mapping from what went wrong to Kafka's error codes, exhaustive by type.
use crate::coordinator::CoordinatorError;
use crate::coordinator::group::command::GroupError;
use crate::log::producers::ProducerError;
use crate::metadata::controller::{ControllerError, ControllerUnavailable};
use crate::partition::{AppendError, LeadershipError, PartitionError};
use crate::types::ErrorCode;
use crate::types::limits::STRING_BYTES_MAX;
use crate::wire::Text;
use crate::wire::batch::BatchError;
use crate::wire::compression::CompressionError;

/// An error as answers carry it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct ApiError {
    pub(super) code: ErrorCode,
    /// For the client's user; without it clients show the code's own text.
    pub(super) message: Option<String>,
}

impl ApiError {
    pub(super) fn new(code: ErrorCode, message: impl Into<String>) -> ApiError {
        ApiError { code, message: Some(message.into()) }
    }

    /// The code alone.
    pub(super) fn bare(code: ErrorCode) -> ApiError {
        ApiError { code, message: None }
    }

    /// The code and the message of an answer that has room for one outcome.
    pub(super) fn told(outcome: Result<(), ApiError>) -> (i16, Option<Text>) {
        match outcome {
            Ok(()) => (ErrorCode::None.code(), None),
            Err(error) => (error.code.code(), error.text()),
        }
    }

    /// What a code and a message that another node answered say.
    pub(super) fn answered(code: i16, message: Option<&Text>) -> Result<(), ApiError> {
        match ErrorCode::from_code(code) {
            Some(ErrorCode::None) => Ok(()),
            known => Err(ApiError {
                code: known.unwrap_or(ErrorCode::UnknownServerError),
                message: message.map(ToString::to_string),
            }),
        }
    }

    /// The message as the protocol carries it, cut to what a string may hold.
    pub(super) fn text(&self) -> Option<Text> {
        self.message.as_ref().map(|message| {
            let end = message.floor_char_boundary(STRING_BYTES_MAX);
            Text::from(&message[..end])
        })
    }
}

impl<E: AsErrorCode + std::fmt::Display> From<E> for ApiError {
    fn from(error: E) -> ApiError {
        ApiError::new(error.error_code(), error.to_string())
    }
}

/// The code that tells a client of this error.
pub(super) trait AsErrorCode {
    fn error_code(&self) -> ErrorCode;
}

impl<E: AsErrorCode> AsErrorCode for &E {
    fn error_code(&self) -> ErrorCode {
        (*self).error_code()
    }
}

impl AsErrorCode for LeadershipError {
    fn error_code(&self) -> ErrorCode {
        match self {
            // That there is such a partition was looked up before.
            LeadershipError::Unknown | LeadershipError::NotLeader => ErrorCode::NotLeaderOrFollower,
            LeadershipError::Starting => ErrorCode::OffsetNotAvailable,
            LeadershipError::Fenced { .. } => ErrorCode::FencedLeaderEpoch,
            LeadershipError::Ahead { .. } => ErrorCode::UnknownLeaderEpoch,
            LeadershipError::Storage => ErrorCode::KafkaStorageError,
        }
    }
}

impl AsErrorCode for ProducerError {
    fn error_code(&self) -> ErrorCode {
        match self {
            ProducerError::OutOfOrder { .. } | ProducerError::NewEpoch { .. } => {
                ErrorCode::OutOfOrderSequenceNumber
            }
            ProducerError::FencedEpoch { .. } => ErrorCode::InvalidProducerEpoch,
            ProducerError::OutsideTransaction { .. } => ErrorCode::InvalidTxnState,
            ProducerError::TooMany { .. } => ErrorCode::PolicyViolation,
        }
    }
}

impl AsErrorCode for AppendError {
    fn error_code(&self) -> ErrorCode {
        match self {
            AppendError::Leadership(error) => error.error_code(),
            AppendError::Producer { error, .. } => error.error_code(),
            AppendError::Journal | AppendError::Log(_) => ErrorCode::KafkaStorageError,
            AppendError::TimedOut | AppendError::DiskFull(_) => ErrorCode::RequestTimedOut,
            AppendError::Behind { refusal, .. } => refusal.error_code(),
            AppendError::TooLarge { .. } => ErrorCode::RecordListTooLarge,
            AppendError::OffsetsExhausted => ErrorCode::KafkaStorageError,
        }
    }
}

impl AsErrorCode for PartitionError {
    fn error_code(&self) -> ErrorCode {
        match self {
            PartitionError::Leadership(error) => error.error_code(),
            PartitionError::OutOfRange { .. } => ErrorCode::OffsetOutOfRange,
            PartitionError::NotYet { .. } => ErrorCode::OffsetNotAvailable,
            PartitionError::Journal | PartitionError::Log(_) => ErrorCode::KafkaStorageError,
            PartitionError::ShuttingDown => ErrorCode::NotLeaderOrFollower,
        }
    }
}

impl AsErrorCode for BatchError {
    fn error_code(&self) -> ErrorCode {
        match self {
            BatchError::Missing
            | BatchError::TrailingBytes { .. }
            | BatchError::BaseOffset { .. }
            | BatchError::RecordCount { .. }
            | BatchError::OffsetRange { .. }
            | BatchError::Control
            | BatchError::Sequence { .. }
            | BatchError::TransactionalWithoutProducer
            | BatchError::Record { .. }
            | BatchError::RecordsLeftOver { .. }
            | BatchError::Truncated { .. }
            | BatchError::Magic { magic: 0 | 1 } => ErrorCode::InvalidRecord,
            BatchError::Epoch { .. } => ErrorCode::InvalidProducerEpoch,
            BatchError::Magic { .. }
            | BatchError::Length { .. }
            | BatchError::Crc { .. }
            | BatchError::Compression(CompressionError::Malformed { .. }) => ErrorCode::CorruptMessage,
            BatchError::UnknownCodec { .. } | BatchError::CodecTooNew { .. } => {
                ErrorCode::UnsupportedCompressionType
            }
            // Not corrupt: a client would send what is corrupt again.
            BatchError::TooLarge { .. } | BatchError::Compression(CompressionError::TooLarge { .. }) => {
                ErrorCode::MessageTooLarge
            }
            BatchError::RecordsRefused(refused) => {
                if refused.any_timestamp {
                    ErrorCode::InvalidTimestamp
                } else {
                    ErrorCode::InvalidRecord
                }
            }
        }
    }
}

impl AsErrorCode for ControllerError {
    fn error_code(&self) -> ErrorCode {
        match self {
            ControllerError::NamedTwice(_) | ControllerError::InvalidRequest(_) => ErrorCode::InvalidRequest,
            ControllerError::TopicExists(_) => ErrorCode::TopicAlreadyExists,
            ControllerError::InvalidTopic(_) | ControllerError::NameCollision { .. } => {
                ErrorCode::InvalidTopicException
            }
            ControllerError::UnknownTopic(_)
            | ControllerError::NoTopicToReassign(_)
            | ControllerError::NoPartitionToReassign { .. } => ErrorCode::UnknownTopicOrPartition,
            ControllerError::NoReassignment => ErrorCode::NoReassignmentInProgress,
            ControllerError::UnknownTopicId(_) => ErrorCode::UnknownTopicId,
            ControllerError::InvalidPartitions(_) => ErrorCode::InvalidPartitions,
            ControllerError::InvalidReplicationFactor(_) => ErrorCode::InvalidReplicationFactor,
            ControllerError::InvalidAssignment(_) => ErrorCode::InvalidReplicaAssignment,
            ControllerError::InvalidConfig(_) => ErrorCode::InvalidConfig,
            ControllerError::InvalidFeatureLevel { .. } => ErrorCode::InvalidUpdateVersion,
            ControllerError::DeletionDisabled => ErrorCode::TopicDeletionDisabled,
            ControllerError::UnknownBroker(_) => ErrorCode::BrokerIdNotRegistered,
            ControllerError::StaleBroker { .. } => ErrorCode::StaleBrokerEpoch,
            ControllerError::ProducerIdsExhausted => ErrorCode::UnknownServerError,
            ControllerError::TooManyPartitions { .. }
            | ControllerError::TooManyAtOnce { .. }
            | ControllerError::TooManyChanges { .. } => ErrorCode::PolicyViolation,
        }
    }
}

impl AsErrorCode for ControllerUnavailable {
    fn error_code(&self) -> ErrorCode {
        match self {
            ControllerUnavailable::ShuttingDown
            | ControllerUnavailable::NotController
            // Another one is by now.
            | ControllerUnavailable::Append(AppendError::Leadership(LeadershipError::NotLeader)) => {
                ErrorCode::NotController
            }
            ControllerUnavailable::Append(error) => error.error_code(),
            ControllerUnavailable::Partition(error) => error.error_code(),
            ControllerUnavailable::Read(_)
            | ControllerUnavailable::Batch(_)
            | ControllerUnavailable::Snapshot(_) => ErrorCode::KafkaStorageError,
            ControllerUnavailable::Record(_)
            | ControllerUnavailable::Encode(_)
            | ControllerUnavailable::TooLarge(_)
            | ControllerUnavailable::Image(_) => ErrorCode::UnknownServerError,
        }
    }
}

impl AsErrorCode for GroupError {
    fn error_code(&self) -> ErrorCode {
        match self {
            GroupError::InvalidGroupId => ErrorCode::InvalidGroupId,
            GroupError::InvalidSessionTimeout { .. } => ErrorCode::InvalidSessionTimeout,
            GroupError::UnknownMemberId => ErrorCode::UnknownMemberId,
            GroupError::MemberIdRequired => ErrorCode::MemberIdRequired,
            GroupError::FencedInstanceId => ErrorCode::FencedInstanceId,
            GroupError::IllegalGeneration { .. } => ErrorCode::IllegalGeneration,
            GroupError::RebalanceInProgress => ErrorCode::RebalanceInProgress,
            GroupError::InconsistentGroupProtocol => ErrorCode::InconsistentGroupProtocol,
            GroupError::GroupMaxSizeReached => ErrorCode::GroupMaxSizeReached,
            GroupError::GroupIdNotFound => ErrorCode::GroupIdNotFound,
            GroupError::NonEmptyGroup => ErrorCode::NonEmptyGroup,
            GroupError::GroupSubscribedToTopic => ErrorCode::GroupSubscribedToTopic,
            GroupError::OffsetMetadataTooLarge { .. } => ErrorCode::OffsetMetadataTooLarge,
            GroupError::NameTooLong { .. } => ErrorCode::InvalidRequest,
            GroupError::TopicNameTooLong { .. } => ErrorCode::InvalidTopicException,
            GroupError::CommitTooLarge { .. } => ErrorCode::InvalidCommitOffsetSize,
            GroupError::DeletionTooLarge { .. }
            | GroupError::GroupTooLarge { .. }
            | GroupError::PendingMemberWithInstanceId => ErrorCode::UnknownServerError,
            GroupError::TooManyGroups { .. }
            | GroupError::TooManyMembers { .. }
            | GroupError::TooManyOffsets { .. }
            | GroupError::OffsetNotesTooLarge { .. }
            | GroupError::AssignmentsTooLarge { .. }
            | GroupError::MembersTooLarge { .. } => ErrorCode::CoordinatorNotAvailable,
            GroupError::NotCoordinator => ErrorCode::NotCoordinator,
        }
    }
}

/// Clients of a group look for its coordinator again on the codes that a failed write is given here; those of
/// partitions mean nothing to them.
impl AsErrorCode for CoordinatorError {
    fn error_code(&self) -> ErrorCode {
        match self {
            CoordinatorError::Loading => ErrorCode::CoordinatorLoadInProgress,
            CoordinatorError::NotCoordinator => ErrorCode::NotCoordinator,
            CoordinatorError::Timeout => ErrorCode::CoordinatorNotAvailable,
            CoordinatorError::Unwritable(_) => ErrorCode::UnknownServerError,
            CoordinatorError::Write(AppendError::Leadership(error)) => match error {
                LeadershipError::Unknown | LeadershipError::Starting => ErrorCode::CoordinatorNotAvailable,
                LeadershipError::NotLeader
                | LeadershipError::Fenced { .. }
                | LeadershipError::Ahead { .. }
                | LeadershipError::Storage => ErrorCode::NotCoordinator,
            },
            CoordinatorError::Write(
                AppendError::Journal | AppendError::Log(_) | AppendError::OffsetsExhausted,
            ) => ErrorCode::NotCoordinator,
            CoordinatorError::Write(AppendError::TimedOut | AppendError::DiskFull(_)) => {
                ErrorCode::CoordinatorNotAvailable
            }
            CoordinatorError::Write(
                AppendError::TooLarge { .. } | AppendError::Producer { .. } | AppendError::Behind { .. },
            ) => ErrorCode::UnknownServerError,
        }
    }
}
