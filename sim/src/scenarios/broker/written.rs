//! A history that was written down, by a simulation or by clients of real brokers, held against the checkers: its lines become
//! the events that a simulation would have told of, in their order.
//!
//! It knows less than a simulation does. What a poll asked for and what control batches took is not written: an offset at
//! which nobody ever was acknowledged or read anything counts as one without a record, so that a poll may pass over it. It
//! counts as the history of several nodes, of one group of consumers, and of topics from which nothing but `delete-records`
//! takes anything away; a topic of the name of one that the simulator compacts or lets expire is judged as that one.
use std::collections::{BTreeMap, BTreeSet};

use ordain::types::{ErrorCode, Offset};

use super::checkers::{Step, findings};
use super::history::{
    ADMINISTRATOR, Assigned, Commit, CommitFate, CommittedRead, Committer, Content, Events, Extent,
    FIRST_MEMBER, Fate, JUDGE, LAST_LOOK, Listed, Mode, Reader, Resumed, Sent, Spec,
};
use super::is_member;
use crate::history::{Completion, Operation, Written};
use crate::scenarios::Violation;
use crate::time::SimTime;

mod form;
mod progress;
mod reads;

use form::Wrong;
use progress::Progress;
use reads::Reads;

/// What one checker says of a history.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Judged {
    /// The checker's id.
    pub checker: &'static str,
    /// How many things it was held against: with none, it says nothing.
    pub held: u64,
    /// The first thing that it found wrong.
    pub found: Option<String>,
    /// Why it says nothing of this history, whatever it was held against.
    pub silent: Option<&'static str>,
}

/// What all checkers say of a history.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Verdict {
    pub judged: Vec<Judged>,
    /// How many operations of each function and end (`ok`, `fail`, `info`, `open`) there are.
    pub operations: BTreeMap<(String, &'static str), u64>,
    /// The functions that no checker looks at.
    pub unjudged: BTreeSet<String>,
}

/// The checkers that can judge a history that was written down, and what each is held against.
const CHECKERS: &[(&str, &str)] = &[
    ("I1-lost-record", "acknowledged"),
    ("I2-inconsistent-offsets", "read"),
    ("I2-invented-record", "read"),
    ("I3-duplicate", "idempotent"),
    ("I3-repetition-refused", "idempotent"),
    ("I8-poll-skip", "polls"),
    ("I9-nonmonotonic-send", "acknowledged"),
    ("I10-offset-not-real", "offsets"),
    ("I11-commit-lost", "committed"),
    ("I11-generation-twice", "generations"),
    ("I11-producer-id-twice", "producer ids"),
    ("I13-begins-too-late", "starts"),
    ("I16-stuck", "clients"),
    ("I26-commit-ahead-of-delivery", "commits"),
    ("I26-resumed-ahead-of-delivery", "members' polls"),
    ("I26-resumed-behind-commit", "resumed"),
];

/// Those that say nothing of a history without a last look, as that of a run which failed before it: nobody can tell what is there
/// in the end, nor who would have got on.
const OF_LAST_LOOK: &[&str] = &["I1-lost-record", "I16-stuck"];
const NO_LAST_LOOK: &str = "no client \"judge\" looks at everything at the end of this history";

/// Holds histories of one run against all checkers that can judge them. Each is named, and was written by a process of its own;
/// their times are those of one clock.
///
/// # Errors
/// For people: a value that has not the form of its function, or a history that allows no judgement: nothing is acknowledged in it.
pub fn check_history(histories: &[(String, Vec<Written>)]) -> Result<Verdict, String> {
    let before;
    let histories = match older_disk_behind_last_look(histories) {
        Some(time) => {
            before = until(histories, time);
            &before
        }
        None => histories,
    };
    let all = || histories.iter().flat_map(|(_, all)| all.iter().map(|written| &written.operation));
    let mut replay = Replay::new(histories)?;
    for (name, operation, moment) in in_order(histories) {
        let line = match moment {
            Moment::Begin => operation.begin_line,
            Moment::End => operation.end_line.unwrap_or(operation.begin_line),
        };
        replay.take(&operation.operation, moment).map_err(|wrong| format!("{name}:{line}: {wrong}"))?;
    }
    replay.verdict(all())
}

/// Why no history is judged in which that happened.
const OLDER_DISK: &str = "an older disk took the place of the newer one, and nobody had taken a last look: what need not hold any more since, only the simulator knows; \
                          replay the case instead";

/// When an older disk took the place of the newer one behind a last look: what came before can be judged.
fn older_disk_behind_last_look(histories: &[(String, Vec<Written>)]) -> Option<SimTime> {
    let all = || histories.iter().flat_map(|(_, all)| all.iter().map(|written| &written.operation));
    let restored = all().filter(|one| one.function == "restore-image").map(|one| one.began).min()?;
    let is_last_look =
        |one: &&Operation| one.client == LAST_LOOK && one.function == "poll" && one.began < restored;
    all().find(is_last_look).map(|_| restored)
}

/// The same without what began or ended from that time on.
fn until(histories: &[(String, Vec<Written>)], time: SimTime) -> Vec<(String, Vec<Written>)> {
    let mut histories = histories.to_vec();
    for (_, all) in &mut histories {
        all.retain(|written| written.operation.began < time);
        for written in all {
            if written.operation.ended.as_ref().is_some_and(|(ended, ..)| *ended >= time) {
                (written.operation.ended, written.end_line) = (None, None);
            }
        }
    }
    histories
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Moment {
    Begin,
    End,
}

/// Begins and ends by their times; at one time as they were written.
fn in_order(histories: &[(String, Vec<Written>)]) -> Vec<(&str, &Written, Moment)> {
    let mut moments = Vec::new();
    for (history, (name, all)) in histories.iter().enumerate() {
        for written in all {
            let begin = (written.operation.began, history, written.begin_line);
            moments.push((begin, (name.as_str(), written, Moment::Begin)));
            if let (Some((time, ..)), Some(line)) = (&written.operation.ended, written.end_line) {
                moments.push(((*time, history, line), (name.as_str(), written, Moment::End)));
            }
        }
    }
    moments.sort_by_key(|(key, _)| *key);
    moments.into_iter().map(|(_, moment)| moment).collect()
}

/// What has come so far.
struct Replay {
    events: Events,
    step: Step,
    reads: Reads,
    /// Producers and sessions that send with sequences.
    idempotent: BTreeSet<(u32, u32)>,
    /// The clients that are members of the group.
    members: BTreeSet<String>,
    readers: BTreeMap<String, Reader>,
    /// Where in the history the commits under way stand, by client.
    committing: BTreeMap<String, std::ops::Range<usize>>,
    progress: Progress,
    /// Something that the last look asked for has no end.
    is_broken_off: bool,
    found: BTreeMap<&'static str, String>,
    held: BTreeMap<&'static str, u64>,
    unjudged: BTreeSet<String>,
}

impl Replay {
    /// A look at the whole that comes first: what stands where, and who is a member.
    fn new(histories: &[(String, Vec<Written>)]) -> Result<Replay, String> {
        let mut reads = Reads::default();
        let mut members = BTreeSet::new();
        let mut is_broken_off = false;
        for (name, written) in histories.iter().flat_map(|(name, all)| all.iter().map(move |one| (name, one)))
        {
            let Written { operation, begin_line, end_line } = written;
            let line = end_line.unwrap_or(*begin_line);
            reads.learn(operation).map_err(|wrong| format!("{name}:{line}: {wrong}"))?;
            is_broken_off |= operation.client == LAST_LOOK && operation.ended.is_none();
            if operation.function == "subscribe" {
                members.insert(operation.client.clone());
            }
        }
        Ok(Replay {
            events: Events { several_nodes: true, ..Events::default() },
            step: Step::default(),
            reads,
            idempotent: BTreeSet::new(),
            members,
            readers: BTreeMap::new(),
            committing: BTreeMap::new(),
            progress: Progress::default(),
            is_broken_off,
            found: BTreeMap::new(),
            held: BTreeMap::new(),
            unjudged: BTreeSet::new(),
        })
    }

    fn take(&mut self, operation: &Operation, moment: Moment) -> Result<(), Wrong> {
        self.progress.take(operation, moment == Moment::End)?;
        match (operation.function.as_ref(), moment) {
            ("producer", Moment::Begin) => {
                let (producer, idempotent) = form::producer(&operation.value)?;
                if idempotent {
                    self.idempotent.insert(producer);
                }
                Ok(())
            }
            ("send", Moment::Begin) => self.sends(operation),
            ("send", Moment::End) => self.sent(operation),
            ("assign", Moment::Begin) => {
                let reader = self.reader(&operation.client);
                reader.session += 1;
                let reader = *reader;
                self.reads.assigned(reader, operation.began);
                Ok(())
            }
            ("poll", Moment::End) => self.polled(operation),
            ("commit", Moment::Begin) => self.commits(operation),
            ("commit", Moment::End) => self.committed_as(operation),
            ("committed", Moment::End) => self.is_committed(operation),
            ("list-offsets", Moment::End) => self.listed(operation),
            ("delete-records", Moment::Begin) => {
                for (at, before) in form::offsets(&operation.value)? {
                    let known = self.events.deleted.entry(at).or_default();
                    *known = (*known).max(before);
                }
                Ok(())
            }
            ("unreadable", Moment::Begin) => {
                for form::Unreadable { at, offsets } in form::unreadable(&operation.value)? {
                    match offsets {
                        Some(offsets) => self.events.unreadable.entry(at).or_default().push(offsets),
                        None => drop(self.events.down.insert(at)),
                    }
                }
                Ok(())
            }
            ("join", Moment::End) => self.joined(operation),
            ("init-producer-id", Moment::End) => self.given_producer_id(operation),
            ("subscribe" | "heal" | "close", _) => Ok(()),
            ("restore-image", _) => Err(form::Wrong::new(OLDER_DISK)),
            ("producer" | "assign" | "delete-records" | "unreadable", Moment::End) => Ok(()),
            ("poll" | "committed" | "list-offsets" | "join" | "init-producer-id", Moment::Begin) => Ok(()),
            (other, _) => {
                self.unjudged.insert(other.to_owned());
                Ok(())
            }
        }
    }

    fn holds(&mut self, what: &'static str, count: usize) {
        *self.held.entry(what).or_default() += count as u64;
    }

    fn find(&mut self, found: Result<(), Violation>) {
        if let Err(Violation { checker, text }) = found {
            self.found.entry(checker).or_insert(text);
        }
    }

    /// Who a client is, as a reader.
    fn reader(&mut self, client: &str) -> &mut Reader {
        let number = u32::try_from(self.readers.len()).unwrap_or(u32::MAX);
        let reader = match (client, self.members.contains(client)) {
            (LAST_LOOK, _) => JUDGE,
            (_, true) => FIRST_MEMBER + number,
            (_, false) if number < FIRST_MEMBER => number,
            (_, false) => JUDGE + 1 + number,
        };
        self.readers.entry(client.to_owned()).or_insert(Reader { reader, session: 0 })
    }

    fn sends(&mut self, operation: &Operation) -> Result<(), Wrong> {
        for (at, id) in form::sends(&operation.value)? {
            let is_idempotent = self.idempotent.contains(&(id.producer, id.session));
            let mode = if is_idempotent { Mode::Idempotent } else { Mode::Plain };
            let (fate, content, began) = (Fate::Open, Content::Value, operation.began);
            let sent = Sent { at, mode, key: None, content, fate, began, ended: began };
            if self.events.sent.insert(id, sent).is_some() {
                return Err(Wrong::new(format!("{id} is sent twice")));
            }
            self.holds("idempotent", usize::from(is_idempotent));
        }
        Ok(())
    }

    fn sent(&mut self, operation: &Operation) -> Result<(), Wrong> {
        let Some((time, completion, value)) = &operation.ended else { return Ok(()) };
        if *completion == Completion::Fail {
            // It never takes effect: whoever reads it reads what was never sent.
            for (_, id) in form::sends(&operation.value)? {
                self.events.sent.remove(&id);
            }
            return Ok(());
        }
        for form::Told { id, offset, code } in form::told(value)? {
            let Some(sent) = self.events.sent.get_mut(&id) else {
                return Err(Wrong::new(format!("{id} was not sent")));
            };
            sent.ended = *time;
            if *completion == Completion::Info {
                sent.fate = Fate::Unknown;
                self.events.refused.extend(code.and_then(ErrorCode::from_code).map(|code| (id, code)));
                continue;
            }
            let at = sent.at.clone();
            sent.fate = Fate::Acknowledged(offset.filter(|offset| *offset >= Offset(0)));
            self.holds("acknowledged", 1);
            self.holds("offsets", usize::from(offset.is_some()));
            if let Some(offset) = offset.filter(|offset| *offset < Offset(0)) {
                let text = format!("{id} was acknowledged in {at} at {offset}");
                self.find(Err(Violation::new("I10-offset-not-real", text)));
            }
            let found = self.step.acknowledged(&self.events, id);
            self.find(found);
        }
        Ok(())
    }

    fn polled(&mut self, operation: &Operation) -> Result<(), Wrong> {
        let Some((time, Completion::Ok, value)) = &operation.ended else { return Ok(()) };
        let who = self.reader(&operation.client);
        let starts_anew = is_member(*who);
        let mut who = *who;
        // A rebalance moves positions back to what was committed; one that nobody has written down may come with each poll.
        if starts_anew && !self.reads.is_told_assignments(who) {
            who.session += 1;
            *self.reader(&operation.client) = who;
        }
        for brought in form::polled(value)? {
            let Some((read, since)) = self.reads.read(&self.events, who, *time, brought) else { continue };
            self.holds("polls", 1);
            self.holds("read", read.records.len());
            self.holds("members' polls", usize::from(is_member(who)));
            if let Some(since) = since.filter(|_| is_member(who)) {
                let (member, at, from) = (operation.client.clone(), read.at.clone(), read.from);
                self.holds("resumed", 1);
                let found = self.step.resumed(&self.events, &Resumed { member, at, from, since });
                self.find(found);
            }
            let found = self.step.read(&self.events, &read);
            self.find(found);
            self.events.reads.push(read);
        }
        Ok(())
    }

    fn commits(&mut self, operation: &Operation) -> Result<(), Wrong> {
        let is_foreign = operation.client == ADMINISTRATOR;
        let by = if is_foreign { Committer::Administrator } else { Committer::Member };
        let first = self.events.commits.len();
        for (at, offset) in form::offsets(&operation.value)? {
            let offset = self.reads.without_gap(&at, offset);
            let (fate, began, ended) = (CommitFate::Unknown, operation.began, operation.began);
            self.events.commits.push(Commit { by, at: at.clone(), offset, fate, began, ended });
            if by == Committer::Member {
                self.holds("commits", 1);
                let found = self.step.commits(&self.events, &at, offset);
                self.find(found);
            }
        }
        self.committing.insert(key(operation), first..self.events.commits.len());
        Ok(())
    }

    fn committed_as(&mut self, operation: &Operation) -> Result<(), Wrong> {
        let Some((time, completion, _)) = &operation.ended else { return Ok(()) };
        let fate = match completion {
            Completion::Ok => CommitFate::Acknowledged,
            Completion::Fail => CommitFate::Refused,
            Completion::Info => CommitFate::Unknown,
        };
        let places = self.committing.remove(&key(operation)).unwrap_or_default();
        for commit in self.events.commits.get_mut(places).into_iter().flatten() {
            (commit.fate, commit.ended) = (fate, *time);
        }
        Ok(())
    }

    fn is_committed(&mut self, operation: &Operation) -> Result<(), Wrong> {
        let Some((ended, Completion::Ok, value)) = &operation.ended else { return Ok(()) };
        for (at, offset) in form::offsets_or_none(value)? {
            let offset = offset.map(|offset| self.reads.without_gap(&at, offset));
            let read = CommittedRead { at, offset, began: operation.began, ended: *ended };
            self.holds("committed", 1);
            let found = self.step.is_committed(&self.events, &read);
            self.find(found);
            self.events.committed.push(read);
        }
        Ok(())
    }

    fn listed(&mut self, operation: &Operation) -> Result<(), Wrong> {
        let Some((ended, Completion::Ok, value)) = &operation.ended else { return Ok(()) };
        let asked = form::specs(&operation.value)?;
        for (at, offset) in form::offsets_or_none(value)? {
            // Which of the records is the first at a time cannot be told from a history without their times.
            let Some(spec) = asked.get(&at).copied().flatten() else { continue };
            self.holds("offsets", 1);
            self.holds("starts", usize::from(spec == Spec::Earliest));
            if let (LAST_LOOK, Some(offset)) = (operation.client.as_str(), offset) {
                let unknown = Extent { start: Offset(0), end: Offset(0) };
                let extent = self.events.extents.entry(at.clone()).or_insert(unknown);
                match spec {
                    Spec::Earliest => extent.start = offset,
                    Spec::Latest => extent.end = offset,
                    Spec::MaxTimestamp | Spec::At(_) => {}
                }
            }
            let (began, timestamp) = (operation.began, -1);
            let listed = Listed { at, spec, offset, timestamp, began, ended: *ended };
            let found = self.step.listed(&self.events, &listed);
            self.find(found);
            self.events.listed.push(listed);
        }
        Ok(())
    }

    fn joined(&mut self, operation: &Operation) -> Result<(), Wrong> {
        let Some((told, Completion::Ok, value)) = &operation.ended else { return Ok(()) };
        let form::Generation { member, generation, assignment } = form::generation(value)?;
        let (worker, joining, told) = (operation.client.clone(), operation.began, *told);
        let member = member.unwrap_or_else(|| operation.value.as_str().unwrap_or_default().to_owned());
        self.events.assigned.push(Assigned { worker, member, generation, assignment, joining, told });
        self.holds("generations", 1);
        Ok(())
    }

    fn given_producer_id(&mut self, operation: &Operation) -> Result<(), Wrong> {
        let Some((_, Completion::Ok, value)) = &operation.ended else { return Ok(()) };
        self.events.producer_ids.push(form::producer_id(value)?);
        self.holds("producer ids", 1);
        Ok(())
    }

    /// Whether somebody looked at what there is at the end, and was not broken off.
    fn has_last_look(&self) -> bool {
        !self.is_broken_off && self.events.reads.iter().any(|read| read.reader.reader == JUDGE)
    }

    fn verdict<'a>(mut self, all: impl Iterator<Item = &'a Operation>) -> Result<Verdict, String> {
        if self.held.get("acknowledged").copied().unwrap_or_default() == 0 {
            return Err("nothing is acknowledged in this history: there is nothing to judge".to_owned());
        }
        let has_last_look = self.has_last_look();
        let gaps =
            self.events.extents.iter().map(|(at, extent)| self.reads.last_look_passes_gaps(at, *extent));
        let gaps: Vec<_> = gaps.collect();
        self.events.reads.extend(gaps);
        let (stuck, clients) = self.progress.stuck(&self.members);
        self.find(stuck.map_err(Violation::by("I16-stuck")));
        self.holds("clients", clients);
        for found in findings(&self.events) {
            self.find(Err(found));
        }
        let silent = |checker| (!has_last_look && OF_LAST_LOOK.contains(&checker)).then_some(NO_LAST_LOOK);
        self.found.retain(|checker, _| silent(*checker).is_none());
        let judged = CHECKERS.iter().map(|&(checker, what)| Judged {
            checker,
            held: self.held.get(what).copied().unwrap_or_default(),
            found: self.found.remove(checker),
            silent: silent(checker),
        });
        let mut judged: Vec<Judged> = judged.collect();
        // None is forgotten, if ever one finds something that is not in the table.
        let others = self.found.into_iter();
        let other = |(checker, text)| Judged { checker, held: 1, found: Some(text), silent: None };
        judged.extend(others.map(other));
        let mut operations = BTreeMap::new();
        for operation in all {
            let end = match &operation.ended {
                None => "open",
                Some((_, Completion::Ok, _)) => "ok",
                Some((_, Completion::Fail, _)) => "fail",
                Some((_, Completion::Info, _)) => "info",
            };
            *operations.entry((operation.function.to_string(), end)).or_default() += 1;
        }
        Ok(Verdict { judged, operations, unjudged: self.unjudged })
    }
}

/// Commits of one client are told apart by what they commit and when.
fn key(operation: &Operation) -> String {
    format!("{} {} {}", operation.client, operation.began.0, operation.value)
}

#[cfg(test)]
mod tests;
