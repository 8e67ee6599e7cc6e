use std::collections::BTreeSet;

use crate::types::NodeId;

/// The nodes whose majority decides. Never empty.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VoterSet(BTreeSet<NodeId>);

impl VoterSet {
    /// # Panics
    /// If there are no voters: nothing could ever be decided.
    #[must_use]
    pub fn new(voters: impl IntoIterator<Item = NodeId>) -> VoterSet {
        let voters: BTreeSet<NodeId> = voters.into_iter().collect();
        assert!(!voters.is_empty(), "a voter set has members");
        VoterSet(voters)
    }

    #[must_use]
    pub fn contains(&self, node: NodeId) -> bool {
        self.0.contains(&node)
    }

    pub fn iter(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.0.iter().copied()
    }

    /// How many voters are a majority.
    #[must_use]
    pub fn majority(&self) -> usize {
        self.0.len() / 2 + 1
    }

    /// Whether those who agree, counted among the voters only, are a majority.
    #[must_use]
    pub fn is_majority(&self, agreeing: &BTreeSet<NodeId>) -> bool {
        self.0.intersection(agreeing).count() >= self.majority()
    }
}
