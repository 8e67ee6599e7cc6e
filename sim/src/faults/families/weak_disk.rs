//! One disk of several that is weak: bytes of it are destroyed, and it gives errors, runs full, is slow at times and loses what
//! was renamed. Not one of the families that a run draws from, but some of these, for one node alone, with aims of their own.
use std::time::Duration;

use super::{Family, Place, ROOM, When};
use crate::disk::FaultyOp;
use crate::fault_atlas::Aim;
use crate::faults::{Fault, TimedFault, micros};
use crate::rng::Stream;

/// What a weak disk may suffer from; about half of it is off in each run.
const FAMILIES: [Family; 10] = [
    Family::Rot,
    Family::ReplayRot,
    Family::BadSector,
    Family::Misdirected,
    Family::ReadErrors,
    Family::WriteErrors,
    Family::NameErrors,
    Family::Full,
    Family::SlowReads,
    Family::LostRename,
];

/// What rot and bad sectors hit.
const AIMS: &[Aim] = &[Aim::Journal, Aim::Journal, Aim::Index, Aim::Vouch, Aim::Checkpoint, Aim::Snapshot];
/// What writes miss.
const MISSED: &[Aim] = &[Aim::Journal, Aim::Journal, Aim::Index];
/// Whether records at rest are hit, too: a replica that meets that fetches them anew from another one.
const HITS_RECORDS: bool = true;
/// So many of a thousand aims are at records, where these are hit.
const RECORDS_PER_MILLE: u32 = 500;
/// How many weak disks lose records again and again.
const WORN_PER_MILLE: u32 = 400;

/// Draws what a node's disk goes through; nothing lasts beyond `chaos`, but for what is destroyed.
pub fn draw_weak_disk(node: &str, chaos: Duration, rng: &mut Stream) -> Vec<TimedFault> {
    let families: Vec<Family> = FAMILIES.into_iter().filter(|_| rng.chance(500)).collect();
    let mut schedule = Vec::new();
    if families.is_empty() {
        return schedule;
    }
    let place = Place { node, peer: node };
    for _ in 0..rng.between(2, 16) {
        let at = rng.duration(Duration::from_millis(1), chaos);
        let lasts = rng.duration(Duration::from_millis(1), Duration::from_millis(6000));
        let end = (at + lasts).min(chaos);
        for (when, fault) in draw(*rng.pick(&families), &place, rng) {
            let at = match when {
                When::Now => at,
                When::Later => end,
                When::In(by_us) => (at + Duration::from_micros(by_us)).min(end),
            };
            schedule.push(TimedFault { at_us: micros(at), fault });
        }
    }
    // Some disks lose one record after the other.
    if rng.chance(WORN_PER_MILLE) {
        for _ in 0..rng.between(8, 30) {
            let at_us = micros(rng.duration(chaos / 4, chaos));
            let (node, aim, pick) = (node.to_owned(), Aim::Records, rng.word());
            let fault = match rng.chance(500) {
                true => Fault::Rot { node, aim, pick },
                false => Fault::BadSector { node, aim, pick },
            };
            schedule.push(TimedFault { at_us, fault });
        }
    }
    schedule.sort_by_key(|timed| timed.at_us);
    schedule
}

fn draw(family: Family, place: &Place<'_>, rng: &mut Stream) -> super::Drawn {
    let node = place.node();
    let fault = match family {
        Family::Rot => Fault::Rot { node, aim: aim(AIMS, rng), pick: rng.word() },
        Family::BadSector => Fault::BadSector { node, aim: aim(AIMS, rng), pick: rng.word() },
        Family::Misdirected => {
            let by_sectors =
                if rng.chance(500) { -1 } else { 1 } * i64::try_from(rng.between(1, 8)).unwrap_or(1);
            Fault::Misdirect { node, aim: aim(MISSED, rng), pick: rng.word(), by_sectors }
        }
        // The journal's files alone have up to eight megabytes.
        Family::Full => {
            let bytes = rng.between(0, 12 << 20);
            let full = Fault::Capacity { node: node.clone(), bytes };
            return vec![(When::Now, full), (When::Later, Fault::Capacity { node, bytes: ROOM })];
        }
        other => return other.draw(place, rng),
    };
    vec![(When::Now, fault)]
}

fn aim(aims: &[Aim], rng: &mut Stream) -> Aim {
    let at_records = rng.chance(RECORDS_PER_MILLE);
    let other = *rng.pick(aims);
    if HITS_RECORDS && at_records { Aim::Records } else { other }
}

/// Whose disk a schedule makes weak: the nodes that have a fault such as only [`draw_weak_disk`] draws for one of several.
pub fn weak_disk(schedule: &[TimedFault]) -> impl Iterator<Item = &str> {
    schedule.iter().filter_map(|timed| match &timed.fault {
        Fault::Rot { node, .. }
        | Fault::BadSector { node, .. }
        | Fault::Misdirect { node, .. }
        | Fault::LoseNames { node, .. }
        | Fault::Hold { node, .. }
        | Fault::Capacity { node, .. } => Some(node.as_str()),
        Fault::Disk { node, op, .. } if *op != FaultyOp::Sync => Some(node.as_str()),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_disk_is_weak_and_nothing_lasts_beyond_the_chaos() {
        let mut rng = Stream::new(1, "test", "weak disk", 0);
        let chaos = Duration::from_secs(20);
        let mut drawn = String::new();
        for _ in 0..100 {
            let schedule = draw_weak_disk("n2", chaos, &mut rng);
            assert!(schedule.iter().all(|timed| u128::from(timed.at_us) <= chaos.as_micros()));
            assert!(schedule.is_sorted_by_key(|timed| timed.at_us));
            assert!(weak_disk(&schedule).all(|node| node == "n2"));
            drawn.push_str(&format!("{schedule:?}"));
        }
        for word in ["Rot", "Replayed", "BadSector", "Misdirect", "Read", "Write", "Names", "Capacity"] {
            assert!(drawn.contains(word), "{word}");
        }
        assert!(drawn.contains("Hold") && drawn.contains("LoseNames"));
        assert_eq!(drawn.contains("aim: Records"), HITS_RECORDS);
    }
}
