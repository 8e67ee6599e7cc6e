//! One run, one process: some counters inside libraries are per process.
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Chosen, INTERRUPTED, TIMED_OUT, conditions, failure};
use crate::Outcome;
use crate::scenarios::Violation;

/// What a process says of its run.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(super) struct Report {
    /// Of the whole trace; empty if the process did not come so far.
    pub(super) hash: String,
    pub(super) events: u64,
    pub(super) simulated_ns: u64,
    /// What went wrong because the world made it.
    pub(super) faults: u64,
    /// How long each thing lasted that had to pass within a bound.
    #[serde(default)]
    pub(super) lasted_ms: BTreeMap<String, u64>,
    /// The names of the rare states that were reached.
    pub(super) conditions: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) violation: Option<Found>,
}

impl Report {
    /// Of the run that has just ended in this process.
    pub(super) fn of(outcome: &Outcome<Result<(), Violation>>) -> Report {
        let violation = outcome.value.as_ref().err();
        let in_ms = |time: &Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        Report {
            hash: outcome.hash.to_string(),
            events: outcome.events,
            simulated_ns: outcome.time.0,
            faults: outcome.faults,
            lasted_ms: outcome.lasted.iter().map(|(what, time)| ((*what).to_owned(), in_ms(time))).collect(),
            conditions: conditions::reached(),
            violation: violation
                .map(|found| Found { checker: found.checker.to_owned(), text: found.text.clone() }),
        }
    }

    /// Of a process that says nothing more.
    pub(super) fn dead(checker: &str, text: String) -> Report {
        Report { violation: Some(Found { checker: checker.to_owned(), text }), ..Report::default() }
    }
}

/// What was found, and by whom.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Found {
    pub(super) checker: String,
    pub(super) text: String,
}

/// The process took too long.
pub(super) const TIMEOUT: &str = "timeout";
/// The process ended without a report.
pub(super) const DIED: &str = "process-died";
/// Two runs of the same case differ.
pub(super) const NOT_DETERMINISTIC: &str = "not-deterministic";

/// A folder to write, and the command that it tells.
pub(super) struct Folder<'a> {
    pub(super) path: &'a Path,
    pub(super) replay: &'a str,
}

/// How much of a failed process's last words is kept.
const LAST_WORDS_LINES: usize = 12;

/// What a process that simulates is told in its environment. It lives for seconds, and memory that its allocator gives back
/// and takes again is cleared by the kernel each time: mimalloc keeps it.
pub(super) const ENVIRONMENT: [(&str, &str); 2] = [("RUST_BACKTRACE", "0"), ("MIMALLOC_PURGE_DELAY", "-1")];

/// Runs a case in a process of its own.
pub(super) fn run(chosen: &Chosen, timeout_seconds: u64, folder: Option<&Folder<'_>>) -> Report {
    let program = match std::env::current_exe() {
        Ok(program) => program,
        Err(error) => return Report::dead(DIED, format!("cannot find this program: {error}")),
    };
    let mut command = Command::new(program);
    command.arg("seed").args(chosen.arguments()).args(["--timeout", &timeout_seconds.to_string()]);
    if let Some(folder) = folder {
        command.arg("--folder").arg(folder.path).args(["--replay", folder.replay]);
    }
    let output = match command.envs(ENVIRONMENT).output() {
        Ok(output) => output,
        Err(error) => return Report::dead(DIED, format!("cannot start a process: {error}")),
    };
    let said = String::from_utf8_lossy(&output.stdout);
    if let Some(report) = said.lines().last().and_then(|line| serde_json::from_str(line).ok()) {
        return report;
    }
    let words = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<&str> = words.lines().collect();
    let last = lines[lines.len().saturating_sub(LAST_WORDS_LINES)..].join("\n");
    if output.status.code() == Some(i32::from(TIMED_OUT)) {
        return Report::dead(TIMEOUT, last);
    }
    Report::dead(DIED, format!("{}: {last}", output.status))
}

/// Runs a failed case once more, for its folder; how it went this time.
pub(super) fn show(
    chosen: &Chosen,
    timeout_seconds: u64,
    folder: &Path,
    found: &Found,
    replay: &str,
) -> io::Result<Report> {
    let again = run(chosen, timeout_seconds, Some(&Folder { path: folder, replay }));
    if again.hash.is_empty() {
        // It did not come to its end: what is known is what it was about to do.
        fs::create_dir_all(folder)?;
        if let Ok((case, _)) = chosen.load() {
            fs::write(folder.join("case.json"), case.to_json())?;
            if again.violation.as_ref().is_some_and(|violation| violation.checker == DIED) {
                let lines = lines_until_death(chosen, timeout_seconds)?;
                failure::write_until_death(folder, &case, (&found.checker, &found.text), replay, &lines)?;
            }
        }
        failure::write_violation(folder, Some((&found.checker, &found.text)), replay)?;
    }
    Ok(again)
}

/// The trace of a run whose process dies: printed as it comes, what came before the death is there.
fn lines_until_death(chosen: &Chosen, timeout_seconds: u64) -> io::Result<Vec<String>> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("replay").args(chosen.arguments()).args(["--timeout", &timeout_seconds.to_string()]);
    let output = command.envs(ENVIRONMENT).output()?;
    let said = String::from_utf8_lossy(&output.stdout);
    Ok(said.lines().filter(|line| is_of_trace(line)).map(str::to_owned).collect())
}

/// Whether that is a whole line of a trace: a time, a place, and what happened.
fn is_of_trace(line: &str) -> bool {
    let mut words = line.splitn(3, ' ');
    words.next().is_some_and(|time| time.parse::<f64>().is_ok()) && words.nth(1).is_some()
}

/// What there is to be looked at first in a folder.
pub(super) fn to_open(folder: &Path) -> PathBuf {
    let page = ["report.html", "first/report.html"].map(|page| folder.join(page)).into_iter();
    page.into_iter().find(|page| page.exists()).unwrap_or_else(|| folder.to_owned())
}

/// Becomes true at the first interrupt (Ctrl-C); a second one ends this process at once.
pub(super) fn interrupted() -> std::io::Result<Arc<AtomicBool>> {
    use signal_hook::{consts::SIGINT, flag};
    let interrupted = Arc::new(AtomicBool::new(false));
    flag::register_conditional_shutdown(SIGINT, i32::from(INTERRUPTED), Arc::clone(&interrupted))?;
    flag::register(SIGINT, Arc::clone(&interrupted))?;
    Ok(interrupted)
}

/// The names that several reports tell.
pub(super) fn reached<'a>(reports: impl IntoIterator<Item = &'a Report>) -> BTreeSet<&'a str> {
    reports.into_iter().flat_map(|report| report.conditions.iter().map(String::as_str)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_that_breaks_off_is_told_from_what_else_is_printed() {
        assert!(is_of_trace("9.000000001 broker disk write journal/a.journal"));
        for other in
            ["", "7f2a9c6e0d1b4f3a8e5d6c7b8a9f0e1d", "open target/sim/report.html", "9.000000001 brok"]
        {
            assert!(!is_of_trace(other), "{other}");
        }
    }
}
