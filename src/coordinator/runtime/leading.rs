use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use super::CoordinatorError;
use super::in_flight::InFlight;
use super::task::{Message, Reply, TaskParts};
use super::write::{Completion, Outcome, append};
use crate::coordinator::decision::{After, Effect, Now, RequestToken, WriteId};
use crate::coordinator::group::command::GroupResponse;
use crate::coordinator::group::{Durable, GroupEffect, GroupEvent, GroupRecord, GroupShard};
use crate::io::Io;
use crate::partition::Partitions;
use crate::probe::{Condition, Made, StateStep, sometimes, state_made};
use crate::types::{Instant, LeaderEpoch, NodeId, PartitionId};

/// An answer that waits for a write.
struct Parked {
    write: WriteId,
    /// When whoever asked is told that the write takes too long.
    deadline: Instant,
    token: RequestToken,
    response: GroupResponse,
}

/// A shard that this node leads, with what it has under way.
pub(super) struct Leading {
    id: PartitionId,
    node: NodeId,
    /// In which this node leads it: nothing is written under another one.
    epoch: LeaderEpoch,
    io: Io,
    partitions: Partitions,
    commit_timeout: Duration,
    shard: GroupShard,
    outcomes: mpsc::UnboundedSender<Outcome>,
    in_flight: InFlight,
    committed: Option<WriteId>,
    /// A write could not be handed to the log: none may follow it.
    broken: bool,
    replies: BTreeMap<RequestToken, Reply>,
    next_token: u64,
    /// In the order of their writes.
    parked: VecDeque<Parked>,
}

impl Leading {
    /// Takes up the leadership over what was loaded. Each write's outcome will come through `outcomes`, and
    /// is to be handed to [`Leading::finish`].
    pub(super) async fn begin(
        parts: &TaskParts,
        epoch: LeaderEpoch,
        durable: Durable,
        outcomes: mpsc::UnboundedSender<Outcome>,
    ) -> Leading {
        let mut effects = Vec::new();
        let now = now(&parts.io);
        let shard = GroupShard::load(durable, parts.config.clone(), parts.limits.clone(), now, &mut effects);
        let mut leading = Leading {
            id: parts.id,
            node: parts.node,
            epoch,
            io: parts.io.clone(),
            partitions: parts.partitions.clone(),
            commit_timeout: parts.commit_timeout,
            shard,
            outcomes,
            in_flight: InFlight::default(),
            committed: None,
            broken: false,
            replies: BTreeMap::new(),
            next_token: 0,
            parked: VecDeque::new(),
        };
        leading.carry_out(effects).await;
        leading
    }

    pub(super) async fn take(&mut self, message: Message) {
        match message {
            Message::Request { command, reply } => {
                let token = RequestToken(self.next_token);
                self.next_token += 1;
                self.replies.insert(token, reply);
                self.step(GroupEvent::Request { token, command }).await;
            }
            Message::TopicsDeleted(topics) => self.step(GroupEvent::TopicsDeleted(topics)).await,
            // They are.
            Message::Load => {}
        }
    }

    /// Takes note of a write's outcome.
    ///
    /// # Errors
    /// The write's error: the shard is ahead of the log then, and has to be given up with
    /// [`Leading::resign`].
    pub(super) async fn finish(&mut self, outcome: Outcome) -> Result<(), CoordinatorError> {
        self.in_flight.end(outcome.bytes);
        outcome.result?;
        let write = outcome.write;
        assert!(
            self.committed.is_none_or(|committed| committed < write),
            "{write:?} is committed after {:?}",
            self.committed
        );
        self.committed = Some(write);
        self.show(|epoch| Made::Committed { epoch, write: write.0 });
        self.step(GroupEvent::Durable { write }).await;
        while self.parked.front().is_some_and(|parked| parked.write <= write) {
            let Parked { token, response, .. } = self.parked.pop_front().expect("there is a front");
            self.reply(token, Ok(response));
        }
        Ok(())
    }

    /// Whether a group has members.
    pub(super) fn has_members(&self) -> bool {
        self.shard.has_members()
    }

    /// Whether another request may come: not while too much is being written.
    pub(super) fn has_room(&self) -> bool {
        self.in_flight.has_room()
    }

    /// When [`Leading::fire_due`] has something to do.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let timer = self.shard.deadline().map(|(at, _)| at);
        let parked = self.parked.front().map(|parked| parked.deadline);
        timer.into_iter().chain(parked).min()
    }

    /// Fires the timers whose time has come, and refuses those who have waited too long for a write.
    pub(super) async fn fire_due(&mut self) {
        let due = self.io.clock.now();
        while let Some((at, timer)) = self.shard.deadline()
            && at <= due
        {
            self.step(GroupEvent::Timer(timer)).await;
        }
        while self.parked.front().is_some_and(|parked| parked.deadline <= due) {
            let parked = self.parked.pop_front().expect("there is a front");
            self.reply(parked.token, Err(CoordinatorError::Timeout));
        }
    }

    /// Gives the shard up: those who wait for a write get `error`, all others are told that this node no
    /// longer coordinates them. Gives the number of writes whose outcome is still to come.
    pub(super) fn resign(mut self, error: &CoordinatorError) -> usize {
        if !self.parked.is_empty() {
            sometimes(Condition::CoordinatorWriteFailed);
        }
        for parked in std::mem::take(&mut self.parked) {
            self.reply(parked.token, Err(error.clone()));
        }
        let Leading { shard, mut replies, io, in_flight, .. } = self;
        let mut effects = Vec::new();
        shard.unload(now(&io), &mut effects);
        for effect in effects {
            match effect {
                Effect::Reply { token, response, .. } => {
                    if let Some(reply) = replies.remove(&token) {
                        // Whoever asked may have gone.
                        drop(reply.send(Ok(response)));
                    }
                }
                Effect::Records { write, .. } => unreachable!("{write:?} is emitted on unloading"),
            }
        }
        for reply in replies.into_values() {
            drop(reply.send(Err(CoordinatorError::NotCoordinator)));
        }
        in_flight.writes()
    }

    async fn step(&mut self, event: GroupEvent) {
        let mut effects = Vec::new();
        self.shard.step(now(&self.io), event, &mut effects);
        self.carry_out(effects).await;
    }

    async fn carry_out(&mut self, effects: Vec<GroupEffect>) {
        for effect in effects {
            match effect {
                Effect::Records { write, records } => self.write(write, &records).await,
                Effect::Reply { token, response, after } => match after {
                    After::Durable(write) if !after.is_met_by(self.committed) => {
                        self.park(write, token, response);
                    }
                    After::Durable(_) | After::Now => self.reply(token, Ok(response)),
                },
            }
        }
    }

    async fn write(&mut self, write: WriteId, records: &[GroupRecord]) {
        let bytes = records.iter().map(GroupRecord::encoded_bytes_max).sum();
        let completion = Completion::new(write, bytes, self.outcomes.clone());
        self.in_flight.begin(bytes);
        if self.broken {
            let what = "a write before it could not be written".to_owned();
            return completion.tell(Err(CoordinatorError::Unwritable(what)));
        }
        self.show(|epoch| Made::Written { epoch, write: write.0, records: Arc::new(records.to_vec()) });
        let wall = self.io.clock.wall();
        let handed_over = append(&self.partitions, (self.id, self.epoch), records, wall, completion).await;
        self.broken = !handed_over;
    }

    fn show(&self, made: impl FnOnce(i32) -> Made) {
        state_made(|| StateStep {
            partition: (self.id.topic.0, self.id.index.0),
            node: self.node.0,
            made: made(self.epoch.0),
        });
    }

    fn park(&mut self, write: WriteId, token: RequestToken, response: GroupResponse) {
        assert!(
            self.parked.back().is_none_or(|last| last.write <= write),
            "an answer after {write:?} comes behind one that waits for more"
        );
        let deadline = self.io.clock.now().after(self.commit_timeout);
        self.parked.push_back(Parked { write, deadline, token, response });
    }

    fn reply(&mut self, token: RequestToken, answer: Result<GroupResponse, CoordinatorError>) {
        let reply = self.replies.remove(&token);
        let reply = reply.unwrap_or_else(|| panic!("{token:?} is answered twice"));
        // Whoever asked may have gone.
        drop(reply.send(answer));
    }
}

fn now(io: &Io) -> Now {
    Now { instant: io.clock.now(), wall: io.clock.wall() }
}
