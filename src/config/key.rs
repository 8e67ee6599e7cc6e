//! What a configuration key is: its type, default, bounds, and what Ordain does with it. The tables of all
//! keys lie in `keys`; they are facts about Kafka 4.3, so that tools see the same names, types and defaults.
use std::fmt;

/// One row of a key table.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    pub name: &'static str,
    pub kind: Kind,
    /// The value, in its text form, where nothing is set; `None` is Kafka's null.
    pub default: Option<&'static str>,
    pub check: Check,
    pub importance: Importance,
    pub update: Update,
    pub handling: Handling,
    /// One sentence.
    pub documentation: &'static str,
}

impl Key {
    /// Whether the value must not be shown (`DescribeConfigs` answers null, messages hide it).
    #[must_use]
    pub fn is_sensitive(&self) -> bool {
        self.kind == Kind::Password
    }

    /// `value` as it may appear in a message.
    #[must_use]
    pub fn shown<'a>(&self, value: &'a str) -> &'a str {
        if self.is_sensitive() { "[hidden]" } else { value }
    }
}

/// The type of a value; the names in messages are Kafka's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Boolean,
    Text,
    Int,
    Short,
    Long,
    Double,
    List,
    Class,
    Password,
}

impl Kind {
    /// The number that a `DescribeConfigs` answer carries for the type (KIP-569).
    #[must_use]
    pub fn wire_code(self) -> i8 {
        match self {
            Kind::Boolean => 1,
            Kind::Text => 2,
            Kind::Int => 3,
            Kind::Short => 4,
            Kind::Long => 5,
            Kind::Double => 6,
            Kind::List => 7,
            Kind::Class => 8,
            Kind::Password => 9,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Boolean => "BOOLEAN",
            Kind::Text => "STRING",
            Kind::Int => "INT",
            Kind::Short => "SHORT",
            Kind::Long => "LONG",
            Kind::Double => "DOUBLE",
            Kind::List => "LIST",
            Kind::Class => "CLASS",
            Kind::Password => "PASSWORD",
        })
    }
}

/// What a value has to satisfy beyond its type. Null always passes.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Check {
    Any,
    AtLeast(i64),
    /// Both ends included.
    Between(i64, i64),
    /// Between the first two, or equal to the third.
    BetweenOr(i64, i64, i64),
    BetweenReal(f64, f64),
    OneOf(&'static [&'static str]),
    OneOfIgnoreCase(&'static [&'static str]),
    NonEmpty,
    /// Anything but 0; all negative numbers mean without end.
    UnlimitedOrPositive,
    /// No element twice and none empty; each one of the named ones unless none is named.
    List(&'static [&'static str], Empty),
    /// `*`, or pairs `partition:broker`.
    ThrottledReplicas,
    /// `earliest`, `latest`, or `by_duration:` and a duration.
    OffsetReset,
}

/// Whether a list may be empty.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Empty {
    Allowed,
    Forbidden,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Importance {
    High,
    Medium,
    Low,
}

/// When a value can change.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Update {
    /// At the next start.
    ReadOnly,
    /// While running, for each broker alone.
    PerBroker,
    /// While running, for a broker or for all (or for a topic).
    ClusterWide,
    /// At the next start, and `DescribeConfigs` does not list it, as Kafka does not.
    Internal,
}

/// What Ordain does with a key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Handling {
    /// The value has its effect.
    Used,
    /// The value is taken and has no effect, for this reason.
    Accepted(&'static str),
    /// Any value but the default is an error, because going on without its effect would be dangerous; the
    /// text says why, and the way out.
    Refused(&'static str),
}

/// Writes a `const` table of [`Key`]s, one row per key:
/// `"name": Kind = default, Check, Importance, Update, Handling, "documentation";`
macro_rules! key_table {
    ($visibility:vis const $table:ident;
     $($name:literal: $kind:ident = $default:expr, $check:expr, $importance:ident, $update:ident,
       $handling:expr, $documentation:literal;)*) => {
        $visibility const $table: &[$crate::config::key::Key] = {
            #[allow(unused_imports)]
            use $crate::config::key::{Check::*, Empty, Handling::Used, Importance, Key, Kind, Update};
            &[$(Key {
                name: $name,
                kind: Kind::$kind,
                default: $default,
                check: $check,
                importance: Importance::$importance,
                update: Update::$update,
                handling: $handling,
                documentation: $documentation,
            },)*]
        };
    };
}
pub(crate) use key_table;
