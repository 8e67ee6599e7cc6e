//! Whether a node can be restarted without anything stopping meanwhile. No I/O but the printing.
use std::collections::BTreeSet;
use std::time::Duration;

use comfy_table::Cell;
use ordain::client::{Client, TopicPartition};
use ordain::types::NodeId;
use serde_json::json;

use super::drain::told_by_brokers;
use super::findings::ids;
use super::look::{Look, QuorumLook, VoterState, look, majority};
use crate::failure::Failure;
use crate::output::{self, Format};

/// Leaders tell with a heartbeat who has caught up: what is true after a longer time is no report from before the last restart.
const HEARTBEAT_KEY: &str = "broker.heartbeat.interval.ms";
/// As often as that, where a broker does not tell.
const HEARTBEAT_DEFAULT: Duration = Duration::from_secs(2);
/// How much longer a report may take.
const REPORT_LATE_MAX: Duration = Duration::from_millis(500);
/// How many partitions a person is shown.
const SHOWN_MAX: usize = 10;

/// What stands against a restart; nothing, if it is safe.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Verdict {
    pub node: NodeId,
    /// How many partitions have a replica there.
    pub held: usize,
    pub against: Vec<Against>,
    pub quorum: Option<QuorumAgainst>,
}

/// A partition that would stop.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Against {
    pub at: TopicPartition,
    /// Its replicas in sync, without the node.
    pub left: usize,
    pub needed: usize,
    pub why: Why,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Why {
    NoLeader,
    /// These have to be in sync first.
    NotInSync(Vec<NodeId>),
    /// It has too few replicas to go on without one, whatever is waited for.
    TooFewReplicas(usize),
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum QuorumAgainst {
    NoLeader(String),
    TooFew {
        left: usize,
        needed: usize,
        wait_for: Vec<NodeId>,
    },
    /// It has too few voters to go on without one.
    TooFewVoters(usize),
}

impl Verdict {
    pub fn is_safe(&self) -> bool {
        self.against.is_empty() && self.quorum.is_none()
    }
}

/// To start one that is not there stops nothing. Where no controller tells, that one does not answer is no proof.
fn is_away(look: &Look, node: NodeId) -> bool {
    !matches!(look.quorum, QuorumLook::Silent(_)) && !look.runs(node)
}

pub fn verdict(look: &Look, node: NodeId) -> Verdict {
    let mut held = 0;
    let mut against = Vec::new();
    if is_away(look, node) {
        held = look.partitions().filter(|(_, p)| p.replicas.contains(&node)).count();
        return Verdict { node, held, against, quorum: None };
    }
    for (at, p) in look.partitions().filter(|(_, p)| p.replicas.contains(&node)) {
        held += 1;
        let in_sync = look.in_sync(p);
        let left = in_sync.iter().filter(|other| **other != node).count();
        let needed = look.needed(&at, p);
        let why = if needed > p.replicas.len() - 1 {
            Why::TooFewReplicas(p.replicas.len())
        } else if look.leader(p).is_none() {
            Why::NoLeader
        } else if left < needed {
            let out = |other: &&NodeId| **other != node && !in_sync.contains(other);
            Why::NotInSync(p.replicas.iter().filter(out).copied().collect())
        } else {
            continue;
        };
        against.push(Against { at, left, needed, why });
    }
    Verdict { node, held, against, quorum: quorum(look, node) }
}

fn quorum(look: &Look, node: NodeId) -> Option<QuorumAgainst> {
    let (quorum, committed_before) = match &look.quorum {
        QuorumLook::NotServed => return None,
        // Without it, the node could not come back either.
        QuorumLook::Silent(why) => return Some(QuorumAgainst::NoLeader(why.clone())),
        QuorumLook::Told { quorum, committed_before } => (quorum, *committed_before),
    };
    if quorum.voters.iter().all(|voter| voter.id != node) {
        return None;
    }
    let needed = majority(quorum.voters.len());
    if needed > quorum.voters.len() - 1 {
        return Some(QuorumAgainst::TooFewVoters(quorum.voters.len()));
    }
    let others = quorum.voters.iter().filter(|voter| voter.id != node);
    let (well, wait_for): (Vec<_>, Vec<_>) =
        others.partition(|voter| look.voter_state(quorum, committed_before, voter) == VoterState::KeepsUp);
    let wait_for = wait_for.into_iter().map(|voter| voter.id).collect();
    (well.len() < needed).then_some(QuorumAgainst::TooFew { left: well.len(), needed, wait_for })
}

/// The longest of the brokers that are there.
async fn heartbeat_interval(client: &Client, seen: &Look) -> Result<Duration, Failure> {
    let told = told_by_brokers(client, seen.there(), HEARTBEAT_KEY).await?;
    let intervals = told.values().filter_map(|value| value.parse().ok()).map(Duration::from_millis);
    Ok(intervals.fold(HEARTBEAT_DEFAULT, Duration::max))
}

/// Says `yes` or `no`; the latter ends with [`Failure::Told`].
pub async fn run(client: &Client, format: Format, node: NodeId) -> Result<(), Failure> {
    let mut seen = look(client).await?;
    seen.check_known(node)?;
    let mut found = verdict(&seen, node);
    // Heard lately, and it does not answer: it may have ended just now.
    let in_doubt = seen.runs(node) && !seen.is_there(node);
    if in_doubt || (found.is_safe() && seen.nodes().len() > 1 && seen.runs(node)) {
        tokio::time::sleep(heartbeat_interval(client, &seen).await? + REPORT_LATE_MAX).await;
        let before = std::mem::replace(&mut seen, look(client).await?);
        seen.hear_anew(node, &before);
        found = verdict(&seen, node);
    }
    match format {
        Format::Json => output::json(&document(&found, seen.runs(node)))?,
        Format::Human if found.is_safe() => print_yes(&seen, &found)?,
        Format::Human => print_no(&seen, &found)?,
    }
    if found.is_safe() { Ok(()) } else { Err(Failure::Told) }
}

fn print_yes(seen: &Look, found: &Verdict) -> Result<(), Failure> {
    if is_away(seen, found.node) {
        let node = found.node;
        return output::line(format_args!("yes: node {node} is not there; to start it stops nothing"));
    }
    let partitions = match found.held {
        0 => "no partition has a replica there".to_owned(),
        1 => "its partition keeps enough replicas in sync without it".to_owned(),
        held => format!("all {held} partitions there keep enough replicas in sync without it"),
    };
    let quorum = match &seen.quorum {
        QuorumLook::NotServed => "",
        QuorumLook::Told { .. } | QuorumLook::Silent(_) => ", and the metadata quorum its majority",
    };
    output::line(format_args!("yes: {partitions}{quorum}"))
}

fn print_no(seen: &Look, found: &Verdict) -> Result<(), Failure> {
    let node = found.node;
    let partitions = (!found.against.is_empty())
        .then(|| format!("{} of its {}", found.against.len(), output::plural(found.held, "partition")));
    let quorum = found.quorum.is_some().then(|| "the metadata quorum".to_owned());
    let what: Vec<String> = partitions.into_iter().chain(quorum).collect();
    output::line(format_args!("no: {} could not go on without node {node}", what.join(" and ")))?;
    if !found.against.is_empty() {
        output::line("")?;
        let mut table = output::table(&["PARTITION", "LEFT", "NEEDED", "WHY"]);
        output::numbers(&mut table, &[1, 2]);
        for against in found.against.iter().take(SHOWN_MAX) {
            table.add_row([
                Cell::new(&against.at),
                Cell::new(against.left),
                Cell::new(against.needed),
                Cell::new(why(&against.why)),
            ]);
        }
        output::print_table(&table)?;
        let more = found.against.len().saturating_sub(SHOWN_MAX);
        if more > 0 {
            output::line(format_args!("and {more} more"))?;
        }
    }
    output::line("")?;
    for advice in advice(found) {
        super::print_wrapped("", &advice)?;
    }
    if !seen.runs(node) {
        output::line(format_args!(
            "Node {node} does not answer: if it does not run, to start it stops nothing."
        ))?;
    }
    Ok(())
}

fn why(why: &Why) -> String {
    match why {
        Why::NoLeader => "it has no leader".to_owned(),
        Why::NotInSync(nodes) => match &nodes[..] {
            [one] => format!("node {one} is not in sync"),
            many => format!("nodes {} are not in sync", ids(many)),
        },
        Why::TooFewReplicas(1) => "it has no other replica".to_owned(),
        Why::TooFewReplicas(count) => format!("its {count} replicas are all needed"),
    }
}

/// What to wait for, and what no waiting helps against.
pub fn advice(found: &Verdict) -> Vec<String> {
    let mut lines = Vec::new();
    let mut wait_for: BTreeSet<NodeId> = BTreeSet::new();
    let (mut leaderless, mut never) = (0, 0);
    for against in &found.against {
        match &against.why {
            Why::NoLeader => leaderless += 1,
            Why::NotInSync(nodes) => wait_for.extend(nodes),
            Why::TooFewReplicas(_) => never += 1,
        }
    }
    match &found.quorum {
        Some(QuorumAgainst::NoLeader(why)) => lines.push(format!(
            "The metadata quorum has no leader that answers ({why}). Wait until more than half of its voters run."
        )),
        Some(QuorumAgainst::TooFew { left, needed, wait_for }) => lines.push(format!(
            "Of the metadata quorum {left} would be left that keep up, and {needed} are needed. Wait until voter {} is back and keeps up.",
            ids(wait_for)
        )),
        Some(QuorumAgainst::TooFewVoters(count)) => lines.push(format!(
            "The metadata quorum has {}, too few to go on without one: nothing can be changed while the node restarts.",
            output::plural(*count, "voter")
        )),
        None => {}
    }
    if leaderless > 0 {
        lines
            .push(format!("Wait until {} without leader have one.", output::plural(leaderless, "partition")));
    }
    let nodes: Vec<NodeId> = wait_for.into_iter().collect();
    match &nodes[..] {
        [] => {}
        [one] => lines.push(format!("Wait until node {one} is in sync again.")),
        many => lines.push(format!("Wait until nodes {} are in sync again.", ids(many))),
    }
    if never > 0 {
        let one = never == 1;
        lines.push(format!(
            "{} {} too few replicas to go on without one, and waiting does not help: expect an interruption there, or give {} \
             more replicas or a lower min.insync.replicas.",
            output::plural(never, "partition"),
            if one { "has" } else { "have" },
            if one { "it" } else { "them" },
        ));
    }
    lines
}

fn document(found: &Verdict, there: bool) -> serde_json::Value {
    let partitions = found.against.iter().map(|against| {
        json!({
            "topic": against.at.topic, "partition": against.at.partition.0,
            "left": against.left, "needed": against.needed, "why": why(&against.why),
        })
    });
    json!({
        "node": found.node.0, "there": there, "safe": found.is_safe(), "partitions": found.held,
        "against": partitions.collect::<Vec<_>>(), "quorum_safe": found.quorum.is_none(), "advice": advice(found),
    })
}
