//! What the history consists of.
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use ordain::client::TopicPartition;
use ordain::types::{ErrorCode, NodeId, Offset};
use serde::{Deserialize, Serialize};

use super::{Carried, RecordId, Stands};
use crate::scenarios::Violation;
use crate::time::SimTime;
use crate::world::NodeIndex;

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

/// What a node said of a partition whose preferred replica was to lead.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::scenarios) struct Election {
    pub(in crate::scenarios) at: TopicPartition,
    /// Who was asked.
    pub(in crate::scenarios) node: NodeId,
    pub(in crate::scenarios) began: SimTime,
    pub(in crate::scenarios) ended: SimTime,
    pub(in crate::scenarios) code: ErrorCode,
    /// The error's message.
    pub(in crate::scenarios) why: String,
}

impl fmt::Display for Election {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Election { at, node, began, ended, code, why } = self;
        write!(f, "node {node} was asked at {began} for an election of {at}, and said {code:?} at {ended}")?;
        if why.is_empty() { Ok(()) } else { write!(f, ": {why}") }
    }
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
    /// No sequences: sending again may write twice. So one batch at a time, or none is sent again.
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
pub(in crate::scenarios) const NEAR_READER: u32 = 80;
/// That of who reads everything while some nodes are broken still.
pub(in crate::scenarios) const WITNESS: u32 = 90;
/// The judge's number as a reader.
pub(in crate::scenarios) const JUDGE: u32 = 1000;

/// Who tells of what becomes of the broker and its disk.
pub(in crate::scenarios) const OPERATOR: &str = "operator";
/// The name of whoever looks at everything at the end, in a history that is kept.
pub(in crate::scenarios) const LAST_LOOK: &str = "judge";
/// The name of whoever commits for a group from outside of it, likewise.
pub(in crate::scenarios) const ADMINISTRATOR: &str = "admin";

/// Who reads.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(in crate::scenarios) struct Reader {
    pub(in crate::scenarios) reader: u32,
    /// Between two fetches of one session, positions only move forward.
    pub(in crate::scenarios) session: u32,
}

impl Reader {
    /// The machine on which it runs.
    pub(in crate::scenarios) fn name(self) -> String {
        match self.reader {
            SLOW_READER => "slow-reader".to_owned(),
            PROBER => "prober".to_owned(),
            NEAR_READER => "near-reader".to_owned(),
            WITNESS => "witness".to_owned(),
            reader @ 0..FIRST_MEMBER => format!("reader-{reader}"),
            member @ FIRST_MEMBER..JUDGE => format!("member-{}", member - FIRST_MEMBER),
            JUDGE.. => LAST_LOOK.to_owned(),
        }
    }
}

/// Of an answer that none but the partition's leader gives.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::scenarios) struct Led {
    /// Whose it is.
    pub(in crate::scenarios) by: NodeId,
    /// It was asked for at this time, or a moment later.
    pub(in crate::scenarios) asked: SimTime,
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
    /// `None` if a follower may have answered, or nobody can tell when it was asked.
    pub(in crate::scenarios) led: Option<Led>,
    pub(in crate::scenarios) records: Vec<(Offset, Option<RecordId>)>,
    /// The offsets of control batches, at which there is no record.
    pub(in crate::scenarios) controls: Vec<std::ops::Range<Offset>>,
    /// The records' timestamps, in the same order.
    pub(in crate::scenarios) times: Vec<i64>,
    /// What else the records carry, in the same order; empty where nobody noted it down.
    pub(in crate::scenarios) carried: Vec<Carried>,
    /// The first and the last offset of the first batch that came.
    pub(in crate::scenarios) first_batch: Option<(Offset, Offset)>,
    /// The batches that came; only the judge notes them down.
    pub(in crate::scenarios) batches: Vec<Batch>,
    /// All bytes that came.
    pub(in crate::scenarios) bytes: u64,
}

impl Read {
    /// The record at that place among those that were read, if it was noted down what it carries.
    pub(in crate::scenarios) fn stands(&self, place: usize) -> Option<Stands> {
        Some(Stands { carried: *self.carried.get(place)?, time: *self.times.get(place)? })
    }
}

/// A batch as it was read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::scenarios) struct Batch {
    /// −1 for one without sequences.
    pub(in crate::scenarios) producer: i64,
    pub(in crate::scenarios) epoch: i16,
    pub(in crate::scenarios) base: Offset,
    pub(in crate::scenarios) first_sequence: i32,
    pub(in crate::scenarios) last_sequence: i32,
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

/// Where a member goes on in a partition that it was given.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::scenarios) struct Resumed {
    pub(in crate::scenarios) member: String,
    pub(in crate::scenarios) at: TopicPartition,
    pub(in crate::scenarios) from: Offset,
    /// It asked where the group stands at this time or later.
    pub(in crate::scenarios) since: SimTime,
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
    /// Segments of what it asks for were read meanwhile, be it for others, or ahead of it.
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
    pub(in crate::scenarios) node: NodeIndex,
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
    /// All that records were sent with, where that is known: not of what hostile batches, or those of a load, hold.
    pub(in crate::scenarios) as_sent: BTreeMap<RecordId, Stands>,
    /// Whether one of several nodes was asked: who leads changes. A log's start that was told may be told lower later, by a
    /// leader that comes before it had moved its own; and of a producer nothing of which is committed it knows nothing.
    pub(in crate::scenarios) several_nodes: bool,
    /// An older image of the disk came in the place of a newer one, and producers live on that have sent more than it knows of.
    pub(in crate::scenarios) rolled_back: bool,
    pub(in crate::scenarios) reads: Vec<Read>,
    pub(in crate::scenarios) commits: Vec<Commit>,
    pub(in crate::scenarios) committed: Vec<CommittedRead>,
    /// Up to where deletion was asked for.
    pub(in crate::scenarios) deleted: BTreeMap<TopicPartition, Offset>,
    /// Each time that it was.
    pub(in crate::scenarios) deletions: Vec<(SimTime, TopicPartition, Offset)>,
    /// Each time that it was said to be done.
    pub(in crate::scenarios) deletions_done: Vec<(SimTime, TopicPartition, Offset)>,
    /// Records that were refused for good, and with what.
    pub(in crate::scenarios) refused: BTreeMap<RecordId, ErrorCode>,
    /// What leaders of the workers' group were about to give out, and when.
    pub(in crate::scenarios) words: BTreeMap<String, SimTime>,
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
    /// When each of them was told.
    pub(in crate::scenarios) producer_ids_told: Vec<SimTime>,
    /// What the elector was told.
    pub(in crate::scenarios) elections: Vec<Election>,
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
    /// What was told of the group that is kept.
    pub(in crate::scenarios) kept: Option<String>,
    /// Records of hostile batches, by what a reader sees of them.
    pub(in crate::scenarios) hostile: BTreeMap<String, RecordId>,
    /// Where hostile batches were sent that nobody could read.
    pub(in crate::scenarios) poisoned: BTreeSet<TopicPartition>,
    /// What no client may meet.
    pub(in crate::scenarios) wrongs: Vec<Violation>,
}

impl Events {
    /// The disk is as it was at a time: leaves what was told until then. What was asked for before and not told until then may or
    /// may not have been done. What was asked for later is not, and never will be, but for what the sessions that live on have sent.
    pub(super) fn forget_after(&mut self, time: SimTime, live_on: &BTreeSet<(u32, u32)>) {
        self.sent.retain(|id, sent| sent.began <= time || live_on.contains(&(id.producer, id.session)));
        for sent in self.sent.values_mut().filter(|sent| sent.ended > time || sent.fate == Fate::Open) {
            sent.fate = Fate::Unknown;
        }
        self.commits.retain(|commit| commit.began <= time);
        for commit in self.commits.iter_mut().filter(|commit| commit.ended > time) {
            commit.fate = CommitFate::Unknown;
        }
        self.topic_changes.retain(|changed| changed.began <= time);
        for changed in self.topic_changes.iter_mut().filter(|changed| changed.ended > time) {
            changed.done = Done::Unknown;
        }
        self.deletions.retain(|(asked, ..)| *asked <= time);
        self.deletions_done.retain(|(told, ..)| *told <= time);
        self.deleted.clear();
        for (_, at, before) in &self.deletions {
            let known = self.deleted.entry(at.clone()).or_default();
            *known = (*known).max(*before);
        }
        self.reads.retain(|read| read.time <= time);
        self.committed.retain(|read| read.ended <= time);
        self.assigned.retain(|assigned| assigned.told <= time);
        // Where a log began may have been told before it was durable.
        self.listed.retain(|listed| listed.ended <= time && listed.spec != Spec::Earliest);
        self.topic_looks.retain(|look| look.ended <= time);
        let ids = std::mem::take(&mut self.producer_ids).into_iter().zip(&self.producer_ids_told);
        self.producer_ids = ids.filter(|(_, told)| **told <= time).map(|(id, _)| id).collect();
        self.producer_ids_told.retain(|told| *told <= time);
        self.refused.clear();
        self.failed_syncs.clear();
        self.words.clear();
        self.answers.clear();
        self.extents.clear();
        // Said again at the last look, where it is still so.
        self.down.clear();
    }

    /// The sessions of producers that live on when the disk is as it was at a time: what their broker knows of them was told
    /// before, and none of their records failed since, so that none of them has taken another producer id.
    pub(super) fn living_on(&self, time: SimTime) -> BTreeSet<(u32, u32)> {
        let mut known = BTreeSet::new();
        let mut failed = BTreeSet::new();
        for (id, sent) in &self.sent {
            let session = (id.producer, id.session);
            match sent.fate {
                Fate::Acknowledged(_) if sent.ended <= time => drop(known.insert(session)),
                Fate::Unknown => drop(failed.insert(session)),
                Fate::Acknowledged(_) | Fate::Open => {}
            }
        }
        let is_present = |(producer, session): &(u32, u32)| {
            self.sessions.get(&format!("producer-{producer}")) == Some(session)
        };
        known.difference(&failed).copied().filter(is_present).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenarios::broker::checkers::testing::{at, events, id, read};

    #[test]
    fn what_came_after_an_image_is_forgotten() {
        let mut history = events(&[0, 1], &[1]);
        history.sent.get_mut(&id(2)).expect("it was sent").ended = SimTime(7);
        let mut late = read(1, 1, &[2]);
        late.time = SimTime(7);
        history.reads.push(late);
        history.deletions = vec![(SimTime(4), at(), Offset(1)), (SimTime(6), at(), Offset(2))];
        history.deletions_done = vec![(SimTime(5), at(), Offset(1)), (SimTime(7), at(), Offset(2))];
        (history.producer_ids, history.producer_ids_told) =
            (vec![(7, 0), (8, 0)], vec![SimTime(5), SimTime(6)]);
        let session = (id(2).producer, id(2).session);
        let mut of_another = history.clone();
        history.forget_after(SimTime(5), &BTreeSet::from([session]));
        assert_eq!(history.sent[&id(1)].fate, Fate::Acknowledged(Some(Offset(0))));
        assert_eq!(history.sent[&id(2)].fate, Fate::Unknown);
        assert_eq!(history.reads.len(), 1);
        assert!(history.extents.is_empty());
        assert_eq!(history.deleted[&at()], Offset(1));
        assert_eq!(history.deletions_done, [(SimTime(5), at(), Offset(1))]);
        assert_eq!(history.producer_ids, [(7, 0)]);
        of_another.sent.get_mut(&id(2)).expect("it was sent").began = SimTime(6);
        of_another.forget_after(SimTime(5), &BTreeSet::new());
        assert!(!of_another.sent.contains_key(&id(2)), "it cannot come any more");
    }

    #[test]
    fn a_producer_lives_on_if_its_broker_knows_it() {
        let mut history = events(&[], &[]);
        let session = (id(1).producer, id(1).session);
        let mut send = |number, ended, fate| {
            let (began, mode, content) = (SimTime(1), Mode::Idempotent, Content::Value);
            let ended = SimTime(ended);
            history.sent.insert(id(number), Sent { at: at(), mode, key: None, content, fate, began, ended });
            history.sessions.insert(format!("producer-{}", session.0), session.1);
            history.living_on(SimTime(5)).contains(&session)
        };
        let is_known = [
            send(1, 6, Fate::Acknowledged(Some(Offset(0)))),
            send(2, 4, Fate::Acknowledged(Some(Offset(1)))),
            send(3, 7, Fate::Open),
            send(4, 7, Fate::Unknown),
        ];
        assert_eq!(is_known, [false, true, true, false]);
    }
}
