use std::fmt;

/// The number of a leader's term in a partition (KIP-101). Rises by election, never falls.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct LeaderEpoch(pub i32);

impl LeaderEpoch {
    /// What the protocol calls "no epoch".
    pub const NONE: LeaderEpoch = LeaderEpoch(-1);
    /// How far the epoch of a recovered log lies above all that the survivors of a lost majority have seen: nodes that are lost may have
    /// seen later ones, and if one came back all the same, its log must not pass for the recovered one.
    pub const RECOVERY_AHEAD: i32 = 1_000;

    /// The first epoch of a recovered log whose survivors have seen this one at last.
    #[must_use]
    pub fn recovered(self) -> LeaderEpoch {
        LeaderEpoch(self.0.max(0).saturating_add(LeaderEpoch::RECOVERY_AHEAD))
    }

    /// Whether a majority was lost and recovered between this epoch and a later one, by all that elections alone can explain.
    #[must_use]
    pub fn is_before_recovery(self, later: LeaderEpoch) -> bool {
        later.0.saturating_sub(self.0) > LeaderEpoch::RECOVERY_AHEAD / 2
    }
}

impl fmt::Display for LeaderEpoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The incarnation of a producer id; a higher one fences the lower (KIP-98).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct ProducerEpoch(pub i16);

impl ProducerEpoch {
    pub const NONE: ProducerEpoch = ProducerEpoch(-1);
}

impl fmt::Display for ProducerEpoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recovered_epoch_is_told_from_an_election() {
        assert_eq!(LeaderEpoch::NONE.recovered(), LeaderEpoch(1_000));
        let old = LeaderEpoch(7);
        assert!(old.is_before_recovery(old.recovered()));
        assert!(LeaderEpoch(9).is_before_recovery(old.recovered()), "a lost node may have seen later ones");
        assert!(!old.is_before_recovery(LeaderEpoch(40)));
        assert!(!old.recovered().is_before_recovery(LeaderEpoch(1_020)));
        assert_eq!(LeaderEpoch(i32::MAX - 3).recovered(), LeaderEpoch(i32::MAX));
    }
}
