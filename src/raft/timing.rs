use std::hash::{Hash, Hasher};
use std::time::Duration;

use crate::types::Instant;

/// The deadlines of a replica, by name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Timer {
    /// No leader is known, or its node is silent: campaign.
    Election,
    /// No leader is known, and this replica may not campaign: ask the next voter.
    Discover,
    /// A round of votes took too long.
    Round,
    /// A round of votes was lost: begin another.
    Backoff,
    /// Some voters have not come to fetch: tell them again who leads.
    Announce,
    /// Leadership was not taken over in time.
    Transfer,
}

/// How long things take. The random parts keep replicas from campaigning at once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Timing {
    /// Without a leader, until a campaign; at most twice this.
    pub election: Duration,
    /// Once the leader's node is silent, until the first voter in turn campaigns: at most this.
    pub election_after_silence: Duration,
    /// How long each further voter waits for the one before it.
    pub election_turn: Duration,
    /// A round of votes; at most twice this.
    pub round: Duration,
    /// After a lost round: at most this.
    pub backoff: Duration,
    pub announce: Duration,
    pub discover: Duration,
    pub transfer: Duration,
    /// After a node's start, until no leader counts any more on what its replicas followed before: longer than nodes are silent
    /// until they count as such, since clocks do not run quite alike.
    pub upholding: Duration,
    /// Without a leader that commits, until who shall not lead campaigns as anybody else: longer than the others take where they can.
    pub patience: Duration,
}

impl Timing {
    /// That of all replicas.
    pub const USUAL: Timing = Timing {
        election: Duration::from_millis(500),
        election_after_silence: Duration::from_millis(10),
        election_turn: Duration::from_millis(40),
        round: Duration::from_millis(200),
        backoff: Duration::from_millis(150),
        announce: Duration::from_millis(250),
        discover: Duration::from_millis(250),
        transfer: Duration::from_secs(2),
        upholding: Duration::from_millis(600),
        patience: Duration::from_secs(3),
    };
}

/// A small generator (SplitMix64) for the random parts; seeded from `io::Rng` by whoever makes the replica.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Jitter {
    state: u64,
}

impl Jitter {
    pub(super) fn new(seed: u64) -> Jitter {
        Jitter { state: seed }
    }

    /// `now` and a random part of `most`.
    pub(super) fn within(&mut self, now: Instant, most: Duration) -> Instant {
        let bound = u64::try_from(most.as_nanos()).unwrap_or(u64::MAX);
        if bound == 0 {
            return now;
        }
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut drawn = self.state;
        drawn = (drawn ^ (drawn >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        drawn = (drawn ^ (drawn >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        drawn ^= drawn >> 31;
        // An even draw to within one part in 2^64 / bound: enough for a delay.
        let part = (u128::from(drawn) * u128::from(bound)) >> 64;
        Instant(now.0.saturating_add(part as u64))
    }
}

/// When things happen is no part of what a replica promises: two that differ in it alone are one to a search.
impl Hash for Jitter {
    fn hash<H: Hasher>(&self, _: &mut H) {}
}

impl Hash for Timing {
    fn hash<H: Hasher>(&self, _: &mut H) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_are_within_their_bound_and_differ() {
        let mut jitter = Jitter::new(7);
        let most = Duration::from_millis(50);
        let drawn: Vec<u64> = (0..100).map(|_| jitter.within(Instant(1_000), most).0).collect();
        assert!(drawn.iter().all(|&at| (1_000..1_000 + 50_000_000).contains(&at)));
        let spread = drawn.iter().max().zip(drawn.iter().min()).map(|(most, least)| most - least);
        assert!(spread > Some(25_000_000), "{spread:?}");
        assert_eq!(jitter.within(Instant(3), Duration::ZERO), Instant(3));
    }
}
