//! Cases that are kept for ever: what was found once, and what must come of it now.
use serde::{Deserialize, Serialize};

use crate::case::{Case, CaseError};

/// A file in the folder of a program's schedules: of `cargo sim`, `sim/schedules/`.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// What it shows, for people.
    pub about: String,
    /// What must come of it, in each scenario that it is of use to.
    pub expect: Vec<Expectation>,
    pub case: Case,
}

/// What must come of a case.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expectation {
    pub scenario: String,
    /// The planted mistake that is made, beyond that of the scenario.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mutant: Option<String>,
    /// The checker that finds something; nobody if it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub found_by: Option<String>,
    /// The condition that one of the runs reaches: what the schedule is about still comes about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reaches: Option<String>,
}

/// The code that is tested changes, and with it when things happen. So what is to be found must be found by one
/// of so many runs of the same schedule, each with random streams of its own: the case's seed and those after it.
pub const RUNS_MAX: u64 = 16;

impl Expectation {
    /// That nothing is found in that scenario.
    #[must_use]
    pub fn of(scenario: &str) -> Expectation {
        Expectation { scenario: scenario.to_owned(), mutant: None, found_by: None, reaches: None }
    }
}

impl Schedule {
    /// Whether it is meant to be one: a case has no such part.
    #[must_use]
    pub fn is_one(text: &str) -> bool {
        serde_json::from_str::<serde_json::Value>(text).is_ok_and(|value| value.get("expect").is_some())
    }

    /// # Errors
    /// If it is not one.
    pub fn from_json(text: &str) -> Result<Schedule, CaseError> {
        let schedule: Schedule = serde_json::from_str(text)?;
        // The case's own format is looked at as everywhere.
        Case::from_json(&schedule.case.to_json())?;
        Ok(schedule)
    }

    #[must_use]
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).expect("plain data");
        text.push('\n');
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schedule_is_read_as_it_was_written_and_told_from_a_case() {
        let found_by = |checker: Option<&str>| checker.map(str::to_owned);
        let expect = [("mutant-x", Some("I1-lost-record")), ("broker", None)].map(|(scenario, checker)| {
            Expectation { found_by: found_by(checker), ..Expectation::of(scenario) }
        });
        let case = Case::new("mutant-x", 7);
        let schedule =
            Schedule { about: "a record was lost".to_owned(), expect: expect.into(), case: case.clone() };
        let text = schedule.to_json();
        assert_eq!(Schedule::from_json(&text).unwrap(), schedule);
        assert!(Schedule::is_one(&text) && !Schedule::is_one(&case.to_json()));
        let old = text.replace("\"format\": 1", "\"format\": 0");
        assert!(Schedule::from_json(&old).unwrap_err().to_string().contains("format 0"));
    }
}
