//! Each mistake that can be planted in the core is found: the checks bite.
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::raft::Mistake;
use crate::raft::cluster::run_bytes;

/// A generator of schedules (SplitMix64): the same ones each time.
struct Bytes(u64);

impl Bytes {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut drawn = self.0;
        drawn = (drawn ^ (drawn >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        drawn = (drawn ^ (drawn >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        drawn ^ (drawn >> 31)
    }

    fn schedule(&mut self, actions: usize) -> Vec<u8> {
        (0..actions * 3).map(|_| self.next() as u8).collect()
    }
}

/// The number of the first schedule that shows the mistake, and how it shows.
fn hunt(mistake: Option<Mistake>, schedules: u64) -> Option<(u64, String)> {
    (1..=schedules).find_map(|seed| {
        let mut bytes = Bytes(seed);
        let voters = (bytes.next() % 3 + 2) as i32;
        let schedule = bytes.schedule(400);
        // An assertion of the core finds it as well as a check of the cluster.
        let result = catch_unwind(AssertUnwindSafe(|| run_bytes(&schedule, voters, mistake)));
        let first_line = |story: String| story.lines().next().unwrap_or_default().to_owned();
        match result {
            Ok(Ok(_)) => None,
            Ok(Err(story)) => Some((seed, first_line(story))),
            Err(panic) => {
                let told = panic.downcast_ref::<String>().cloned();
                let told = told.or_else(|| panic.downcast_ref::<&str>().map(|&told| told.to_owned()));
                Some((seed, format!("an assertion: {}", first_line(told.unwrap_or_default()))))
            }
        }
    })
}

#[test]
fn each_planted_mistake_is_found_by_random_schedules() {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let most = std::env::var("RAFT_SCHEDULES").ok().and_then(|text| text.parse().ok()).unwrap_or(3_000);
    let hunts: Vec<_> = Mistake::ALL.iter().map(|&mistake| (mistake, hunt(Some(mistake), most))).collect();
    std::panic::set_hook(hook);
    for (mistake, found) in &hunts {
        match found {
            Some((seed, how)) => println!("{mistake:?}: schedule {seed}: {how}"),
            None => println!("{mistake:?}: not found"),
        }
    }
    let missed: Vec<Mistake> =
        hunts.iter().filter(|(_, found)| found.is_none()).map(|(mistake, _)| *mistake).collect();
    assert!(missed.is_empty(), "not found within {most} schedules: {missed:?}");
}
