//! Before and after the faults: the topics are made, and in the end everything is read once more.
use std::collections::BTreeMap;
use std::time::Duration;

use ordain::client::admin::OffsetSpec;
use ordain::client::consumer::{Consumer, ConsumerOptions, OffsetReset};
use ordain::client::{AutoCreate, Client, ClientError, Lane, TopicPartition};
use ordain::io::Io;
use ordain::types::{ErrorCode, Offset};
use ordain::wire::messages::DescribeProducersRequest;
use ordain::wire::messages::describe_producers_request::TopicRequest;
use ordain::wire::{ApiKey, Text};

use super::account::{Account, fetch_code};
use super::checkers::{end_of, producers_of};
use super::clients::{Servers, Told, create_topics, get_past_damage, got, look, see};
use super::history::{Answers, Events, Extent, Fate, History, JUDGE, Reader, Spec, WITNESS, poll_end};
use super::kept;
use super::machine::Machine;
use super::plan::{Cleanup, GROUP, OFFSETS_TOPIC, Plan, WORKERS, cleanup};
use crate::cluster::{Cluster, NodeHandle};
use crate::scenarios::Violation;
use crate::time::SimTime;

/// How long the judge's own requests may take; nothing is broken any more.
const PATIENCE: Duration = Duration::from_secs(60);
/// Its first look at everything.
pub(in crate::scenarios) const FIRST_LOOK: Reader = Reader { reader: JUDGE, session: 1 };

/// Who looks at everything when all is over.
pub(in crate::scenarios) struct Judge<'a> {
    pub(in crate::scenarios) cluster: &'a Cluster,
    pub(in crate::scenarios) plan: &'a Plan,
    pub(in crate::scenarios) account: &'a Account,
    pub(in crate::scenarios) servers: Servers,
    pub(in crate::scenarios) history: &'a History,
    pub(in crate::scenarios) node: NodeHandle,
}

impl<'a> Judge<'a> {
    /// Of the broker that is alone.
    pub(super) fn alone(
        cluster: &'a Cluster,
        plan: &'a Plan,
        machine: &'a Machine,
        history: &'a History,
    ) -> Judge<'a> {
        let (account, servers) = (machine.account(), Servers::one());
        Judge { cluster, plan, account, servers, history, node: cluster.add_node("judge") }
    }

    /// Waits until the broker serves and the topics are there.
    pub(in crate::scenarios) async fn prepare(&self) -> Result<(), Violation> {
        let (plan, history, servers) = (self.plan.clone(), self.history.clone(), self.servers.clone());
        let creating = self.node.run(|io| async move { create_topics(&io, &servers, &plan, &history).await });
        if self.cluster.within(PATIENCE, creating).await.flatten().is_none() {
            return Err(Violation::new(
                "I16-stuck",
                format!("the topics cannot be created within {PATIENCE:?}"),
            ));
        }
        let account = self.account.clone();
        self.ask(
            "learning the topics",
            move |client| async move { account.learn(&client, &Plan::TOPICS).await },
        )
        .await?;
        let history = self.history.clone();
        self.ask("founding a group", move |client| async move { found_group(&client, &history).await }).await
    }

    /// Where records of groups are destroyed, their operator restores them, and the groups must be there again.
    pub(super) async fn restore_groups(&self, machine: &Machine) -> Result<(), Violation> {
        let account = self.account;
        if account.is_clean() {
            return Ok(());
        }
        let learned = account.clone();
        let learning = move |client| async move { learned.learn(&client, &[OFFSETS_TOPIC]).await };
        self.ask("learning the groups' topic", learning).await?;
        if account.restore_offsets_topic() {
            machine.crash();
            machine.start();
        }
        Ok(())
    }

    /// Reads everything: as it is, and again after a loss of all power. The clients have come to their end.
    pub(in crate::scenarios) async fn judge(&self, lose_power: impl Fn()) -> Result<(), Violation> {
        for session in 1..=2 {
            self.look(session).await?;
            if session == 1 {
                lose_power();
            }
        }
        Ok(())
    }

    async fn look(&self, session: u32) -> Result<(), Violation> {
        let look = self.look_as(Reader { reader: JUDGE, session });
        self.ask("the last look", move |client| async move { look.all(&client).await }).await
    }

    /// An old image of the disk comes in the place of the newer one: all that was acknowledged before it was taken
    /// is there, at its place. Nothing can be asked of what came later.
    /// Gives the time of the image, if one was taken.
    pub(super) async fn judge_old_image(&self, machine: &Machine) -> Result<Option<SimTime>, Violation> {
        let Some(time) = machine.start_from_image() else { return Ok(None) };
        self.history.is_older();
        self.history.image_restored(time);
        let who = Reader { reader: JUDGE, session: 3 };
        let look = self.look_as(who);
        let (newer, history) = (self.history.events().extents.clone(), self.history.clone());
        self.ask("the look at an old image", move |client| async move {
            let ends = look.records(&client).await?;
            for (at, end) in ends {
                let Some(newer) = newer.get(&at).filter(|newer| newer.end > end) else { continue };
                // No node can know of it by itself, but whoever comes from there is told.
                let (_, code) = fetch_code(&client, &at, newer.end).await?;
                if code != ErrorCode::OffsetOutOfRange {
                    let what = format!("{at} ended at {} and ends at {end} by now; a fetch from there is answered with {code:?}", newer.end);
                    history.wrong("I14-loss-not-told", what);
                }
            }
            Ok(())
        })
        .await?;
        if let Some(wrong) = self.history.events().wrongs.first() {
            return Err(wrong.clone());
        }
        acknowledged_before_are_there(&self.history.events(), who, time)
            .map_err(Violation::by("I1-lost-from-old-image"))?;
        Ok(Some(time))
    }

    /// Reads everything while clients go on: what was acknowledged by now is there, at its place (I16).
    pub(in crate::scenarios) async fn read_back(&self) -> Result<(), Violation> {
        let who = Reader { reader: WITNESS, session: 1 };
        let (look, time) = (self.look_as(who), self.cluster.now());
        self.ask("reading everything", move |client| async move { look.records(&client).await.map(drop) })
            .await?;
        acknowledged_before_are_there(&self.history.events(), who, time)
            .map_err(Violation::by("I16-not-readable"))
    }

    fn look_as(&self, who: Reader) -> Look {
        Look { plan: self.plan.clone(), who, history: self.history.clone(), account: self.account.clone() }
    }

    pub(in crate::scenarios) async fn ask<F>(
        &self,
        what: &str,
        job: impl FnOnce(Client) -> F + Send + 'static,
    ) -> Result<(), Violation>
    where
        F: Future<Output = Result<(), ClientError>> + Send + 'static,
    {
        let servers = self.servers.clone();
        let asking = self.node.run(move |io: Io| async move {
            let client = servers.client(&io, "judge", Duration::from_secs(30));
            // Not every request tries again by itself, and the broker may be about to start.
            while let Err(error) = client.describe(Some(&[]), AutoCreate::No).await {
                if !error.is_retriable() {
                    return Err(error);
                }
                io.clock.sleep(Duration::from_millis(200)).await;
            }
            job(client).await
        });
        match self.cluster.within(PATIENCE, asking).await.flatten() {
            Some(Ok(())) => Ok(()),
            Some(Err(error)) => Err(Violation::new("I16-stuck", format!("{what} failed: {error}"))),
            None => Err(Violation::new("I16-stuck", format!("{what} took more than {PATIENCE:?}"))),
        }
    }
}

/// Each record that was acknowledged before that time is where the answer said, as a look has found it.
fn acknowledged_before_are_there(events: &Events, who: Reader, time: SimTime) -> Result<(), String> {
    let found: BTreeMap<(&TopicPartition, Offset), _> = events
        .reads
        .iter()
        .filter(|read| read.reader == who)
        .flat_map(|read| read.records.iter().map(move |(offset, id)| ((&read.at, *offset), *id)))
        .collect();
    for (id, sent) in events.sent.iter().filter(|(_, sent)| sent.ended <= time) {
        let Fate::Acknowledged(Some(offset)) = sent.fate else { continue };
        let deleted = events.deleted.get(&sent.at).copied().unwrap_or_default();
        let excused = events.down.contains(&sent.at)
            || offset < deleted
            || cleanup(&sent.at.topic) != Cleanup::Delete
            || events.unreadable.get(&sent.at).is_some_and(|lost| lost.iter().any(|l| l.contains(&offset)));
        let there = found.get(&(&sent.at, offset));
        if !excused && there != Some(&Some(*id)) {
            return Err(format!(
                "{id} was acknowledged in {} at {offset} before {time}; {} reads {there:?} there",
                sent.at,
                who.name()
            ));
        }
    }
    Ok(())
}

/// Founds the group that is kept; nobody may have led its partition before, so it is tried until it is there.
async fn found_group(client: &Client, history: &History) -> Result<(), ClientError> {
    loop {
        match kept::found(client).await {
            Ok(told) => {
                history.kept_group(history.asks_kept_group(), told);
                return Ok(());
            }
            Err(error) => {
                history.note(format_args!("founding a group: {error}"));
                client.invalidate();
                client.io().clock.sleep(Duration::from_millis(300)).await;
            }
        }
    }
}

/// What the leader tells of a partition's producers.
async fn producers(client: &Client, at: &TopicPartition) -> Result<String, ClientError> {
    loop {
        match producers_once(client, at).await {
            Err(error) if error.is_retriable() => {
                client.invalidate();
                client.io().clock.sleep(Duration::from_millis(300)).await;
            }
            told => return told,
        }
    }
}

/// DescribeProducers (KIP-664).
async fn producers_once(client: &Client, at: &TopicPartition) -> Result<String, ClientError> {
    let broker = client.node(client.leader(at).await?, Lane::Admin).await?;
    let (name, partition_indexes) = (Text::from(at.topic.as_str()), vec![at.partition.0]);
    let topics = vec![TopicRequest { name, partition_indexes, ..TopicRequest::default() }];
    let answer =
        broker.call(&DescribeProducersRequest { topics, ..DescribeProducersRequest::default() }).await?;
    // Compaction may take the record of a batch that has its greatest time, on each replica for itself: who has the batch from one that
    // did so knows of a lesser one.
    let is_told_times = cleanup(&at.topic) != Cleanup::Compact;
    let mut all = Vec::new();
    for told in answer.topics.iter().flat_map(|topic| &topic.partitions) {
        kept::check(&broker, ApiKey::DescribeProducers, told.error_code, &at.to_string())?;
        all.extend(told.active_producers.iter().map(|producer| {
            let time = is_told_times.then_some(producer.last_timestamp);
            (producer.producer_id, producer.producer_epoch, producer.last_sequence, time)
        }));
    }
    all.sort_unstable();
    Ok(format!("{all:?}"))
}

/// One look at everything.
struct Look {
    plan: Plan,
    who: Reader,
    history: History,
    account: Account,
}

impl Look {
    async fn all(&self, client: &Client) -> Result<(), ClientError> {
        let mut answers = Answers::default();
        if !self.account.groups_are_down() {
            self.committed(client, &mut answers).await?;
            kept::look_at_kept_group(client, &self.history).await?;
            for group in [GROUP, WORKERS] {
                answers.0.insert(format!("group {group}"), kept::describe(client, group).await?);
            }
        }
        self.topics(client, &mut answers).await?;
        let ends = self.records(client).await?;
        for at in ends.keys() {
            answers.0.insert(producers_of(at), producers(client, at).await?);
        }
        for (at, end) in ends {
            answers.0.insert(end_of(&at), end.to_string());
        }
        self.history.events().answers.push(answers);
        Ok(())
    }

    async fn committed(&self, client: &Client, answers: &mut Answers) -> Result<(), ClientError> {
        let partitions = self.plan.checked();
        let asked = self.history.asks_committed(&partitions);
        let committed = client.group_offsets(GROUP, Some(&partitions)).await;
        let committed = committed.inspect_err(|_| self.history.has_failed(asked))?;
        let mut told = Vec::new();
        for at in partitions {
            let found = committed.get(&at);
            answers.0.insert(format!("{at}: committed"), format!("{found:?}"));
            told.push((at, found.map(|committed| committed.offset)));
        }
        self.history.committed(asked, &told);
        Ok(())
    }

    async fn topics(&self, client: &Client, answers: &mut Answers) -> Result<(), ClientError> {
        let changed: std::collections::BTreeSet<String> =
            self.history.events().topic_changes.iter().map(|change| change.topic.clone()).collect();
        for topic in &changed {
            look(client, topic, Told::Now, &self.history).await?;
        }
        for topic in changed.iter().map(String::as_str).chain(Plan::TOPICS) {
            answers.0.insert(format!("topic {topic}"), format!("{:?}", see(client, topic).await?));
        }
        Ok(())
    }

    /// Reads everything from the start to the end. Gives the ends.
    async fn records(&self, client: &Client) -> Result<BTreeMap<TopicPartition, Offset>, ClientError> {
        let all = self.plan.all_partitions();
        let down = self.account.down(&all);
        // Where a replica is replaced whose disk has lost something, the log goes on with what says who votes; with nothing else.
        let mut grown: BTreeMap<TopicPartition, Offset> = BTreeMap::new();
        down.iter().for_each(|at| self.history.is_down(at));
        let partitions: Vec<TopicPartition> = all.into_iter().filter(|at| !down.contains(at)).collect();
        let starts = self.ends(client, &partitions, Spec::Earliest).await?;
        let ends = self.ends(client, &partitions, Spec::Latest).await?;
        for at in &partitions {
            let extent = Extent { start: starts[at], end: ends[at] };
            self.history.extent(at, extent);
            if !self.is_last() {
                continue;
            }
            let before = self.history.events().extents.insert(at.clone(), extent);
            let Some(before) = before else { continue };
            let several = self.history.events().several_nodes;
            if several && before.end < extent.end {
                grown.insert(at.clone(), before.end);
            }
            let ends_alike = before.end == extent.end || (several && before.end < extent.end);
            let is_same = match cleanup(&at.topic) {
                // Other segments, another share that is too much.
                Cleanup::Retain => before.start <= extent.start,
                Cleanup::Delete | Cleanup::Compact => before.start == extent.start,
            };
            if !is_same || !ends_alike {
                let what = format!("{at} held {before:?}, and after a loss of power {extent:?}");
                self.history.wrong("I11-answers-changed", what);
            }
        }
        self.read(client, starts, &ends).await?;
        for (at, end) in grown {
            let who = self.who;
            let first = |events: &Events| {
                let reads = events.reads.iter().filter(|read| read.reader == who && read.at == at);
                reads.flat_map(|read| &read.records).map(|(offset, _)| *offset).find(|offset| *offset >= end)
            };
            let found = first(&self.history.events());
            if let Some(offset) = found {
                let what =
                    format!("{at} ended at {end}, and after a loss of power it holds a record at {offset}");
                self.history.wrong("I11-answers-changed", what);
            }
        }
        Ok(ends)
    }

    /// Whether it is one of the two at the end, which are compared.
    fn is_last(&self) -> bool {
        self.who.reader == JUDGE && self.who.session <= 2
    }

    /// Whether clients write and delete beside it.
    fn is_beside_clients(&self) -> bool {
        self.who.reader == WITNESS
    }

    fn is_through(
        &self,
        positions: &BTreeMap<TopicPartition, Offset>,
        ends: &BTreeMap<TopicPartition, Offset>,
    ) -> bool {
        if self.is_beside_clients() {
            ends.iter().all(|(at, end)| positions.get(at).is_some_and(|position| position >= end))
        } else {
            positions == ends
        }
    }

    /// Where all of these begin, or end.
    async fn ends(
        &self,
        client: &Client,
        partitions: &[TopicPartition],
        spec: Spec,
    ) -> Result<BTreeMap<TopicPartition, Offset>, ClientError> {
        let asked = self.history.asks_ends(&self.who.name(), partitions, spec);
        let of = if spec == Spec::Earliest { OffsetSpec::Earliest } else { OffsetSpec::Latest };
        let told = client.list_offsets_at(partitions, of).await;
        let told = told.inspect_err(|_| self.history.has_failed(asked))?;
        let told = told.into_iter().map(|(at, listed)| (at, listed.offset)).collect();
        self.history.ends_are(asked, &told);
        Ok(told)
    }

    /// Where to go on where the starts of logs were moved while they were read, by retention, or by clients that go on; `None` if they
    /// were not.
    async fn behind_deletion(
        &self,
        client: &Client,
        positions: &BTreeMap<TopicPartition, Offset>,
    ) -> Result<Option<BTreeMap<TopicPartition, Option<Offset>>>, ClientError> {
        let partitions: Vec<TopicPartition> = positions.keys().cloned().collect();
        let starts = self.ends(client, &partitions, Spec::Earliest).await?;
        let mut wanted = BTreeMap::new();
        let mut moved = false;
        for (at, &position) in positions {
            let start = starts[at];
            if (cleanup(&at.topic) == Cleanup::Retain || self.is_beside_clients()) && start > position {
                moved = true;
                self.history.note(format_args!("{at} begins at {start} by now"));
                let moved = self.history.events().extents.get_mut(at).map(|extent| {
                    extent.start = extent.start.max(start);
                    *extent
                });
                if let Some(extent) = moved {
                    self.history.extent(at, extent);
                }
                wanted.insert(at.clone(), Some(start));
            } else {
                wanted.insert(at.clone(), Some(position));
            }
        }
        Ok(moved.then_some(wanted))
    }

    async fn read(
        &self,
        client: &Client,
        from: BTreeMap<TopicPartition, Offset>,
        ends: &BTreeMap<TopicPartition, Offset>,
    ) -> Result<(), ClientError> {
        let options = ConsumerOptions { offset_reset: OffsetReset::Fail, ..ConsumerOptions::default() };
        let who = self.who;
        self.history.assigning(&who.name(), &from.keys().cloned().collect::<Vec<_>>());
        let wanted: BTreeMap<_, _> = from.into_iter().map(|(at, offset)| (at, Some(offset))).collect();
        if wanted.is_empty() {
            return Ok(());
        }
        let mut consumer = Consumer::assign(client, options.clone(), wanted);
        while !self.is_through(&consumer.positions(), ends) {
            self.history.polling(&who.name());
            let polled = consumer.poll(Duration::from_secs(2)).await;
            let brought = polled.as_ref().map_or(&[][..], Vec::as_slice);
            brought.iter().for_each(|fetch| got(&self.history, who, fetch, client.io().clock.now()));
            self.history.polled(&who.name(), poll_end(&Ok::<_, ClientError>(polled.as_ref())));
            let fetched = match polled {
                Err(error) if error.code() == Some(ErrorCode::OffsetOutOfRange) => {
                    let positions = consumer.positions();
                    let wanted = self.behind_deletion(client, &positions).await?.ok_or(error)?;
                    self.history.assigning(&who.name(), &wanted.keys().cloned().collect::<Vec<_>>());
                    consumer = Consumer::assign(client, options.clone(), wanted);
                    continue;
                }
                polled => polled?,
            };
            if fetched.is_empty()
                && get_past_damage(client, &mut consumer, &self.account, &self.history).await
            {
                let partitions: Vec<_> = consumer.positions().into_keys().collect();
                self.history.assigning(&who.name(), &partitions);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::checkers::testing::{at, events};
    use super::*;

    #[test]
    fn what_was_acknowledged_before_a_look_and_is_not_found_by_it_is_missing() {
        let mut history = events(&[0, 1, 2], &[1, 2]);
        for (time, sent) in (1..).zip(history.sent.values_mut()) {
            sent.ended = SimTime(time);
        }
        let who = history.reads[0].reader;
        let check = |history: &Events, time| acknowledged_before_are_there(history, who, SimTime(time));
        assert_eq!(check(&history, 2), Ok(()), "the third one came later");
        assert!(check(&history, 3).unwrap_err().contains("at 2 before"));
        let other = Reader { session: who.session + 1, ..who };
        assert!(acknowledged_before_are_there(&history, other, SimTime(1)).is_err(), "another look");
        let mut deleted = history.clone();
        deleted.deleted.insert(at(), Offset(3));
        assert_eq!(check(&deleted, 3), Ok(()));
        let mut lost = history.clone();
        lost.unreadable.insert(at(), vec![Offset(2)..Offset(3)]);
        assert_eq!(check(&lost, 3), Ok(()));
    }
}
