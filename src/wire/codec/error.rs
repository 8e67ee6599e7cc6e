//! What is wrong with bytes or with a value.
use super::VersionRange;

/// Bytes that are no message. It names the innermost field that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message} version {version}, field {field} at byte {at}: {problem}")]
pub struct DecodeError {
    pub message: &'static str,
    pub version: i16,
    pub field: &'static str,
    /// Counted from the start of what the reader was given.
    pub at: usize,
    pub problem: Malformed,
}

/// What is wrong with the bytes of a field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    #[error("{needed} bytes are needed, {left} are left")]
    Truncated { needed: usize, left: usize },
    #[error("a length of {length}")]
    NegativeLength { length: i64 },
    #[error("null, which this version does not allow")]
    Null,
    #[error("a variable-length number of more than 32 bits")]
    VarintOverflow,
    #[error("a string of {length} bytes; {max} are allowed")]
    StringTooLong { length: usize, max: usize },
    #[error("text that is not UTF-8")]
    NotUtf8,
    #[error("{count} elements of {least} bytes or more cannot stand in the {left} bytes that are left")]
    CountBeyondBytes { count: usize, least: usize, left: usize },
    #[error("{count} elements; {max} are allowed")]
    TooManyElements { count: usize, max: usize },
    #[error("arrays that take more than {max} bytes of memory")]
    TooMuchMemory { max: usize },
    #[error("{count} tagged fields; {max} are allowed")]
    TooManyTags { count: usize, max: usize },
    #[error("tag {tag} follows tag {previous}; tags ascend")]
    TagOrder { tag: u32, previous: u32 },
    #[error("{left} bytes too many")]
    TrailingBytes { left: usize },
    #[error("there are versions {known} only")]
    UnknownVersion { known: VersionRange },
    #[error("the record's type is {found}, not {wanted}")]
    WrongRecordType { found: i16, wanted: i16 },
    #[error("no record has the type {found}")]
    UnknownRecordType { found: i64 },
    #[error("the framing has version {found}; only {known} is known")]
    UnknownFraming { found: u32, known: u32 },
}

/// A value that cannot be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    #[error("{message} has versions {known}, not {version}")]
    UnknownVersion { message: &'static str, version: i16, known: VersionRange },
    #[error("{message} version {version}: field {field} must not be null")]
    Null { message: &'static str, version: i16, field: &'static str },
    #[error("{message} version {version} cannot carry field {field}")]
    NotInVersion { message: &'static str, version: i16, field: &'static str },
    #[error("{message} version {version}: field {field} has a length of {length}; {max} is allowed")]
    TooLong { message: &'static str, version: i16, field: &'static str, length: usize, max: usize },
    #[error("{message} version {version}: tag {tag} follows tag {previous}; tags ascend")]
    TagOrder { message: &'static str, version: i16, tag: u32, previous: u32 },
}
