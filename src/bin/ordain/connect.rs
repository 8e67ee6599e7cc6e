//! How the tools reach a cluster, and how they end when the user says so.
use std::future::Future;
use std::time::Duration;

use ordain::client::{Client, ClientError, ClientIo, ClientOptions, parse_addresses};
use ordain::io::real;

use crate::failure::Failure;

/// How long one answer may take if nothing is said.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// Options that every tool takes.
#[derive(clap::Args, Clone, Debug)]
pub struct Connect {
    /// Brokers to ask first, as host:port, separated by commas.
    #[arg(
        visible_alias = "bootstrap-server",
        long,
        short = 'b',
        global = true,
        default_value = "127.0.0.1:9092",
        env = "ORDAIN_BOOTSTRAP",
        value_name = "HOST:PORT"
    )]
    pub bootstrap: String,
    /// Print JSON.
    #[arg(long, global = true)]
    pub json: bool,
    /// How long to wait for an answer, to try again what fails in passing, and to deliver a record [default: 30s, 60s, 120s]
    #[arg(long, global = true, value_parser = crate::parse::duration, value_name = "TIME")]
    pub timeout: Option<Duration>,
}

impl Connect {
    /// How long one answer may take.
    pub fn answer_within(&self) -> Duration {
        self.timeout.unwrap_or(ANSWER_WITHIN)
    }

    /// A client on the current runtime.
    pub fn client(&self) -> Result<Client, Failure> {
        let bootstrap = parse_addresses(&self.bootstrap)
            .map_err(|error| Failure::Usage(format!("--bootstrap: {error}")))?;
        let mut options = ClientOptions::new(bootstrap);
        options.client_id = "ordain-cli".to_owned();
        if let Some(timeout) = self.timeout {
            options.request_timeout = timeout;
            options.retry_timeout = timeout;
            options.connect_timeout = timeout.min(options.connect_timeout);
        }
        let io = ClientIo { clock: real::clock(), net: real::net(), rng: real::rng(), spawn: real::spawn() };
        Ok(Client::new(io, options))
    }
}

/// Runs a tool on a runtime of its own. Ctrl-C ends it with [`Failure::Interrupted`], unless it asks for
/// [`interrupted`] itself.
pub fn run<T>(tool: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime =
        runtime.map_err(|error| Failure::Message(format!("cannot start the async runtime: {error}")))?;
    let outcome = runtime.block_on(tool);
    runtime.shutdown_background();
    outcome
}

/// As [`run`], and Ctrl-C ends it wherever it stands.
pub fn run_interruptible<T>(tool: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    run(async {
        tokio::select! {
            biased;
            outcome = tool => outcome,
            () = interrupted() => Err(Failure::Interrupted),
        }
    })
}

/// Completes at Ctrl-C or SIGTERM.
pub async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    let mut signals = match (signal(SignalKind::interrupt()), signal(SignalKind::terminate())) {
        (Ok(interrupt), Ok(terminate)) => (interrupt, terminate),
        // Without handlers, the signals end the process by themselves.
        (Err(_), _) | (_, Err(_)) => return std::future::pending().await,
    };
    tokio::select! {
        biased;
        _ = signals.0.recv() => {}
        _ = signals.1.recv() => {}
    }
}

/// Asks again as long as the error is one that passes.
pub async fn with_retries<T, F: Future<Output = Result<T, ClientError>>>(
    client: &Client,
    mut ask: impl FnMut() -> F,
) -> Result<T, ClientError> {
    let mut retry = client.retry();
    loop {
        match ask().await {
            Ok(answer) => return Ok(answer),
            Err(error) => retry.pause(error).await?,
        }
    }
}
