use std::time::Duration;

use ordain::client::{Client, ClientError};
use ordain::io::RngStream;

use super::topics::{change, look, see};
use super::{Seat, bounded};
use crate::scenarios::broker::history::{Done, History, TopicChange};
use crate::scenarios::broker::plan::{BROKER_DEFAULTS, TOPIC};

/// So many changes of one subject may be of unknown fate before it is only looked at: each may still come.
const UNKNOWN_MAX: usize = 4;

/// Changes the configuration of the topic that everybody works on, and what holds for all brokers, while they work; and
/// looks at both. It alone configures them.
pub(in crate::scenarios) async fn tune(seat: Seat) {
    // No second tries: a change that is asked for twice may be refused for having been made.
    let client = seat.client(Duration::ZERO);
    let mut rng = seat.io.rng.stream("workload");
    while !seat.ending.has_begun() {
        seat.ending.count_operation();
        let subject = if rng.below(3) > 0 { TOPIC } else { BROKER_DEFAULTS };
        let (is_look, drawn) = (rng.below(3) == 0, draw(subject, &mut *rng));
        let change = if is_look { None } else { Some(drawn) };
        let tuning = one(&seat, &client, subject, change);
        match bounded(&seat.io, &seat.history, "tuning", tuning).await {
            Ok(Ok(())) => seat.history.progress(&seat.name),
            Ok(Err(error)) => seat.history.note(format_args!("{}: {error}", seat.name)),
            Err(_) => {}
        }
        seat.io.clock.sleep(Duration::from_millis(50 + rng.below(900))).await;
    }
}

async fn one(
    seat: &Seat,
    client: &Client,
    subject: &str,
    drawn: Option<TopicChange>,
) -> Result<(), ClientError> {
    let (history, servers) = (&seat.history, &seat.servers);
    if !is_known(history, subject) {
        // Nobody has changed it yet: what it is now it was made with.
        let seen = see(client, subject).await?;
        if let Some(seen) = seen {
            history.founded(subject, seen);
        }
        return Ok(());
    }
    match drawn.filter(|_| unknown(history, subject) < UNKNOWN_MAX) {
        Some(drawn) => change(client, (subject, servers), drawn, history).await,
        None => look(client, subject, servers.metadata(), history).await,
    }
}

/// A change that no other client has to know of.
fn draw(subject: &str, rng: &mut dyn RngStream) -> TopicChange {
    let keys: &[(&str, &[&str])] = if subject == TOPIC {
        &[
            ("segment.index.bytes", &["48", "480", "10485760"]),
            ("index.interval.bytes", &["0", "128", "4096"]),
            ("segment.ms", &["200", "2000", "604800000"]),
            ("max.message.bytes", &["1048588", "2000000"]),
        ]
    } else {
        &[
            ("log.cleaner.backoff.ms", &["100", "300", "2000"]),
            ("log.index.interval.bytes", &["0", "4096"]),
            ("compression.type", &["producer", "lz4", "zstd"]),
            ("max.connections", &["1000", "100000"]),
        ]
    };
    let mut pick = |length: usize| usize::try_from(rng.below(length as u64)).unwrap_or(0);
    let (key, values) = keys[pick(keys.len())];
    let value = values[pick(values.len())];
    let is_unset = pick(4) == 0;
    TopicChange::Configure { key: key.to_owned(), value: (!is_unset).then(|| value.to_owned()) }
}

fn is_known(history: &History, subject: &str) -> bool {
    history.events().topic_changes.iter().any(|changed| changed.topic == subject)
}

fn unknown(history: &History, subject: &str) -> usize {
    let events = history.events();
    let is_open = |done: Done| done == Done::Unknown;
    events.topic_changes.iter().filter(|c| c.topic == subject && is_open(c.done)).count()
}
