//! Whom a leader lets go.
use super::effects::{at, fetch, receive, serving, step};
use crate::raft::cluster::first_key;
use crate::raft::{ChangeRefusal, Effect, Event, Fetch, Message, ReplicaKey};
use crate::types::{LeaderEpoch, NodeId, Offset, Uuid};

#[test]
fn no_voter_is_removed_who_is_needed() {
    let refused = [Effect::VoterChangeRefused { reason: ChangeRefusal::TooFewFollow }];
    let remove = |node| Event::RemoveVoter { key: first_key(node) };
    let is_made = |effects: &[Effect]| matches!(effects.first(), Some(Effect::AppendVoters { .. }));
    let leader = serving();
    assert_eq!(step(&mut leader.clone(), remove(2)), refused, "the third has not come");
    assert!(is_made(&step(&mut leader.clone(), remove(3))), "the one that has not come is not needed");
    assert_eq!(step(&mut leader.clone(), remove(1)), refused, "two are left, of whom one does not follow");
    let mut all = leader.clone();
    receive(&mut all, 3, fetch(3, 2, at(2, 5), at(2, 5)));
    assert!(is_made(&step(&mut all.clone(), remove(2))), "the third follows");
    assert!(is_made(&step(&mut all.clone(), remove(1))), "the leader itself");
    let mut silent = all.clone();
    step(&mut silent, Event::NodeSilent { node: NodeId(3) });
    assert_eq!(step(&mut silent, remove(2)), refused, "the third is heard no more");
    assert_eq!(silent.voters(), leader.voters(), "nothing was appended");
    step(&mut silent, Event::NodeHeard { node: NodeId(3) });
    assert_eq!(step(&mut silent, remove(2)), refused, "it may have started anew");
    receive(&mut silent, 3, fetch(3, 2, at(2, 5), at(2, 5)));
    assert!(is_made(&step(&mut silent, remove(2))), "it follows again");
    let mut failed = all.clone();
    step(&mut failed, Event::Unfollowed { node: NodeId(3) });
    assert_eq!(step(&mut failed, remove(2)), refused, "its replica has failed");
    let to = Event::TransferLeadership { to: Some(NodeId(3)) };
    assert_eq!(step(&mut failed, to), [Effect::TransferFailed], "that takes nothing over, either");
    let mut forgot = all.clone();
    let found = ReplicaKey { node: NodeId(3), directory: Uuid([9; 16]) };
    let (epoch, nothing) = (LeaderEpoch(2), at(-1, 0));
    let empty = Fetch { epoch, replica: found, log_end: nothing, durable: nothing, log_start: Offset::ZERO };
    receive(&mut forgot, 3, Message::Fetch(empty));
    assert_eq!(step(&mut forgot, remove(2)), refused, "the third has lost its memory");
}
