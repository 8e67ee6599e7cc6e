//! Polls under way, for the kept history: asked for at one time, answered at another, with what all partitions brought. Names
//! and values are those of Jepsen's Kafka workload: `assign`, `subscribe`, `poll`.
use std::collections::BTreeMap;

use ordain::client::TopicPartition;
use ordain::types::Offset;
use serde_json::{Value, json};

use super::{History, Read, RecordId};
use crate::history::{Completion, OperationId};
use crate::world::lock;

/// A poll that is not answered yet, and what it has brought so far, by partition.
#[derive(Default)]
pub(super) struct OpenPoll {
    operation: OperationId,
    records: BTreeMap<String, Vec<Value>>,
}

impl History {
    /// A client takes these partitions, from now on.
    pub(in crate::scenarios) fn assigning(&self, client: &str, partitions: &[TopicPartition]) {
        let value = || json!(partitions.iter().map(ToString::to_string).collect::<Vec<_>>());
        self.at_once(client, "assign", &value);
    }

    /// A client becomes a member of the group for this topic; what it gets of it is the group's.
    pub(in crate::scenarios) fn subscribing(&self, client: &str, topic: &str) {
        let value = || json!([topic]);
        self.at_once(client, "subscribe", &value);
    }

    /// A client asks for records. One that dies before [`History::polled`] never hears of an answer.
    pub(in crate::scenarios) fn polling(&self, client: &str) {
        if !self.cluster.history_is_kept() {
            return;
        }
        let operation = self.begin(client, "poll", self.now(), || json!([["poll"]]));
        lock(&self.polls).insert(client.to_owned(), OpenPoll { operation, records: BTreeMap::new() });
    }

    /// What a poll under way has brought of one partition.
    pub(super) fn brought(&self, read: &Read) {
        if !self.cluster.history_is_kept() {
            return;
        }
        let client = read.reader.name();
        let record =
            |(offset, id): &(Offset, Option<RecordId>)| json!([offset.0, id.map(|id| id.to_string())]);
        let records = read.records.iter().map(record);
        match lock(&self.polls).get_mut(&client) {
            Some(open) => open.records.entry(read.at.to_string()).or_default().extend(records),
            None => {
                let value = json!([["poll", { read.at.to_string(): records.collect::<Vec<_>>() }]]);
                let asked = || json!([["poll"]]);
                let operation = self.begin(&client, "poll", read.time, asked);
                self.cluster.end_operation(operation, Completion::Ok, || value);
            }
        }
    }

    /// A poll has ended: with an answer, with an error that brought nothing, or nobody knows how.
    pub(in crate::scenarios) fn polled(&self, client: &str, end: Completion) {
        let Some(OpenPoll { operation, records }) = lock(&self.polls).remove(client) else { return };
        let value = || match end {
            Completion::Ok => json!([["poll", records]]),
            Completion::Fail | Completion::Info => json!([["poll"]]),
        };
        self.cluster.end_operation(operation, end, value);
    }
}

/// How a poll ended whose wait ended like this.
pub(in crate::scenarios) fn poll_end<T, E, W>(polled: &Result<Result<T, E>, W>) -> Completion {
    match polled {
        Ok(Ok(_)) => Completion::Ok,
        Ok(Err(_)) => Completion::Fail,
        Err(_) => Completion::Info,
    }
}
