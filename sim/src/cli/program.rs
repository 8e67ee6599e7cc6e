//! A program of simulations: what it can simulate, what people call it, where it keeps its schedules, and which commands
//! it has. One that has no planted mistakes has no command that looks for them.
use std::process::ExitCode;
use std::sync::OnceLock;

use clap::{Arg, CommandFactory, FromArgMatches};
use ordain::probe::{self, Mutant};

use crate::scenarios::Scenario;

use super::{Arguments, Command, refuse};

/// Why a release build of a simulator runs nothing.
const NO_PROBES: &str = "This build has no debug assertions, and without them the core shows the checkers nothing of its replicas, and \
    makes no mistake: build with the profile `sim` (`cargo sim …`, or `cargo build --profile sim -p ordain-sim`).";

/// A program of simulations; its `main` is [`Program::main`].
///
/// ```no_run
/// use ordain_sim::{Application, cli::Program};
///
/// fn main() -> std::process::ExitCode {
///     let shop = Application::new("shop", "orders become shipments").topic("orders", 1);
///     Program::new("cargo run --", vec![shop.leak()]).schedules("tests/schedules").main()
/// }
/// ```
pub struct Program {
    pub(super) name: &'static str,
    pub(super) scenarios: Vec<&'static dyn Scenario>,
    schedules: String,
}

/// The program that this process is.
static THIS: OnceLock<Program> = OnceLock::new();

/// The scenario whose checkers hold histories that were written down.
const OF_HISTORIES: &str = "broker";
/// The scenario whose speed is measured where it is there.
const OF_SPEED: &str = "load";

impl Program {
    /// A program with these scenarios, the first of which is the default. `name` is how people start it, for the lines
    /// that show a failure again: `cargo run --example orders --`.
    ///
    /// # Panics
    /// If there is no scenario.
    #[must_use]
    pub fn new(name: &'static str, scenarios: Vec<&'static dyn Scenario>) -> Program {
        assert!(!scenarios.is_empty(), "a simulator without scenarios");
        let program = std::env::current_exe().ok();
        let stem = program.as_deref().and_then(|path| path.file_stem()).unwrap_or_default();
        Program { name, scenarios, schedules: format!("{}-schedules", stem.to_string_lossy()) }
    }

    /// Where it keeps its schedules, as seen from where people start it. If nothing is said: `NAME-schedules`, where
    /// NAME is that of the program's file.
    #[must_use]
    pub fn schedules(mut self, folder: &str) -> Program {
        folder.clone_into(&mut self.schedules);
        self
    }

    /// Does what the command line says.
    #[must_use]
    pub fn main(self) -> ExitCode {
        let this = THIS.get_or_init(|| self);
        let keeps = |folder: Arg| folder.required(false).default_value(this.schedules.as_str());
        let mut command = Arguments::command().name(this.name).bin_name(this.name);
        command = command.mut_subcommand("shrink", |shrink| shrink.mut_arg("schedules", keeps));
        command = command.mut_subcommand("schedules", |schedules| schedules.mut_arg("folder", keeps));
        for (name, _) in this.lacks() {
            command = command.mut_subcommand(name, |lacking| lacking.hide(true));
        }
        let matches = command.get_matches();
        let lacking = this.lacks().into_iter().find(|(name, _)| matches.subcommand_name() == Some(*name));
        if let Some((name, why)) = lacking {
            return refuse(&format!("{} has no command `{name}`: {why}", this.name));
        }
        match Arguments::from_arg_matches(&matches) {
            Ok(arguments) => arguments.command.run(&this.scenarios),
            Err(error) => error.exit(),
        }
    }

    /// The commands that are of no use to it, and why.
    fn lacks(&self) -> Vec<(&'static str, String)> {
        let has = |name: &str| self.scenarios.iter().any(|one| one.name() == name);
        let mut lacks = Vec::new();
        if !Mutant::ALL.iter().any(|one| has(&format!("mutant-{}", one.name()))) {
            let why =
                format!("none of its scenarios (`{} list`) has a mistake planted in the broker", self.name);
            lacks.push(("mutants", why));
        }
        if !has(OF_HISTORIES) {
            let why = format!(
                "its checkers are those of a scenario {OF_HISTORIES:?}, which this program does not have"
            );
            lacks.push(("check-history", why));
        }
        lacks
    }
}

impl Command {
    /// Whether the checkers have to be told of each replica's steps.
    fn needs_probes(&self) -> bool {
        match self {
            Command::Run(_)
            | Command::Replay(_)
            | Command::Shrink(_)
            | Command::Schedules(_)
            | Command::Mutants(_)
            | Command::Seed(_) => true,
            Command::Speed(_) | Command::CheckHistory(_) | Command::List => false,
        }
    }

    fn run(&self, scenarios: &[&'static dyn Scenario]) -> ExitCode {
        // Without them checkers would find what is not there, and miss what is.
        if !probe::IS_BUILT_IN && self.needs_probes() {
            return refuse(NO_PROBES);
        }
        match self {
            Command::Run(options) => super::run::run(options),
            Command::Replay(options) => super::replay::run(options),
            Command::Shrink(options) => super::shrink::run(options),
            Command::Schedules(options) => super::schedules::run(scenarios, options),
            Command::Mutants(options) => super::mutants::run(options),
            Command::Speed(options) => super::speed::run(options),
            Command::CheckHistory(options) => super::check_history::run(options),
            Command::List => super::list::run(scenarios),
            Command::Seed(options) => super::seed::run(options),
        }
    }
}

/// All scenarios of this program.
fn scenarios() -> impl Iterator<Item = &'static dyn Scenario> {
    THIS.get().into_iter().flat_map(|this| this.scenarios.iter().copied())
}

/// The scenario of that name.
///
/// # Errors
/// For people, if there is none.
pub(super) fn scenario(name: &str) -> Result<&'static dyn Scenario, String> {
    scenarios()
        .find(|scenario| scenario.name() == name)
        .ok_or_else(|| format!("there is no scenario {name:?}; `{} list` shows what there is", program()))
}

/// How people start this program.
pub(super) fn program() -> &'static str {
    THIS.get().map_or("cargo sim", |this| this.name)
}

pub(super) fn default_scenario() -> &'static str {
    scenarios().next().map_or("", Scenario::name)
}

/// What is measured if nobody says what.
pub(super) fn scenario_of_speed() -> &'static str {
    if scenario(OF_SPEED).is_ok() { OF_SPEED } else { default_scenario() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Application;
    use crate::scenarios;

    #[test]
    fn a_program_has_the_commands_that_are_of_use_to_it() {
        let lacks = |program: &Program| program.lacks().into_iter().map(|(name, _)| name).collect::<Vec<_>>();
        let shop = Application::new("shop", "sells").leak();
        assert_eq!(lacks(&Program::new("shop", vec![shop])), ["mutants", "check-history"]);
        let broker = scenarios::find("broker").expect("it is the first");
        assert_eq!(lacks(&Program::new("shop", vec![broker])), ["mutants"]);
        assert!(lacks(&Program::new("cargo sim", scenarios::all())).is_empty());
    }

    #[test]
    fn each_program_keeps_its_own_schedules() {
        let program = || Program::new("shop", vec![Application::new("shop", "sells").leak()]);
        let kept = program().schedules;
        assert!(kept.starts_with("ordain_sim-") && kept.ends_with("-schedules"), "{kept}");
        assert_eq!(program().schedules("kept").schedules, "kept");
    }
}
