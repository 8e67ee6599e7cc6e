use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::time::Duration;

use ordain::client::{Client, ClientError, Lane};
use ordain::types::NodeId;

use super::admin::look_at_committed;
use super::topics::{look, look_at, see, see_by};
use super::{Seat, bounded};
use crate::scenarios::broker::history::History;
use crate::scenarios::broker::kept::look_at_kept_group;
use crate::scenarios::broker::plan::{Plan, TOPIC};

/// How long it waits between two looks at whether a broker has started.
const PAUSE: Duration = Duration::from_millis(100);
/// After so many failures in a row another node is asked for the coordinator.
const ASK_ANOTHER_AFTER: u32 = 10;

/// Looks at topics, configurations and groups once after each start of the broker, while everybody works: what it is told is held
/// against what was acknowledged until then, changes under way may be done or not (I11).
pub(in crate::scenarios) async fn look_after_starts(seat: Seat) {
    let client = seat.client(Duration::ZERO);
    let mut looked = 0;
    while !seat.ending.has_begun() {
        let starts = seat.account.starts();
        if starts == looked {
            seat.history.progress(&seat.name);
        } else {
            seat.ending.count_operation();
            let looking = look_at_all(&seat, &client);
            match bounded(&seat.io, &seat.history, "a look after a start", looking).await {
                Ok(Ok(())) => looked = starts,
                Ok(Err(error)) => {
                    seat.history.note(format_args!("{}: {error}", seat.name));
                    client.invalidate();
                }
                Err(_) => return,
            }
        }
        seat.io.clock.sleep(PAUSE).await;
    }
}

async fn look_at_all(seat: &Seat, client: &Client) -> Result<(), ClientError> {
    let history = &seat.history;
    for topic in not_founded(history) {
        if let Some(seen) = see(client, topic).await? {
            history.founded(topic, seen);
        }
    }
    for topic in &founded(history) {
        look(client, topic, seat.servers.metadata(), history).await?;
    }
    look_at_groups(seat, client).await
}

/// The same of several nodes, of each after each of its starts. Topics and configurations are asked of that node itself: all is there that
/// was acknowledged while the metadata went no further than those that the node has when it is asked. Groups are asked of whoever
/// coordinates them by then, until they are told.
pub(in crate::scenarios) async fn look_after_each_start(seat: Seat, nodes: RangeInclusive<i32>) {
    let (io, history) = (&seat.io, &seat.history);
    let client = seat.client(Duration::ZERO);
    let mut looked: BTreeMap<NodeId, usize> = BTreeMap::new();
    let mut groups_due = false;
    let mut failed: u32 = 0;
    while !seat.ending.has_begun() {
        let due = |node: NodeId| {
            let starts = seat.account.starts_of(node);
            let is_due = looked.get(&node).is_none_or(|looked| *looked < starts);
            (is_due && seat.servers.metadata_of(node).is_some()).then_some((node, starts))
        };
        let due: Vec<(NodeId, usize)> = nodes.clone().filter_map(|node| due(NodeId(node))).collect();
        for &(node, starts) in &due {
            seat.ending.count_operation();
            let looking = look_at_node(&seat, &client, node);
            match bounded(io, history, "a look at a node after its start", looking).await {
                Ok(Ok(())) => drop(looked.insert(node, starts)),
                Ok(Err(error)) => history.note(format_args!("{}: node {node}: {error}", seat.name)),
                Err(_) => return,
            }
        }
        groups_due |= !due.is_empty();
        if groups_due {
            let looking = look_at_groups(&seat, &client);
            match bounded(io, history, "a look at groups after a start", looking).await {
                Ok(Ok(())) => (groups_due, failed) = (false, 0),
                Ok(Err(error)) => {
                    history.note(format_args!("{}: {error}", seat.name));
                    failed += 1;
                    if failed.is_multiple_of(ASK_ANOTHER_AFTER) {
                        // A node that is nearly cut off goes on telling who coordinated once.
                        client.doubt();
                    } else {
                        client.invalidate();
                    }
                }
                Err(_) => return,
            }
        }
        // A node that cannot be asked, since it is cut off, keeps nobody from getting on.
        if !groups_due {
            history.progress(&seat.name);
        }
        io.clock.sleep(PAUSE).await;
    }
}

async fn look_at_node(seat: &Seat, client: &Client, node: NodeId) -> Result<(), ClientError> {
    let (servers, history) = (&seat.servers, &seat.history);
    let broker = client.node(node, Lane::Admin).await?;
    for topic in not_founded(history) {
        if let Some(seen) = see_by(client, Some(&broker), topic).await? {
            history.founded(topic, seen);
        }
    }
    for topic in &founded(history) {
        // If it has begun anew meanwhile, nothing comes by this connection any more.
        let told = servers.metadata_of(node).ok_or(ClientError::UnknownNode { node: node.0 })?;
        look_at(client, &broker, topic, told, history).await?;
    }
    Ok(())
}

async fn look_at_groups(seat: &Seat, client: &Client) -> Result<(), ClientError> {
    if seat.account.groups_are_down() {
        return Ok(());
    }
    look_at_committed(client, &seat.partitions, &seat.history).await?;
    look_at_kept_group(client, &seat.history).await
}

/// The topics that are there from the beginning, and that nobody has seen yet. (The tuner changes one, and has to see that first.)
fn not_founded(history: &History) -> Vec<&'static str> {
    let known = founded(history);
    Plan::TOPICS.into_iter().filter(|topic| *topic != TOPIC && !known.contains(*topic)).collect()
}

/// The topics that somebody has made, changed or seen, and what is configured for all brokers if somebody has seen that.
fn founded(history: &History) -> BTreeSet<String> {
    history.events().topic_changes.iter().map(|change| change.topic.clone()).collect()
}
