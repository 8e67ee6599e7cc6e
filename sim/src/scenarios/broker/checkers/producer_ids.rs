//! I3, I11: a producer id is given to one producer, for ever (seen broken in Redpanda #5356: ids came again after a
//! snapshot).
use std::collections::BTreeSet;

use crate::scenarios::broker::history::Events;

pub(super) fn producer_ids_are_given_once(events: &Events) -> Result<(), String> {
    let mut given = Given::default();
    events.producer_ids.iter().try_for_each(|told| given.told(*told))
}

/// The ids that were given so far.
#[derive(Default)]
pub(super) struct Given(BTreeSet<i64>);

impl Given {
    /// Another id was given, with its epoch.
    ///
    /// # Errors
    /// If it was given before, or is none.
    pub(super) fn told(&mut self, (id, epoch): (i64, i16)) -> Result<(), String> {
        if id < 0 || epoch < 0 {
            return Err(format!("a producer was given the id {id} with epoch {epoch}"));
        }
        if !self.0.insert(id) {
            return Err(format!("the producer id {id} was given twice"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_that_comes_again_is_found() {
        let check = |ids: &[i64]| {
            let producer_ids = ids.iter().map(|id| (*id, 0)).collect();
            producer_ids_are_given_once(&Events { producer_ids, ..Events::default() })
        };
        assert_eq!(check(&[3, 1, 2]), Ok(()));
        assert!(check(&[3, 1, 3]).unwrap_err().contains("3 was given twice"));
        assert!(check(&[-1]).is_err());
    }
}
