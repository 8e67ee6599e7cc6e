//! From what was seen of a cluster to what is wrong with it. No I/O.
use std::collections::{BTreeMap, BTreeSet};

use ordain::client::admin::{LogDir, Quorum};
use ordain::client::{PartitionMetadata, TopicPartition};
use ordain::types::{NodeId, Offset, first_names};

use super::look::{Look, QuorumLook, VoterState, majority};
use crate::output::{bytes, plural};

/// A disk of which less than one part of so many is left is nearly full.
const NEARLY_FULL: u64 = 20;

/// The replicas that a partition had better have, where there are so many brokers: one may be lost then.
const REPLICAS_ADVISED: usize = 3;

/// One thing that somebody should know.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    pub kind: Kind,
    pub what: String,
    pub to_do: String,
    pub brokers: Vec<NodeId>,
    pub partitions: Vec<TopicPartition>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    BrokerSilent,
    BrokerMissing,
    NodeMissing,
    DiskFailed,
    DiskFull,
    DiskNearlyFull,
    DiskSlow,
    QuorumSilent,
    VoterMissing,
    VoterLags,
    QuorumAtRisk,
    TopicError,
    NothingLeft,
    MajorityLost,
    NoLeader,
    BelowMinInsync,
    BelowMajority,
    UnderReplicated,
    SingleReplica,
    NotPreferred,
    Draining,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Kind::BrokerSilent => "broker_silent",
            Kind::BrokerMissing => "broker_missing",
            Kind::NodeMissing => "node_missing",
            Kind::DiskFailed => "disk_failed",
            Kind::DiskFull => "disk_full",
            Kind::DiskNearlyFull => "disk_nearly_full",
            Kind::DiskSlow => "disk_slow",
            Kind::QuorumSilent => "quorum_silent",
            Kind::VoterMissing => "voter_missing",
            Kind::VoterLags => "voter_lags",
            Kind::QuorumAtRisk => "quorum_at_risk",
            Kind::TopicError => "topic_error",
            Kind::NothingLeft => "nothing_left",
            Kind::MajorityLost => "majority_lost",
            Kind::NoLeader => "no_leader",
            Kind::BelowMinInsync => "below_min_insync",
            Kind::BelowMajority => "below_majority",
            Kind::UnderReplicated => "under_replicated",
            Kind::SingleReplica => "single_replica",
            Kind::NotPreferred => "not_preferred",
            Kind::Draining => "draining",
        }
    }

    /// Whether the cluster is not healthy with it.
    pub fn is_problem(self) -> bool {
        !matches!(self, Kind::NotPreferred | Kind::SingleReplica | Kind::Draining | Kind::DiskNearlyFull)
    }
}

/// What is to be said, the worst within each part first: brokers, the metadata quorum, partitions.
pub fn findings(look: &Look) -> Vec<Finding> {
    let mut found = brokers(look);
    for (node, dirs) in &look.disks {
        let of_each = dirs.iter().map(|dir| [disk(*node, dir), slow_disk(look, *node, dir)]);
        found.extend(of_each.flatten().flatten());
    }
    match &look.quorum {
        QuorumLook::Told { quorum, committed_before } => {
            found.extend(quorum_told(look, quorum, *committed_before));
        }
        QuorumLook::NotServed => {}
        QuorumLook::Silent(why) => found.push(Finding {
            kind: Kind::QuorumSilent,
            what: format!("the metadata quorum has no leader that answers ({why})"),
            to_do: "start its voters again until more than half of them run; until then no topic, configuration or \
                    broker can change. If half of them or more are lost for good, `ordain cluster recover`"
                .to_owned(),
            brokers: Vec::new(),
            partitions: Vec::new(),
        }),
    }
    found.extend(partitions(look));
    found.extend(single_replicas(look));
    found
}

fn brokers(look: &Look) -> Vec<Finding> {
    let mut replicas: BTreeMap<NodeId, usize> = BTreeMap::new();
    for node in look.partitions().flat_map(|(_, p)| &p.replicas) {
        *replicas.entry(*node).or_default() += 1;
    }
    let silent = look.silent.iter().map(|(node, why)| Finding {
        kind: Kind::BrokerSilent,
        what: format!("broker {node} does not answer ({why})"),
        to_do: format!(
            "if it runs, look at its log and at the network from here; else start it again{}",
            way_out(&look.quorum, *node)
        ),
        brokers: vec![*node],
        partitions: Vec::new(),
    });
    let missing = replicas.iter().filter(|(node, _)| !look.metadata.brokers.contains_key(node));
    let missing = missing.map(|(node, count)| Finding {
        kind: Kind::BrokerMissing,
        what: format!("broker {node} is not there (fenced or gone); it has {}", plural(*count, "replica")),
        to_do: format!(
            "start it again; if it runs, its log says why the cluster does not hear it{}",
            way_out(&look.quorum, *node)
        ),
        brokers: vec![*node],
        partitions: Vec::new(),
    });
    let idle = missing_without_task(look, &replicas);
    let draining = look.draining.iter().map(|node| {
        let leads = look.partitions().filter(|(_, p)| look.leader(p) == Some(*node)).count();
        let still = if leads > 0 {
            format!(": it leads {} still", plural(leads, "partition"))
        } else {
            " and leads nothing".to_owned()
        };
        Finding {
            kind: Kind::Draining,
            what: format!("broker {node} is draining{still}"),
            to_do: format!("`ordain cluster drain {node} --undo` lets it lead again"),
            brokers: vec![*node],
            partitions: Vec::new(),
        }
    });
    silent.chain(missing).chain(idle).chain(draining).collect()
}

/// Those that are registered, or followed the metadata, and do not run: of voters, and of those with `replicas`, other findings tell.
fn missing_without_task(look: &Look, replicas: &BTreeMap<NodeId, usize>) -> Vec<Finding> {
    let QuorumLook::Told { quorum, .. } = &look.quorum else { return Vec::new() };
    let told_elsewhere = |node: &NodeId| {
        look.metadata.brokers.contains_key(node)
            || replicas.contains_key(node)
            || quorum.voters.iter().any(|voter| voter.id == *node)
    };
    let known: BTreeSet<NodeId> =
        quorum.nodes.iter().copied().chain(quorum.observers.iter().map(|observer| observer.id)).collect();
    let missing = known.into_iter().filter(|node| !told_elsewhere(node) && !look.runs(*node));
    let finding = |node| Finding {
        kind: Kind::NodeMissing,
        what: format!("node {node} is registered and does not run; it has no replica and no vote"),
        to_do: format!(
            "start it again; if it runs, its log says why the cluster does not hear it. If it does not come back, `ordain cluster \
             unregister {node}`"
        ),
        brokers: vec![node],
        partitions: Vec::new(),
    };
    missing.map(finding).collect()
}

/// The way out where a broker does not come back.
fn way_out(quorum: &QuorumLook, node: NodeId) -> String {
    let votes = match quorum {
        QuorumLook::Told { quorum, .. } => quorum.voters.iter().any(|voter| voter.id == node),
        QuorumLook::NotServed | QuorumLook::Silent(_) => false,
    };
    let vote = if votes {
        format!(", `ordain cluster add-voter ID` for that one and `ordain cluster remove-voter {node}`")
    } else {
        String::new()
    };
    format!(
        ". If it is lost for good, start another one, then `ordain cluster evacuate {node}`{vote}, and at last `ordain cluster unregister {node}`"
    )
}

/// What is to be said of a broker's data directory. A broker whose writes find no room tells that nothing is usable.
fn disk(node: NodeId, dir: &LogDir) -> Option<Finding> {
    let path = &dir.path;
    let (kind, what, to_do) = match (&dir.error, dir.usable_bytes, dir.total_bytes) {
        (Some(error), _, _) => (
            Kind::DiskFailed,
            format!("the disk of broker {node} fails ({error})"),
            "the broker's log and /readyz say what it does not take; if that lasts, stop the broker, mend or replace the disk \
             and start it again"
                .to_owned(),
        ),
        (None, Some(0), Some(total)) if total > 0 => (
            Kind::DiskFull,
            format!("the disk of broker {node} is full ({path}): writes to it wait"),
            "free some space there, or delete records or topics; it goes on by itself, and its log and /readyz say how \
             much it needs"
                .to_owned(),
        ),
        (None, Some(usable), Some(total)) if usable < total / NEARLY_FULL => (
            Kind::DiskNearlyFull,
            format!("the disk of broker {node} is nearly full ({path}): {} of {} are left", bytes(usable), bytes(total)),
            "free some space there before it is full, or lower the retention of its topics".to_owned(),
        ),
        (None, _, _) => return None,
    };
    Some(Finding { kind, what, to_do, brokers: vec![node], partitions: Vec::new() })
}

/// Others lead in the place of a broker whose disk is slow, as far as they can; where there are none, nothing follows from it.
fn slow_disk(look: &Look, node: NodeId, dir: &LogDir) -> Option<Finding> {
    let slowest_ms = dir.slow_commit_ms.filter(|_| look.metadata.brokers.len() > 1)?;
    let leads = look.partitions().filter(|(_, p)| look.leader(p) == Some(node)).count();
    let still = match leads {
        0 => "so it leads nothing".to_owned(),
        leads => format!("and it leads {} still", plural(leads, "partition")),
    };
    Some(Finding {
        kind: Kind::DiskSlow,
        what: format!(
            "the disk of broker {node} is too slow for it to lead ({}): a commit took {slowest_ms} ms of late, {still}",
            dir.path
        ),
        to_do: "look at that disk, and at what else uses it; others lead meanwhile, as far as they can, and it may lead again 10 s \
                after the last commit that took so long"
            .to_owned(),
        brokers: vec![node],
        partitions: Vec::new(),
    })
}

fn quorum_told(look: &Look, quorum: &Quorum, committed_before: Offset) -> Vec<Finding> {
    let of = |state: VoterState| -> Vec<NodeId> {
        let voters = quorum.voters.iter();
        let in_state = voters.filter(|v| look.voter_state(quorum, committed_before, v) == state);
        in_state.map(|voter| voter.id).collect()
    };
    let (missing, lagging) = (of(VoterState::NotThere), of(VoterState::Lags));
    let finding = |kind, what, to_do: &str, brokers| Finding {
        kind,
        what,
        to_do: to_do.to_owned(),
        brokers,
        partitions: Vec::new(),
    };
    let mut found = Vec::new();
    if !missing.is_empty() {
        let what = match &missing[..] {
            [one] => format!("voter {one} of the metadata quorum is not there"),
            many => format!("voters {} of the metadata quorum are not there", ids(many)),
        };
        let (them, its, it) = match &missing[..] {
            [_] => ("it", "its data directory", "it is"),
            _ => ("them", "their data directories", "one is"),
        };
        let removed: Vec<String> =
            missing.iter().map(|node| format!("`ordain cluster remove-voter {node}`")).collect();
        let removed = removed.join(" or ");
        found.push(finding(
            Kind::VoterMissing,
            what,
            &format!(
                "start {them} again, with {its}. If {it} lost for good, let another node vote (`ordain cluster add-voter ID`), \
                 then {removed}"
            ),
            missing.clone(),
        ));
    }
    for voter in quorum.voters.iter().filter(|voter| lagging.contains(&voter.id)) {
        let what = match quorum.lag(voter) {
            Some(lag) => {
                let records = plural(usize::try_from(lag).unwrap_or(0), "record");
                format!("voter {} of the metadata quorum is {records} behind its leader", voter.id)
            }
            None => format!("voter {} of the metadata quorum has not told how far it is", voter.id),
        };
        let to_do = "it catches up by itself; if the lag stays, look at its log, its disk and its network";
        found.push(finding(Kind::VoterLags, what, to_do, vec![voter.id]));
    }
    let (all, well) = (quorum.voters.len(), quorum.voters.len() - missing.len() - lagging.len());
    if well < all && well <= majority(all) {
        let what = format!(
            "{well} of {all} voters of the metadata quorum keep up and {} are needed: one more loss would stop it",
            majority(all)
        );
        found.push(finding(
            Kind::QuorumAtRisk,
            what,
            "restart no other voter until these are back",
            Vec::new(),
        ));
    }
    found
}

/// How many replicas of a partition are in sync, where those are too few to take writes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct TooFew {
    in_sync: usize,
    replicas: usize,
    needed: usize,
}

/// Partitions with which something is wrong: each where it is worst.
#[derive(Default)]
struct Troubled {
    /// Nobody has anything of these any more,
    nothing_left: Vec<TopicPartition>,
    /// and of these too few to elect a leader.
    bereft: Vec<TopicPartition>,
    /// The nodes that have lost what they held of these, and those that are not there.
    bereft_of: [BTreeSet<NodeId>; 2],
    leaderless: Vec<TopicPartition>,
    below: Vec<TopicPartition>,
    /// Without a majority in sync, whatever min.insync.replicas says.
    stopped: BTreeMap<TooFew, Vec<TopicPartition>>,
    under: Vec<TopicPartition>,
    /// How many of `under` would stop with one more loss.
    at_risk: usize,
    not_preferred: Vec<TopicPartition>,
    /// The nodes that are missed by `leaderless`, `below`, `stopped` and `under`.
    lost: [BTreeSet<NodeId>; 4],
}

impl Troubled {
    fn add_leaderless(&mut self, look: &Look, at: TopicPartition, p: &PartitionMetadata) {
        let (there, out): (Vec<NodeId>, Vec<NodeId>) =
            p.replicas.iter().partition(|node| look.is_there(**node));
        let (lost, whole): (Vec<NodeId>, Vec<NodeId>) =
            there.into_iter().partition(|node| p.offline.contains(node));
        let can_elect = whole.len() >= majority(p.replicas.len());
        if lost.is_empty() || can_elect {
            self.lost[0].extend(out.into_iter().filter(|_| !can_elect));
            self.leaderless.push(at);
        } else if whole.is_empty() && out.is_empty() {
            self.nothing_left.push(at);
        } else {
            self.bereft_of[0].extend(lost);
            self.bereft_of[1].extend(out);
            self.bereft.push(at);
        }
    }
}

fn troubled(look: &Look) -> Troubled {
    let mut troubled = Troubled::default();
    for (at, p) in look.partitions() {
        let in_sync = look.in_sync(p);
        let out = p.replicas.iter().filter(|node| !in_sync.contains(node)).copied();
        let (leader, needed) = (look.leader(p), look.needed(&at, p));
        if leader.is_none() {
            troubled.add_leaderless(look, at, p);
            continue;
        }
        if in_sync.len() < look.min_insync(&at.topic, p) {
            troubled.lost[1].extend(out);
            troubled.below.push(at.clone());
        } else if in_sync.len() < needed && look.all_vote(&at) {
            let too_few = TooFew { in_sync: in_sync.len(), replicas: p.replicas.len(), needed };
            troubled.lost[2].extend(out);
            troubled.stopped.entry(too_few).or_default().push(at.clone());
        } else if in_sync.len() < p.replicas.len() {
            troubled.at_risk += usize::from(in_sync.len() == needed);
            troubled.lost[3].extend(out);
            troubled.under.push(at.clone());
        }
        let may_lead = |node: &NodeId| !look.draining.contains(node) && look.slow_commit_ms(*node).is_none();
        let preferred = p.replicas.first().filter(|node| may_lead(node));
        if preferred.is_some() && preferred != leader.as_ref() {
            troubled.not_preferred.push(at);
        }
    }
    troubled
}

fn partitions(look: &Look) -> Vec<Finding> {
    let seen = troubled(look);
    let wait = |lost: &BTreeSet<NodeId>, after: &str| {
        let nodes: Vec<NodeId> = lost.iter().copied().collect();
        match &nodes[..] {
            [] => "look at the logs of their replicas' nodes".to_owned(),
            [one] => format!("bring node {one} back{after}"),
            many => format!("bring nodes {} back{after}", ids(many)),
        }
    };
    let mut found: Vec<Finding> = look.metadata.topics.values().filter_map(topic_error).collect();
    let mut add = |kind, names: Vec<TopicPartition>, one: &str, many: &str, more: String, to_do: String| {
        if names.is_empty() {
            return;
        }
        let verb = if names.len() == 1 { one } else { many };
        let what = format!("{} {verb}{more}: {}", plural(names.len(), "partition"), named(&names));
        found.push(Finding { kind, what, to_do, brokers: Vec::new(), partitions: names });
    };
    let to_do = "the nodes of all replicas run, and have lost what they held (with another data directory, or by damage: their logs \
                 say which), so nobody can give it back: delete the topic and create it anew"
        .to_owned();
    let (one, many) = ("is lost: no replica holds it any more", "are lost: no replica holds them any more");
    add(Kind::NothingLeft, seen.nothing_left, one, many, String::new(), to_do);
    let [lost_here, out] = seen.bereft_of;
    let (one, many) = ("has no leader and cannot elect one", "have no leader and cannot elect one");
    add(Kind::MajorityLost, seen.bereft, one, many, String::new(), bereft_way_out(&lost_here, &out));
    let to_do = if seen.lost[0].is_empty() {
        "look again in some seconds: more than half of their replicas run and elect one by themselves; if it stays, look at \
         their logs"
            .to_owned()
    } else {
        wait(
            &seen.lost[0],
            "; replicas elect a leader by themselves once more than half of them run. If half of them or more are lost for \
             good, `ordain cluster recover`; where all are, and nothing is left to go on with, delete the topic and create it anew",
        )
    };
    add(Kind::NoLeader, seen.leaderless, "has no leader", "have no leader", String::new(), to_do);
    let to_do = wait(&seen.lost[1], ", or lower min.insync.replicas");
    let refused =
        " fewer replicas in sync than min.insync.replicas, so writes with acks=all are refused".to_owned();
    add(Kind::BelowMinInsync, seen.below, "has", "have", refused, to_do);
    let to_do = wait(&seen.lost[2], "; replicas catch up by themselves, and the writes go on then");
    for (TooFew { in_sync, replicas, needed }, names) in seen.stopped {
        let are = if needed == 1 { "is" } else { "are" };
        let why = format!(" no acks=all writes: {in_sync} of {replicas} in sync, {needed} {are} needed");
        add(Kind::BelowMajority, names, "takes", "take", why, to_do.clone());
    }
    let risk = match seen.at_risk {
        0 => String::new(),
        all if all == seen.under.len() => ", and one more loss would stop it".to_owned(),
        some => format!(", and one more loss would stop {some}"),
    };
    let risk = if seen.under.len() > 1 { risk.replace("stop it", "stop them") } else { risk };
    let to_do = wait(&seen.lost[3], "; replicas catch up by themselves");
    add(Kind::UnderReplicated, seen.under, "is under-replicated", "are under-replicated", risk, to_do);
    let to_do = "`ordain cluster balance` moves those whose preferred replica is in sync".to_owned();
    let (one, many) = ("is not led by its preferred replica", "are not led by their preferred replica");
    add(Kind::NotPreferred, seen.not_preferred, one, many, String::new(), to_do);
    found
}

/// What is led by its only replica, although there are brokers for more.
fn single_replicas(look: &Look) -> Option<Finding> {
    let single = look.partitions().filter(|(_, p)| p.replicas.len() == 1 && look.leader(p).is_some());
    let names: Vec<TopicPartition> = single.map(|(at, _)| at).collect();
    if names.is_empty() || look.metadata.brokers.len() < 2 {
        return None;
    }
    let have = if names.len() == 1 { "has" } else { "have" };
    let factor = look.metadata.brokers.len().min(REPLICAS_ADVISED);
    Some(Finding {
        kind: Kind::SingleReplica,
        what: format!(
            "{} {have} one replica alone, for which nothing stands in while its node is down, or if its disk is lost: {}",
            plural(names.len(), "partition"),
            named(&names)
        ),
        to_do: format!(
            "if that shall not be, `ordain topic reassign TOPIC --replication-factor {factor}` adds replicas"
        ),
        brokers: Vec::new(),
        partitions: names,
    })
}

/// The way out where replicas that run have lost what they held, so that the others are too few.
fn bereft_way_out(lost: &BTreeSet<NodeId>, out: &BTreeSet<NodeId>) -> String {
    let numbers = |nodes: &BTreeSet<NodeId>| ids(&nodes.iter().copied().collect::<Vec<_>>());
    let (lost, one) = (numbers(lost), lost.len() == 1);
    let lost = if one {
        format!("node {lost} runs and has lost what it held")
    } else {
        format!("nodes {lost} run and have lost what they held")
    };
    let recover = "`ordain cluster recover` lets go on what is left, or shows that nothing is";
    match out.len() {
        0 => format!("{lost}: {recover}"),
        1 => format!(
            "{lost}: bring node {} back, with its data directory; if that is lost for good, too, {recover}",
            numbers(out)
        ),
        _ => format!(
            "{lost}: bring nodes {} back, with their data directories; if those are lost for good, too, {recover}",
            numbers(out)
        ),
    }
}

fn topic_error(topic: &ordain::client::TopicMetadata) -> Option<Finding> {
    let error = topic.error?;
    Some(Finding {
        kind: Kind::TopicError,
        what: format!("topic {}: {}", topic.name, error.name()),
        to_do: "the broker tells nothing else of it; look at its log".to_owned(),
        brokers: Vec::new(),
        partitions: Vec::new(),
    })
}

pub fn ids(nodes: &[NodeId]) -> String {
    nodes.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// The first of them by name, and how many more.
pub fn named(partitions: &[TopicPartition]) -> String {
    first_names(partitions)
}
