//! Each mistake that can be planted in the core is found: the checks bite.
use super::mistakes_searched::HERE_ALONE;
use super::quietly;
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

/// What only clients see, or whole nodes show: no check of the core's cluster is broken by these.
const OF_WHOLE_NODES: &[Mistake] = &[
    Mistake::ShrinkToHeard,
    Mistake::LeadUnheard,
    Mistake::CountHeard,
    Mistake::ServeBeforeStart,
    Mistake::WaitForTheResigned,
    Mistake::LateVoteUnfollows,
    Mistake::CampaignWhileVoting,
    Mistake::PatientForEver,
    Mistake::TellVotersAlone,
    Mistake::RemoveTheNeeded,
];

/// The number of the first schedule that shows the mistake, and how it shows.
fn hunt(mistake: Option<Mistake>, schedules: u64) -> Option<(u64, String)> {
    (1..=schedules).find_map(|seed| {
        let mut bytes = Bytes(seed);
        let voters = (bytes.next() % 3 + 2) as i32;
        let schedule = bytes.schedule(400);
        let first_line = |story: String| story.lines().next().unwrap_or_default().to_owned();
        // An assertion of the core finds it as well as a check of the cluster.
        match quietly(|| run_bytes(&schedule, voters, mistake)) {
            Ok(Ok(_)) => None,
            Ok(Err(story)) => Some((seed, first_line(story))),
            Err(told) => Some((seed, format!("an assertion: {}", first_line(told)))),
        }
    })
}

#[test]
fn each_planted_mistake_is_found_by_random_schedules() {
    let most = 12_000;
    let elsewhere = |mistake: &Mistake| HERE_ALONE.contains(mistake) || OF_WHOLE_NODES.contains(mistake);
    let hunted = Mistake::ALL.iter().copied().filter(|mistake| !elsewhere(mistake));
    let hunts: Vec<_> = hunted.map(|mistake| (mistake, hunt(Some(mistake), most))).collect();
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

#[test]
fn no_mistake_is_found_where_there_is_none() {
    let schedules = std::env::var("RAFT_SCHEDULES").ok().and_then(|text| text.parse().ok()).unwrap_or(1_000);
    if let Some((seed, how)) = hunt(None, schedules) {
        let mut bytes = Bytes(seed);
        let voters = (bytes.next() % 3 + 2) as i32;
        let story = run_bytes(&bytes.schedule(400), voters, None);
        panic!("schedule {seed}: {how}: {}", story.err().unwrap_or_default());
    }
}
