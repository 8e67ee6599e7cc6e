use std::collections::BTreeMap;
use std::time::Duration;

use ordain::client::admin::{ConfigChange, ConfigEntry, ConfigResource, ConfigSource, NewTopic, Validate};
use ordain::client::producer::{Acks, Idempotence, Producer, ProducerOptions, ProducerRecord};
use ordain::client::{AutoCreate, Broker, Client, ClientError, ClusterMetadata};
use ordain::io::Io;
use ordain::types::{ErrorCode, PartitionIndex};

use super::{Seat, Servers, Told, bounded};
use crate::scenarios::broker::history::{Done, History, TopicChange, TopicLook, TopicSeen};
use crate::scenarios::broker::plan::{BROKER_DEFAULTS, SIDE};
use crate::time::SimTime;

/// Topics that it works on at a time.
const TOPICS: u64 = 3;

/// Creates, grows, configures and deletes topics, and looks at them. It alone changes them. A topic of which it
/// does not know what became of a change is left alone, and another name taken.
pub(in crate::scenarios) async fn administer_topics(seat: Seat) {
    // No second tries: a change that is asked for twice may be refused for having been made.
    let client = seat.client(Duration::ZERO);
    let Seat { io, name, history, ending, servers, .. } = seat;
    let mut rng = io.rng.stream("workload");
    while !ending.has_begun() {
        ending.count_operation();
        let topic = present_name(&history, rng.below(TOPICS));
        let known = made_of(&history, &topic);
        let draw = rng.below(10);
        let changing = match (&known, draw) {
            (_, 0..=3) => None,
            (None, _) => Some(TopicChange::Create {
                partitions: i32::try_from(1 + rng.below(3)).unwrap_or(1),
                configs: BTreeMap::from([("retention.ms".to_owned(), (1 + rng.below(1 << 40)).to_string())]),
            }),
            (Some(_), 4..=5) => Some(TopicChange::Delete),
            (Some(seen), 6..=7) => Some(TopicChange::Grow { partitions: seen.partitions + 1 }),
            (Some(_), _) => Some(TopicChange::Configure {
                key: ["retention.ms", "segment.ms"][usize::try_from(rng.below(2)).unwrap_or(0)].to_owned(),
                value: (rng.below(3) > 0).then(|| (1 + rng.below(1 << 40)).to_string()),
            }),
        };
        let what = "administration of topics";
        let result = match changing {
            None => {
                let looking = look(&client, &topic, servers.metadata(), &history);
                bounded(&io, &history, what, looking).await
            }
            Some(TopicChange::Delete) if rng.below(3) > 0 => {
                // It is written to meanwhile, so that it has something to bring to its segments.
                let pause = Duration::from_millis(rng.below(150));
                let deleting = async {
                    io.clock.sleep(pause).await;
                    change(&client, (&topic, &servers), TopicChange::Delete, &history).await
                };
                let writing = write_some(&client, &io, &topic);
                Box::pin(bounded(&io, &history, what, beside(deleting, writing))).await
            }
            Some(changing) => {
                bounded(&io, &history, what, change(&client, (&topic, &servers), changing, &history)).await
            }
        };
        match result {
            Ok(Ok(())) => history.progress(&name),
            Ok(Err(error)) => history.note(format_args!("{name}: {error}")),
            Err(_) => {}
        }
        io.clock.sleep(Duration::from_millis(50 + rng.below(900))).await;
    }
}

/// Runs both until the first is done.
async fn beside<T>(first: impl Future<Output = T>, second: impl Future<Output = Never>) -> T {
    let (mut first, mut second) = (std::pin::pin!(first), std::pin::pin!(second));
    tokio::select! {
        biased;
        done = &mut first => done,
        never = &mut second => match never {},
    }
}

/// What never comes.
enum Never {}

/// Writes what nobody reads, until it is dropped. What comes of it is of no matter.
async fn write_some(client: &Client, io: &Io, topic: &str) -> Never {
    let options = ProducerOptions {
        acks: Acks::Leader,
        idempotence: Idempotence::Off,
        batch_bytes: 2_000,
        delivery_timeout: Duration::from_secs(2),
        auto_create: AutoCreate::No,
        ..ProducerOptions::default()
    };
    let producer = Producer::start(client, options);
    let value = [b'.'; 500];
    loop {
        let record = ProducerRecord {
            topic,
            partition: Some(PartitionIndex(0)),
            timestamp: None,
            key: None,
            value: Some(&value),
            headers: &[],
        };
        drop(producer.send(record).await);
        io.clock.sleep(Duration::from_millis(3)).await;
    }
}

/// The name that a topic's number has now: another one after each change of unknown fate.
fn present_name(history: &History, number: u64) -> String {
    let prefix = format!("{SIDE}{number}-");
    let events = history.events();
    let unknown = |name: &str| {
        name.starts_with(&prefix)
            && events.topic_changes.iter().any(|change| change.topic == name && change.done == Done::Unknown)
    };
    let names: std::collections::BTreeSet<&str> = events
        .topic_changes
        .iter()
        .map(|change| change.topic.as_str())
        .filter(|name| unknown(name))
        .collect();
    format!("{prefix}{}", names.len())
}

/// What the acknowledged changes have made of a topic.
fn made_of(history: &History, topic: &str) -> Option<TopicSeen> {
    let events = history.events();
    let mut seen: Option<TopicSeen> = None;
    for change in events.topic_changes.iter().filter(|c| c.topic == topic && c.done == Done::Yes) {
        match (&change.change, &mut seen) {
            (TopicChange::Create { partitions, configs }, _) => {
                seen = Some(TopicSeen { partitions: *partitions, configs: configs.clone() });
            }
            (TopicChange::Delete, _) => seen = None,
            (TopicChange::Grow { partitions }, Some(seen)) => seen.partitions = *partitions,
            (TopicChange::Configure { .. } | TopicChange::Grow { .. }, _) => {}
        }
    }
    seen
}

/// Makes a change, and tells what became of it.
pub(super) async fn change(
    client: &Client,
    (topic, servers): (&str, &Servers),
    change: TopicChange,
    history: &History,
) -> Result<(), ClientError> {
    // Until it is answered nobody knows, whatever becomes of this machine.
    let place = history.changing_topic(topic, change.clone());
    let result = match change {
        TopicChange::Create { partitions, configs } => {
            let new = NewTopic {
                name: topic.to_owned(),
                partitions: Some(partitions),
                replication_factor: Some(servers.replicas),
                configs,
            };
            client.create_topic(&new, Validate::Apply).await.map(drop)
        }
        TopicChange::Delete => client.delete_topic(topic).await,
        TopicChange::Grow { partitions } => {
            client.create_partitions(topic, partitions, Validate::Apply).await
        }
        TopicChange::Configure { key, value } => {
            let change = match value {
                Some(value) => ConfigChange::Set { name: key, value },
                None => ConfigChange::Delete { name: key },
            };
            client.alter_configs(&resource(topic), &[change], Validate::Apply).await
        }
    };
    let done = match &result {
        Ok(()) => Done::Yes,
        Err(error) if error.code().is_some_and(|code| is_a_refusal(code, servers.metadata())) => {
            Done::Refused
        }
        Err(_) => Done::Unknown,
    };
    history.changed_topic(place, done);
    result
}

/// Whose configuration it is.
fn resource(topic: &str) -> ConfigResource {
    match topic {
        BROKER_DEFAULTS => ConfigResource::BrokerDefault,
        _ => ConfigResource::Topic(topic.to_owned()),
    }
}

/// Whether such an answer means that nothing was changed. One of several nodes sends a request to the controller again, as
/// Kafka's do, if the connection ends before there is an answer: then the change may be refused for having been made.
fn is_a_refusal(code: ErrorCode, told: Told) -> bool {
    use ErrorCode as E;
    match code {
        E::InvalidConfig | E::InvalidTopicException => true,
        E::TopicAlreadyExists | E::UnknownTopicOrPartition | E::InvalidPartitions | E::NotController => {
            told == Told::Now
        }
        _ => false,
    }
}

/// Looks at one topic.
pub(in crate::scenarios) async fn look(
    client: &Client,
    topic: &str,
    told: Told,
    history: &History,
) -> Result<(), ClientError> {
    look_by(topic, told, history, see(client, topic)).await
}

/// Looks at one topic as one of several nodes has it.
pub(super) async fn look_at(
    client: &Client,
    broker: &Broker,
    topic: &str,
    told: Told,
    history: &History,
) -> Result<(), ClientError> {
    look_by(topic, told, history, see_by(client, Some(broker), topic)).await
}

async fn look_by(
    topic: &str,
    told: Told,
    history: &History,
    seeing: impl Future<Output = Result<Option<TopicSeen>, ClientError>>,
) -> Result<(), ClientError> {
    let asked = history.looks(topic);
    let seen = seeing.await.inspect_err(|_| history.has_failed(asked))?;
    let began = asked.began;
    let since = match told {
        Told::Now => began,
        Told::Since(time) => time.min(began),
        Told::Late => SimTime::default(),
    };
    let look = TopicLook { topic: topic.to_owned(), seen, since, began, ended: history.now() };
    history.topic_looked(asked, look);
    Ok(())
}

/// How the broker describes a topic, or what is set for all brokers; `None` if there is no such topic.
pub(in crate::scenarios) async fn see(
    client: &Client,
    topic: &str,
) -> Result<Option<TopicSeen>, ClientError> {
    see_by(client, None, topic).await
}

/// The same by one of several nodes, or by whichever the client asks.
pub(super) async fn see_by(
    client: &Client,
    broker: Option<&Broker>,
    topic: &str,
) -> Result<Option<TopicSeen>, ClientError> {
    let mut partitions = 0;
    if topic != BROKER_DEFAULTS {
        let names = [topic.to_owned()];
        let metadata = match broker {
            Some(broker) => client.described_by(broker, Some(&names), AutoCreate::No).await?,
            None => client.describe(Some(&names), AutoCreate::No).await?,
        };
        let Some(count) = partitions_told(&metadata, topic) else { return Ok(None) };
        partitions = count;
    }
    let entries = match broker {
        Some(broker) => client.describe_configs_at(broker, &resource(topic)).await?,
        None => client.describe_configs(&resource(topic)).await?,
    };
    Ok(Some(TopicSeen { partitions, configs: set(topic, entries) }))
}

/// How many partitions a topic is told to have; `None` if there is none.
fn partitions_told(metadata: &ClusterMetadata, topic: &str) -> Option<i32> {
    let told = metadata.topics.get(topic)?;
    let is_there = told.error != Some(ErrorCode::UnknownTopicOrPartition);
    is_there.then(|| i32::try_from(told.partitions.len()).unwrap_or(i32::MAX))
}

/// What is set for a topic, or for all brokers, of all that is told of it.
fn set(topic: &str, entries: Vec<ConfigEntry>) -> BTreeMap<String, String> {
    let source = match topic {
        BROKER_DEFAULTS => ConfigSource::DynamicBrokerDefault,
        _ => ConfigSource::Topic,
    };
    let set = entries.into_iter().filter(|entry| entry.source == source);
    set.map(|entry| (entry.name, entry.value.unwrap_or_default())).collect()
}
