//! A case: all that one run is made of, as data. A seed draws one; a file keeps one, whatever becomes of the
//! seeds; a shrinker takes things away from one.
//!
//! The random streams of the run still follow from `seed`, one per concern, so that a client or a fault that is
//! taken away does not change the draws of the others.
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::faults::TimedFault;
use crate::net::NetOptions;

/// The number of the format in which cases are kept.
pub const FORMAT: u32 = 1;

/// What is run.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// [`FORMAT`] when it was written.
    pub format: u32,
    /// The scenario's name.
    pub scenario: String,
    /// Where the random streams of the run begin.
    pub seed: u64,
    pub net: NetOptions,
    /// What the scenario's servers are like, in the scenario's own terms.
    pub world: Value,
    /// Who drives them.
    pub clients: Vec<ClientCase>,
    /// For how long the clients run before everything heals, in simulated microseconds.
    pub duration_us: u64,
    /// What goes wrong, ordered by time.
    pub faults: Vec<TimedFault>,
}

/// One client, on a machine of its own.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientCase {
    /// The name of its machine: the same whichever other clients there are.
    pub name: String,
    /// After so many operations it stops; without a number it goes on until the run ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operations_max: Option<u64>,
    /// What it does, in the scenario's own terms.
    pub work: Value,
}

/// Why a case cannot be run.
#[derive(Debug, thiserror::Error)]
pub enum CaseError {
    #[error("this is not a case: {0}")]
    Unreadable(#[from] serde_json::Error),
    #[error("the case has the format {found}, this simulator reads {FORMAT}")]
    Format { found: u32 },
    #[error("{what} of the case is not as its scenario wants it: {source}")]
    Part { what: String, source: serde_json::Error },
}

impl Case {
    /// A case without clients and faults.
    #[must_use]
    pub fn new(scenario: &str, seed: u64) -> Case {
        Case {
            format: FORMAT,
            scenario: scenario.to_owned(),
            seed,
            net: NetOptions::default(),
            world: Value::Null,
            clients: Vec::new(),
            duration_us: 0,
            faults: Vec::new(),
        }
    }

    /// Reads what [`Case::to_json`] wrote.
    ///
    /// # Errors
    /// If it is not a case, or one of another format.
    pub fn from_json(text: &str) -> Result<Case, CaseError> {
        let value: Value = serde_json::from_str(text)?;
        let found = value.get("format").and_then(Value::as_u64).and_then(|format| u32::try_from(format).ok());
        if let Some(found) = found.filter(|found| *found != FORMAT) {
            return Err(CaseError::Format { found });
        }
        Ok(serde_json::from_value(value)?)
    }

    /// The case as text, for a file.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut text =
            serde_json::to_string_pretty(self).expect("a case has string keys and no failing parts");
        text.push('\n');
        text
    }

    /// The servers' part in the scenario's terms.
    ///
    /// # Errors
    /// If it is of another shape.
    pub fn world_as<T: serde::de::DeserializeOwned>(&self) -> Result<T, CaseError> {
        let part = |source| CaseError::Part { what: "the world".to_owned(), source };
        serde_json::from_value(self.world.clone()).map_err(part)
    }

    #[must_use]
    pub fn duration(&self) -> Duration {
        Duration::from_micros(self.duration_us)
    }
}

impl ClientCase {
    /// A client without a bound.
    #[must_use]
    pub fn new(name: String, work: &impl Serialize) -> ClientCase {
        let work = serde_json::to_value(work).expect("what a client does is plain data");
        ClientCase { name, operations_max: None, work }
    }

    /// What it does in the scenario's terms.
    ///
    /// # Errors
    /// If it is of another shape.
    pub fn work_as<T: serde::de::DeserializeOwned>(&self) -> Result<T, CaseError> {
        let part = |source| CaseError::Part { what: format!("the client {}", self.name), source };
        serde_json::from_value(self.work.clone()).map_err(part)
    }
}

/// Durations as whole microseconds, under names that end in `_us`.
pub mod micros {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    /// # Errors
    /// As the serializer has it.
    pub fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX))
    }

    /// # Errors
    /// As the deserializer has it.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_micros)
    }
}

/// The least and the most of something, as two whole numbers of microseconds.
pub mod micros_range {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    /// # Errors
    /// As the serializer has it.
    pub fn serialize<S: Serializer>(range: &(Duration, Duration), serializer: S) -> Result<S::Ok, S::Error> {
        let micros = |duration: Duration| u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        (micros(range.0), micros(range.1)).serialize(serializer)
    }

    /// # Errors
    /// As the deserializer has it.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<(Duration, Duration), D::Error> {
        let (low, high) = <(u64, u64)>::deserialize(deserializer)?;
        Ok((Duration::from_micros(low), Duration::from_micros(high)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_is_read_as_it_was_written() {
        let mut case = Case::new("broker", 7);
        case.clients.push(ClientCase::new("reader-0".to_owned(), &"reads"));
        case.duration_us = 3;
        assert_eq!(Case::from_json(&case.to_json()).unwrap(), case);
        assert_eq!(case.clients[0].work_as::<String>().unwrap(), "reads");
    }

    #[test]
    fn other_formats_and_other_things_are_told() {
        let mut case = Case::new("broker", 7);
        case.format = 99;
        let error = Case::from_json(&case.to_json()).unwrap_err().to_string();
        assert!(error.contains("format 99"), "{error}");
        assert!(matches!(Case::from_json("{}"), Err(CaseError::Unreadable(_))));
        assert!(matches!(case.world_as::<u64>(), Err(CaseError::Part { .. })));
    }
}
