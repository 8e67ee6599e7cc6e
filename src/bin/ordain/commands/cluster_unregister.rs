//! A broker that does not come back is forgotten.
use ordain::client::{Client, TopicPartition};
use ordain::types::NodeId;
use serde_json::json;

use super::cluster_health::findings::named;
use super::cluster_health::look::{Look, look_at_nodes};
use super::cluster_voters;
use crate::failure::Failure;
use crate::output::{self, Format};

#[derive(clap::Args, Clone, Copy, Debug)]
pub struct Unregistration {
    /// The broker's id.
    #[arg(value_name = "ID", value_parser = clap::value_parser!(i32).range(0..))]
    node: i32,
    /// Only say what would be done.
    #[arg(long)]
    dry_run: bool,
}

pub async fn run(client: &Client, format: Format, asked: Unregistration) -> Result<(), Failure> {
    let (seen, node) = (look_at_nodes(client).await?, NodeId(asked.node));
    let quorum = cluster_voters::told(&seen)?;
    seen.check_known(node)?;
    if let Some(first) = hindrance(&seen, node, quorum.voters.iter().any(|voter| voter.id == node)) {
        return Err(Failure::Message(format!("broker {node} cannot be unregistered: {first}")));
    }
    let text = if asked.dry_run {
        format!("Broker {node} would be forgotten. Nothing was changed; without --dry-run it is.")
    } else {
        client.unregister_broker(node).await?;
        format!("Broker {node} is registered no longer; if it is started again, it registers again.")
    };
    match format {
        Format::Human => output::line(text),
        Format::Json => output::json(&json!({
            "node": node.0, "dry_run": asked.dry_run, "changed": !asked.dry_run, "message": text,
        })),
    }
}

/// What has to be done first. Replicas before votes: they take longest.
fn hindrance(seen: &Look, node: NodeId, votes: bool) -> Option<String> {
    if seen.is_there(node) {
        return Some("it is there, and would register again. Stop it first".to_owned());
    }
    if seen.runs(node) || seen.metadata.brokers.contains_key(&node) {
        return Some(
            "the cluster has heard it within the last seconds. Stop it first; if it is stopped, try again in ten seconds"
                .to_owned(),
        );
    }
    let held: Vec<TopicPartition> =
        seen.partitions().filter(|(_, p)| p.replicas.contains(&node)).map(|(at, _)| at).collect();
    if !held.is_empty() {
        return Some(format!(
            "it has {} still: {}. `ordain cluster evacuate {node}` moves them to others; do that first",
            output::plural(held.len(), "replica"),
            named(&held),
        ));
    }
    votes.then(|| {
        format!(
            "it votes on the metadata. `ordain cluster remove-voter {node}` first, after `ordain cluster add-voter ID` if another \
             node is to vote in its place"
        )
    })
}
