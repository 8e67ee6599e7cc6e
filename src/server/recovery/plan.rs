//! Which surviving node goes on with which partition.
use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::loss::{held_before_start, lost_for_certain};
use super::{Assigned, METADATA_NAME, Offsets, Survey, SurveyedLog, VoterKey};
use crate::types::{LeaderEpoch, TopicId};

/// What is to be done so that everything that can goes on.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
pub struct Plan {
    pub cluster: String,
    /// Nodes that never come back with what they held.
    pub lost: Vec<i32>,
    /// The surveyed nodes and their data directories.
    pub directories: BTreeMap<i32, String>,
    /// The surveyed nodes whose metadata could not be read, and why. Others give it to them.
    #[serde(default)]
    pub unreadable_metadata: BTreeMap<i32, String>,
    /// Partitions that have lost their majority, and who goes on with each.
    pub chosen: Vec<Choice>,
    /// Partitions of which nothing is left.
    pub gone: Vec<Gone>,
    /// Logs of partitions that no survey's metadata know: deleted, or unknown. Nothing is done about them.
    #[serde(default)]
    pub unnamed: Vec<Unnamed>,
    /// How many partitions still have their majority: nothing is done about them.
    pub standing: usize,
}

/// A partition that one node goes on with.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
pub struct Choice {
    pub topic: String,
    pub topic_id: String,
    pub partition: i32,
    pub node: i32,
    /// Those that voted on it, and are lost or damaged.
    pub lost_voters: Vec<i32>,
    /// The epoch in which it goes on.
    pub epoch: i32,
    /// Its records from here,
    #[serde(default)]
    pub log_start: i64,
    /// up to here are kept.
    pub log_end: i64,
    /// Up to where any survivor knows it to have been committed: at least. Nothing below it is lost but what `lost` says.
    pub committed: i64,
    /// What is lost for certain: known as committed, and not in this log.
    #[serde(default)]
    pub lost: Option<Offsets>,
    /// What lies before this log's start, and is still in another survivor's log.
    #[serde(default)]
    pub before_start: Option<Offsets>,
    /// The metadata that go on do not name it, those of this node do: either it was deleted, or they have lost it, and then it goes when
    /// its node starts.
    #[serde(default)]
    pub named_only_by: Option<i32>,
    pub entry: u64,
}

/// A partition of which no survivor has a sound log.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
pub struct Gone {
    pub topic: String,
    #[serde(default)]
    pub topic_id: String,
    pub partition: i32,
    /// Up to where a survivor, whose own log is damaged, knows it to have been committed: at least; `None`: no survivor held it.
    pub committed: Option<i64>,
    /// What is lost for certain, of all that is lost.
    #[serde(default)]
    pub lost: Option<Offsets>,
}

/// A partition that no survey's metadata know, with what there is of it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
pub struct Unnamed {
    /// The topic's name, if that is known: then it has no such partition.
    pub topic: Option<String>,
    pub topic_id: String,
    pub partition: i32,
    /// The nodes that have a log of it.
    pub nodes: Vec<i32>,
    /// What the longest of these logs holds.
    pub log_start: i64,
    pub log_end: i64,
}

/// `TOPIC-PARTITION`.
fn name_of(topic: &str, partition: i32) -> String {
    format!("{topic}-{partition}")
}

impl Choice {
    /// The partition's name.
    #[must_use]
    pub fn name(&self) -> String {
        name_of(&self.topic, self.partition)
    }
}

impl Gone {
    /// The partition's name.
    #[must_use]
    pub fn name(&self) -> String {
        name_of(&self.topic, self.partition)
    }

    /// Whether it is the cluster's metadata.
    #[must_use]
    pub fn is_metadata(&self) -> bool {
        self.topic == METADATA_NAME
    }
}

impl Unnamed {
    /// The partition's name, with the topic's id where no name is known.
    #[must_use]
    pub fn name(&self) -> String {
        name_of(self.topic.as_ref().unwrap_or(&self.topic_id), self.partition)
    }
}

impl Plan {
    /// What a node is to go on with.
    pub fn of_node(&self, node: i32) -> impl Iterator<Item = &Choice> {
        self.chosen.iter().filter(move |choice| choice.node == node)
    }

    /// Whether nobody goes on with the cluster's metadata, without which no node serves anything.
    #[must_use]
    pub fn metadata_is_gone(&self) -> bool {
        self.gone.iter().any(Gone::is_metadata)
    }
}

/// Why there is no plan.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PlanError {
    #[error("no survey was given: make one on each surviving node")]
    NoSurvey,
    #[error("the surveys are of different clusters: {0} and {1}")]
    DifferentClusters(String, String),
    #[error("there are two surveys of node {0}")]
    Twice(i32),
    #[error("node {node}, which is named as lost, is none of this cluster's; it has {known}")]
    NoMember { node: i32, known: String },
    #[error("node {0} was surveyed, so it is not lost: leave it out of one of the two lists")]
    LostAndThere(i32),
    #[error("{}", unaccounted(.0))]
    Unaccounted(Vec<i32>),
    #[error(
        "node {node} votes on {partition} and was neither surveyed nor named as lost: survey it if its data directory is there, else name it with --lost"
    )]
    Unknown { node: i32, partition: String },
    #[error("no survey tells who votes on {partition}: make all surveys anew, with this release")]
    NoVoters { partition: String },
}

fn unaccounted(nodes: &[i32]) -> String {
    let listed = nodes.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let because = "and might hold more, or know more of the cluster, than those that were surveyed";
    match nodes {
        [node] => format!(
            "node {node} is one of this cluster's and was neither surveyed nor named as lost, {because}: survey it if its data directory is there, else name it with --lost"
        ),
        _ => format!(
            "nodes {listed} are this cluster's and were neither surveyed nor named as lost, {because}: survey those whose data directories are there, and name the others with --lost"
        ),
    }
}

/// A partition's key.
type Id<'a> = (&'a str, i32);

/// A surviving log.
struct Held<'a> {
    node: i32,
    log: &'a SurveyedLog,
    /// Whether its node can go on with it alone.
    is_usable: bool,
}

/// What is known of a partition by its key.
struct Named<'a> {
    topic: &'a str,
    founders: &'a [VoterKey],
    only_by: Option<i32>,
}

/// Who is there, and who is lost for good.
struct Nodes<'a> {
    directories: BTreeMap<i32, String>,
    lost: &'a BTreeSet<i32>,
}

enum Fate {
    Stands,
    GoesOn(Choice),
    Gone(Gone),
}

/// Decides who goes on with what: for each partition that has lost its majority the survivor whose log is newest, by the rule that voters
/// go by.
///
/// # Errors
/// If the surveys do not fit together, or a node of the cluster was neither surveyed nor is known to be lost: it might hold more.
pub fn plan(surveys: &[Survey], lost: &BTreeSet<i32>) -> Result<Plan, PlanError> {
    let newest = newest(surveys).ok_or(PlanError::NoSurvey)?;
    let nodes = Nodes { directories: directories(surveys, lost)?, lost };
    check_lost(surveys, lost)?;
    let unaccounted: Vec<i32> =
        demanded(surveys, newest).into_iter().filter(|node| !nodes.is_accounted_for(*node)).collect();
    if !unaccounted.is_empty() {
        return Err(PlanError::Unaccounted(unaccounted));
    }
    let (held, named) = (held(surveys), named(surveys, newest));
    let unreadable = surveys.iter().filter_map(|one| Some((one.node, one.metadata_damage.clone()?)));
    let mut plan = Plan {
        cluster: newest.cluster.clone(),
        lost: lost.iter().copied().collect(),
        directories: BTreeMap::new(),
        unreadable_metadata: unreadable.collect(),
        chosen: Vec::new(),
        gone: Vec::new(),
        unnamed: Vec::new(),
        standing: 0,
    };
    for (id, logs) in &held {
        let Some(named) = named.get(id) else {
            plan.unnamed.push(unnamed(*id, logs, surveys));
            continue;
        };
        match fate(logs, named, &nodes)? {
            Fate::Stands => plan.standing += 1,
            Fate::GoesOn(choice) => plan.chosen.push(choice),
            Fate::Gone(one) => plan.gone.push(one),
        }
    }
    for one in newest.assigned.iter().filter(|one| !held.contains_key(&id_of(one))) {
        nodes.check(one.replicas.iter(), || name_of(&one.topic, one.partition))?;
        plan.gone.push(nowhere(&one.topic, &one.topic_id, one.partition));
    }
    let metadata = TopicId::METADATA.to_string();
    if !held.contains_key(&(metadata.as_str(), 0)) {
        plan.gone.push(nowhere(METADATA_NAME, &metadata, 0));
    }
    let place = |one: &Choice| (one.topic.clone(), one.partition, one.named_only_by);
    plan.chosen.sort_by_key(place);
    plan.gone.sort_by(|a, b| (&a.topic, a.partition).cmp(&(&b.topic, b.partition)));
    plan.directories = nodes.directories;
    Ok(plan)
}

fn id_of(one: &Assigned) -> Id<'_> {
    (&one.topic_id, one.partition)
}

fn nowhere(topic: &str, topic_id: &str, partition: i32) -> Gone {
    let (topic, topic_id) = (topic.to_owned(), topic_id.to_owned());
    Gone { topic, topic_id, partition, committed: None, lost: None }
}

/// Whether a survey's node can go on with the metadata alone.
fn has_metadata(survey: &Survey) -> bool {
    let log = survey.metadata_log();
    survey.metadata_damage.is_none() && log.is_some_and(|log| log.damage.is_none())
}

/// The survey with the metadata that go on; where none can, with those that go furthest.
fn newest(surveys: &[Survey]) -> Option<&Survey> {
    surveys.iter().max_by_key(|survey| {
        let log = survey.metadata_log().filter(|_| has_metadata(survey));
        (log.map(SurveyedLog::position), survey.metadata_end, -survey.node)
    })
}

/// Every node that the surveys name.
fn members(surveys: &[Survey]) -> BTreeSet<i32> {
    let voters = surveys.iter().flat_map(|survey| &survey.logs).flat_map(|log| &log.voters);
    let registered = surveys.iter().flat_map(registered);
    voters.map(|voter| voter.node).chain(registered).collect()
}

/// Every node that a survey's metadata name.
fn registered(survey: &Survey) -> impl Iterator<Item = i32> + '_ {
    let replicas = survey.assigned.iter().flat_map(|one| &one.replicas);
    replicas.chain(&survey.nodes).chain(std::iter::once(&survey.node)).copied()
}

/// The nodes of which it has to be known what has become of them, beside those that vote on the newest logs. A node that the metadata which go on do not
/// name any more was taken out of the cluster on purpose, which is refused while it votes or holds anything. But where metadata are damaged, or
/// others reach further, nothing of that is sure.
fn demanded(surveys: &[Survey], newest: &Survey) -> BTreeSet<i32> {
    if !has_metadata(newest) {
        return members(surveys);
    }
    let as_new = surveys.iter().filter(|survey| survey.metadata_end >= newest.metadata_end);
    as_new.chain(std::iter::once(newest)).flat_map(registered).collect()
}

/// A number that was mistyped would let a node that is there be taken for lost. Where no metadata can be read, the surveys do not name all nodes.
fn check_lost(surveys: &[Survey], lost: &BTreeSet<i32>) -> Result<(), PlanError> {
    let members = members(surveys);
    let is_any_readable = surveys.iter().any(|survey| survey.metadata_damage.is_none());
    match lost.iter().find(|node| !members.contains(node)) {
        Some(&node) if is_any_readable => {
            let known = members.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            Err(PlanError::NoMember { node, known })
        }
        Some(_) | None => Ok(()),
    }
}

fn directories(surveys: &[Survey], lost: &BTreeSet<i32>) -> Result<BTreeMap<i32, String>, PlanError> {
    let mut directories = BTreeMap::new();
    for survey in surveys {
        let cluster = &surveys[0].cluster;
        if survey.cluster != *cluster {
            return Err(PlanError::DifferentClusters(cluster.clone(), survey.cluster.clone()));
        }
        if directories.insert(survey.node, survey.directory.clone()).is_some() {
            return Err(PlanError::Twice(survey.node));
        }
        if lost.contains(&survey.node) {
            return Err(PlanError::LostAndThere(survey.node));
        }
    }
    Ok(directories)
}

/// All surviving logs, by partition.
fn held(surveys: &[Survey]) -> BTreeMap<Id<'_>, Vec<Held<'_>>> {
    let mut held: BTreeMap<Id<'_>, Vec<Held<'_>>> = BTreeMap::new();
    for survey in surveys {
        for log in &survey.logs {
            let is_usable = log.damage.is_none() && (!log.is_metadata() || has_metadata(survey));
            let one = Held { node: survey.node, log, is_usable };
            held.entry((&log.topic_id, log.partition)).or_default().push(one);
        }
    }
    held
}

/// All partitions that any survey's metadata know, by the newest that do.
fn named<'a>(surveys: &'a [Survey], newest: &'a Survey) -> BTreeMap<Id<'a>, Named<'a>> {
    let mut named = BTreeMap::new();
    for log in surveys.iter().filter_map(Survey::metadata_log) {
        let of_metadata = Named { topic: METADATA_NAME, founders: &[], only_by: None };
        named.insert((log.topic_id.as_str(), log.partition), of_metadata);
    }
    let mut others: Vec<&Survey> = surveys.iter().filter(|survey| survey.node != newest.node).collect();
    others.sort_by_key(|survey| -survey.metadata_end);
    for survey in std::iter::once(newest).chain(others) {
        let only_by = (survey.node != newest.node && has_metadata(newest)).then_some(survey.node);
        for one in &survey.assigned {
            let known = Named { topic: &one.topic, founders: &one.founders, only_by };
            named.entry(id_of(one)).or_insert(known);
        }
    }
    named
}

fn unnamed((topic_id, partition): Id<'_>, logs: &[Held<'_>], surveys: &[Survey]) -> Unnamed {
    let longest = logs.iter().max_by_key(|held| held.log.position()).expect("a survivor has it");
    let mut assigned = surveys.iter().flat_map(|survey| &survey.assigned);
    Unnamed {
        topic: assigned.find(|one| one.topic_id == topic_id).map(|one| one.topic.clone()),
        topic_id: topic_id.to_owned(),
        partition,
        nodes: logs.iter().map(|held| held.node).collect(),
        log_start: longest.log.log_start,
        log_end: longest.log.log_end,
    }
}

impl Nodes<'_> {
    /// Whether it is known what has become of a node.
    fn is_accounted_for(&self, node: i32) -> bool {
        self.lost.contains(&node) || self.directories.contains_key(&node)
    }

    fn check<'a>(
        &self,
        mut nodes: impl Iterator<Item = &'a i32>,
        partition: impl FnOnce() -> String,
    ) -> Result<(), PlanError> {
        match nodes.find(|node| !self.is_accounted_for(**node)) {
            Some(&node) => Err(PlanError::Unknown { node, partition: partition() }),
            None => Ok(()),
        }
    }
}

/// Who votes on a partition: by the newest sound log, else by the metadata, else by any log.
fn voters<'a>(logs: &[Held<'a>], named: &Named<'a>) -> Option<&'a [VoterKey]> {
    let newest = logs.iter().max_by_key(|held| (held.log.damage.is_none(), held.log.position(), -held.node));
    let of_newest = newest.map(|held| &held.log.voters[..]);
    let of_others = logs.iter().map(|held| &held.log.voters[..]);
    let mut told = of_newest.into_iter().chain([named.founders]).chain(of_others);
    told.find(|voters| !voters.is_empty())
}

/// What becomes of a partition of which these logs are left; at least one.
fn fate(logs: &[Held<'_>], named: &Named<'_>, nodes: &Nodes<'_>) -> Result<Fate, PlanError> {
    let all = || logs.iter().map(|held| held.log);
    let (topic, partition) = (named.topic.to_owned(), logs[0].log.partition);
    let name = || name_of(&topic, partition);
    let voters = voters(logs, named).ok_or_else(|| PlanError::NoVoters { partition: name() })?;
    nodes.check(voters.iter().map(|voter| &voter.node), name)?;
    let is_there = |voter: &&VoterKey| all().any(|log| log.damage.is_none() && log.replica == **voter);
    if voters.iter().filter(is_there).count() > voters.len() / 2 {
        return Ok(Fate::Stands);
    }
    let committed = all().map(|log| log.committed).max().unwrap_or(0);
    let topic_id = logs[0].log.topic_id.clone();
    let usable = logs.iter().filter(|held| held.is_usable);
    let Some(&Held { node, log, .. }) = usable.max_by_key(|held| (held.log.position(), -held.node)) else {
        let lost = all().map(|log| log.log_start).min().and_then(|first| Offsets::between(first, committed));
        return Ok(Fate::Gone(Gone { topic, topic_id, partition, committed: Some(committed), lost }));
    };
    let seen = all().map(|log| log.seen_epoch.max(log.last_epoch)).max().unwrap_or(-1);
    let lost_voters = voters.iter().filter(|voter| !is_there(voter)).map(|voter| voter.node);
    Ok(Fate::GoesOn(Choice {
        topic,
        topic_id,
        partition,
        node,
        lost_voters: lost_voters.collect(),
        epoch: LeaderEpoch(seen).recovered().0,
        log_start: log.log_start,
        log_end: log.log_end,
        committed,
        lost: lost_for_certain(log, all()),
        before_start: held_before_start(log, all()),
        named_only_by: named.only_by,
        entry: log.entry,
    }))
}
