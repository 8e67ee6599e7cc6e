//! The fault atlas: what the injected faults have destroyed, and with that what a node may and must say.
//!
//! The disk knows which bytes of which file are not what they should be ([`crate::disk::Damage`]); the atlas
//! knows from the formats' pages in `docs/` what stands in them. With one node every file is the only copy of
//! what it holds, but for the two checkpoints and for what is only a hint:
//!
//! | destroyed | what the node may do | what it must do |
//! |---|---|---|
//! | batches of a segment | refuse to give these offsets | give all others, say so to whoever asks for these |
//! | blocks of a batch that the journal only names | serve nothing of that partition | start, and report the partition |
//! | a segment's end (the file is shorter) | serve nothing of that partition | start, and report the partition |
//! | entries' payloads in the journal that a start needs | serve nothing of their partitions | start, and report each of them |
//! | entries' payloads that stand in a segment or a checkpoint, too, or that no start replays | – | serve everything |
//! | a commit's header or directory | refuse to start | name the file |
//! | a sector of the journal that cannot be read | refuse to start (the journal may end there) | name the file |
//! | a checkpoint | – | start from the other, and report it |
//! | both checkpoints | refuse to start | name one |
//! | a snapshot of the metadata | – | start from the other, or from the log |
//! | all snapshots of the metadata | refuse to start | say that it is the metadata |
//! | batches of the metadata log | refuse to start | say that it is the metadata |
//! | an index, the vouch file, padding, what is stale | be slower | serve everything |
//!
//! Where an old image of the whole disk is put in place of the newer one, no single node can know: all that it knows, claims
//! and vouchers included, is on that disk, and each piece of it agrees with the others. It must start, and hold all that was
//! acknowledged before the image was taken. What came later never was, for it, and what was asked for later and not before must
//! not appear. It can say so only to those who know better, and must: a reader from beyond the end is told OFFSET_OUT_OF_RANGE.
//!
//! Whoever draws faults asks [`FaultAtlas::targets`] where they may strike: the last commit of the journal is
//! spared, which alone cannot be told from a torn one (a limit that the journal's page states), a second piece of
//! the journal while one is damaged (it might be what vouches for the first), and the metadata in the journal. A write
//! of the journal that misses its place hits what it hits; of that, what nothing vouches for is put right before a start.
//!
//! With several nodes a record is lost where each of its copies is: [`FaultAtlas::only_copies`]. The metadata in the journal is
//! then hit like all else, and damage to its log refuses no start: the others have it.
mod checkpoint;
mod journal;
mod segment;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::{Arc, Mutex};

use ordain::types::{Offset, PartitionId, TopicId};

use crate::cluster::NodeHandle;
use crate::disk::Damage;
use crate::world::{NodeIndex, lock};
use checkpoint::Checkpoint;
use journal::{Hit, Metadata, Payload};
use segment::Kind;

/// What is destroyed on one node's disk.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Losses {
    /// Whose records cannot be read, and which.
    pub records: BTreeMap<PartitionId, Vec<Range<Offset>>>,
    /// From which offsets a reader first comes to one of those: they and the gaps before them.
    pub reach: BTreeMap<PartitionId, Vec<Range<Offset>>>,
    /// Of whom nothing may be served.
    pub logs: BTreeSet<PartitionId>,
    /// Files for which the node may refuse to start.
    pub structure: BTreeSet<String>,
    /// Checkpoints that cannot be used.
    pub checkpoints: BTreeSet<String>,
    /// Snapshots of the metadata that cannot be used.
    pub snapshots: BTreeSet<String>,
    /// Files that are only hints.
    pub hints: BTreeSet<String>,
}

/// Where a fault strikes: a file, and the bytes of it that may be hit.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Target {
    pub path: String,
    pub places: Vec<Range<u64>>,
}

/// What a fault is aimed at.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, serde::Serialize, serde::Deserialize)]
pub enum Aim {
    Records,
    Index,
    Journal,
    /// What the next start will replay of the journal.
    Replayed,
    Vouch,
    Checkpoint,
    /// A snapshot of the metadata.
    Snapshot,
}

/// The account of what faults have destroyed, for all nodes. Cheap to clone.
#[derive(Clone, Default)]
pub struct FaultAtlas {
    /// Whether other nodes have what one holds.
    several: bool,
    /// All that was ever found destroyed, by node: it explains what was said meanwhile.
    ever: Arc<Mutex<BTreeMap<NodeIndex, Losses>>>,
    /// On whose disks anything ever was, be it what nobody misses.
    hit: Arc<Mutex<BTreeSet<NodeIndex>>>,
}

impl FaultAtlas {
    /// Of nodes each of which holds what others hold, too.
    #[must_use]
    pub fn of_several() -> FaultAtlas {
        FaultAtlas { several: true, ..FaultAtlas::default() }
    }

    #[must_use]
    pub fn is_of_several(&self) -> bool {
        self.several
    }

    /// What is destroyed now.
    #[must_use]
    pub fn look(&self, node: &NodeHandle) -> Losses {
        let mut now = Losses::default();
        let damaged = node.disk().damaged();
        if !damaged.is_empty() {
            lock(&self.hit).insert(node.index());
            let checkpoints = Checkpoints::of(node, &damaged);
            for (path, damage) in damaged {
                now.add(&path, &damage, || end_before(node, &path), &checkpoints);
                if let Some((whose, Kind::Records)) = segment::of(&path)
                    && is_named(node, &path, &damage.ranges, &checkpoints)
                {
                    now.logs.insert(whose);
                }
            }
        }
        lock(&self.ever).entry(node.index()).or_default().merge(&now);
        now
    }

    /// All that was ever found destroyed.
    #[must_use]
    pub fn ever(&self, node: &NodeHandle) -> Losses {
        let _now = self.look(node);
        lock(&self.ever).get(&node.index()).cloned().unwrap_or_default()
    }

    /// Whether anything was ever found destroyed on a node's disk, whatever it was.
    #[must_use]
    pub fn was_ever_hit(&self, node: &NodeHandle) -> bool {
        !node.disk().damaged().is_empty() || lock(&self.hit).contains(&node.index())
    }

    /// What is destroyed now on each of the nodes that hold copies: of these offsets and logs nothing is left.
    #[must_use]
    pub fn only_copies(&self, holders: &[NodeHandle]) -> Losses {
        holders.iter().map(|node| self.look(node)).reduce(|one, other| one.common(&other)).unwrap_or_default()
    }

    /// All that was ever found destroyed on each of the nodes that hold copies, be it one after the other.
    #[must_use]
    pub fn ever_of_all(&self, holders: &[NodeHandle]) -> Losses {
        holders.iter().map(|node| self.ever(node)).reduce(|one, other| one.common(&other)).unwrap_or_default()
    }

    /// Where a fault may strike.
    #[must_use]
    pub fn targets(&self, node: &NodeHandle, aim: Aim) -> Vec<Target> {
        let disk = node.disk();
        let journal_is_hurt = disk.damaged().iter().any(|(path, _)| path.starts_with("journal/"));
        let whole = |length: u64| std::iter::once(0..length).filter(|place| !place.is_empty()).collect();
        let replay_from = replay_from(node);
        let metadata = if self.several { Metadata::ElsewhereToo } else { Metadata::OnlyHere };
        let mut targets = Vec::new();
        for (path, length) in disk.files() {
            let is_meant = match segment::of(&path) {
                Some((_, Kind::Records)) => aim == Aim::Records,
                Some((_, Kind::Index)) => aim == Aim::Index,
                None => match path.as_str() {
                    "checkpoint" | "checkpoint.copy" => aim == Aim::Checkpoint,
                    _ if path.starts_with(SNAPSHOTS) => aim == Aim::Snapshot,
                    "journal/vouch" => aim == Aim::Vouch && !journal_is_hurt,
                    _ => {
                        matches!(aim, Aim::Journal | Aim::Replayed)
                            && !journal_is_hurt
                            && journal::sequence(&path).is_some()
                    }
                },
            };
            let places: Vec<Range<u64>> = match journal::sequence(&path) {
                _ if !is_meant => continue,
                Some(sequence) => {
                    // Only what surely is on the medium vouches for anything.
                    let content = disk.peek_durable(&path).unwrap_or_default();
                    match (aim, replay_from) {
                        (Aim::Replayed, Some(from)) => {
                            journal::replayed_targets(&content, sequence, from, metadata)
                        }
                        (Aim::Replayed, None) => continue,
                        _ => journal::targets(&content, sequence, metadata),
                    }
                }
                None => whole(length),
            };
            if !places.is_empty() {
                targets.push(Target { path, places });
            }
        }
        targets
    }

    /// The journal's file that its next commit goes to, unless that does not fit; `None` where a piece of the journal is
    /// damaged already.
    #[must_use]
    pub fn next_journal(&self, node: &NodeHandle) -> Option<String> {
        let disk = node.disk();
        if disk.damaged().iter().any(|(path, _)| path.starts_with("journal/")) {
            return None;
        }
        let newest = |path: String| {
            let content = disk.peek_durable(&path).ok()?;
            Some((journal::commits(&content, journal::sequence(&path)?).last()?.number, path))
        };
        disk.files().into_iter().filter_map(|(path, _)| newest(path)).max().map(|(_, path)| path)
    }

    /// Puts right what no single disk can tell, before a start: a commit that was hit, and nothing behind it in its file
    /// vouches for it, be it that none was written or that it is not whole itself.
    pub fn spare_unvouched(&self, node: &NodeHandle) {
        let disk = node.disk();
        for (path, damage) in disk.damaged() {
            lock(&self.hit).insert(node.index());
            let Some(sequence) = journal::sequence(&path) else { continue };
            if !journal::is_vouched(&damage.ideal, sequence, &damage.ranges) {
                drop(disk.repair(&path));
            }
        }
    }

    /// Puts right what is destroyed of segments and their indexes: somebody looks at them who does not go by a node's account.
    pub fn spare_segments(&self, node: &NodeHandle) {
        let _remembered = self.look(node);
        let damaged = node.disk().damaged().into_iter();
        for (path, _) in damaged.filter(|(path, _)| segment::of(path).is_some()) {
            drop(node.disk().repair(&path));
        }
    }

    /// What a start must say of the journal's damage: that which it comes to when it replays.
    #[must_use]
    pub fn demands(&self, node: &NodeHandle) -> Demands {
        let mut demands = Demands::default();
        let damaged = node.disk().damaged();
        let checkpoints = Checkpoints::of(node, &damaged);
        let Some(newest) = checkpoints.newest() else { return demands };
        let from = newest.replay_from;
        for (path, damage) in damaged {
            let Some(sequence) = journal::sequence(&path) else { continue };
            if !damage.unreadable.is_empty() {
                continue;
            }
            let commits = journal::vouched_from(&damage.ideal, sequence, from);
            let hits = hits_of(&commits, sequence, &damage, |place, entry| newest.needs(place, entry));
            if hits.structure {
                demands.refuse.insert(path.clone());
            }
            demands.report.extend(hits.whose);
        }
        demands
    }

    /// Why a node may refuse to start with these words; what somebody has to restore then. `None` if it may not.
    #[must_use]
    pub fn explains_refusal(&self, node: &NodeHandle, words: &str) -> Option<Vec<String>> {
        let now = self.look(node);
        // One that is not there (there was no room for it) is none that a start could use.
        let there =
            node.disk().files().into_iter().filter(|(path, _)| CHECKPOINTS.contains(&&**path)).count();
        let both = now.checkpoints.len() >= there;
        let named = now.structure.iter().chain(now.checkpoints.iter().filter(|_| both));
        let is_named = named.clone().any(|path| words.contains(path.as_str()));
        let metadata = |whose: &PartitionId| whose.topic == TopicId::METADATA;
        let snapshots =
            node.disk().files().into_iter().filter(|(path, _)| path.starts_with(SNAPSHOTS)).count();
        let no_snapshot = !now.snapshots.is_empty() && now.snapshots.len() == snapshots;
        // What is lost of its log the other nodes have.
        let log_is_lost = !self.several && now.records.keys().chain(&now.logs).any(metadata);
        let is_lost = no_snapshot || log_is_lost;
        let is_metadata = words.contains("metadata") && is_lost;
        if !is_named && !is_metadata {
            return None;
        }
        let mut paths: Vec<String> =
            now.structure.iter().chain(&now.checkpoints).chain(&now.snapshots).cloned().collect();
        let damaged = node.disk().damaged();
        let of_metadata = damaged.into_iter().map(|(path, _)| path).filter(|path| {
            let is_segment = segment::of(path).is_some_and(|(whose, _)| metadata(&whose));
            // Entries of the metadata may have been in it.
            is_segment || (is_metadata && journal::sequence(path).is_some())
        });
        paths.extend(of_metadata);
        Some(paths)
    }

    /// Restores what was destroyed of a topic's files, as its operator does. False if nothing was.
    pub fn restore_topic(&self, node: &NodeHandle, topic: TopicId) -> bool {
        let _remembered = self.look(node);
        let mut restored = false;
        for (path, _) in node.disk().damaged() {
            if segment::of(&path).is_some_and(|(whose, _)| whose.topic == topic) {
                restored |= node.disk().repair(&path).unwrap_or(false);
            }
        }
        restored
    }
}

/// What a start must say of what was destroyed.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Demands {
    /// Whose log it must report as damaged, if it starts and there is such a log.
    pub report: BTreeSet<PartitionId>,
    /// The files for which it must refuse to start.
    pub refuse: BTreeSet<String>,
}

/// Whether a start reads blocks that were hit, since the journal only names the batch that stands there.
fn is_named(node: &NodeHandle, path: &str, hit: &[Range<u64>], checkpoints: &Checkpoints) -> bool {
    let disk = node.disk();
    let touches =
        |blocks: &Range<u64>| hit.iter().any(|range| range.start < blocks.end && blocks.start < range.end);
    let is_hit = |sequence: u64, commit: &journal::Commit| {
        commit.named.iter().any(|(named, blocks, entry)| {
            named == path && touches(blocks) && checkpoints.may_need((sequence, commit.place.start), entry)
        })
    };
    disk.files().into_iter().filter_map(|(file, _)| Some((journal::sequence(&file)?, file))).any(
        |(sequence, file)| {
            let content = disk.peek(&file).unwrap_or_default();
            journal::commits(&content, sequence).iter().any(|commit| is_hit(sequence, commit))
        },
    )
}

/// What damage of a journal file has hit.
#[derive(Default)]
struct Hits {
    /// Something that tells whose entries are whose.
    structure: bool,
    /// The owners of entries that somebody needs.
    whose: BTreeSet<PartitionId>,
}

fn hits_of(
    commits: &[journal::Commit],
    sequence: u64,
    damage: &Damage,
    needs: impl Fn(checkpoint::Place, &Payload) -> bool,
) -> Hits {
    let mut hits = Hits::default();
    for commit in commits {
        let place = (sequence, commit.place.start);
        for hit in damage.ranges.iter().filter_map(|range| commit.hit(range)) {
            match hit {
                Hit::Structure => hits.structure = true,
                Hit::Payloads(lost) => {
                    let needed = lost.iter().filter(|entry| needs(place, entry));
                    hits.whose.extend(needed.map(|entry| entry.whose));
                }
            }
        }
    }
    hits
}

/// Where the segment before this one ends, of the same log; 0 if it is the first.
fn end_before(node: &NodeHandle, path: &str) -> Offset {
    let whose = segment::of(path);
    let is_before = |other: &str| other < path && segment::of(other) == whose;
    let files = node.disk().files();
    let before = files.iter().rev().map(|(other, _)| other.as_str()).filter(|other| is_before(other));
    let end = |path: &str| segment::end(&node.disk().peek(path).ok()?);
    before.filter_map(end).next().unwrap_or_default()
}

/// Where a start would begin to replay the journal: of the two checkpoints, behind both.
fn replay_from(node: &NodeHandle) -> Option<checkpoint::Place> {
    whole_checkpoints(node).map(|checkpoint| checkpoint.replay_from).max()
}

fn whole_checkpoints(node: &NodeHandle) -> impl Iterator<Item = Checkpoint> {
    let content = |path: &str| node.disk().peek(path).ok();
    ["checkpoint", "checkpoint.copy"].into_iter().filter_map(move |path| Checkpoint::parse(&content(path)?))
}

/// What a node's checkpoints say; nothing where one of them is damaged: which of them counts is not sure then.
struct Checkpoints(Vec<Checkpoint>);

impl Checkpoints {
    fn of(node: &NodeHandle, damaged: &[(String, Damage)]) -> Checkpoints {
        let is_hurt = damaged.iter().any(|(path, _)| path.starts_with("checkpoint"));
        Checkpoints(if is_hurt { Vec::new() } else { whole_checkpoints(node).collect() })
    }

    fn newest(&self) -> Option<&Checkpoint> {
        self.0.iter().max_by_key(|checkpoint| checkpoint.generation)
    }

    /// Whether a start may need an entry of the commit that stands there.
    fn may_need(&self, place: checkpoint::Place, payload: &Payload) -> bool {
        self.0.is_empty() || self.0.iter().any(|checkpoint| checkpoint.needs(place, payload))
    }
}

/// Where the snapshots of the metadata are.
const SNAPSHOTS: &str = "metadata/";
/// The copies of the checkpoint.
const CHECKPOINTS: [&str; 2] = ["checkpoint", "checkpoint.copy"];

impl Losses {
    /// The destroyed offsets at a place or, if none are there, the next ones behind it.
    #[must_use]
    pub fn at_or_behind(&self, whose: PartitionId, offset: Offset) -> Option<Range<Offset>> {
        let ranges = self.records.get(&whose)?.iter().filter(|range| range.end > offset);
        let start = ranges.clone().map(|range| range.start).min()?;
        let beyond = self.beyond(whose, start.max(offset))?;
        Some(start.max(offset)..beyond)
    }

    /// Where reading goes on behind an offset whose record is destroyed; `None` if it is not.
    #[must_use]
    pub fn beyond(&self, whose: PartitionId, offset: Offset) -> Option<Offset> {
        self.records.get(&whose)?.iter().find(|range| range.contains(&offset)).map(|range| range.end)
    }

    /// Whether a reader at an offset comes to a destroyed record before it comes to another one.
    #[must_use]
    pub fn stops_at(&self, whose: PartitionId, offset: Offset) -> bool {
        self.reach.get(&whose).is_some_and(|all| all.iter().any(|range| range.contains(&offset)))
    }

    /// What neither of two nodes can serve. Of their files, which are each node's own, it says nothing.
    #[must_use]
    pub fn common(&self, other: &Losses) -> Losses {
        let both = |ranges: fn(&Losses) -> &BTreeMap<PartitionId, Vec<Range<Offset>>>| {
            let mut found: BTreeMap<PartitionId, Vec<Range<Offset>>> = BTreeMap::new();
            for whose in ranges(self).keys().chain(ranges(other).keys()) {
                let common = match (self.logs.contains(whose), other.logs.contains(whose)) {
                    // In one of them all is gone.
                    (true, _) => ranges(other).get(whose).cloned().unwrap_or_default(),
                    (false, true) => ranges(self).get(whose).cloned().unwrap_or_default(),
                    (false, false) => overlaps(ranges(self).get(whose), ranges(other).get(whose)),
                };
                if !common.is_empty() {
                    found.insert(*whose, common);
                }
            }
            found
        };
        Losses {
            records: both(|losses| &losses.records),
            reach: both(|losses| &losses.reach),
            logs: self.logs.intersection(&other.logs).copied().collect(),
            ..Losses::default()
        }
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Losses::default()
    }

    fn add(
        &mut self,
        path: &str,
        damage: &Damage,
        end_before: impl FnOnce() -> Offset,
        checkpoints: &Checkpoints,
    ) {
        if let Some((whose, kind)) = segment::of(path) {
            match kind {
                Kind::Index => {
                    self.hints.insert(path.to_owned());
                }
                Kind::Records => {
                    let lost = segment::offsets(&damage.ideal, &damage.ranges);
                    if !lost.is_empty() {
                        let reach = segment::reach(&damage.ideal, &lost, end_before());
                        self.reach.entry(whose).or_default().extend(reach);
                        self.records.entry(whose).or_default().extend(lost);
                    }
                    if damage.live.len() < damage.ideal.len() {
                        self.logs.insert(whose);
                    }
                }
            }
        } else if path.starts_with("checkpoint") {
            // Also under its temporary name: it is about to get the other.
            self.checkpoints.insert(path.trim_end_matches(".tmp").to_owned());
        } else if path.starts_with(SNAPSHOTS) {
            self.snapshots.insert(path.to_owned());
        } else if let Some(sequence) = journal::sequence(path) {
            if !damage.unreadable.is_empty() {
                self.structure.insert(path.to_owned());
            }
            let commits = journal::commits(&damage.ideal, sequence);
            let hits = hits_of(&commits, sequence, damage, |place, entry| checkpoints.may_need(place, entry));
            if hits.structure {
                self.structure.insert(path.to_owned());
            }
            self.logs.extend(hits.whose);
        } else {
            self.hints.insert(path.to_owned());
        }
    }

    fn merge(&mut self, other: &Losses) {
        for (mine, others) in [(&mut self.records, &other.records), (&mut self.reach, &other.reach)] {
            for (whose, ranges) in others {
                let known = mine.entry(*whose).or_default();
                for range in ranges {
                    if !known.contains(range) {
                        known.push(range.clone());
                    }
                }
            }
        }
        self.logs.extend(&other.logs);
        self.structure.extend(other.structure.iter().cloned());
        self.checkpoints.extend(other.checkpoints.iter().cloned());
        self.snapshots.extend(other.snapshots.iter().cloned());
        self.hints.extend(other.hints.iter().cloned());
    }
}

/// What lies in both.
fn overlaps(one: Option<&Vec<Range<Offset>>>, other: Option<&Vec<Range<Offset>>>) -> Vec<Range<Offset>> {
    let pairs = one.into_iter().flatten().flat_map(|a| other.into_iter().flatten().map(move |b| (a, b)));
    let common = pairs.map(|(a, b)| a.start.max(b.start)..a.end.min(b.end));
    common.filter(|range| range.start < range.end).collect()
}

#[cfg(test)]
#[allow(clippy::single_range_in_vec_init, reason = "lists of ranges")]
mod tests {
    use super::*;

    fn damage(ideal: &[u8], live: &[u8]) -> Damage {
        let differs = |at: &usize| ideal.get(*at) != live.get(*at);
        let ranges = (0..ideal.len().max(live.len())).filter(differs).map(|at| at as u64..at as u64 + 1);
        Damage {
            ideal: ideal.to_vec(),
            live: live.to_vec(),
            ranges: ranges.collect(),
            unreadable: Vec::new(),
        }
    }

    #[test]
    fn each_kind_of_file_has_its_account() {
        let mut losses = Losses::default();
        let none = Checkpoints(Vec::new());
        losses.add("journal/vouch", &damage(b"ab", b"ax"), || Offset(0), &none);
        losses.add("checkpoint.copy", &damage(b"ab", b"ax"), || Offset(0), &none);
        losses.add(
            "logs/AAAAAAAAAAAAAAAAAAAAAQ-0/00000000000000000000.index",
            &damage(b"ab", b"ax"),
            || Offset(0),
            &none,
        );
        assert_eq!((losses.hints.len(), losses.checkpoints.len(), losses.structure.len()), (2, 1, 0));
        assert!(losses.records.is_empty() && losses.logs.is_empty());
        let short = damage(&[0; 61], &[0; 10]);
        losses.add("logs/AAAAAAAAAAAAAAAAAAAAAQ-0/00000000000000000000.log", &short, || Offset(0), &none);
        assert_eq!(losses.logs.len(), 1, "a short segment may cost the partition");
    }

    #[test]
    fn a_record_is_lost_where_each_copy_is() {
        let whose =
            |index| PartitionId { topic: TopicId([1; 16]), index: ordain::types::PartitionIndex(index) };
        let losses = |lost: &[Range<Offset>], logs: &[i32]| Losses {
            records: BTreeMap::from([(whose(0), lost.to_vec())]),
            reach: BTreeMap::from([(whose(0), lost.to_vec())]),
            logs: logs.iter().map(|index| whose(*index)).collect(),
            ..Losses::default()
        };
        let one = losses(&[Offset(0)..Offset(5), Offset(8)..Offset(9)], &[1, 2]);
        let other = losses(&[Offset(3)..Offset(7)], &[2]);
        let common = one.common(&other);
        assert_eq!(common.records[&whose(0)], [Offset(3)..Offset(5)]);
        assert_eq!(common.logs, BTreeSet::from([whose(2)]), "the other serves the first");
        assert!(common.stops_at(whose(0), Offset(4)) && !common.stops_at(whose(0), Offset(5)));
        let gone = losses(&[], &[0]);
        assert_eq!(
            gone.common(&other).records[&whose(0)],
            [Offset(3)..Offset(7)],
            "one log is gone as a whole"
        );
        assert!(one.common(&Losses::default()).records.is_empty());
    }

    #[test]
    fn reading_goes_on_behind_what_is_lost() {
        let whose = PartitionId { topic: TopicId([1; 16]), index: ordain::types::PartitionIndex(0) };
        let mut losses = Losses::default();
        losses.records.insert(whose, vec![Offset(5)..Offset(9)]);
        assert_eq!(losses.beyond(whose, Offset(4)), None);
        assert_eq!(losses.beyond(whose, Offset(5)), Some(Offset(9)));
        assert_eq!(losses.beyond(whose, Offset(9)), None);
        assert_eq!(losses.at_or_behind(whose, Offset(4)), Some(Offset(5)..Offset(9)));
        assert_eq!(losses.at_or_behind(whose, Offset(7)), Some(Offset(7)..Offset(9)));
        assert_eq!(losses.at_or_behind(whose, Offset(9)), None);
        let mut ever = losses.clone();
        ever.merge(&losses);
        assert_eq!(ever, losses, "what is known is not counted twice");
    }
}
