//! Text to value and back, under a key's type and bounds. The rules and the beginning of the messages are
//! Kafka's (`ConfigDef`), so that clients and people who know them find the same here.
use std::fmt;

use crate::config::key::{Check, Empty, Key, Kind};

/// A value of one of Kafka's configuration types. Its text form is canonical: what tools are answered.
#[derive(Clone, PartialEq, Debug)]
pub enum Value {
    Boolean(bool),
    Short(i16),
    Int(i32),
    Long(i64),
    Double(f64),
    Text(String),
    List(Vec<String>),
}

/// A value that its key does not take.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
pub struct InvalidValue {
    pub key: String,
    /// As given, or as far as it was understood; hidden where the key is sensitive.
    pub value: String,
    pub problem: Problem,
}

impl fmt::Display for InvalidValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let InvalidValue { key, value, problem } = self;
        match problem {
            // The whole list is told nowhere, as in Kafka: what is wrong with it cannot be seen in it.
            Problem::EmptyElement => write!(f, "Configuration '{key}' {problem}"),
            Problem::NotThrottledReplicas => {
                let list = value.split(',').map(str::trim).collect::<Vec<_>>().join(", ");
                write!(f, "Invalid value [{list}] for configuration {key}: {key} {problem}")
            }
            _ => write!(f, "Invalid value {value} for configuration {key}: {problem}"),
        }
    }
}

/// Why a key does not take a value.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
pub enum Problem {
    #[error("Expected value to be either true or false")]
    NotBoolean,
    #[error("Not a number of type {0}")]
    NotANumber(Kind),
    #[error("Value must be at least {0}")]
    BelowLeast(f64),
    #[error("Value must be no more than {0}")]
    AboveMost(f64),
    #[error("Value must be between {least} and {most} or equal to {or}")]
    NotBetweenOr { least: i64, most: i64, or: i64 },
    #[error("String must be one of: {}", .0.join(", "))]
    NotOneOf(&'static [&'static str]),
    #[error("String must be one of (case insensitive): {}", .0.join(", "))]
    NotOneOfIgnoreCase(&'static [&'static str]),
    #[error("String must be non-empty")]
    EmptyText,
    #[error("the list must not be empty")]
    EmptyList,
    #[error("values must not be empty.")]
    EmptyElement,
    #[error(
        "must be the literal '*' or a list of replicas in the following format: \
         [partitionId]:[brokerId],[partitionId]:[brokerId],..."
    )]
    NotThrottledReplicas,
    #[error("must be a multiple of {0}")]
    NotMultipleOf(i64),
    #[error("must be unlimited (-1), or at least 1")]
    NeitherUnlimitedNorPositive,
    #[error("expected address:limit pairs, separated by commas; {pair} is none")]
    NotAddressLimit { pair: String },
    #[error("expected name:protocol pairs, separated by commas; {pair} is none")]
    NotNameProtocol { pair: String },
    #[error("expected host:port, for example 127.0.0.1:9644")]
    NotHostPort,
    #[error("The value must be either 'earliest', 'latest' or of the format 'by_duration:<PnDTnHnMn.nS>'.")]
    NotOffsetReset,
}

impl Key {
    /// The value that `text` stands for under this key.
    ///
    /// # Errors
    /// If it is not of the key's type or outside its bounds.
    pub fn parse(&self, text: &str) -> Result<Value, InvalidValue> {
        let trimmed = text.trim_matches(|c| c <= ' ');
        let mut value = parse_kind(self.kind, trimmed).map_err(|problem| self.invalid(text, problem))?;
        if let (Value::List(list), Check::List(..)) = (&mut value, self.check) {
            // What is named again says nothing new (KIP-1161).
            let mut seen = std::collections::BTreeSet::new();
            list.retain(|element| element.is_empty() || seen.insert(element.clone()));
        }
        match check(self.check, &value) {
            Ok(()) => Ok(value),
            Err(problem) => {
                let understood = match (&value, &problem) {
                    (Value::List(list), Problem::NotOneOf(names)) => {
                        list.iter().find(|element| !names.contains(&element.as_str())).cloned()
                    }
                    _ => None,
                };
                Err(self.invalid(&understood.unwrap_or_else(|| value.to_string()), problem))
            }
        }
    }

    /// The error that `text` is for this key.
    #[must_use]
    pub fn invalid(&self, text: &str, problem: Problem) -> InvalidValue {
        InvalidValue { key: self.name.to_owned(), value: self.shown(text).to_owned(), problem }
    }
}

fn parse_kind(kind: Kind, text: &str) -> Result<Value, Problem> {
    let not_a_number = |_| Problem::NotANumber(kind);
    Ok(match kind {
        Kind::Boolean if text.eq_ignore_ascii_case("true") => Value::Boolean(true),
        Kind::Boolean if text.eq_ignore_ascii_case("false") => Value::Boolean(false),
        Kind::Boolean => return Err(Problem::NotBoolean),
        Kind::Short => Value::Short(text.parse().map_err(not_a_number)?),
        Kind::Int => Value::Int(text.parse().map_err(not_a_number)?),
        Kind::Long => Value::Long(text.parse().map_err(not_a_number)?),
        Kind::Double => match text.parse::<f64>() {
            Ok(number) if number.is_finite() => Value::Double(number),
            Ok(_) | Err(_) => return Err(Problem::NotANumber(kind)),
        },
        Kind::Text | Kind::Class | Kind::Password => Value::Text(text.to_owned()),
        Kind::List if text.is_empty() => Value::List(Vec::new()),
        Kind::List => Value::List(text.split(',').map(|part| part.trim().to_owned()).collect()),
    })
}

fn check(check: Check, value: &Value) -> Result<(), Problem> {
    match check {
        Check::Any => Ok(()),
        Check::AtLeast(least) => at_least(number(value), least as f64),
        Check::Between(least, most) => between(number(value), least as f64, most as f64),
        Check::BetweenReal(least, most) => between(number(value), least, most),
        Check::BetweenOr(least, most, or) => {
            let found = number(value);
            if found == or as f64 || between(found, least as f64, most as f64).is_ok() {
                Ok(())
            } else {
                Err(Problem::NotBetweenOr { least, most, or })
            }
        }
        Check::OneOf(names) if names.contains(&text(value)) => Ok(()),
        Check::OneOf(names) => Err(Problem::NotOneOf(names)),
        Check::OneOfIgnoreCase(names) if names.iter().any(|n| n.eq_ignore_ascii_case(text(value))) => Ok(()),
        Check::OneOfIgnoreCase(names) => Err(Problem::NotOneOfIgnoreCase(names)),
        Check::NonEmpty if text(value).is_empty() => Err(Problem::EmptyText),
        Check::NonEmpty => Ok(()),
        Check::UnlimitedOrPositive if number(value) == 0.0 => Err(Problem::NeitherUnlimitedNorPositive),
        Check::UnlimitedOrPositive => Ok(()),
        Check::List(names, empty) => check_list(elements(value), names, empty),
        Check::ThrottledReplicas => check_throttled(elements(value)),
        Check::OffsetReset => check_offset_reset(text(value)),
    }
}

fn at_least(found: f64, least: f64) -> Result<(), Problem> {
    if found < least { Err(Problem::BelowLeast(least)) } else { Ok(()) }
}

fn between(found: f64, least: f64, most: f64) -> Result<(), Problem> {
    at_least(found, least)?;
    if found > most { Err(Problem::AboveMost(most)) } else { Ok(()) }
}

fn check_list(list: &[String], names: &'static [&'static str], empty: Empty) -> Result<(), Problem> {
    if list.is_empty() && empty == Empty::Forbidden {
        return Err(Problem::EmptyList);
    }
    for element in list {
        if element.is_empty() {
            return Err(Problem::EmptyElement);
        }
        if !names.is_empty() && !names.contains(&element.as_str()) {
            return Err(Problem::NotOneOf(names));
        }
    }
    Ok(())
}

fn check_throttled(list: &[String]) -> Result<(), Problem> {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let is_pair = |pair: &String| {
        pair.is_empty()
            || pair.split_once(':').is_some_and(|(left, right)| is_number(left) && is_number(right))
    };
    if list.iter().all(is_pair) || list.concat() == "*" { Ok(()) } else { Err(Problem::NotThrottledReplicas) }
}

fn check_offset_reset(text: &str) -> Result<(), Problem> {
    let is_duration = |duration: &str| {
        let digits_or_units = |c: char| c.is_ascii_digit() || "DTHMS.".contains(c);
        duration.strip_prefix('P').is_some_and(|rest| {
            rest.ends_with(['D', 'H', 'M', 'S'])
                && rest.chars().all(digits_or_units)
                && rest.contains(|c: char| c.is_ascii_digit())
        })
    };
    match text {
        "earliest" | "latest" => Ok(()),
        other if other.strip_prefix("by_duration:").is_some_and(is_duration) => Ok(()),
        _ => Err(Problem::NotOffsetReset),
    }
}

/// A number of any width. Integers over 2^53 lose low bits here, which no bound in the tables can notice:
/// all of them are smaller.
fn number(value: &Value) -> f64 {
    match value {
        Value::Short(n) => f64::from(*n),
        Value::Int(n) => f64::from(*n),
        Value::Long(n) => *n as f64,
        Value::Double(n) => *n,
        Value::Boolean(_) | Value::Text(_) | Value::List(_) => {
            panic!("{value:?} is checked against a number")
        }
    }
}

fn text(value: &Value) -> &str {
    match value {
        Value::Text(text) => text,
        Value::Boolean(_)
        | Value::Short(_)
        | Value::Int(_)
        | Value::Long(_)
        | Value::Double(_)
        | Value::List(_) => {
            panic!("{value:?} is checked against names")
        }
    }
}

fn elements(value: &Value) -> &[String] {
    match value {
        Value::List(list) => list,
        Value::Boolean(_)
        | Value::Short(_)
        | Value::Int(_)
        | Value::Long(_)
        | Value::Double(_)
        | Value::Text(_) => {
            panic!("{value:?} is checked as a list")
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Boolean(v) => v.fmt(f),
            Value::Short(v) => v.fmt(f),
            Value::Int(v) => v.fmt(f),
            Value::Long(v) => v.fmt(f),
            Value::Double(v) => f.write_str(&java_double(*v)),
            Value::Text(v) => f.write_str(v),
            Value::List(v) => f.write_str(&v.join(",")),
        }
    }
}

/// A number as Java's `Double.toString` writes it: tools compare the text.
fn java_double(value: f64) -> String {
    let size = value.abs();
    if size == 0.0 || (1e-3..1e7).contains(&size) {
        return format!("{value:?}");
    }
    let text = format!("{value:E}");
    match text.split_once('E') {
        Some((digits, exponent)) if !digits.contains('.') => format!("{digits}.0E{exponent}"),
        Some(_) | None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::keys::{broker_key, topic_key};
    use proptest::prelude::*;

    fn message(key: &str, value: &str) -> String {
        let key = topic_key(key).or_else(|| broker_key(key)).expect("a known key");
        key.parse(value).expect_err("a wrong value").to_string()
    }

    #[test]
    fn messages_are_kafkas() {
        assert_eq!(
            message("retention.ms", "-2"),
            "Invalid value -2 for configuration retention.ms: Value must be at least -1"
        );
        assert_eq!(
            message("retention.ms", "soon"),
            "Invalid value soon for configuration retention.ms: Not a number of type LONG"
        );
        assert_eq!(
            message("segment.bytes", "2147483648"),
            "Invalid value 2147483648 for configuration segment.bytes: Not a number of type INT"
        );
        assert_eq!(
            message("segment.bytes", "1024"),
            "Invalid value 1024 for configuration segment.bytes: Value must be at least 1048576"
        );
        assert_eq!(
            message("min.cleanable.dirty.ratio", "1.5"),
            "Invalid value 1.5 for configuration min.cleanable.dirty.ratio: Value must be no more than 1"
        );
        assert_eq!(
            message("compression.type", "lzma"),
            "Invalid value lzma for configuration compression.type: String must be one of: uncompressed, zstd, \
             lz4, snappy, gzip, producer"
        );
        assert_eq!(
            message("compression.gzip.level", "0"),
            "Invalid value 0 for configuration compression.gzip.level: Value must be between 1 and 9 or equal to -1"
        );
        assert_eq!(
            message("preallocate", "yes"),
            "Invalid value yes for configuration preallocate: Expected value to be either true or false"
        );
        assert_eq!(
            message("cleanup.policy", "delete,,compact"),
            "Configuration 'cleanup.policy' values must not be empty."
        );
        assert_eq!(
            message("cleanup.policy", "delete, shred"),
            "Invalid value shred for configuration cleanup.policy: String must be one of: compact, delete"
        );
        assert_eq!(
            message("segment.bytes", " +7 "),
            "Invalid value 7 for configuration segment.bytes: Value must be at least 1048576"
        );
        assert_eq!(
            message("cleanup.policy", "remove"),
            "Invalid value remove for configuration cleanup.policy: String must be one of: compact, delete"
        );
        assert_eq!(
            message("leader.replication.throttled.replicas", "1-2,x"),
            "Invalid value [1-2, x] for configuration leader.replication.throttled.replicas: \
             leader.replication.throttled.replicas must be the literal '*' or a list of replicas in the following format: \
             [partitionId]:[brokerId],[partitionId]:[brokerId],..."
        );
    }

    #[test]
    fn values_are_trimmed_and_canonical() {
        let canonical =
            |key: &str, text: &str| topic_key(key).expect("a key").parse(text).expect("right").to_string();
        assert_eq!(canonical("retention.ms", " 07 "), "7");
        assert_eq!(canonical("preallocate", "TRUE"), "true");
        assert_eq!(canonical("cleanup.policy", "compact , delete"), "compact,delete");
        assert_eq!(canonical("cleanup.policy", "delete,compact,delete"), "delete,compact");
        assert_eq!(canonical("cleanup.policy", " "), "", "an empty policy keeps everything since 4.1");
        assert_eq!(canonical("compression.gzip.level", "-1"), "-1");
        assert_eq!(canonical("min.cleanable.dirty.ratio", "1"), "1.0");
        assert_eq!(canonical("leader.replication.throttled.replicas", "*"), "*");
        assert_eq!(canonical("leader.replication.throttled.replicas", "0:1, 1:2"), "0:1,1:2");
    }

    #[test]
    fn doubles_are_written_as_java_does() {
        for (value, text) in [
            (0.5, "0.5"),
            (1e7, "1.0E7"),
            (f64::MAX, "1.7976931348623157E308"),
            (1.5e-4, "1.5E-4"),
            (0.0, "0.0"),
        ] {
            assert_eq!(java_double(value), text);
        }
    }

    #[test]
    fn a_password_is_not_told() {
        let key = Key { check: Check::NonEmpty, ..*broker_key("ssl.key.password").expect("a key") };
        assert_eq!(key.invalid("hunter2", Problem::EmptyText).value, "[hidden]");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn no_text_panics_and_canonical_text_is_stable(text in "\\PC{0,24}|[-+0-9.eE,:*]{0,24}") {
            for key in crate::config::keys::broker_keys().chain(crate::config::keys::topic_keys()) {
                if let Ok(value) = key.parse(&text) {
                    let canonical = value.to_string();
                    let again = key.parse(&canonical).expect("canonical text is valid").to_string();
                    prop_assert_eq!(again, canonical);
                }
            }
        }
    }
}
