//! A consumer of partitions that are named to it, or that its group gives it.
//!
//! Owns positions: where each partition is read next. Per broker one fetch is under way, so while a caller
//! works on what it got, the next is on its way. Invariants:
//! - A position moves only with what [`Consumer::poll`] returns: what is committed has been handed out.
//! - An answer to a question that is no longer asked (another position, a partition given up) is dropped.
mod fetch;
mod options;
mod records;
mod session;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::sync::mpsc;

use fetch::Answer;
pub use options::{ConsumerOptions, Isolation, OffsetReset};
pub use records::{ConsumedRecord, Fetched};
use session::FetchSession;

use super::admin::OffsetSpec;
use super::cluster::{AutoCreate, Client};
use super::error::ClientError;
use super::group::{GroupOptions, GroupSession};
use super::metadata::TopicPartition;
use crate::io::timeout;
use crate::types::{ErrorCode, Instant, NodeId, Offset};

/// How many answers may wait to be taken; more than brokers that are asked at once would be a bug.
const ANSWERS_MAX: usize = 1024;

/// How long a replica that the leader named is asked in its place, as Java's clients do with their metadata's age.
const NEARBY_FOR: Duration = Duration::from_secs(300);

/// Reads partitions. Use [`Consumer::close`] to leave its group.
pub struct Consumer {
    client: Client,
    options: ConsumerOptions,
    partitions: BTreeMap<TopicPartition, Position>,
    /// The nodes that are being asked.
    asked: BTreeSet<NodeId>,
    /// With the nodes that are not being asked.
    sessions: BTreeMap<NodeId, FetchSession>,
    answers: mpsc::Receiver<Answer>,
    answer_to: mpsc::Sender<Answer>,
    group: Option<GroupSession>,
    joined: bool,
    /// What the next poll fails with.
    failure: Option<ClientError>,
}

struct Position {
    /// `None` until it has been looked up.
    next: Option<Offset>,
    /// The end of the partition as last told.
    high_watermark: Option<Offset>,
    /// Not before this, after an error.
    not_before: Option<Instant>,
    in_flight: bool,
    /// The replica that the leader sent this consumer to, and until when it is asked.
    nearby: Option<(NodeId, Instant)>,
    /// Since when it is refused, and how last.
    refused: Option<(Instant, ClientError)>,
}

/// A partition that its broker refuses to give, and is asked for again and again.
#[derive(Clone, Debug)]
pub struct Refusal<'a> {
    pub at: &'a TopicPartition,
    /// Where it is read next; `None` while that is looked up.
    pub next: Option<Offset>,
    /// How long nothing else has come.
    pub lasts: Duration,
    /// The last of them.
    pub error: &'a ClientError,
}

impl Position {
    fn at(next: Option<Offset>) -> Position {
        Position {
            next,
            high_watermark: None,
            not_before: None,
            in_flight: false,
            nearby: None,
            refused: None,
        }
    }

    /// An answer went wrong: the leader is asked again, and whoever was asked in its place no more. Whether there was one.
    fn ask_the_leader(&mut self, until: Instant) -> bool {
        self.not_before = Some(until);
        self.nearby.take().is_some()
    }

    fn refuse(&mut self, now: Instant, error: ClientError) {
        let since = self.refused.take().map_or(now, |(since, _)| since);
        self.refused = Some((since, error));
    }

    /// Nothing is under way for it, and it need not wait.
    fn is_idle(&self) -> bool {
        !self.in_flight && self.not_before.is_none()
    }

    fn is_askable(&self) -> bool {
        self.next.is_some() && self.is_idle()
    }
}

/// What happened while polling.
enum Event {
    Answer(Box<Answer>),
    Rebalance,
    Time,
}

impl Consumer {
    /// A consumer of these partitions from these offsets on; `None` goes by the options' reset.
    #[must_use]
    pub fn assign(
        client: &Client,
        options: ConsumerOptions,
        partitions: BTreeMap<TopicPartition, Option<Offset>>,
    ) -> Consumer {
        let mut consumer = Consumer::new(client, options, None);
        consumer.partitions = partitions.into_iter().map(|(at, next)| (at, Position::at(next))).collect();
        consumer
    }

    /// Reads these partitions too, from these offsets on; `None` goes by the options' reset. What is read already goes
    /// on from where it is. Not for a member of a group, whose partitions are what it was assigned.
    pub fn add(&mut self, partitions: BTreeMap<TopicPartition, Option<Offset>>) {
        debug_assert!(self.group.is_none(), "a member of a group reads what it was assigned");
        for (at, next) in partitions {
            self.partitions.entry(at).or_insert_with(|| Position::at(next));
        }
    }

    /// A member of a group; it joins with the first poll.
    #[must_use]
    pub fn subscribe(client: &Client, options: ConsumerOptions, group: GroupOptions) -> Consumer {
        let session = GroupSession::new(client.clone(), group);
        Consumer::new(client, options, Some(session))
    }

    fn new(client: &Client, options: ConsumerOptions, group: Option<GroupSession>) -> Consumer {
        let (answer_to, answers) = mpsc::channel(ANSWERS_MAX);
        Consumer {
            client: client.clone(),
            options,
            partitions: BTreeMap::new(),
            asked: BTreeSet::new(),
            failure: None,
            sessions: BTreeMap::new(),
            answers,
            answer_to,
            group,
            joined: false,
        }
    }

    /// The partitions this consumer reads now.
    pub fn assignment(&self) -> impl Iterator<Item = &TopicPartition> {
        self.partitions.keys()
    }

    /// Where each partition is read next; those that have not been looked up are absent.
    #[must_use]
    pub fn positions(&self) -> BTreeMap<TopicPartition, Offset> {
        self.partitions.iter().filter_map(|(at, position)| Some((at.clone(), position.next?))).collect()
    }

    /// What is refused now for a reason that may pass: a leader that moves, a file that cannot be read.
    pub fn refusals(&self) -> impl Iterator<Item = Refusal<'_>> {
        let now = self.client.io().clock.now();
        self.partitions.iter().filter_map(move |(at, position)| {
            let (since, error) = position.refused.as_ref()?;
            Some(Refusal { at, next: position.next, lasts: now.since(*since), error })
        })
    }

    /// Whether every partition has been read to its end as last told.
    #[must_use]
    pub fn is_at_end(&self) -> bool {
        self.partitions.values().all(|p| p.next.zip(p.high_watermark).is_some_and(|(next, end)| next >= end))
    }

    /// Whether the group waits for this member to join again; the next poll does. What has been handled should
    /// be committed before.
    #[must_use]
    pub fn must_rejoin(&self) -> bool {
        self.group.as_ref().is_some_and(|group| !self.joined || group.must_rejoin())
    }

    /// Reads on from this offset.
    pub fn seek(&mut self, at: &TopicPartition, offset: Offset) {
        if let Some(position) = self.partitions.get_mut(at) {
            position.next = Some(offset);
        }
    }

    /// What has come, as soon as something has, and nothing after `within`. Joins the group first if it must.
    ///
    /// # Errors
    /// What does not pass by asking again: an unknown topic, a position out of range without a reset, bytes that
    /// cannot be read, a group that refuses this member.
    pub async fn poll(&mut self, within: Duration) -> Result<Vec<Fetched>, ClientError> {
        let clock = std::sync::Arc::clone(&self.client.io().clock);
        let deadline = clock.now().after(within);
        loop {
            if self.must_rejoin() {
                self.join().await?;
            }
            // What came beside it has been returned.
            if let Some(failure) = self.failure.take() {
                return Err(failure);
            }
            self.start_fetches().await?;
            let mut fetched = Vec::new();
            match self.next_event(deadline).await {
                Event::Answer(answer) => self.take(*answer, &mut fetched),
                Event::Rebalance => return Ok(Vec::new()),
                Event::Time => {}
            }
            while let Ok(answer) = self.answers.try_recv() {
                self.take(answer, &mut fetched);
            }
            if !fetched.is_empty() {
                // The next is on its way while the caller works on this. What fails is told by the next poll: here it would
                // take away what positions have moved for.
                if let Err(error) = self.start_fetches().await {
                    tracing::debug!(%error, "the next fetch is not begun");
                }
                return Ok(fetched);
            }
            if clock.now() >= deadline && self.failure.is_none() {
                return Ok(fetched);
            }
        }
    }

    /// The next answer, a rebalance, the deadline, or the time when a partition may be asked again.
    async fn next_event(&mut self, deadline: Instant) -> Event {
        let clock = std::sync::Arc::clone(&self.client.io().clock);
        let again = self.partitions.values().filter_map(|p| p.not_before).min();
        let until = again.map_or(deadline, |again| again.min(deadline));
        let group = self.group.as_ref();
        let answers = &mut self.answers;
        let rebalanced = async {
            match group {
                Some(group) => group.rebalanced().await,
                None => std::future::pending().await,
            }
        };
        let event = async {
            tokio::select! {
                biased;
                answer = answers.recv() => {
                    Event::Answer(Box::new(answer.expect("this consumer holds a sender itself")))
                }
                () = rebalanced => Event::Rebalance,
            }
        };
        timeout(&*clock, until, event).await.unwrap_or(Event::Time)
    }

    async fn join(&mut self) -> Result<(), ClientError> {
        let Some(group) = &mut self.group else { return Ok(()) };
        // What was read under the last assignment may be another member's now.
        self.partitions.clear();
        self.failure = None;
        let joined = group.join().await?;
        self.joined = true;
        let wanted: Vec<_> = joined.assignment.iter().cloned().collect();
        let group_id = group.group_id().to_owned();
        let committed = if wanted.is_empty() {
            BTreeMap::new()
        } else {
            self.client.group_offsets(&group_id, Some(&wanted)).await?
        };
        let position = |at: TopicPartition| {
            let next = committed.get(&at).map(|committed| committed.offset);
            (at, Position::at(next))
        };
        self.partitions = wanted.into_iter().map(position).collect();
        Ok(())
    }

    /// Looks up what has no position, then asks every leader that is not being asked. A partition without a leader, or
    /// whose leader cannot tell, waits; the others are read.
    async fn start_fetches(&mut self) -> Result<(), ClientError> {
        let now = self.client.io().clock.now();
        let mut unknown: BTreeSet<String> = BTreeSet::new();
        for (at, position) in &mut self.partitions {
            // What has passed need not wake anybody any more.
            position.not_before = position.not_before.filter(|time| *time > now);
            position.nearby = position.nearby.filter(|(_, until)| *until > now);
            if position.is_idle() && self.client.cached_leader(at).is_none() {
                unknown.insert(at.topic.clone());
            }
        }
        if !unknown.is_empty() {
            self.learn_leaders(unknown).await?;
        }
        self.look_up_positions().await?;
        let mut by_node: BTreeMap<NodeId, BTreeMap<TopicPartition, Offset>> = BTreeMap::new();
        for (at, position) in self.partitions.iter().filter(|(_, position)| position.is_askable()) {
            let nearby = position.nearby.map(|(node, _)| node);
            let replica = nearby.or_else(|| self.client.cached_leader(at));
            let free = replica.filter(|node| !self.asked.contains(node));
            if let Some((node, next)) = free.zip(position.next) {
                by_node.entry(node).or_default().insert(at.clone(), next);
            }
        }
        for (node, asked) in by_node {
            for at in asked.keys() {
                if let Some(position) = self.partitions.get_mut(at) {
                    position.in_flight = true;
                }
            }
            self.asked.insert(node);
            let (client, options) = (self.client.clone(), self.options.clone());
            let answer_to = self.answer_to.clone();
            let session = self.sessions.remove(&node).unwrap_or_default();
            let task = async move {
                let answer = fetch::fetch(&client, &options, node, session, asked).await;
                // The consumer may be gone by now.
                drop(answer_to.send(answer).await);
            };
            drop(self.client.io().spawn.spawn("client-fetch", Box::pin(task)));
        }
        Ok(())
    }

    /// Learns who leads these topics' partitions; what has no leader waits.
    async fn learn_leaders(&mut self, topics: BTreeSet<String>) -> Result<(), ClientError> {
        let names: Vec<String> = topics.iter().cloned().collect();
        match self.client.describe(Some(&names), AutoCreate::No).await {
            Ok(metadata) => {
                let gone = names.iter().find(|name| {
                    let told = metadata.topics.get(*name);
                    told.is_some_and(|topic| topic.error == Some(ErrorCode::UnknownTopicOrPartition))
                });
                if let Some(topic) = gone {
                    return Err(ClientError::UnknownTopic { topic: topic.clone() });
                }
                let is_lost = |at: &TopicPartition, position: &Position| {
                    position.next.is_none()
                        && metadata.topics.get(&at.topic).is_some_and(|told| told.error.is_none())
                        && metadata.partition(at).is_none()
                };
                if let Some((at, _)) = self.partitions.iter().find(|(at, position)| is_lost(at, position)) {
                    let (topic, partition) = (at.topic.clone(), at.partition.0);
                    return Err(ClientError::UnknownPartition { topic, partition });
                }
            }
            Err(error) if error.is_retriable() && self.client.was_reached() => {
                tracing::debug!(%error, "the consumer cannot learn who leads");
            }
            Err(error) => return Err(error),
        }
        let until = self.client.io().clock.now().after(self.client.options().retry_backoff);
        for (at, position) in &mut self.partitions {
            if topics.contains(&at.topic) && position.is_idle() && self.client.cached_leader(at).is_none() {
                position.not_before = Some(until);
            }
        }
        Ok(())
    }

    async fn look_up_positions(&mut self) -> Result<(), ClientError> {
        let reset = match self.options.offset_reset {
            OffsetReset::Earliest => Ok(OffsetSpec::Earliest),
            OffsetReset::Latest => Ok(OffsetSpec::Latest),
            OffsetReset::Fail => Err(()),
        };
        let mut missing = BTreeMap::new();
        for (at, _) in self.partitions.iter().filter(|(_, p)| p.next.is_none() && p.is_idle()) {
            let spec = reset.map_err(|()| ClientError::NoPosition { subject: at.to_string() })?;
            missing.insert(at.clone(), spec);
        }
        if missing.is_empty() {
            return Ok(());
        }
        let listed = self.client.try_list_offsets(&missing).await;
        let later = self.client.io().clock.now().after(self.client.options().retry_backoff);
        for (at, listed) in listed {
            let Some(position) = self.partitions.get_mut(&at) else { continue };
            match listed {
                Ok(listed) => position.next = Some(listed.offset),
                Err(error) if error.is_retriable() && self.client.was_reached() => {
                    tracing::debug!(%error, "a position cannot be looked up yet");
                    if error.is_stale_metadata() {
                        self.client.doubt();
                    }
                    position.not_before = Some(later);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Takes what an answer brings. A partition that failed for good is told once what came of the others has been returned: their
    /// positions have moved.
    fn take(&mut self, answer: Answer, fetched: &mut Vec<Fetched>) {
        self.asked.remove(&answer.node);
        self.sessions.insert(answer.node, answer.session);
        let backoff = self.client.options().retry_backoff;
        let now = self.client.io().clock.now();
        let later = now.after(backoff);
        for at in answer.asked.keys() {
            if let Some(position) = self.partitions.get_mut(at) {
                position.in_flight = false;
            }
        }
        let mut results = match answer.result {
            Ok(results) => results,
            Err(error) if error.is_retriable() => {
                tracing::debug!(%error, "a fetch failed, and is tried again");
                self.client.doubt();
                for at in answer.asked.keys() {
                    if let Some(position) = self.partitions.get_mut(at) {
                        position.ask_the_leader(later);
                    }
                }
                return;
            }
            Err(error) => {
                self.failure.get_or_insert(error);
                return;
            }
        };
        for (at, asked) in &answer.asked {
            let Some(position) = self.partitions.get_mut(at).filter(|p| p.next == Some(*asked)) else {
                continue;
            };
            match results.remove(at) {
                None => {}
                Some(Ok(came)) => {
                    position.refused = None;
                    position.high_watermark = Some(came.high_watermark);
                    if let Some(node) = came.nearby {
                        position.nearby = Some((node, now.after(NEARBY_FOR)));
                    }
                    position.next = Some(came.next);
                    if came.next > came.from {
                        fetched.push(came);
                    }
                }
                Some(Err(error)) if error.code() == Some(ErrorCode::OffsetOutOfRange) => {
                    // Another replica than the leader may be behind.
                    if position.nearby.is_some() {
                        position.ask_the_leader(later);
                        continue;
                    }
                    if self.options.offset_reset == OffsetReset::Fail {
                        self.failure.get_or_insert(error);
                    } else {
                        position.next = None;
                    }
                }
                Some(Err(error)) if error.is_retriable() => {
                    let was_elsewhere = position.ask_the_leader(later);
                    if !was_elsewhere {
                        self.client.doubt();
                    }
                    position.refuse(now, error);
                }
                Some(Err(error)) => {
                    self.failure.get_or_insert(error);
                }
            }
        }
    }

    /// Commits everything that polls have returned.
    ///
    /// # Errors
    /// As [`GroupSession::commit`].
    pub async fn commit(&self) -> Result<(), ClientError> {
        self.commit_offsets(&self.positions()).await
    }

    /// Commits these offsets: where each partition is to be read next. Does nothing outside a group.
    ///
    /// # Errors
    /// As [`GroupSession::commit`].
    pub async fn commit_offsets(
        &self,
        offsets: &BTreeMap<TopicPartition, Offset>,
    ) -> Result<(), ClientError> {
        match &self.group {
            Some(group) if self.joined => group.commit(offsets).await,
            Some(_) | None => Ok(()),
        }
    }

    /// Leaves the group, if there is one. Commits nothing by itself.
    ///
    /// # Errors
    /// What the coordinator said.
    pub async fn close(mut self) -> Result<(), ClientError> {
        for (node, session) in std::mem::take(&mut self.sessions) {
            fetch::end(&self.client, &self.options, node, session).await;
        }
        match self.group.take() {
            // Be it while it joins: the coordinator may know it already.
            Some(group) => group.leave().await,
            None => Ok(()),
        }
    }
}
