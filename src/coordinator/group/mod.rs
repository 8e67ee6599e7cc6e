//! Classic consumer groups and committed offsets: one shard is one partition of `__consumer_offsets`.
//!
//! Owns who is in a group, in which generation, with which assignment, and how far each group has come; to the
//! letter of Kafka 4.3 as clients see it. Does not own the log, the clock, randomness or the wire: a shard is
//! stepped with events and emits effects (see [`decision`](super::decision)).
//!
//! Its state is of two kinds, and they change in two ways:
//! - *Durable*: [`Durable`], groups as of their last completed rebalance and offsets. It is exactly the replay
//!   of the records emitted so far, for [`Durable::apply`] is the only way it changes. Commands that concern
//!   it alone are decided on `&self` (`offsets`, `admin`, `expiration`) and only then carried out.
//! - *Soft*: `classic::ClassicGroup`, the rebalance in progress, parked requests, deadlines. It lives and
//!   dies with this leadership, and is not in any record; it is stepped in place, because a decision about a
//!   rebalance is mostly a change of this state. A new leader builds it from the durable state.
//!
//! Invariants, checked by [`GroupShard::invariants`]:
//! - the same groups are in both kinds of state; a stable group's members, generation and assignments are
//!   those of its record;
//! - a member has a session timer unless it waits for an answer of ours, and whatever a time can expire has a
//!   deadline that [`GroupShard::deadline`] announces;
//! - a parked request is answered exactly once, at the latest when the shard is unloaded.
//!
//! Where it departs from Kafka: a request that its client repeats is answered (REBALANCE_IN_PROGRESS) rather
//! than left to time out, as is the SyncGroup of a member that is removed; of two assignments by one leader
//! the one that was written last counts; a static member that comes back to a stable group is never counted
//! as having joined while its record is written; groups, members and offsets are bounded; order is by name
//! where Java's hash order decides.
mod admin;
mod classic;
pub mod codec;
pub mod command;
mod config;
mod durable;
mod expiration;
mod invariants;
mod join;
mod leave;
mod membership;
mod names;
mod offsets;
mod protocols;
mod rebalance;
mod record;
mod subscription;
mod sync;
mod timers;
mod turn;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

pub use config::{GroupConfig, GroupLimits};
pub use durable::{Durable, GroupOffsets};
pub use names::{GroupId, InstanceId, MemberId, ProtocolName, ProtocolType, TopicName, partition_for};
pub use record::{CommittedOffset, GroupMetadata, GroupRecord, MemberMetadata, OffsetKey};
pub use subscription::{SubscriptionError, subscribed_topics};
pub use timers::Timer;

use self::classic::ClassicGroup;
use self::command::{DeletedTopic, GroupCommand, GroupError, GroupResponse, GroupState};
use self::timers::Timers;
use self::turn::Turn;
use super::decision::{Decision, Effect, Now, RequestToken, WriteId, Writes};
use crate::types::Instant;

/// What a shard asks its runtime to do.
pub type GroupEffect = Effect<GroupRecord, GroupResponse>;

/// What happens to a shard.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum GroupEvent {
    /// A request; it is answered under its token, at once or later.
    Request { token: RequestToken, command: GroupCommand },
    /// This write, and all before it, are committed.
    Durable { write: WriteId },
    /// A deadline that [`GroupShard::deadline`] announced has come. One that has been moved meanwhile is
    /// ignored.
    Timer(Timer),
    /// Topics have been deleted from the cluster.
    TopicsDeleted(Vec<DeletedTopic>),
}

/// What a shard has counted since it was loaded; Kafka's sensors of the same meaning.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct GroupStats {
    pub completed_rebalances: u64,
    pub offset_commits: u64,
    pub offset_deletions: u64,
    pub offset_expirations: u64,
    pub session_expirations: u64,
}

/// See the module.
#[derive(Clone, Debug)]
pub struct GroupShard {
    config: GroupConfig,
    limits: GroupLimits,
    durable: Durable,
    groups: BTreeMap<GroupId, ClassicGroup>,
    timers: Timers,
    writes: Writes,
    /// Which group's assignment a write carries.
    assignment_writes: BTreeMap<WriteId, GroupId>,
    /// Members of all groups, those with only an id included.
    population: usize,
    /// What all members say about themselves, with the ids that wait for theirs and the names of groups, in bytes.
    said_bytes: usize,
    stats: GroupStats,
}

impl GroupShard {
    /// Takes up the leadership over what was replayed from the log: every member gets a new session, and a
    /// group that outgrew `group.max.size` rebalances.
    #[must_use]
    pub fn load(
        durable: Durable,
        config: GroupConfig,
        limits: GroupLimits,
        now: Now,
        effects: &mut Vec<GroupEffect>,
    ) -> GroupShard {
        let mut groups = BTreeMap::new();
        for (id, metadata) in durable.groups() {
            let group = match metadata {
                Some(metadata) => ClassicGroup::from_record(id.clone(), metadata),
                None => ClassicGroup::new(id.clone(), Some(now.wall)),
            };
            groups.insert(id.clone(), group);
        }
        let mut shard = GroupShard {
            config,
            limits,
            durable,
            population: groups.values().map(ClassicGroup::population).sum(),
            said_bytes: groups.values().map(|group| group.said_bytes).sum(),
            groups,
            timers: Timers::default(),
            writes: Writes::default(),
            assignment_writes: BTreeMap::new(),
            stats: GroupStats::default(),
        };
        let ids: Vec<GroupId> = shard.groups.keys().cloned().collect();
        for id in ids {
            shard.on_group(now, &id, effects, |turn, group| turn.start_sessions(group));
        }
        shard.schedule_expiration(now.instant);
        shard
    }

    /// Gives up the leadership: every parked request is answered `NotCoordinator`. Replies that wait for a
    /// write are the runtime's to answer.
    pub fn unload(mut self, now: Now, effects: &mut Vec<GroupEffect>) {
        let ids: Vec<GroupId> = self.groups.keys().cloned().collect();
        for id in ids {
            self.on_group(now, &id, effects, |turn, group| {
                turn.fail_parked(group, &GroupError::NotCoordinator);
            });
        }
    }

    /// Takes one event and appends its effects, in order.
    pub fn step(&mut self, now: Now, event: GroupEvent, effects: &mut Vec<GroupEffect>) {
        match event {
            GroupEvent::Request { token, command } => self.on_request(now, token, command, effects),
            GroupEvent::Durable { write } => self.on_durable(now, write, effects),
            GroupEvent::Timer(timer) => self.on_timer(now, timer, effects),
            GroupEvent::TopicsDeleted(topics) => {
                let records = self.decide_topics_deleted(&topics);
                self.write(now, records, effects);
            }
        }
    }

    /// When to step next with which timer, if nothing else happens.
    #[must_use]
    pub fn deadline(&self) -> Option<(Instant, Timer)> {
        self.timers.next()
    }

    /// The state that the records emitted so far amount to.
    #[must_use]
    pub fn durable(&self) -> &Durable {
        &self.durable
    }

    #[must_use]
    pub fn stats(&self) -> GroupStats {
        self.stats
    }

    /// Whether any group has members.
    #[must_use]
    pub fn has_members(&self) -> bool {
        self.population > 0
    }

    /// How many groups are in each state, for the metrics.
    #[must_use]
    pub fn groups_by_state(&self) -> BTreeMap<GroupState, usize> {
        let mut counts = BTreeMap::new();
        for group in self.groups.values() {
            *counts.entry(group.state()).or_default() += 1;
        }
        counts
    }

    fn on_request(
        &mut self,
        now: Now,
        token: RequestToken,
        command: GroupCommand,
        effects: &mut Vec<GroupEffect>,
    ) {
        match command {
            GroupCommand::Join(command) => self.join(now, token, command, effects),
            GroupCommand::Sync(command) => {
                let outcome = if command.group_id.is_empty() {
                    Err(GroupError::InvalidGroupId)
                } else {
                    self.on_group(now, &command.group_id.clone(), effects, |turn, group| {
                        turn.sync(group, token, command)
                    })
                    .unwrap_or(Err(GroupError::UnknownMemberId))
                };
                if let Err(error) = outcome {
                    reply_now(effects, token, GroupResponse::Sync(Err(error)));
                }
            }
            GroupCommand::Heartbeat(command) => {
                let outcome = if command.group_id.is_empty() {
                    Err(GroupError::InvalidGroupId)
                } else {
                    self.on_group(now, &command.group_id.clone(), effects, |turn, group| {
                        turn.heartbeat(group, &command)
                    })
                    .unwrap_or(Err(GroupError::UnknownMemberId))
                };
                reply_now(effects, token, GroupResponse::Heartbeat(outcome));
            }
            GroupCommand::Leave(command) => self.leave(now, token, command, effects),
            GroupCommand::CommitOffsets(command) => self.commit_offsets(now, token, command, effects),
            GroupCommand::FetchOffsets(command) => {
                self.reply_after_all(
                    token,
                    GroupResponse::FetchOffsets(self.fetch_offsets(&command)),
                    effects,
                );
            }
            GroupCommand::DeleteOffsets(command) => {
                let decision = self.decide_delete_offsets(&command);
                self.stats.offset_deletions += decision.records.len() as u64;
                self.carry_out(now, token, decision, GroupResponse::DeleteOffsets, effects);
            }
            GroupCommand::ListGroups(command) => {
                self.reply_after_all(token, GroupResponse::ListGroups(self.list_groups(&command)), effects);
            }
            GroupCommand::DescribeGroups(command) => {
                let response = GroupResponse::DescribeGroups(self.describe_groups(&command));
                self.reply_after_all(token, response, effects);
            }
            GroupCommand::DeleteGroups(command) => {
                let decision = self.decide_delete_groups(&command);
                self.carry_out(now, token, decision, GroupResponse::DeleteGroups, effects);
            }
        }
    }

    fn on_durable(&mut self, now: Now, write: WriteId, effects: &mut Vec<GroupEffect>) {
        self.writes.on_durable(write);
        while let Some(entry) = self.assignment_writes.first_entry() {
            if *entry.key() > write {
                break;
            }
            let (committed, id) = entry.remove_entry();
            self.on_group(now, &id, effects, |turn, group| turn.assignment_committed(group, committed));
        }
    }

    fn on_timer(&mut self, now: Now, timer: Timer, effects: &mut Vec<GroupEffect>) {
        if !self.timers.take_due(&timer, now.instant) {
            return;
        }
        match timer {
            Timer::Session { group, member } => {
                self.on_group(now, &group, effects, |turn, group| turn.session_expired(group, &member));
            }
            Timer::Join { group } => {
                self.on_group(now, &group, effects, |turn, group| turn.join_time_is_over(group));
            }
            Timer::Sync { group } => {
                self.on_group(now, &group, effects, |turn, group| turn.sync_time_is_over(group));
            }
            Timer::Expiration => {
                let records = self.decide_expiration(now.wall);
                let offsets =
                    records.iter().filter(|r| matches!(r, GroupRecord::OffsetCommit { .. })).count();
                self.stats.offset_expirations += offsets as u64;
                self.write(now, records, effects);
                self.schedule_expiration(now.instant);
            }
        }
    }

    fn schedule_expiration(&mut self, now: Instant) {
        self.timers.schedule(Timer::Expiration, now.after(self.config.offsets_retention_check_interval));
    }

    /// Runs `f` on a group, if there is such, with what it may touch beside it.
    fn on_group<R>(
        &mut self,
        now: Now,
        id: &GroupId,
        effects: &mut Vec<GroupEffect>,
        f: impl FnOnce(&mut Turn<'_>, &mut ClassicGroup) -> R,
    ) -> Option<R> {
        let group = self.groups.get_mut(id)?;
        let (before, said_before) = (group.population(), group.said_bytes);
        let mut turn = Turn {
            now,
            config: &self.config,
            limits: &self.limits,
            timers: &mut self.timers,
            durable: &mut self.durable,
            writes: &mut self.writes,
            assignment_writes: &mut self.assignment_writes,
            stats: &mut self.stats,
            effects,
        };
        let result = f(&mut turn, group);
        self.population = self.population - before + group.population();
        self.said_bytes = self.said_bytes - said_before + group.said_bytes;
        Some(result)
    }

    /// Writes what was decided and answers once it is committed.
    fn carry_out<T>(
        &mut self,
        now: Now,
        token: RequestToken,
        decision: Decision<GroupRecord, T>,
        response: impl FnOnce(T) -> GroupResponse,
        effects: &mut Vec<GroupEffect>,
    ) {
        self.write(now, decision.records, effects);
        self.reply_after_all(token, response(decision.response), effects);
    }

    /// Writes records, in several writes if they are many, and lets groups come and go with them.
    fn write(&mut self, now: Now, records: Vec<GroupRecord>, effects: &mut Vec<GroupEffect>) {
        let mut chunk = Vec::new();
        let mut chunk_bytes = 0;
        for record in records {
            let bytes = record.encoded_bytes_max();
            let is_full = chunk.len() >= self.limits.records_per_write_max
                || chunk_bytes + bytes > self.limits.write_bytes_max;
            if is_full {
                self.write_as_one(now, std::mem::take(&mut chunk), effects);
                chunk_bytes = 0;
            }
            chunk.push(record);
            chunk_bytes += bytes;
        }
        self.write_as_one(now, chunk, effects);
    }

    /// As [`GroupShard::write`], in one write however many they are.
    fn write_as_one(&mut self, now: Now, records: Vec<GroupRecord>, effects: &mut Vec<GroupEffect>) {
        if records.is_empty() {
            return;
        }
        for record in &records {
            self.durable.apply(record);
            match record {
                GroupRecord::OffsetCommit { key, value: Some(_) } => {
                    self.take_up_group(&key.group, now);
                }
                GroupRecord::GroupMetadata { group, value: None } => self.remove_group(group),
                GroupRecord::OffsetCommit { value: None, .. } => {}
                GroupRecord::GroupMetadata { group, value: Some(_) } => {
                    unreachable!("metadata of group {group:?} is written by its own turn")
                }
            }
        }
        effects.push(Effect::Records { write: self.writes.issue(), records });
    }

    /// Lets a group be that nobody has joined; false if it is there already.
    fn take_up_group(&mut self, id: &GroupId, now: Now) -> bool {
        let Entry::Vacant(place) = self.groups.entry(id.clone()) else { return false };
        let group = place.insert(ClassicGroup::new(id.clone(), Some(now.wall)));
        self.said_bytes += group.said_bytes;
        true
    }

    /// Forgets an empty group, and the ids it gave out that were not yet used.
    fn remove_group(&mut self, id: &GroupId) {
        let Some(group) = self.groups.remove(id) else { return };
        assert!(group.is_empty(), "group {id:?} is removed in state {:?}", group.phase);
        self.population -= group.population();
        self.said_bytes -= group.said_bytes;
        for member in group.pending_join {
            self.timers.cancel(&Timer::Session { group: id.clone(), member });
        }
    }

    /// Answers with what may rest on writes that are not committed yet.
    fn reply_after_all(&self, token: RequestToken, response: GroupResponse, effects: &mut Vec<GroupEffect>) {
        effects.push(Effect::Reply { token, response, after: self.writes.barrier() });
    }
}

fn reply_now(effects: &mut Vec<GroupEffect>, token: RequestToken, response: GroupResponse) {
    effects.push(Effect::Reply { token, response, after: super::decision::After::Now });
}
