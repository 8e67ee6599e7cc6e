//! Producers: what an idempotent one sends stands there once and in order (I3); acknowledged records stand in
//! the order in which they were sent (I9).
use std::collections::BTreeMap;

use ordain::client::TopicPartition;
use ordain::types::{ErrorCode, Offset};

use super::records::Values;
use crate::scenarios::broker::history::{Events, Fate, Mode, RecordId};

pub(super) fn idempotent_records_are_once_and_in_order(
    events: &Events,
    values: &Values,
) -> Result<(), String> {
    for (at, values) in values {
        let mut last: BTreeMap<(u32, u32), (u32, Offset)> = BTreeMap::new();
        for (offset, id) in values.iter() {
            if events.sent.get(id).is_none_or(|sent| sent.mode != Mode::Idempotent) {
                continue;
            }
            let before = last.insert((id.producer, id.session), (id.number, offset));
            match before {
                Some((number, first)) if number == id.number => {
                    return Err(format!("{id} is twice in {at}: at {first} and at {offset}"));
                }
                Some((number, first)) if number > id.number => {
                    return Err(format!("{at} {first} is the producer's {number}, and {offset} is {id}"));
                }
                Some(_) | None => {}
            }
        }
    }
    Ok(())
}

/// Whether retried or not: of two records of one producer that it sent one after the other's end, or with
/// sequences, the earlier has the lower offset.
pub(super) fn acknowledged_records_are_in_order(events: &Events) -> Result<(), String> {
    let mut last: BTreeMap<(u32, u32, &TopicPartition), (u32, Offset)> = BTreeMap::new();
    for (id, sent) in &events.sent {
        let Fate::Acknowledged(Some(offset)) = sent.fate else { continue };
        let before = last.insert((id.producer, id.session, &sent.at), (id.number, offset));
        if let Some((number, earlier)) = before.filter(|(_, earlier)| *earlier >= offset) {
            return Err(format!(
                "{}: record {number} was acknowledged at {earlier}, and the later {id} at {offset}",
                sent.at
            ));
        }
    }
    Ok(())
}

/// A producer that sends its batches in order, with no more than five under way, is never told that a sequence does
/// not follow: what it repeats is among the five that are remembered, also behind a restart. Unless it had given up
/// an earlier record: then nobody can tell.
pub(super) fn repeated_batches_are_known(events: &Events) -> Result<(), String> {
    events.refused.iter().try_for_each(|(id, code)| a_repetition_is_known(events, *id, *code))
}

/// The same of one record that is refused.
pub(super) fn a_repetition_is_known(events: &Events, id: RecordId, code: ErrorCode) -> Result<(), String> {
    if code != ErrorCode::OutOfOrderSequenceNumber {
        return Ok(());
    }
    let Some(sent) = events.sent.get(&id) else { return Ok(()) };
    let first = RecordId { number: 0, ..id };
    let mut earlier = events.sent.range(first..id).filter(|(_, earlier)| earlier.at == sent.at);
    // A leader that knows nothing of a producer takes whatever of it comes first, as Kafka's does: of several batches
    // under way a later one, if the first was refused by a node that had not begun to lead.
    if events.several_nodes && earlier.clone().next().is_none() {
        return Ok(());
    }
    if earlier.all(|(_, earlier)| matches!(earlier.fate, Fate::Acknowledged(_))) {
        return Err(format!(
            "{id} in {} was refused with {code:?}, and all that its producer had sent before was acknowledged",
            sent.at
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::records::one_value_per_offset;
    use super::super::testing::{events, id};
    use super::*;

    #[test]
    fn duplicates_and_disorder_are_found() {
        let check = |log: &[u32]| {
            let events = events(&[0, 1, 2], log);
            idempotent_records_are_once_and_in_order(&events, &one_value_per_offset(&events).unwrap())
        };
        assert_eq!(check(&[1, 2, 3]), Ok(()));
        assert_eq!(check(&[1, 3]), Ok(()));
        assert!(check(&[1, 2, 2]).unwrap_err().contains("twice"));
        assert!(check(&[1, 3, 2]).unwrap_err().contains("the producer's 3"));
        assert!(check(&[1, 2, 1]).is_err(), "a duplicate further on");
    }

    #[test]
    fn a_repetition_that_is_not_known_is_found() {
        let mut history = events(&[0, 1, 2], &[1, 2, 3]);
        history.sent.get_mut(&id(3)).unwrap().fate = Fate::Unknown;
        assert_eq!(repeated_batches_are_known(&history), Ok(()));
        history.refused.insert(id(3), ErrorCode::RequestTimedOut);
        assert_eq!(repeated_batches_are_known(&history), Ok(()));
        history.refused.insert(id(3), ErrorCode::OutOfOrderSequenceNumber);
        assert!(repeated_batches_are_known(&history).unwrap_err().contains("was refused"));
        history.sent.get_mut(&id(1)).unwrap().fate = Fate::Unknown;
        assert_eq!(repeated_batches_are_known(&history), Ok(()), "it had given up the first");
        history.refused = std::collections::BTreeMap::from([(id(1), ErrorCode::OutOfOrderSequenceNumber)]);
        assert!(repeated_batches_are_known(&history).is_err(), "nothing came before");
        history.several_nodes = true;
        assert_eq!(repeated_batches_are_known(&history), Ok(()), "another leader had taken a later one");
    }

    #[test]
    fn acknowledgements_out_of_order_are_found() {
        assert_eq!(acknowledged_records_are_in_order(&events(&[0, 1, 5], &[])), Ok(()));
        assert!(acknowledged_records_are_in_order(&events(&[0, 5, 1], &[])).is_err());
        assert!(acknowledged_records_are_in_order(&events(&[0, 0], &[])).is_err());
    }
}
