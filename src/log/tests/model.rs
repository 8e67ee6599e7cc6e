//! The storage against a small model, with crashes anywhere.
//!
//! The model keeps a log's whole state after each of its entries. After any crash the log must be in the
//! state after some entry that is at least the last acknowledged one. Flushes stay under way while other things happen.
use std::collections::BTreeMap;

use proptest::prelude::*;

use super::node::{Node, batch, small_options};
use crate::io::RngStream;
use crate::log::producers::{ProducerLimits, Producers};
use crate::log::testing::{TestDisk, TestFault, TestRandom, cases};
use crate::log::*;
use crate::raft::{self, ReplicaKey, VoterSet};
use crate::types::{LeaderEpoch, NodeId, Offset, ProducerEpoch, ProducerId, Timestamp, Uuid};
use crate::wire::batch::{BatchBuilder, BatchOptions, NewRecord, ProducerStamp};

/// How far a flush has come that is not told at once.
enum Flushing {
    Taken(FlushWork),
    Done(Result<FlushDone, FlushFailed>),
}

#[derive(Clone, Default, PartialEq, Eq)]
struct State {
    batches: Vec<(i64, i64, Vec<u8>)>,
    log_start: i64,
    log_end: i64,
    epochs: Vec<(i32, i64)>,
    vote: Option<(i32, Option<(i32, u8)>)>,
    directory: Option<u8>,
    /// Epoch and end of the position after each set, and its nodes.
    voters: Vec<(i32, i64, Vec<i32>)>,
    /// Ids, as a reset brought them: batches have none here.
    producers: Vec<i64>,
}

/// What may be true of one partition: by log id, the states after its entries.
#[derive(Default)]
struct Model {
    states: BTreeMap<u64, Vec<State>>,
    /// The log that exists for sure, and its last acknowledged entry.
    present: Option<(u64, u64)>,
    /// A deletion or creation was begun and not acknowledged.
    unsure: bool,
    high_watermark: i64,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let batches: Vec<String> = self
            .batches
            .iter()
            .map(|(base, next, bytes)| format!("{base}..{next} epoch {} {} bytes", bytes[15], bytes.len()))
            .collect();
        let State { log_start, log_end, epochs, vote, directory, voters, producers, .. } = self;
        write!(
            f,
            "{log_start}..{log_end} {batches:?} {epochs:?} {vote:?} {directory:?} {voters:?} {producers:?}"
        )
    }
}

impl State {
    fn of(log: &PartitionLog, contents: &[u8]) -> State {
        let mut batches = Vec::new();
        let mut rest = contents;
        while !rest.is_empty() {
            let header = crate::wire::batch::BatchHeader::parse(rest).unwrap();
            let (one, more) = rest.split_at(header.total_bytes().unwrap());
            batches.push((header.base_offset.0, header.next_offset().0, one.to_vec()));
            rest = more;
        }
        let nodes = |set: &VoterSet| set.keys().iter().map(|key| key.node.0).collect();
        State {
            batches,
            directory: log.directory().map(|id| id.0[0]),
            voters: log.voters().iter().map(|(at, set)| (at.epoch.0, at.end.0, nodes(set))).collect(),
            producers: log.producers().iter().map(|(id, _)| id.0).collect(),
            log_start: log.log_start().0,
            log_end: log.log_end().0,
            epochs: log.epochs().entries().iter().map(|entry| (entry.epoch.0, entry.start.0)).collect(),
            vote: log
                .vote()
                .map(|vote| (vote.epoch.0, vote.candidate.map(|key| (key.node.0, key.directory.0[0])))),
        }
    }

    /// What a reader sees of it.
    fn visible(&self) -> State {
        let mut visible = self.clone();
        visible.batches.retain(|batch| batch.1 > self.log_start);
        visible
    }

    fn assign(&mut self, epoch: i32, start: i64) {
        if self.epochs.last().is_none_or(|last| last.0 < epoch) {
            self.epochs.push((epoch, start));
        }
    }

    fn truncate(&mut self, end: i64, last_epoch: i32) {
        // A batch goes as a whole.
        let end = self.batches.iter().find(|batch| batch.1 > end).map_or(end, |batch| end.min(batch.0));
        self.batches.retain(|batch| batch.0 < end);
        self.log_end = end.min(self.log_end);
        let log_end = self.log_end;
        self.voters.retain(|set| set.0 <= last_epoch && set.1 <= log_end);
        self.epochs.retain(|epoch| epoch.0 <= last_epoch && epoch.1 <= log_end);
    }

    fn advance(&mut self, start: i64) {
        self.log_start = start;
        // The epoch of the last record that is gone stays in front.
        let after = self.epochs.partition_point(|epoch| epoch.1 < start);
        if after > 0 {
            self.epochs.drain(..after - 1);
            self.epochs[0].1 = start;
        }
        let followed = self.voters.partition_point(|set| set.1 <= start).saturating_sub(1);
        self.voters.drain(..followed);
    }

    fn append(&mut self, batch: &crate::wire::batch::RecordBatch) {
        let header = batch.header();
        let (base, next) = (header.base_offset.0, header.next_offset().0);
        self.assign(header.partition_leader_epoch.0, base);
        self.batches.push((base, next, batch.to_bytes().to_vec()));
        self.log_end = next;
    }

    fn last_epoch(&self) -> i32 {
        self.epochs.last().map_or(0, |last| last.0)
    }

    fn reset(&mut self, epoch: i32, end: i64, nodes: i32, producers: &[i64]) {
        self.batches.clear();
        (self.log_start, self.log_end) = (end, end);
        self.epochs = vec![(epoch, end)];
        self.voters = vec![(epoch, end, (1..=nodes).collect())];
        self.producers = producers.to_vec();
    }
}

fn voter_set(nodes: i32) -> VoterSet {
    VoterSet::of((1..=nodes).map(|node| ReplicaKey { node: NodeId(node), directory: Uuid([9; 16]) })).unwrap()
}

/// A producer state of the offset `end`, which must not be 0, with one producer.
fn producer_state(id: i64, end: i64) -> bytes::Bytes {
    let limits = ProducerLimits { producers_max: 10, expiration_ms: 1 };
    let mut producers = Producers::new(limits, Offset(end - 1));
    let stamp = ProducerStamp { id: ProducerId(id), epoch: ProducerEpoch(0), base_sequence: 0 };
    let mut builder = BatchBuilder::new(BatchOptions { producer: stamp, ..BatchOptions::plain(1000) });
    let record = NewRecord { timestamp: Timestamp(0), key: None, value: None, headers: &[] };
    builder.append(record).unwrap();
    let batch = builder.build().into_batch().placed_at(Offset(end - 1), LeaderEpoch(0));
    producers.replay(&batch).unwrap();
    producers.snapshot()
}

struct Run {
    disk: TestDisk,
    node: Option<Node>,
    models: BTreeMap<i32, Model>,
    /// Flushes under way, by partition.
    flushing: BTreeMap<i32, Flushing>,
    random: TestRandom,
    /// Batches of some blocks, written once.
    large: bool,
}

impl Run {
    fn new(seed: u64, large: bool) -> Run {
        Run {
            large,
            disk: TestDisk::new(),
            node: None,
            models: BTreeMap::new(),
            flushing: BTreeMap::new(),
            random: TestRandom(seed),
        }
    }

    fn open(&mut self) {
        let opened = match self.large {
            true => Node::open_large(&self.disk),
            false => Node::open_with(&self.disk, small_options()),
        };
        match opened {
            Ok(node) => {
                self.node = Some(node);
                self.check_recovered();
            }
            Err(error) => {
                assert!(self.disk.has_crashed(), "refused without a crash: {error}");
                self.crash();
            }
        }
    }

    fn crash(&mut self) {
        self.flushing.clear();
        if let Some(node) = self.node.take() {
            node.runtime.kill();
        }
        self.disk = if self.random.below(3) == 0 {
            self.disk.restart()
        } else {
            self.disk.lose_power(&mut self.random)
        };
        self.disk.heal();
        for model in self.models.values_mut() {
            model.high_watermark = 0;
        }
    }

    fn check_recovered(&mut self) {
        let node = self.node.as_ref().unwrap();
        assert!(node.report.damaged.is_empty(), "{:?}", node.report.damaged);
        for (index, model) in &mut self.models {
            let Some(log) = node.logs.get(index) else {
                assert!(model.present.is_none() || model.unsure, "log {index} is gone");
                *model = Model::default();
                continue;
            };
            log.assert_invariants();
            let contents = match node.contents(*index) {
                Ok(contents) => contents,
                Err(_) if self.disk.has_crashed() => continue,
                Err(error) => panic!("{error}"),
            };
            let number = log.number().0;
            let id = log.key().id.0;
            if let Some((present, acknowledged)) = model.present {
                if present == id {
                    assert!(number >= acknowledged, "log {index}: {number} of {acknowledged} entries");
                } else {
                    assert!(model.unsure, "log {index} is another");
                }
            }
            let states = model.states.entry(id).or_insert_with(|| vec![State::default()]);
            let expected = states.get(number as usize - 1);
            let expected = expected.unwrap_or_else(|| panic!("log {index} has {number} entries"));
            assert_eq!(State::of(log, &contents), expected.visible(), "log {index} after entry {number}");
            states.truncate(number as usize);
            model.present = Some((id, number));
            model.unsure = false;
            model.high_watermark = log.high_watermark().0;
        }
    }

    /// One entry made, modelled, and perhaps acknowledged. False if the node is down.
    fn change(&mut self, index: i32, make: impl FnOnce(&mut Node, &mut State, &mut Model) -> Option<Entry>) {
        let node = self.node.as_mut().unwrap();
        let model = self.models.entry(index).or_default();
        let Some((id, _)) = model.present else { return };
        let mut state = model.states[&id].last().unwrap().clone();
        let Some(entry) = make(node, &mut state, model) else { return };
        let states = model.states.get_mut(&id).unwrap();
        states.push(state);
        assert_eq!(states.len() as u64, entry.number.0);
        let number = entry.number.0;
        if node.commit(index, vec![entry]).is_ok() {
            model.present = Some((id, number));
        }
    }

    /// Takes a flush, runs the one that was taken, or tells of the one that was run.
    fn flush_on(&mut self, index: i32) {
        let node = self.node.as_mut().unwrap();
        match self.flushing.remove(&index) {
            None => {
                let now = node.runtime.clock().wall();
                let work = node.log(index).take_flush(now);
                self.flushing.extend(work.map(|work| (index, Flushing::Taken(work))));
            }
            Some(Flushing::Taken(work)) => {
                let mut outcomes = node.runtime.block_on(node.storage.flush(vec![work]));
                self.flushing.insert(index, Flushing::Done(outcomes.remove(0)));
            }
            Some(Flushing::Done(Ok(done))) => node.log(index).flushed(&done),
            Some(Flushing::Done(Err(failed))) => node.log(index).flush_failed(failed),
        }
    }

    /// Writes to the journal anew what is in no segment, in one append, or in two with a checkpoint between them.
    fn carry_over(&mut self, index: i32, at_once: bool) {
        let node = self.node.as_mut().unwrap();
        let model = self.models.get_mut(&index).unwrap();
        let Some((id, _)) = model.present else { return };
        let position = node.position();
        let log = node.log(index);
        if log.holds_journal_from().is_none() {
            return;
        }
        let mut entries = log.carry_over(position);
        let states = model.states.get_mut(&id).unwrap();
        let same = states.last().unwrap().clone();
        states.extend(entries.iter().map(|_| same.clone()));
        let rest = entries.split_off(if at_once { entries.len() } else { entries.len().div_ceil(2) });
        for part in [entries, rest] {
            let Some(last) = part.last().map(|entry| entry.number.0) else { continue };
            if node.commit(index, part).is_ok() {
                model.present = Some((id, last));
            }
            if !at_once {
                let _ = node.checkpoint();
            }
        }
    }

    /// A full journal would wait for ever. Nothing has to be committed for it to have room again. Without power it gets none, and does not
    /// notice that before it has some.
    fn relieve(&mut self) {
        while let Some((&index, _)) = self.flushing.first_key_value() {
            self.flush_on(index);
        }
        let indices: Vec<i32> = self.node.as_ref().unwrap().logs.keys().copied().collect();
        // What was written anew before has to count first.
        for _ in 0..2 {
            for &index in &indices {
                if self.disk.has_crashed() {
                    return;
                }
                self.carry_over(index, true);
            }
            let _ = self.node.as_mut().unwrap().checkpoint();
        }
        let node = self.node.as_mut().unwrap();
        let _ = node.checkpoint();
        let live = node.storage.journal().statistics().files_live;
        assert!(live <= 2 || self.disk.has_crashed(), "{live} files are held");
    }

    fn step(&mut self, op: u8, index: i32, amount: u8) {
        let node = self.node.as_mut().unwrap();
        let model = self.models.entry(index).or_default();
        if model.present.is_none() {
            model.unsure = true;
            if node.create(index).is_ok() {
                let id = node.log(index).key().id.0;
                model.present = Some((id, 1));
                model.states.insert(id, vec![State::default()]);
                model.unsure = false;
            }
            return;
        }
        match op {
            0..=5 => self.change(index, |node, state, _| {
                let (records, padding) = (1 + i32::from(amount % 4), usize::from(amount) * 4);
                // A compacted leader's batches have gaps between them.
                let base = state.log_end + if amount.is_multiple_of(8) { 3 } else { 0 };
                let new = batch(base, records, state.last_epoch(), 1_000, padding);
                state.append(&new);
                let position = node.position();
                Some(node.log(index).append(new, position).unwrap())
            }),
            6 => self.change(index, |node, state, _| {
                let epoch = state.last_epoch() + 1;
                state.log_end += i64::from(amount % 3) * 7;
                state.assign(epoch, state.log_end);
                let (epoch, start, position) = (LeaderEpoch(epoch), Offset(state.log_end), node.position());
                Some(node.log(index).start_epoch_at(epoch, start, position).unwrap())
            }),
            20 => self.change(index, |node, state, _| {
                let nodes = 1 + i32::from(amount % 3);
                let epoch = LeaderEpoch(state.last_epoch());
                let new = voters::batch(&voter_set(nodes), Offset(state.log_end), epoch, Timestamp(1_000));
                state.append(&new);
                state.voters.push((epoch.0, state.log_end, (1..=nodes).collect()));
                let position = node.position();
                Some(node.log(index).append(new, position).unwrap())
            }),
            21 => self.change(index, |node, state, _| {
                // Zero is no id: a checkpoint writes it where a log has none of its own.
                let id = amount.max(1);
                state.directory = Some(id);
                let position = node.position();
                Some(node.log(index).renew_directory(Uuid([id; 16]), position))
            }),
            22 | 23 => self.change(index, |node, state, model| {
                let end = model.high_watermark + i64::from(amount % 32);
                let (epoch, nodes) = (state.last_epoch() + i32::from(amount % 2), 1 + i32::from(amount % 3));
                let ids: &[i64] = if end > 0 && amount.is_multiple_of(4) { &[7] } else { &[] };
                let producers = ids.first().map_or_else(bytes::Bytes::new, |&id| producer_state(id, end));
                state.reset(epoch, end, nodes, ids);
                model.high_watermark = end;
                let to = raft::Position { epoch: LeaderEpoch(epoch), end: Offset(end) };
                let position = node.position();
                let entry = node.log(index).reset(to, voter_set(nodes), producers, position).unwrap();
                if amount > 200 {
                    // A checkpoint while the reset is not durable.
                    let _ = node.checkpoint();
                }
                Some(entry)
            }),
            // What is taken back later has other places from then on.
            30..=33 => self.change(index, |node, state, _| {
                let padding = 8_000 + usize::from(amount) * 100;
                let new = batch(state.log_end, 2, state.last_epoch(), 1_000, padding);
                state.append(&new);
                let (position, now) = (node.position(), node.runtime.clock().wall());
                Some(node.log(index).append_placing(new, position, now).unwrap())
            }),
            34 => {
                // No room for segments: it goes to the journal as a whole.
                let refused = TestFault::RefuseWrites(".log".to_owned());
                self.disk.inject(refused.clone());
                self.step(30, index, amount);
                self.disk.forgive(&refused);
            }
            35 => {
                // A flush's: that of blocks alone would end the journal.
                let failed = TestFault::FailSync(".log".to_owned());
                self.disk.inject(failed.clone());
                self.flush_on(index);
                self.disk.forgive(&failed);
            }
            24..=26 => self.flush_on(index),
            7 => self.change(index, |node, state, _| {
                let key = ReplicaKey { node: NodeId(i32::from(amount)), directory: Uuid([amount; 16]) };
                let candidate = amount.is_multiple_of(2).then_some(key);
                state.vote = Some((i32::from(amount), candidate.map(|_| (i32::from(amount), amount))));
                let position = node.position();
                let vote = Vote { epoch: LeaderEpoch(i32::from(amount)), candidate };
                Some(node.log(index).record_vote(vote, position))
            }),
            8 => self.change(index, |node, state, model| {
                let cut =
                    model.high_watermark + i64::from(amount) * (state.log_end - model.high_watermark) / 256;
                let last_epoch = state.epochs.iter().rev().find(|e| e.1 <= cut).map_or(0, |e| e.0);
                state.truncate(cut, last_epoch);
                let position = node.position();
                let cut =
                    node.log(index).truncate_to(Offset(cut), LeaderEpoch(last_epoch), position).unwrap();
                if amount.is_multiple_of(3) {
                    // A checkpoint while the truncation is not durable.
                    let _ = node.checkpoint();
                }
                Some(cut)
            }),
            27 | 28 => self.carry_over(index, amount.is_multiple_of(2)),
            9 => self.change(index, |node, state, model| {
                let span = model.high_watermark - state.log_start;
                let start = state.log_start + span * i64::from(amount) / 255;
                let position = node.position();
                let entry = node.log(index).advance_log_start(Offset(start), position).unwrap()?;
                state.advance(start);
                Some(entry)
            }),
            10..=12 => {
                let (id, acknowledged) = model.present.unwrap();
                // Commit what is acknowledged, or a part of it.
                let end = model.states[&id][acknowledged as usize - 1].log_end;
                let log = node.log(index);
                if log.number().0 == acknowledged && end > model.high_watermark {
                    let part = model.states[&id].last().unwrap().batches.iter();
                    let upto = part.map(|batch| batch.1).find(|&next| next > model.high_watermark);
                    let end = if amount.is_multiple_of(2) { end } else { upto.unwrap_or(end) };
                    log.set_high_watermark(Offset(end));
                    model.high_watermark = end;
                }
            }
            13 => {
                node.flush();
            }
            14 | 15 => {
                let _ = node.checkpoint();
            }
            16 => node.log(index).release_tail(),
            17 if amount < 40 => {
                let log = node.logs.remove(&index).unwrap();
                model.unsure = true;
                self.flushing.remove(&index);
                if node.runtime.block_on(node.storage.delete_log(log)).is_ok() {
                    *model = Model::default();
                }
            }
            _ => {
                let contents = node.contents(index);
                if !self.disk.has_crashed() {
                    let (id, _) = model.present.unwrap();
                    let expected = model.states[&id].last().unwrap().visible();
                    assert_eq!(State::of(&node.logs[&index], &contents.unwrap()), expected);
                    node.logs[&index].assert_invariants();
                }
            }
        }
    }
}

fn run(seed: u64, steps: &[(u8, u8, u8)], crash_every: u64, large: bool) {
    #[cfg(all(feature = "simulation", debug_assertions))]
    mistakes::make_what_is_asked();
    let mut run = Run::new(seed, large);
    for &(op, index, amount) in steps {
        while run.node.is_none() {
            let at = 1 + run.random.below(crash_every);
            run.disk.inject(TestFault::CrashAt(at));
            run.open();
        }
        let statistics = run.node.as_ref().unwrap().storage.journal().statistics();
        if statistics.files_live + 1 >= statistics.files_total {
            run.relieve();
            if run.disk.has_crashed() {
                run.crash();
                continue;
            }
        }
        run.step(op, i32::from(index % 3), amount);
        if run.disk.has_crashed() {
            run.crash();
        }
    }
    run.crash();
    run.open();
    assert!(run.node.is_some(), "without faults the node opens");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(150)))]

    #[test]
    fn whatever_happens_a_log_is_in_the_state_after_one_of_its_entries(
        seed in any::<u64>(),
        crash_every in prop_oneof![Just(30_u64), Just(120), Just(600)],
        steps in prop::collection::vec((0..30_u8, 0..3_u8, any::<u8>()), 1..120),
    ) {
        run(seed, &steps, crash_every, false);
    }

    #[test]
    fn the_same_where_large_batches_are_written_once(
        seed in any::<u64>(),
        crash_every in prop_oneof![Just(30_u64), Just(120), Just(600)],
        steps in prop::collection::vec((0..36_u8, 0..2_u8, any::<u8>()), 1..120),
    ) {
        run(seed, &steps, crash_every, true);
    }
}

#[test]
fn crashes_at_every_change_of_one_history() {
    // Appends, flushes, a checkpoint, retention, a truncation, another checkpoint; a voter set and a renewal; a flush
    // taken, a reset, and the flush run and told; another reset beside a checkpoint.
    let steps: Vec<(u8, u8, u8)> = [
        0, 0, 6, 0, 10, 13, 0, 0, 10, 14, 0, 9, 14, 0, 6, 20, 0, 8, 0, 21, 10, 14, 0, 0, 10, 24, 22, 24, 0,
        20, 24, 10, 13, 14, 22, 14, 0, 10, 14, 17, 0, 0, 14,
    ]
    .iter()
    .map(|&op| (op, 0, 30 * (op % 3) + 7))
    .collect();
    for at in 1..260 {
        let mut run = Run::new(at, false);
        run.disk.inject(TestFault::CrashAt(at));
        for &(op, index, amount) in &steps {
            while run.node.is_none() {
                run.open();
            }
            run.step(op, i32::from(index), amount);
            if run.disk.has_crashed() {
                run.crash();
            }
        }
        run.crash();
        run.open();
        assert!(run.node.is_some());
    }
}

/// A batch whose place is gone was taken back, and stands between others that a start still wants from the journal.
#[test]
fn a_start_needs_no_place_of_what_was_taken_back() {
    let steps = [
        (0, 0, 0),
        (30, 0, 0),
        (10, 0, 0),
        (24, 0, 0),
        (24, 0, 0),
        (0, 0, 0),
        (0, 0, 0),
        (0, 0, 0),
        (24, 0, 0),
        (14, 0, 0),
        (0, 0, 0),
        (30, 0, 2),
        (10, 0, 31),
        (9, 0, 85),
        (8, 0, 74),
        (14, 0, 0),
    ];
    run(1, &steps, 1_000_000, true);
}

/// That the model bites, and a test beside it: planted mistakes which they find. Each in a process of its own, for a process makes one
/// mistake.
#[cfg(all(feature = "simulation", debug_assertions))]
pub(super) mod mistakes {
    use std::process::Command;

    use crate::probe::{Mutant, arm};

    /// `tests/probe_docs.rs` reads these names.
    const FOUND_BY_THE_MODEL: [&str; 5] = [
        "name-placed-before-written",
        "name-placed-after-failure",
        "flush-ignores-failed-places",
        "place-in-unnamed-segment",
        "cut-places-at-start",
    ];
    /// Each with its test, which asks what it is to make. `tests/probe_docs.rs` reads these names, too.
    const FOUND_BY_A_TEST: [(&str, &str); 4] = [
        (
            "keep-last-closed-segment",
            "log::tests::placing::a_start_keeps_the_closed_segment_that_the_journal_names",
        ),
        (
            "compaction-drops-headers",
            "log::tests::compaction::records_that_stay_keep_their_headers_and_times",
        ),
        (
            "compaction-shifts-timestamps",
            "log::tests::compaction::records_that_stay_keep_their_headers_and_times",
        ),
        ("journal-not-settled", "log::tests::faults::what_a_start_found_in_the_page_cache_is_durable"),
    ];
    const ASKED: &str = "ORDAIN_TEST_MUTANT";

    pub(in crate::log::tests) fn make_what_is_asked() {
        if let Ok(name) = std::env::var(ASKED) {
            arm(Mutant::named(&name).expect("a mistake of that name"));
        }
    }

    /// A test that makes a mistake, if it asks for one.
    fn mistaken(test: &str, name: &str) -> Command {
        let mut mistaken = Command::new(std::env::current_exe().unwrap());
        mistaken.args([test, "--exact"]).env(ASKED, name);
        mistaken
    }

    #[test]
    fn each_is_found() {
        let test = "log::tests::model::the_same_where_large_batches_are_written_once";
        for name in FOUND_BY_THE_MODEL {
            let mut model = mistaken(test, name);
            model.env("PROPTEST_CASES", "4000");
            model.env("PROPTEST_RNG_SEED", "1").env("PROPTEST_MAX_SHRINK_ITERS", "0");
            let outcome = model.env("PROPTEST_DISABLE_FAILURE_PERSISTENCE", "1").output().unwrap();
            let said = String::from_utf8_lossy(&outcome.stdout);
            assert!(
                said.contains("Test failed: ") && !outcome.status.success(),
                "{name} is not found: {said}"
            );
        }
    }

    #[test]
    fn each_is_found_by_its_test() {
        for (name, test) in FOUND_BY_A_TEST {
            let outcome = mistaken(test, name).output().unwrap();
            let said = String::from_utf8_lossy(&outcome.stdout);
            assert!(
                said.contains(&format!("{test} ... FAILED")) && !outcome.status.success(),
                "{name} is not found: {said}"
            );
        }
    }
}
