//! Keys of older Kafka releases that 4.x no longer has, with what to do about each.

/// What to do about a key that Kafka has dropped; `None` for a key that it never had or still has.
#[must_use]
pub fn removed_key(name: &str) -> Option<&'static str> {
    if name.starts_with("zookeeper.") {
        return Some("there is no ZooKeeper; remove it");
    }
    REMOVED.iter().find(|(removed, _)| *removed == name).map(|(_, advice)| *advice)
}

const REMOVED: &[(&str, &str)] = &[
    ("advertised.host.name", "use advertised.listeners"),
    ("advertised.port", "use advertised.listeners"),
    ("broker.id.generation.enable", "set node.id"),
    ("control.plane.listener.name", "remove it"),
    ("controlled.shutdown.max.retries", "remove it"),
    ("controlled.shutdown.retry.backoff.ms", "remove it"),
    ("delegation.token.master.key", "remove it"),
    ("host.name", "use listeners"),
    ("inter.broker.protocol.version", "remove it; the level of the metadata says what nodes speak"),
    ("leader.imbalance.per.broker.percentage", "remove it"),
    ("log.message.downconversion.enable", "remove it; old record formats are no longer served"),
    ("log.message.format.version", "remove it; there is one record format"),
    ("log.message.timestamp.difference.max.ms", "use log.message.timestamp.before.max.ms and .after.max.ms"),
    ("message.downconversion.enable", "remove it; old record formats are no longer served"),
    ("message.format.version", "remove it; there is one record format"),
    ("message.timestamp.difference.max.ms", "use message.timestamp.before.max.ms and .after.max.ms"),
    ("offsets.commit.required.acks", "remove it; an offset commit waits for a majority"),
    ("password.encoder.secret", "remove it"),
    ("port", "use listeners"),
    ("reserved.broker.max.id", "remove it"),
];
