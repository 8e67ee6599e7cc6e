//! Which broker keys give the default of a topic key, and which broker keys stand in for one another.

/// A broker key that gives a value, and the unit it is counted in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Synonym {
    pub key: &'static str,
    pub scale: Scale,
}

/// How a synonym's number becomes the key's own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scale {
    Same,
    Minutes,
    Hours,
}

impl Scale {
    /// Milliseconds per unit; 1 for a value that is taken as it is.
    #[must_use]
    pub fn factor(self) -> i64 {
        match self {
            Scale::Same => 1,
            Scale::Minutes => 60_000,
            Scale::Hours => 3_600_000,
        }
    }
}

/// The broker keys that give a topic key's default, the first that is set winning; empty for a key that has
/// no counterpart on the broker.
#[must_use]
pub fn topic_synonyms(topic_key: &str) -> &'static [Synonym] {
    TOPIC_SYNONYMS.iter().find(|(name, _)| *name == topic_key).map_or(&[], |(_, synonyms)| *synonyms)
}

/// The broker keys that stand for `broker_key`, in the order in which they win; only itself for most.
#[must_use]
pub fn broker_synonyms(broker_key: &str) -> Option<&'static [Synonym]> {
    let list = match broker_key {
        "log.roll.ms" | "log.roll.hours" => ROLL,
        "log.roll.jitter.ms" | "log.roll.jitter.hours" => ROLL_JITTER,
        "log.retention.ms" | "log.retention.minutes" | "log.retention.hours" => RETENTION,
        // The scheduler's interval is only a default here, it does not have this one as its synonym.
        "log.flush.interval.ms" => FLUSH,
        _ => return None,
    };
    Some(list)
}

const fn same(key: &'static str) -> Synonym {
    Synonym { key, scale: Scale::Same }
}

const fn hours(key: &'static str) -> Synonym {
    Synonym { key, scale: Scale::Hours }
}

const ROLL: &[Synonym] = &[same("log.roll.ms"), hours("log.roll.hours")];
const ROLL_JITTER: &[Synonym] = &[same("log.roll.jitter.ms"), hours("log.roll.jitter.hours")];
const RETENTION: &[Synonym] = &[
    same("log.retention.ms"),
    Synonym { key: "log.retention.minutes", scale: Scale::Minutes },
    hours("log.retention.hours"),
];
const FLUSH: &[Synonym] = &[same("log.flush.interval.ms"), same("log.flush.scheduler.interval.ms")];

const TOPIC_SYNONYMS: &[(&str, &[Synonym])] = &[
    ("cleanup.policy", &[same("log.cleanup.policy")]),
    ("compression.gzip.level", &[same("compression.gzip.level")]),
    ("compression.lz4.level", &[same("compression.lz4.level")]),
    ("compression.type", &[same("compression.type")]),
    ("compression.zstd.level", &[same("compression.zstd.level")]),
    ("delete.retention.ms", &[same("log.cleaner.delete.retention.ms")]),
    ("file.delete.delay.ms", &[same("log.segment.delete.delay.ms")]),
    ("flush.messages", &[same("log.flush.interval.messages")]),
    ("flush.ms", FLUSH),
    ("index.interval.bytes", &[same("log.index.interval.bytes")]),
    ("local.retention.bytes", &[same("log.local.retention.bytes")]),
    ("local.retention.ms", &[same("log.local.retention.ms")]),
    ("max.compaction.lag.ms", &[same("log.cleaner.max.compaction.lag.ms")]),
    ("max.message.bytes", &[same("message.max.bytes")]),
    ("message.timestamp.after.max.ms", &[same("log.message.timestamp.after.max.ms")]),
    ("message.timestamp.before.max.ms", &[same("log.message.timestamp.before.max.ms")]),
    ("message.timestamp.type", &[same("log.message.timestamp.type")]),
    ("min.cleanable.dirty.ratio", &[same("log.cleaner.min.cleanable.ratio")]),
    ("min.compaction.lag.ms", &[same("log.cleaner.min.compaction.lag.ms")]),
    ("min.insync.replicas", &[same("min.insync.replicas")]),
    ("preallocate", &[same("log.preallocate")]),
    ("retention.bytes", &[same("log.retention.bytes")]),
    ("retention.ms", RETENTION),
    ("segment.bytes", &[same("log.segment.bytes")]),
    ("segment.index.bytes", &[same("log.index.size.max.bytes")]),
    ("segment.jitter.ms", ROLL_JITTER),
    ("segment.ms", ROLL),
    ("unclean.leader.election.enable", &[same("unclean.leader.election.enable")]),
];
