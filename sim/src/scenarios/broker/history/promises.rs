//! What must not be promised any more once a node's journal has failed (I20): whose syncs have failed, and which answers are promises.
use std::collections::BTreeSet;
use std::fmt;

use ordain::client::TopicPartition;
use ordain::types::Offset;
use serde_json::{Value, json};

use super::{ADMINISTRATOR, Done, Events, FailedSync, History, TopicChange, TopicChanged};
use crate::cluster::NodeHandle;
use crate::history::{Completion, OperationId};
use crate::time::SimTime;
use crate::world::{NodeIndex, lock};

/// A deletion that was asked for.
pub(in crate::scenarios) struct Deleting {
    operation: OperationId,
    at: TopicPartition,
    before: Offset,
    began: SimTime,
    /// Nothing so far can have brought the start so far: to say yes is a promise.
    is_new: bool,
}

impl History {
    /// From now on a failed sync of the journal on this node, too, ends all promises of its process.
    pub(in crate::scenarios) fn watch(&self, node: &NodeHandle) {
        lock(&self.watched).push(node.clone());
    }

    /// Takes the failed syncs of the journals so far down, as those of processes that still run.
    pub(in crate::scenarios) fn take_failed_syncs(&self) {
        let of_journal = |path: &str| path.starts_with("journal/") && path.ends_with(".journal");
        for node in lock(&self.watched).iter() {
            let failed = node.disk().take_failed_syncs();
            let new = failed.into_iter().filter(|(_, path)| of_journal(path));
            let new = new.map(|(time, _)| FailedSync { node: node.index(), time, run_ended: None });
            self.events().failed_syncs.extend(new);
        }
    }

    /// The process on that machine has ended: what failed there so far happened to it.
    pub(in crate::scenarios) fn run_ended(&self, machine: &str) {
        self.take_failed_syncs();
        let now = self.now();
        lock(&self.step).run_ended(now);
        let node = lock(&self.watched).iter().find(|node| node.name() == machine).map(NodeHandle::index);
        let mut events = self.events();
        let open = events.failed_syncs.iter_mut().filter(|failed| failed.run_ended.is_none());
        for failed in open.filter(|failed| Some(failed.node) == node) {
            failed.run_ended = Some(now);
        }
    }

    /// Something durable that was asked for at `began` is acknowledged just now to who writes by this handle.
    pub(super) fn promised(&self, began: SimTime, what: &dyn fmt::Display) {
        self.take_failed_syncs();
        if self.events().failed_syncs.iter().all(|failed| failed.run_ended.is_some()) {
            return;
        }
        let (by, now) = (self.may_have_answered(began), self.now());
        self.step(|step, events| step.promised(events, &by, (began, now), what));
    }

    /// Those from which an answer may have come since then.
    fn may_have_answered(&self, since: SimTime) -> BTreeSet<NodeIndex> {
        let all: BTreeSet<NodeIndex> = lock(&self.watched).iter().map(NodeHandle::index).collect();
        match &self.seat {
            Some(seat) if all.len() > 1 => {
                let net = self.cluster.net();
                let heard = self.cluster.named(seat).map(|seat| net.heard_by(seat.index(), since));
                all.intersection(&heard.unwrap_or_default()).copied().collect()
            }
            Some(_) | None => all,
        }
    }

    /// Deletion is about to be asked for; for [`History::deleted`].
    pub(in crate::scenarios) fn deleting(&self, at: &TopicPartition, before: Offset) -> Deleting {
        let began = self.now();
        let value = || json!({ at.to_string(): before.0 });
        let operation = self.begin(ADMINISTRATOR, "delete-records", began, value);
        self.cluster.did(format_args!("delete {at} before {before}"));
        let mut events = self.events();
        let known = events.deleted.entry(at.clone()).or_default();
        let is_new = before > *known;
        *known = (*known).max(before);
        events.deletions.push((began, at.clone(), before));
        Deleting { operation, at: at.clone(), before, began, is_new }
    }

    /// What became of a deletion: an error may come though it was made.
    pub(in crate::scenarios) fn deleted<E>(&self, deleting: &Deleting, result: &Result<(), E>) {
        let end = if result.is_ok() { Completion::Ok } else { Completion::Info };
        self.cluster.end_operation(deleting.operation, end, || Value::Null);
        let Deleting { at, before, began, is_new, .. } = deleting;
        if result.is_err() {
            return;
        }
        if *is_new {
            self.promised(*began, &format_args!("the deletion of {at} before {before}"));
        }
        // An answer that was on its way may tell of the disk that is no more.
        let rolled_back = *lock(&self.rolled_back);
        if rolled_back.is_none_or(|rolled_back| *began > rolled_back) {
            let now = self.now();
            self.events().deletions_done.push((now, at.clone(), *before));
        }
    }

    /// The leader of a generation is about to give this to all of it, as nobody has before.
    pub(in crate::scenarios) fn gives_out(&self, word: &str) {
        let now = self.now();
        self.events().words.insert(word.to_owned(), now);
    }
}

impl Events {
    /// The change at that place, if it was acknowledged and cannot have been made by another one before: who asks for what holds
    /// already may be told so by a process that can write nothing.
    pub(super) fn promised_change(&self, place: usize) -> Option<&TopicChanged> {
        let changed = self.topic_changes.get(place).filter(|changed| changed.done == Done::Yes)?;
        let TopicChange::Configure { key, value } = &changed.change else { return Some(changed) };
        let mut before = self.topic_changes[..place].iter().filter(|before| before.topic == changed.topic);
        let is_known = before.any(|before| match &before.change {
            TopicChange::Configure { key: other, value: set } => (other, set) == (key, value),
            TopicChange::Create { configs, .. } => configs.get(key) == value.as_ref(),
            TopicChange::Delete | TopicChange::Grow { .. } => false,
        });
        (value.is_some() && !is_known).then_some(changed)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn what_may_hold_already_is_no_promise() {
        let change = |change: TopicChange, done: Done| TopicChanged {
            topic: "t".to_owned(),
            change,
            done,
            began: SimTime(1),
            ended: SimTime(2),
        };
        let set = |value: Option<&str>| TopicChange::Configure {
            key: "segment.ms".to_owned(),
            value: value.map(str::to_owned),
        };
        let configs = BTreeMap::from([("segment.ms".to_owned(), "5".to_owned())]);
        let topic_changes = vec![
            change(TopicChange::Create { partitions: 1, configs }, Done::Yes),
            change(set(Some("5")), Done::Yes),
            change(set(Some("7")), Done::Unknown),
            change(set(Some("7")), Done::Yes),
            change(set(Some("9")), Done::Yes),
            change(set(None), Done::Yes),
            change(TopicChange::Grow { partitions: 2 }, Done::Yes),
            change(TopicChange::Delete, Done::Refused),
            change(TopicChange::Delete, Done::Yes),
        ];
        let events = Events { topic_changes, ..Events::default() };
        let promised: Vec<bool> = (0..9).map(|place| events.promised_change(place).is_some()).collect();
        assert_eq!(promised, [true, false, false, false, true, false, true, false, true]);
    }
}
