use std::collections::BTreeMap;
use std::future::poll_fn;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tracing::{info, warn};

use super::{ServerContext, Task, connection};
use crate::io::{Connection, Listener};

/// How long the listener rests after an error that will not pass by itself, such as a lack of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

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
    /// Connections refused by a cap since the start.
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

type PerAddress = Arc<Mutex<BTreeMap<IpAddr, usize>>>;

/// Takes connections until shutdown begins; then the socket is closed and those that are open finish what is
/// in flight (see [`ListenerStats::drained`]).
pub async fn serve(context: ServerContext, mut listener: Box<dyn Listener>, stats: Arc<ListenerStats>) {
    let per_address = PerAddress::default();
    loop {
        let accepted = tokio::select! {
            biased;
            () = context.shutdown.begun() => break,
            accepted = poll_fn(|task| listener.poll_accept(task)) => accepted,
        };
        match accepted {
            Ok(connection) => admit(&context, &stats, &per_address, connection),
            Err(error) => {
                warn!(%error, "a connection could not be taken");
                context.io.clock.sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

fn admit(context: &ServerContext, stats: &Arc<ListenerStats>, per_address: &PerAddress, new: Connection) {
    let address = new.peer.ip();
    let limits = &context.limits;
    if stats.open() >= limits.connections_max {
        stats.refused.fetch_add(1, Ordering::Relaxed);
        info!(peer = %new.peer, limit = limits.connections_max, "connection refused: max.connections reached");
        return;
    }
    {
        let mut counts = per_address.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(address).or_insert(0);
        let limit = *limits
            .connections_per_ip_overrides
            .get(&address.to_string())
            .unwrap_or(&limits.connections_per_ip_max);
        if *count >= limit {
            stats.refused.fetch_add(1, Ordering::Relaxed);
            info!(peer = %new.peer, limit,
                "connection refused: max.connections.per.ip reached");
            return;
        }
        *count += 1;
    }
    stats.open.fetch_add(1, Ordering::Relaxed);
    stats.accepted.fetch_add(1, Ordering::Relaxed);
    let place = Place { stats: Arc::clone(stats), per_address: Arc::clone(per_address), address };
    let context_of_task = context.clone();
    let task: Task = Box::pin(async move {
        let _place = place;
        connection::run(context_of_task, new).await;
    });
    drop(context.io.spawn.spawn("connection", task));
}

/// A connection's place under the caps; given back however its task ends.
struct Place {
    stats: Arc<ListenerStats>,
    per_address: PerAddress,
    address: IpAddr,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.per_address.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.address);
            }
        }
        drop(counts);
        self.stats.open.fetch_sub(1, Ordering::Relaxed);
        self.stats.closed.notify_waiters();
    }
}
