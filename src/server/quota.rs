use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use crate::config::LiveConfig;
use crate::io::{Clock, Io, timeout};
use crate::types::Instant;

/// Fewer connections than these are worth a word at the start.
const FEW_CONNECTIONS: usize = 500;
/// How long a listener waits for a place until it looks whether the limit has been raised.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// The connections of a node, over all listeners, and the bounds on them (`max.connections`,
/// `max.connections.per.ip` with its overrides, `max.connection.creation.rate`), which may change while it
/// runs.
///
/// As in Kafka (KIP-308, KIP-402, KIP-612), a node that holds its most connections, or takes them as fast as it
/// may, lets the next one wait; one address too many is closed at once.
pub struct ConnectionQuota {
    live: Arc<LiveConfig>,
    clock: Arc<dyn Clock>,
    /// What the system leaves room for ([`Net::connections_max`]).
    ///
    /// [`Net::connections_max`]: crate::io::Net::connections_max
    of_system: usize,
    open: Mutex<Open>,
    freed: Notify,
    waits: AtomicU64,
}

#[derive(Default)]
struct Open {
    total: usize,
    of_address: BTreeMap<IpAddr, usize>,
    /// When the connections taken so far would have come at the greatest rate.
    paced: Option<Instant>,
}

/// The address has as many connections as it may.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{address} has {limit} connection(s) already: max.connections.per.ip, or its override, is reached")]
pub struct AddressIsFull {
    address: IpAddr,
    limit: usize,
}

/// Why a connection waits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Wait {
    /// `max.connections` are open.
    Full { limit: usize },
    /// They come faster than `max.connection.creation.rate`.
    Paced { until: Instant },
}

impl ConnectionQuota {
    #[must_use]
    pub fn new(live: Arc<LiveConfig>, io: &Io) -> Arc<ConnectionQuota> {
        let of_system = io.net.connections_max().unwrap_or(usize::MAX);
        if of_system < FEW_CONNECTIONS {
            tracing::warn!(
                "the system leaves room for {of_system} connections: raise the bound on open files (ulimit -n)"
            );
        }
        let (open, clock) = (Mutex::default(), Arc::clone(&io.clock));
        Arc::new(ConnectionQuota {
            live,
            clock,
            of_system,
            open,
            freed: Notify::new(),
            waits: AtomicU64::new(0),
        })
    }

    /// Connections open now, over all listeners.
    #[must_use]
    pub fn open(&self) -> usize {
        self.lock().total
    }

    /// Waits until the node may hold one more connection, and takes its place.
    ///
    /// # Errors
    /// If its address may not.
    pub async fn admit(self: &Arc<Self>, address: IpAddr) -> Result<Place, AddressIsFull> {
        let mut told = false;
        loop {
            let freed = self.freed.notified();
            tokio::pin!(freed);
            // Registered before the count is read, so that a place freed in between is not missed.
            freed.as_mut().enable();
            let until = match self.try_take(address)? {
                Ok(place) => return Ok(place),
                Err(Wait::Paced { until }) => until,
                Err(Wait::Full { limit }) => {
                    if !told {
                        told = true;
                        let waits = self.waits.fetch_add(1, Ordering::Relaxed);
                        tracing::warn!(
                            limit,
                            waits,
                            "a new connection waits: as many are open as max.connections or the bound on open files allow"
                        );
                    }
                    self.clock.now().after(LOOK_INTERVAL)
                }
            };
            // Whichever comes first, the next look decides.
            let _either = timeout(&*self.clock, until, freed).await;
        }
    }

    fn try_take(self: &Arc<Self>, address: IpAddr) -> Result<Result<Place, Wait>, AddressIsFull> {
        let config = self.live.load();
        let network = &config.network;
        let mut open = self.lock();
        let limit = network.connections_max.min(self.of_system);
        if open.total >= limit {
            return Ok(Err(Wait::Full { limit }));
        }
        let now = self.clock.now();
        let paced = match u32::try_from(network.connection_rate_max) {
            // No connection may be made, until the limit is raised.
            Ok(0) => return Ok(Err(Wait::Paced { until: now.after(LOOK_INTERVAL) })),
            Ok(rate) => {
                let interval = Duration::from_secs(1) / rate;
                let paced = open.paced.map_or(now, |paced| paced.max(now));
                // A second's worth may come at once.
                let ahead = paced.since(now).saturating_sub(Duration::from_secs(1) - interval);
                if !ahead.is_zero() {
                    return Ok(Err(Wait::Paced { until: now.after(ahead) }));
                }
                Some(paced.after(interval))
            }
            Err(_) => None,
        };
        let of_address = open.of_address.get(&address).copied().unwrap_or(0);
        let overrides = &network.connections_per_ip_overrides;
        let limit = *overrides.get(&address.to_string()).unwrap_or(&network.connections_per_ip_max);
        // A connection that is closed at once counts for the rate all the same: it was taken.
        open.paced = paced;
        if of_address >= limit {
            return Err(AddressIsFull { address, limit });
        }
        open.total += 1;
        open.of_address.insert(address, of_address + 1);
        Ok(Ok(Place { quota: Arc::clone(self), address }))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection's place among those of the node; given back when dropped.
pub struct Place {
    quota: Arc<ConnectionQuota>,
    address: IpAddr,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.quota.lock();
        open.total -= 1;
        if let Some(count) = open.of_address.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                open.of_address.remove(&self.address);
            }
        }
        drop(open);
        self.quota.freed.notify_waiters();
    }
}
