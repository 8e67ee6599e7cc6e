//! What can be held against each event as it comes, so that a run ends where it went wrong: an offset has one value for ever,
//! with its key, headers and time (I2), which is the one that was acknowledged there (I1, I10) and was sent there, or is a control batch; producers keep their order and write
//! nothing twice (I3, I9); fetches are contiguous (I8); ends, starts and high watermarks never step back (I10); nothing begins
//! later than deletion was asked for (I13); a failed sync ends all promises (I20); commits follow deliveries (I26) and stay,
//! generations and producer ids are given once, topics are what was made of them (I11).
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use ordain::client::TopicPartition;
use ordain::types::{ErrorCode, Offset};

use super::bounds::Bound;
use super::committed::one as one_is_committed;
use super::delivery::{Delivered, goes_on_where_it_was};
use super::generations::is_given_once;
use super::order::Order;
use super::producer_ids::Given;
use super::producers::a_repetition_is_known;
use super::reads::{Positions, begins_with_its_batch};
use super::records::{begins_behind_deletions, begins_where_deleted};
use super::synced::acknowledged_in_time;
use super::topics::is_what_was_made_of_it;
use crate::scenarios::Violation;
use crate::scenarios::broker::history::{
    Assigned, CommittedRead, Events, Fate, Led, Listed, Mode, Read, Reader, RecordId, Resumed, Spec, Stands,
    TopicLook,
};
use crate::scenarios::broker::is_member;
use crate::scenarios::broker::offset_map::OffsetMap;
use crate::time::SimTime;
use crate::world::NodeIndex;

/// What is known so far.
#[derive(Default)]
pub(in crate::scenarios) struct Step {
    partitions: BTreeMap<TopicPartition, Known>,
    /// Starts that were told before this need not hold any more.
    starts_since: SimTime,
    producer_ids: Given,
}

/// How long an answer may be on its way.
const ON_ITS_WAY: Duration = Duration::from_secs(1);

/// What stands at an offset.
#[derive(Clone, Copy, PartialEq, Eq)]
enum AtOffset {
    Record(RecordId),
    /// A control batch, which takes one offset.
    Control,
}

impl fmt::Display for AtOffset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AtOffset::Record(id) => write!(f, "{id}"),
            AtOffset::Control => write!(f, "a control batch"),
        }
    }
}

/// Of one partition.
#[derive(Default)]
struct Known {
    values: OffsetMap<AtOffset>,
    /// All that was read of them.
    stands: OffsetMap<Stands>,
    /// Where records of idempotent producers stand.
    standing: Order,
    /// Where their producers were told that they stand, all producers'.
    acknowledged: Order,
    positions: Positions,
    /// When each session's last fetch came. The next one is asked for after that.
    sessions: BTreeMap<Reader, SimTime>,
    ends: Bound,
    starts: Bound,
    delivered: Delivered,
}

impl Step {
    /// Of starts that were told before `time` nothing is held.
    pub(in crate::scenarios) fn since(time: SimTime) -> Step {
        Step { starts_since: time, ..Step::default() }
    }

    /// A fetch came.
    ///
    /// # Errors
    /// What it contradicts.
    pub(in crate::scenarios) fn read(&mut self, events: &Events, read: &Read) -> Result<(), Violation> {
        let known = of_partition(&mut self.partitions, &read.at);
        // Whatever else is found: where the reader stands is known for its next fetch.
        let follows = known.positions.read(events, read).map_err(Violation::by("I8-poll-skip"));
        for (place, (offset, id)) in read.records.iter().enumerate() {
            let Some(id) = *id else {
                let what = format!("{} {offset} at {}: a value that nobody wrote", read.at, read.time);
                return Err(Violation::new("I2-inconsistent-offsets", what));
            };
            if known.hold(&read.at, *offset, AtOffset::Record(id))? {
                known.is_new(events, &read.at, *offset, id)?;
            }
            if let Some(stands) = read.stands(place) {
                known.is_as_it_was(events, &read.at, (*offset, id), stands)?;
            }
        }
        // Readers are given what is committed, as producers are told of it: no offset that one of them knows becomes a change of
        // voters later, nor the reverse. (In a history that was written down, offsets of which nobody knows stand in their place.)
        for control in &read.controls {
            known.hold(&read.at, control.start, AtOffset::Control)?;
        }
        follows?;
        begins_with_its_batch(read).map_err(Violation::by("I8-fetch-inside-batch"))?;
        known.extent(events, read, self.starts_since)?;
        if is_member(read.reader) {
            known.delivered.read(events, read).map_err(Violation::by("I26-resumed-ahead-of-delivery"))?;
        }
        Ok(())
    }

    /// The leader of one of several nodes' partitions told where that ends.
    ///
    /// # Errors
    /// If more had been told before it was asked: of a record that was acknowledged, or by a leader.
    pub(in crate::scenarios) fn told_by_leader(&mut self, read: &Read, led: Led) -> Result<(), Violation> {
        let Read { at, from, time, high_watermark, .. } = read;
        let ends = &mut of_partition(&mut self.partitions, at).ends;
        let held = ends.hold(led.asked, *high_watermark);
        ends.raise(*time, *high_watermark);
        held.map_err(|wrong| {
            let by = led.by;
            let what = format!("{at} from {from} at {time} by node {by}: the high watermark was {wrong}");
            Violation::new("I10-high-watermark-went-back", what)
        })
    }

    /// A record was acknowledged; the history has it.
    ///
    /// # Errors
    /// What that contradicts.
    pub(in crate::scenarios) fn acknowledged(
        &mut self,
        events: &Events,
        id: RecordId,
    ) -> Result<(), Violation> {
        let Some(sent) = events.sent.get(&id) else { return Ok(()) };
        let Fate::Acknowledged(Some(offset)) = sent.fate else { return Ok(()) };
        let known = of_partition(&mut self.partitions, &sent.at);
        known.hold(&sent.at, offset, AtOffset::Record(id))?;
        let what = |wrong| format!("{}: {wrong}", sent.at);
        known.acknowledged.holds(id, offset).map_err(what).map_err(Violation::by("I9-nonmonotonic-send"))?;
        if sent.mode == Mode::Idempotent {
            known.standing.holds(id, offset).map_err(what).map_err(Violation::by("I3-duplicate"))?;
        }
        known.ends.raise(sent.ended, offset.plus(1));
        Ok(())
    }

    /// The broker told an offset.
    ///
    /// # Errors
    /// What it contradicts.
    pub(in crate::scenarios) fn listed(&mut self, events: &Events, listed: &Listed) -> Result<(), Violation> {
        let Some(offset) = listed.offset else { return Ok(()) };
        let known = of_partition(&mut self.partitions, &listed.at);
        let bound = match listed.spec {
            Spec::Latest => &mut known.ends,
            Spec::Earliest => {
                begins_where_deleted(events, &listed.at, offset)
                    .map_err(Violation::by("I13-begins-too-late"))?;
                begins_behind_deletions(events, &listed.at, (offset, listed.began))
                    .map_err(Violation::by("I13-deletion-undone"))?;
                &mut known.starts
            }
            Spec::MaxTimestamp | Spec::At(_) => return Ok(()),
        };
        if events.several_nodes {
            // Of a start that a leader told its successor may not have heard.
            if listed.spec == Spec::Latest {
                bound.raise(listed.ended, offset);
            }
            return Ok(());
        }
        let what = |wrong| format!("{} {:?}: {wrong}", listed.at, listed.spec);
        let since = if listed.spec == Spec::Earliest { self.starts_since } else { SimTime(0) };
        bound
            .hold_since(since, listed.began, offset)
            .map_err(what)
            .map_err(Violation::by("I10-offset-not-real"))?;
        bound.raise(listed.ended, offset);
        Ok(())
    }

    /// A member asks for this to be committed.
    ///
    /// # Errors
    /// If it was not delivered.
    pub(in crate::scenarios) fn commits(
        &mut self,
        events: &Events,
        at: &TopicPartition,
        offset: Offset,
    ) -> Result<(), Violation> {
        let known = of_partition(&mut self.partitions, at);
        known.delivered.hold(events, at, offset).map_err(Violation::by("I26-commit-ahead-of-delivery"))
    }

    /// Something durable is acknowledged by one of those: when it was asked for, and now.
    ///
    /// # Errors
    /// If it cannot be durable.
    pub(in crate::scenarios) fn promised(
        &mut self,
        events: &Events,
        by: &BTreeSet<NodeIndex>,
        times: (SimTime, SimTime),
        what: &dyn std::fmt::Display,
    ) -> Result<(), Violation> {
        acknowledged_in_time(events, by, times, what)
            .map_err(Violation::by("I20-acknowledged-after-failed-sync"))
    }

    /// The coordinator told what is committed.
    ///
    /// # Errors
    /// If nobody committed it, if it is an earlier one than was acknowledged, or if it was not delivered.
    pub(in crate::scenarios) fn is_committed(
        &mut self,
        events: &Events,
        read: &CommittedRead,
    ) -> Result<(), Violation> {
        one_is_committed(events, read).map_err(Violation::by("I11-commit-lost"))?;
        let Some(offset) = read.offset else { return Ok(()) };
        self.commits(events, &read.at, offset)
    }

    /// A worker was told its share of a generation; the history has it not yet.
    ///
    /// # Errors
    /// If the generation was given before, or a later one.
    pub(in crate::scenarios) fn assigned(
        &mut self,
        events: &Events,
        assigned: &Assigned,
    ) -> Result<(), Violation> {
        is_given_once(&events.assigned, assigned).map_err(Violation::by("I11-generation-twice"))
    }

    /// A producer id was given, with its epoch.
    ///
    /// # Errors
    /// If it was given before.
    pub(in crate::scenarios) fn producer_id(&mut self, told: (i64, i16)) -> Result<(), Violation> {
        self.producer_ids.told(told).map_err(Violation::by("I11-producer-id-twice"))
    }

    /// Somebody saw a topic.
    ///
    /// # Errors
    /// If its administrator did not make it so.
    pub(in crate::scenarios) fn topic_looked(
        &mut self,
        events: &Events,
        look: &TopicLook,
    ) -> Result<(), Violation> {
        is_what_was_made_of_it(events, look).map_err(Violation::by("I11-topics-not-as-made"))
    }

    /// A record was refused for good.
    ///
    /// # Errors
    /// If the broker must know it, or what came before it.
    pub(in crate::scenarios) fn refused(
        &mut self,
        events: &Events,
        id: RecordId,
        code: ErrorCode,
    ) -> Result<(), Violation> {
        a_repetition_is_known(events, id, code).map_err(Violation::by("I3-repetition-refused"))
    }

    /// A member was given a partition, and goes on there.
    ///
    /// # Errors
    /// If it goes on before what had been committed.
    pub(in crate::scenarios) fn resumed(
        &mut self,
        events: &Events,
        resumed: &Resumed,
    ) -> Result<(), Violation> {
        goes_on_where_it_was(events, resumed).map_err(Violation::by("I26-resumed-behind-commit"))
    }

    /// The process has ended. A start that was told may not have been durable: a deletion that nobody was told to be done, or what
    /// retention did, may not have happened after all. What was on its way to a client counts as told before.
    pub(in crate::scenarios) fn run_ended(&mut self, now: SimTime) {
        self.starts_since = now.after(ON_ITS_WAY);
    }

    /// The disk is an older one by now: what was told of the logs' extents need not hold any more.
    pub(in crate::scenarios) fn is_older(&mut self) {
        for known in self.partitions.values_mut() {
            (known.ends, known.starts) = (Bound::default(), Bound::default());
            known.sessions.clear();
        }
    }
}

impl Known {
    /// This was acknowledged, or read, at an offset. Whether nothing was known of that one.
    fn hold(&mut self, at: &TopicPartition, offset: Offset, found: AtOffset) -> Result<bool, Violation> {
        match self.values.insert(offset, found) {
            Some(other) if other != found => {
                let what = format!("{at} {offset} was {other}, and now it is {found}");
                Err(Violation::new("I2-inconsistent-offsets", what))
            }
            known => Ok(known.is_none()),
        }
    }

    /// A record was read where nothing was known of any.
    fn is_new(
        &mut self,
        events: &Events,
        at: &TopicPartition,
        offset: Offset,
        id: RecordId,
    ) -> Result<(), Violation> {
        let invented = Violation::by("I2-invented-record");
        let Some(sent) = events.sent.get(&id) else {
            return Err(invented(format!("{at} {offset} is {id}, which was never sent")));
        };
        if sent.at != *at {
            return Err(invented(format!("{at} {offset} is {id}, which was sent to {}", sent.at)));
        }
        if sent.mode == Mode::Idempotent {
            let what = |wrong| format!("{at}: {wrong}");
            self.standing.holds(id, offset).map_err(what).map_err(Violation::by("I3-duplicate"))?;
        }
        Ok(())
    }

    /// A record carries what it did whenever it was read, and, the first time, what it was sent with.
    fn is_as_it_was(
        &mut self,
        events: &Events,
        at: &TopicPartition,
        (offset, id): (Offset, RecordId),
        stands: Stands,
    ) -> Result<(), Violation> {
        let before = self.stands.insert(offset, stands);
        let (checker, before, when) = match (before, events.as_sent.get(&id)) {
            (Some(before), _) => ("I2-inconsistent-offsets", before, "what was read before"),
            (None, Some(sent)) => ("I2-invented-record", *sent, "what was sent"),
            (None, None) => return Ok(()),
        };
        match before.unlike(stands) {
            None => Ok(()),
            Some(parts) => {
                let what = format!("{at} {offset} is {id}, and unlike {when}: {parts}");
                Err(Violation::new(checker, what))
            }
        }
    }

    /// What a fetch tells of where the log begins and ends.
    fn extent(&mut self, events: &Events, read: &Read, since: SimTime) -> Result<(), Violation> {
        begins_where_deleted(events, &read.at, read.log_start)
            .map_err(Violation::by("I13-begins-too-late"))?;
        // A replica that is read may know of less than its leader has told; what leaders tell is held apart (`told_by_leader`).
        if events.several_nodes {
            return Ok(());
        }
        let went_back = |wrong: String| {
            let what =
                format!("{} from {} at {}: the high watermark was {wrong}", read.at, read.from, read.time);
            Violation::new("I10-high-watermark-went-back", what)
        };
        let before = self.sessions.insert(read.reader, read.time);
        if let Some(before) = before {
            self.ends.hold(before, read.high_watermark).map_err(went_back)?;
            let starts = self.starts.hold_since(since, before, read.log_start);
            let what = |wrong| format!("{} begins elsewhere: {wrong}", read.at);
            starts.map_err(what).map_err(Violation::by("I10-offset-not-real"))?;
        }
        self.ends.raise(read.time, read.high_watermark);
        self.starts.raise(read.time, read.log_start);
        Ok(())
    }
}

fn of_partition<'a>(
    partitions: &'a mut BTreeMap<TopicPartition, Known>,
    at: &TopicPartition,
) -> &'a mut Known {
    if !partitions.contains_key(at) {
        partitions.insert(at.clone(), Known::default());
    }
    partitions.get_mut(at).expect("it was put there")
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use ordain::types::NodeId;
    use ordain::wire::batch::RecordHeader;

    use super::super::testing::{at, events, id, read};
    use super::*;
    use crate::scenarios::broker::history::{Carried, Commit, CommitFate, Committer, FailedSync, TopicSeen};

    /// The records 1 to 9 were sent, and nobody was told of them.
    fn sent() -> Events {
        let mut history = events(&[0, 1, 2, 3, 4, 5, 6, 7, 8], &[]);
        history.sent.values_mut().for_each(|sent| sent.fate = Fate::Open);
        history
    }

    fn acknowledge(step: &mut Step, history: &mut Events, number: u32, offset: i64) -> Result<(), Violation> {
        history.sent.get_mut(&id(number)).unwrap().fate = Fate::Acknowledged(Some(Offset(offset)));
        step.acknowledged(history, id(number))
    }

    fn checker(found: Result<(), Violation>) -> &'static str {
        found.map_or_else(|violation| violation.checker, |()| "nobody")
    }

    #[test]
    fn a_contradiction_is_found_at_once() {
        let (mut step, mut history) = (Step::default(), sent());
        assert_eq!(step.read(&history, &read(1, 0, &[1, 2])), Ok(()));
        assert_eq!(acknowledge(&mut step, &mut history, 2, 1), Ok(()));
        let other = acknowledge(&mut step, &mut history, 3, 1).unwrap_err();
        assert!(other.text.contains("1 was 1/1/2"), "{other}");
        let mut step = Step::default();
        assert_eq!(acknowledge(&mut step, &mut history, 2, 0), Ok(()));
        assert_eq!(checker(step.read(&history, &read(1, 0, &[1]))), "I2-inconsistent-offsets");
        let mut torn = read(1, 5, &[1]);
        torn.records[0].1 = None;
        assert!(step.read(&history, &torn).unwrap_err().text.contains("nobody wrote"));
        assert_eq!(checker(Step::default().read(&history, &read(1, 0, &[77]))), "I2-invented-record");
    }

    #[test]
    fn a_record_that_carries_something_else_is_found_at_once() {
        let carried = |name: &'static [u8]| {
            let header = RecordHeader { key: Bytes::from_static(name), value: None };
            Carried::of(None, Some(b"1/1/1/"), &[header])
        };
        let fetch = |session, name, time| {
            let mut fetch = read(session, 0, &[1]);
            (fetch.carried, fetch.times) = (vec![carried(name)], vec![time]);
            fetch
        };
        let check = |history: &Events, fetches: [Read; 2]| {
            let mut step = Step::default();
            fetches.iter().try_for_each(|fetch| step.read(history, fetch))
        };
        let mut history = sent();
        let twice = |name, time| [fetch(1, b"a", 5), fetch(2, name, time)];
        assert_eq!(check(&history, twice(b"a", 5)), Ok(()));
        let headers = check(&history, twice(b"b", 5)).unwrap_err();
        assert_eq!(headers.checker, "I2-inconsistent-offsets");
        assert!(headers.text.contains("unlike what was read before: headers"), "{headers}");
        let time = check(&history, twice(b"a", 6)).unwrap_err();
        assert!(time.text.contains("time (5, and now 6)"), "{time}");
        let unknown = read(2, 0, &[1]);
        assert_eq!(check(&history, [fetch(1, b"a", 5), unknown]), Ok(()), "nobody noted it down");
        history.as_sent.insert(id(1), Stands { carried: carried(b"a"), time: 5 });
        assert_eq!(check(&history, twice(b"a", 5)), Ok(()));
        history.as_sent.insert(id(1), Stands { carried: carried(b"a"), time: 4 });
        assert_eq!(checker(check(&history, twice(b"a", 5))), "I2-invented-record");
    }

    #[test]
    fn a_control_batch_in_the_place_of_a_record_is_found_at_once() {
        let mut control = read(1, 1, &[]);
        (control.next, control.high_watermark) = (Offset(2), Offset(2));
        control.controls = vec![Offset(1)..Offset(2)];
        let of_another = |session: u32| {
            let mut fetch = control.clone();
            fetch.reader.session = session;
            fetch
        };
        let (mut step, mut history) = (Step::default(), sent());
        assert_eq!(step.read(&history, &read(1, 0, &[1])), Ok(()));
        assert_eq!([step.read(&history, &control), step.read(&history, &of_another(2))], [Ok(()), Ok(())]);
        let found = acknowledge(&mut step, &mut history, 2, 1).unwrap_err();
        assert!(found.text.contains("1 was a control batch, and now it is 1/1/2"), "{found}");
        let (mut step, mut history) = (Step::default(), sent());
        assert_eq!(acknowledge(&mut step, &mut history, 2, 1), Ok(()));
        assert_eq!(checker(step.read(&history, &control)), "I2-inconsistent-offsets");
        let mut step = Step::default();
        assert_eq!(step.read(&history, &read(1, 0, &[1, 2])), Ok(()));
        assert_eq!(checker(step.read(&history, &of_another(2))), "I2-inconsistent-offsets");
    }

    #[test]
    fn disorder_is_found_at_once() {
        let (mut step, mut history) = (Step::default(), sent());
        assert_eq!(acknowledge(&mut step, &mut history, 1, 3), Ok(()));
        assert_eq!(checker(acknowledge(&mut step, &mut history, 2, 2)), "I9-nonmonotonic-send");
        let read_only = |log: &[u32]| checker(Step::default().read(&sent(), &read(1, 0, log)));
        assert_eq!(
            [read_only(&[1, 2, 3]), read_only(&[1, 3, 2]), read_only(&[1, 2, 1])],
            ["nobody", "I3-duplicate", "I3-duplicate"]
        );
        let mut plain = sent();
        plain.sent.values_mut().for_each(|sent| sent.mode = Mode::Plain);
        assert_eq!(Step::default().read(&plain, &read(1, 0, &[1, 1])), Ok(()), "it sends again");
    }

    #[test]
    fn skips_are_found_at_once() {
        let (mut step, history) = (Step::default(), sent());
        assert_eq!(step.read(&history, &read(1, 0, &[1, 2])), Ok(()));
        assert_eq!(checker(step.read(&history, &read(1, 3, &[4]))), "I8-poll-skip");
        let mut behind = read(2, 0, &[1, 2]);
        behind.first_batch = Some((Offset(1), Offset(1)));
        assert_eq!(checker(step.read(&history, &behind)), "I8-fetch-inside-batch");
    }

    #[test]
    fn a_high_watermark_or_a_start_that_goes_back_is_found_at_once() {
        let fetch = |session, time, from: i64, end: i64, start: i64| {
            let mut fetch = read(session, from, &[]);
            (fetch.time, fetch.high_watermark) = (SimTime(time), Offset(end));
            fetch.log_start = Offset(start);
            fetch
        };
        let mut history = sent();
        history.deleted.insert(at(), Offset(2));
        let check = |history: &Events, fetches: &[Read]| {
            let mut step = Step::default();
            checker(fetches.iter().try_for_each(|fetch| step.read(history, fetch)))
        };
        let went_back = "I10-high-watermark-went-back";
        assert_eq!(check(&history, &[fetch(1, 5, 3, 9, 0), fetch(1, 9, 3, 8, 0)]), went_back);
        let others = [fetch(1, 5, 3, 8, 0), fetch(2, 7, 3, 9, 0), fetch(1, 9, 3, 8, 0)];
        assert_eq!(check(&history, &others), "nobody", "both were under way");
        let later = [&others[..], &[fetch(1, 12, 3, 8, 0)]].concat();
        assert_eq!(check(&history, &later), went_back);
        let start = [fetch(1, 5, 3, 9, 2), fetch(1, 9, 3, 9, 1)];
        assert_eq!(check(&history, &start), "I10-offset-not-real");
        assert_eq!(check(&history, &[fetch(1, 5, 3, 9, 3)]), "I13-begins-too-late");
        history.several_nodes = true;
        let moved = [fetch(1, 5, 3, 9, 0), fetch(1, 9, 3, 8, 0)];
        assert_eq!(check(&history, &moved), "nobody", "by another replica");
    }

    #[test]
    fn an_end_that_a_leader_tells_too_low_is_found_at_once() {
        let (mut step, mut history) = (Step::default(), sent());
        history.several_nodes = true;
        history.sent.get_mut(&id(1)).unwrap().ended = SimTime(5);
        assert_eq!(acknowledge(&mut step, &mut history, 1, 4), Ok(()));
        let told = |step: &mut Step, asked, time, end| {
            let mut fetch = read(1, 0, &[]);
            (fetch.time, fetch.high_watermark) = (SimTime(time), Offset(end));
            checker(step.told_by_leader(&fetch, Led { by: NodeId(1), asked: SimTime(asked) }))
        };
        let went_back = "I10-high-watermark-went-back";
        assert_eq!(told(&mut step, 4, 9, 3), "nobody", "asked before it was acknowledged");
        assert_eq!([told(&mut step, 5, 9, 5), told(&mut step, 5, 9, 4)], ["nobody", went_back]);
        assert_eq!(told(&mut step, 6, 10, 7), "nobody");
        assert_eq!(told(&mut step, 9, 12, 6), "nobody", "both were under way");
        assert_eq!(told(&mut step, 10, 12, 6), went_back, "7 had been told");
        let (at, spec, began, ended) = (at(), Spec::Latest, SimTime(11), SimTime(13));
        let listed = Listed { at, spec, offset: Some(Offset(8)), timestamp: -1, began, ended };
        assert_eq!(step.listed(&history, &listed), Ok(()));
        assert_eq!([told(&mut step, 12, 14, 7), told(&mut step, 13, 14, 7)], ["nobody", went_back]);
    }

    #[test]
    fn an_end_below_what_was_acknowledged_is_found_at_once() {
        let (mut step, mut history) = (Step::default(), sent());
        assert_eq!(acknowledge(&mut step, &mut history, 1, 4), Ok(()));
        let mut listed = |spec, offset, began| {
            let (began, ended) = (SimTime(began), SimTime(began + 1));
            let listed = Listed { at: at(), spec, offset: Some(Offset(offset)), timestamp: -1, began, ended };
            checker(step.listed(&history, &listed))
        };
        assert_eq!(listed(Spec::Latest, 5, 1), "nobody");
        assert_eq!(listed(Spec::Latest, 4, 1), "I10-offset-not-real");
        assert_eq!(listed(Spec::Earliest, 0, 5), "nobody");
        assert_eq!(listed(Spec::Earliest, 1, 5), "I13-begins-too-late");
    }

    #[test]
    fn a_start_below_what_was_deleted_is_found_at_once() {
        let (mut step, mut history) = (Step::default(), sent());
        history.several_nodes = true;
        history.deleted.insert(at(), Offset(3));
        history.deletions_done = vec![(SimTime(5), at(), Offset(2))];
        let mut listed = |offset, began| {
            let (began, ended, spec) = (SimTime(began), SimTime(began + 1), Spec::Earliest);
            let listed = Listed { at: at(), spec, offset: Some(Offset(offset)), timestamp: -1, began, ended };
            checker(step.listed(&history, &listed))
        };
        assert_eq!([listed(3, 5), listed(2, 5)], ["nobody", "nobody"], "the other one was not answered");
        assert_eq!(listed(1, 4), "nobody", "it was asked before");
        assert_eq!(listed(1, 5), "I13-deletion-undone");
    }

    #[test]
    fn what_was_told_before_an_older_disk_is_forgotten() {
        let (mut step, mut history) = (Step::default(), sent());
        assert_eq!(acknowledge(&mut step, &mut history, 2, 4), Ok(()));
        assert_eq!(step.read(&history, &read(1, 0, &[1])), Ok(()));
        step.is_older();
        let mut older = read(1, 1, &[]);
        older.time = SimTime(9);
        assert_eq!(step.read(&history, &older), Ok(()));
    }

    #[test]
    fn a_promise_after_a_failed_sync_is_found_at_once() {
        let (mut step, mut history) = (Step::default(), sent());
        let failed = FailedSync { node: NodeIndex(0), time: SimTime(5), run_ended: None };
        history.failed_syncs = vec![failed];
        let by = BTreeSet::from([NodeIndex(0)]);
        let mut promised = |history: &Events, began| {
            checker(step.promised(history, &by, (SimTime(began), SimTime(8)), &"a commit of offsets"))
        };
        assert_eq!(promised(&history, 4), "nobody", "asked for before");
        assert_eq!(promised(&history, 7), "I20-acknowledged-after-failed-sync");
        history.failed_syncs[0].run_ended = Some(SimTime(6));
        assert_eq!(promised(&history, 7), "nobody", "by the next process");
    }

    #[test]
    fn what_is_given_twice_or_not_as_it_was_made_is_found_at_once() {
        let (mut step, mut history) = (Step::default(), sent());
        assert_eq!(step.producer_id((7, 0)), Ok(()));
        assert_eq!(checker(step.producer_id((7, 0))), "I11-producer-id-twice");
        let told = |assignment: &str| Assigned {
            worker: "worker-0".to_owned(),
            member: "m".to_owned(),
            generation: 1,
            assignment: assignment.to_owned(),
            joining: SimTime(1),
            told: SimTime(2),
        };
        history.assigned.push(told("a"));
        assert_eq!(step.assigned(&history, &told("a")), Ok(()));
        assert_eq!(checker(step.assigned(&history, &told("b"))), "I11-generation-twice");
        let (began, seen) = (SimTime(5), Some(TopicSeen { partitions: 1, configs: BTreeMap::new() }));
        let look = TopicLook { topic: "t".to_owned(), seen, since: began, began, ended: began };
        assert_eq!(checker(step.topic_looked(&history, &look)), "I11-topics-not-as-made");
        let code = ErrorCode::OutOfOrderSequenceNumber;
        assert_eq!(step.refused(&history, id(2), code), Ok(()), "the first may be under way");
        assert_eq!(acknowledge(&mut step, &mut history, 1, 0), Ok(()));
        assert_eq!(checker(step.refused(&history, id(2), code)), "I3-repetition-refused");
        let read = CommittedRead { at: at(), offset: Some(Offset(1)), began, ended: began };
        assert_eq!(checker(step.is_committed(&history, &read)), "I11-commit-lost");
    }

    #[test]
    fn what_is_told_of_commits_is_held_against_deliveries() {
        let (mut step, mut history) = (Step::default(), sent());
        let (by, fate) = (Committer::Member, CommitFate::Unknown);
        let (began, ended) = (SimTime(4), SimTime(4));
        history.commits =
            [2, 3].map(|offset| Commit { by, at: at(), offset: Offset(offset), fate, began, ended }).to_vec();
        let mut given = read(1, 0, &[1, 2]);
        given.reader = Reader { reader: 100, session: 1 };
        assert_eq!(step.read(&history, &given), Ok(()));
        let mut told = |offset| {
            let (began, ended) = (SimTime(5), SimTime(6));
            let read = CommittedRead { at: at(), offset: Some(Offset(offset)), began, ended };
            checker(step.is_committed(&history, &read))
        };
        assert_eq!([told(2), told(3)], ["nobody", "I26-commit-ahead-of-delivery"]);
        (given.reader.session, given.from, given.records) = (2, Offset(3), Vec::new());
        (given.next, given.high_watermark) = (Offset(3), Offset(3));
        assert_eq!(checker(step.read(&history, &given)), "I26-resumed-ahead-of-delivery");
    }
}
