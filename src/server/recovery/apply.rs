//! A stopped node is told what to go on with.
use std::collections::BTreeMap;

use super::{Choice, JOURNAL_PATIENCE, Opened, Plan, RecoveryError, open, own_key};
use crate::config::BrokerConfig;
use crate::io::{Io, timeout};
use crate::log::{Entry, PartitionLog, Position, Storage, Vote, voters};
use crate::partition::{ReplicaKey, VoterSet};
use crate::types::{LeaderEpoch, NodeId, PartitionId, PartitionIndex, Timestamp, TopicId};

/// What of a choice stands in the journal. A crash may come between any two: many logs make several commits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Done {
    Nothing,
    /// The vote for itself.
    Voted,
    /// The vote, and the beginning of the epoch.
    Begun,
    /// The voter set, too.
    All,
}

/// Makes this stopped node go on alone with what the plan chose it for: in each of these logs an epoch begins that is above all that were
/// seen, with this node's replica as the only voter. Durable on return. Doing it twice changes nothing, and where it was interrupted, doing it
/// again ends it. Gives the node and how many logs were changed.
///
/// # Errors
/// If the plan is of another cluster or directory, calls this node lost, has nobody go on with the metadata, or the node has run since it was surveyed:
/// nothing was changed then.
pub async fn apply(
    io: &Io,
    config: &BrokerConfig,
    plan: &Plan,
    now: Timestamp,
) -> Result<(NodeId, usize), RecoveryError> {
    let Prepared { node, storage, logs: _logs, entries, changed } = prepare(io, config, plan, now).await?;
    let until = io.clock.now().after(JOURNAL_PATIENCE);
    match timeout(&*io.clock, until, storage.journal().append(entries)).await {
        Ok(written) => written?,
        Err(_) => return Err(RecoveryError::JournalFull),
    }
    storage.close().await?;
    Ok((node, changed))
}

/// What [`apply`] would do, and whether it would: it looks at all that is looked at there before anything is written. Recovers the data
/// directory as a start would, and changes nothing else. Gives the node and how many logs would be changed.
///
/// # Errors
/// As [`apply`], but for those of writing.
pub async fn rehearse(
    io: &Io,
    config: &BrokerConfig,
    plan: &Plan,
    now: Timestamp,
) -> Result<(NodeId, usize), RecoveryError> {
    let Prepared { node, storage, changed, .. } = prepare(io, config, plan, now).await?;
    storage.close().await?;
    Ok((node, changed))
}

/// What a plan changes in a node's data directory, before anything is written.
struct Prepared {
    node: NodeId,
    storage: Storage,
    /// With what is to be journaled in them.
    logs: Vec<PartitionLog>,
    entries: Vec<Entry>,
    /// How many logs these are of.
    changed: usize,
}

/// Opens the data directory, and refuses whatever can be refused.
async fn prepare(
    io: &Io,
    config: &BrokerConfig,
    plan: &Plan,
    now: Timestamp,
) -> Result<Prepared, RecoveryError> {
    let Opened { node, storage, mut logs, cluster, founders: _ } = open(io, config).await?;
    check(plan, cluster, node, &storage)?;
    let (entries, changed) = entries_due(plan, node, &storage, &mut logs, now)?;
    Ok(Prepared { node, storage, logs, entries, changed })
}

/// What is to be journaled in a node's logs, and in how many of them.
fn entries_due(
    plan: &Plan,
    node: NodeId,
    storage: &Storage,
    logs: &mut [PartitionLog],
    now: Timestamp,
) -> Result<(Vec<Entry>, usize), RecoveryError> {
    let mut by_id: BTreeMap<PartitionId, &mut PartitionLog> =
        logs.iter_mut().map(|log| (log.key().partition, log)).collect();
    let mut due = Vec::new();
    for choice in plan.of_node(node.0) {
        let missing = || RecoveryError::Missing { partition: choice.name() };
        let topic = TopicId::parse(&choice.topic_id).ok_or_else(missing)?;
        let id = PartitionId { topic, index: PartitionIndex(choice.partition) };
        let log = by_id.remove(&id).ok_or_else(missing)?;
        let key = own_key(node, storage, log);
        match done(choice, log, key)? {
            Done::All => {}
            part @ (Done::Nothing | Done::Voted | Done::Begun) => due.push((choice, log, key, part)),
        }
    }
    let at = storage.journal().durable_position();
    let mut entries = Vec::new();
    let changed = due.len();
    for (choice, log, key, part) in due {
        entries.extend(entries_of(choice, log, key, part, at, now)?);
    }
    Ok((entries, changed))
}

/// Whether the plan was made for this data directory.
fn check(plan: &Plan, cluster: String, node: NodeId, storage: &Storage) -> Result<(), RecoveryError> {
    if plan.cluster != cluster {
        return Err(RecoveryError::OtherCluster { plan: plan.cluster.clone(), found: cluster });
    }
    if plan.lost.contains(&node.0) {
        return Err(RecoveryError::NamedLost(node.0));
    }
    let found = storage.directory_id().to_string();
    let planned = plan.directories.get(&node.0).ok_or(RecoveryError::NotSurveyed(node.0))?;
    if *planned != found {
        let plan = planned.clone();
        return Err(RecoveryError::OtherDirectory { node: node.0, plan, found });
    }
    if plan.metadata_is_gone() {
        return Err(RecoveryError::MetadataGone);
    }
    Ok(())
}

/// What of a choice was done before.
///
/// # Errors
/// If the log holds anything else than what was surveyed.
fn done(choice: &Choice, log: &PartitionLog, key: ReplicaKey) -> Result<Done, RecoveryError> {
    let (surveyed, found) = (choice.entry, log.number().0);
    let epoch = LeaderEpoch(choice.epoch);
    let has_voted = log.vote() == Some(Vote { epoch, candidate: Some(key) });
    let has_begun = log.epochs().last().is_some_and(|last| last.epoch >= epoch);
    match found.checked_sub(surveyed) {
        Some(0) => Ok(Done::Nothing),
        Some(1) if has_voted && !has_begun => Ok(Done::Voted),
        Some(2) if has_voted && has_begun && log.log_end().0 == choice.log_end => Ok(Done::Begun),
        // Since then the node may have run.
        Some(3..) if has_begun => Ok(Done::All),
        Some(_) | None => Err(RecoveryError::Changed { partition: choice.name(), surveyed, found }),
    }
}

/// What is to be journaled so that the replica of this key goes on alone.
fn entries_of(
    choice: &Choice,
    log: &mut PartitionLog,
    key: ReplicaKey,
    part: Done,
    at: Position,
    now: Timestamp,
) -> Result<Vec<Entry>, RecoveryError> {
    let failed = |source| RecoveryError::Log { partition: choice.name(), source };
    let epoch = LeaderEpoch(choice.epoch);
    let mut entries = Vec::new();
    if part == Done::Nothing {
        entries.push(log.record_vote(Vote { epoch, candidate: Some(key) }, at));
    }
    if matches!(part, Done::Nothing | Done::Voted) {
        entries.push(log.start_epoch(epoch, at).map_err(failed)?);
    }
    let alone = VoterSet::of([key]).expect("one voter is a set");
    entries.push(log.append(voters::batch(&alone, log.log_end(), epoch, now), at).map_err(failed)?);
    Ok(entries)
}
