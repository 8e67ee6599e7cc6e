use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::Duration;

use ordain::client::{AutoCreate, Client, ClientError, ClusterMetadata, TopicPartition};
use ordain::io::RngStream;
use ordain::types::{ErrorCode, NodeId};

use super::{Seat, Servers, bounded};
use crate::scenarios::broker::history::History;

/// Among which nodes partitions are moved.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::scenarios) enum Among {
    /// Those of these numbers, whether they are there or not.
    Numbers(RangeInclusive<i32>),
    /// Those that are brokers and live, by the metadata; but not one that somebody takes away.
    Living,
}

impl Among {
    fn nodes(&self, metadata: &ClusterMetadata, servers: &Servers) -> Vec<NodeId> {
        match self {
            Among::Numbers(numbers) => numbers.clone().map(NodeId).collect(),
            Among::Living => {
                metadata.brokers.keys().copied().filter(|&node| !servers.is_leaving(node)).collect()
            }
        }
    }
}

/// Moves partitions of all topics from some nodes to others, takes that back, and does it again before it has come to its end. Some come to
/// have more replicas, and those fewer again, but never fewer than they began with: one disk may be lost, and of two replicas that would be one too many.
pub(in crate::scenarios) async fn move_partitions(seat: Seat, among: Among, replicas_most: i16) {
    // No second tries: what is taken back twice is refused.
    let client = seat.client(Duration::ZERO);
    let Seat { io, name, history, ending, servers, .. } = seat;
    let mut rng = io.rng.stream("workload");
    let replicas = (servers.replicas, replicas_most.max(servers.replicas));
    while !ending.has_begun() {
        ending.count_operation();
        let moving = step(&client, &mut *rng, (&among, &servers, replicas), &history, &name);
        match bounded(&io, &history, "a reassignment", moving).await {
            Ok(Ok(())) => history.progress(&name),
            Ok(Err(error)) => history.note(format_args!("{name}: {error}")),
            Err(_) => {}
        }
        io.clock.sleep(Duration::from_millis(10 + rng.below(3_000))).await;
    }
}

/// One request, and a look at what is under way.
async fn step(
    client: &Client,
    rng: &mut dyn RngStream,
    (among, servers, (fewest, most)): (&Among, &Servers, (i16, i16)),
    history: &History,
    name: &str,
) -> Result<(), ClientError> {
    let metadata = client.describe(None, AutoCreate::No).await?;
    let all: Vec<TopicPartition> = metadata
        .topics
        .values()
        .flat_map(|topic| {
            topic.partitions.iter().map(|one| TopicPartition::new(topic.name.clone(), one.index.0))
        })
        .collect();
    let nodes = among.nodes(&metadata, servers);
    let ongoing = client.reassignments().await?;
    let mut targets = BTreeMap::new();
    for at in all {
        let takes_back = ongoing.contains_key(&at) && rng.below(3) == 0;
        if takes_back {
            targets.insert(at, None);
        } else if rng.below(2) == 0 {
            let mut left = nodes.clone();
            let mut drawn = Vec::new();
            let more =
                if most > fewest { rng.below(u64::from((most - fewest).unsigned_abs()) + 1) } else { 0 };
            for _ in 0..u64::from(fewest.unsigned_abs()) + more {
                if left.is_empty() {
                    break;
                }
                let at = usize::try_from(rng.below(left.len() as u64)).unwrap_or(0);
                drawn.push(left.swap_remove(at));
            }
            // Too few may live.
            if drawn.len() >= usize::from(fewest.unsigned_abs()) {
                targets.insert(at, Some(drawn));
            }
        }
    }
    history.note(format_args!("{name}: {} under way, asks for {targets:?}", ongoing.len()));
    for (at, outcome) in client.reassign(&targets).await? {
        match outcome {
            Ok(()) => {}
            Err(error) => match error.code() {
                // It has come to its end meanwhile, or its topic is gone, or not everybody knows it yet.
                Some(ErrorCode::NoReassignmentInProgress | ErrorCode::UnknownTopicOrPartition) => {}
                // Brokers register after a while.
                Some(ErrorCode::InvalidReplicaAssignment) => {}
                _ => history.note(format_args!("{name}: {at}: {error}")),
            },
        }
    }
    Ok(())
}
