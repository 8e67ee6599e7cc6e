use std::collections::{BTreeMap, BTreeSet};

use clap::Subcommand;
use comfy_table::Cell;
use ordain::client::admin::{CommittedOffset, GroupDescription, ListedOffset, OffsetSpec};
use ordain::client::{AutoCreate, Client, ClientError, TopicPartition};
use ordain::types::{ErrorCode, Offset};
use serde_json::json;

use super::positions::positions;
use super::topic::absent;
use crate::connect::{self, Connect};
use crate::failure::Failure;
use crate::output::{self, Format};
use crate::parse::{self, Start};

#[derive(clap::Args, Debug)]
pub struct Arguments {
    #[command(flatten)]
    connect: Connect,
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand, Debug)]
enum Action {
    /// List groups.
    #[command(visible_alias = "ls")]
    List,
    /// Show a group's members, offsets and lag.
    Describe {
        #[arg(required = true)]
        groups: Vec<String>,
    },
    /// Delete groups without members, with their offsets.
    Delete {
        #[arg(required = true)]
        groups: Vec<String>,
    },
    /// Move a group's offsets; only shows what would change unless --execute is given.
    ResetOffsets {
        group: String,
        /// The topics; without it, all that the group has offsets in.
        #[arg(long = "topic", short)]
        topics: Vec<String>,
        /// These partitions of each topic, for example 0,2,5-7.
        #[arg(long, value_parser = parse::partitions)]
        partitions: Option<parse::Partitions>,
        /// beginning, end, an offset, -N before the end, -1h, a date, or @MS.
        #[arg(long, value_name = "WHERE", value_parser = parse::start, allow_hyphen_values = true)]
        to: Start,
        /// Only show what would change (the default).
        #[arg(long, conflicts_with = "execute")]
        dry_run: bool,
        /// Change it.
        #[arg(long)]
        execute: bool,
    },
    /// Forget a group's offsets in a topic.
    DeleteOffsets {
        group: String,
        #[arg(long, short)]
        topic: String,
        #[arg(long, value_parser = parse::partitions)]
        partitions: Option<parse::Partitions>,
    },
}

pub fn run(arguments: Arguments) -> Result<(), Failure> {
    connect::run_interruptible(async move {
        let client = arguments.connect.client()?;
        let format = Format::from_flag(arguments.connect.json);
        match arguments.action {
            Action::List => list(&client, format).await,
            Action::Describe { groups } => describe(&client, format, &groups).await,
            Action::Delete { groups } => delete(&client, format, &groups).await,
            Action::ResetOffsets { group, topics, partitions, to, dry_run: _, execute } => {
                let partitions = partitions.map(|list| list.0);
                reset(&client, format, &Reset { group, topics, partitions, to, execute }).await
            }
            Action::DeleteOffsets { group, topic, partitions } => {
                delete_offsets(&client, format, &group, &topic, partitions.map(|list| list.0)).await
            }
        }
    })
}

async fn list(client: &Client, format: Format) -> Result<(), Failure> {
    let groups = client.list_groups().await?;
    if format == Format::Json {
        let groups = groups.iter().map(|group| {
            json!({
                "group": group.group_id, "state": group.state, "type": group.kind,
                "protocol_type": group.protocol_type,
            })
        });
        return output::json(&groups.collect());
    }
    if groups.is_empty() {
        return output::line("There are no groups.");
    }
    let mut table = output::table(&["GROUP", "STATE", "TYPE", "PROTOCOL"]);
    for group in &groups {
        table.add_row([&group.group_id, &group.state, &group.kind, &group.protocol_type]);
    }
    output::print_table(&table)
}

/// One partition of a group: what was committed, where the partition ends, who consumes it.
struct Progress {
    at: TopicPartition,
    committed: Option<Offset>,
    end: Option<Offset>,
    member: Option<String>,
}

impl Progress {
    fn lag(&self) -> Option<i64> {
        Some(self.end?.since(self.committed?).max(0))
    }
}

async fn describe(client: &Client, format: Format, groups: &[String]) -> Result<(), Failure> {
    let mut documents = Vec::new();
    for (i, group) in groups.iter().enumerate() {
        let description = client.describe_group(group).await.map_err(|error| no_group(group, error))?;
        let committed = client.group_offsets(group, None).await?;
        let progress = progress(client, &description, &committed).await?;
        match format {
            Format::Json => documents.push(described_json(&description, &progress)),
            Format::Human => {
                if i > 0 {
                    output::line("")?;
                }
                print_described(&description, &progress)?;
            }
        }
    }
    if format == Format::Json { output::json(&json!(documents)) } else { Ok(()) }
}

async fn progress(
    client: &Client,
    description: &GroupDescription,
    committed: &BTreeMap<TopicPartition, CommittedOffset>,
) -> Result<Vec<Progress>, Failure> {
    let mut owners: BTreeMap<&TopicPartition, &str> = BTreeMap::new();
    for member in &description.members {
        owners.extend(member.assignment.iter().map(|at| (at, member.member_id.as_str())));
    }
    let all: BTreeSet<&TopicPartition> = committed.keys().chain(owners.keys().copied()).collect();
    // A topic that is gone has no end, and the group still shows.
    let mut known = Vec::new();
    for at in &all {
        match client.leader(at).await {
            Ok(_) => known.push((*at).clone()),
            Err(
                ClientError::UnknownTopic { .. }
                | ClientError::UnknownPartition { .. }
                | ClientError::NoLeader { .. },
            ) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let ends = client.list_offsets_at(&known, OffsetSpec::Latest).await?;
    let rows = all.into_iter().map(|at| Progress {
        at: at.clone(),
        committed: committed.get(at).map(|c| c.offset),
        end: ends.get(at).map(|listed: &ListedOffset| listed.offset),
        member: owners.get(at).map(|member| (*member).to_owned()),
    });
    Ok(rows.collect())
}

fn described_json(group: &GroupDescription, progress: &[Progress]) -> serde_json::Value {
    let members: Vec<_> = group
        .members
        .iter()
        .map(|member| {
            json!({
                "member": member.member_id, "instance": member.instance_id, "client": member.client_id,
                "host": member.host,
                "partitions": member.assignment.iter().map(ToString::to_string).collect::<Vec<_>>(),
            })
        })
        .collect();
    let offsets: Vec<_> = progress
        .iter()
        .map(|p| {
            json!({
                "topic": p.at.topic, "partition": p.at.partition.0, "committed": p.committed.map(|o| o.0),
                "end": p.end.map(|o| o.0), "lag": p.lag(), "member": p.member,
            })
        })
        .collect();
    json!({
        "group": group.group_id, "state": group.state, "type": group.kind, "assignor": group.assignor,
        "coordinator": group.coordinator, "members": members, "offsets": offsets,
        "lag": progress.iter().filter_map(Progress::lag).sum::<i64>(),
    })
}

fn print_described(group: &GroupDescription, progress: &[Progress]) -> Result<(), Failure> {
    let assignor =
        if group.assignor.is_empty() { String::new() } else { format!(", assignor {}", group.assignor) };
    output::line(format_args!("{}  {}  {}", group.group_id, group.state, whole_lag(progress)))?;
    output::line(format_args!("{} protocol{assignor}, coordinator {}", group.kind, group.coordinator))?;
    output::line("")?;
    if !progress.is_empty() {
        let mut table = output::table(&["TOPIC", "PARTITION", "COMMITTED", "END", "LAG", "MEMBER"]);
        output::numbers(&mut table, &[1, 2, 3, 4]);
        for p in progress {
            let offset = |offset: Option<Offset>| offset.map_or_else(|| "-".to_owned(), |o| o.to_string());
            table.add_row([
                Cell::new(&p.at.topic),
                Cell::new(p.at.partition),
                Cell::new(offset(p.committed)),
                Cell::new(offset(p.end)),
                Cell::new(p.lag().map_or_else(|| "-".to_owned(), output::count)),
                Cell::new(p.member.as_deref().map_or_else(|| "-".to_owned(), short)),
            ]);
        }
        output::print_table(&table)?;
    }
    if group.members.is_empty() {
        return Ok(());
    }
    output::line("")?;
    let mut table = output::table(&["MEMBER", "INSTANCE", "CLIENT", "HOST", "PARTITIONS"]);
    output::numbers(&mut table, &[4]);
    for member in &group.members {
        table.add_row([
            Cell::new(short(&member.member_id)),
            Cell::new(member.instance_id.as_deref().unwrap_or("-")),
            Cell::new(&member.client_id),
            Cell::new(&member.host),
            Cell::new(member.assignment.len()),
        ]);
    }
    output::print_table(&table)
}

/// The lag of a group; where nothing was committed there is none yet.
fn whole_lag(progress: &[Progress]) -> String {
    let lag = output::count(progress.iter().filter_map(Progress::lag).sum::<i64>());
    match progress.iter().filter(|p| p.lag().is_none()).count() {
        0 => format!("lag {lag}"),
        unknown if unknown == progress.len() => "lag unknown: nothing was committed yet".to_owned(),
        unknown => format!("lag {lag}, unknown of {}", output::plural(unknown, "partition")),
    }
}

/// A member id as it fits a table: where it begins, and the end that tells it from others. `--json` has it whole.
fn short(member_id: &str) -> String {
    const SHOWN_MAX: usize = 24;
    let count = member_id.chars().count();
    if count <= SHOWN_MAX {
        return member_id.to_owned();
    }
    let begin: String = member_id.chars().take(11).collect();
    let end: String = member_id.chars().skip(count - 12).collect();
    format!("{begin}…{end}")
}

fn no_group(group: &str, error: ClientError) -> Failure {
    match error.code() {
        Some(ErrorCode::GroupIdNotFound) => {
            Failure::Message(format!("there is no group {group}; `ordain group list` names those there are"))
        }
        Some(ErrorCode::NonEmptyGroup) => Failure::Message(format!(
            "group {group} has members; stop them first (`ordain group describe {group}` names them)"
        )),
        Some(ErrorCode::UnknownMemberId) => Failure::Message(format!(
            "group {group} has members, and their offsets cannot be moved from outside; stop them first \
             (`ordain group describe {group}` names them)"
        )),
        Some(ErrorCode::GroupSubscribedToTopic) => Failure::Message(format!(
            "group {group} consumes this topic now; stop its members first (`ordain group describe {group}` names them)"
        )),
        Some(_) | None => Failure::Client(error),
    }
}

async fn delete(client: &Client, format: Format, groups: &[String]) -> Result<(), Failure> {
    for group in groups {
        client.delete_group(group).await.map_err(|error| no_group(group, error))?;
        if format == Format::Human {
            output::line(format_args!("{group}: deleted"))?;
        }
    }
    if format == Format::Json {
        return output::json(
            &groups.iter().map(|group| json!({ "group": group, "deleted": true })).collect(),
        );
    }
    Ok(())
}

struct Reset {
    group: String,
    topics: Vec<String>,
    partitions: Option<Vec<i32>>,
    to: Start,
    execute: bool,
}

async fn reset(client: &Client, format: Format, reset: &Reset) -> Result<(), Failure> {
    let committed = client.group_offsets(&reset.group, None).await?;
    let topics: BTreeSet<String> = if reset.topics.is_empty() {
        committed.keys().map(|at| at.topic.clone()).collect()
    } else {
        reset.topics.iter().cloned().collect()
    };
    if topics.is_empty() {
        let group = &reset.group;
        return Err(Failure::Usage(format!(
            "group {group} has no offsets yet; name the topics with --topic"
        )));
    }
    let mut all = Vec::new();
    for topic in &topics {
        let known = client.partitions(topic, AutoCreate::No).await.map_err(|error| absent(topic, error))?;
        let wanted = |index: i32| reset.partitions.as_ref().is_none_or(|wanted| wanted.contains(&index));
        let partitions = known.iter().filter(|p| wanted(p.index.0));
        all.extend(partitions.map(|p| TopicPartition { topic: topic.clone(), partition: p.index }));
    }
    let targets = positions(client, &all, reset.to).await?;
    if reset.execute {
        let error = |error| no_group(&reset.group, error);
        client.set_group_offsets(&reset.group, &targets).await.map_err(error)?;
    }
    if format == Format::Json {
        let rows = targets.iter().map(|(at, target)| {
            json!({
                "topic": at.topic, "partition": at.partition.0,
                "from": committed.get(at).map(|c| c.offset.0), "to": target.0, "executed": reset.execute,
            })
        });
        return output::json(&rows.collect());
    }
    let mut table = output::table(&["TOPIC", "PARTITION", "FROM", "TO", "CHANGE"]);
    output::numbers(&mut table, &[1, 2, 3, 4]);
    for (at, target) in &targets {
        let from = committed.get(at).map(|c| c.offset);
        table.add_row([
            Cell::new(&at.topic),
            Cell::new(at.partition),
            Cell::new(from.map_or_else(|| "-".to_owned(), |offset| offset.to_string())),
            Cell::new(target),
            Cell::new(from.map_or_else(|| "-".to_owned(), |from| format!("{:+}", target.since(from)))),
        ]);
    }
    output::print_table(&table)?;
    if reset.execute {
        return output::line("Done.");
    }
    output::line("Nothing was changed; --execute changes it.")
}

async fn delete_offsets(
    client: &Client,
    format: Format,
    group: &str,
    topic: &str,
    partitions: Option<Vec<i32>>,
) -> Result<(), Failure> {
    let indexes = match partitions {
        Some(partitions) => partitions,
        None => {
            let committed = client.group_offsets(group, None).await?;
            committed.keys().filter(|at| at.topic == topic).map(|at| at.partition.0).collect()
        }
    };
    let all: Vec<_> = indexes.into_iter().map(|index| TopicPartition::new(topic, index)).collect();
    if all.is_empty() {
        return Err(Failure::Message(format!("group {group} has no offsets in {topic}")));
    }
    client.delete_group_offsets(group, &all).await.map_err(|error| no_group(group, error))?;
    match format {
        Format::Json => output::json(&json!({
            "group": group, "topic": topic, "partitions": all.iter().map(|at| at.partition.0).collect::<Vec<_>>(),
        })),
        Format::Human => output::line(format_args!(
            "{group}: forgot the offsets of {} of {topic}",
            output::plural(all.len(), "partition")
        )),
    }
}
