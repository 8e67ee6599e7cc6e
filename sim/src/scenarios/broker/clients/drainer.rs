use std::ops::RangeInclusive;
use std::time::Duration;

use ordain::client::admin::{ConfigChange, ConfigResource, Validate};
use ordain::client::{Client, ClientError};
use ordain::metadata::DRAIN_KEY;
use ordain::types::NodeId;

use super::{Seat, bounded};

/// Drains one node after the other, and lets each lead again.
pub(in crate::scenarios) async fn drain_in_turn(seat: Seat, nodes: RangeInclusive<i32>) {
    let (io, history) = (&seat.io, &seat.history);
    let mut rng = io.rng.stream("workload");
    let client = seat.client(Duration::from_secs(5));
    let mut drained = None;
    while !seat.ending.has_begun() {
        seat.ending.count_operation();
        let (node, drains) = match drained {
            Some(node) => (node, false),
            None => {
                let count = nodes.end() + 1 - nodes.start();
                let drawn = i32::try_from(rng.below(u64::from(count.unsigned_abs()))).unwrap_or(0);
                (NodeId(nodes.start() + drawn), true)
            }
        };
        match bounded(io, history, "draining", set_draining(&client, node, drains)).await {
            Ok(Ok(())) => {
                history.note(format_args!("node {node} drains: {drains}"));
                drained = drains.then_some(node);
                history.progress(&seat.name);
            }
            Ok(Err(error)) => history.note(format_args!("{}: {error}", seat.name)),
            Err(_) => {}
        }
        io.clock.sleep(Duration::from_millis(200 + rng.below(4000))).await;
    }
}

/// Lets a node drain, or lead again.
pub(in crate::scenarios) async fn set_draining(
    client: &Client,
    node: NodeId,
    drains: bool,
) -> Result<(), ClientError> {
    let name = DRAIN_KEY.to_owned();
    let change = match drains {
        true => ConfigChange::Set { name, value: "true".to_owned() },
        false => ConfigChange::Delete { name },
    };
    client.alter_configs(&ConfigResource::Broker(node), &[change], Validate::Apply).await
}
