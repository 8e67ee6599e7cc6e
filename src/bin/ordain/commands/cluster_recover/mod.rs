//! `ordain cluster recover`: what is left of a cluster that has lost a majority goes on.
mod report;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use clap::Subcommand;
use ordain::config::{DirectIo, LoadedConfig};
use ordain::io::Io;
use ordain::io::real;
use ordain::server::recovery::{self, Plan, Survey};
use ordain::types::NodeId;
use serde::de::DeserializeOwned;

use super::config::Sources;
use crate::failure::Failure;
use crate::output;

#[derive(clap::Args, Clone, Debug)]
pub struct Arguments {
    #[command(subcommand)]
    step: Step,
    #[command(flatten)]
    unused: Unused,
}

/// Options that every tool takes, and that mean nothing here: nobody is asked. Named as those, they take their place.
#[derive(clap::Args, Clone, Debug)]
struct Unused {
    #[arg(long, short = 'b', hide = true, value_name = "HOST:PORT")]
    bootstrap: Option<String>,
    #[arg(long, hide = true)]
    json: bool,
    #[arg(long, hide = true, value_parser = crate::parse::duration, value_name = "TIME")]
    timeout: Option<std::time::Duration>,
}

#[derive(Subcommand, Clone, Debug)]
enum Step {
    /// 1. On each surviving node, stopped: write what it holds to a file.
    Survey {
        #[command(flatten)]
        sources: Sources,
        /// The data directory (log.dirs).
        #[arg(long, value_name = "DIR")]
        data: Option<PathBuf>,
        /// The file to write.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// 2. Anywhere: from all surveys, decide which node goes on with what, and show what is lost.
    Plan {
        /// The surveys of all surviving nodes.
        #[arg(value_name = "SURVEY", required = true)]
        surveys: Vec<PathBuf>,
        /// The nodes that never come back with what they held, separated by commas. A node with a new, empty directory is surveyed as any
        /// other.
        #[arg(long, value_name = "IDS", value_delimiter = ',')]
        lost: Vec<i32>,
        /// The file to write; without it the plan is only shown.
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// 3. On each surviving node, still stopped: carry the plan out. Then start them all.
    Apply {
        /// The plan.
        plan: PathBuf,
        #[command(flatten)]
        sources: Sources,
        /// The data directory (log.dirs).
        #[arg(long, value_name = "DIR")]
        data: Option<PathBuf>,
        /// Yes, records may be lost for good. Without it the plan is shown, and held against this data directory, and nothing is changed.
        #[arg(long)]
        accept_loss: bool,
    },
}

pub fn run(arguments: Arguments) -> Result<(), Failure> {
    match arguments.step {
        Step::Survey { sources, data, out } => {
            let survey =
                offline(sources, data, async |io, loaded| recovery::survey(&io, &loaded.broker).await)?;
            write(&out, &survey)?;
            report::show_survey(&survey)?;
            output::line(format_args!(
                "Written to {file}. Survey every other node that is left, stopped, and leave all of them stopped. Then, with the files of all of them \
                 and the ids of the nodes that are lost: `ordain cluster recover plan {file} OTHER.json --lost IDS --out plan.json`",
                file = out.display()
            ))
        }
        Step::Plan { surveys, lost, out } => {
            let surveys: Vec<Survey> = surveys.iter().map(|path| read(path)).collect::<Result<_, _>>()?;
            let lost: BTreeSet<i32> = lost.into_iter().collect();
            let plan =
                recovery::plan(&surveys, &lost).map_err(|error| Failure::Message(error.to_string()))?;
            report::show_plan(&plan)?;
            if plan.metadata_is_gone() {
                return Err(Failure::Message(report::METADATA_GONE.to_owned()));
            }
            match out {
                Some(out) => {
                    write(&out, &plan)?;
                    output::line(format_args!(
                        "Written to {file}. On each surviving node, stopped, look first at what it would do there: `ordain cluster recover apply {file} \
                         --data DIR`. Then carry it out: `ordain cluster recover apply {file} --data DIR --accept-loss`",
                        file = out.display()
                    ))
                }
                None => output::line(format_args!("Nothing was written; with --out plan.json it is.")),
            }
        }
        Step::Apply { plan, sources, data, accept_loss } => {
            let plan: Plan = read(&plan)?;
            if accept_loss { apply(&plan, sources, data) } else { rehearse(&plan, sources, data) }
        }
    }
}

/// Shows the plan, and says whether it could be carried out here.
fn rehearse(plan: &Plan, sources: Sources, data: Option<PathBuf>) -> Result<(), Failure> {
    report::show_plan(plan)?;
    let (node, due) = offline(sources, data, async |io, loaded| {
        let now = io.clock.wall();
        recovery::rehearse(&io, &loaded.broker, plan, now).await
    })?;
    if due == 0 {
        return nothing_for(node);
    }
    Err(Failure::Message(format!(
        "nothing was changed: node {node} would go on alone with {}, and what is lost is lost for good; to go on, repeat this with --accept-loss",
        output::plural(due, "log")
    )))
}

/// Carries the plan out here.
fn apply(plan: &Plan, sources: Sources, data: Option<PathBuf>) -> Result<(), Failure> {
    let (node, changed) = offline(sources, data, async |io, loaded| {
        let now = io.clock.wall();
        recovery::apply(&io, &loaded.broker, plan, now).await
    })?;
    if changed == 0 {
        return nothing_for(node);
    }
    output::line(format_args!(
        "Node {node} goes on alone with {}. Once the plan is applied on every surviving node, start them all. Never start a lost node with its \
         old data directory again; a new one in its place begins with an empty one.",
        output::plural(changed, "log")
    ))
}

fn nothing_for(node: NodeId) -> Result<(), Failure> {
    output::line(format_args!(
        "The plan has nothing for node {node}, or was carried out there before: nothing was changed."
    ))
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<T, Failure> {
    let name = path.display();
    let text =
        fs::read_to_string(path).map_err(|error| Failure::Message(format!("cannot read {name}: {error}")))?;
    serde_json::from_str(&text)
        .map_err(|error| Failure::Message(format!("{name} is not what this command writes: {error}")))
}

fn write(path: &Path, what: &impl serde::Serialize) -> Result<(), Failure> {
    let name = path.display();
    let text = serde_json::to_string_pretty(what)
        .map_err(|error| Failure::Message(format!("cannot write {name}: {error}")))?;
    fs::write(path, text + "\n").map_err(|error| Failure::Message(format!("cannot write {name}: {error}")))
}

/// Does something with the data directory of a node that is stopped.
fn offline<T>(
    mut sources: Sources,
    data: Option<PathBuf>,
    work: impl AsyncFnOnce(Io, LoadedConfig) -> Result<T, recovery::RecoveryError>,
) -> Result<T, Failure> {
    if let Some(data) = data {
        sources.set.push(format!("log.dirs={}", data.display()));
    }
    let loaded = sources.load()?;
    let directory = PathBuf::from(&loaded.broker.data_directory);
    let message = |text: String| Failure::Message(text);
    if !directory.is_dir() {
        return Err(message(format!(
            "there is no data directory {}: name it with --data DIR, or the node's configuration with --config FILE",
            directory.display()
        )));
    }
    // A node that runs holds it.
    let _lock = real::lock_data_dir(&directory).map_err(|error| message(error.to_string()))?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| message(format!("cannot start the async runtime: {error}")))?;
    runtime.block_on(async {
        let mut options = real::Options::new(&directory);
        if loaded.broker.storage.direct_io == DirectIo::Off {
            options.direct_io = real::DirectIo::Off;
        }
        let io = real::io(options).map_err(|error| {
            message(format!("cannot use the data directory {}: {error}", directory.display()))
        })?;
        work(io, loaded)
            .await
            .map_err(|error| message(format!("in the data directory {}: {error}", directory.display())))
    })
}
