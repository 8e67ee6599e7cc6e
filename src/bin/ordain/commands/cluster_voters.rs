//! Who votes on the metadata, and how that is changed.
use comfy_table::Cell;
use ordain::client::Client;
use ordain::client::admin::{Quorum, QuorumVoter};
use ordain::types::{ErrorCode, NodeId, Uuid};
use serde_json::json;

use super::cluster_health::drain::told_by_brokers;
use super::cluster_health::look::{Look, QuorumLook, VoterState, look, majority};
use crate::failure::Failure;
use crate::output::{self, Format};

/// The broker's key that says what a node is.
const ROLES_KEY: &str = "process.roles";
/// A removal names a directory; of a node that has no vote none is known, and none is compared.
const SOME_DIRECTORY: Uuid = Uuid([0xff; 16]);

/// How a change is meant.
#[derive(clap::Args, Clone, Debug)]
pub struct Change {
    /// The node's id.
    #[arg(value_name = "ID", value_parser = clap::value_parser!(i32).range(0..))]
    node: i32,
    /// Only say what would be done.
    #[arg(long)]
    dry_run: bool,
}

/// All that vote or follow.
pub async fn list(client: &Client, format: Format) -> Result<(), Failure> {
    let seen = look(client).await?;
    let quorum = told(&seen)?;
    if format == Format::Json {
        let one = |replica: &QuorumVoter, votes: bool| {
            json!({
                "id": replica.id.0, "directory_id": replica.directory.to_string(), "votes": votes,
                "leads": quorum.leader == Some(replica.id), "log_end_offset": replica.log_end.map(|end| end.0),
                "lag": quorum.lag(replica), "there": is_live(&seen, replica),
                "endpoints": replica.endpoints.iter().map(ToString::to_string).collect::<Vec<_>>(),
            })
        };
        let voters = quorum.voters.iter().map(|voter| one(voter, true));
        let observers = quorum.observers.iter().map(|observer| one(observer, false));
        return output::json(&json!({
            "leader": quorum.leader.map(|id| id.0), "epoch": quorum.epoch.0,
            "high_watermark": quorum.high_watermark.0,
            "nodes": voters.chain(observers).collect::<Vec<_>>(),
        }));
    }
    let mut table = output::table(&["NODE", "DIRECTORY", "ADDRESS", "END", "LAG", ""]);
    output::numbers(&mut table, &[0, 3, 4]);
    let voters = quorum.voters.iter().map(|voter| (voter, true));
    for (replica, votes) in voters.chain(quorum.observers.iter().map(|observer| (observer, false))) {
        let state = match (votes, is_live(&seen, replica)) {
            (true, _) if quorum.leader == Some(replica.id) => "voter, leads",
            (true, true) => "voter",
            (true, false) => "voter, not there",
            (false, _) => "observer",
        };
        let address = replica.endpoints.first().map_or_else(|| "-".to_owned(), ToString::to_string);
        table.add_row([
            Cell::new(replica.id),
            Cell::new(replica.directory),
            Cell::new(address),
            Cell::new(replica.log_end.map_or_else(|| "-".to_owned(), |end| end.to_string())),
            Cell::new(quorum.lag(replica).map_or_else(|| "-".to_owned(), output::count)),
            Cell::new(state),
        ]);
    }
    output::print_table(&table)
}

/// Lets an observer vote.
pub async fn add(client: &Client, format: Format, change: &Change) -> Result<(), Failure> {
    let seen = look(client).await?;
    let (quorum, node) = (told(&seen)?, NodeId(change.node));
    if quorum.voters.iter().any(|voter| voter.id == node) {
        return done(format, change, None, &format!("Node {node} is a voter already."));
    }
    let Some(observer) = quorum.observers.iter().find(|observer| observer.id == node) else {
        return Err(Failure::Message(format!(
            "node {node} does not follow the metadata: start it with this cluster's controller.quorum.bootstrap.servers; \
             `ordain cluster voters` shows it then"
        )));
    };
    // One that clients do not see cannot be asked: it may be a controller alone.
    let asked = seen.is_there(node).then_some(node);
    let roles = told_by_brokers(client, asked.into_iter(), ROLES_KEY).await?;
    if let Some(refusal) = roles.get(&node).and_then(|roles| role_refusal(node, roles)) {
        return Err(Failure::Message(refusal));
    }
    let count = quorum.voters.len() + 1;
    let after = format!("{count} voters then, of whom {} are needed", majority(count));
    if change.dry_run {
        return done(format, change, Some(observer), &format!("Node {node} would vote: {after}."));
    }
    client.add_voter(observer).await?;
    done(format, change, Some(observer), &format!("Node {node} votes: {after}."))
}

/// Why a node with these `process.roles` cannot vote, in the words of the controller, which a dry run does not ask.
fn role_refusal(node: NodeId, roles: &str) -> Option<String> {
    let has = |role: &str| roles.split(',').any(|one| one.trim() == role);
    // Brokers without roles do not say what they are.
    (has("broker") && !has("controller")).then(|| {
        format!(
            "node {node} is no controller (its process.roles is {roles}): start it with process.roles=broker,controller, then ask \
             again"
        )
    })
}

/// Lets a voter observe.
pub async fn remove(client: &Client, format: Format, change: &Change) -> Result<(), Failure> {
    let seen = look(client).await?;
    let (quorum, node) = (told(&seen)?, NodeId(change.node));
    let Some(voter) = quorum.voters.iter().find(|voter| voter.id == node) else {
        return take_back(client, format, change, &seen).await;
    };
    let rest: Vec<&QuorumVoter> = quorum.voters.iter().filter(|voter| voter.id != node).collect();
    let (live, needed) = (rest.iter().filter(|voter| is_live(&seen, voter)).count(), majority(rest.len()));
    if rest.is_empty() {
        return Err(Failure::Message(format!("node {node} is the only voter: add another one first")));
    }
    if live < needed {
        return Err(Failure::Message(format!(
            "without node {node} there are {}, of whom {needed} are needed and {live} are there: nothing could be changed any \
             more. Start the others, or remove one of those that are not there",
            output::plural(rest.len(), "voter"),
        )));
    }
    let after = format!("{} then, {needed} needed, {live} there", output::plural(rest.len(), "voter"));
    if change.dry_run {
        return done(format, change, Some(voter), &format!("Node {node} would vote no longer: {after}."));
    }
    client.remove_voter(voter).await?;
    done(format, change, Some(voter), &format!("Node {node} votes no longer: {after}."))
}

/// Sees to it that a node without a vote is to have none: its addition may have been cut off, and it is counted on ever since.
async fn take_back(client: &Client, format: Format, change: &Change, seen: &Look) -> Result<(), Failure> {
    let node = NodeId(change.node);
    if !change.dry_run {
        let none = QuorumVoter {
            id: node,
            log_end: None,
            last_fetch_ms: None,
            directory: SOME_DIRECTORY,
            endpoints: Vec::new(),
        };
        match client.remove_voter(&none).await {
            Ok(()) => {
                let text = format!("Node {node} was to become a voter, and is to be none.");
                return match format {
                    Format::Human => output::line(text),
                    Format::Json => output::json(&json!({
                        "node": node.0, "dry_run": false, "changed": true, "directory_id": null, "message": text,
                    })),
                };
            }
            Err(error) => match error.code() {
                // A cluster of one refuses all changes.
                Some(ErrorCode::VoterNotFound | ErrorCode::UnsupportedVersion) => {}
                Some(_) | None => return Err(error.into()),
            },
        }
    }
    seen.check_known(node)?;
    // Who is to become a voter is nothing that a client can ask for.
    let word = if change.dry_run { " If it was to become one, that would be taken back." } else { "" };
    done(format, change, None, &format!("Node {node} is no voter.{word}"))
}

fn done(format: Format, change: &Change, what: Option<&QuorumVoter>, text: &str) -> Result<(), Failure> {
    match format {
        Format::Human => output::line(text),
        Format::Json => output::json(&json!({
            "node": change.node, "dry_run": change.dry_run, "changed": what.is_some() && !change.dry_run,
            "directory_id": what.map(|replica| replica.directory.to_string()), "message": text,
        })),
    }
}

pub fn told(seen: &Look) -> Result<&Quorum, Failure> {
    match &seen.quorum {
        QuorumLook::Told { quorum, .. } => Ok(quorum),
        QuorumLook::NotServed => {
            Err(Failure::Message("this broker does not tell who votes on the metadata".to_owned()))
        }
        QuorumLook::Silent(why) => Err(Failure::Message(format!(
            "nobody tells who votes on the metadata ({why}): start a majority of the voters"
        ))),
    }
}

fn is_live(seen: &Look, voter: &QuorumVoter) -> bool {
    match &seen.quorum {
        QuorumLook::Told { quorum, committed_before } => {
            seen.voter_state(quorum, *committed_before, voter) != VoterState::NotThere
        }
        QuorumLook::NotServed | QuorumLook::Silent(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broker_alone_is_refused_before_it_is_asked_for() {
        for roles in ["broker,controller", "controller, broker", "controller", ""] {
            assert_eq!(role_refusal(NodeId(4), roles), None, "{roles}");
        }
        let expected = "node 4 is no controller (its process.roles is broker): start it with process.roles=broker,controller, then ask \
                        again";
        assert_eq!(role_refusal(NodeId(4), "broker").as_deref(), Some(expected));
    }
}
