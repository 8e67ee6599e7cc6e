use metrics::{Counter, Gauge, counter, gauge};

use super::names;

/// Connections of one listener.
#[derive(Clone, Debug)]
pub struct ConnectionMetrics {
    open: Gauge,
    opened: Counter,
    closed: Counter,
    refused: Counter,
}

impl ConnectionMetrics {
    /// Handles for the listener of this name (`PLAINTEXT`).
    #[must_use]
    pub fn new(listener: &str) -> ConnectionMetrics {
        let listener = listener.to_owned();
        ConnectionMetrics {
            open: gauge!(names::CONNECTIONS, "listener" => listener.clone()),
            opened: counter!(names::CONNECTIONS_OPENED, "listener" => listener.clone()),
            closed: counter!(names::CONNECTIONS_CLOSED, "listener" => listener.clone()),
            refused: counter!(names::CONNECTIONS_REFUSED, "listener" => listener),
        }
    }

    pub fn opened(&self) {
        self.opened.increment(1);
        self.open.increment(1.0);
    }

    pub fn closed(&self) {
        self.closed.increment(1);
        self.open.decrement(1.0);
    }

    /// A connection was turned away at a cap.
    pub fn refused(&self) {
        self.refused.increment(1);
    }
}

/// Memory that requests under way hold, of all listeners.
#[derive(Clone, Debug)]
pub struct RequestMemory {
    used: Gauge,
    available: Gauge,
}

impl RequestMemory {
    #[must_use]
    pub fn new() -> RequestMemory {
        RequestMemory {
            used: gauge!(names::REQUEST_MEMORY_USED),
            available: gauge!(names::REQUEST_MEMORY_AVAILABLE),
        }
    }

    /// Of `limit_bytes`, `used_bytes` are taken now.
    pub fn set(&self, used_bytes: u64, limit_bytes: u64) {
        self.used.set(used_bytes as f64);
        self.available.set(limit_bytes.saturating_sub(used_bytes) as f64);
    }
}

impl Default for RequestMemory {
    fn default() -> RequestMemory {
        RequestMemory::new()
    }
}
