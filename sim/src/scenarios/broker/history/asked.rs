//! What clients ask for and are answered: it begins in the kept history when it is asked for. An answer ends it; so does an
//! error, with `fail` where it certainly changed nothing, as of a question that was only asked, and with `info` where nobody
//! knows. What its client does not live to hear of has no end.
use std::collections::BTreeMap;

use ordain::client::TopicPartition;
use ordain::coordinator::group::partition_for;
use ordain::types::{ErrorCode, NodeId, Offset};
use serde_json::{Value, json};

use super::{
    ADMINISTRATOR, Assigned, CommittedRead, Extent, History, Listed, TopicLook, Waited, by_partition,
};
use crate::history::{Completion, OperationId};
use crate::scenarios::broker::plan::{GROUP, OFFSETS_PARTITIONS, OFFSETS_TOPIC};
use crate::scenarios::broker::{checkers, kept};
use crate::scenarios::fleet::machine_name;
use crate::time::SimTime;

/// What a client has asked for.
#[derive(Clone, Copy, Debug)]
pub(in crate::scenarios) struct Asked {
    pub(in crate::scenarios) began: SimTime,
    operation: OperationId,
}

impl History {
    /// A client is about to ask for something.
    fn asks(&self, client: &str, function: &'static str, value: impl FnOnce() -> Value) -> Asked {
        let began = self.now();
        Asked { began, operation: self.begin(client, function, began, value) }
    }

    fn answered(&self, asked: Asked, told: impl FnOnce() -> Value) {
        self.cluster.end_operation(asked.operation, Completion::Ok, told);
    }

    /// An error is all that came of it: of a question that failed nothing is left.
    pub(in crate::scenarios) fn has_failed(&self, asked: Asked) {
        self.cluster.end_operation(asked.operation, Completion::Fail, || Value::Null);
    }

    /// It may have been done or not.
    pub(in crate::scenarios) fn is_unknown(&self, asked: Asked) {
        self.cluster.end_operation(asked.operation, Completion::Info, || Value::Null);
    }

    /// Where the group stands is about to be asked for; for [`History::committed`].
    pub(in crate::scenarios) fn asks_committed(&self, partitions: &[TopicPartition]) -> Asked {
        let names = || json!(partitions.iter().map(ToString::to_string).collect::<Vec<_>>());
        self.asks(ADMINISTRATOR, "committed", names)
    }

    /// The coordinator said where the group stands; nowhere in some.
    pub(in crate::scenarios) fn committed(&self, asked: Asked, told: &[(TopicPartition, Option<Offset>)]) {
        let offsets =
            || told.iter().map(|(at, offset)| (at.to_string(), json!(offset.map(|offset| offset.0))));
        self.answered(asked, || offsets().collect());
        // Whoever leads it coordinates the group.
        let groups = TopicPartition::new(OFFSETS_TOPIC, partition_for(GROUP, OFFSETS_PARTITIONS));
        if self.a_node_may_have_a_successor(&groups, asked.began) {
            self.note(format_args!(
                "the clock of a node stood still: it may have told this, beside another coordinator"
            ));
            return;
        }
        for (at, offset) in told {
            let (at, offset, began, ended) = (at.clone(), *offset, asked.began, self.now());
            let read = CommittedRead { at, offset, began, ended };
            self.cluster.did(format_args!("committed {} is {:?}", read.at, read.offset));
            self.step(|step, events| step.is_committed(events, &read));
            self.events().committed.push(read);
        }
    }

    /// The group that is kept is about to be asked for; for [`History::kept_group`].
    pub(in crate::scenarios) fn asks_kept_group(&self) -> Asked {
        self.asks(ADMINISTRATOR, "describe-group", || json!("kept"))
    }

    /// The coordinator told of the group that is kept: the same as ever.
    pub(in crate::scenarios) fn kept_group(&self, asked: Asked, told: String) {
        self.answered(asked, || json!(told));
        let mut events = self.events();
        let was = events.kept.get_or_insert_with(|| told.clone());
        let wrong = kept::differs(was, &told, asked.began);
        drop(events);
        if let Some(wrong) = wrong {
            self.wrong("I11-answers-changed", wrong);
        }
    }

    /// A hostile client is about to send something; for [`History::attacked`].
    pub(in crate::scenarios) fn attacks(&self, client: &str, sent: &[u8]) -> Asked {
        let hex = || json!(sent.iter().map(|byte| format!("{byte:02x}")).collect::<String>());
        self.asks(client, "attack", hex)
    }

    /// A hostile client has sent something, and may have got an error of its connection.
    pub(in crate::scenarios) fn attacked(
        &self,
        client: &str,
        asked: Asked,
        sent: &[u8],
        error: Option<&std::io::Error>,
    ) {
        let kind = error.map(std::io::Error::kind);
        self.cluster.did(format_args!("{client} has sent {} bytes: {kind:?}", sent.len()));
        let told = || json!(kind.map(|kind| format!("{kind:?}")));
        self.cluster.end_operation(asked.operation, Completion::Info, told);
    }

    /// A worker is about to join, as a member that is known already if it has an id; for [`History::assigned`].
    pub(in crate::scenarios) fn joins(&self, worker: &str, member: &str) -> Asked {
        self.asks(worker, "join", || json!(member))
    }

    /// A worker was told its share of a generation.
    pub(in crate::scenarios) fn assigned(&self, asked: Asked, assigned: Assigned) {
        self.cluster.did(format_args!("{assigned:?}"));
        let Assigned { member, generation, assignment, .. } = &assigned;
        let told = || json!({ "member": member, "generation": generation, "assignment": assignment });
        self.answered(asked, told);
        let word = self.events().words.get(&assigned.assignment).copied();
        if let Some(given_out) = word {
            self.promised(given_out, &format_args!("generation {}", assigned.generation));
        }
        self.step(|step, events| step.assigned(events, &assigned));
        self.events().assigned.push(assigned);
    }

    /// A fetch of which only the answer's code is of interest; for [`History::fetched`].
    pub(in crate::scenarios) fn fetches(&self, client: &str, at: &TopicPartition, offset: Offset) -> Asked {
        self.asks(client, "fetch", || json!({ at.to_string(): offset.0 }))
    }

    pub(in crate::scenarios) fn fetched(&self, asked: Asked, code: ErrorCode) {
        self.answered(asked, || json!(format!("{code:?}")));
    }

    /// A fetch that may have to wait for some bytes, or for its time; for [`History::waited`].
    pub(in crate::scenarios) fn waits(
        &self,
        client: &str,
        min_bytes: u64,
        wait: std::time::Duration,
    ) -> Asked {
        self.asks(client, "wait", || json!({ "min_bytes": min_bytes, "wait_ms": wait.as_millis() }))
    }

    /// A fetch that had to wait is answered.
    pub(in crate::scenarios) fn waited(&self, asked: Asked, waited: Waited) {
        self.answered(asked, || json!({ "bytes": waited.bytes, "took_ms": waited.took.as_millis() }));
        self.cluster.did(format_args!("{waited:?}"));
        self.step(|_, _| checkers::waited(&waited));
        self.events().waits.push(waited);
    }

    /// Who reads everything is about to ask where all these begin, or end; for [`History::ends_are`].
    pub(in crate::scenarios) fn asks_ends(
        &self,
        who: &str,
        partitions: &[TopicPartition],
        spec: super::Spec,
    ) -> Asked {
        let one = |at: &TopicPartition| (at.to_string(), json!(format!("{spec:?}")));
        self.asks(who, "list-offsets", || partitions.iter().map(one).collect())
    }

    /// It was told where they begin, or end.
    pub(in crate::scenarios) fn ends_are(&self, asked: Asked, told: &BTreeMap<TopicPartition, Offset>) {
        self.answered(asked, || by_partition(told));
    }

    /// What a partition holds, as far as the judge was told.
    pub(in crate::scenarios) fn extent(&self, at: &TopicPartition, extent: Extent) {
        self.note(format_args!("{at} holds {extent:?}"));
    }

    /// An offset is about to be asked for; for [`History::listed`].
    pub(in crate::scenarios) fn lists(&self, at: &TopicPartition, spec: super::Spec) -> Asked {
        self.asks("lister", "list-offsets", || json!({ at.to_string(): format!("{spec:?}") }))
    }

    /// What `by` has told.
    pub(in crate::scenarios) fn listed(&self, asked: Asked, listed: Listed, by: Option<NodeId>) {
        let began = asked.began;
        self.cluster.did(format_args!(
            "{} {:?} is {:?} (time {})",
            listed.at, listed.spec, listed.offset, listed.timestamp
        ));
        self.answered(asked, || json!({ listed.at.to_string(): listed.offset.map(|offset| offset.0) }));
        if by.is_some_and(|by| self.may_have_a_successor(&listed.at, began, &machine_name(by))) {
            self.note(format_args!("it was told by a node whose clock stood still: another may lead"));
            return;
        }
        self.step(|step, events| step.listed(events, &listed));
        self.events().listed.push(listed);
    }

    /// A producer id is about to be asked for; for [`History::producer_id`].
    pub(in crate::scenarios) fn asks_producer_id(&self) -> Asked {
        self.asks("ids", "init-producer-id", || Value::Null)
    }

    pub(in crate::scenarios) fn producer_id(&self, asked: Asked, (id, epoch): (i64, i16)) {
        self.cluster.did(format_args!("producer id {id} epoch {epoch}"));
        self.answered(asked, || json!([id, epoch]));
        self.step(|step, _| step.producer_id((id, epoch)));
        let (now, mut events) = (self.now(), self.events());
        events.producer_ids.push((id, epoch));
        events.producer_ids_told.push(now);
    }

    /// A topic is about to be looked at; for [`History::topic_looked`].
    pub(in crate::scenarios) fn looks(&self, topic: &str) -> Asked {
        self.asks("topics", "describe-topic", || json!(topic))
    }

    pub(in crate::scenarios) fn topic_looked(&self, asked: Asked, look: TopicLook) {
        self.cluster.did(format_args!("{} is {:?}", look.topic, look.seen));
        self.answered(asked, || json!({ &look.topic: format!("{:?}", look.seen) }));
        self.step(|step, events| step.topic_looked(events, &look));
        self.events().topic_looks.push(look);
    }
}

#[cfg(test)]
mod tests {
    use super::super::{CommitFate, Committer};
    use super::*;
    use crate::history::Operation;
    use crate::{Simulation, TraceMode};

    /// What the kept history holds of what is done to a history.
    fn told(what: impl FnOnce(&History)) -> Vec<(String, String, Value, Option<Completion>)> {
        let simulation = Simulation::new(1).trace(TraceMode::Keep);
        let outcome = simulation.run(|cluster| async move { what(&History::new(&cluster)) });
        let one = |one: Operation| {
            (one.client, one.function.into_owned(), one.value, one.ended.map(|(_, end, _)| end))
        };
        outcome.operations.into_iter().map(one).collect()
    }

    fn at(partition: i32) -> TopicPartition {
        TopicPartition::new("events", partition)
    }

    #[test]
    fn what_fails_and_what_is_never_answered_was_asked_all_the_same() {
        let told = told(|history| {
            history.has_failed(history.asks_committed(&[at(0), at(1)]));
            history.fetches("chaser", &at(0), Offset(7));
            history.is_unknown(history.joins("worker-0", ""));
            history.producer_id(history.asks_producer_id(), (5, 0));
        });
        let one =
            |client: &str, function: &str, value, end| (client.to_owned(), function.to_owned(), value, end);
        let expected = [
            one("admin", "committed", json!(["events-0", "events-1"]), Some(Completion::Fail)),
            one("chaser", "fetch", json!({ "events-0": 7 }), None),
            one("worker-0", "join", json!(""), Some(Completion::Info)),
            one("ids", "init-producer-id", Value::Null, Some(Completion::Ok)),
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn where_the_group_stands_is_held_unless_its_coordinator_may_be_one_of_the_past() {
        let held = |has_led_beside: bool| {
            let outcome = Simulation::new(1).run(|cluster| async move {
                let history = History::new(&cluster);
                history.events().several_nodes = true;
                cluster.add_node("n1").clock().freeze(true);
                history.knows_who_led(move |at, machine, _| {
                    has_led_beside && at.topic == OFFSETS_TOPIC && machine == "n1"
                });
                history.committed(history.asks_committed(&[at(0)]), &[(at(0), None)]);
                history.events().committed.len()
            });
            outcome.value
        };
        assert_eq!((held(true), held(false)), (0, 1));
    }

    #[test]
    fn a_commit_is_one_operation_of_whoever_commits() {
        let told = told(|history| {
            let offsets = BTreeMap::from([(at(0), Offset(3)), (at(1), Offset(0))]);
            let refused = history.committing("member-1", Committer::Member, &offsets);
            history.committing("asker-0", Committer::Administrator, &offsets);
            history.committed_as(refused, CommitFate::Refused);
        });
        let commits: Vec<_> = told.iter().map(|(client, _, _, end)| (client.as_str(), *end)).collect();
        assert_eq!(commits, [("member-1", Some(Completion::Fail)), ("admin", None)]);
        assert!(
            told.iter().all(|(.., value, _)| *value == json!({ "events-0": 3, "events-1": 0 })),
            "{told:?}"
        );
    }
}
