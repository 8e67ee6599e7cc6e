//! I11: a group's generation is given once: its members are told one assignment, also behind a restart of the
//! coordinator, and no generation is older than one that was told before.
use crate::scenarios::broker::history::{Assigned, Events};

pub(super) fn generations_are_given_once(events: &Events) -> Result<(), String> {
    events.assigned.iter().try_for_each(|told| is_given_once(&events.assigned, told))
}

/// Whether what one worker is told fits what is known.
pub(super) fn is_given_once(known: &[Assigned], told: &Assigned) -> Result<(), String> {
    let same = known.iter().find(|known| known.generation == told.generation);
    if let Some(known) = same.filter(|known| known.assignment != told.assignment) {
        return Err(format!(
            "generation {} gave {:?} to {} at {}, and {:?} to {} at {}",
            told.generation,
            known.assignment,
            known.worker,
            known.told,
            told.assignment,
            told.worker,
            told.told
        ));
    }
    let newer = known.iter().find(|o| o.told < told.joining && o.generation > told.generation);
    if let Some(newer) = newer {
        return Err(format!(
            "{} joined at {} and came into generation {}; {} had been told {} at {}",
            told.worker, told.joining, told.generation, newer.worker, newer.generation, newer.told
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::SimTime;

    fn told(generation: i32, assignment: &str, joining: u64) -> Assigned {
        Assigned {
            worker: "worker-0".to_owned(),
            member: "m".to_owned(),
            generation,
            assignment: assignment.to_owned(),
            joining: SimTime(joining),
            told: SimTime(joining + 5),
        }
    }

    #[test]
    fn a_generation_that_is_given_twice_or_goes_back_is_found() {
        let check =
            |assigned: Vec<Assigned>| generations_are_given_once(&Events { assigned, ..Events::default() });
        assert_eq!(check(vec![told(1, "a", 1), told(1, "a", 2), told(2, "b", 10)]), Ok(()));
        assert!(check(vec![told(1, "a", 1), told(1, "b", 20)]).unwrap_err().contains("generation 1 gave"));
        assert!(check(vec![told(2, "a", 1), told(1, "b", 20)]).unwrap_err().contains("had been told 2"));
        assert_eq!(check(vec![told(2, "a", 1), told(1, "b", 3)]), Ok(()), "both were under way");
    }
}
