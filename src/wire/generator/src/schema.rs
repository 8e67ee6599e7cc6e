//! What a schema says: messages, structures, fields, and in which versions they exist.

/// A contiguous range of versions; empty where `first > last`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Versions {
    pub first: i16,
    pub last: i16,
}

impl Versions {
    pub const NONE: Versions = Versions { first: 0, last: -1 };

    #[must_use]
    pub fn contains(self, version: i16) -> bool {
        self.first <= version && version <= self.last
    }

    #[must_use]
    pub fn is_empty(self) -> bool {
        self.first > self.last
    }

    #[must_use]
    pub fn intersect(self, other: Versions) -> Versions {
        Versions { first: self.first.max(other.first), last: self.last.min(other.last) }
    }

    /// Whether every version of `other` is one of these.
    #[must_use]
    pub fn covers(self, other: Versions) -> bool {
        self.intersect(other) == other
    }

    pub fn each(self) -> impl Iterator<Item = i16> {
        self.first..=self.last
    }
}

/// What a message is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Request,
    Response,
    Header,
    /// Stands on its own inside bytes of another message or a record.
    Data,
    /// A record's key; its number is the record's type.
    Key,
    /// A record's value.
    Value,
    /// A record of Ordain's own metadata log; its number is the record's type.
    Metadata,
    /// What Ordain's nodes say to each other; its number is the frame's key.
    Peer,
}

/// The type of a field on the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Type {
    Bool,
    Int8,
    Int16,
    Uint16,
    Int32,
    Int64,
    Float64,
    Uuid,
    /// A uuid that names a topic.
    TopicId,
    String,
    Bytes,
    Records,
    Struct(String),
    Array(Box<Type>),
}

/// The value of a field that is not written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Default {
    /// Zero, false, or empty.
    Zero,
    Null,
    Bool(bool),
    Number(i64),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    pub name: String,
    pub ty: Type,
    pub versions: Versions,
    pub nullable: Versions,
    pub default: Default,
    /// Present where the field is a tagged one (KIP-482), in all versions that have it.
    pub tag: Option<u32>,
    /// The field identifies its structure within an array.
    pub key: bool,
    /// A version without the field loses its value silently.
    pub ignorable: bool,
    /// Keeps the old encoding of lengths in flexible versions too.
    pub inflexible: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Struct {
    pub name: String,
    pub fields: Vec<Field>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    pub kind: Kind,
    pub name: String,
    /// The API's key, the record's type or the frame's key.
    pub number: Option<i16>,
    pub versions: Versions,
    pub flexible: Versions,
    /// The newest version is not yet final.
    pub unstable: bool,
    /// The message itself first, then every structure inside it, in the order of their appearance.
    pub structs: Vec<Struct>,
    /// The schema file, for the reader.
    pub file: String,
}

impl Message {
    /// # Panics
    /// Where the schema names a structure it does not hold; the parser lets no such schema pass.
    #[must_use]
    pub fn structure(&self, name: &str) -> &Struct {
        self.structs.iter().find(|s| s.name == name).expect("the parser checked the names of structures")
    }

    #[must_use]
    pub fn root(&self) -> &Struct {
        &self.structs[0]
    }
}
