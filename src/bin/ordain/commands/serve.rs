use std::path::PathBuf;
use std::time::Duration;

use ordain::config::{LoadedConfig, Settings, Value};
use ordain::io::real::{self, DirectIo};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::config::Sources;
use crate::admin::{self, Exposure, Probes};
use crate::failure::Failure;
use crate::node;

#[derive(clap::Args, Debug)]
pub struct Arguments {
    #[command(flatten)]
    sources: Sources,
    /// The data directory (log.dirs).
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Let listeners be reached from other machines although nothing is authenticated (ordain.insecure).
    #[arg(long)]
    insecure: bool,
    /// How log lines look, on standard error; ORDAIN_LOG sets the level (info).
    #[arg(long, value_enum, default_value_t = LogFormat::Human)]
    log_format: LogFormat,
}

#[derive(clap::ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
enum LogFormat {
    Human,
    Json,
}

pub fn run(arguments: Arguments) -> Result<(), Failure> {
    let mut sources = arguments.sources;
    if let Some(data) = &arguments.data {
        sources.set.push(format!("log.dirs={}", data.display()));
    }
    if arguments.insecure {
        sources.set.push("ordain.insecure=true".to_owned());
    }
    let config = sources.load_node()?;
    let settings = config.settings.clone();
    start_logging(arguments.log_format)?;
    let data_dir = data_dir(&settings)?;
    let _lock = real::lock_data_dir(&data_dir).map_err(|error| Failure::Message(error.to_string()))?;
    raise_descriptor_limit();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("ordain")
        .build()
        .map_err(|error| Failure::Message(format!("cannot start the async runtime: {error}")))?;
    let outcome = runtime.block_on(serve(config, data_dir));
    // What is still running has been told to stop; it does not get to hold the process.
    runtime.shutdown_timeout(Duration::from_secs(5));
    outcome
}

async fn serve(config: LoadedConfig, data_dir: PathBuf) -> Result<(), Failure> {
    let settings = config.settings.clone();
    let mut signals = Signals::install()?;
    let mut options = real::Options::new(&data_dir);
    if text(&settings, "ordain.direct.io") == "off" {
        options.direct_io = DirectIo::Off;
    }
    let io = real::io(options).map_err(|error| {
        Failure::Message(format!(
            "cannot use the data directory {}: {error}; name another with --data",
            data_dir.display()
        ))
    })?;
    let recorder = admin::install_recorder();
    let node = node::start(io, config).await?;
    let admin = start_admin(&settings, recorder, node::probes(&node)).await?;
    announce(&node::listening(&node), admin, &data_dir)?;

    let reason = tokio::select! {
        biased;
        reason = node.failed() => Some(reason.to_string()),
        name = signals.next() => {
            tracing::info!("{name}: shutting down; a second signal ends it at once");
            None
        }
    };
    if let Some(reason) = &reason {
        tracing::error!("the node cannot go on: {reason}");
    }
    tokio::select! {
        biased;
        () = node.shutdown() => {}
        name = signals.next() => {
            return Err(Failure::Message(format!("{name} again: ended without finishing the shutdown")));
        }
    }
    match reason {
        None => Ok(()),
        Some(reason) => Err(Failure::Message(format!("the node could not go on: {reason}"))),
    }
}

async fn start_admin(
    settings: &Settings,
    recorder: metrics_exporter_prometheus::PrometheusHandle,
    probes: Probes,
) -> Result<Option<std::net::SocketAddr>, Failure> {
    let address = text(settings, "ordain.admin.listener");
    if address.is_empty() {
        return Ok(None);
    }
    let exposure = match settings.value("ordain.insecure") {
        Some(Value::Boolean(true)) => Exposure::Anywhere,
        _ => Exposure::LoopbackOnly,
    };
    let bound = admin::start(&address, exposure, recorder, probes).await;
    bound.map(Some).map_err(|error| Failure::Message(error.to_string()))
}

/// What a person who has just started a broker wants to know, in three lines.
fn announce(
    listening: &[String],
    admin: Option<std::net::SocketAddr>,
    data_dir: &std::path::Path,
) -> Result<(), Failure> {
    let admin = admin.map_or_else(String::new, |address| format!(" (metrics: http://{address}/metrics)"));
    let first = listening.first().map_or("127.0.0.1:9092", String::as_str);
    let bootstrap = if first == "127.0.0.1:9092" { String::new() } else { format!(" --bootstrap {first}") };
    let data_dir = std::path::absolute(data_dir).unwrap_or_else(|_| data_dir.to_path_buf());
    crate::output::line(format_args!("Listening on {}{admin}", listening.join(", ")))?;
    crate::output::line(format_args!("Data in {}", data_dir.display()))?;
    crate::output::line(format_args!(
        "Try: echo hello | ordain produce{bootstrap} greetings; ordain consume{bootstrap} greetings --from beginning"
    ))
}

fn text(settings: &Settings, key: &str) -> String {
    settings.value(key).map_or_else(String::new, |value| value.to_string())
}

fn data_dir(settings: &Settings) -> Result<PathBuf, Failure> {
    let several = settings.value("log.dirs").map(|value| value.to_string()).filter(|text| !text.is_empty());
    let named = several.unwrap_or_else(|| text(settings, "log.dir"));
    match named.split(',').map(str::trim).collect::<Vec<_>>().as_slice() {
        [one] if !one.is_empty() => Ok(PathBuf::from(one)),
        _ => Err(Failure::Message(format!("log.dirs is {named:?}: a node has one data directory; name one"))),
    }
}

fn start_logging(format: LogFormat) -> Result<(), Failure> {
    use tracing_subscriber::EnvFilter;
    let wanted = std::env::var("ORDAIN_LOG").unwrap_or_else(|_| "info".to_owned());
    let filter = EnvFilter::try_new(&wanted).map_err(|error| {
        Failure::Message(format!("ORDAIN_LOG is {wanted}: {error}; for example info or ordain=debug"))
    })?;
    let lines =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false);
    match format {
        LogFormat::Human => lines.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).init(),
        LogFormat::Json => lines.json().init(),
    }
    Ok(())
}

/// Raises the soft limit of open files to the hard one: each connection takes a descriptor.
fn raise_descriptor_limit() {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: both calls get a valid pointer to a live rlimit.
    let raised = unsafe {
        libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) == 0 && {
            limit.rlim_cur = limit.rlim_max;
            libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) == 0
        }
    };
    if !raised {
        tracing::warn!(error = %std::io::Error::last_os_error(), "cannot raise the limit of open files");
    }
}

/// SIGTERM and SIGINT.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn install() -> Result<Signals, Failure> {
        let install = |kind| {
            signal(kind)
                .map_err(|error| Failure::Message(format!("cannot install a signal handler: {error}")))
        };
        Ok(Signals {
            terminate: install(SignalKind::terminate())?,
            interrupt: install(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            biased;
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}
