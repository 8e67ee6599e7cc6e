//! What the clients saw: every record sent and its fate, every fetch, every commit. The checkers read it
//! after the run.
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use ordain::client::TopicPartition;
use ordain::io::Shutdown;
use ordain::types::{ErrorCode, Offset};
use ordain::wire::batch::RecordHeader;
use serde_json::{Value, json};

use super::checkers::{self, Step};
use crate::cluster::{Cluster, NodeHandle};
use crate::history::{Completion, OperationId};
use crate::scenarios::Violation;
use crate::time::SimTime;
use crate::trace::Part;
use crate::world::lock;

mod asked;
mod carried;
mod events;
mod led;
mod polls;
mod promises;

pub(in crate::scenarios) use carried::*;
pub(in crate::scenarios) use events::*;
pub(in crate::scenarios) use polls::poll_end;

/// Which record it is: its value begins with this, so that it is known wherever it is read.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(in crate::scenarios) struct RecordId {
    pub(in crate::scenarios) producer: u32,
    /// A producer that failed for good is followed by another one of the same number.
    pub(in crate::scenarios) session: u32,
    pub(in crate::scenarios) number: u32,
}

/// The producer of hostile batches. No byte of it that becomes another makes it another producer of this scenario.
pub(in crate::scenarios) const HOSTILE: u32 = 4_000_000_001;

/// For how long a node whose clock goes on again may not have found who is silent: longer than the silence that counts.
const STILL_UNAWARE: Duration = Duration::from_secs(1);

/// The header of a record without a value.
const ID_HEADER: &[u8] = b"id";

impl RecordId {
    /// The record's value, `bytes` long or a little more.
    pub(in crate::scenarios) fn value(self, bytes: usize) -> Vec<u8> {
        let mut value = Vec::with_capacity(bytes.max(36));
        for part in [self.producer, self.session, self.number] {
            push_number(&mut value, part);
            value.push(b'/');
        }
        value.resize(value.len().max(bytes), b'.');
        value
    }

    /// By which a record without a value is known.
    pub(in crate::scenarios) fn header(self) -> RecordHeader {
        RecordHeader { key: Bytes::from_static(ID_HEADER), value: Some(Bytes::from(self.value(0))) }
    }

    /// Which record this is, by its value or, if it has none, by its header.
    pub(in crate::scenarios) fn of_record(
        value: Option<&[u8]>,
        headers: &[RecordHeader],
    ) -> Option<RecordId> {
        let header = headers.iter().find(|header| header.key == ID_HEADER);
        RecordId::of(value.or_else(|| header?.value.as_deref())?)
    }

    /// For the trace: who sent it.
    fn part(self) -> Part<'static> {
        Part::Number(u64::from(self.producer) << 32 | u64::from(self.session))
    }

    fn number_part(self) -> Part<'static> {
        Part::Number(u64::from(self.number))
    }

    /// Whose value this is; `None` if no producer of this scenario made it.
    pub(in crate::scenarios) fn of(value: &[u8]) -> Option<RecordId> {
        let (producer, rest) = take_number(value)?;
        let (session, rest) = take_number(rest)?;
        let (number, padding) = take_number(rest)?;
        padding.iter().all(|byte| *byte == b'.').then_some(RecordId { producer, session, number })
    }
}

/// What a reader sees of a record.
fn as_read(value: Option<&[u8]>, headers: &[RecordHeader]) -> String {
    format!("{value:?} {headers:?}")
}

/// For the kept history.
fn by_partition(offsets: &BTreeMap<TopicPartition, Offset>) -> Value {
    offsets.iter().map(|(at, offset)| (at.to_string(), json!(offset.0))).collect()
}

fn partition_part(at: &TopicPartition) -> Part<'static> {
    Part::Number(u64::from(at.partition.0.cast_unsigned()))
}

/// Writes a number down in decimal.
fn push_number(text: &mut Vec<u8>, number: u32) {
    if number >= 10 {
        push_number(text, number / 10);
    }
    text.push(b'0' + (number % 10) as u8);
}

/// A decimal number up to a slash, and what follows that.
fn take_number(text: &[u8]) -> Option<(u32, &[u8])> {
    let end = text.iter().position(|byte| *byte == b'/').filter(|end| *end > 0)?;
    let mut number: u32 = 0;
    for byte in &text[..end] {
        let digit = byte.checked_sub(b'0').filter(|digit| *digit < 10)?;
        number = number.checked_mul(10)?.checked_add(u32::from(digit))?;
    }
    Some((number, &text[end + 1..]))
}

impl fmt::Display for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.producer, self.session, self.number)
    }
}

/// The history that all clients of a run write. Cheap to clone.
#[derive(Clone)]
pub(in crate::scenarios) struct History {
    cluster: Cluster,
    /// Who writes by this handle: the name of a machine.
    seat: Option<Arc<str>>,
    events: Arc<Mutex<Events>>,
    wrong: Shutdown,
    /// The records whose fate is not told yet, as operations of the kept history.
    sending: Arc<Mutex<BTreeMap<RecordId, OperationId>>>,
    /// The changes of topics whose fate is not told yet, likewise, by their places.
    changing: Arc<Mutex<BTreeMap<usize, OperationId>>>,
    /// The commits whose fate is not told yet, likewise.
    commits: Arc<Mutex<BTreeMap<usize, OperationId>>>,
    /// The polls under way, by client.
    polls: Arc<Mutex<BTreeMap<String, polls::OpenPoll>>>,
    step: Arc<Mutex<Step>>,
    /// Whose failed syncs end all promises.
    watched: Arc<Mutex<Vec<NodeHandle>>>,
    /// When the disk was last replaced by an older one.
    rolled_back: Arc<Mutex<Option<SimTime>>>,
    led_beside: Arc<OnceLock<led::LedBeside>>,
}

impl History {
    pub(in crate::scenarios) fn new(cluster: &Cluster) -> History {
        History {
            cluster: cluster.clone(),
            seat: None,
            events: Arc::default(),
            wrong: Shutdown::new(),
            sending: Arc::default(),
            changing: Arc::default(),
            commits: Arc::default(),
            polls: Arc::default(),
            step: Arc::default(),
            watched: Arc::default(),
            rolled_back: Arc::default(),
            led_beside: Arc::default(),
        }
    }

    /// The same history, written by whoever works on that machine.
    pub(in crate::scenarios) fn of(&self, machine: &str) -> History {
        History { seat: Some(Arc::from(machine)), ..self.clone() }
    }

    pub(in crate::scenarios) fn now(&self) -> SimTime {
        self.cluster.now()
    }

    pub(in crate::scenarios) fn events(&self) -> MutexGuard<'_, Events> {
        lock(&self.events)
    }

    pub(in crate::scenarios) fn sending(
        &self,
        id: RecordId,
        at: &TopicPartition,
        mode: Mode,
        (key, content): (Option<u32>, Content),
    ) {
        let parts =
            [Part::Text("send"), id.part(), id.number_part(), Part::Text(&at.topic), partition_part(at)];
        self.cluster.did_often(&parts, format_args!("send {id} to {at}"));
        let now = self.now();
        let sent = Sent { at: at.clone(), mode, key, content, fate: Fate::Open, began: now, ended: now };
        assert!(self.events().sent.insert(id, sent).is_none(), "{id} is sent once");
        if !self.cluster.history_is_kept() {
            return;
        }
        let client = format!("producer-{}", id.producer);
        let value = || json!([["send", at.to_string(), id.to_string()]]);
        let operation = self.begin(&client, "send", self.now(), value);
        lock(&self.sending).insert(id, operation);
    }

    /// All that a record is sent with, which is about to leave: whoever reads it finds that.
    pub(in crate::scenarios) fn sends_with(&self, id: RecordId, stands: Stands) {
        self.events().as_sent.insert(id, stands);
    }

    /// A producer begins a session, in which it sends like this.
    pub(in crate::scenarios) fn producing(&self, producer: u32, session: u32, mode: Mode) {
        let told =
            || json!({ "producer": format!("{producer}/{session}"), "idempotent": mode == Mode::Idempotent });
        let client = format!("producer-{producer}");
        self.at_once(&client, "producer", &told);
    }

    pub(in crate::scenarios) fn fate(&self, id: RecordId, fate: Fate) {
        let (told, offset) = match fate {
            Fate::Open => (0, 0),
            Fate::Unknown => (1, 0),
            Fate::Acknowledged(None) => (2, 0),
            Fate::Acknowledged(Some(offset)) => (3, offset.0.cast_unsigned()),
        };
        let parts =
            [Part::Text("sent"), id.part(), id.number_part(), Part::Number(told), Part::Number(offset)];
        self.cluster.did_often(&parts, format_args!("sent {id}: {fate:?}"));
        self.fate_of_operation(id, &fate);
        let now = self.now();
        let rolled_back = *lock(&self.rolled_back);
        let mut events = self.events();
        let sent = events.sent.get_mut(&id).expect("it was sent");
        // An answer that was on its way may tell of the disk that is no more.
        let is_of_before = rolled_back.is_some_and(|rolled_back| sent.began <= rolled_back);
        (sent.fate, sent.ended) = (if is_of_before { Fate::Unknown } else { fate }, now);
        if !matches!(sent.fate, Fate::Acknowledged(_)) {
            return;
        }
        let began = sent.began;
        drop(events);
        self.promised(began, &id);
        self.step(|step, events| step.acknowledged(events, id));
    }

    /// Holds what has come against what is known.
    fn step(&self, judge: impl FnOnce(&mut Step, &Events) -> Result<(), Violation>) {
        let events = self.events();
        let found = judge(&mut lock(&self.step), &events);
        drop(events);
        if let Err(Violation { checker, text }) = found {
            self.wrong(checker, text);
        }
    }

    /// The disk is an older one by now.
    pub(in crate::scenarios) fn is_older(&self) {
        lock(&self.step).is_older();
    }

    /// The sessions of producers that may live on when the disk is as it was at a time.
    pub(in crate::scenarios) fn living_on(&self, time: SimTime) -> BTreeSet<(u32, u32)> {
        self.events().living_on(time)
    }

    /// The world goes on from a disk that is as it was at that time: of what came later nothing need hold any more, and what
    /// was under way then may have been done or not. The clients have begun anew, but for the sessions that live on.
    pub(in crate::scenarios) fn goes_on_from(&self, time: SimTime, live_on: &BTreeSet<(u32, u32)>) {
        *lock(&self.rolled_back) = Some(self.now());
        self.image_restored(time);
        let mut events = self.events();
        events.forget_after(time, live_on);
        events.rolled_back = true;
        lock(&self.changing).clear();
        lock(&self.commits).clear();
        // Where logs began was held against what was durable then.
        let mut step = Step::since(self.now());
        let held = events.reads.iter().try_for_each(|read| step.read(&events, read));
        let mut told: Vec<_> = events.sent.iter().filter(|(_, sent)| sent.fate != Fate::Unknown).collect();
        told.sort_by_key(|(_, sent)| sent.ended);
        let held =
            held.and_then(|()| events.producer_ids.iter().try_for_each(|told| step.producer_id(*told)));
        let held = held.and_then(|()| told.iter().try_for_each(|(id, _)| step.acknowledged(&events, **id)));
        step.is_older();
        *lock(&self.step) = step;
        drop(events);
        if let Err(Violation { checker, text }) = held {
            self.wrong(checker, text);
        }
    }

    /// The disk is about to become an older one: what can be said of the history so far is said.
    pub(in crate::scenarios) fn judge_so_far(&self) {
        self.take_failed_syncs();
        let found = checkers::check_so_far(&self.events(), self.now());
        if let Err(Violation { checker, text }) = found {
            self.wrong(checker, text);
        }
    }

    /// A record was refused for good, with this code, by the node of that name.
    pub(in crate::scenarios) fn refused(&self, id: RecordId, code: ErrorCode, by: Option<&str>) {
        let sent = self.events().sent.get(&id).map(|sent| (sent.at.clone(), sent.began));
        let is_behind = code == ErrorCode::OutOfOrderSequenceNumber
            && sent.zip(by).is_some_and(|((at, began), by)| self.may_have_a_successor(&at, began, by));
        if is_behind {
            self.cluster
                .note(format_args!("{id} was refused by a node whose clock stood still: another may lead"));
            return;
        }
        self.events().refused.insert(id, code);
        self.step(|step, events| step.refused(events, id, code));
    }

    /// Whether the node that has answered what began then may have led that partition beside another: its clock stood still meanwhile, or
    /// had until just before (docs/replication.md, Time), and another one has led it in a later epoch.
    fn may_have_a_successor(&self, at: &TopicPartition, began: SimTime, node: &str) -> bool {
        let stood = self.cluster.named(node).and_then(|node| node.clock().last_stood_still());
        let is_unaware = stood.is_some_and(|stood| stood.after(STILL_UNAWARE) >= began);
        let several_nodes = self.events().several_nodes;
        several_nodes && is_unaware && self.has_led_beside(at, node, began)
    }

    /// The same of whichever node that was: of some answers the client does not say who gave them.
    fn a_node_may_have_a_successor(&self, at: &TopicPartition, began: SimTime) -> bool {
        let names = self.cluster.node_names();
        names.iter().any(|node| self.may_have_a_successor(at, began, node))
    }

    /// A hostile batch is to hold this, which may be read if the broker takes it. Whether it looks like no other hostile record.
    pub(in crate::scenarios) fn hostile_record(
        &self,
        id: RecordId,
        value: Option<&[u8]>,
        headers: &[RecordHeader],
    ) -> bool {
        let mut events = self.events();
        *events.hostile.entry(as_read(value, headers)).or_insert(id) == id
    }

    /// A hostile batch that nobody could read is on its way to that partition.
    pub(in crate::scenarios) fn poisoning(&self, at: &TopicPartition) {
        self.events().poisoned.insert(at.clone());
    }

    /// What was read of a partition cannot be read.
    pub(in crate::scenarios) fn unreadable_batch(&self, at: &TopicPartition, what: String) {
        let is_poisoned = self.events().poisoned.contains(at);
        self.wrong(if is_poisoned { "I24-poison-served" } else { "I14-unreadable" }, what);
    }

    /// Which record a reader sees.
    pub(in crate::scenarios) fn identify(
        &self,
        value: Option<&[u8]>,
        headers: &[RecordHeader],
    ) -> Option<RecordId> {
        let id = RecordId::of_record(value, headers);
        let events = self.events();
        let is_known = |id: RecordId| id.producer != HOSTILE && events.sent.contains_key(&id);
        if events.hostile.is_empty() || id.is_some_and(is_known) {
            return id;
        }
        events.hostile.get(&as_read(value, headers)).copied().or(id)
    }

    /// The broker says that it cannot read what nothing has destroyed.
    pub(in crate::scenarios) fn storage_error(&self, at: &TopicPartition, offset: Offset, code: ErrorCode) {
        let error = format!("{at} {offset} is answered with {code:?} at {}", self.now());
        self.cluster.note(format_args!("{}: {error}", self.seat.as_deref().unwrap_or("somebody")));
        self.events().storage_errors.push(error);
        self.step(|_, events| checkers::storage_errors_have_a_cause(events));
    }

    fn fate_of_operation(&self, id: RecordId, fate: &Fate) {
        let Some(operation) = lock(&self.sending).remove(&id) else { return };
        let (completion, offset) = match fate {
            Fate::Open => return,
            Fate::Acknowledged(offset) => (Completion::Ok, offset.map(|offset| offset.0)),
            Fate::Unknown => (Completion::Info, None),
        };
        let value = || {
            let events = self.events();
            let at = events.sent.get(&id).map(|sent| sent.at.to_string());
            match events.refused.get(&id) {
                Some(code) => json!([["send", at, [offset, id.to_string()], code.code()]]),
                None => json!([["send", at, [offset, id.to_string()]]]),
            }
        };
        self.cluster.end_operation(operation, completion, value);
    }

    /// What takes no time and cannot fail: what it says when it begins, it says when it ends.
    fn at_once(&self, client: &str, function: &'static str, told: &dyn Fn() -> Value) {
        let operation = self.begin(client, function, self.now(), told);
        self.cluster.end_operation(operation, Completion::Ok, told);
    }

    /// A client begins something, on the machine whose handle this is.
    fn begin(
        &self,
        client: &str,
        function: &'static str,
        began: SimTime,
        value: impl FnOnce() -> Value,
    ) -> OperationId {
        self.cluster.begin_operation((client, self.seat.as_deref()), function, began, value)
    }

    pub(in crate::scenarios) fn read(&self, read: Read) {
        self.brought(&read);
        let number = |offset: Offset| Part::Number(offset.0.cast_unsigned());
        let parts = [
            Part::Text("got"),
            Part::Number(u64::from(read.reader.reader) << 32 | u64::from(read.reader.session)),
            Part::Text(&read.at.topic),
            partition_part(&read.at),
            number(read.from),
            number(read.next),
            number(read.log_start),
            number(read.high_watermark),
            Part::Number(read.records.len() as u64),
        ];
        self.cluster.did_often(
            &parts,
            format_args!(
                "reader {}/{} got {} {} to {} of {} to {}: {} records",
                read.reader.reader,
                read.reader.session,
                read.at,
                read.from,
                read.next,
                read.log_start,
                read.high_watermark,
                read.records.len()
            ),
        );
        self.step(|step, events| step.read(events, &read));
        self.hold_led(&read);
        self.events().reads.push(read);
    }

    /// A commit is about to be asked for; gives its places for [`History::committed_as`].
    pub(in crate::scenarios) fn committing(
        &self,
        client: &str,
        by: Committer,
        offsets: &BTreeMap<TopicPartition, Offset>,
    ) -> std::ops::Range<usize> {
        let now = self.now();
        let mut events = self.events();
        let first = events.commits.len();
        if self.cluster.history_is_kept() {
            let client = match by {
                Committer::Member => client,
                Committer::Administrator => ADMINISTRATOR,
            };
            let operation = self.begin(client, "commit", now, || by_partition(offsets));
            lock(&self.commits).insert(first, operation);
        }
        for (at, offset) in offsets {
            self.cluster.did(format_args!("commit {at} {offset}"));
            let (at, fate) = (at.clone(), CommitFate::Unknown);
            events.commits.push(Commit { by, at, offset: *offset, fate, began: now, ended: now });
        }
        let places = first..events.commits.len();
        drop(events);
        if by == Committer::Member {
            self.step(|step, events| {
                offsets.iter().try_for_each(|(at, offset)| step.commits(events, at, *offset))
            });
        }
        places
    }

    /// A member was given a partition, and has fetched from it.
    pub(in crate::scenarios) fn resumed(&self, resumed: &Resumed) {
        self.cluster.note(format_args!("{}: {resumed:?}", resumed.member));
        self.step(|step, events| step.resumed(events, resumed));
    }

    pub(in crate::scenarios) fn committed_as(&self, places: std::ops::Range<usize>, fate: CommitFate) {
        self.cluster.did(format_args!("commit: {fate:?}"));
        let now = self.now();
        let end = match fate {
            CommitFate::Acknowledged => Completion::Ok,
            CommitFate::Refused => Completion::Fail,
            CommitFate::Unknown => Completion::Info,
        };
        let operation = lock(&self.commits).remove(&places.start);
        let mut events = self.events();
        let (mut began, mut offsets) = (None, BTreeMap::new());
        for commit in &mut events.commits[places] {
            (commit.fate, commit.ended) = (fate, now);
            began = Some(commit.began);
            offsets.insert(commit.at.clone(), commit.offset);
        }
        drop(events);
        if let Some(operation) = operation {
            self.cluster.end_operation(operation, end, || by_partition(&offsets));
        }
        if let (Some(began), CommitFate::Acknowledged) = (began, fate) {
            self.promised(began, &"a commit of offsets");
        }
    }

    /// The broker says that it cannot read these, and the atlas knows why.
    pub(in crate::scenarios) fn unreadable(&self, at: &TopicPartition, offsets: std::ops::Range<Offset>) {
        let mut events = self.events();
        let known = events.unreadable.entry(at.clone()).or_default();
        if known.contains(&offsets) {
            return;
        }
        known.push(offsets.clone());
        drop(events);
        let told = || json!({ at.to_string(): [offsets.start.0, offsets.end.0] });
        self.at_once(OPERATOR, "unreadable", &told);
    }

    /// The broker serves nothing of this partition, and the atlas knows why.
    pub(in crate::scenarios) fn is_down(&self, at: &TopicPartition) {
        if self.events().down.insert(at.clone()) {
            let told = || json!({ at.to_string(): null });
            self.at_once(OPERATOR, "unreadable", &told);
        }
    }

    /// From now on nothing goes wrong, and each of these clients gets something done.
    pub(in crate::scenarios) fn healed(&self, clients: &[&str]) {
        let told = || json!(clients);
        self.at_once(OPERATOR, "heal", &told);
    }

    /// The disk is as it was at that time.
    pub(in crate::scenarios) fn image_restored(&self, taken_at: SimTime) {
        let told = || json!({ "taken_at": taken_at.0 });
        self.at_once(OPERATOR, "restore-image", &told);
    }

    /// A change of a topic is about to be asked for; gives its place for [`History::changed_topic`].
    pub(in crate::scenarios) fn changing_topic(&self, topic: &str, change: TopicChange) -> usize {
        self.cluster.did(format_args!("{topic}: {change:?}"));
        let now = self.now();
        let value = || json!({ topic: format!("{change:?}") });
        let operation = self.begin("topics", "change-topic", now, value);
        let (topic, done) = (topic.to_owned(), Done::Unknown);
        let mut events = self.events();
        events.topic_changes.push(TopicChanged { topic, change, done, began: now, ended: now });
        let place = events.topic_changes.len() - 1;
        lock(&self.changing).insert(place, operation);
        place
    }

    /// A topic was found as it was made, before anybody has changed it.
    pub(in crate::scenarios) fn founded(&self, topic: &str, seen: TopicSeen) {
        let TopicSeen { partitions, configs } = seen;
        let place = self.changing_topic(topic, TopicChange::Create { partitions, configs });
        self.settle_topic(place, Done::Yes);
    }

    /// What became of a change of a topic.
    pub(in crate::scenarios) fn changed_topic(&self, place: usize, done: Done) {
        self.settle_topic(place, done);
        let changed = self.events().promised_change(place).cloned();
        if let Some(changed) = changed {
            self.promised(changed.began, &format_args!("{:?} of {}", changed.change, changed.topic));
        }
    }

    fn settle_topic(&self, place: usize, done: Done) {
        let now = self.now();
        let mut events = self.events();
        let changed = &mut events.topic_changes[place];
        (changed.done, changed.ended) = (done, now);
        self.cluster.did(format_args!("{}: {done:?}", changed.topic));
        let end = match done {
            Done::Yes => Completion::Ok,
            Done::Refused => Completion::Fail,
            Done::Unknown => Completion::Info,
        };
        if let Some(operation) = lock(&self.changing).remove(&place) {
            self.cluster.end_operation(
                operation,
                end,
                || json!({ &changed.topic: format!("{:?}", changed.change) }),
            );
        }
    }

    /// The number of a client's next session: it counts on through restarts of the client's machine.
    pub(in crate::scenarios) fn next_session(&self, who: &str) -> u32 {
        let mut events = self.events();
        let session = events.sessions.entry(who.to_owned()).or_default();
        *session += 1;
        *session
    }

    /// A client got something done.
    pub(in crate::scenarios) fn progress(&self, who: &str) {
        let mut events = self.events();
        match events.progress.get_mut(who) {
            Some(times) => *times += 1,
            None => drop(events.progress.insert(who.to_owned(), 1)),
        }
    }

    /// A client met what none may meet; under the id of the checker that would find it in the whole history.
    pub(in crate::scenarios) fn wrong(&self, checker: &'static str, what: String) {
        self.cluster.note(format_args!("WRONG: {what}"));
        self.events().wrongs.push(Violation::new(checker, what));
        self.wrong.begin();
    }

    /// The first thing that no client may meet, as soon as one has.
    pub(in crate::scenarios) async fn is_wrong(&self) -> Violation {
        self.wrong.begun().await;
        self.events().wrongs.first().cloned().expect("it is begun by the first")
    }

    /// Why a run has ended: what the history shows to be wrong, if anything, has come before a stand-still.
    pub(in crate::scenarios) fn cause_of(&self, violation: Violation) -> Violation {
        self.take_failed_syncs();
        match checkers::check_so_far(&self.events(), self.now()) {
            Err(cause) if cause.checker != violation.checker => {
                self.note(format_args!("and then {violation}"));
                cause
            }
            Err(_) | Ok(()) => violation,
        }
    }

    /// A client's request was answered.
    pub(in crate::scenarios) fn count_request(&self) {
        self.cluster.count_requests(1);
    }

    /// A line in the trace.
    pub(in crate::scenarios) fn note(&self, what: fmt::Arguments<'_>) {
        self.cluster.note(what);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_known_by_its_value() {
        let id = RecordId { producer: 3, session: 0, number: 77 };
        for bytes in [0, 7, 8, 200] {
            assert_eq!(RecordId::of(&id.value(bytes)), Some(id));
        }
        assert_eq!(RecordId::of(b"3/0/77"), None, "torn");
        assert_eq!(RecordId::of(b"3/0/77/..x"), None, "changed");
        assert_eq!(RecordId::of(b""), None);
    }
}
