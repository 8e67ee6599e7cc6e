use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use ordain::client::{Client, ClientError};
use ordain::io::RngStream;
use ordain::types::{Instant, NodeId};

use super::{Seat, Servers, bounded};
use crate::scenarios::broker::history::History;

/// How long the active controller is waited for.
const PATIENCE: Duration = Duration::from_secs(4);
/// Longer than a node goes on with a change that it was asked for.
const LATE_MAX: Duration = Duration::from_secs(30);

/// Adds and removes voters of the metadata; each is an operation. One whose removal was acknowledged stays out until it is asked for again.
pub(in crate::scenarios) async fn change_voters(seat: Seat) {
    let mut rng = seat.io.rng.stream("workload");
    let client = seat.client(Duration::from_secs(5));
    let mut told = Told::default();
    // As many as a partition has replicas: so many nodes may be missing of them.
    let least = usize::try_from(seat.servers.replicas).unwrap_or(usize::MAX);
    while !seat.ending.has_begun() {
        seat.ending.count_operation();
        let changing = change(&client, &mut *rng, (&mut told, least), (&seat.servers, &seat.history));
        match bounded(&seat.io, &seat.history, "a change of the voters", changing).await {
            Ok(Ok(())) => seat.history.progress(&seat.name),
            Ok(Err(error)) => {
                // That it was refused is an answer, too.
                if !error.is_retriable() {
                    seat.history.progress(&seat.name);
                }
                seat.history.note(format_args!("{}: {error}", seat.name));
            }
            Err(_) => {}
        }
        seat.io.clock.sleep(Duration::from_millis(100 + rng.below(2500))).await;
    }
}

/// What this client has been told of its changes.
#[derive(Default)]
struct Told {
    /// Those whose removal was the last thing that was asked for and told.
    removed: BTreeSet<NodeId>,
    /// Those whose addition was asked for within the last half minute: one that was asked again may still be made after it was
    /// answered.
    may_come: BTreeMap<NodeId, Instant>,
}

async fn change(
    client: &Client,
    rng: &mut dyn RngStream,
    (told, least): (&mut Told, usize),
    (servers, history): (&Servers, &History),
) -> Result<(), ClientError> {
    let quorum = client.describe_quorum(PATIENCE).await?;
    let shall_not = |node: NodeId| told.removed.contains(&node) && servers.let_vote_at(node).is_none();
    for voter in quorum.voters.iter().filter(|voter| shall_not(voter.id)) {
        let text = format!("node {} was removed from the voters, and votes", voter.id);
        history.wrong("I25-voter-returned", text);
    }
    // Whom somebody takes away is none of this client's business, and will not vote for long.
    let stays = |node: NodeId| !servers.is_leaving(node);
    let voters: Vec<_> = quorum.voters.iter().filter(|voter| stays(voter.id)).collect();
    let observers: Vec<_> = quorum.observers.iter().filter(|observer| stays(observer.id)).collect();
    let spare = voters.len() > least;
    let removes = spare && (observers.is_empty() || rng.below(2) == 0);
    let mut pick = |count: usize| usize::try_from(rng.below(count as u64)).unwrap_or(0);
    if removes {
        let voter = voters[pick(voters.len())];
        history.note(format_args!("removing voter {}", voter.id));
        client.remove_voter(voter).await?;
        let now = client.io().clock.now();
        let is_done = told.may_come.get(&voter.id).is_none_or(|asked| now.since(*asked) > LATE_MAX);
        let let_vote = servers.let_vote_at(voter.id);
        // What somebody else asked for may be carried out late, too.
        if is_done && let_vote.is_none_or(|asked| history.now().since(asked) > LATE_MAX) {
            servers.is_not_let_vote(voter.id);
            told.removed.insert(voter.id);
        }
    } else if !observers.is_empty() {
        let observer = observers[pick(observers.len())];
        history.note(format_args!("adding voter {}", observer.id));
        told.removed.remove(&observer.id);
        told.may_come.insert(observer.id, client.io().clock.now());
        client.add_voter(observer).await?;
    }
    Ok(())
}
