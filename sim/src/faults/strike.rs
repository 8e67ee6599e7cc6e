//! How what destroys bytes strikes a node's disk.
use std::collections::BTreeMap;
use std::ops::Range;

use super::Fault;
use crate::cluster::NodeHandle;
use crate::disk::SECTOR_BYTES;
use crate::fault_atlas::{Aim, FaultAtlas, Target};

/// Lets a fault strike a node's disk, and remembers what it destroyed; nothing if there is nothing that it may strike.
///
/// # Panics
/// If it is a fault of another kind.
pub fn strike(atlas: &FaultAtlas, node: &NodeHandle, fault: &Fault) {
    match fault {
        Fault::Rot { aim, pick, .. } => hit(atlas, node, *aim, *pick, |path, at| {
            drop(node.disk().flip_bit(path, at * 8 + pick % 8));
        }),
        Fault::BadSector { aim, pick, .. } => hit(atlas, node, *aim, *pick, |path, at| {
            drop(node.disk().bad_sector(path, at / SECTOR_BYTES as u64));
        }),
        Fault::Misdirect { aim: Aim::Journal, by_sectors, .. } => {
            if let Some(path) = atlas.next_journal(node) {
                drop(node.disk().misdirect_next_write(&path, *by_sectors));
            }
        }
        Fault::Misdirect { aim, pick, by_sectors, .. } => {
            if let Some((path, _)) = choose(&newest(atlas.targets(node, *aim)), *pick) {
                drop(node.disk().misdirect_next_write(path, *by_sectors));
            }
            let _remembered = atlas.look(node);
        }
        other => panic!("this destroys no bytes: {other:?}"),
    }
}

/// Does something to one byte of a file.
fn hit(atlas: &FaultAtlas, node: &NodeHandle, aim: Aim, pick: u64, job: impl Fn(&str, u64)) {
    let targets = atlas.targets(node, aim);
    if let Some((path, at)) = choose(&targets, pick) {
        job(path, at);
    }
    let _remembered = atlas.look(node);
}

/// Of each directory the last file alone: what is written still.
fn newest(targets: Vec<Target>) -> Vec<Target> {
    let mut last: BTreeMap<String, Target> = BTreeMap::new();
    for target in targets {
        let directory = target.path.rsplit_once('/').map_or("", |(directory, _)| directory).to_owned();
        let known = last.entry(directory).or_insert_with(|| target.clone());
        if known.path < target.path {
            *known = target;
        }
    }
    last.into_values().collect()
}

/// A file, and a place in it.
fn choose(targets: &[Target], pick: u64) -> Option<(&str, u64)> {
    let target = targets.get(usize::try_from(pick.checked_rem(targets.len() as u64)?).ok()?)?;
    let length = |place: &Range<u64>| place.end - place.start;
    let mut at = (pick >> 20).checked_rem(target.places.iter().map(length).sum())?;
    for place in &target.places {
        if at < length(place) {
            return Some((&target.path, place.start + at));
        }
        at -= length(place);
    }
    None
}

#[cfg(test)]
#[allow(clippy::single_range_in_vec_init, reason = "lists of ranges")]
mod tests {
    use super::*;

    #[test]
    fn every_place_of_every_target_can_be_chosen() {
        let target = |path: &str, places: Vec<Range<u64>>| Target { path: path.to_owned(), places };
        let targets = [target("a", vec![5..7, 20..21]), target("b", vec![0..1])];
        let chosen: Vec<_> = (0..6).map(|n| choose(&targets, ((n / 2) << 20) | (n % 2)).unwrap()).collect();
        assert_eq!(chosen, [("a", 5), ("b", 0), ("a", 6), ("b", 0), ("a", 20), ("b", 0)]);
        assert_eq!(choose(&[], 7), None);
    }

    #[test]
    fn the_newest_file_of_each_directory_is_written_still() {
        let target = |path: &str| Target { path: path.to_owned(), places: vec![0..1] };
        let targets = ["a/01.log", "a/03.log", "b/07.log", "a/02.log"].map(target).into();
        let left: Vec<_> = newest(targets).into_iter().map(|target| target.path).collect();
        assert_eq!(left, ["a/03.log", "b/07.log"]);
    }
}
