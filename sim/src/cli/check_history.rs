use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use crate::history::{Written, from_json_lines};
use crate::scenarios::{Judged, Verdict, check_history};

use super::{FOUND, print, refuse};

#[derive(Args)]
pub(super) struct Options {
    /// Histories of one run, with the times of one clock
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Print the verdict as one object
    #[arg(long)]
    json: bool,
    /// Checkers that have to be held against something, separated by commas
    #[arg(long, value_name = "CHECKER", value_delimiter = ',')]
    require: Vec<String>,
}

/// Holds a history that was written down against the simulator's checkers.
pub(super) fn run(options: &Options) -> ExitCode {
    let histories: Result<Vec<_>, String> = options.files.iter().map(read).collect();
    let verdict = match histories.and_then(|histories| check_history(&histories)) {
        Ok(verdict) => verdict,
        Err(why) => return refuse(&why),
    };
    for name in &options.require {
        match verdict.judged.iter().find(|judged| judged.checker == name) {
            None => return refuse(&format!("no checker {name:?} judges a history that was written down")),
            Some(Judged { silent: Some(why), .. }) => {
                return refuse(&format!("{name} cannot judge: {why}"));
            }
            Some(judged) if judged.held == 0 && judged.found.is_none() => {
                return refuse(&format!(
                    "there is nothing in this history that {name} could be held against"
                ));
            }
            Some(_) => {}
        }
    }
    print(&if options.json { as_json(&verdict) } else { as_text(&verdict) });
    let is_found = verdict.judged.iter().any(|judged| judged.found.is_some());
    if is_found { ExitCode::from(FOUND) } else { ExitCode::SUCCESS }
}

fn read(path: &PathBuf) -> Result<(String, Vec<Written>), String> {
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|error| format!("cannot read {name}: {error}"))?;
    let written = from_json_lines(&text).map_err(|error| format!("{name}: {error}"))?;
    Ok((name, written))
}

fn as_text(verdict: &Verdict) -> String {
    let mut text = String::new();
    let mut line = |what: std::fmt::Arguments<'_>| writeln!(text, "{what}").expect("a string takes all text");
    for ((function, end), count) in &verdict.operations {
        line(format_args!("{function} {end}: {count}"));
    }
    if !verdict.unjudged.is_empty() {
        let names: Vec<&str> = verdict.unjudged.iter().map(String::as_str).collect();
        line(format_args!("no checker looks at: {}", names.join(", ")));
    }
    for judged in &verdict.judged {
        match &judged.found {
            None if judged.silent.is_some() => {
                let why = judged.silent.unwrap_or_default();
                line(format_args!("{:<30} NOT JUDGED: {why}", judged.checker));
            }
            Some(found) => line(format_args!("{:<30} FOUND: {found}", judged.checker)),
            None if judged.held == 0 => line(format_args!("{:<30} nothing to judge", judged.checker)),
            None => line(format_args!("{:<30} holds, of {}", judged.checker, judged.held)),
        }
    }
    text
}

fn as_json(verdict: &Verdict) -> String {
    let judged = verdict.judged.iter().map(|judged| {
        let mut told = json!({ "checker": judged.checker, "held": judged.held, "found": judged.found });
        if let Some(why) = judged.silent {
            told["not_judged"] = json!(why);
        }
        told
    });
    let operations = verdict
        .operations
        .iter()
        .map(|((function, end), count)| json!({ "f": function, "end": end, "count": count }));
    let all = json!({
        "judged": judged.collect::<Vec<_>>(),
        "operations": operations.collect::<Vec<_>>(),
        "unjudged": verdict.unjudged,
    });
    format!("{all}\n")
}
