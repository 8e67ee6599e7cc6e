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
pub(in crate::scenarios) struct RecordId {
    pub(in crate::scenarios) producer: u32,
    /// A producer that failed for good is followed by another one of the same number.
    pub(in crate::scenarios) session: u32,
    pub(in crate::scenarios) number: u32,
}

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
pub(in crate::scenarios) enum Fate {
    /// Nothing yet.
    Open,
    /// It is written; where, if that was told.
    Acknowledged(Option<Offset>),
    /// It may or may not be written.
    Unknown,
}

/// What a record says of its key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::scenarios) enum Content {
    Value,
    /// Nothing any more. Its id stands in a header.
    Tombstone,
}

/// How its producer sends.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(in crate::scenarios) enum Mode {
    Idempotent,
    /// One batch at a time, and no sequences: sending again may write twice.
    Plain,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::scenarios) struct Sent {
    pub(in crate::scenarios) at: TopicPartition,
    pub(in crate::scenarios) mode: Mode,
    /// Which of its topic's keys it carries, if it carries one.
    pub(in crate::scenarios) key: Option<u32>,
    pub(in crate::scenarios) content: Content,
    pub(in crate::scenarios) fate: Fate,
    pub(in crate::scenarios) began: SimTime,
    /// When its fate was told.
    pub(in crate::scenarios) ended: SimTime,
}

/// Readers of a group are numbered from here on.
pub(in crate::scenarios) const FIRST_MEMBER: u32 = 100;
/// Those of readers that are machines of their own.
pub(in crate::scenarios) const SLOW_READER: u32 = 60;
pub(in crate::scenarios) const PROBER: u32 = 70;
/// The judge's number as a reader.
pub(in crate::scenarios) const JUDGE: u32 = 1000;

/// Who reads.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(in crate::scenarios) struct Reader {
    pub(in crate::scenarios) reader: u32,
    /// Between two fetches of one session, positions only move forward.
    pub(in crate::scenarios) session: u32,
}

impl Reader {
    /// The machine on which it runs.
    fn name(self) -> String {
        match self.reader {
            SLOW_READER => "slow-reader".to_owned(),
            PROBER => "prober".to_owned(),
            reader @ 0..FIRST_MEMBER => format!("reader-{reader}"),
            member @ FIRST_MEMBER..JUDGE => format!("member-{}", member - FIRST_MEMBER),
            JUDGE.. => "judge".to_owned(),
        }
    }
}

/// One fetch of one partition.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::scenarios) struct Read {
    pub(in crate::scenarios) reader: Reader,
    pub(in crate::scenarios) time: SimTime,
    pub(in crate::scenarios) at: TopicPartition,
    pub(in crate::scenarios) from: Offset,
    pub(in crate::scenarios) next: Offset,
    pub(in crate::scenarios) high_watermark: Offset,
    pub(in crate::scenarios) log_start: Offset,
    pub(in crate::scenarios) records: Vec<(Offset, Option<RecordId>)>,
    /// The offsets of control batches, at which there is no record.
    pub(in crate::scenarios) controls: Vec<std::ops::Range<Offset>>,
    /// The records' timestamps, in the same order.
    pub(in crate::scenarios) times: Vec<i64>,
    /// The first and the last offset of the first batch that came.
    pub(in crate::scenarios) first_batch: Option<(Offset, Offset)>,
    /// All bytes that came.
    pub(in crate::scenarios) bytes: u64,
}

/// What became of a commit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::scenarios) enum CommitFate {
    Acknowledged,
    /// The coordinator said no.
    Refused,
    /// It may take effect now, later or never.
    Unknown,
}

/// Who commits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::scenarios) enum Committer {
    /// A member of the group: what was delivered.
    Member,
    /// Somebody from outside of it: whatever is wanted.
    Administrator,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::scenarios) struct Commit {
    pub(in crate::scenarios) by: Committer,
    pub(in crate::scenarios) at: TopicPartition,
    pub(in crate::scenarios) offset: Offset,
    pub(in crate::scenarios) fate: CommitFate,
    pub(in crate::scenarios) began: SimTime,
    pub(in crate::scenarios) ended: SimTime,
}

/// What the coordinator said is committed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::scenarios) struct CommittedRead {
    pub(in crate::scenarios) at: TopicPartition,
    pub(in crate::scenarios) offset: Option<Offset>,
    pub(in crate::scenarios) began: SimTime,
    pub(in crate::scenarios) ended: SimTime,
}

/// What a member of the workers' group was told when it had joined.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::scenarios) struct Assigned {
    pub(in crate::scenarios) worker: String,
    pub(in crate::scenarios) member: String,
    pub(in crate::scenarios) generation: i32,
    /// What the generation's leader gave to all of them.
    pub(in crate::scenarios) assignment: String,
    /// When it asked to join.
    pub(in crate::scenarios) joining: SimTime,
    pub(in crate::scenarios) told: SimTime,
}

/// A fetch that had to wait, and its answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(in crate::scenarios) struct Waited {
    pub(in crate::scenarios) began: SimTime,
    /// How long it may wait, and how long it did at most, by the broker's clock.
    pub(in crate::scenarios) wait: std::time::Duration,
    pub(in crate::scenarios) took: std::time::Duration,
    /// How many bytes it wants at least, and how many came.
    pub(in crate::scenarios) min_bytes: u64,
    pub(in crate::scenarios) bytes: u64,
    pub(in crate::scenarios) has_error: bool,
    /// Segments of what it asks for were read meanwhile, be it for others.
    pub(in crate::scenarios) from_segments: bool,
    /// The broker is asked to stop.
    pub(in crate::scenarios) is_stopping: bool,
}

/// Which offset was asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::scenarios) enum Spec {
    Earliest,
    Latest,
    MaxTimestamp,
    At(i64),
}

/// What the broker said of an offset.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::scenarios) struct Listed {
    pub(in crate::scenarios) at: TopicPartition,
    pub(in crate::scenarios) spec: Spec,
    /// `None` where no record is that young.
    pub(in crate::scenarios) offset: Option<Offset>,
    pub(in crate::scenarios) timestamp: i64,
    pub(in crate::scenarios) began: SimTime,
    pub(in crate::scenarios) ended: SimTime,
}

/// What an administrator changes of a topic.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::scenarios) enum TopicChange {
    Create { partitions: i32, configs: BTreeMap<String, String> },
    Delete,
    Grow { partitions: i32 },
    Configure { key: String, value: Option<String> },
}

/// What became of an administrator's request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::scenarios) enum Done {
    Yes,
    Refused,
    /// It may have happened, or may still happen.
    Unknown,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::scenarios) struct TopicChanged {
    pub(in crate::scenarios) topic: String,
    pub(in crate::scenarios) change: TopicChange,
    pub(in crate::scenarios) done: Done,
    pub(in crate::scenarios) began: SimTime,
    pub(in crate::scenarios) ended: SimTime,
}

/// A topic as the broker describes it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(in crate::scenarios) struct TopicSeen {
    pub(in crate::scenarios) partitions: i32,
    /// What was set for it, not what holds by default.
    pub(in crate::scenarios) configs: BTreeMap<String, String>,
}

/// One topic, looked at; `None` if there is none.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::scenarios) struct TopicLook {
    pub(in crate::scenarios) topic: String,
    pub(in crate::scenarios) seen: Option<TopicSeen>,
    /// It tells of this time or a later one.
    pub(in crate::scenarios) since: SimTime,
    pub(in crate::scenarios) began: SimTime,
    pub(in crate::scenarios) ended: SimTime,
}

/// All that a broker answers from what it keeps, for a comparison before and after a restart.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(in crate::scenarios) struct Answers(pub(in crate::scenarios) BTreeMap<String, String>);

/// A durable write of the journal failed; when the process ended that it happened to, if it has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::scenarios) struct FailedSync {
    pub(in crate::scenarios) time: SimTime,
    pub(in crate::scenarios) run_ended: Option<SimTime>,
}

/// A partition at the end of the run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::scenarios) struct Extent {
    pub(in crate::scenarios) start: Offset,
    pub(in crate::scenarios) end: Offset,
}

/// Everything the clients saw.
#[derive(Clone, Default, Debug)]
pub(in crate::scenarios) struct Events {
    pub(in crate::scenarios) sent: BTreeMap<RecordId, Sent>,
    /// Whether one of several nodes was asked: who leads changes. A log's start that was told may be told lower later, by a
    /// leader that comes before it had moved its own; and of a producer nothing of which is committed it knows nothing.
    pub(in crate::scenarios) several_nodes: bool,
    pub(in crate::scenarios) reads: Vec<Read>,
    pub(in crate::scenarios) commits: Vec<Commit>,
    pub(in crate::scenarios) committed: Vec<CommittedRead>,
    /// Up to where deletion was asked for.
    pub(in crate::scenarios) deleted: BTreeMap<TopicPartition, Offset>,
    /// Records that were refused for good, and with what.
    pub(in crate::scenarios) refused: BTreeMap<RecordId, ErrorCode>,
    /// What the workers were told.
    pub(in crate::scenarios) assigned: Vec<Assigned>,
    /// Errors of the storage that nothing explains.
    pub(in crate::scenarios) storage_errors: Vec<String>,
    /// For how long a tombstone stays after it was written at least; `None` if nobody can tell.
    pub(in crate::scenarios) tombstones_stay: Option<std::time::Duration>,
    /// The fetches that had to wait.
    pub(in crate::scenarios) waits: Vec<Waited>,
    /// What was said of offsets.
    pub(in crate::scenarios) listed: Vec<Listed>,
    /// Every producer id and epoch that was given out.
    pub(in crate::scenarios) producer_ids: Vec<(i64, i16)>,
    pub(in crate::scenarios) topic_changes: Vec<TopicChanged>,
    pub(in crate::scenarios) topic_looks: Vec<TopicLook>,
    /// What the broker answered at the end, before and after a loss of power.
    pub(in crate::scenarios) answers: Vec<Answers>,
    pub(in crate::scenarios) failed_syncs: Vec<FailedSync>,
    /// Offsets that the broker said it cannot read, and the atlas knows why.
    pub(in crate::scenarios) unreadable: BTreeMap<TopicPartition, Vec<std::ops::Range<Offset>>>,
    /// Partitions that the broker reported as damaged, and the atlas knows why.
    pub(in crate::scenarios) down: BTreeSet<TopicPartition>,
    /// What the partitions held at the end; only then is the history complete.
    pub(in crate::scenarios) extents: BTreeMap<TopicPartition, Extent>,
    /// How often each client got on.
    pub(in crate::scenarios) progress: BTreeMap<String, u64>,
    /// How many sessions each client has begun.
    pub(in crate::scenarios) sessions: BTreeMap<String, u32>,
    /// What no client may meet.
    pub(in crate::scenarios) wrongs: Vec<Violation>,
}

/// The history that all clients of a run write. Cheap to clone.
#[derive(Clone)]
pub(in crate::scenarios) struct History {
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
    pub(in crate::scenarios) fn new(cluster: &Cluster) -> History {
        History {
            cluster: cluster.clone(),
            events: Arc::default(),
            wrong: Shutdown::new(),
            sending: Arc::default(),
            changing: Arc::default(),
            step: Arc::default(),
        }
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

    pub(in crate::scenarios) fn fate(&self, id: RecordId, fate: Fate) {
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
    pub(in crate::scenarios) fn refused(&self, id: RecordId, code: ErrorCode) {
        self.events().refused.insert(id, code);
    }

    /// A worker was told its share of a generation.
    pub(in crate::scenarios) fn assigned(&self, assigned: Assigned) {
        self.cluster.note(format_args!("{assigned:?}"));
        let value = || json!({ "generation": assigned.generation, "assignment": assigned.assignment });
        let (worker, began) = (&assigned.worker, assigned.joining);
        self.operation(worker, "join", began, &|| json!(assigned.member), (Completion::Ok, &value));
        self.events().assigned.push(assigned);
    }

    /// A fetch of which only the answer's code is of interest.
    pub(in crate::scenarios) fn fetched(
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
    pub(in crate::scenarios) fn waited(&self, client: &str, waited: Waited) {
        let asked = || json!({ "min_bytes": waited.min_bytes, "wait_ms": waited.wait.as_millis() });
        let value = || json!({ "bytes": waited.bytes, "took_ms": waited.took.as_millis() });
        self.operation(client, "wait", waited.began, &asked, (Completion::Ok, &value));
        self.cluster.note(format_args!("{waited:?}"));
        self.events().waits.push(waited);
    }

    /// The broker says that it cannot read what nothing has destroyed.
    pub(in crate::scenarios) fn storage_error(&self, at: &TopicPartition, offset: Offset, code: ErrorCode) {
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

    pub(in crate::scenarios) fn read(&self, read: Read) {
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
    pub(in crate::scenarios) fn committing(
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

    pub(in crate::scenarios) fn committed_as(&self, places: std::ops::Range<usize>, fate: CommitFate) {
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

    pub(in crate::scenarios) fn committed(&self, read: CommittedRead) {
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
    pub(in crate::scenarios) fn unreadable(&self, at: &TopicPartition, offsets: std::ops::Range<Offset>) {
        let mut events = self.events();
        let known = events.unreadable.entry(at.clone()).or_default();
        if !known.contains(&offsets) {
            known.push(offsets);
        }
    }

    /// Deletion is about to be asked for.
    pub(in crate::scenarios) fn deleting(&self, at: &TopicPartition, before: Offset) {
        let value = || json!({ at.to_string(): before.0 });
        self.operation("admin", "delete-records", self.now(), &value, (Completion::Info, &value));
        self.cluster.note(format_args!("delete {at} before {before}"));
        let mut events = self.events();
        let known = events.deleted.entry(at.clone()).or_default();
        *known = (*known).max(before);
    }

    pub(in crate::scenarios) fn listed(&self, listed: Listed) {
        self.cluster.note(format_args!(
            "{} {:?} is {:?} (time {})",
            listed.at, listed.spec, listed.offset, listed.timestamp
        ));
        let value = || json!({ listed.at.to_string(): listed.offset.map(|offset| offset.0) });
        let asked = || json!({ listed.at.to_string(): format!("{:?}", listed.spec) });
        self.operation("lister", "list-offsets", listed.began, &asked, (Completion::Ok, &value));
        self.events().listed.push(listed);
    }

    pub(in crate::scenarios) fn producer_id(&self, id: i64, epoch: i16) {
        self.cluster.note(format_args!("producer id {id} epoch {epoch}"));
        let value = || json!([id, epoch]);
        self.operation("ids", "init-producer-id", self.now(), &|| Value::Null, (Completion::Ok, &value));
        self.events().producer_ids.push((id, epoch));
    }

    /// A change of a topic is about to be asked for; gives its place for [`History::changed_topic`].
    pub(in crate::scenarios) fn changing_topic(&self, topic: &str, change: TopicChange) -> usize {
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

    pub(in crate::scenarios) fn changed_topic(&self, place: usize, done: Done) {
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

    pub(in crate::scenarios) fn topic_looked(&self, look: TopicLook) {
        self.cluster.note(format_args!("{} is {:?}", look.topic, look.seen));
        let value = || json!({ &look.topic: format!("{:?}", look.seen) });
        let asked = || json!(look.topic);
        self.operation("topics", "describe-topic", look.began, &asked, (Completion::Ok, &value));
        self.events().topic_looks.push(look);
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
        *self.events().progress.entry(who.to_owned()).or_default() += 1;
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
