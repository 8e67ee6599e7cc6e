use clap::Subcommand;
use comfy_table::Cell;
use ordain::client::{AutoCreate, Client, ClusterMetadata, Feature};
use ordain::types::NodeId;
use ordain::wire::ApiKey;
use serde_json::json;

use super::cluster_health::balance::Mode;
use super::cluster_health::drain;
use super::cluster_health::look::{QuorumLook, look_at_quorum};
use super::{cluster_config, cluster_health, cluster_recover, cluster_unregister, cluster_voters, reassign};
use crate::connect::{self, Connect};
use crate::failure::Failure;
use crate::output::{self, Format};

#[derive(clap::Args, Debug)]
pub struct Arguments {
    #[command(flatten)]
    connect: Connect,
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Subcommand, Clone, Debug)]
enum Action {
    #[command(flatten)]
    Asked(Question),
    /// Go on with what is left where a majority of nodes is lost for good.
    ///
    /// Three steps, all with the surviving nodes stopped; each shows what would be lost before anything is changed.
    Recover(cluster_recover::Arguments),
}

/// What a broker is asked.
#[derive(Subcommand, Clone, Debug)]
enum Question {
    /// Brokers, controller and features (what is shown without an action).
    Info,
    /// The API versions a broker serves, beside those this client knows.
    Apis,
    /// The log directories of every broker.
    LogDirs {
        /// Every partition, not only sums.
        #[arg(long)]
        partitions: bool,
    },
    /// The brokers' configuration, as it is.
    Configs(cluster_config::Show),
    /// Change the brokers' configuration while they run.
    Alter(cluster_config::Alter),
    /// Whether all is well, and what to do where it is not.
    ///
    /// Shows the brokers, the metadata quorum, and problems: nodes that are not there, partitions without leader or with too few
    /// replicas in sync. Exit code 0 if there is no problem, else 1, as when the cluster cannot be asked.
    Health,
    /// Whether a node can be restarted without anything stopping meanwhile.
    ///
    /// Prints yes, or no with what stands against it: each partition with a replica there, and the metadata quorum, has to keep a
    /// majority in sync without it, and as many replicas as min.insync.replicas says. Yes for a node that is not there: to start
    /// it stops nothing. Exit code 0 for yes, 1 for no and where
    /// the cluster cannot be asked, 2 if there is no such node.
    SafeToRestart {
        /// The node's id.
        #[arg(value_name = "ID", value_parser = clap::value_parser!(i32).range(0..))]
        node: i32,
    },
    /// Move everything that a broker holds to the others, so that it can be taken away.
    ///
    /// Shows what moves, then waits. Exit code 0 once everything has moved, else 1, and 2 if there is no such node. The broker goes on
    /// as one without partitions: stop it then. One that is not there is evacuated, too, as far as partitions have a majority.
    Evacuate(reassign::Evacuation),
    /// Let a node lead nothing and get no new replicas, until --undo.
    ///
    /// Others take over what it leads; it goes on to replicate. Waits until that is done. Exit code 0 if the node leads nothing that
    /// another one could, else 1, and 2 if there is no such node.
    Drain(drain::Arguments),
    /// The nodes that vote on the metadata, and those that follow it.
    Voters,
    /// Let a node that follows the metadata vote on it.
    ///
    /// Done once a majority, the node among them, knows of it. A node that votes already is left as it is.
    AddVoter(cluster_voters::Change),
    /// Let a node vote on the metadata no longer; it goes on following it.
    ///
    /// Refused where the voters that are left have no majority that is there.
    RemoveVoter(cluster_voters::Change),
    /// Forget a broker that does not come back.
    ///
    /// Refused while it is there, holds replicas or votes on the metadata; says what to do first then. One that is started again
    /// registers again. Exit code 0 if it is forgotten, 1 if that is refused, 2 if there is no such node.
    Unregister(cluster_unregister::Unregistration),
    /// Let the preferred replicas, the first of each partition, lead again where they are in sync.
    ///
    /// Exit code 0 if all of these moved, or none had to, else 1.
    Balance {
        /// Only show what would move.
        #[arg(long)]
        dry_run: bool,
    },
}

pub fn run(arguments: Arguments) -> Result<(), Failure> {
    let question = match arguments.action {
        // The nodes are stopped.
        Some(Action::Recover(asked)) => return cluster_recover::run(asked),
        Some(Action::Asked(question)) => question,
        None => Question::Info,
    };
    connect::run_interruptible(async move {
        let client = arguments.connect.client()?;
        let format = Format::from_flag(arguments.connect.json);
        match question {
            Question::Info => info(&client, format).await,
            Question::Apis => apis(&client, format).await,
            Question::LogDirs { partitions } => log_dirs(&client, format, partitions).await,
            Question::Configs(asked) => cluster_config::show(&client, format, &asked).await,
            Question::Alter(asked) => cluster_config::alter(&client, format, asked).await,
            Question::Health => cluster_health::run(&client, format).await,
            Question::SafeToRestart { node } => {
                cluster_health::restart::run(&client, format, NodeId(node)).await
            }
            Question::Evacuate(asked) => reassign::evacuate(&client, format, asked).await,
            Question::Drain(asked) => drain::run(&client, format, &asked).await,
            Question::Voters => cluster_voters::list(&client, format).await,
            Question::AddVoter(change) => cluster_voters::add(&client, format, &change).await,
            Question::RemoveVoter(change) => cluster_voters::remove(&client, format, &change).await,
            Question::Unregister(asked) => cluster_unregister::run(&client, format, asked).await,
            Question::Balance { dry_run } => {
                let mode = if dry_run { Mode::DryRun } else { Mode::Execute };
                cluster_health::balance::run(&client, format, mode).await
            }
        }
    })
}

async fn info(client: &Client, format: Format) -> Result<(), Failure> {
    let metadata = connect::with_retries(client, || client.describe(None, AutoCreate::No)).await?;
    let broker = client.any_broker().await?;
    let controller = controller(client, &metadata).await?;
    let partitions: usize = metadata.topics.values().map(|topic| topic.partitions.len()).sum();
    if format == Format::Json {
        return output::json(&info_json(&metadata, controller, broker.features(), partitions));
    }
    output::line(format_args!(
        "Cluster {}  {}, {}, {}",
        metadata.cluster_id.as_deref().unwrap_or("(no id)"),
        output::plural(metadata.brokers.len(), "broker"),
        output::plural(metadata.topics.len(), "topic"),
        output::plural(partitions, "partition"),
    ))?;
    output::line("")?;
    let mut table = output::table(&["BROKER", "ADDRESS", "RACK", "LEADS", "REPLICAS", ""]);
    output::numbers(&mut table, &[0, 3, 4]);
    for node in metadata.brokers.values() {
        let all = || metadata.topics.values().flat_map(|topic| &topic.partitions);
        let controls = controller == Some(node.id);
        table.add_row([
            Cell::new(node.id),
            Cell::new(&node.address),
            Cell::new(node.rack.as_deref().unwrap_or("-")),
            Cell::new(all().filter(|p| p.leader == Some(node.id)).count()),
            Cell::new(all().filter(|p| p.replicas.contains(&node.id)).count()),
            Cell::new(if controls { "controller" } else { "" }),
        ]);
    }
    output::print_table(&table)?;
    if broker.features().is_empty() {
        return Ok(());
    }
    output::line("")?;
    let mut table = output::table(&["FEATURE", "LEVEL", "SUPPORTED"]);
    output::numbers(&mut table, &[1]);
    for feature in broker.features() {
        table.add_row([
            Cell::new(&feature.name),
            Cell::new(feature.finalized.map_or_else(|| "off".to_owned(), |level| level.to_string())),
            Cell::new(feature.supported),
        ]);
    }
    output::print_table(&table)
}

/// Who leads the metadata: brokers of this kind name themselves the controller to clients, since each takes what is for it.
async fn controller(client: &Client, metadata: &ClusterMetadata) -> Result<Option<NodeId>, Failure> {
    match look_at_quorum(client).await? {
        QuorumLook::Told { quorum, .. } => Ok(quorum.leader),
        QuorumLook::NotServed => Ok(metadata.controller),
        QuorumLook::Silent(_) => Ok(None),
    }
}

fn info_json(
    metadata: &ClusterMetadata,
    controller: Option<NodeId>,
    features: &[Feature],
    partitions: usize,
) -> serde_json::Value {
    let brokers: Vec<_> = metadata
        .brokers
        .values()
        .map(|node| {
            json!({
                "id": node.id.0, "host": node.address.host, "port": node.address.port, "rack": node.rack,
                "controller": controller == Some(node.id),
            })
        })
        .collect();
    let features: Vec<_> = features
        .iter()
        .map(|f| json!({ "name": f.name, "level": f.finalized, "min": f.supported.min, "max": f.supported.max }))
        .collect();
    json!({
        "cluster_id": metadata.cluster_id, "controller": controller.map(|id| id.0),
        "brokers": brokers, "features": features,
        "topics": metadata.topics.len(), "partitions": partitions,
    })
}

async fn apis(client: &Client, format: Format) -> Result<(), Failure> {
    let broker = client.any_broker().await?;
    if format == Format::Json {
        let apis = broker.versions().iter().map(|(key, range)| {
            let ours = ApiKey::from_key(*key);
            json!({
                "key": key, "name": ours.map(ApiKey::name), "min": range.min, "max": range.max,
                "client_max": ours.map(|api| api.schema().max),
            })
        });
        return output::json(&apis.collect());
    }
    let mut table = output::table(&["KEY", "API", "BROKER", "CLIENT"]);
    output::numbers(&mut table, &[0]);
    for (key, range) in broker.versions() {
        let ours = ApiKey::from_key(*key);
        table.add_row([
            Cell::new(key),
            Cell::new(ours.map_or("(unknown to this client)", ApiKey::name)),
            Cell::new(range),
            Cell::new(ours.map_or_else(|| "-".to_owned(), |api| api.schema().to_string())),
        ]);
    }
    output::print_table(&table)
}

async fn log_dirs(client: &Client, format: Format, partitions: bool) -> Result<(), Failure> {
    let metadata = connect::with_retries(client, || client.describe(Some(&[]), AutoCreate::No)).await?;
    let mut dirs = Vec::new();
    for id in metadata.brokers.keys() {
        dirs.extend(client.log_dirs(*id).await?.into_iter().map(|dir| (*id, dir)));
    }
    if format == Format::Json {
        let dirs = dirs.iter().map(|(id, dir)| {
            let partitions: Vec<_> = dir
                .partitions
                .iter()
                .map(|p| {
                    json!({
                        "topic": p.partition.topic, "partition": p.partition.partition.0,
                        "bytes": p.size_bytes, "offset_lag": p.offset_lag, "future": p.is_future,
                    })
                })
                .collect();
            json!({
                "broker": id.0, "path": dir.path, "error": dir.error,
                "total_bytes": dir.total_bytes, "usable_bytes": dir.usable_bytes, "partitions": partitions,
            })
        });
        return output::json(&dirs.collect());
    }
    let shown = |bytes: Option<u64>| bytes.map_or_else(|| "-".to_owned(), output::bytes);
    let mut table = output::table(&["BROKER", "DIRECTORY", "PARTITIONS", "SIZE", "FREE", "OF", "STATE"]);
    output::numbers(&mut table, &[0, 2, 3, 4, 5]);
    for (id, dir) in &dirs {
        table.add_row([
            Cell::new(id),
            Cell::new(&dir.path),
            Cell::new(dir.partitions.len()),
            Cell::new(output::bytes(dir.partitions.iter().map(|p| p.size_bytes).sum())),
            Cell::new(shown(dir.usable_bytes)),
            Cell::new(shown(dir.total_bytes)),
            Cell::new(dir.error.as_deref().unwrap_or("ok")),
        ]);
    }
    output::print_table(&table)?;
    if !partitions {
        return Ok(());
    }
    output::line("")?;
    let mut table = output::table(&["BROKER", "PARTITION", "SIZE", "LAG"]);
    output::numbers(&mut table, &[0, 2, 3]);
    for (id, dir) in &dirs {
        for p in &dir.partitions {
            table.add_row([
                Cell::new(id),
                Cell::new(&p.partition),
                Cell::new(output::bytes(p.size_bytes)),
                Cell::new(p.offset_lag),
            ]);
        }
    }
    output::print_table(&table)
}
