use super::core::Core;
use super::leader::Leader;
use super::{Effect, Message, Mistake, ReplicaKey};
use crate::types::{Instant, NodeId};

/// Leadership that is being handed over. The leader takes no records meanwhile, so that the successor can have them
/// all; it goes on leading until it hears of a later epoch, or time is up.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Transfer {
    to: ReplicaKey,
    until: Instant,
    told: bool,
}

impl Transfer {
    pub(super) fn to(&self) -> ReplicaKey {
        self.to
    }

    pub(super) fn until(&self) -> Instant {
        self.until
    }
}

impl Leader {
    /// Hands over to a voter's replica, or to the best one.
    pub(super) fn begin_transfer(
        &mut self,
        core: &Core,
        now: Instant,
        to: Option<NodeId>,
        effects: &mut Vec<Effect>,
    ) {
        let named = |node| core.voters().of_node(node).filter(|&key| self.may_succeed(core, key));
        let successor = to.map_or_else(|| self.best_successor(core), named);
        match successor {
            Some(to) if self.is_serving() && self.transfer.is_none() => {
                let until = now.after(core.timing.transfer);
                self.transfer = Some(Box::new(Transfer { to, until, told: false }));
                self.drive_transfer(core, effects);
            }
            Some(_) | None => effects.push(Effect::TransferFailed),
        }
    }

    /// Tells the successor to campaign as soon as it holds the whole log.
    pub(super) fn drive_transfer(&mut self, core: &Core, effects: &mut Vec<Effect>) {
        let Some(transfer) = &mut self.transfer else { return };
        let holds_all = self.progress.of(transfer.to).is_some_and(|voter| voter.durable == core.log.end());
        if holds_all && !transfer.told {
            transfer.told = true;
            let message = Message::EndEpoch { epoch: core.epoch, successor: Some(transfer.to) };
            effects.push(Effect::Send { to: transfer.to.node, message });
        }
    }

    /// A node has become silent: a successor that is there no more takes nothing over.
    pub(super) fn successor_may_be_silent(&mut self, core: &Core, node: NodeId, effects: &mut Vec<Effect>) {
        let is_its_successor = self.transfer.as_ref().is_some_and(|transfer| transfer.to.node == node);
        if is_its_successor && !core.mistaken(Mistake::TransferToTheSilent) {
            self.give_up_transfer(effects);
        }
    }

    /// A connection with a node began anew: what it was told may have been lost.
    pub(super) fn successor_may_not_know(&mut self, core: &Core, node: NodeId, effects: &mut Vec<Effect>) {
        if let Some(transfer) = self.transfer.as_mut().filter(|transfer| transfer.to.node == node)
            && !core.mistaken(Mistake::TransferToldOnce)
        {
            transfer.told = false;
            self.drive_transfer(core, effects);
        }
    }

    /// Time is up: this replica goes on leading.
    pub(super) fn give_up_transfer(&mut self, effects: &mut Vec<Effect>) {
        if self.transfer.take().is_some() {
            effects.push(Effect::TransferFailed);
        }
    }

    /// Nobody waits for a successor that is not there. Who does all the same loses time alone, so a release does not end for it.
    pub(super) fn assert_invariants(&self, core: &Core) {
        let successor = self.transfer.as_deref().map(Transfer::to);
        let is_heard = successor.is_none_or(|to| !core.is_unproven(to.node));
        debug_assert!(is_heard, "a leader hands over to who is heard: {successor:?}");
    }

    /// Whether a voter is another node's, and follows: one that has failed, or another replica in its place, takes nothing over.
    fn may_succeed(&self, core: &Core, key: ReplicaKey) -> bool {
        key.node != core.key.node && self.is_followed_by(core, key)
    }

    /// The reachable voter that holds most.
    pub(super) fn best_successor(&self, core: &Core) -> Option<ReplicaKey> {
        let reachable = self.progress.voters().iter().filter(|voter| self.may_succeed(core, voter.key));
        // Of those that hold as much, the first.
        reachable.rev().max_by_key(|voter| voter.durable).map(|voter| voter.key)
    }
}
