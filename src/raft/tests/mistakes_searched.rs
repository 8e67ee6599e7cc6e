//! Mistakes that random schedules hardly ever come to: the search finds each, from a state that is close to it, and finds
//! nothing from the same state without the mistake.
use super::{elect, held, quietly, talk};
use crate::raft::Mistake;
use crate::raft::cluster::{Action, Bounds, Cluster, search};
use crate::types::{LeaderEpoch, NodeId};

/// Those that are found here alone: random schedules are not asked for them.
pub(super) const HERE_ALONE: &[Mistake] =
    &[Mistake::AskBeforeDurable, Mistake::CommitOldEpoch, Mistake::TwoChangesAtOnce];

const A: NodeId = NodeId(1);
const B: NodeId = NodeId(2);
const C: NodeId = NodeId(3);

const BOUNDS: Bounds =
    Bounds { epoch_max: LeaderEpoch(0), reduced: true, timers: false, states_max: 60_000, ..Bounds::NONE };

fn finds(mistake: Mistake, start: impl Fn(Option<Mistake>) -> Cluster, bounds: Bounds) {
    // An assertion of the core finds it as well as a check of the cluster.
    let states = match quietly(|| search(start(Some(mistake)), bounds)) {
        Ok(result) => {
            let found =
                result.found.unwrap_or_else(|| panic!("{mistake:?}: not found in {} states", result.states));
            println!(
                "{mistake:?}: {} states, {} actions: {}",
                result.states,
                found.path.len(),
                found.violation
            );
            result.states
        }
        Err(told) => {
            println!("{mistake:?}: an assertion: {}", told.lines().next().unwrap_or_default());
            1_000
        }
    };
    let sound = search(start(None), Bounds { states_max: 2 * states, ..bounds });
    assert!(sound.found.is_none(), "without the mistake: {:?}", sound.found);
}

#[test]
fn a_vote_that_is_not_durable() {
    let bounds = Bounds { usurps: 2, crashes: 1, ..BOUNDS };
    finds(Mistake::GrantBeforeDurable, |mistake| Cluster::new(3, 3, mistake), bounds);
}

#[test]
fn a_vote_given_twice() {
    let bounds = Bounds { usurps: 2, ..BOUNDS };
    finds(Mistake::VoteTwice, |mistake| Cluster::new(3, 3, mistake), bounds);
}

#[test]
fn a_vote_forgotten() {
    let bounds = Bounds { usurps: 2, crashes: 1, ..BOUNDS };
    finds(Mistake::ForgetVote, |mistake| Cluster::new(3, 3, mistake), bounds);
}

#[test]
fn a_vote_counted_twice() {
    let bounds = Bounds { usurps: 2, ..BOUNDS };
    finds(Mistake::CountVoteTwice, |mistake| Cluster::new(4, 4, mistake), bounds);
}

/// The first grant is for a log that the candidate's next life does not have.
#[test]
fn a_vote_asked_for_before_the_own_is_durable() {
    let start = |mistake| {
        let mut cluster = Cluster::new(3, 3, mistake);
        elect(&mut cluster, A, &[A, B, C]);
        held(cluster.act(Action::Append(A)));
        held(cluster.act(Action::Refetch(C)));
        talk(&mut cluster, &[A, C]);
        assert_eq!(cluster.node(A).replica.high_watermark().0, 1);
        // Node 2 has the record in memory alone.
        held(cluster.act(Action::Refetch(B)));
        for _ in 0..2 {
            let packet = cluster.network.remove(0);
            held(cluster.deliver(&packet));
        }
        cluster.network.clear();
        assert_eq!(cluster.node(B).replica.log_end().end.0, 1);
        cluster
    };
    let bounds = Bounds { usurps: 2, crashes: 1, epoch_max: LeaderEpoch(1), reduced: false, ..BOUNDS };
    finds(Mistake::AskBeforeDurable, start, bounds);
}

/// Raft's figure 8: an entry of an old epoch is on a majority, and is overwritten.
#[test]
fn an_old_epoch_committed_without_an_entry_of_the_own() {
    let start = |mistake| {
        let mut cluster = Cluster::new(3, 3, mistake);
        elect(&mut cluster, A, &[A, B, C]);
        held(cluster.append(A));
        talk(&mut cluster, &[]);
        // Node 3 leads epoch 1 and writes its start to nobody else.
        held(cluster.act(Action::Usurp(C)));
        for _ in 0..20 {
            held(cluster.act(Action::Sync(C, usize::MAX)));
            held(cluster.act(Action::Sync(B, usize::MAX)));
            let votes = cluster.network.iter().position(|packet| {
                let (from, to) = (packet.from, packet.to);
                (from == C && to == B || from == B && to == C) && packet.message.is_about_votes()
            });
            let Some(at) = votes else { break };
            let packet = cluster.network.remove(at);
            held(cluster.deliver(&packet));
        }
        assert_eq!(cluster.node(C).replica.leader(), Some(C));
        held(cluster.act(Action::Sync(C, usize::MAX)));
        // Node 1 hears of it, and leads epoch 2 with node 2; it has more than one answer can carry.
        let begin = cluster.network.iter().find(|packet| packet.from == C && packet.to == A).cloned();
        held(cluster.deliver(&begin.expect("it was told")));
        cluster.network.clear();
        cluster.serve_max = 1;
        held(cluster.act(Action::Usurp(A)));
        held(cluster.act(Action::Sync(A, usize::MAX)));
        for _ in 0..2 {
            let place = cluster.network.iter().position(|packet| packet.from != C && packet.to != C);
            let packet = cluster.network.remove(place.expect("it is asked, and votes"));
            held(cluster.deliver(&packet));
            held(cluster.act(Action::Sync(packet.to, usize::MAX)));
        }
        assert_eq!(cluster.node(A).replica.leader(), Some(A));
        held(cluster.append(A));
        held(cluster.act(Action::Sync(A, usize::MAX)));
        cluster
    };
    let bounds = Bounds { usurps: 1, epoch_max: LeaderEpoch(3), ..BOUNDS };
    finds(Mistake::CommitOldEpoch, start, bounds);
}

/// Two removals at once leave the leader alone, while the others still are a majority of the old voters.
#[test]
fn two_changes_at_once() {
    let start = |mistake| {
        let mut cluster = Cluster::new(3, 3, mistake);
        elect(&mut cluster, A, &[A, B, C]);
        cluster
    };
    let bounds = Bounds { changes: 2, usurps: 1, epoch_max: LeaderEpoch(1), ..BOUNDS };
    finds(Mistake::TwoChangesAtOnce, start, bounds);
}

/// A follower far behind is told of a high watermark beyond what it is given.
#[test]
fn a_high_watermark_beyond_the_log() {
    let start = |mistake| {
        let mut cluster = Cluster::new(3, 3, None);
        elect(&mut cluster, A, &[A, B, C]);
        held(cluster.append(A));
        held(cluster.append(A));
        held(cluster.act(Action::Refetch(C)));
        talk(&mut cluster, &[A, C]);
        assert_eq!(cluster.node(A).replica.high_watermark().0, 2);
        cluster.serve_max = 1;
        held(cluster.act(Action::Refetch(B)));
        cluster.plant(mistake);
        cluster
    };
    finds(Mistake::WatermarkBeyondEnd, start, BOUNDS);
}
