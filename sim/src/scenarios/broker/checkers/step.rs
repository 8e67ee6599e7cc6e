//! What can be held against each event as it comes, so that a run ends where it went wrong: an offset has one value
//! for ever (I2), which is the one that was acknowledged there (I1, I10).
use std::collections::BTreeMap;

use ordain::client::TopicPartition;
use ordain::types::Offset;

use crate::scenarios::broker::history::{Read, RecordId};
use crate::scenarios::broker::offset_map::OffsetMap;

/// What is known so far.
#[derive(Default)]
pub(in crate::scenarios) struct Step {
    values: BTreeMap<TopicPartition, OffsetMap<RecordId>>,
}

impl Step {
    /// A fetch came.
    ///
    /// # Errors
    /// What it contradicts.
    pub(in crate::scenarios) fn read(&mut self, read: &Read) -> Result<(), String> {
        let known = of_partition(&mut self.values, &read.at);
        for (offset, id) in &read.records {
            let Some(id) = *id else {
                return Err(format!("{} {offset} at {}: a value that nobody wrote", read.at, read.time));
            };
            hold(known, &read.at, *offset, id)?;
        }
        Ok(())
    }

    /// A record was acknowledged, or read, at an offset.
    ///
    /// # Errors
    /// If another one was.
    pub(in crate::scenarios) fn holds(
        &mut self,
        at: &TopicPartition,
        offset: Offset,
        id: RecordId,
    ) -> Result<(), String> {
        hold(of_partition(&mut self.values, at), at, offset, id)
    }
}

fn of_partition<'a>(
    values: &'a mut BTreeMap<TopicPartition, OffsetMap<RecordId>>,
    at: &TopicPartition,
) -> &'a mut OffsetMap<RecordId> {
    if !values.contains_key(at) {
        values.insert(at.clone(), OffsetMap::default());
    }
    values.get_mut(at).expect("it was put there")
}

fn hold(
    known: &mut OffsetMap<RecordId>,
    at: &TopicPartition,
    offset: Offset,
    id: RecordId,
) -> Result<(), String> {
    match known.insert(offset, id) {
        Some(other) if other != id => Err(format!("{at} {offset} was {other}, and now it is {id}")),
        Some(_) | None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{at, id, read};
    use super::*;

    #[test]
    fn a_contradiction_is_found_at_once() {
        let mut step = Step::default();
        assert_eq!(step.read(&read(1, 0, &[1, 2])), Ok(()));
        assert_eq!(step.holds(&at(), Offset(1), id(2)), Ok(()));
        assert!(step.holds(&at(), Offset(1), id(3)).unwrap_err().contains("1 was 1/1/2"));
        let mut step = Step::default();
        assert_eq!(step.holds(&at(), Offset(0), id(2)), Ok(()));
        assert!(step.read(&read(1, 0, &[1])).is_err(), "acknowledged there was another");
        let mut torn = read(1, 5, &[1]);
        torn.records[0].1 = None;
        assert!(step.read(&torn).unwrap_err().contains("nobody wrote"));
    }
}
