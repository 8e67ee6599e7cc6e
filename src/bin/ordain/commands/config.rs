use std::path::PathBuf;

use comfy_table::Cell;
use ordain::config::{ConfigFile, Inputs, Listed, LoadedConfig, Source, topic_keys};
use serde_json::json;

use crate::failure::Failure;
use crate::output::{self, Format};

#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// Only keys whose name contains this text.
    filter: Option<String>,
    #[command(flatten)]
    sources: Sources,
    /// Only what a file, the environment or --set has set.
    #[arg(long)]
    set_only: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Where the broker's configuration comes from.
#[derive(clap::Args, Clone, Default, Debug)]
pub struct Sources {
    /// A properties file with Kafka's keys.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Set one key, stronger than the file and than KAFKA_* variables; may be repeated.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub set: Vec<String>,
}

impl Sources {
    /// Reads the file and the environment and checks everything that is set.
    pub fn load(&self) -> Result<LoadedConfig, Failure> {
        let text = match &self.config {
            Some(path) => Some(std::fs::read_to_string(path).map_err(|error| {
                Failure::Message(format!("cannot read the configuration file {}: {error}", path.display()))
            })?),
            None => None,
        };
        let name = self.config.as_ref().map(|path| path.display().to_string()).unwrap_or_default();
        let file = text.as_deref().map(|text| ConfigFile { name: &name, text });
        let environment: Vec<(String, String)> = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        let inputs = Inputs { file, environment: &environment, overrides: &self.set };
        ordain::config::load(&inputs, hostname().as_deref())
            .map_err(|errors| Failure::Message(errors.to_string()))
    }
}

/// The name by which other machines know this one.
fn hostname() -> Option<String> {
    let mut name = [0_u8; 256];
    // SAFETY: the buffer is valid for its whole length.
    let result = unsafe { libc::gethostname(name.as_mut_ptr().cast(), name.len()) };
    let text = std::ffi::CStr::from_bytes_until_nul(&name).ok()?.to_str().ok()?;
    (result == 0 && !text.is_empty()).then(|| text.to_owned())
}

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let LoadedConfig { settings, warnings, .. } = arguments.sources.load()?;
    for warning in warnings {
        eprintln!("ordain: warning: {warning}");
    }
    let wanted = |listed: &Listed| {
        let named = arguments.filter.as_ref().is_none_or(|part| listed.name.contains(part.as_str()));
        named && !(arguments.set_only && listed.source == Source::Default)
    };
    let listed: Vec<Listed> = settings.listing().into_iter().filter(wanted).collect();
    if listed.is_empty()
        && let Some(part) = &arguments.filter
    {
        return Err(nothing_found(part, arguments.set_only));
    }
    match Format::from_flag(arguments.json) {
        Format::Json => print_json(&listed),
        Format::Human => print_human(&listed),
    }
}

/// What no key of brokers contains may be one of topics.
fn nothing_found(part: &str, set_only: bool) -> Failure {
    let of_topics: Vec<&str> = topic_keys().map(|key| key.name).filter(|name| name.contains(part)).collect();
    let what = if set_only { "key that is set" } else { "key of brokers" };
    let way_out = match of_topics.is_empty() {
        true => "`ordain config` lists them all".to_owned(),
        false => format!(
            "topics have {}: `ordain topic describe TOPIC --all-configs` shows what holds, `ordain topic alter TOPIC --config KEY=VALUE` sets it",
            of_topics.join(", ")
        ),
    };
    Failure::Message(format!("no {what} contains {part}; {way_out}"))
}

fn print_json(listed: &[Listed]) -> Result<(), Failure> {
    let keys: Vec<_> = listed
        .iter()
        .map(|l| {
            json!({
                "name": l.name, "value": l.value, "source": l.source.to_string(),
                "documentation": l.documentation, "remark": l.remark,
            })
        })
        .collect();
    output::json(&json!(keys))
}

fn print_human(listed: &[Listed]) -> Result<(), Failure> {
    if listed.is_empty() {
        return output::line("Nothing is set: every key has its default.");
    }
    if let Some(width) = output::terminal_width() {
        return print_blocks(listed, width);
    }
    let mut table = output::table(&["KEY", "VALUE", "SOURCE", "MEANING"]);
    for l in listed {
        let value = l.value.as_deref().unwrap_or("(none)");
        table.add_row([Cell::new(l.name), Cell::new(value), Cell::new(&l.source), Cell::new(meaning(l))]);
    }
    output::print_table(&table)
}

/// Key and value on a line that can be copied into a file, the rest below: names are too long for columns.
fn print_blocks(listed: &[Listed], width: usize) -> Result<(), Failure> {
    for l in listed {
        let source = match &l.source {
            Source::Default => String::new(),
            set => format!("    # {set}"),
        };
        output::line(format_args!("{}={}{source}", l.name, l.value.as_deref().unwrap_or("")))?;
        for line in output::wrap(&meaning(l), width.saturating_sub(4).max(20)) {
            output::line(format_args!("    {line}"))?;
        }
    }
    Ok(())
}

fn meaning(l: &Listed) -> String {
    match l.remark {
        Some(remark) => format!("{} ({remark})", l.documentation),
        None => l.documentation.to_owned(),
    }
}
