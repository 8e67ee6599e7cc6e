//! The brokers' configuration over the wire, as `kafka-configs.sh --entity-type brokers` has it: `cluster configs`
//! shows it, `cluster alter` changes it while they run.
use comfy_table::Cell;
use ordain::client::admin::{ConfigChange, ConfigEntry, ConfigResource, ConfigSource, Validate};
use ordain::client::{AutoCreate, Client};
use ordain::types::NodeId;
use serde_json::{Value, json};

use crate::connect;
use crate::failure::Failure;
use crate::output::{self, Format};
use crate::parse;

/// Which brokers.
#[derive(clap::Args, Clone, Debug)]
pub struct Whose {
    /// This broker alone.
    #[arg(long, visible_alias = "entity-name", value_name = "ID", value_parser = clap::value_parser!(i32).range(0..))]
    broker: Option<i32>,
    /// What is set for all brokers.
    #[arg(long = "default", visible_alias = "entity-default", conflicts_with = "broker")]
    is_default: bool,
}

#[derive(clap::Args, Clone, Debug)]
pub struct Show {
    #[command(flatten)]
    whose: Whose,
    /// Only keys whose name contains this text.
    filter: Option<String>,
    /// Every key, not only those that were set while the broker runs.
    #[arg(long)]
    all: bool,
}

#[derive(clap::Args, Clone, Debug)]
pub struct Alter {
    #[command(flatten)]
    whose: Whose,
    /// Set a key; may be repeated.
    #[arg(long = "config", visible_alias = "add-config", short = 'c', value_name = "KEY=VALUE", value_parser = parse::assignment)]
    set: Vec<(String, String)>,
    /// Back to what holds without it; may be repeated.
    #[arg(long, visible_alias = "delete-config", value_name = "KEY")]
    unset: Vec<String>,
    /// Add to a key that is a list; may be repeated.
    #[arg(long, value_name = "KEY=VALUE", value_parser = parse::assignment)]
    append: Vec<(String, String)>,
    /// Take from a key that is a list; may be repeated.
    #[arg(long, value_name = "KEY=VALUE", value_parser = parse::assignment)]
    subtract: Vec<(String, String)>,
    /// Only ask whether it could be changed.
    #[arg(long)]
    dry_run: bool,
}

/// Prints what is configured: of one broker, of the default, or of both and all.
pub async fn show(client: &Client, format: Format, asked: &Show) -> Result<(), Failure> {
    let resources = match (asked.whose.broker, asked.whose.is_default) {
        (Some(id), _) => vec![ConfigResource::Broker(known(client, id).await?)],
        (None, true) => vec![ConfigResource::BrokerDefault],
        (None, false) => {
            let brokers = brokers(client).await?.into_iter().map(ConfigResource::Broker);
            std::iter::once(ConfigResource::BrokerDefault).chain(brokers).collect()
        }
    };
    let mut documents = Vec::new();
    for (at, resource) in resources.iter().enumerate() {
        let told = client.describe_configs(resource).await?;
        let entries: Vec<&ConfigEntry> = told.iter().filter(|entry| is_shown(entry, asked)).collect();
        match format {
            Format::Json => documents.push(json!({
                "broker": id_of(resource), "configs": entries.iter().map(|entry| entry_json(entry)).collect::<Value>(),
            })),
            Format::Human => {
                if at > 0 {
                    output::line("")?;
                }
                print(resource, &entries, asked)?;
            }
        }
    }
    if format == Format::Json { output::json(&json!(documents)) } else { Ok(()) }
}

fn is_shown(entry: &ConfigEntry, asked: &Show) -> bool {
    let dynamic = matches!(entry.source, ConfigSource::DynamicBroker | ConfigSource::DynamicBrokerDefault);
    let named = asked.filter.as_ref().is_none_or(|text| entry.name.contains(text.as_str()));
    // Whoever names a key wants to see it, whoever has set it.
    named && (dynamic || asked.all || asked.filter.is_some())
}

fn id_of(resource: &ConfigResource) -> Option<i32> {
    match resource {
        ConfigResource::Broker(id) => Some(id.0),
        ConfigResource::BrokerDefault | ConfigResource::Topic(_) => None,
    }
}

fn entry_json(entry: &ConfigEntry) -> Value {
    let synonyms = entry
        .synonyms
        .iter()
        .map(|one| json!({ "name": one.name, "value": one.value, "source": one.source.to_string() }));
    json!({
        "name": entry.name, "value": entry.value, "source": entry.source.to_string(),
        "read_only": entry.is_read_only, "sensitive": entry.is_sensitive,
        "synonyms": synonyms.collect::<Value>(), "documentation": entry.documentation,
    })
}

fn print(resource: &ConfigResource, entries: &[&ConfigEntry], asked: &Show) -> Result<(), Failure> {
    output::line(match resource {
        ConfigResource::Broker(id) => format!("Broker {id}"),
        ConfigResource::BrokerDefault | ConfigResource::Topic(_) => "All brokers".to_owned(),
    })?;
    if entries.is_empty() {
        return output::line(match &asked.filter {
            Some(text) => format!("No key with {text:?} in its name is set here."),
            None => "Nothing was set while it runs; --all shows every key.".to_owned(),
        });
    }
    let mut table = output::table(&["CONFIG", "VALUE", "SET BY", ""]);
    for entry in entries {
        let value = match &entry.value {
            Some(value) => value.as_str(),
            None if entry.is_sensitive => "[hidden]",
            None => "(none)",
        };
        table.add_row([
            Cell::new(&entry.name),
            Cell::new(value),
            Cell::new(entry.source),
            Cell::new(if entry.is_read_only { "fixed at the start" } else { "" }),
        ]);
    }
    output::print_table(&table)
}

/// Changes keys of one broker or of all.
pub async fn alter(client: &Client, format: Format, asked: Alter) -> Result<(), Failure> {
    let resource = match (asked.whose.broker, asked.whose.is_default) {
        (Some(id), _) => ConfigResource::Broker(known(client, id).await?),
        (None, true) => ConfigResource::BrokerDefault,
        (None, false) => {
            let told = "say whose configuration: --broker ID for one broker, --default for all of them";
            return Err(Failure::Usage(told.to_owned()));
        }
    };
    let set = asked.set.into_iter().map(|(name, value)| ConfigChange::Set { name, value });
    let append = asked.append.into_iter().map(|(name, value)| ConfigChange::Append { name, value });
    let subtract = asked.subtract.into_iter().map(|(name, value)| ConfigChange::Subtract { name, value });
    let unset = asked.unset.into_iter().map(|name| ConfigChange::Delete { name });
    let changes: Vec<_> = set.chain(append).chain(subtract).chain(unset).collect();
    if changes.is_empty() {
        let told = "nothing to change; give --config, --append, --subtract or --unset";
        return Err(Failure::Usage(told.to_owned()));
    }
    let validate = if asked.dry_run { Validate::Only } else { Validate::Apply };
    let altered = client.alter_configs(&resource, &changes, validate).await;
    altered.map_err(|error| Failure::of_change(error, Failure::set_by(&changes)))?;
    if format == Format::Json {
        return output::json(&json!({
            "broker": id_of(&resource), "changed": !asked.dry_run, "config_changes": changes.len(),
        }));
    }
    let what = if asked.dry_run { "could be changed" } else { "changed" };
    output::line(match &resource {
        ConfigResource::Broker(id) => format!("broker {id}: {what}"),
        ConfigResource::BrokerDefault | ConfigResource::Topic(_) => format!("all brokers: {what}"),
    })
}

async fn brokers(client: &Client) -> Result<Vec<NodeId>, Failure> {
    let metadata = connect::with_retries(client, || client.describe(Some(&[]), AutoCreate::No)).await?;
    Ok(metadata.brokers.keys().copied().collect())
}

/// The broker of that number, if there is one.
async fn known(client: &Client, id: i32) -> Result<NodeId, Failure> {
    let brokers = brokers(client).await?;
    if brokers.contains(&NodeId(id)) {
        return Ok(NodeId(id));
    }
    let there = brokers.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    Err(Failure::Message(format!("there is no broker {id}; the cluster has {there}")))
}
