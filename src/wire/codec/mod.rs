//! How values become bytes and back: what every message shares. Owns no message.
//!
//! Invariants: reading never panics, never reserves memory because a peer named a number, and never copies
//! strings, bytes or records; writing never copies large bytes.
mod error;
mod reader;
mod records;
mod tagged;
mod writer;

pub use bytestring::ByteString as Text;
pub use error::{DecodeError, EncodeError, Malformed};
pub use reader::Reader;
pub use records::Records;
pub use tagged::{KnownTags, TaggedFields};
pub use writer::Writer;

/// A closed range of versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VersionRange {
    pub min: i16,
    pub max: i16,
}

impl VersionRange {
    #[must_use]
    pub const fn contains(self, version: i16) -> bool {
        self.min <= version && version <= self.max
    }
}

impl std::fmt::Display for VersionRange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}–{}", self.min, self.max)
    }
}

/// A message of the schema. The names of errors and versions are Kafka's.
pub trait Message: Sized + Default {
    const NAME: &'static str;
    const VERSIONS: VersionRange;
    /// The first version with compact lengths and tagged fields (KIP-482).
    const FLEXIBLE_FROM: Option<i16>;

    /// Writes the fields alone; [`Message::encode`] is the way in.
    ///
    /// # Errors
    /// As [`Message::encode`].
    fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError>;

    /// Reads the fields alone; [`Message::decode`] is the way in.
    ///
    /// # Errors
    /// As [`Message::decode`].
    fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError>;

    /// Appends the message in `version`.
    ///
    /// # Errors
    /// A version outside the schema, a null that the version forbids, a text that is too long, or (not in
    /// responses) a value that the version cannot carry and must not lose.
    fn encode(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        w.begin::<Self>(version)?;
        self.write(w, version)
    }

    /// Reads the message in `version` from where `r` stands; what follows is left.
    ///
    /// # Errors
    /// A version outside the schema, or bytes that are no such message.
    fn decode(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        r.begin::<Self>(version)?;
        Self::read(r, version)
    }

    /// Whether `version` has compact lengths and tagged fields.
    #[must_use]
    fn is_flexible(version: i16) -> bool {
        Self::FLEXIBLE_FROM.is_some_and(|from| version >= from)
    }
}
