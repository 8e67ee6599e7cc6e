//! Which surviving node goes on with which partition.
use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::partition::ReplicaKey;
use crate::types::LeaderEpoch;

/// A replica's node and memory.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, Debug)]
pub struct VoterKey {
    pub node: i32,
    pub directory: String,
}

impl VoterKey {
    pub(super) fn of(key: ReplicaKey) -> VoterKey {
        VoterKey { node: key.node.0, directory: key.directory.to_string() }
    }
}

/// What a stopped node holds.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
pub struct Survey {
    pub cluster: String,
    pub node: i32,
    pub directory: String,
    /// Up to where it knows the cluster's metadata, an offset of their log.
    pub metadata_end: i64,
    /// The nodes that are registered, as far as that tells.
    #[serde(default)]
    pub nodes: Vec<i32>,
    /// All partitions of the cluster, as far as that tells.
    pub assigned: Vec<Assigned>,
    pub logs: Vec<SurveyedLog>,
}

/// Which nodes are to hold a partition.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
pub struct Assigned {
    pub topic: String,
    pub topic_id: String,
    pub partition: i32,
    pub replicas: Vec<i32>,
}

/// What it holds of one partition.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
pub struct SurveyedLog {
    pub topic: String,
    pub topic_id: String,
    pub partition: i32,
    pub replica: VoterKey,
    /// Who votes on it, as far as this log says.
    pub voters: Vec<VoterKey>,
    /// The highest epoch that was heard of, and that of the last entry; −1: none.
    pub seen_epoch: i32,
    pub last_epoch: i32,
    pub log_start: i64,
    pub log_end: i64,
    /// Up to where this node knows the log to be committed.
    pub committed: i64,
    /// What of it is lost on this node's disk.
    pub damage: Option<String>,
    /// The number of the log's last journal entry.
    pub entry: u64,
}

impl SurveyedLog {
    /// What a voter compares: the later epoch, and in one epoch the longer log.
    fn position(&self) -> (i32, i64) {
        (self.last_epoch, self.log_end)
    }

    fn name(&self) -> String {
        format!("{}-{}", self.topic, self.partition)
    }
}

/// What is to be done so that everything that can goes on.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
pub struct Plan {
    pub cluster: String,
    /// Nodes that never come back with what they held.
    pub lost: Vec<i32>,
    /// The surveyed nodes and their data directories.
    pub directories: BTreeMap<i32, String>,
    /// Partitions that have lost their majority, and who goes on with each.
    pub chosen: Vec<Choice>,
    /// Partitions of which nothing is left.
    pub gone: Vec<Gone>,
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
    /// Its records up to here are kept.
    pub log_end: i64,
    /// Up to where any survivor knows it to have been committed: what lies between, if anything, is lost for sure.
    pub committed: i64,
    pub entry: u64,
}

impl Choice {
    /// The partition's name.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}-{}", self.topic, self.partition)
    }
}

/// A partition of which no survivor has a sound log.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
pub struct Gone {
    pub topic: String,
    pub partition: i32,
    /// Up to where a survivor, whose own log is damaged, knows it to have been committed; `None`: no survivor held it.
    pub committed: Option<i64>,
}

impl Plan {
    /// What a node is to go on with.
    pub fn of_node(&self, node: i32) -> impl Iterator<Item = &Choice> {
        self.chosen.iter().filter(move |choice| choice.node == node)
    }

    pub(super) fn directory_of(&self, node: i32) -> Option<&String> {
        self.directories.get(&node)
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
    #[error(
        "node {node} votes on {partition} and was neither surveyed nor named as lost: survey it if its data directory is there, else name it with --lost"
    )]
    Unknown { node: i32, partition: String },
}

/// The surviving logs of one partition, each with its node.
type Logs<'a> = Vec<(i32, &'a SurveyedLog)>;

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
/// If the surveys do not fit together, or a voter was neither surveyed nor is known to be lost: it might hold more.
pub fn plan(surveys: &[Survey], lost: &BTreeSet<i32>) -> Result<Plan, PlanError> {
    let first = surveys.first().ok_or(PlanError::NoSurvey)?;
    let nodes = Nodes { directories: directories(first, surveys, lost)?, lost };
    let members = members(surveys);
    if let Some(&node) = lost.iter().find(|node| !members.contains(node)) {
        let known = members.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        return Err(PlanError::NoMember { node, known });
    }
    let mut held: BTreeMap<(&str, &str, i32), Logs<'_>> = BTreeMap::new();
    for survey in surveys {
        for log in &survey.logs {
            let key = (log.topic.as_str(), log.topic_id.as_str(), log.partition);
            held.entry(key).or_default().push((survey.node, log));
        }
    }
    let (mut chosen, mut gone, mut standing) = (Vec::new(), Vec::new(), 0);
    for logs in held.values() {
        match fate(logs, &nodes)? {
            Fate::Stands => standing += 1,
            Fate::GoesOn(choice) => chosen.push(choice),
            Fate::Gone(one) => gone.push(one),
        }
    }
    let newest = surveys.iter().max_by_key(|survey| survey.metadata_end).unwrap_or(first);
    let is_held = |one: &Assigned| held.contains_key(&(&*one.topic, &*one.topic_id, one.partition));
    for one in newest.assigned.iter().filter(|one| !is_held(one)) {
        nodes.check(one.replicas.iter(), || format!("{}-{}", one.topic, one.partition))?;
        gone.push(Gone { topic: one.topic.clone(), partition: one.partition, committed: None });
    }
    let lost = lost.iter().copied().collect();
    Ok(Plan { cluster: first.cluster.clone(), lost, directories: nodes.directories, chosen, gone, standing })
}

/// Every node that the surveys name.
fn members(surveys: &[Survey]) -> BTreeSet<i32> {
    let named = surveys.iter().flat_map(|survey| {
        let replicas = survey.assigned.iter().flat_map(|one| &one.replicas);
        let voters = survey.logs.iter().flat_map(|log| &log.voters).map(|voter| &voter.node);
        replicas.chain(voters).chain(&survey.nodes).chain(std::iter::once(&survey.node))
    });
    named.copied().collect()
}

fn directories(
    first: &Survey,
    surveys: &[Survey],
    lost: &BTreeSet<i32>,
) -> Result<BTreeMap<i32, String>, PlanError> {
    let mut directories = BTreeMap::new();
    for survey in surveys {
        if survey.cluster != first.cluster {
            return Err(PlanError::DifferentClusters(first.cluster.clone(), survey.cluster.clone()));
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

impl Nodes<'_> {
    /// Whether it is known of each what has become of it.
    fn check<'a>(
        &self,
        mut nodes: impl Iterator<Item = &'a i32>,
        partition: impl FnOnce() -> String,
    ) -> Result<(), PlanError> {
        let unknown = nodes.find(|node| !self.lost.contains(node) && !self.directories.contains_key(node));
        match unknown {
            Some(&node) => Err(PlanError::Unknown { node, partition: partition() }),
            None => Ok(()),
        }
    }
}

/// What becomes of a partition of which these logs are left; at least one.
fn fate(logs: &Logs<'_>, nodes: &Nodes<'_>) -> Result<Fate, PlanError> {
    let committed = logs.iter().map(|(_, log)| log.committed).max().unwrap_or(0);
    let sound = || logs.iter().filter(|(_, log)| log.damage.is_none());
    let newest = sound().max_by_key(|(node, log)| (log.position(), -node));
    let (_, any) = newest.copied().unwrap_or(logs[0]);
    nodes.check(any.voters.iter().map(|voter| &voter.node), || any.name())?;
    let is_there = |voter: &&VoterKey| sound().any(|(_, log)| log.replica == **voter);
    if any.voters.iter().filter(is_there).count() > any.voters.len() / 2 {
        return Ok(Fate::Stands);
    }
    let Some(&(node, log)) = newest else {
        let (topic, partition) = (any.topic.clone(), any.partition);
        return Ok(Fate::Gone(Gone { topic, partition, committed: Some(committed) }));
    };
    let seen = logs.iter().map(|(_, log)| log.seen_epoch.max(log.last_epoch)).max().unwrap_or(-1);
    let lost_voters = log.voters.iter().filter(|voter| !is_there(voter)).map(|voter| voter.node);
    Ok(Fate::GoesOn(Choice {
        topic: log.topic.clone(),
        topic_id: log.topic_id.clone(),
        partition: log.partition,
        node,
        lost_voters: lost_voters.collect(),
        epoch: LeaderEpoch(seen).recovered().0,
        log_end: log.log_end,
        committed,
        entry: log.entry,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(node: i32) -> VoterKey {
        VoterKey { node, directory: format!("d{node}") }
    }

    fn log(topic: &str, node: i32, voters: &[i32], (last_epoch, log_end): (i32, i64)) -> SurveyedLog {
        SurveyedLog {
            topic: topic.to_owned(),
            topic_id: format!("id of {topic}"),
            partition: 0,
            replica: key(node),
            voters: voters.iter().copied().map(key).collect(),
            seen_epoch: 7,
            last_epoch,
            log_start: 0,
            log_end,
            committed: log_end - 2,
            damage: None,
            entry: 40,
        }
    }

    fn assigned(topic: &str, replicas: &[i32]) -> Assigned {
        let topic_id = format!("id of {topic}");
        Assigned { topic: topic.to_owned(), topic_id, partition: 0, replicas: replicas.to_vec() }
    }

    fn survey(node: i32, logs: Vec<SurveyedLog>) -> Survey {
        let assigned = vec![assigned("a", &[1, 2, 3])];
        let cluster = "c".to_owned();
        Survey {
            cluster,
            node,
            directory: format!("d{node}"),
            metadata_end: 9,
            nodes: vec![1, 2, 3],
            assigned,
            logs,
        }
    }

    #[test]
    fn who_holds_most_by_the_voters_rule_goes_on_and_what_stands_is_left_alone() {
        let voters = [1, 2, 3, 4, 5];
        let one = vec![
            log("a", 1, &voters, (4, 90)),
            log("b", 1, &[1, 2, 4], (3, 10)),
            log("c", 1, &[1, 3, 5], (2, 5)),
        ];
        let two = vec![log("a", 2, &voters, (5, 70)), log("b", 2, &[1, 2, 4], (3, 10))];
        let lost = BTreeSet::from([3, 4, 5]);
        let plan = plan(&[survey(1, one), survey(2, two)], &lost).expect("the surveys fit");
        assert_eq!(plan.standing, 1, "two of three of b are there");
        let chosen: Vec<_> = plan
            .chosen
            .iter()
            .map(|one| (one.name(), one.node, one.log_end, one.committed, one.epoch))
            .collect();
        assert_eq!(
            chosen,
            [("a-0".to_owned(), 2, 70, 88, 1_007), ("c-0".to_owned(), 1, 5, 3, 1_007)],
            "a later epoch's log counts more than a longer one"
        );
        assert_eq!(plan.chosen[0].lost_voters, [3, 4, 5]);
        assert_eq!(plan.gone, []);
        assert_eq!(plan.of_node(1).count(), 1);
    }

    #[test]
    fn a_damaged_log_is_nobodys_choice_and_a_replica_of_another_memory_is_no_voter() {
        let damaged = SurveyedLog { damage: Some("a block".to_owned()), ..log("a", 1, &[1, 2, 3], (4, 90)) };
        let lost = BTreeSet::from([3]);
        let other = SurveyedLog {
            replica: VoterKey { node: 2, directory: "new".to_owned() },
            ..log("a", 2, &[1, 2, 3], (4, 60))
        };
        let made = plan(&[survey(1, vec![damaged.clone()]), survey(2, vec![other])], &lost).expect("fits");
        assert_eq!((made.chosen[0].node, made.chosen[0].log_end, made.chosen[0].committed), (2, 60, 88));
        let made = plan(&[survey(1, vec![damaged]), survey(2, Vec::new())], &lost).expect("fits");
        assert_eq!(made.gone, [Gone { topic: "a".to_owned(), partition: 0, committed: Some(88) }]);
        let made = plan(&[survey(1, Vec::new()), survey(2, Vec::new())], &lost).expect("fits");
        assert_eq!(made.gone, [Gone { topic: "a".to_owned(), partition: 0, committed: None }]);
    }

    #[test]
    fn where_all_were_surveyed_and_most_are_empty_nobody_has_to_be_named_as_lost() {
        let wiped = |node| {
            let replica = VoterKey { node, directory: "new".to_owned() };
            survey(node, vec![SurveyedLog { replica, ..log("a", node, &[1, 2, 3], (-1, 0)) }])
        };
        let held = survey(1, vec![log("a", 1, &[1, 2, 3], (4, 90))]);
        let made = plan(&[held, wiped(2), wiped(3)], &BTreeSet::new()).expect("each was surveyed");
        assert_eq!((made.chosen[0].node, made.chosen[0].log_end, made.standing), (1, 90, 0));
        assert_eq!(made.chosen[0].lost_voters, [2, 3]);
    }

    #[test]
    fn what_does_not_fit_together_is_refused() {
        let one = survey(1, vec![log("a", 1, &[1, 2, 3], (4, 90))]);
        let lost = BTreeSet::from([3]);
        assert_eq!(plan(&[], &lost), Err(PlanError::NoSurvey));
        assert_eq!(plan(&[one.clone(), one.clone()], &lost), Err(PlanError::Twice(1)));
        let stranger = PlanError::NoMember { node: 9, known: "1, 2, 3".to_owned() };
        assert_eq!(plan(std::slice::from_ref(&one), &BTreeSet::from([3, 9])), Err(stranger));
        let unknown = PlanError::Unknown { node: 2, partition: "a-0".to_owned() };
        assert_eq!(plan(std::slice::from_ref(&one), &lost), Err(unknown));
        assert_eq!(
            plan(std::slice::from_ref(&one), &BTreeSet::from([1, 2, 3])),
            Err(PlanError::LostAndThere(1))
        );
        let other = Survey { cluster: "other".to_owned(), ..survey(2, Vec::new()) };
        let different = PlanError::DifferentClusters("c".to_owned(), "other".to_owned());
        assert_eq!(plan(&[one, other], &lost), Err(different));
    }
}
