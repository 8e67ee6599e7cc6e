use std::collections::BTreeMap;
use std::time::Duration;

use clap::Subcommand;
use comfy_table::Cell;
use ordain::client::admin::{
    ConfigChange, ConfigEntry, ConfigResource, ConfigSource, ListedOffset, NewTopic, OffsetSpec, Validate,
};
use ordain::client::{AutoCreate, Client, ClientError, TopicMetadata, TopicPartition};
use ordain::types::{ErrorCode, NodeId, Offset};
use serde_json::{Value, json};

use super::reassign;
use crate::connect::{self, Connect};
use crate::failure::Failure;
use crate::output::{self, Format};
use crate::parse;

/// How often leaders are asked for their offsets, and the time between.
const OFFSET_ASKED: usize = 4;
const OFFSET_PAUSE: Duration = Duration::from_millis(500);

#[derive(clap::Args, Debug)]
pub struct Arguments {
    #[command(flatten)]
    connect: Connect,
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand, Debug)]
enum Action {
    /// List topics.
    #[command(visible_alias = "ls")]
    List {
        /// Internal topics too.
        #[arg(long)]
        internal: bool,
    },
    /// Show a topic's partitions, offsets and configuration.
    Describe {
        #[arg(required = true)]
        topics: Vec<String>,
        /// Every configuration key, not only those that are set for the topic.
        #[arg(long)]
        all_configs: bool,
    },
    /// Create topics.
    Create {
        #[arg(required = true)]
        topics: Vec<String>,
        /// How many partitions; without it, the broker's default.
        #[arg(long, short)]
        partitions: Option<i32>,
        /// How many replicas; without it, the broker's default.
        #[arg(long, short)]
        replication_factor: Option<i16>,
        /// A configuration of the topic; may be repeated.
        #[arg(long = "config", short = 'c', value_name = "KEY=VALUE", value_parser = parse::assignment)]
        configs: Vec<(String, String)>,
        /// It is fine if the topic exists.
        #[arg(long)]
        if_not_exists: bool,
        /// Only ask whether it could be created.
        #[arg(long)]
        dry_run: bool,
    },
    /// Delete topics with all their records.
    Delete {
        #[arg(required = true)]
        topics: Vec<String>,
        /// It is fine if the topic does not exist.
        #[arg(long)]
        if_exists: bool,
        /// Topics of the cluster itself, too, with what it keeps there, such as all groups' offsets.
        #[arg(long)]
        internal: bool,
    },
    /// Change a topic's number of partitions or its configuration.
    Alter {
        topic: String,
        /// The new number of partitions, greater than now.
        #[arg(long, short)]
        partitions: Option<i32>,
        /// Set a configuration; may be repeated.
        #[arg(long = "config", short = 'c', value_name = "KEY=VALUE", value_parser = parse::assignment)]
        configs: Vec<(String, String)>,
        /// Back to the broker's value; may be repeated.
        #[arg(long, value_name = "KEY")]
        unset: Vec<String>,
        /// Only ask whether it could be changed.
        #[arg(long)]
        dry_run: bool,
    },
    /// Move topics' partitions to brokers, while they are written and read.
    ///
    /// What is on one of these brokers already stays there. With --replication-factor alone, partitions get as many replicas on any
    /// brokers. Exit code 0 once everything has moved, else 1.
    Reassign(reassign::Topics),
    /// Delete the oldest records of a topic.
    Trim {
        topic: String,
        /// The first offset that stays, or end for none.
        #[arg(long, value_name = "OFFSET", allow_hyphen_values = true)]
        before: String,
        /// These partitions, for example 0,2,5-7; without it, all.
        #[arg(long, value_parser = parse::partitions)]
        partitions: Option<parse::Partitions>,
    },
}

pub fn run(arguments: Arguments) -> Result<(), Failure> {
    connect::run_interruptible(async move {
        let client = arguments.connect.client()?;
        let format = Format::from_flag(arguments.connect.json);
        match arguments.action {
            Action::List { internal } => list(&client, format, internal).await,
            Action::Describe { topics, all_configs } => describe(&client, format, &topics, all_configs).await,
            Action::Create { topics, partitions, replication_factor, configs, if_not_exists, dry_run } => {
                let configs: BTreeMap<String, String> = configs.into_iter().collect();
                let new = |name| NewTopic { name, partitions, replication_factor, configs: configs.clone() };
                let topics: Vec<_> = topics.into_iter().map(new).collect();
                create(&client, format, &topics, if_not_exists, validate(dry_run)).await
            }
            Action::Delete { topics, if_exists, internal } => {
                if !internal {
                    refuse_internal(&client, &topics).await?;
                }
                delete(&client, format, &topics, if_exists).await
            }
            Action::Alter { topic, partitions, configs, unset, dry_run } => {
                let set = configs.into_iter().map(|(name, value)| ConfigChange::Set { name, value });
                let unset = unset.into_iter().map(|name| ConfigChange::Delete { name });
                let changes: Vec<_> = set.chain(unset).collect();
                alter(&client, format, &topic, partitions, &changes, validate(dry_run)).await
            }
            Action::Reassign(asked) => reassign::topics(&client, format, &asked).await,
            Action::Trim { topic, before, partitions } => {
                trim(&client, format, &topic, &before, partitions.map(|list| list.0)).await
            }
        }
    })
}

fn validate(dry_run: bool) -> Validate {
    if dry_run { Validate::Only } else { Validate::Apply }
}

async fn list(client: &Client, format: Format, internal: bool) -> Result<(), Failure> {
    let metadata = connect::with_retries(client, || client.describe(None, AutoCreate::No)).await?;
    let topics: Vec<_> = metadata.topics.values().filter(|topic| internal || !topic.is_internal).collect();
    if format == Format::Json {
        return output::json(&topics.iter().map(|topic| topic_json(topic)).collect());
    }
    if topics.is_empty() {
        return output::line("There are no topics. `ordain topic create NAME` makes one.");
    }
    let mut table = output::table(&["TOPIC", "PARTITIONS", "REPLICAS", "STATE"]);
    output::numbers(&mut table, &[1, 2]);
    for topic in topics {
        let replicas = topic.partitions.iter().map(|p| p.replicas.len()).max().unwrap_or(0);
        table.add_row([
            Cell::new(&topic.name),
            Cell::new(topic.partitions.len()),
            Cell::new(replicas),
            Cell::new(state(topic)),
        ]);
    }
    output::print_table(&table)
}

/// What an operator should know of a topic, in a word.
fn state(topic: &TopicMetadata) -> String {
    if let Some(error) = topic.error {
        return error.name().to_owned();
    }
    let leaderless = topic.partitions.iter().filter(|p| p.leader.is_none()).count();
    let short = topic.partitions.iter().filter(|p| p.in_sync.len() < p.replicas.len()).count();
    match (leaderless, short) {
        (0, 0) => "ok".to_owned(),
        (0, short) => format!("{short} under-replicated"),
        (leaderless, _) => format!("{leaderless} without leader"),
    }
}

fn topic_json(topic: &TopicMetadata) -> Value {
    let ids = |nodes: &[NodeId]| nodes.iter().map(|id| id.0).collect::<Vec<_>>();
    let partitions: Vec<_> = topic
        .partitions
        .iter()
        .map(|p| {
            json!({
                "partition": p.index.0, "leader": p.leader.map(|id| id.0), "leader_epoch": p.leader_epoch.0,
                "replicas": ids(&p.replicas), "in_sync": ids(&p.in_sync), "offline": ids(&p.offline),
            })
        })
        .collect();
    json!({
        "topic": topic.name, "id": topic.id.to_string(), "internal": topic.is_internal,
        "error": topic.error.map(ErrorCode::name), "partitions": partitions,
    })
}

async fn describe(
    client: &Client,
    format: Format,
    topics: &[String],
    all_configs: bool,
) -> Result<(), Failure> {
    let mut documents = Vec::new();
    for (i, name) in topics.iter().enumerate() {
        client.partitions(name, AutoCreate::No).await.map_err(|error| unknown(name, error))?;
        let only = Some(std::slice::from_ref(name));
        let metadata = connect::with_retries(client, || client.describe(only, AutoCreate::No)).await?;
        let Some(topic) = metadata.topics.get(name) else {
            return Err(unknown(name, ClientError::UnknownTopic { topic: name.clone() }));
        };
        let led: Vec<_> = topic
            .partitions
            .iter()
            .filter(|p| p.leader.is_some())
            .map(|p| TopicPartition { topic: name.clone(), partition: p.index })
            .collect();
        let first = offsets_told(client, &led, OffsetSpec::Earliest).await?;
        let end = offsets_told(client, &led, OffsetSpec::Latest).await?;
        let configs = client.describe_configs(&ConfigResource::Topic(name.clone())).await?;
        let shown: Vec<_> =
            configs.iter().filter(|entry| all_configs || entry.source == ConfigSource::Topic).collect();
        match format {
            Format::Json => documents.push(described_json(topic, &first, &end, &shown)),
            Format::Human => {
                if i > 0 {
                    output::line("")?;
                }
                print_described(topic, &first, &end, &shown)?;
            }
        }
    }
    if format == Format::Json { output::json(&json!(documents)) } else { Ok(()) }
}

/// The offsets that leaders tell, asked a few times: one that has just gone is no reason to show nothing of all others.
async fn offsets_told(
    client: &Client,
    partitions: &[TopicPartition],
    spec: OffsetSpec,
) -> Result<Offsets, Failure> {
    let mut open: BTreeMap<TopicPartition, OffsetSpec> =
        partitions.iter().map(|at| (at.clone(), spec)).collect();
    let mut found = Offsets::new();
    for attempt in 0..OFFSET_ASKED {
        if attempt > 0 {
            client.doubt();
            tokio::time::sleep(OFFSET_PAUSE).await;
        }
        for (at, told) in client.try_list_offsets(&open).await {
            match told {
                Ok(listed) => {
                    open.remove(&at);
                    found.insert(at, listed);
                }
                Err(error) if error.is_retriable() || error.is_stale_metadata() => {}
                Err(error) => return Err(error.into()),
            }
        }
        if open.is_empty() {
            break;
        }
    }
    Ok(found)
}

type Offsets = BTreeMap<TopicPartition, ListedOffset>;

fn described_json(topic: &TopicMetadata, first: &Offsets, end: &Offsets, configs: &[&ConfigEntry]) -> Value {
    let mut document = topic_json(topic);
    for partition in document["partitions"].as_array_mut().into_iter().flatten() {
        let index = partition["partition"].as_i64().and_then(|index| i32::try_from(index).ok()).unwrap_or(-1);
        let at = TopicPartition::new(topic.name.clone(), index);
        partition["log_start_offset"] = json!(first.get(&at).map(|listed| listed.offset.0));
        partition["high_watermark"] = json!(end.get(&at).map(|listed| listed.offset.0));
    }
    let configs = configs.iter().map(|entry| {
        json!({
            "name": entry.name, "value": entry.value, "source": entry.source.to_string(),
            "documentation": entry.documentation,
        })
    });
    document["configs"] = configs.collect();
    document
}

fn print_described(
    topic: &TopicMetadata,
    first: &Offsets,
    end: &Offsets,
    configs: &[&ConfigEntry],
) -> Result<(), Failure> {
    output::line(format_args!(
        "{}  {}  id {}  {}",
        topic.name,
        output::plural(topic.partitions.len(), "partition"),
        topic.id,
        state(topic)
    ))?;
    let mut table =
        output::table(&["PARTITION", "LEADER", "EPOCH", "REPLICAS", "IN SYNC", "FIRST", "END", "RECORDS"]);
    output::numbers(&mut table, &[0, 1, 2, 5, 6, 7]);
    for p in &topic.partitions {
        let at = TopicPartition { topic: topic.name.clone(), partition: p.index };
        let offset = |of: &Offsets| of.get(&at).map(|listed| listed.offset);
        let (first, end) = (offset(first), offset(end));
        let records = first.zip(end).map(|(first, end)| output::count(end.since(first)));
        let shown = |offset: Option<Offset>| offset.map_or_else(|| "-".to_owned(), |o| o.to_string());
        table.add_row([
            Cell::new(p.index),
            Cell::new(p.leader.map_or_else(|| "none".to_owned(), |id| id.to_string())),
            Cell::new(p.leader_epoch),
            Cell::new(ids(&p.replicas)),
            Cell::new(ids(&p.in_sync)),
            Cell::new(shown(first)),
            Cell::new(shown(end)),
            Cell::new(records.unwrap_or_else(|| "-".to_owned())),
        ]);
    }
    output::print_table(&table)?;
    if configs.is_empty() {
        return Ok(());
    }
    output::line("")?;
    let mut table = output::table(&["CONFIG", "VALUE", "SET BY"]);
    for entry in configs {
        let value = match &entry.value {
            Some(value) => value.as_str(),
            None if entry.is_sensitive => "[hidden]",
            None => "(none)",
        };
        table.add_row([Cell::new(&entry.name), Cell::new(value), Cell::new(entry.source)]);
    }
    output::print_table(&table)
}

fn ids(nodes: &[NodeId]) -> String {
    nodes.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

/// An error about a topic that could be made, with the way out.
pub fn unknown(name: &str, error: ClientError) -> Failure {
    match error {
        ClientError::UnknownTopic { .. } => Failure::Message(format!(
            "there is no topic {name}; `ordain topic list` names those there are, `ordain topic create {name}` makes it"
        )),
        other => Failure::Client(other),
    }
}

/// An error about a topic that only makes sense if it has been there before, with the way out.
pub fn absent(name: &str, error: ClientError) -> Failure {
    match error {
        ClientError::UnknownTopic { .. } => {
            Failure::Message(format!("there is no topic {name}; `ordain topic list` names those there are"))
        }
        other => Failure::Client(other),
    }
}

/// What became of several topics that were asked for at once: one of them can fail without the others.
struct Results {
    format: Format,
    documents: Vec<Value>,
    failures: Vec<Failure>,
}

impl Results {
    fn new(format: Format) -> Results {
        Results { format, documents: Vec::new(), failures: Vec::new() }
    }

    fn done(&mut self, words: impl std::fmt::Display, mut document: Value) -> Result<(), Failure> {
        if self.format == Format::Human {
            output::line(words)?;
        }
        document["error"] = Value::Null;
        self.documents.push(document);
        Ok(())
    }

    fn failed(&mut self, failure: Failure, mut document: Value) {
        document["error"] = failure.document()["error"].take();
        self.documents.push(document);
        self.failures.push(failure);
    }

    /// Tells what failed; the last of it, whoever ends the process tells.
    fn end(mut self) -> Result<(), Failure> {
        if self.format == Format::Json {
            output::json(&json!(self.documents))?;
        }
        let Some(last) = self.failures.pop() else { return Ok(()) };
        for failure in &self.failures {
            failure.report(self.format);
        }
        Err(last)
    }
}

/// Whether there is no use in asking for the next topic: nobody answers, or nobody can for now.
fn ends_all(error: &ClientError) -> bool {
    error.code().is_none() || error.is_retriable()
}

/// The error of a topic that was not asked for after another one's.
fn not_tried(name: &str) -> Failure {
    Failure::Message(format!("{name}: not tried after the error before"))
}

async fn create(
    client: &Client,
    format: Format,
    topics: &[NewTopic],
    if_not_exists: bool,
    validate: Validate,
) -> Result<(), Failure> {
    let mut results = Results::new(format);
    let mut gave_up = false;
    for topic in topics {
        let name = &topic.name;
        let no_topic = |exists: bool| {
            json!({
                "topic": name, "created": false, "exists": exists, "id": null, "partitions": null,
                "replication_factor": null,
            })
        };
        if gave_up {
            results.failed(not_tried(name), no_topic(false));
            continue;
        }
        match client.create_topic(topic, validate).await {
            Ok(created) => {
                let what = if validate == Validate::Only { "could be created" } else { "created" };
                let partitions = created
                    .partitions
                    .and_then(|count| usize::try_from(count).ok())
                    .map_or_else(String::new, |count| {
                        format!(" with {}", output::plural(count, "partition"))
                    });
                let document = json!({
                    "topic": name, "created": validate == Validate::Apply, "exists": false,
                    "id": created.id.map(|id| id.to_string()), "partitions": created.partitions,
                    "replication_factor": created.replication_factor,
                });
                results.done(format_args!("{name}: {what}{partitions}"), document)?;
            }
            Err(error) => {
                let exists = error.code() == Some(ErrorCode::TopicAlreadyExists);
                if exists && if_not_exists {
                    results.done(format_args!("{name}: exists already"), no_topic(true))?;
                    continue;
                }
                gave_up = ends_all(&error);
                results.failed(Failure::of_change(error, topic.configs.iter()), no_topic(exists));
            }
        }
    }
    results.end()
}

/// What would be lost with a topic that clients do not write themselves.
fn lost_with(internal: &str) -> &'static str {
    match internal {
        "__consumer_offsets" => {
            "the offsets that all consumer groups have committed: each would begin again where its auto.offset.reset says"
        }
        "__transaction_state" => "the state of all transactions, open ones too",
        "__share_group_state" => "what all share groups have read",
        _ => "what it keeps for the cluster",
    }
}

/// Nothing is deleted if one of the topics is one of the cluster's own.
async fn refuse_internal(client: &Client, topics: &[String]) -> Result<(), Failure> {
    let metadata = connect::with_retries(client, || client.describe(Some(topics), AutoCreate::No)).await?;
    match topics.iter().find(|name| metadata.topics.get(*name).is_some_and(|topic| topic.is_internal)) {
        None => Ok(()),
        Some(name) => Err(Failure::Message(format!(
            "{name} is a topic of the cluster itself; deleting it loses {}. Nothing was deleted; --internal deletes it all the same",
            lost_with(name)
        ))),
    }
}

async fn delete(client: &Client, format: Format, topics: &[String], if_exists: bool) -> Result<(), Failure> {
    let mut results = Results::new(format);
    let mut gave_up = false;
    for name in topics {
        let not_deleted = json!({ "topic": name, "deleted": false });
        if gave_up {
            results.failed(not_tried(name), not_deleted);
            continue;
        }
        match client.delete_topic(name).await {
            Ok(()) => {
                results.done(format_args!("{name}: deleted"), json!({ "topic": name, "deleted": true }))?;
            }
            Err(error) if error.code() == Some(ErrorCode::UnknownTopicOrPartition) => {
                if if_exists {
                    results.done(format_args!("{name}: does not exist"), not_deleted)?;
                } else {
                    let error = ClientError::UnknownTopic { topic: name.clone() };
                    results.failed(absent(name, error), not_deleted);
                }
            }
            Err(error) => {
                gave_up = ends_all(&error);
                results.failed(error.into(), not_deleted);
            }
        }
    }
    results.end()
}

async fn alter(
    client: &Client,
    format: Format,
    topic: &str,
    partitions: Option<i32>,
    changes: &[ConfigChange],
    validate: Validate,
) -> Result<(), Failure> {
    if partitions.is_none() && changes.is_empty() {
        return Err(Failure::Usage("nothing to change; give --partitions, --config or --unset".to_owned()));
    }
    client.partitions(topic, AutoCreate::No).await.map_err(|error| absent(topic, error))?;
    if !changes.is_empty() {
        let altered = client.alter_configs(&ConfigResource::Topic(topic.to_owned()), changes, validate).await;
        altered.map_err(|error| Failure::of_change(error, Failure::set_by(changes)))?;
    }
    if let Some(count) = partitions {
        client.create_partitions(topic, count, validate).await?;
    }
    match format {
        Format::Json => output::json(&json!({
            "topic": topic, "changed": validate == Validate::Apply,
            "partitions": partitions, "config_changes": changes.len(),
        })),
        Format::Human => {
            let what = if validate == Validate::Only { "could be changed" } else { "changed" };
            output::line(format_args!("{topic}: {what}"))
        }
    }
}

/// The error of a trim, with the end of a partition that has no such offset.
async fn beyond_the_end(
    client: &Client,
    before: &BTreeMap<TopicPartition, Offset>,
    error: ClientError,
) -> Failure {
    if error.code() != Some(ErrorCode::OffsetOutOfRange) {
        return error.into();
    }
    let partitions: Vec<_> = before.keys().cloned().collect();
    let Ok(ends) = client.list_offsets_at(&partitions, OffsetSpec::Latest).await else {
        return error.into();
    };
    let beyond = ends.iter().filter(|(at, end)| before[*at] > end.offset);
    let told: Vec<_> = beyond.map(|(at, end)| format!("{at} ends at offset {}", end.offset)).collect();
    if told.is_empty() {
        return error.into();
    }
    let hint = format!("{}; --before is at most that, or end", told.join(", "));
    Failure::Hinted { error: Box::new(error), hint }
}

async fn trim(
    client: &Client,
    format: Format,
    topic: &str,
    before: &str,
    wanted: Option<Vec<i32>>,
) -> Result<(), Failure> {
    let offset = match before {
        "end" => Offset(-1),
        number => Offset(number.parse().ok().filter(|offset| *offset >= 0).ok_or_else(|| {
            Failure::Usage(format!("--before {number}: write the first offset that stays, 0 or more, or end"))
        })?),
    };
    let known = client.partitions(topic, AutoCreate::No).await.map_err(|error| absent(topic, error))?;
    let wanted = wanted.unwrap_or_else(|| known.iter().map(|p| p.index.0).collect());
    let before = wanted.into_iter().map(|index| (TopicPartition::new(topic, index), offset)).collect();
    let first = match client.delete_records(&before).await {
        Ok(first) => first,
        Err(error) => return Err(beyond_the_end(client, &before, error).await),
    };
    if format == Format::Json {
        let partitions = first.iter().map(|(at, offset)| {
            json!({ "topic": at.topic, "partition": at.partition.0, "log_start_offset": offset.0 })
        });
        return output::json(&partitions.collect());
    }
    for (at, offset) in &first {
        output::line(format_args!("{at}: begins at offset {offset} now"))?;
    }
    Ok(())
}
