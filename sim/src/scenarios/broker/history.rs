//! What the clients saw: every record sent and its fate, every fetch, every commit. The checkers read it
//! after the run.
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};

use ordain::client::TopicPartition;
use ordain::types::Offset;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::history::{Completion, OperationId};
use crate::time::SimTime;
use crate::world::lock;

/// Which record it is: its value begins with this, so that it is known wherever it is read.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) struct RecordId {
    pub(super) producer: u32,
    /// A producer that failed for good is followed by another one of the same number.
    pub(super) session: u32,
    pub(super) number: u32,
}

impl RecordId {
    /// The record's value, `bytes` long or a little more.
    pub(super) fn value(self, bytes: usize) -> Vec<u8> {
        let mut value = format!("{self}/").into_bytes();
        value.resize(value.len().max(bytes), b'.');
        value
    }

    /// Whose value this is; `None` if no producer of this scenario made it.
    pub(super) fn of(value: &[u8]) -> Option<RecordId> {
        let mut parts = std::str::from_utf8(value).ok()?.split('/');
        let mut number = || parts.next()?.parse().ok();
        let id = RecordId { producer: number()?, session: number()?, number: number()? };
        parts.next().filter(|padding| padding.bytes().all(|byte| byte == b'.'))?;
        Some(id)
    }
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
    pub(super) fate: Fate,
}

/// Who reads.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Reader {
    pub(super) reader: u32,
    /// Between two fetches of one session, positions only move forward.
    pub(super) session: u32,
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

#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Commit {
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
    /// What the partitions held at the end; only then is the history complete.
    pub(super) extents: BTreeMap<TopicPartition, Extent>,
    /// How often each client got on.
    pub(super) progress: BTreeMap<String, u64>,
    /// What no client may meet.
    pub(super) wrongs: Vec<String>,
}

/// The history that all clients of a run write. Cheap to clone.
#[derive(Clone)]
pub(super) struct History {
    cluster: Cluster,
    events: Arc<Mutex<Events>>,
    /// The records whose fate is not told yet, as operations of the kept history.
    sending: Arc<Mutex<BTreeMap<RecordId, OperationId>>>,
}

impl History {
    pub(super) fn new(cluster: &Cluster) -> History {
        History { cluster: cluster.clone(), events: Arc::default(), sending: Arc::default() }
    }

    pub(super) fn now(&self) -> SimTime {
        self.cluster.now()
    }

    pub(super) fn events(&self) -> MutexGuard<'_, Events> {
        lock(&self.events)
    }

    pub(super) fn sending(&self, id: RecordId, at: &TopicPartition, mode: Mode) {
        self.cluster.note(format_args!("send {id} to {at}"));
        let sent = Sent { at: at.clone(), mode, fate: Fate::Open };
        assert!(self.events().sent.insert(id, sent).is_none(), "{id} is sent once");
        let client = format!("producer-{}", id.producer);
        let value = || json!([["send", at.to_string(), id.to_string()]]);
        let operation = self.cluster.begin_operation(&client, "send", self.now(), value);
        lock(&self.sending).insert(id, operation);
    }

    pub(super) fn fate(&self, id: RecordId, fate: Fate) {
        self.cluster.note(format_args!("sent {id}: {fate:?}"));
        self.fate_of_operation(id, &fate);
        self.events().sent.get_mut(&id).expect("it was sent").fate = fate;
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

    /// A client begins and ends something at once, as far as the kept history goes.
    fn operation(
        &self,
        client: &str,
        began: SimTime,
        end: Completion,
        function: &'static str,
        value: &dyn Fn() -> Value,
    ) {
        let operation = self.cluster.begin_operation(client, function, began, || Value::Null);
        self.cluster.end_operation(operation, end, value);
    }

    pub(super) fn read(&self, read: Read) {
        let value = || {
            let record =
                |(offset, id): &(Offset, Option<RecordId>)| json!([offset.0, id.map(|id| id.to_string())]);
            let records: Vec<Value> = read.records.iter().map(record).collect();
            json!([["poll", { read.at.to_string(): records }]])
        };
        let client = format!("reader-{}", read.reader.reader);
        self.operation(&client, read.time, Completion::Ok, "poll", &value);
        self.cluster.note(format_args!(
            "reader {}/{} got {} {} to {} of {} to {}: {} records",
            read.reader.reader,
            read.reader.session,
            read.at,
            read.from,
            read.next,
            read.log_start,
            read.high_watermark,
            read.records.len()
        ));
        self.events().reads.push(read);
    }

    pub(super) fn commit(&self, commit: Commit) {
        let end = match commit.fate {
            CommitFate::Acknowledged => Completion::Ok,
            CommitFate::Refused => Completion::Fail,
            CommitFate::Unknown => Completion::Info,
        };
        let value = || json!({ commit.at.to_string(): commit.offset.0 });
        self.operation("group", commit.began, end, "commit", &value);
        self.cluster.note(format_args!("commit {} {}: {:?}", commit.at, commit.offset, commit.fate));
        self.events().commits.push(commit);
    }

    pub(super) fn committed(&self, read: CommittedRead) {
        let value = || json!({ read.at.to_string(): read.offset.map(|offset| offset.0) });
        self.operation("admin", read.began, Completion::Ok, "committed", &value);
        self.cluster.note(format_args!("committed {} is {:?}", read.at, read.offset));
        self.events().committed.push(read);
    }

    /// Deletion is about to be asked for.
    pub(super) fn deleting(&self, at: &TopicPartition, before: Offset) {
        let value = || json!({ at.to_string(): before.0 });
        self.operation("admin", self.now(), Completion::Info, "delete-records", &value);
        self.cluster.note(format_args!("delete {at} before {before}"));
        let mut events = self.events();
        let known = events.deleted.entry(at.clone()).or_default();
        *known = (*known).max(before);
    }

    /// A client got something done.
    pub(super) fn progress(&self, who: &str) {
        *self.events().progress.entry(who.to_owned()).or_default() += 1;
    }

    /// A client met what none may meet.
    pub(super) fn wrong(&self, what: String) {
        self.cluster.note(format_args!("WRONG: {what}"));
        self.events().wrongs.push(what);
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
