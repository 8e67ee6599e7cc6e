use std::collections::VecDeque;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::CoordinatorError;
use super::leading::Leading;
use super::lease::Lease;
use super::load::{LoadError, Loaded, load};
use super::write::Outcome;
use crate::coordinator::group::command::{DeletedTopic, GroupCommand, GroupResponse};
use crate::coordinator::group::{Durable, GroupConfig, GroupLimits};
use crate::io::Alarm;
use crate::io::{Io, Shutdown};
use crate::partition::Partitions;
use crate::probe::{Condition, Made, Mutant, StateStep, mutant, sometimes, state_made};
use crate::types::{Instant, LeaderEpoch, NodeId, PartitionId};

/// How long a request waits for a load before it is told to come again.
const LOAD_WAIT: Duration = Duration::from_secs(1);
/// Requests that wait for a load; more wait in the inbox.
const WAITING_MAX: usize = 1024;
/// How soon after a failed load another is tried. Requests until then are refused at once.
const RELOAD_PAUSE: Duration = Duration::from_secs(1);
/// The same where nobody asks, at most: twice as long after each load in a row that fails.
const RELOAD_PAUSE_MAX: Duration = Duration::from_secs(10);
/// Messages taken in a row before the timers are looked at, so that requests cannot starve them.
const MESSAGES_IN_A_ROW_MAX: usize = 64;

pub(super) type Reply = oneshot::Sender<Result<GroupResponse, CoordinatorError>>;

/// What a task is told.
pub(super) enum Message {
    Request {
        command: GroupCommand,
        reply: Reply,
    },
    TopicsDeleted(Vec<DeletedTopic>),
    /// This node leads the partition in a new epoch: its groups are loaded now, since their members' sessions run.
    Load,
}

impl Message {
    fn refuse(self, error: CoordinatorError) {
        match self {
            // Whoever asked may have gone.
            Message::Request { reply, .. } => drop(reply.send(Err(error))),
            Message::TopicsDeleted(topics) => {
                tracing::warn!(topics = topics.len(), %error, "offsets of deleted topics stay until they expire");
            }
            // Whoever asks next loads them.
            Message::Load => {}
        }
    }
}

/// What a task works with.
pub(super) struct TaskParts {
    pub(super) id: PartitionId,
    pub(super) node: NodeId,
    pub(super) io: Io,
    pub(super) partitions: Partitions,
    pub(super) config: GroupConfig,
    pub(super) limits: GroupLimits,
    /// How long a write may take before those who wait for it are told so.
    pub(super) commit_timeout: Duration,
    pub(super) shutdown: Shutdown,
    pub(super) inbox: mpsc::Receiver<Message>,
}

/// A message that came during a load; a request is refused at `until`.
struct Waiting {
    until: Instant,
    message: Message,
}

/// The owner of one partition's groups.
pub(super) struct Task {
    parts: TaskParts,
    waiting: VecDeque<Waiting>,
    /// When a load may be tried again, after one that failed.
    reload_at: Option<Instant>,
    /// When to load again although nobody asks: a write or a load failed, and this node leads still.
    wake_at: Option<Instant>,
    /// How long after a load that fails that is.
    pause: Duration,
    alarm: Alarm,
}

/// Whether the task goes on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    GoOn,
    End,
}

/// How a leadership ended.
enum Led {
    /// A write failed, or another node leads; the outcomes of so many others are still to come.
    Failed {
        outcomes: mpsc::UnboundedReceiver<Outcome>,
        writes_left: usize,
    },
    End,
}

impl Task {
    pub(super) fn new(parts: TaskParts) -> Task {
        Task {
            parts,
            waiting: VecDeque::new(),
            reload_at: None,
            wake_at: None,
            pause: RELOAD_PAUSE,
            alarm: Alarm::default(),
        }
    }

    pub(super) async fn run(mut self) {
        while self.idle().await == Next::GoOn && self.load_and_lead().await == Next::GoOn {}
        self.parts.inbox.close();
        self.refuse_waiting(&CoordinatorError::NotCoordinator);
        while let Ok(message) = self.parts.inbox.try_recv() {
            message.refuse(CoordinatorError::NotCoordinator);
        }
    }

    /// Waits until there is reason to load.
    async fn idle(&mut self) -> Next {
        while self.waiting.is_empty() {
            let shutdown = self.parts.shutdown.clone();
            let message = tokio::select! {
                biased;
                () = shutdown.begun() => return Next::End,
                message = self.parts.inbox.recv() => message,
                () = self.alarm.at(self.parts.io.clock.as_ref(), self.wake_at) => Some(Message::Load),
            };
            let Some(message) = message else { return Next::End };
            let refuses = self.reload_at.is_some_and(|at| self.parts.io.clock.now() < at);
            // What failed in an earlier epoch says nothing of the one that has begun.
            if refuses && !matches!(message, Message::Load) {
                message.refuse(CoordinatorError::NotCoordinator);
            } else {
                self.wait(message);
            }
        }
        Next::GoOn
    }

    async fn load_and_lead(&mut self) -> Next {
        self.wake_at = None;
        let (io, partitions, id) = (self.parts.io.clone(), self.parts.partitions.clone(), self.parts.id);
        let started = io.clock.now();
        let loading = Box::pin(async move { load(&io, &partitions, id).await });
        let Some(loaded) = self.meanwhile(loading).await else { return Next::End };
        let Loaded { epoch, durable, stats } = match loaded {
            Ok(loaded) => loaded,
            Err(LoadError::Closed) => return Next::End,
            Err(error) => {
                tracing::warn!(partition = %id, %error, "the groups of a partition cannot be loaded");
                self.load_failed();
                return Next::GoOn;
            }
        };
        state_made(|| StateStep {
            partition: (id.topic.0, id.index.0),
            node: self.parts.node.0,
            made: Made::Loaded { epoch: epoch.0, state: Arc::new(durable.clone()) },
        });
        (self.reload_at, self.pause) = (None, RELOAD_PAUSE);
        let took = self.parts.io.clock.now().since(started);
        tracing::info!(partition = %id, records = stats.records, foreign = stats.foreign, ?took, "groups loaded");
        if mutant(Mutant::CoordinatorAnswersUnloaded) {
            self.answer_from_nothing(epoch).await;
        }
        match self.lead(epoch, durable).await {
            Led::End => Next::End,
            Led::Failed { mut outcomes, writes_left } => {
                let drained = Box::pin(async move {
                    for _ in 0..writes_left {
                        // Every write has its outcome, if only that it was dropped.
                        outcomes.recv().await;
                    }
                });
                if self.meanwhile(drained).await.is_none() {
                    return Next::End;
                }
                self.wake_after(RELOAD_PAUSE);
                Next::GoOn
            }
        }
    }

    /// What could not be read may be repaired from another node meanwhile.
    fn load_failed(&mut self) {
        self.reload_at = Some(self.parts.io.clock.now().after(RELOAD_PAUSE));
        self.wake_after(self.pause);
        let leads = self.wake_at.is_some();
        self.pause = if leads { (self.pause * 2).min(RELOAD_PAUSE_MAX) } else { RELOAD_PAUSE };
        self.refuse_waiting(&CoordinatorError::NotCoordinator);
    }

    /// Loads again after a pause if this node leads still: the sessions of the members run, whether anybody asks or not.
    fn wake_after(&mut self, pause: Duration) {
        let here = self.parts.partitions.leaderships().of(self.parts.id);
        let leads = here.is_some_and(|here| here.serving);
        self.wake_at = leads.then(|| self.parts.io.clock.now().after(pause));
    }

    /// Drives `future`, and lets messages wait. `None` if the task shall end.
    async fn meanwhile<F: Future>(&mut self, future: F) -> Option<F::Output> {
        let shutdown = self.parts.shutdown.clone();
        let mut begun = pin!(shutdown.begun());
        let mut future = pin!(future);
        loop {
            let is_request = |waiting: &&Waiting| matches!(waiting.message, Message::Request { .. });
            let deadline = self.waiting.iter().find(is_request).map(|waiting| waiting.until);
            let has_room = self.waiting.len() < WAITING_MAX;
            tokio::select! {
                biased;
                () = &mut begun => return None,
                output = &mut future => return Some(output),
                () = self.alarm.at(self.parts.io.clock.as_ref(), deadline) => self.refuse_late(),
                message = self.parts.inbox.recv(), if has_room => self.wait(message?),
            }
        }
    }

    fn wait(&mut self, message: Message) {
        let until = self.parts.io.clock.now().after(LOAD_WAIT);
        self.waiting.push_back(Waiting { until, message });
    }

    fn refuse_late(&mut self) {
        let now = self.parts.io.clock.now();
        for waiting in std::mem::take(&mut self.waiting) {
            match waiting.message {
                Message::Request { .. } if waiting.until <= now => {
                    waiting.message.refuse(CoordinatorError::Loading);
                }
                Message::Request { .. } | Message::TopicsDeleted(_) | Message::Load => {
                    self.waiting.push_back(waiting);
                }
            }
        }
    }

    fn refuse_waiting(&mut self, error: &CoordinatorError) {
        for waiting in self.waiting.drain(..) {
            waiting.message.refuse(error.clone());
        }
    }

    /// A mistake: answers all that has come during the load as if there were no groups.
    async fn answer_from_nothing(&mut self, epoch: LeaderEpoch) {
        let (sender, mut outcomes) = mpsc::unbounded_channel();
        let mut leading = Leading::begin(&self.parts, epoch, Durable::default(), sender).await;
        while let Some(waiting) = self.waiting.pop_front() {
            leading.take(waiting.message).await;
        }
        for _ in 0..leading.resign(&CoordinatorError::NotCoordinator) {
            let _whatever_came_of_it = outcomes.recv().await;
        }
    }

    /// Serves what was loaded until a write fails, another node leads, or the task shall end.
    async fn lead(&mut self, epoch: LeaderEpoch, durable: Durable) -> Led {
        let leaderships = Arc::clone(self.parts.partitions.leaderships());
        let id = self.parts.id;
        let of_epoch = |here: LeaderEpoch| here == epoch || mutant(Mutant::CoordinatorWithoutEpoch);
        let still_leads = || {
            let leads = leaderships.of(id).is_some_and(|here| here.serving && of_epoch(here.epoch));
            leads || mutant(Mutant::CoordinatorServesOn)
        };
        let shutdown = self.parts.shutdown.clone();
        let mut begun = pin!(shutdown.begun());
        let (sender, mut outcomes) = mpsc::unbounded_channel();
        let mut leading = Leading::begin(&self.parts, epoch, durable, sender).await;
        let mut lease = Lease::new(id, epoch);
        let mut led = true;
        let mut in_a_row = 0;
        loop {
            if in_a_row >= MESSAGES_IN_A_ROW_MAX {
                in_a_row = 0;
                leading.fire_due().await;
            }
            let deadline = leading.deadline();
            let mut changed = pin!(leaderships.changed());
            changed.as_mut().enable();
            if !led || !still_leads() {
                tracing::info!(partition = %id, "another node coordinates the groups of a partition");
                if leading.has_members() {
                    sometimes(Condition::ClusterCoordinatorMoved);
                }
                let writes_left = leading.resign(&CoordinatorError::NotCoordinator);
                return Led::Failed { outcomes, writes_left };
            }
            tokio::select! {
                biased;
                () = &mut begun => break,
                () = changed => {}
                Some(outcome) = outcomes.recv() => {
                    if let Err(error) = leading.finish(outcome).await {
                        tracing::warn!(partition = %self.parts.id, %error, "a coordinator's write failed");
                        let writes_left = leading.resign(&error);
                        return Led::Failed { outcomes, writes_left };
                    }
                }
                message = next_message(&mut self.waiting, &mut self.parts.inbox), if leading.has_room() => {
                    let Some(message) = message else { break };
                    led = self.take(&mut leading, &mut lease, message).await;
                    in_a_row += 1;
                }
                () = self.alarm.at(self.parts.io.clock.as_ref(), deadline) => {
                    in_a_row = 0;
                    leading.fire_due().await;
                }
            }
        }
        leading.resign(&CoordinatorError::NotCoordinator);
        Led::End
    }

    /// Hands a message over, unless another node leads by now.
    async fn take(&mut self, leading: &mut Leading, lease: &mut Lease, message: Message) -> bool {
        let leads = lease.holds(self.parts.io.clock.as_ref(), &self.parts.partitions).await;
        if leads {
            leading.take(message).await;
        } else {
            message.refuse(CoordinatorError::NotCoordinator);
        }
        leads
    }
}

/// The next message: those that waited for the load come first. `None` once nobody can send another.
async fn next_message(
    waiting: &mut VecDeque<Waiting>,
    inbox: &mut mpsc::Receiver<Message>,
) -> Option<Message> {
    match waiting.pop_front() {
        Some(waiting) => Some(waiting.message),
        None => inbox.recv().await,
    }
}
