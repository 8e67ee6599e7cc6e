use super::{Decision, Refusal, ReplicaKey, VoterSet};

/// The answers of one round of votes.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Ballots {
    voters: VoterSet,
    /// By place in the voter set.
    granted: u32,
    refused: u32,
    /// Of those refused: there is another replica in the voter's place.
    lost: u32,
    /// Votes that were counted again: a planted mistake.
    again: u32,
}

/// How a round stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Count {
    Open,
    Won,
    Lost,
    /// It is lost, and so is every other one: so many voters have lost their memory.
    Hopeless {
        lost: usize,
    },
}

impl Ballots {
    pub(super) fn new(voters: &VoterSet) -> Ballots {
        Ballots { voters: voters.clone(), granted: 0, refused: 0, lost: 0, again: 0 }
    }

    /// Takes an answer; a stranger's counts for nothing, a second one of the same voter as the first.
    pub(super) fn count(&mut self, voter: ReplicaKey, decision: Decision) -> Count {
        if let Some(at) = self.voters.index_of(voter) {
            let bit = 1 << at;
            match decision {
                Decision::Granted => self.granted |= bit,
                Decision::Refused(refusal) => {
                    self.refused |= bit & !self.granted;
                    if refusal == Refusal::AnotherReplica {
                        self.lost |= bit;
                    }
                }
            }
        }
        self.standing()
    }

    /// Whether any voter has refused.
    pub(super) fn is_refused(&self) -> bool {
        self.refused != 0
    }

    /// A vote that comes again counts again: a planted mistake.
    pub(super) fn count_again(&mut self) {
        self.again += 1;
    }

    fn standing(&self) -> Count {
        let majority = self.voters.majority();
        let all = self.voters.keys().len();
        let lost = self.lost.count_ones() as usize;
        if (self.granted.count_ones() + self.again) as usize >= majority {
            Count::Won
        } else if all - lost < majority {
            Count::Hopeless { lost }
        } else if all - (self.refused.count_ones() as usize) < majority {
            Count::Lost
        } else {
            Count::Open
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{NodeId, Uuid};

    #[test]
    fn each_voter_counts_once_and_strangers_do_not() {
        let key = |node| ReplicaKey { node: NodeId(node), directory: Uuid::ZERO };
        let mut ballots = Ballots::new(&VoterSet::new((1..=5).map(NodeId)));
        assert_eq!(ballots.count(key(1), Decision::Granted), Count::Open);
        assert_eq!(ballots.count(key(1), Decision::Granted), Count::Open);
        assert_eq!(ballots.count(key(9), Decision::Granted), Count::Open);
        assert_eq!(ballots.count(key(2), Decision::Granted), Count::Open);
        assert_eq!(ballots.count(key(3), Decision::Granted), Count::Won);
        let mut ballots = Ballots::new(&VoterSet::new((1..=3).map(NodeId)));
        assert_eq!(ballots.count(key(1), Decision::Refused(Refusal::LogBehind)), Count::Open);
        let lost = Decision::Refused(Refusal::AnotherReplica);
        assert_eq!(ballots.count(key(2), lost), Count::Lost);
        assert_eq!(ballots.count(key(3), lost), Count::Hopeless { lost: 2 });
    }
}
