use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use metrics_exporter_prometheus::PrometheusHandle;
use ordain::broker::{ApplyLevels, LogLevel, Loggers};
use ordain::config::{self, Listener, LoadedConfig, Value};
use ordain::io::real::{self, DirectIo};
use ordain::server::{Node, NodeFailed};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::reload;
use tracing_subscriber::util::SubscriberInitExt;

use super::config::Sources;
use crate::admin::{self, Exposure, Probes};
use crate::failure::Failure;
use crate::signals::Signals;
use crate::watch::Watch;
use crate::{meta_properties, node, output};

/// How long the resolver may take.
const RESOLVE_WITHIN: Duration = Duration::from_secs(10);

/// Where tools look for a broker if they are not told.
const DEFAULT_ADDRESS: &str = "127.0.0.1:9092";

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
    let mut loaded = sources.load()?;
    loaded.broker.storage.shards.get_or_insert(cores().div_ceil(2));
    let loggers = start_logging(arguments.log_format)?;
    let data_dir = PathBuf::from(&loaded.broker.data_directory);
    // Clients are told it, and they run elsewhere.
    if let Ok(whole) = std::path::absolute(&data_dir) {
        loaded.broker.data_directory = whole.display().to_string();
    }
    let _lock = real::lock_data_dir(&data_dir).map_err(|error| Failure::Message(error.to_string()))?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        // Connections on all cores, shards on half of them: what a shard is asked comes from other tasks.
        .worker_threads(cores())
        .thread_name("ordain")
        .build()
        .map_err(|error| Failure::Message(format!("cannot start the async runtime: {error}")))?;
    let outcome = runtime.block_on(serve(loaded, &data_dir, loggers));
    // What is still running has been told to stop; it does not get to hold the process.
    runtime.shutdown_timeout(Duration::from_secs(5));
    outcome
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

async fn serve(loaded: LoadedConfig, data_dir: &Path, loggers: Loggers) -> Result<(), Failure> {
    let mut signals = Signals::install()?;
    let mut options = real::Options::new(data_dir);
    if loaded.broker.storage.direct_io == config::DirectIo::Off {
        options.direct_io = DirectIo::Off;
    }
    let io = real::io(options).map_err(|error| {
        let data_dir = data_dir.display();
        Failure::Message(format!(
            "cannot use the data directory {data_dir}: {error}; name another with --data"
        ))
    })?;
    // Before the node, so that a long recovery can be watched.
    let recorder = admin::install_recorder();
    let watch = Watch::new();
    let admin = start_admin(&loaded, recorder, watch.probes()).await?;
    let mut advertised = loaded.broker.advertised_listeners.clone();
    advertised.extend(loaded.broker.quorum.as_ref().map(|quorum| quorum.advertised.clone()));
    let node_id = loaded.broker.node_id;
    let for_nodes = loaded.broker.quorum.as_ref().map(|quorum| quorum.listener.clone());
    let node = tokio::select! {
        biased;
        node = node::start(io, loaded, data_dir, loggers) => node?,
        name = signals.next() => {
            tracing::info!("{name} while starting: nothing was served, there is nothing to finish");
            return Ok(());
        }
    };
    watch.running(&node);
    meta_properties::keep(&node, node_id, data_dir);
    drop(tokio::spawn(tell_unknown_names(advertised)));
    announce(&node, for_nodes.as_ref(), admin, data_dir)?;
    let outcome = tokio::select! {
        biased;
        failure = node.failed() => {
            watch.stopping(failure.to_string());
            tracing::error!("the node cannot go on: {failure}");
            match failure {
                NodeFailed::Journal(_) => Err(Failure::Message(format!(
                    "the node could not go on: {failure}. The system's log may say what is wrong with the disk; start the \
                     node again when that is mended: it reads what was acknowledged from there"
                ))),
                // What is left of it cannot stop in order, and need not: what was acknowledged is durable.
                NodeFailed::Shard | NodeFailed::Replication => {
                    return Err(Failure::Message(format!(
                        "the node could not go on: {failure}; this is a mistake in Ordain, and the log above says where. Start the node \
                         again: it reads what was acknowledged from the disk"
                    )));
                }
            }
        }
        name = signals.next() => {
            watch.stopping("the node is shutting down".to_owned());
            tracing::info!("{name}: shutting down; a second signal ends it at once");
            Ok(())
        }
    };
    tokio::select! {
        biased;
        () = node.shutdown() => outcome,
        name = signals.next() => {
            Err(Failure::Message(format!("{name} again: ended without finishing the shutdown")))
        }
    }
}

/// Warns of names in `advertised.listeners` that this machine does not know: who connects is sent there.
async fn tell_unknown_names(advertised: Vec<Listener>) {
    for listener in advertised {
        let Listener { name, host, port } = &listener;
        let found = tokio::time::timeout(RESOLVE_WITHIN, real::resolves(host)).await;
        let why = match found {
            Ok(Ok(())) => continue,
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("no answer within {RESOLVE_WITHIN:?}"),
        };
        tracing::warn!(
            "advertised.listeners sends whoever connects to {name} on to {host}:{port}, and this machine cannot find \
             an address for {host} ({why}): clients that cannot either connect once and then fail. Write a name or an \
             address there that all of them know (advertised.listeners={name}://HOST:{port}), or make {host} known to \
             DNS or in their /etc/hosts"
        );
    }
}

async fn start_admin(
    loaded: &LoadedConfig,
    recorder: PrometheusHandle,
    probes: Probes,
) -> Result<Option<SocketAddr>, Failure> {
    let Some(listener) = &loaded.broker.admin_listener else { return Ok(None) };
    let insecure = loaded.settings.value("ordain.insecure") == Some(Value::Boolean(true));
    let exposure = if insecure { Exposure::Anywhere } else { Exposure::LoopbackOnly };
    let bound = admin::start((listener.bind_host(), listener.port), exposure, recorder, probes).await;
    bound.map(Some).map_err(|error| Failure::Message(error.to_string()))
}

/// What a person who has just started a broker wants to know, in three lines.
fn announce(
    node: &Node,
    for_nodes: Option<&Listener>,
    admin: Option<SocketAddr>,
    data_dir: &Path,
) -> Result<(), Failure> {
    let addresses: Vec<String> = node.listeners().iter().map(|l| l.address.to_string()).collect();
    let for_nodes = for_nodes.map(|listener| format!("other nodes: {}", listener.address_text()));
    let admin = admin.map(|address| format!("metrics: http://{address}/metrics"));
    let beside: Vec<String> = for_nodes.into_iter().chain(admin).collect();
    let beside = if beside.is_empty() { String::new() } else { format!(" ({})", beside.join(", ")) };
    let first = node.listeners().first().map(|listener| reachable(listener.address).to_string());
    let data_dir = std::path::absolute(data_dir).unwrap_or_else(|_| data_dir.to_path_buf());
    if addresses.is_empty() {
        output::line(format_args!("Controller, without clients of its own{beside}"))?;
        output::line(format_args!("Data in {}", data_dir.display()))?;
        return output::line(format_args!(
            "Try: {} cluster health -b HOST:PORT, with the address of a broker",
            called_as()
        ));
    }
    output::line(format_args!("Listening on {}{beside}", addresses.join(", ")))?;
    output::line(format_args!("Data in {}", data_dir.display()))?;
    output::line(first_steps(first.as_deref().unwrap_or(DEFAULT_ADDRESS)))
}

/// A line to try with the brokers at `bootstrap`.
pub(super) fn first_steps(bootstrap: &str) -> String {
    let ordain = called_as();
    let bootstrap = if bootstrap.split(',').next() == Some(DEFAULT_ADDRESS) {
        String::new()
    } else {
        format!(" -b {bootstrap}")
    };
    format!(
        "Try: echo hello | {ordain} produce greetings{bootstrap} && {ordain} consume greetings --until-end{bootstrap}"
    )
}

/// An address for a client on this machine: one that stands for all interfaces is none.
fn reachable(address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V4(v4) if v4.ip().is_unspecified() => (Ipv4Addr::LOCALHOST, v4.port()).into(),
        SocketAddr::V6(v6) if v6.ip().is_unspecified() => (Ipv6Addr::LOCALHOST, v6.port()).into(),
        other => other,
    }
}

/// The program as whoever started it can call it again: it may not stand in the search path.
pub(super) fn called_as() -> String {
    let called =
        std::env::args().next().filter(|name| !name.is_empty() && !name.contains(char::is_whitespace));
    called.unwrap_or_else(|| "ordain".to_owned())
}

/// Starts writing log lines; what is written can be changed through what is given back.
fn start_logging(format: LogFormat) -> Result<Loggers, Failure> {
    let wanted = std::env::var("ORDAIN_LOG").ok().filter(|levels| !levels.is_empty());
    let wanted = wanted.unwrap_or_else(|| "info".to_owned());
    let targets: Targets = wanted.parse().map_err(|error| {
        Failure::Message(format!("ORDAIN_LOG is {wanted}: {error}; for example info or ordain=debug"))
    })?;
    let most = targets.iter().map(|(_, level)| level).chain(targets.default_level()).max();
    let root = level_of(most);
    let (filter, handle) = reload::Layer::new(targets);
    let lines = tracing_subscriber::registry().with(filter);
    let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_target(false);
    match format {
        LogFormat::Human => {
            let ansi = std::io::IsTerminal::is_terminal(&std::io::stderr());
            lines.with(layer.with_ansi(ansi)).init();
        }
        LogFormat::Json => lines.with(layer.json()).init(),
    }
    let apply: ApplyLevels = Box::new(move |root, modules| told(handle.reload(targets_of(root, modules))));
    Ok(Loggers::new(root, apply))
}

fn filter_of(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Off => LevelFilter::OFF,
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    }
}

fn level_of(filter: Option<LevelFilter>) -> LogLevel {
    match filter {
        Some(LevelFilter::OFF) | None => LogLevel::Off,
        Some(LevelFilter::ERROR) => LogLevel::Error,
        Some(LevelFilter::WARN) => LogLevel::Warn,
        Some(LevelFilter::INFO) => LogLevel::Info,
        Some(LevelFilter::DEBUG) => LogLevel::Debug,
        Some(LevelFilter::TRACE) => LogLevel::Trace,
    }
}

fn targets_of(root: LogLevel, modules: &BTreeMap<&'static str, LogLevel>) -> Targets {
    let modules = modules.iter().map(|(module, level)| (module.replace('.', "::"), filter_of(*level)));
    Targets::new().with_default(filter_of(root)).with_targets(modules)
}

fn told(reloaded: Result<(), reload::Error>) {
    if let Err(error) = reloaded {
        tracing::warn!(%error, "the log levels stay as they are");
    }
}
