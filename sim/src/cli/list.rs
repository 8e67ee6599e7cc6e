use std::process::ExitCode;

use crate::scenarios;

use super::print;

/// Lists the scenarios.
pub(crate) fn run() -> ExitCode {
    let lines = scenarios::all()
        .into_iter()
        .map(|scenario| format!("{:<32} {}\n", scenario.name(), scenario.about()));
    print(&lines.collect::<String>());
    ExitCode::SUCCESS
}
