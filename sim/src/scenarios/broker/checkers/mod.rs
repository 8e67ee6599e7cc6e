//! What must hold of a run's history. Each checker is a function that says the first thing it finds wrong.
use super::history::Events;
use crate::scenarios::Violation;

mod committed;
mod producers;
mod reads;
mod records;

/// Everything that must hold of a complete history.
///
/// # Errors
/// The first thing that does not hold.
pub(super) fn check(events: &Events) -> Result<(), Violation> {
    use Violation as V;
    if let Some(wrong) = events.wrongs.first() {
        return Err(V::new("client-saw-wrong", wrong.as_str()));
    }
    let values = records::one_value_per_offset(events).map_err(V::by("I2-two-values"))?;
    reads::polls_are_contiguous(events).map_err(V::by("I8-polls-not-contiguous"))?;
    reads::high_watermarks_stay(events).map_err(V::by("high-watermark-went-back"))?;
    records::only_what_was_sent(events, &values).map_err(V::by("invented-record"))?;
    records::nothing_acknowledged_is_lost(events, &values).map_err(V::by("I1-lost-record"))?;
    producers::idempotent_records_are_once_and_in_order(events, &values)
        .map_err(V::by("I3-duplicate-or-disorder"))?;
    producers::acknowledged_records_are_in_order(events).map_err(V::by("I9-order-not-kept"))?;
    committed::commits_stay(events).map_err(V::by("commit-lost"))
}

/// Histories for the checkers' tests.
#[cfg(test)]
pub(super) mod testing {
    use ordain::client::TopicPartition;
    use ordain::types::Offset;

    use super::super::history::{Events, Extent, Fate, Mode, Read, Reader, RecordId, Sent};
    use crate::scenarios::Violation;
    use crate::time::SimTime;

    pub(in crate::scenarios::broker) fn at() -> TopicPartition {
        TopicPartition::new("events", 0)
    }

    pub(in crate::scenarios::broker) fn id(number: u32) -> RecordId {
        RecordId { producer: 1, session: 1, number }
    }

    /// Records 1, 2 … were sent and acknowledged at these offsets, and all of `log` was read at the end.
    pub(in crate::scenarios::broker) fn events(acknowledged: &[i64], log: &[u32]) -> Events {
        let mut events = Events::default();
        for (number, offset) in (1..).zip(acknowledged) {
            let fate = Fate::Acknowledged(Some(Offset(*offset)));
            events.sent.insert(id(number), Sent { at: at(), mode: Mode::Idempotent, fate });
        }
        let end = Offset(i64::try_from(log.len()).unwrap());
        events.extents.insert(at(), Extent { start: Offset(0), end });
        events.reads.push(read(1, 0, log));
        events
    }

    /// A fetch that began at `from` and brought these records.
    pub(in crate::scenarios::broker) fn read(session: u32, from: i64, log: &[u32]) -> Read {
        let next = Offset(from + i64::try_from(log.len()).unwrap());
        Read {
            reader: Reader { reader: 1, session },
            time: SimTime(0),
            at: at(),
            from: Offset(from),
            next,
            high_watermark: next,
            log_start: Offset(0),
            records: (from..).map(Offset).zip(log.iter().map(|number| Some(id(*number)))).collect(),
        }
    }

    #[test]
    fn a_good_history_is_good() {
        assert_eq!(super::check(&events(&[0, 1, 2], &[1, 2, 3])), Ok(()));
        let mut wrong = events(&[0], &[1]);
        wrong.wrongs.push("x".to_owned());
        assert_eq!(super::check(&wrong), Err(Violation::new("client-saw-wrong", "x")));
    }
}
