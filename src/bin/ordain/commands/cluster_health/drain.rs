//! A broker that is to lead nothing: before it is stopped for long, moved or looked at.
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use ordain::client::admin::{ConfigChange, ConfigEntry, ConfigResource, Validate};
use ordain::client::{Client, TopicPartition};
use ordain::types::NodeId;
use serde_json::json;

use super::findings::{ids, named};
use super::look::{DRAIN_KEY, Look, QuorumLook, VoterState, look, look_with_disks};
use super::restart::verdict;
use crate::failure::Failure;
use crate::output::{self, Format};
use crate::progress;

/// How often it is looked at what the node leads still.
const LOOK_EVERY: Duration = Duration::from_millis(250);

#[derive(clap::Args, Clone, Debug)]
pub struct Arguments {
    /// The node's id.
    #[arg(value_name = "ID", value_parser = clap::value_parser!(i32).range(0..))]
    node: i32,
    /// Let it lead again.
    #[arg(long)]
    undo: bool,
    /// Only show what it leads and what others could; with --undo, whether it is draining.
    #[arg(long)]
    dry_run: bool,
    /// How long to wait until others lead, in seconds; the node goes on draining afterwards.
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    wait: u64,
}

/// What a node leads.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Leads {
    /// Another replica is in sync, and may lead.
    pub movable: Vec<TopicPartition>,
    /// None is.
    pub stuck: Vec<TopicPartition>,
    /// The metadata log; `None` if nobody tells who leads it.
    pub metadata: Option<bool>,
    /// Of the metadata log's voters no other one may lead it, or keeps up with it.
    pub metadata_is_stuck: bool,
}

impl Leads {
    fn all(&self) -> usize {
        self.movable.len() + self.stuck.len() + usize::from(self.metadata != Some(false))
    }

    /// Whether others lead all that they can, as far as anybody tells.
    fn is_done(&self) -> bool {
        self.movable.is_empty() && (self.metadata == Some(false) || self.metadata_is_stuck)
    }
}

/// What is said to be led by the node, whether it answers or not.
pub fn leads(look: &Look, node: NodeId) -> Leads {
    let mut leads = Leads::default();
    // Who is to lead nothing, or has a disk that is too slow for it, as far as was asked.
    let may = |other: &NodeId| {
        *other != node && !look.draining.contains(other) && look.slow_commit_ms(*other).is_none()
    };
    for (at, p) in look.partitions().filter(|(_, p)| p.leader == Some(node)) {
        let has_other = look.in_sync(p).iter().any(may);
        if has_other { &mut leads.movable } else { &mut leads.stuck }.push(at);
    }
    leads.metadata = match &look.quorum {
        QuorumLook::Told { quorum, .. } => quorum.leader.map(|leader| leader == node),
        QuorumLook::NotServed => Some(false),
        QuorumLook::Silent(_) => None,
    };
    if let QuorumLook::Told { quorum, committed_before } = &look.quorum {
        let mut others = quorum.voters.iter().filter(|voter| may(&voter.id));
        let keeps_up = |voter| look.voter_state(quorum, *committed_before, voter) == VoterState::KeepsUp;
        leads.metadata_is_stuck = leads.metadata == Some(true) && !others.any(keeps_up);
    }
    leads
}

/// Those of these that nobody leads who answers.
fn unled(look: &Look, before: &Leads) -> Vec<TopicPartition> {
    let is_led = |at: &TopicPartition| look.metadata.partition(at).is_none_or(|p| look.leader(p).is_some());
    before.movable.iter().chain(&before.stuck).filter(|at| !is_led(at)).cloned().collect()
}

/// A node that leads something in the end that others could lead ends it with [`Failure::Told`].
pub async fn run(client: &Client, format: Format, asked: &Arguments) -> Result<(), Failure> {
    let node = NodeId(asked.node);
    let seen = look(client).await?;
    seen.check_known(node)?;
    if !seen.is_there(node) {
        return Err(Failure::Message(no_broker(&seen, node)));
    }
    let resource = ConfigResource::Broker(node);
    check_drainable(node, &client.describe_configs(&resource).await?)?;
    if asked.undo {
        let was = seen.draining.contains(&node);
        if !asked.dry_run {
            let change = [ConfigChange::Delete { name: DRAIN_KEY.to_owned() }];
            client.alter_configs(&resource, &change, Validate::Apply).await?;
        }
        return tell_undone(format, node, asked.dry_run, was);
    }
    let before = leads(&seen, node);
    if asked.dry_run {
        return tell(format, node, &before, Told::DryRun(seen.draining.contains(&node)));
    }
    let change = [ConfigChange::Set { name: DRAIN_KEY.to_owned(), value: "true".to_owned() }];
    client.alter_configs(&resource, &change, Validate::Apply).await?;
    let (now, unled) = until_nothing_moves(client, node, &before, asked.wait).await?;
    let is_done = now.is_done() && unled.is_empty();
    tell(format, node, &now, Told::Done { began: before.all(), unled })?;
    if is_done { Ok(()) } else { Err(Failure::Told) }
}

/// Why a node that does not answer clients is not drained. One that runs all the same and holds nothing is a controller only, whose
/// settings cannot be changed through a broker.
pub(super) fn no_broker(look: &Look, node: NodeId) -> String {
    let is_broker = look.metadata.brokers.contains_key(&node)
        || look.partitions().any(|(_, p)| p.replicas.contains(&node));
    if is_broker || !look.runs(node) {
        let there: Vec<NodeId> = look.there().collect();
        return format!("node {node} is not there; the cluster has {}", ids(&there));
    }
    let once = match verdict(look, node).is_safe() {
        true => String::new(),
        false => format!(" once `ordain cluster safe-to-restart {node}` says yes"),
    };
    format!(
        "node {node} is a controller only: it leads no partitions, so that there is nothing to drain, and may just be stopped{once}; \
         if it leads the metadata log, it hands that over then"
    )
}

/// Other brokers take a key that they do not know, keep it, and do nothing.
pub(super) fn check_drainable(node: NodeId, known: &[ConfigEntry]) -> Result<(), Failure> {
    if known.iter().any(|entry| entry.name == DRAIN_KEY) {
        return Ok(());
    }
    Err(Failure::Message(format!(
        "node {node} cannot be drained: it has no key {DRAIN_KEY}, so that it is no broker of Ordain, or an older one; nothing was \
         changed. `ordain topic reassign TOPIC --to IDS` and kafka-reassign-partitions.sh move what it leads"
    )))
}

/// What the node leads once others lead what they can, or when time is up; and what of all that it led nobody leads then.
async fn until_nothing_moves(
    client: &Client,
    node: NodeId,
    before: &Leads,
    seconds: u64,
) -> Result<(Leads, Vec<TopicPartition>), Failure> {
    let total = before.all();
    let bar = progress::bar(u64::try_from(total).ok(), "leaders handed over");
    let deadline = Instant::now() + Duration::from_secs(seconds);
    let mut lines = progress::Lines::default();
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let is_last = Instant::now() >= deadline;
        // What each tells of its disk is long: it is asked for where it explains what was not handed over.
        let seen = if is_last { look_with_disks(client).await } else { look(client).await };
        let seen = match seen {
            Ok(seen) => seen,
            // The node drains by now: a question that failed says nothing of that.
            Err(_) if !is_last => continue,
            Err(error) => return Err(error),
        };
        let (now, unled) = (leads(&seen, node), unled(&seen, before));
        let left = now.all() + unled.len();
        bar.set_position(u64::try_from(total.saturating_sub(left)).unwrap_or(0));
        lines.tell(|| format!("node {node} leads {} still, of {total}", now.all()));
        if (now.is_done() && unled.is_empty()) || is_last {
            bar.finish_and_clear();
            return Ok((now, unled));
        }
    }
}

fn tell_undone(format: Format, node: NodeId, dry_run: bool, was: bool) -> Result<(), Failure> {
    match (format, dry_run, was) {
        (Format::Json, _, _) => output::json(&json!({
            "node": node.0, "dry_run": dry_run, "draining": was && dry_run, "was_draining": was,
        })),
        (Format::Human, true, true) => output::line(format_args!(
            "Node {node} is draining, and would be let lead again. Nothing was changed; without --dry-run it is."
        )),
        (Format::Human, true, false) => {
            output::line(format_args!("Node {node} is not draining: nothing would change."))
        }
        (Format::Human, false, true) => output::line(format_args!(
            "Node {node} may lead again; `ordain cluster balance` gives it back what it is preferred for."
        )),
        (Format::Human, false, false) => output::line(format_args!("Node {node} was not draining.")),
    }
}

enum Told {
    DryRun(bool),
    /// How much it led, and what of that nobody leads.
    Done {
        began: usize,
        unled: Vec<TopicPartition>,
    },
}

fn tell(format: Format, node: NodeId, leads: &Leads, told: Told) -> Result<(), Failure> {
    let Leads { movable, stuck, metadata, metadata_is_stuck } = leads;
    if format == Format::Json {
        let places = |all: &[TopicPartition]| -> Vec<serde_json::Value> {
            all.iter().map(|at| json!({ "topic": at.topic, "partition": at.partition.0 })).collect()
        };
        let (dry_run, draining, unled) = match told {
            Told::DryRun(draining) => (true, draining, Vec::new()),
            Told::Done { unled, .. } => (false, true, unled),
        };
        return output::json(&json!({
            "node": node.0, "dry_run": dry_run, "draining": draining, "leads": leads.all(),
            "movable": places(movable), "stuck": places(stuck), "unled": places(&unled), "leads_metadata": metadata,
            "metadata_stuck": metadata_is_stuck,
        }));
    }
    let metadata = match metadata {
        Some(true) => " and the metadata log",
        Some(false) => "",
        None => " and perhaps the metadata log, of which nobody tells who leads it,",
    };
    match told {
        Told::DryRun(_) => output::line(format_args!(
            "Node {node} leads {}{metadata}, of which others could lead {}. Nothing was changed; without --dry-run it is.",
            output::plural(movable.len() + stuck.len(), "partition"),
            movable.len(),
        ))?,
        Told::Done { unled, .. } if leads.all() == 0 && unled.is_empty() => {
            output::line(format_args!("Node {node} leads nothing, and goes on draining until --undo."))?;
        }
        Told::Done { began, unled } => {
            output::line(format_args!(
                "Node {node} has handed over {} of {began}; it leads {}{metadata} still, and goes on draining until --undo.",
                began.saturating_sub(leads.all() + unled.len()),
                output::plural(movable.len() + stuck.len(), "partition"),
            ))?;
            if !unled.is_empty() {
                let what = output::plural(unled.len(), "partition");
                let text = format!("{what} that it led nobody leads now who answers: {}", named(&unled));
                super::print_wrapped("", &text)?;
            }
        }
    }
    if *metadata_is_stuck {
        let text = "The metadata log cannot move, since none of its other voters may lead and keeps up";
        super::print_wrapped("", text)?;
    }
    if stuck.is_empty() {
        return Ok(());
    }
    let text = format!(
        "{} cannot move, since no other replica in sync may lead: {}",
        output::plural(stuck.len(), "partition"),
        named(stuck)
    );
    super::print_wrapped("", &text)
}

/// The brokers among these that a person drains.
pub async fn draining(
    client: &Client,
    nodes: impl Iterator<Item = NodeId>,
) -> Result<BTreeSet<NodeId>, Failure> {
    let told = told_by_brokers(client, nodes, DRAIN_KEY).await?;
    Ok(told.into_iter().filter(|(_, value)| value == "true").map(|(node, _)| node).collect())
}

/// What these brokers tell of a key of theirs, those that have it.
pub async fn told_by_brokers(
    client: &Client,
    nodes: impl Iterator<Item = NodeId>,
    key: &str,
) -> Result<BTreeMap<NodeId, String>, Failure> {
    let mut values = BTreeMap::new();
    for node in nodes {
        let told = client.describe_configs(&ConfigResource::Broker(node)).await?;
        let value = told.into_iter().find(|entry| entry.name == key).and_then(|entry| entry.value);
        values.extend(value.map(|value| (node, value)));
    }
    Ok(values)
}
