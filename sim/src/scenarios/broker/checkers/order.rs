//! I9, a producer's order is kept (seen broken by Jepsen in several brokers), and I3, what an idempotent producer sends stands
//! there once and in order: of each producer, where its records stand, held against each further one as it is told.
use std::collections::BTreeMap;

use ordain::types::Offset;

use crate::scenarios::broker::history::RecordId;

/// By producer and session: the numbers of its records in one partition, in order, and their offsets. Most records come last.
#[derive(Default)]
pub(super) struct Order {
    places: BTreeMap<(u32, u32), Vec<(u32, Offset)>>,
}

impl Order {
    /// A record stands at an offset.
    ///
    /// # Errors
    /// If it stands somewhere else, too, or on the wrong side of another one of its producer.
    pub(super) fn holds(&mut self, id: RecordId, offset: Offset) -> Result<(), String> {
        let places = self.places.entry((id.producer, id.session)).or_default();
        let at = match places.last() {
            Some((last, _)) if *last >= id.number => {
                match places.binary_search_by_key(&id.number, |(number, _)| *number) {
                    // It was held against its neighbours then, and each that came later against it.
                    Ok(known) if places[known].1 == offset => return Ok(()),
                    Ok(known) => {
                        let other = std::mem::replace(&mut places[known].1, offset);
                        return Err(format!("{id} is twice: at {other} and at {offset}"));
                    }
                    Err(between) => between,
                }
            }
            Some(_) | None => places.len(),
        };
        let before = at.checked_sub(1).map(|before| places[before]).filter(|(_, place)| *place >= offset);
        let behind = places.get(at).copied().filter(|(_, place)| *place <= offset);
        places.insert(at, (id.number, offset));
        match before.or(behind) {
            Some((number, place)) => {
                Err(format!("the producer's {number} stands at {place}, and {id} at {offset}"))
            }
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::id;
    use super::*;

    fn check(places: &[(u32, i64)]) -> Result<(), String> {
        let mut order = Order::default();
        places.iter().try_for_each(|(number, offset)| order.holds(id(*number), Offset(*offset)))
    }

    #[test]
    fn disorder_and_repetitions_are_found_at_once() {
        assert_eq!(check(&[(1, 0), (3, 5), (2, 4), (2, 4)]), Ok(()));
        assert!(check(&[(1, 0), (2, 1), (1, 7)]).unwrap_err().contains("twice"));
        assert!(check(&[(2, 1), (1, 3)]).unwrap_err().contains("producer's 2"), "behind a later one");
        assert!(check(&[(1, 3), (2, 1)]).unwrap_err().contains("producer's 1"), "before an earlier one");
        assert!(check(&[(1, 3), (2, 3)]).is_err(), "at one place");
    }
}
