//! What the clients saw: every record sent and its fate, every fetch, every commit. The checkers read it
//! after the run.
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use ordain::client::TopicPartition;
use ordain::io::Shutdown;
use ordain::types::{ErrorCode, Offset};
use ordain::wire::batch::RecordHeader;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::checkers::Step;
use crate::cluster::Cluster;
use crate::history::{Completion, OperationId};
use crate::scenarios::Violation;
use crate::time::SimTime;
use crate::trace::Part;
use crate::world::lock;

/// Which record it is: its value begins with this, so that it is known wherever it is read.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) struct RecordId {
    pub(super) producer: u32,
    /// A producer that failed for good is followed by another one of the same number.
    pub(super) session: u32,
    pub(super) number: u32,
}

/// The header of a record without a value.
const ID_HEADER: &[u8] = b"id";

impl RecordId {
    /// The record's value, `bytes` long or a little more.
    pub(super) fn value(self, bytes: usize) -> Vec<u8> {
        let mut value = Vec::with_capacity(bytes.max(36));
        for part in [self.producer, self.session, self.number] {
            push_number(&mut value, part);
            value.push(b'/');
        }
        value.resize(value.len().max(bytes), b'.');
        value
    }

    /// By which a record without a value is known.
    pub(super) fn header(self) -> RecordHeader {
        RecordHeader { key: Bytes::from_static(ID_HEADER), value: Some(Bytes::from(self.value(0))) }
    }

    /// Which record this is, by its value or, if it has none, by its header.
    pub(super) fn of_record(value: Option<&[u8]>, headers: &[RecordHeader]) -> Option<RecordId> {
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
    pub(super) fn of(value: &[u8]) -> Option<RecordId> {
        let (producer, rest) = take_number(value)?;
        let (session, rest) = take_number(rest)?;
        let (number, padding) = take_number(rest)?;
        padding.iter().all(|byte| *byte == b'.').then_some(RecordId { producer, session, number })
    }
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

/// What its producer was told of a record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Fate {
    /// Nothing yet.
    Open,
    /// It is written; where, if that was told.
    Acknowledged(Option<Offset>),
    /// It may or may not be written.
    Unknown,
}

/// What a record says of its key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Content {
    Value,
    /// Nothing any more. Its id stands in a header.
    Tombstone,
}

/// How its producer sends.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Mode {
    Idempotent,
    /// One batch at a time, and no sequences: sending again may write twice.
    Plain,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Sent {
    pub(super) at: TopicPartition,
    pub(super) mode: Mode,
    /// Which of its topic's keys it carries, if it carries one.
    pub(super) key: Option<u32>,
    pub(super) content: Content,
    pub(super) fate: Fate,
    pub(super) began: SimTime,
    /// When its fate was told.
    pub(super) ended: SimTime,
}

/// Readers of a group are numbered from here on.
pub(super) const FIRST_MEMBER: u32 = 100;
/// The judge's number as a reader.
pub(super) const JUDGE: u32 = 1000;

/// Who reads.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Reader {
    pub(super) reader: u32,
    /// Between two fetches of one session, positions only move forward.
    pub(super) session: u32,
}

impl Reader {
    /// The machine on which it runs.
    fn name(self) -> String {
        match self.reader {
            reader @ 0..FIRST_MEMBER => format!("reader-{reader}"),
            member @ FIRST_MEMBER..JUDGE => format!("member-{}", member - FIRST_MEMBER),
            JUDGE.. => "judge".to_owned(),
        }
    }
}

/// One fetch of one partition.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Read {
    pub(super) reader: Reader,
    pub(super) time: SimTime,
    pub(super) at: TopicPartition,
    pub(super) from: Offset,
    pub(super) next: Offset,
    pub(super) high_watermark: Offset,
    pub(super) log_start: Offset,
    pub(super) records: Vec<(Offset, Option<RecordId>)>,
    /// The records' timestamps, in the same order.
    pub(super) times: Vec<i64>,
    /// The first and the last offset of the first batch that came.
    pub(super) first_batch: Option<(Offset, Offset)>,
    /// All bytes that came.
    pub(super) bytes: u64,
}

/// What became of a commit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum CommitFate {
    Acknowledged,
    /// The coordinator said no.
    Refused,
    /// It may take effect now, later or never.
    Unknown,
}

/// Who commits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Committer {
    /// A member of the group: what was delivered.
    Member,
    /// Somebody from outside of it: whatever is wanted.
    Administrator,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Commit {
    pub(super) by: Committer,
    pub(super) at: TopicPartition,
    pub(super) offset: Offset,
    pub(super) fate: CommitFate,
    pub(super) began: SimTime,
    pub(super) ended: SimTime,
}

/// What the coordinator said is committed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct CommittedRead {
    pub(super) at: TopicPartition,
    pub(super) offset: Option<Offset>,
    pub(super) began: SimTime,
    pub(super) ended: SimTime,
}

/// What a member of the workers' group was told when it had joined.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Assigned {
    pub(super) worker: String,
    pub(super) member: String,
    pub(super) generation: i32,
    /// What the generation's leader gave to all of them.
    pub(super) assignment: String,
    /// When it asked to join.
    pub(super) joining: SimTime,
    pub(super) told: SimTime,
}

/// A fetch that had to wait, and its answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Waited {
    pub(super) began: SimTime,
    /// How long it may wait, and how long it did at most, by the broker's clock.
    pub(super) wait: std::time::Duration,
    pub(super) took: std::time::Duration,
    /// How many bytes it wants at least, and how many came.
    pub(super) min_bytes: u64,
    pub(super) bytes: u64,
    pub(super) has_error: bool,
    /// Segments of what it asks for were read meanwhile, be it for others.
    pub(super) from_segments: bool,
    /// The broker is asked to stop.
    pub(super) is_stopping: bool,
}

/// Which offset was asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Spec {
    Earliest,
    Latest,
    MaxTimestamp,
    At(i64),
}

/// What the broker said of an offset.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Listed {
    pub(super) at: TopicPartition,
    pub(super) spec: Spec,
    /// `None` where no record is that young.
    pub(super) offset: Option<Offset>,
    pub(super) timestamp: i64,
    pub(super) began: SimTime,
    pub(super) ended: SimTime,
}

/// What an administrator changes of a topic.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum TopicChange {
    Create { partitions: i32, configs: BTreeMap<String, String> },
    Delete,
    Grow { partitions: i32 },
    Configure { key: String, value: Option<String> },
}

/// What became of an administrator's request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Done {
    Yes,
    Refused,
    /// It may have happened, or may still happen.
    Unknown,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct TopicChanged {
    pub(super) topic: String,
    pub(super) change: TopicChange,
    pub(super) done: Done,
    pub(super) began: SimTime,
    pub(super) ended: SimTime,
}

/// A topic as the broker describes it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct TopicSeen {
    pub(super) partitions: i32,
    /// What was set for it, not what holds by default.
    pub(super) configs: BTreeMap<String, String>,
}

/// One topic, looked at; `None` if there is none.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct TopicLook {
    pub(super) topic: String,
    pub(super) seen: Option<TopicSeen>,
    pub(super) began: SimTime,
    pub(super) ended: SimTime,
}

/// All that a broker answers from what it keeps, for a comparison before and after a restart.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Answers(pub(super) BTreeMap<String, String>);

/// A durable write of the journal failed; when the process ended that it happened to, if it has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct FailedSync {
    pub(super) time: SimTime,
    pub(super) run_ended: Option<SimTime>,
}

/// A partition at the end of the run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Extent {
    pub(super) start: Offset,
    pub(super) end: Offset,
}

/// Everything the clients saw.
#[derive(Clone, Default, Debug)]
pub(super) struct Events {
    pub(super) sent: BTreeMap<RecordId, Sent>,
    pub(super) reads: Vec<Read>,
    pub(super) commits: Vec<Commit>,
    pub(super) committed: Vec<CommittedRead>,
    /// Up to where deletion was asked for.
    pub(super) deleted: BTreeMap<TopicPartition, Offset>,
    /// Records that were refused for good, and with what.
    pub(super) refused: BTreeMap<RecordId, ErrorCode>,
    /// What the workers were told.
    pub(super) assigned: Vec<Assigned>,
    /// Errors of the storage that nothing explains.
    pub(super) storage_errors: Vec<String>,
    /// For how long a tombstone stays after it was written at least; `None` if nobody can tell.
    pub(super) tombstones_stay: Option<std::time::Duration>,
    /// The fetches that had to wait.
    pub(super) waits: Vec<Waited>,
    /// What was said of offsets.
    pub(super) listed: Vec<Listed>,
    /// Every producer id and epoch that was given out.
    pub(super) producer_ids: Vec<(i64, i16)>,
    pub(super) topic_changes: Vec<TopicChanged>,
    pub(super) topic_looks: Vec<TopicLook>,
    /// What the broker answered at the end, before and after a loss of power.
    pub(super) answers: Vec<Answers>,
    pub(super) failed_syncs: Vec<FailedSync>,
    /// Offsets that the broker said it cannot read, and the atlas knows why.
    pub(super) unreadable: BTreeMap<TopicPartition, Vec<std::ops::Range<Offset>>>,
    /// Partitions that the broker reported as damaged, and the atlas knows why.
    pub(super) down: BTreeSet<TopicPartition>,
    /// What the partitions held at the end; only then is the history complete.
    pub(super) extents: BTreeMap<TopicPartition, Extent>,
    /// How often each client got on.
    pub(super) progress: BTreeMap<String, u64>,
    /// How many sessions each client has begun.
    pub(super) sessions: BTreeMap<String, u32>,
    /// What no client may meet.
    pub(super) wrongs: Vec<Violation>,
}

/// The history that all clients of a run write. Cheap to clone.
#[derive(Clone)]
pub(super) struct History {
    cluster: Cluster,
    events: Arc<Mutex<Events>>,
    wrong: Shutdown,
    /// The records whose fate is not told yet, as operations of the kept history.
    sending: Arc<Mutex<BTreeMap<RecordId, OperationId>>>,
    /// The changes of topics whose fate is not told yet, likewise, by their places.
    changing: Arc<Mutex<BTreeMap<usize, OperationId>>>,
    step: Arc<Mutex<Step>>,
}

impl History {
    pub(super) fn new(cluster: &Cluster) -> History {
        History {
            cluster: cluster.clone(),
            events: Arc::default(),
            wrong: Shutdown::new(),
            sending: Arc::default(),
            changing: Arc::default(),
            step: Arc::default(),
        }
    }

    pub(super) fn now(&self) -> SimTime {
        self.cluster.now()
    }

    pub(super) fn events(&self) -> MutexGuard<'_, Events> {
        lock(&self.events)
    }

    pub(super) fn sending(
        &self,
        id: RecordId,
        at: &TopicPartition,
        mode: Mode,
        (key, content): (Option<u32>, Content),
    ) {
        let parts =
            [Part::Text("send"), id.part(), id.number_part(), Part::Text(&at.topic), partition_part(at)];
        self.cluster.note_often(&parts, format_args!("send {id} to {at}"));
        let now = self.now();
        let sent = Sent { at: at.clone(), mode, key, content, fate: Fate::Open, began: now, ended: now };
        assert!(self.events().sent.insert(id, sent).is_none(), "{id} is sent once");
        if !self.cluster.history_is_kept() {
            return;
        }
        let client = format!("producer-{}", id.producer);
        let value = || json!([["send", at.to_string(), id.to_string()]]);
        let operation = self.cluster.begin_operation(&client, "send", self.now(), value);
        lock(&self.sending).insert(id, operation);
    }

    pub(super) fn fate(&self, id: RecordId, fate: Fate) {
        let (told, offset) = match fate {
            Fate::Open => (0, 0),
            Fate::Unknown => (1, 0),
            Fate::Acknowledged(None) => (2, 0),
            Fate::Acknowledged(Some(offset)) => (3, offset.0.cast_unsigned()),
        };
        let parts =
            [Part::Text("sent"), id.part(), id.number_part(), Part::Number(told), Part::Number(offset)];
        self.cluster.note_often(&parts, format_args!("sent {id}: {fate:?}"));
        self.fate_of_operation(id, &fate);
        let now = self.now();
        let mut events = self.events();
        let sent = events.sent.get_mut(&id).expect("it was sent");
        (sent.fate, sent.ended) = (fate, now);
        let Fate::Acknowledged(Some(offset)) = sent.fate else { return };
        let at = sent.at.clone();
        drop(events);
        let step = lock(&self.step).holds(&at, offset, id);
        if let Err(wrong) = step {
            self.wrong("I2-inconsistent-offsets", wrong);
        }
    }

    /// A record was refused for good, with this code.
    pub(super) fn refused(&self, id: RecordId, code: ErrorCode) {
        self.events().refused.insert(id, code);
    }

    /// A worker was told its share of a generation.
    pub(super) fn assigned(&self, assigned: Assigned) {
        self.cluster.note(format_args!("{assigned:?}"));
        let value = || json!({ "generation": assigned.generation, "assignment": assigned.assignment });
        let (worker, began) = (&assigned.worker, assigned.joining);
        self.operation(worker, "join", began, &|| json!(assigned.member), (Completion::Ok, &value));
        self.events().assigned.push(assigned);
    }

    /// A fetch of which only the answer's code is of interest.
    pub(super) fn fetched(
        &self,
        client: &str,
        (at, offset): (&TopicPartition, Offset),
        began: SimTime,
        code: ErrorCode,
    ) {
        let asked = || json!({ at.to_string(): offset.0 });
        let value = || json!(format!("{code:?}"));
        self.operation(client, "fetch", began, &asked, (Completion::Ok, &value));
    }

    /// A fetch that had to wait is answered.
    pub(super) fn waited(&self, client: &str, waited: Waited) {
        let asked = || json!({ "min_bytes": waited.min_bytes, "wait_ms": waited.wait.as_millis() });
        let value = || json!({ "bytes": waited.bytes, "took_ms": waited.took.as_millis() });
        self.operation(client, "wait", waited.began, &asked, (Completion::Ok, &value));
        self.cluster.note(format_args!("{waited:?}"));
        self.events().waits.push(waited);
    }

    /// The broker says that it cannot read what nothing has destroyed.
    pub(super) fn storage_error(&self, at: &TopicPartition, offset: Offset, code: ErrorCode) {
        let error = format!("{at} {offset} is answered with {code:?} at {}", self.now());
        self.cluster.note(format_args!("{error}"));
        self.events().storage_errors.push(error);
    }

    fn fate_of_operation(&self, id: RecordId, fate: &Fate) {
        let Some(operation) = lock(&self.sending).remove(&id) else { return };
        let (completion, offset) = match fate {
            Fate::Open => return,
            Fate::Acknowledged(offset) => (Completion::Ok, offset.map(|offset| offset.0)),
            Fate::Unknown => (Completion::Info, None),
        };
        let at = || self.events().sent.get(&id).map(|sent| sent.at.to_string());
        self.cluster
            .end_operation(operation, completion, || json!([["send", at(), [offset, id.to_string()]]]));
    }

    /// A client has done something; the kept history learns of its begin only now.
    fn operation(
        &self,
        client: &str,
        function: &'static str,
        began: SimTime,
        asked: &dyn Fn() -> Value,
        (end, told): (Completion, &dyn Fn() -> Value),
    ) {
        let operation = self.cluster.begin_operation(client, function, began, asked);
        self.cluster.end_operation(operation, end, told);
    }

    pub(super) fn read(&self, read: Read) {
        let value = || {
            let record =
                |(offset, id): &(Offset, Option<RecordId>)| json!([offset.0, id.map(|id| id.to_string())]);
            let records: Vec<Value> = read.records.iter().map(record).collect();
            json!([["poll", { read.at.to_string(): records }]])
        };
        // When it was asked for is not known: a poll stands at the time of its answer.
        let asked = || json!([["poll"]]);
        self.operation(&read.reader.name(), "poll", read.time, &asked, (Completion::Ok, &value));
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
        self.cluster.note_often(
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
        let step = lock(&self.step).read(&read);
        self.events().reads.push(read);
        if let Err(wrong) = step {
            self.wrong("I2-inconsistent-offsets", wrong);
        }
    }

    /// A commit is about to be asked for; gives its places for [`History::committed_as`].
    pub(super) fn committing(
        &self,
        by: Committer,
        offsets: &BTreeMap<TopicPartition, Offset>,
    ) -> std::ops::Range<usize> {
        let now = self.now();
        let mut events = self.events();
        let first = events.commits.len();
        for (at, offset) in offsets {
            self.cluster.note(format_args!("commit {at} {offset}"));
            let (at, fate) = (at.clone(), CommitFate::Unknown);
            events.commits.push(Commit { by, at, offset: *offset, fate, began: now, ended: now });
        }
        first..events.commits.len()
    }

    pub(super) fn committed_as(&self, places: std::ops::Range<usize>, fate: CommitFate) {
        self.cluster.note(format_args!("commit: {fate:?}"));
        let now = self.now();
        let end = match fate {
            CommitFate::Acknowledged => Completion::Ok,
            CommitFate::Refused => Completion::Fail,
            CommitFate::Unknown => Completion::Info,
        };
        let mut events = self.events();
        for commit in &mut events.commits[places] {
            (commit.fate, commit.ended) = (fate, now);
            let value = || json!({ commit.at.to_string(): commit.offset.0 });
            self.operation("group", "commit", commit.began, &value, (end, &value));
        }
    }

    pub(super) fn committed(&self, read: CommittedRead) {
        let value = || json!({ read.at.to_string(): read.offset.map(|offset| offset.0) });
        self.operation(
            "admin",
            "committed",
            read.began,
            &|| json!(read.at.to_string()),
            (Completion::Ok, &value),
        );
        self.cluster.note(format_args!("committed {} is {:?}", read.at, read.offset));
        self.events().committed.push(read);
    }

    /// The broker says that it cannot read these, and the atlas knows why.
    pub(super) fn unreadable(&self, at: &TopicPartition, offsets: std::ops::Range<Offset>) {
        let mut events = self.events();
        let known = events.unreadable.entry(at.clone()).or_default();
        if !known.contains(&offsets) {
            known.push(offsets);
        }
    }

    /// Deletion is about to be asked for.
    pub(super) fn deleting(&self, at: &TopicPartition, before: Offset) {
        let value = || json!({ at.to_string(): before.0 });
        self.operation("admin", "delete-records", self.now(), &value, (Completion::Info, &value));
        self.cluster.note(format_args!("delete {at} before {before}"));
        let mut events = self.events();
        let known = events.deleted.entry(at.clone()).or_default();
        *known = (*known).max(before);
    }

    pub(super) fn listed(&self, listed: Listed) {
        self.cluster.note(format_args!(
            "{} {:?} is {:?} (time {})",
            listed.at, listed.spec, listed.offset, listed.timestamp
        ));
        let value = || json!({ listed.at.to_string(): listed.offset.map(|offset| offset.0) });
        let asked = || json!({ listed.at.to_string(): format!("{:?}", listed.spec) });
        self.operation("lister", "list-offsets", listed.began, &asked, (Completion::Ok, &value));
        self.events().listed.push(listed);
    }

    pub(super) fn producer_id(&self, id: i64, epoch: i16) {
        self.cluster.note(format_args!("producer id {id} epoch {epoch}"));
        let value = || json!([id, epoch]);
        self.operation("ids", "init-producer-id", self.now(), &|| Value::Null, (Completion::Ok, &value));
        self.events().producer_ids.push((id, epoch));
    }

    /// A change of a topic is about to be asked for; gives its place for [`History::changed_topic`].
    pub(super) fn changing_topic(&self, topic: &str, change: TopicChange) -> usize {
        self.cluster.note(format_args!("{topic}: {change:?}"));
        let now = self.now();
        let value = || json!({ topic: format!("{change:?}") });
        let operation = self.cluster.begin_operation("topics", "change-topic", now, value);
        let (topic, done) = (topic.to_owned(), Done::Unknown);
        let mut events = self.events();
        events.topic_changes.push(TopicChanged { topic, change, done, began: now, ended: now });
        let place = events.topic_changes.len() - 1;
        lock(&self.changing).insert(place, operation);
        place
    }

    pub(super) fn changed_topic(&self, place: usize, done: Done) {
        let now = self.now();
        let mut events = self.events();
        let changed = &mut events.topic_changes[place];
        (changed.done, changed.ended) = (done, now);
        self.cluster.note(format_args!("{}: {done:?}", changed.topic));
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

    pub(super) fn topic_looked(&self, look: TopicLook) {
        self.cluster.note(format_args!("{} is {:?}", look.topic, look.seen));
        let value = || json!({ &look.topic: format!("{:?}", look.seen) });
        let asked = || json!(look.topic);
        self.operation("topics", "describe-topic", look.began, &asked, (Completion::Ok, &value));
        self.events().topic_looks.push(look);
    }

    /// The number of a client's next session: it counts on through restarts of the client's machine.
    pub(super) fn next_session(&self, who: &str) -> u32 {
        let mut events = self.events();
        let session = events.sessions.entry(who.to_owned()).or_default();
        *session += 1;
        *session
    }

    /// A client got something done.
    pub(super) fn progress(&self, who: &str) {
        *self.events().progress.entry(who.to_owned()).or_default() += 1;
    }

    /// A client met what none may meet; under the id of the checker that would find it in the whole history.
    pub(super) fn wrong(&self, checker: &'static str, what: String) {
        self.cluster.note(format_args!("WRONG: {what}"));
        self.events().wrongs.push(Violation::new(checker, what));
        self.wrong.begin();
    }

    /// The first thing that no client may meet, as soon as one has.
    pub(super) async fn is_wrong(&self) -> Violation {
        self.wrong.begun().await;
        self.events().wrongs.first().cloned().expect("it is begun by the first")
    }

    /// A client's request was answered.
    pub(super) fn count_request(&self) {
        self.cluster.count_requests(1);
    }

    /// A line in the trace.
    pub(super) fn note(&self, what: fmt::Arguments<'_>) {
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
