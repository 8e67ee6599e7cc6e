//! The admin listener: metrics and health over HTTP, on loopback, for machines that watch the broker.
//!
//! Denies by default: three paths, GET alone, a bound on connections and on their silence, no other way in. Holds no state of the
//! broker: it asks the [`Probes`].
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How many connections may be open at once.
const CONNECTIONS_MAX: usize = 64;
/// How long a connection may pass no byte, in either direction: then it is closed, and another one has its place.
const SILENCE_MAX: Duration = if cfg!(test) { Duration::from_millis(300) } else { Duration::from_secs(5) };
/// How often what requests have recorded is folded into the summaries.
const UPKEEP_EVERY: Duration = Duration::from_secs(1);
const QUANTILES: [f64; 5] = [0.5, 0.95, 0.99, 0.999, 1.0];

/// Whether the broker can serve clients.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Readiness {
    Ready,
    /// Not now, for this reason.
    NotReady(String),
}

/// Asked for each `/readyz`; it must not block.
pub type ReadinessProbe = Arc<dyn Fn() -> Readiness + Send + Sync>;
/// Asked for each `/metrics`: what is written out at scrape time, in Prometheus' text format.
pub type FiguresProbe = Arc<dyn Fn() -> ordain::io::BoxFuture<String> + Send + Sync>;

/// What the listener asks of the broker.
#[derive(Clone)]
pub struct Probes {
    pub readiness: ReadinessProbe,
    pub figures: FiguresProbe,
}

#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    #[error(
        "ordain.admin.listener is {value}, which is no address: {source}; write host:port, or leave it empty for none"
    )]
    Address { value: String, source: io::Error },
    #[error(
        "ordain.admin.listener is {value}, which other machines can reach, and nothing authenticates them; bind it to \
         loopback, or say --insecure"
    )]
    Exposed { value: String },
    #[error(
        "the admin listener cannot have {address}: {source}; stop what uses the port, or set \
         ordain.admin.listener to another host:port (or to nothing, for none)"
    )]
    Bind { address: SocketAddr, source: io::Error },
}

/// Whether the listener may be reached from other machines.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Exposure {
    LoopbackOnly,
    Anywhere,
}

/// The recorder behind every metric of this process.
///
/// # Panics
/// If it is installed twice.
pub fn install_recorder() -> PrometheusHandle {
    let handle = PrometheusBuilder::new()
        .set_quantiles(&QUANTILES)
        .expect("the quantiles lie between 0 and 1")
        .install_recorder()
        .expect("one recorder is installed per process");
    ordain::metrics::describe();
    handle
}

/// Binds the address and serves until the runtime ends; gives the bound address.
///
/// # Errors
/// If the address cannot be read, used or is refused.
pub async fn start(
    (host, port): (&str, u16),
    exposure: Exposure,
    recorder: PrometheusHandle,
    probes: Probes,
) -> Result<SocketAddr, AdminError> {
    let resolved = resolve(host, port)?;
    if exposure == Exposure::LoopbackOnly && !resolved.ip().is_loopback() {
        return Err(AdminError::Exposed { value: resolved.to_string() });
    }
    let listener =
        TcpListener::bind(resolved).await.map_err(|source| AdminError::Bind { address: resolved, source })?;
    let bound = listener.local_addr().map_err(|source| AdminError::Bind { address: resolved, source })?;
    let listener = Bounded { listener, permits: Arc::new(Semaphore::new(CONNECTIONS_MAX)) };
    let upkeep = recorder.clone();
    tokio::spawn(async move {
        let mut ticks = tokio::time::interval(UPKEEP_EVERY);
        loop {
            ticks.tick().await;
            upkeep.run_upkeep();
        }
    });
    let router = router(recorder, probes);
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router).await {
            tracing::error!(%error, "the admin listener ended");
        }
    });
    Ok(bound)
}

fn resolve(host: &str, port: u16) -> Result<SocketAddr, AdminError> {
    let failed = |source| AdminError::Address { value: format!("{host}:{port}"), source };
    let mut found = (host, port).to_socket_addrs().map_err(failed)?;
    found.next().ok_or_else(|| failed(io::ErrorKind::NotFound.into()))
}

#[derive(Clone)]
struct Shared {
    recorder: PrometheusHandle,
    probes: Probes,
}

fn router(recorder: PrometheusHandle, probes: Probes) -> Router {
    Router::new()
        .route("/metrics", get(metrics))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .fallback(|| async {
            (StatusCode::NOT_FOUND, "not found; there are /metrics, /healthz and /readyz\n")
        })
        .with_state(Shared { recorder, probes })
}

async fn metrics(State(shared): State<Shared>) -> Response {
    let mut text = shared.recorder.render();
    text.push_str(&(shared.probes.figures)().await);
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
}

async fn ready(State(shared): State<Shared>) -> Response {
    match (shared.probes.readiness)() {
        Readiness::Ready => "ready\n".into_response(),
        Readiness::NotReady(reason) => {
            (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {reason}\n")).into_response()
        }
    }
}

/// A listener that waits while too many connections are open.
struct Bounded {
    listener: TcpListener,
    permits: Arc<Semaphore>,
}

/// A connection that counts against the bound as long as it lives, which silence ends.
struct Counted {
    stream: TcpStream,
    silence: Pin<Box<tokio::time::Sleep>>,
    _permit: OwnedSemaphorePermit,
}

impl Counted {
    fn new(stream: TcpStream, permit: OwnedSemaphorePermit) -> Counted {
        Counted { stream, silence: Box::pin(tokio::time::sleep(SILENCE_MAX)), _permit: permit }
    }

    /// What a transfer came to: one that waits has until the silence has been too long.
    fn within_time<T>(&mut self, cx: &mut Context<'_>, transfer: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        match transfer {
            Poll::Ready(done) => {
                self.silence.as_mut().reset(tokio::time::Instant::now() + SILENCE_MAX);
                Poll::Ready(done)
            }
            Poll::Pending => self.silence.as_mut().poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into())),
        }
    }
}

impl axum::serve::Listener for Bounded {
    type Io = Counted;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Counted, SocketAddr) {
        let permit = Arc::clone(&self.permits).acquire_owned().await.expect("the semaphore is never closed");
        loop {
            match self.listener.accept().await {
                Ok((stream, peer)) => return (Counted::new(stream, permit), peer),
                Err(error) => {
                    tracing::warn!(%error, "the admin listener could not accept a connection");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

impl AsyncRead for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        self.within_time(cx, read)
    }
}

impl AsyncWrite for Counted {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.within_time(cx, written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        self.within_time(cx, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    async fn ask(address: SocketAddr, request: &str) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream
            .write_all(format!("{request} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").as_bytes())
            .await
            .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn serves_three_paths_and_denies_the_rest() {
        let recorder = PrometheusBuilder::new().build_recorder();
        let handle = recorder.handle();
        metrics::with_local_recorder(&recorder, || ordain::metrics::CleanerMetrics::new().dirtiest(0.5));
        let probes = Probes {
            readiness: Arc::new(|| Readiness::NotReady("recovering".to_owned())),
            figures: Arc::new(|| Box::pin(async { "kafka_brokers 1\n".to_owned() })),
        };
        let address =
            start(("127.0.0.1", 0), Exposure::LoopbackOnly, handle.clone(), probes.clone()).await.unwrap();

        let answer = ask(address, "GET /metrics").await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert!(answer.contains("kafka_log_logcleanermanager_max_dirty_percent 50\n"), "{answer}");
        assert!(answer.contains("kafka_brokers 1\n"), "{answer}");
        assert!(ask(address, "GET /healthz").await.starts_with("HTTP/1.1 200"));
        let answer = ask(address, "GET /readyz").await;
        assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("not ready: recovering"), "{answer}");
        assert!(ask(address, "GET /").await.starts_with("HTTP/1.1 404"));
        assert!(ask(address, "GET /metrics/../etc").await.starts_with("HTTP/1.1 404"));
        assert!(ask(address, "POST /metrics").await.starts_with("HTTP/1.1 405"));

        let taken =
            start(("127.0.0.1", address.port()), Exposure::LoopbackOnly, handle.clone(), probes.clone())
                .await;
        let message = taken.unwrap_err().to_string();
        assert!(
            message.contains("ordain.admin.listener") && message.contains(&address.to_string()),
            "{message}"
        );
        let open = start(("0.0.0.0", 0), Exposure::LoopbackOnly, handle, probes).await.unwrap_err();
        assert!(matches!(open, AdminError::Exposed { .. }), "{open}");
    }

    #[tokio::test]
    async fn silent_connections_make_room() {
        let recorder = PrometheusBuilder::new().build_recorder();
        let probes = Probes {
            readiness: Arc::new(|| Readiness::Ready),
            figures: Arc::new(|| Box::pin(async { String::new() })),
        };
        let address =
            start(("127.0.0.1", 0), Exposure::LoopbackOnly, recorder.handle(), probes).await.unwrap();
        let mut silent = Vec::new();
        for _ in 0..CONNECTIONS_MAX {
            silent.push(TcpStream::connect(address).await.unwrap());
        }
        let mut half = TcpStream::connect(address).await.unwrap();
        half.write_all(b"GET /healthz HT").await.unwrap();
        silent.push(half);
        assert!(ask(address, "GET /healthz").await.starts_with("HTTP/1.1 200"));
        for mut one in silent {
            let mut rest = Vec::new();
            // An end or a reset: it is closed.
            let _how = one.read_to_end(&mut rest).await;
        }
    }
}
