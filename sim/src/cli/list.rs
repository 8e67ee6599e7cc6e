use std::process::ExitCode;

use crate::scenarios::Scenario;

use super::print;

/// Lists the scenarios.
pub(super) fn run(scenarios: &[&'static dyn Scenario]) -> ExitCode {
    let width = scenarios.iter().map(|scenario| scenario.name().len()).max().unwrap_or(0);
    let lines =
        scenarios.iter().map(|scenario| format!("{:<width$}  {}\n", scenario.name(), scenario.about()));
    print(&lines.collect::<String>());
    ExitCode::SUCCESS
}
