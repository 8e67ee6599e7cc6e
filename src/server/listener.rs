use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use tokio::sync::Notify;
use tracing::{info, warn};

use super::quota::Place;
use super::{ServerContext, Task, connection};
use crate::config;
use crate::io::{Connection, Listener};
use crate::types::Instant;

/// How long the listener rests after an error that will not pass by itself, such as a lack of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// How often such errors are told.
const TELL_AGAIN: Duration = Duration::from_secs(10);
/// Connections that are turned away before the step is looked at again.
const TURNED_AWAY_IN_A_ROW_MAX: usize = 64;

/// What a listener counts; shared with the metrics.
#[derive(Default)]
pub struct ListenerStats {
    open: AtomicUsize,
    accepted: AtomicUsize,
    refused: AtomicUsize,
    closed: Notify,
}

impl ListenerStats {
    /// Connections open now.
    #[must_use]
    pub fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }
    /// Connections taken since the start.
    #[must_use]
    pub fn accepted(&self) -> usize {
        self.accepted.load(Ordering::Relaxed)
    }
    /// Connections closed at once since the start: their addresses had as many as they may.
    #[must_use]
    pub fn refused(&self) -> usize {
        self.refused.load(Ordering::Relaxed)
    }
    /// Completes once no connection is open.
    pub async fn drained(&self) {
        loop {
            let closed = self.closed.notified();
            tokio::pin!(closed);
            closed.as_mut().enable();
            if self.open() == 0 {
                return;
            }
            closed.await;
        }
    }
}

/// Drives a step of the start that may take long. Clients that connect meanwhile are turned away at once and try another
/// node; taken by the operating system and not answered, they would wait for this one.
pub(super) async fn turning_away<T>(
    sockets: &mut [(config::Listener, Box<dyn Listener>)],
    step: impl Future<Output = T>,
) -> T {
    let mut step = pin!(step);
    poll_fn(|task| {
        if let Poll::Ready(done) = step.as_mut().poll(task) {
            return Poll::Ready(done);
        }
        for (_, socket) in &mut *sockets {
            for turned_away in 1..=TURNED_AWAY_IN_A_ROW_MAX {
                // After an error the socket is looked at when the step goes on, which it does every few seconds.
                let Poll::Ready(Ok(connection)) = socket.poll_accept(task) else { break };
                drop(connection);
                if turned_away == TURNED_AWAY_IN_A_ROW_MAX {
                    task.waker().wake_by_ref();
                }
            }
        }
        Poll::Pending
    })
    .await
}

/// Takes connections until shutdown begins; then the socket is closed and those that are open finish what is
/// in flight (see [`ListenerStats::drained`]).
pub async fn serve(context: ServerContext, mut listener: Box<dyn Listener>, stats: Arc<ListenerStats>) {
    let mut told: Option<Instant> = None;
    loop {
        let accepted = tokio::select! {
            biased;
            () = context.shutdown.begun() => break,
            accepted = poll_fn(|task| listener.poll_accept(task)) => accepted,
        };
        let connection = match accepted {
            Ok(connection) => connection,
            Err(error) => {
                let now = context.io.clock.now();
                if told.is_none_or(|told| now.since(told) >= TELL_AGAIN) {
                    told = Some(now);
                    warn!(%error, "a connection could not be taken; this is said once in {} s", TELL_AGAIN.as_secs());
                }
                context.io.clock.sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        // While it waits for a place, those behind it wait in the operating system's queue.
        let admitted = tokio::select! {
            biased;
            () = context.shutdown.begun() => break,
            admitted = context.quota.admit(connection.peer.ip()) => admitted,
        };
        match admitted {
            Ok(place) => start(&context, &stats, place, connection),
            Err(error) => {
                stats.refused.fetch_add(1, Ordering::Relaxed);
                info!(peer = %connection.peer, "connection refused: {error}");
            }
        }
    }
}

fn start(context: &ServerContext, stats: &Arc<ListenerStats>, place: Place, new: Connection) {
    stats.open.fetch_add(1, Ordering::Relaxed);
    stats.accepted.fetch_add(1, Ordering::Relaxed);
    let counted = Counted { stats: Arc::clone(stats), _place: place };
    let context_of_task = context.clone();
    let task: Task = Box::pin(async move {
        let _counted = counted;
        connection::run(context_of_task, new).await;
    });
    drop(context.io.spawn.spawn("connection", task));
}

/// A connection's place in the counts; given back however its task ends.
struct Counted {
    stats: Arc<ListenerStats>,
    _place: Place,
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.stats.open.fetch_sub(1, Ordering::Relaxed);
        self.stats.closed.notify_waiters();
    }
}
