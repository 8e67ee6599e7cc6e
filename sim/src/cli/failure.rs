//! The folder of a failure: everything that somebody needs who has to understand it, and nothing else.
use std::fs;
use std::io;
use std::path::Path;

use crate::Outcome;
use crate::case::Case;
use crate::history::to_json_lines;
use crate::report::{Finding, Page, page};
use crate::scenarios::Violation;

use super::program;

/// Writes the folder of a run whose trace was kept.
pub(super) fn write(
    folder: &Path,
    case: &Case,
    outcome: &Outcome<Result<(), Violation>>,
    replay: &str,
) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let violation = outcome.value.as_ref().err();
    let case_json = case.to_json();
    fs::write(folder.join("case.json"), &case_json)?;
    fs::write(folder.join("trace.txt"), aligned(&outcome.lines) + &format!("{}\n", outcome.hash))?;
    fs::write(folder.join("history.jsonl"), to_json_lines(&outcome.operations))?;
    write_violation(folder, violation.map(|found| (found.checker, found.text.as_str())), replay)?;
    let html = page(&Page {
        title: &format!("{}, seed {}", case.scenario, case.seed),
        replay,
        violation: violation.map(|found| Finding { checker: found.checker, text: &found.text }),
        case_json: &case_json,
        lines: &outcome.lines,
        operations: &outcome.operations,
        faults: Some(outcome.faults),
        replicas: &outcome.standings,
    });
    fs::write(folder.join("report.html"), html)
}

/// Writes the trace, as far as it came, and the page of a run whose process died. What its clients did and how its replicas
/// stood has died with it.
pub(super) fn write_until_death(
    folder: &Path,
    case: &Case,
    (checker, text): (&str, &str),
    replay: &str,
    lines: &[String],
) -> io::Result<()> {
    // What stands there from another run would be taken for this one's.
    for of_whole_run in ["history.jsonl", "report.html", "trace.txt"] {
        let removed = fs::remove_file(folder.join(of_whole_run));
        removed.or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) })?;
    }
    if lines.is_empty() {
        return Ok(());
    }
    fs::write(folder.join("trace.txt"), aligned(lines) + "no hash: here the process died\n")?;
    let html = page(&Page {
        title: &format!("{}, seed {}, until its process died", case.scenario, case.seed),
        replay,
        violation: Some(Finding { checker, text }),
        case_json: &case.to_json(),
        lines,
        operations: &[],
        faults: None,
        replicas: &[],
    });
    fs::write(folder.join("report.html"), html)
}

/// Writes what was found, and how it is shown again.
pub(super) fn write_violation(folder: &Path, found: Option<(&str, &str)>, replay: &str) -> io::Result<()> {
    let (checker, text) = found.unwrap_or(("nothing", "everything held that must hold"));
    let case = folder.join("case.json");
    let mutant = mutant_in(replay);
    let text =
        format!("{checker}: {text}\n\n{replay}\n{} replay --case {}{mutant}\n", program(), case.display());
    fs::write(folder.join("violation.txt"), text)
}

/// The planted mistake of a command, as it stands there: a case does not hold it.
fn mutant_in(replay: &str) -> String {
    const FLAG: &str = " --mutant ";
    let name = replay.split_once(FLAG).and_then(|(_, rest)| rest.split(' ').next());
    name.map_or(String::new(), |name| format!("{FLAG}{name}"))
}

/// The lines of a trace with their parts below each other.
fn aligned(lines: &[String]) -> String {
    let split = |line: &str| {
        let mut words = line.splitn(3, ' ');
        let mut word = || words.next().unwrap_or_default().to_owned();
        (word(), word(), word())
    };
    let lines: Vec<(String, String, String)> = lines.iter().map(|line| split(line)).collect();
    let time_width = lines.iter().map(|(time, ..)| time.len()).max().unwrap_or(0);
    let place_width = lines.iter().map(|(_, place, _)| place.len()).max().unwrap_or(0);
    let line = |(time, place, what): &(String, String, String)| {
        format!("{time:>time_width$} {place:<place_width$} {what}\n")
    };
    lines.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mistake_of_a_run_is_that_of_its_case() {
        assert_eq!(mutant_in("cargo sim replay 1 --mutant x-y --timeout 3"), " --mutant x-y");
        assert_eq!(mutant_in("cargo sim replay 1 --scenario mutant-x"), "");
    }

    #[test]
    fn lines_stand_below_each_other() {
        let lines = ["9.000000000 a one two".to_owned(), "10.000000000 broker three".to_owned()];
        assert_eq!(aligned(&lines), " 9.000000000 a      one two\n10.000000000 broker three\n");
    }
}
