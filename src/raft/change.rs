use super::core::Core;
use super::leader::{Goes, Leader};
use super::{ChangeRefusal, Effect, Mistake, Position, ReplicaKey, VoterSet};
use crate::types::Instant;

/// Voter changes, one at a time (KIP-853; Raft's dissertation, §4, with its correction of 2015).
impl Leader {
    /// Why no change may begin now.
    fn refuses_change(&self, core: &Core) -> Option<ChangeRefusal> {
        if !self.is_serving() && !core.mistaken(Mistake::ChangeBeforeStart) {
            return Some(ChangeRefusal::NotServing);
        }
        let (newest, _) = core.log.voters().newest();
        let under_way = *newest > core.log.high_watermark() || self.joining.is_some();
        if under_way
            && !core.mistaken(Mistake::TwoChangesAtOnce)
            && !core.mistaken(Mistake::ChangeBeforeStart)
        {
            return Some(ChangeRefusal::AnotherUnderWay);
        }
        None
    }

    /// Notes that the replica is to become a voter; it does once it has caught up.
    pub(super) fn add_voter(&mut self, core: &Core, key: ReplicaKey, effects: &mut Vec<Effect>) {
        let refusal = self.refuses_change(core).or(core
            .voters()
            .with(key)
            .is_none()
            .then_some(ChangeRefusal::CannotBeAdded));
        match refusal {
            Some(reason) => effects.push(Effect::VoterChangeRefused { reason }),
            None => self.joining = Some(key),
        }
    }

    /// Makes the joining replica a voter if it holds, in this epoch, all that is committed.
    pub(super) fn admit(
        &mut self,
        core: &mut Core,
        now: Instant,
        key: ReplicaKey,
        held: Position,
        effects: &mut Vec<Effect>,
    ) -> Goes {
        if held < core.log.high_watermark() || held.epoch != core.epoch {
            return Goes::On;
        }
        self.joining = None;
        let mut voters = core.voters().clone();
        if core.mistaken(Mistake::ChangeTwoVoters) {
            let other = voters.keys().iter().copied().find(|&other| other != core.key);
            voters = other.and_then(|other| voters.without(other)).unwrap_or(voters);
        }
        let Some(voters) = voters.with(key) else {
            effects.push(Effect::VoterChangeRefused { reason: ChangeRefusal::CannotBeAdded });
            return Goes::On;
        };
        self.append_voters(core, now, voters, Some((key, held)), effects)
    }

    pub(super) fn remove_voter(
        &mut self,
        core: &mut Core,
        now: Instant,
        key: ReplicaKey,
        effects: &mut Vec<Effect>,
    ) -> Goes {
        let rest = core.voters().without(key).filter(|_| core.voters().contains(key));
        let reason = match (self.refuses_change(core), rest) {
            (Some(reason), _) => reason,
            (None, None) => ChangeRefusal::CannotBeRemoved,
            (None, Some(voters)) if self.has_most_of(core, &voters) => {
                return self.append_voters(core, now, voters, None, effects);
            }
            // The set holds as soon as it is appended: nobody but those who are not there could commit it, or elect.
            (None, Some(_)) => ChangeRefusal::TooFewFollow,
        };
        effects.push(Effect::VoterChangeRefused { reason });
        Goes::On
    }

    /// Whether most of a set of voters follow this leader, or are it.
    pub(super) fn has_most_of(&self, core: &Core, voters: &VoterSet) -> bool {
        let follows = |key: &&ReplicaKey| **key == core.key || self.is_followed_by(core, **key);
        let count = voters.keys().iter().filter(follows).count();
        count >= voters.majority()
            || core.mistaken(Mistake::RemoveTheNeeded)
            || core.mistaken(Mistake::ChangeBeforeStart)
    }
}
