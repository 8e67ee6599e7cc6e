use std::process::ExitCode;

use crate::scenarios::Scenario;

use super::print;

/// Lists the scenarios.
pub(super) fn run(scenarios: &[&'static dyn Scenario]) -> ExitCode {
    let lines = scenarios.iter().map(|scenario| format!("{:<32} {}\n", scenario.name(), scenario.about()));
    print(&lines.collect::<String>());
    ExitCode::SUCCESS
}
