//! Who votes on a partition, and who shall: `docs/cluster.md`, Reassignment.
use std::collections::BTreeSet;

use super::{Event, Fetch, LeaderEpoch, Message, NodeId, Partition, ReplicaKey, Standing};
use crate::partition::request::{Assignment, Leaving};
use crate::probe::{Condition, Mutant, mutant, sometimes};
use crate::raft::VoterSet;

/// Whether a replica of another node may go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::partition) enum Release {
    /// In this epoch.
    In(LeaderEpoch),
    /// It is to stay, and this leader has not let it go.
    Stays,
    /// Nothing is sure: it is to be asked again.
    NotYet,
    /// It has heard of a later epoch than this leader, which has to learn of that first.
    Behind,
}

impl Partition {
    /// Takes over who shall hold it. What the replica has to be told then; and the nodes that it has to hear of from now on.
    pub(in crate::partition) fn assign(&mut self, assignment: Assignment) -> (Event, Vec<NodeId>) {
        let Assignment { replicas, target, origin: _ } = assignment;
        let known = std::mem::replace(&mut self.nodes, replicas);
        if let Some(membership) = &mut self.membership {
            membership.candidates.retain(|candidate| target.contains(&candidate.replica.node));
        }
        self.target = Some(target);
        self.look_at_observers();
        let new = self.nodes.iter().copied().filter(|node| !known.contains(node)).collect();
        (Event::MayKnow { nodes: self.nodes.clone() }, new)
    }

    pub(in crate::partition) fn knows_of(&self, node: NodeId) -> bool {
        self.is_held_by(node) || self.is_led_by(node)
    }

    /// Whether a node has a replica of it, as far as this one knows. Any may lead the metadata log, or follow it.
    pub(in crate::partition) fn is_held_by(&self, node: NodeId) -> bool {
        self.is_metadata() || self.nodes.contains(&node) || self.replica.voters().of_node(node).is_some()
    }

    /// Whether it follows a node that is not to hold it, as far as this one knows, and was told otherwise of it than that node `is_silent`.
    pub(in crate::partition) fn misjudges_strange_leader(&self, node: NodeId, is_silent: bool) -> bool {
        self.is_led_by(node) && !self.is_held_by(node) && self.replica.takes_for_silent(node) != is_silent
    }

    /// Whether a node leads it, as far as this one knows.
    pub(in crate::partition) fn is_led_by(&self, node: NodeId) -> bool {
        self.replica.leader() == Some(node)
    }

    /// Notes what a replica holds that is no voter, if it is one of a node that shall vote: it is to become one. What was told to
    /// an earlier leader may be of a replica that is no more.
    pub(in crate::partition) fn note_candidate(&mut self, fetch: Fetch) {
        let (key, voters) = (fetch.replica, self.replica.voters());
        let is_told_now = self.leads() && fetch.epoch == self.replica.epoch();
        if is_told_now && self.shall_vote(key.node) && !voters.contains(key) && !self.has_released(key) {
            let candidates = &mut self.membership.get_or_insert_default().candidates;
            candidates.retain(|other| other.replica.node != key.node);
            candidates.push(fetch);
        }
    }

    /// Whether the replica of a node is to be made a voter, or was one and is to be replaced.
    fn shall_vote(&self, node: NodeId) -> bool {
        match &self.target {
            Some(target) => target.contains(&node),
            None => {
                self.nodes.contains(&node)
                    || self.replica.voters().of_node(node).is_some()
                    || (self.is_metadata() && mutant(Mutant::ClusterRemovedVoterReturns))
            }
        }
    }

    /// Other nodes that hold what is committed here: the leader's first, if another one leads.
    pub(in crate::partition) fn others(&self) -> Vec<NodeId> {
        let own = self.replica.key().node;
        let voters = self.replica.voters().keys().iter().map(|key| key.node);
        let mut nodes: Vec<NodeId> = Vec::new();
        for node in self.replica.leader().into_iter().chain(voters) {
            if node != own && !nodes.contains(&node) {
                nodes.push(node);
            }
        }
        nodes
    }

    /// Whether somebody has said who shall hold it.
    pub(in crate::partition) fn has_target(&self) -> bool {
        self.target.is_some()
    }

    /// Whether the voters may be others than they shall be.
    pub(in crate::partition) fn has_other_voters(&self) -> bool {
        !self.candidates().is_empty() || self.superfluous().next().is_some()
    }

    fn candidates(&self) -> &[Fetch] {
        self.membership.as_ref().map(|membership| membership.candidates.as_slice()).unwrap_or_default()
    }

    fn has_released(&self, replica: ReplicaKey) -> bool {
        self.membership.as_ref().is_some_and(|membership| membership.released.contains(&replica))
    }

    /// Voters whose nodes shall not vote.
    fn superfluous(&self) -> impl Iterator<Item = ReplicaKey> + '_ {
        let keys = self
            .target
            .as_ref()
            .map(|target| self.replica.voters().keys().iter().filter(|key| !target.contains(&key.node)));
        keys.into_iter().flatten().copied()
    }

    /// What brings the voters nearer to those that they shall be: whose memory is lost leaves, for the one in its place to join;
    /// who has come joins, as soon as it holds what is committed; and once all who shall vote do, the others leave, this leader last.
    /// One step at a time; nothing while another change is under way.
    pub(in crate::partition) fn voter_change(&mut self, silent: &BTreeSet<NodeId>) -> Vec<Event> {
        if !self.has_other_voters() {
            return Vec::new();
        }
        let held = self.membership.as_mut().map(|membership| std::mem::take(&mut membership.candidates));
        let mut candidates = held.unwrap_or_default();
        let (voters, epoch): (&VoterSet, _) = (self.replica.voters(), self.replica.epoch());
        // One that was a voter of the metadata may be none any more, and nobody wants it to be one.
        candidates.retain(|one| {
            !voters.contains(one.replica) && one.epoch == epoch && self.shall_vote(one.replica.node)
        });
        if let Some(membership) = &mut self.membership {
            membership.candidates = candidates;
        }
        let voters = self.replica.voters();
        if self.replica.standing() != Standing::Serving {
            return Vec::new();
        }
        // Until then a voter of the metadata that was removed could still be one that is to be replaced.
        let is_told = self.nodes_as_of == Some(epoch);
        if self.is_metadata() && !is_told && !mutant(Mutant::ClusterRemovedVoterReturns) {
            return Vec::new();
        }
        let lost = self.candidates().iter().find_map(|candidate| voters.of_node(candidate.replica.node));
        if let Some(key) = lost {
            // It is told when that changes: whoever follows again fetches.
            if !self.replica.is_dispensable(key) {
                return Vec::new();
            }
            sometimes(Condition::ReplicaReplaced);
            return self.in_place_of_others([Event::RemoveVoter { key }]);
        }
        // Of those who come the one that has come farthest: another one may never.
        let newcomers = self.candidates().iter();
        let newcomers = newcomers.filter(|candidate| !silent.contains(&candidate.replica.node));
        if let Some(candidate) = newcomers.max_by_key(|candidate| candidate.durable) {
            let key = candidate.replica;
            // Its state is taken anew: it may hold everything already, and say nothing more.
            let message = Message::Fetch(*candidate);
            let fetched = Event::Received { from: key.node, message };
            // A node has one replica: the one that was to join before is gone.
            let is_gone = |other: ReplicaKey| other.node == key.node && other != key;
            let gone = self.replica.joining().filter(|&other| is_gone(other) && self.target.is_none());
            let mut due: Vec<Event> = gone.map(|_| Event::CancelVoterChange).into_iter().collect();
            due.extend(self.in_place_of_others([Event::AddVoter { key }, fetched]));
            return due;
        }
        match self.goes_next() {
            Some(key) => self.in_place_of_others([Event::RemoveVoter { key }]),
            None => Vec::new(),
        }
    }

    /// Who was to join before gives way; but not on the metadata log, where that may have been asked for.
    fn in_place_of_others(&self, due: impl IntoIterator<Item = Event>) -> Vec<Event> {
        let first = self.target.as_ref().map(|_| Event::CancelVoterChange);
        first.into_iter().chain(due).collect()
    }

    /// The voter that leaves next for nobody: not before all who shall vote do, and not if those who stay could not commit.
    fn goes_next(&self) -> Option<ReplicaKey> {
        let voters = self.replica.voters();
        let own = self.replica.key();
        let all_vote = self.target.as_ref()?.iter().all(|&node| voters.of_node(node).is_some());
        if !all_vote && !mutant(Mutant::ReassignRemovesFirst) {
            return None;
        }
        let goes = |key: &ReplicaKey| self.replica.is_dispensable(*key);
        // This one last of all.
        let is_last = self.superfluous().all(|key| key == own);
        let key = self.superfluous().filter(|key| (*key == own) == is_last).find(goes)?;
        sometimes(if key == own { Condition::ReassignLeaderLeft } else { Condition::ReassignVoterLeft });
        Some(key)
    }

    /// Lets a replica of another node go, if this leader is sure that it is no voter and that it will make it none.
    pub(in crate::partition) fn release(&mut self, leaving: &Leaving) -> Release {
        let (epoch, node) = (self.replica.epoch(), leaving.replica.node);
        if leaving.epoch > epoch {
            // It cannot be told from here that nobody made it a voter in that one.
            return Release::Behind;
        }
        if self.replica.standing() != Standing::Serving {
            return Release::NotYet;
        }
        if self.has_released(leaving.replica) {
            // The answer may have been lost. It is a voter no more in this epoch, whatever is wanted by now.
            return Release::In(epoch);
        }
        if self.target.as_ref().unwrap_or(&self.nodes).contains(&node) {
            return Release::Stays;
        }
        if !self.replica.voters_are_committed() || self.replica.voters().of_node(node).is_some() {
            return Release::NotYet;
        }
        let membership = self.membership.get_or_insert_default();
        membership.candidates.retain(|candidate| candidate.replica.node != node);
        membership.released.push(leaving.replica);
        Release::In(epoch)
    }

    /// A node has another connection: nothing comes from before it any more, and it says anew what it holds.
    pub(in crate::partition) fn connected_anew(&mut self, node: NodeId) {
        if mutant(Mutant::ReassignTakesAnOldWord) {
            return;
        }
        self.forget_observer(node);
        let Some(membership) = &mut self.membership else { return };
        if mutant(Mutant::ReassignForgetsTheReleased) {
            membership.released.retain(|key| key.node != node);
        }
        membership.candidates.retain(|candidate| candidate.replica.node != node);
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::super::{
        AskedChange, Awaited, ChangeDone, Made, Outbox, Place, Position, Successor, Timer, VoterChange,
    };
    use super::*;
    use crate::log::{LogConfig, PartitionLog};
    use crate::partition::request::{AppendError, HandOverTerms, PartitionSpec, ReplicaOrigin, Required};
    use crate::partition::testing::TestNode;
    use crate::raft::ChangeRefusal;
    use crate::types::{Instant, Offset, PartitionId, PartitionIndex, Timestamp, TopicId, Uuid};
    use crate::wire::batch::{BatchBuilder, BatchOptions, NewRecord, ValidatedBatch};

    const ID: PartitionId = PartitionId { topic: TopicId([8; 16]), index: PartitionIndex(0) };
    const EPOCH: LeaderEpoch = LeaderEpoch(0);

    fn key(node: i32) -> ReplicaKey {
        ReplicaKey { node: NodeId(node), directory: Uuid([u8::try_from(node).expect("a small number"); 16]) }
    }

    fn nodes(nodes: &[i32]) -> Vec<NodeId> {
        nodes.iter().map(|&node| NodeId(node)).collect()
    }

    /// A partition whose disk is as quick as its steps.
    struct Led {
        partition: Partition,
        node: TestNode,
        now: Instant,
        /// A step said so.
        may_change_voters: bool,
    }

    impl Led {
        /// Led by node 1, which is alone in it, with one epoch start in its log.
        fn new() -> Led {
            let (replicas, target) = (nodes(&[1]), nodes(&[1]));
            Led::with(Some(Assignment { replicas, target, origin: ReplicaOrigin::Founder }))
        }

        fn with(assignment: Option<Assignment>) -> Led {
            let mut led = Led::of_voters(&[1], assignment);
            led.step(Event::Campaign);
            assert_eq!(led.partition.standing(), Ok(()));
            led
        }

        /// Not led by anybody yet.
        fn of_voters(voters: &[i32], assignment: Option<Assignment>) -> Led {
            Led::of_log(voters, assignment, |_| {})
        }

        /// The same, of a log to which something has happened.
        fn of_log(
            voters: &[i32],
            assignment: Option<Assignment>,
            happened: impl Fn(&mut PartitionLog),
        ) -> Led {
            let node = TestNode::new();
            let (mut log, _created) = node.storage().new_log(ID, Offset::ZERO, LogConfig::default());
            happened(&mut log);
            let spec = PartitionSpec {
                id: ID,
                topic: "t".into(),
                voters: VoterSet::of(voters.iter().map(|&node| key(node))).expect("a set"),
                assignment,
                lone: false,
                config: LogConfig::default(),
            };
            let made =
                Made { node: NodeId(1), directory: key(1).directory, seed: 1, spec, log, found: false };
            let mut out = Outbox::new(node.storage().journal(), Instant(0), Timestamp(0));
            let partition = Partition::new(made, || Uuid([99; 16]), &mut out);
            Led { partition, node, now: Instant(0), may_change_voters: false }
        }

        /// Led by node 1; nodes 2 and 3 have come to vote, and what the third one has said last is behind.
        fn of_three() -> Led {
            let mut led = Led::new();
            led.assign(&[1, 2, 3], &[1, 2, 3]);
            for node in [2, 3] {
                let end = led.end();
                led.fetches(node, end);
                let end = led.end();
                led.fetches(2, end);
            }
            assert_eq!(led.voters(), [1, 2, 3]);
            led
        }

        fn step(&mut self, event: Event) {
            let mut due = std::collections::VecDeque::from([event]);
            while let Some(event) = due.pop_front() {
                let mut out = Outbox::new(self.node.storage().journal(), self.now, Timestamp(0));
                self.partition.step(event, &mut out);
                self.may_change_voters |= out.may_change_voters;
                due.extend(out.once_durable);
            }
        }

        fn assign(&mut self, replicas: &[i32], target: &[i32]) {
            let (replicas, target) = (nodes(replicas), nodes(target));
            drop(self.partition.assign(Assignment { replicas, target, origin: ReplicaOrigin::Newcomer }));
        }

        /// A replica that holds the log up to here fetches without a vote.
        fn follows(&mut self, node: i32, held: Position) {
            let (epoch, replica, log_start) = (self.partition.epoch(), key(node), Offset::ZERO);
            self.partition.note_observer(Fetch { epoch, replica, log_end: held, durable: held, log_start });
        }

        /// A replica that holds the log up to here fetches, and what follows from that is done; gives what that was.
        fn fetches(&mut self, node: i32, held: Position) -> Vec<Event> {
            let fetch = Fetch {
                epoch: self.partition.epoch(),
                replica: key(node),
                log_end: held,
                durable: held,
                log_start: Offset::ZERO,
            };
            self.step(Event::Received { from: NodeId(node), message: Message::Fetch(fetch) });
            self.partition.note_candidate(fetch);
            self.goes_on(&[])
        }

        fn goes_on(&mut self, silent: &[i32]) -> Vec<Event> {
            let silent = nodes(silent).into_iter().collect();
            let due = self.partition.voter_change(&silent);
            for event in due.clone() {
                self.step(event);
            }
            due.into_iter().filter(|event| !matches!(event, Event::CancelVoterChange)).collect()
        }

        fn voters(&self) -> Vec<i32> {
            self.partition.replica.voters().keys().iter().map(|key| key.node.0).collect()
        }

        fn end(&self) -> Position {
            self.partition.log_end()
        }

        fn leaves(&mut self, node: i32, epoch: LeaderEpoch) -> Release {
            self.partition.release(&Leaving { id: ID, replica: key(node), epoch })
        }
    }

    /// Asks for a voter; who is joining then, and what was answered at once.
    fn asks(led: &mut Led, node: i32) -> (Option<ReplicaKey>, oneshot::Receiver<Result<(), ChangeRefusal>>) {
        let (reply, answer) = oneshot::channel();
        let asked = AskedChange { change: VoterChange::Add(key(node)), done: ChangeDone::Committed, reply };
        let mut out = Outbox::new(led.node.storage().journal(), led.now, Timestamp(0));
        led.partition.change_voters(asked, &mut out);
        (led.partition.replica.joining(), answer)
    }

    #[test]
    fn who_joins_unasked_gives_way_to_its_nodes_next_replica_and_to_what_is_asked_for() {
        let mut led = Led::with(None);
        assert!(!led.partition.set_nodes(nodes(&[1, 5]), None));
        assert!(adds(5, &led.fetches(5, Position::ORIGIN)));
        assert_eq!(led.partition.replica.joining(), Some(key(5)));
        // Its disk was lost.
        let next = ReplicaKey { directory: Uuid([55; 16]), ..key(5) };
        let (epoch, held) = (led.partition.epoch(), Position::ORIGIN);
        let (log_end, durable, log_start) = (held, held, Offset::ZERO);
        led.partition.note_candidate(Fetch { epoch, replica: next, log_end, durable, log_start });
        led.goes_on(&[]);
        assert_eq!(led.partition.replica.joining(), Some(next));
        let (joining, mut answer) = asks(&mut led, 3);
        assert_eq!(joining, Some(key(3)));
        assert!(answer.try_recv().is_err(), "once it has come");
        let (joining, mut refused) = asks(&mut led, 4);
        assert_eq!(joining, Some(key(3)), "that was asked for before");
        assert_eq!(refused.try_recv(), Ok(Err(ChangeRefusal::AnotherUnderWay)));
        drop(answer);
        let (joining, _answer) = asks(&mut led, 4);
        assert_eq!(joining, Some(key(4)), "nobody waits for the other one");
    }

    #[test]
    fn who_joins_unasked_is_not_wanted_once_its_node_is_taken_out() {
        let mut led = Led::with(None);
        led.partition.set_nodes(nodes(&[1, 5]), None);
        assert!(adds(5, &led.fetches(5, Position::ORIGIN)));
        assert!(!led.partition.set_nodes(nodes(&[1, 5]), None));
        assert!(led.partition.set_nodes(nodes(&[1]), None), "it is to be given up");
        let (_, _answer) = asks(&mut led, 5);
        assert!(!led.partition.set_nodes(nodes(&[1]), None), "it was asked for meanwhile");
    }

    fn adds(node: i32, due: &[Event]) -> bool {
        due.first() == Some(&Event::AddVoter { key: key(node) })
    }

    fn removes(node: i32, due: &[Event]) -> bool {
        *due == [Event::RemoveVoter { key: key(node) }]
    }

    #[test]
    fn those_who_come_join_before_those_who_go_leave_and_the_leader_goes_last() {
        let mut led = Led::new();
        led.assign(&[1, 2, 3], &[1, 2, 3]);
        assert_eq!(led.goes_on(&[]), [], "nobody has come");
        let nothing = Position::ORIGIN;
        assert!(adds(2, &led.fetches(2, nothing)));
        assert_eq!(led.voters(), [1], "it does not hold what is committed");
        let end = led.end();
        assert_eq!(led.fetches(2, end), [], "it was to join as soon as it does");
        assert_eq!(led.voters(), [1, 2]);
        let end = led.end();
        led.fetches(3, end);
        assert_eq!(led.voters(), [1, 2], "the change before is not committed");
        assert!(adds(3, &led.fetches(2, end)), "now it is");
        assert_eq!(led.voters(), [1, 2, 3]);
        let end = led.end();
        led.fetches(2, end);

        led.assign(&[2, 4, 1, 3], &[2, 4]);
        assert_eq!(led.goes_on(&[]), [], "node 4 has not come");
        assert!(adds(4, &led.fetches(4, end)));
        assert_eq!(led.voters(), [1, 2, 3, 4]);
        let end = led.end();
        led.fetches(2, end);
        assert_eq!(led.voters(), [1, 2, 3, 4], "three of four are needed");
        let due = led.fetches(3, end);
        assert!(removes(3, &due), "{due:?}");
        assert_eq!(led.voters(), [1, 2, 4]);
        let end = led.end();
        let due = led.fetches(2, end);
        assert!(removes(1, &due), "the leader, as the last one: {due:?}");
        assert_eq!(led.voters(), [2, 4]);
        assert_eq!(led.partition.standing(), Ok(()), "it leads until that is committed");
        let end = led.end();
        led.fetches(2, end);
        led.fetches(4, end);
        assert!(led.partition.standing().is_err(), "it has named a successor");
    }

    #[test]
    fn who_came_during_a_transfer_that_was_given_up_joins_after_it() {
        let mut led = Led::new();
        led.assign(&[1, 2, 3], &[1, 2, 3]);
        for _ in 0..2 {
            let end = led.end();
            led.fetches(2, end);
        }
        assert_eq!(led.voters(), [1, 2]);
        led.step(Event::TransferLeadership { to: None });
        let end = led.end();
        assert_eq!(led.fetches(3, end), [], "the voters stay as they are while it hands over");
        led.may_change_voters = false;
        led.now = led.now.after(std::time::Duration::from_secs(10));
        led.step(Event::Timer(Timer::Transfer));
        assert!(led.may_change_voters, "nothing else tells that it goes on: no record may come for long");
        assert!(adds(3, &led.goes_on(&[])));
    }

    fn batch() -> ValidatedBatch {
        let mut builder = BatchBuilder::new(BatchOptions::plain(1024));
        let record = NewRecord { timestamp: Timestamp(1), key: None, value: Some(b"value"), headers: &[] };
        builder.append(record).expect("it fits");
        builder.build()
    }

    #[test]
    fn what_waited_for_who_leads_until_its_time_was_up_is_not_made() {
        let mut led = Led::of_three();
        led.step(Event::TransferLeadership { to: None });
        let (before, began) = (led.end().end, led.now);
        let after = |seconds| began.after(std::time::Duration::from_secs(seconds));
        let mut out = Outbox::new(led.node.storage().journal(), began, Timestamp(0));
        for (slot, deadline) in [Some(after(10)), Some(after(11)), None].into_iter().enumerate() {
            let place = Place { request: 1, slot };
            led.partition.append(batch(), (Required::Committed, deadline), place, &mut out);
        }
        assert!(out.answered.is_empty() && led.partition.has_parked(), "it hands over");
        let mut out = Outbox::new(led.node.storage().journal(), after(10), Timestamp(0));
        led.partition.step(Event::Timer(Timer::Transfer), &mut out);
        assert_eq!(out.answered, [(Place { request: 1, slot: 0 }, Err(AppendError::TimedOut))]);
        assert_eq!(led.end().end, before.plus(2), "the others are made");
    }

    #[test]
    fn a_leader_that_is_in_no_list_is_noticed_when_it_falls_silent() {
        let mut one = Led::of_voters(&[1, 2, 3], None);
        let tells = |leader| {
            let message = Message::BeginEpoch { epoch: LeaderEpoch(4) };
            Event::Received { from: NodeId(leader), message }
        };
        one.step(tells(9));
        assert!(one.partition.is_led_by(NodeId(9)) && one.partition.knows_of(NodeId(9)));
        let misjudges =
            |one: &Led, node, is_silent| one.partition.misjudges_strange_leader(NodeId(node), is_silent);
        assert!(!misjudges(&one, 9, false));
        assert!(misjudges(&one, 9, true), "it fell silent before it was known here that it leads");
        assert!(!misjudges(&one, 2, true), "it does not lead, and who votes is told of in any case");
        assert_eq!(one.partition.deadline(), None, "the leader is heard");
        one.step(Event::NodeSilent { node: NodeId(9) });
        assert!(one.partition.deadline().is_some(), "it campaigns, if the leader is not heard by then");
        assert!(!misjudges(&one, 9, true) && misjudges(&one, 9, false));
        let mut one = Led::of_voters(&[1, 2, 3], None);
        one.step(tells(2));
        assert!(!misjudges(&one, 2, true), "a voter is told of as it happens");
    }

    #[test]
    fn a_leader_hands_over_to_who_holds_what_is_committed() {
        let mut led = Led::of_three();
        assert_eq!(led.partition.replica.high_watermark(), led.end().end);
        let terms = |avoid: &[i32], to_anybody| HandOverTerms {
            avoid: avoid.iter().copied().map(NodeId).collect(),
            to_anybody,
            at_once_max: usize::MAX,
        };
        let to = |led: &Led, terms, awaited| led.partition.successor(&terms, awaited);
        let ready = |node| Successor::Ready(NodeId(node));
        let committed = led.end().end;
        let behind = Successor::Behind { epoch: led.partition.epoch(), committed };
        assert_eq!(to(&led, terms(&[], false), None), ready(2));
        assert_eq!(to(&led, terms(&[2], false), None), behind, "the third has still to fetch");
        assert_eq!(to(&led, terms(&[2], true), None), behind, "it may have it in a moment");
        let awaited = |committed, in_vain| Some(Awaited { committed, in_vain });
        assert_eq!(to(&led, terms(&[2], true), awaited(committed, true)), ready(2), "it has not");
        assert_eq!(to(&led, terms(&[2], false), awaited(committed, true)), behind, "the other one may not");
        let before = Offset(committed.0 - 1);
        assert_eq!(
            to(&led, terms(&[2], false), awaited(before, false)),
            ready(3),
            "it has what there was then"
        );
        assert_eq!(to(&led, terms(&[2], false), awaited(before, true)), behind, "too late");
        assert_eq!(to(&led, terms(&[2, 3], false), None), Successor::Nobody);
        assert_eq!(to(&led, terms(&[2, 3], true), None), ready(2));
        let end = led.end();
        led.fetches(3, end);
        assert_eq!(to(&led, terms(&[2], false), None), ready(3));
        assert_eq!(to(&led, terms(&[2], true), None), ready(3));
        led.step(Event::Unfollowed { node: NodeId(3) });
        assert_eq!(to(&led, terms(&[2], false), None), behind, "it has failed, whatever it holds");
    }

    #[test]
    fn nobody_leaves_while_too_few_of_the_others_are_heard() {
        let mut led = Led::of_three();
        led.assign(&[1, 2, 3], &[1, 2]);
        led.step(Event::NodeSilent { node: NodeId(2) });
        assert_eq!(led.goes_on(&[]), [], "1 and 2 would be left");
        led.step(Event::NodeHeard { node: NodeId(2) });
        assert_eq!(led.goes_on(&[]), [], "it is heard, and does not follow yet");
        let end = led.end();
        assert!(removes(3, &led.fetches(2, end)), "now it does");
    }

    #[test]
    fn a_replica_goes_when_its_leader_is_sure_and_joins_no_more() {
        let mut led = Led::new();
        led.assign(&[1, 2], &[1, 2]);
        assert_eq!(led.leaves(2, EPOCH), Release::Stays, "nobody has let it go");
        let end = led.end();
        led.fetches(2, end);
        led.assign(&[1], &[1]);
        assert_eq!(led.leaves(2, EPOCH), Release::NotYet, "it votes");
        let end = led.end();
        assert!(removes(2, &led.fetches(2, end)));
        assert_eq!((led.voters(), led.leaves(2, EPOCH)), (vec![1], Release::In(EPOCH)));
        let later = LeaderEpoch(EPOCH.0 + 1);
        assert_eq!(led.leaves(2, later), Release::Behind, "it may have been added in that epoch");

        led.assign(&[1, 2], &[1, 2]);
        let end = led.end();
        assert_eq!(led.fetches(2, end), [], "what it sent before it went");
        led.partition.connected_anew(NodeId(2));
        assert_eq!(led.fetches(2, end), [], "it may be about to go, whatever comes over another connection");
        assert_eq!(led.leaves(2, EPOCH), Release::In(EPOCH), "it asks again");
        assert_eq!(led.voters(), [1]);

        let message = Message::NotLeader { epoch: later, leader: None };
        led.step(Event::Received { from: NodeId(2), message });
        led.step(Event::Campaign);
        assert!(led.partition.epoch() > later);
        assert_eq!(led.leaves(2, EPOCH), Release::Stays, "what an epoch let go is let go in no later one");
    }

    #[test]
    fn what_a_replica_said_before_it_connected_anew_brings_it_back_no_more() {
        let mut led = Led::new();
        led.assign(&[1], &[1]);
        let end = led.end();
        led.follows(2, end);
        led.partition.connected_anew(NodeId(2));
        led.assign(&[1, 2], &[1, 2]);
        assert_eq!(led.goes_on(&[]), [], "it may be another one by now");
        led.assign(&[1], &[1]);
        led.follows(2, end);
        led.assign(&[1, 2], &[1, 2]);
        assert!(adds(2, &led.goes_on(&[])), "it has fetched since");
    }

    #[test]
    fn a_log_that_lost_something_keeps_its_vote_on_a_lone_node_alone() {
        // As the image says that the node starts with: a later one may name others, who count on what it promised.
        let (replicas, target) = (nodes(&[1]), nodes(&[1]));
        let assignment = Assignment { replicas, target, origin: ReplicaOrigin::Founder };
        let damaged = Led::of_log(&[1], Some(assignment.clone()), |log| log.mark_damaged("rot".to_owned()));
        assert_eq!(damaged.partition.replica.key().directory, Uuid([99; 16]));
        assert!(!damaged.partition.is_alone(), "it is not the voter that it was");
        let sound = Led::of_voters(&[1], Some(assignment));
        assert_eq!(sound.partition.replica.key(), key(1));
    }
}
