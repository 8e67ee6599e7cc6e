//! What must hold of a run's history. Each checker is a function that says the first thing it finds wrong.
use super::history::{Events, Waited};
use super::judge::FIRST_LOOK;
use super::plan::RETENTION_BYTES;
use crate::scenarios::Violation;
use crate::time::SimTime;

mod bounds;
mod committed;
mod compacted;
mod delivery;
mod generations;
mod offsets;
mod order;
mod producer_ids;
mod producers;
mod reads;
mod records;
mod replayed;
mod retention;
mod sequences;
mod served;
mod step;
mod synced;
mod tombstones;
mod topics;
mod waits;

pub(in crate::scenarios) use replayed::{end_of, producers_of};
pub(in crate::scenarios) use step::Step;

/// Whether a fetch waited as it must.
///
/// # Errors
/// If it did not.
pub(in crate::scenarios) fn waited(waited: &Waited) -> Result<(), Violation> {
    waits::one_waits(waited).map_err(Violation::by("I12-fetch-answered-early"))
}

/// Whether every error of the storage has a cause.
///
/// # Errors
/// If one has none.
pub(in crate::scenarios) fn storage_errors_have_a_cause(events: &Events) -> Result<(), Violation> {
    served::storage_errors_have_a_cause(events).map_err(Violation::by("I14-storage-error-without-cause"))
}

/// Everything that must hold of a complete history; what holds at each event was held against it there (`step`).
///
/// # Errors
/// The first thing that does not hold.
pub(in crate::scenarios) fn check(events: &Events, now: SimTime) -> Result<(), Violation> {
    use Violation as V;
    let values = check_values_so_far(events, now)?;
    reads::high_watermarks_stay(events).map_err(V::by("I10-high-watermark-went-back"))?;
    records::nothing_is_deleted_unasked(events).map_err(V::by("I13-begins-too-late"))?;
    records::deletions_stay(events, now).map_err(V::by("I13-deletion-undone"))?;
    records::nothing_acknowledged_is_lost(events).map_err(V::by("I1-lost-record"))?;
    sequences::sequences_have_no_gap(events, FIRST_LOOK).map_err(V::by("I3-gap"))?;
    compacted::the_last_value_of_each_key_stays(events, &values).map_err(V::by("I21-last-value-lost"))?;
    retention::retention_leaves_its_size(events, RETENTION_BYTES, FIRST_LOOK)
        .map_err(V::by("I13-retention-took-too-much"))?;
    replayed::answers_survive_a_restart(events).map_err(V::by("I11-answers-changed"))
}

/// What must hold of a history at any time, also of one that came to a stand-still.
///
/// # Errors
/// The first thing that does not hold.
pub(in crate::scenarios) fn check_so_far(events: &Events, now: SimTime) -> Result<(), Violation> {
    check_values_so_far(events, now).map(drop)
}

/// As [`check_so_far`]; what was read at each offset.
fn check_values_so_far(events: &Events, now: SimTime) -> Result<records::Values, Violation> {
    use Violation as V;
    if let Some(wrong) = events.wrongs.first() {
        return Err(wrong.clone());
    }
    let values = records::one_value_per_offset(events).map_err(V::by("I2-inconsistent-offsets"))?;
    records::only_what_was_sent(events, &values).map_err(V::by("I2-invented-record"))?;
    producers::idempotent_records_are_once_and_in_order(events, &values).map_err(V::by("I3-duplicate"))?;
    producers::acknowledged_records_are_in_order(events).map_err(V::by("I9-nonmonotonic-send"))?;
    producers::repeated_batches_are_known(events).map_err(V::by("I3-repetition-refused"))?;
    tombstones::tombstones_stay(events).map_err(V::by("I21-tombstone-gone-early"))?;
    storage_errors_have_a_cause(events)?;
    events.waits.iter().try_for_each(waited)?;
    generations::generations_are_given_once(events).map_err(V::by("I11-generation-twice"))?;
    producer_ids::producer_ids_are_given_once(events).map_err(V::by("I11-producer-id-twice"))?;
    offsets::listed_offsets_are_real(events).map_err(V::by("I10-offset-not-real"))?;
    synced::a_failed_sync_ends_all_promises(events, now)
        .map_err(V::by("I20-acknowledged-after-failed-sync"))?;
    topics::topics_are_what_was_made_of_them(events).map_err(V::by("I11-topics-not-as-made"))?;
    committed::commits_stay(events).map_err(V::by("I11-commit-lost"))?;
    Ok(values)
}

/// What is wrong with a complete history of which no more is known than what its clients wrote down: one finding of each
/// checker at most. What holds at each event was held against it there (`step`).
pub(in crate::scenarios) fn findings(events: &Events) -> Vec<Violation> {
    use Violation as V;
    let values = match records::one_value_per_offset(events) {
        Ok(values) => values,
        Err(text) => return vec![V::new("I2-inconsistent-offsets", text)],
    };
    let held = [
        records::nothing_acknowledged_is_lost(events).map_err(V::by("I1-lost-record")),
        records::only_what_was_sent(events, &values).map_err(V::by("I2-invented-record")),
        producers::idempotent_records_are_once_and_in_order(events, &values).map_err(V::by("I3-duplicate")),
        producers::repeated_batches_are_known(events).map_err(V::by("I3-repetition-refused")),
        producers::acknowledged_records_are_in_order(events).map_err(V::by("I9-nonmonotonic-send")),
        offsets::listed_offsets_are_real(events).map_err(V::by("I10-offset-not-real")),
        committed::commits_stay(events).map_err(V::by("I11-commit-lost")),
        generations::generations_are_given_once(events).map_err(V::by("I11-generation-twice")),
        producer_ids::producer_ids_are_given_once(events).map_err(V::by("I11-producer-id-twice")),
        records::nothing_is_deleted_unasked(events).map_err(V::by("I13-begins-too-late")),
    ];
    held.into_iter().filter_map(Result::err).collect()
}

/// Histories for the checkers' tests.
#[cfg(test)]
pub(in crate::scenarios) mod testing {
    use ordain::client::TopicPartition;
    use ordain::types::Offset;

    use super::super::history::{Content, Events, Extent, Fate, JUDGE, Mode, Read, Reader, RecordId, Sent};
    use crate::scenarios::Violation;
    use crate::time::SimTime;

    pub(in crate::scenarios) fn at() -> TopicPartition {
        TopicPartition::new("events", 0)
    }

    pub(in crate::scenarios) fn id(number: u32) -> RecordId {
        RecordId { producer: 1, session: 1, number }
    }

    /// Records 1, 2 … were sent and acknowledged at these offsets, and all of `log` was read at the end.
    pub(in crate::scenarios) fn events(acknowledged: &[i64], log: &[u32]) -> Events {
        let mut events = Events::default();
        for (number, offset) in (1..).zip(acknowledged) {
            let fate = Fate::Acknowledged(Some(Offset(*offset)));
            let (began, ended) = (SimTime(0), SimTime(0));
            let (mode, content) = (Mode::Idempotent, Content::Value);
            let sent = Sent { at: at(), mode, key: None, content, fate, began, ended };
            events.sent.insert(id(number), sent);
        }
        let end = Offset(i64::try_from(log.len()).unwrap());
        events.extents.insert(at(), Extent { start: Offset(0), end });
        events.reads.push(read(1, 0, log));
        events
    }

    /// The same, all of which the judge has read.
    pub(in crate::scenarios) fn by_judge(mut events: Events) -> Events {
        events.reads.iter_mut().for_each(|read| read.reader.reader = JUDGE);
        events
    }

    /// A fetch that began at `from` and brought these records.
    pub(in crate::scenarios) fn read(session: u32, from: i64, log: &[u32]) -> Read {
        let next = Offset(from + i64::try_from(log.len()).unwrap());
        Read {
            reader: Reader { reader: 1, session },
            time: SimTime(0),
            at: at(),
            from: Offset(from),
            next,
            high_watermark: next,
            log_start: Offset(0),
            led: None,
            records: (from..).map(Offset).zip(log.iter().map(|number| Some(id(*number)))).collect(),
            times: vec![0; log.len()],
            carried: Vec::new(),
            controls: Vec::new(),
            first_batch: None,
            batches: Vec::new(),
            bytes: 0,
        }
    }

    #[test]
    fn a_good_history_is_good() {
        assert_eq!(super::check(&by_judge(events(&[0, 1, 2], &[1, 2, 3])), SimTime(9)), Ok(()));
        let mut wrong = events(&[0], &[1]);
        wrong.wrongs.push(Violation::new("I14-unreadable", "x"));
        assert_eq!(super::check(&wrong, SimTime(9)), Err(Violation::new("I14-unreadable", "x")));
    }
}
