use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ordain::config::{Settings, Value};
use ordain::io::Io;
use ordain::io::real::{self, DirectIo};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::config::Sources;
use crate::admin::{self, Exposure, Probes, Readiness};
use crate::failure::Failure;

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
