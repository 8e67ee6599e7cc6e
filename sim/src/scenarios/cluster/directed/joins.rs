//! A machine that was never part of the cluster joins it while others fail and its own power goes again and again; it takes replicas over,
//! is taken out for good by an administrator (UnregisterBroker), and joins once more with an empty disk.
use std::time::Duration;

use ordain::client::{Client, ClientError};
use ordain::types::{ErrorCode, NodeId};

use super::{Script, Stage, WIDE};
use crate::cluster::NodeHandle;
use crate::rng::Stream;
use crate::scenarios::Violation;

pub(super) const SCRIPT: Script = Script {
    name: "directed-joins-under-fire",
    about: "a new node joins while others fail, takes replicas over, is unregistered, and joins again with an empty disk",
    nodes: 4,
    late: 1,
    window: WIDE,
    finds: &[],
    play: |stage| Box::pin(play(stage)),
};

const TOPIC: &str = "moved";
const RECORDS: u32 = 20;
/// How often the new node's first moments are disturbed.
const ROUNDS: u32 = 6;
/// Of a start so much passes until something goes wrong, at most.
const SOON: Duration = Duration::from_millis(1500);

async fn play(stage: &Stage) -> Result<(), Violation> {
    let new = *stage.nodes().last().expect("a script has nodes");
    stage.create_topic(TOPIC, 1).await?;
    stage.write(TOPIC, 1, RECORDS).await?;
    let mut rng = stage.rng("joins");
    for round in 0..ROUNDS {
        disturbed(stage, new, round, &mut rng).await?;
    }
    stage.fleet().up(new);
    stage.settled().await?;
    let (_, before) = stage.first_of(TOPIC)?;
    // One of those that hold it dies as it moves.
    stage.reassign(TOPIC, &[new, before[0], before[1]]).await?;
    stage.wait(rng.duration(Duration::ZERO, SOON)).await;
    stage.power_fails(before[1]);
    stage.write(TOPIC, 1, RECORDS).await?;
    stage.fleet().up(before[1]);
    stage.settled().await?;
    stage.reassign(TOPIC, &before).await?;
    stage.settled().await?;
    taken_out(stage, new, &mut rng).await?;
    stage.machine(new).disk().wipe();
    stage.fleet().up(new);
    stage.settled().await?;
    stage.each_holds(TOPIC, 1, 2 * RECORDS).await
}

/// The new node runs for a moment, in which something fails; then its own power does.
async fn disturbed(stage: &Stage, new: NodeId, round: u32, rng: &mut Stream) -> Result<(), Violation> {
    let controller = stage.controller().await?;
    stage.fleet().up(new);
    stage.wait(rng.duration(Duration::ZERO, SOON)).await;
    match round % 3 {
        0 => stage.fleet().down(controller, NodeHandle::crash),
        1 => stage.cut(controller, new),
        _ => stage.power_fails(controller),
    }
    stage.wait(rng.duration(Duration::ZERO, SOON)).await;
    // Unless it has ended by itself just now, and comes back.
    stage.power_fails(new);
    stage.heal();
    stage.fleet().up(controller);
    stage.led_without(&[new]).await
}

/// An administrator has the cluster forget a node that is down, while its controller dies.
async fn taken_out(stage: &Stage, gone: NodeId, rng: &mut Stream) -> Result<(), Violation> {
    stage.power_fails(gone);
    let controller = stage.controller().await?;
    let forgetting = move |client: Client| async move {
        match client.unregister_broker(gone).await {
            // The answer to the first try was lost with whoever gave it.
            Err(ClientError::Refused { code: ErrorCode::BrokerIdNotRegistered, .. }) => Ok(()),
            other => other,
        }
    };
    let dies = async {
        stage.wait(rng.duration(Duration::ZERO, Duration::from_millis(20))).await;
        stage.fleet().down(controller, NodeHandle::crash);
        stage.led_without(&[gone, controller]).await?;
        stage.fleet().up(controller);
        Ok::<(), Violation>(())
    };
    let (forgotten, died) = tokio::join!(stage.ask("forgetting a node", forgetting), dies);
    died?;
    forgotten?;
    let others: Vec<NodeId> = stage.nodes().into_iter().filter(|&node| node != gone).collect();
    let forgot = |node: &NodeId| {
        stage.context(*node).is_some_and(|context| context.metadata().registered(gone).is_none())
    };
    let all_forgot = async || others.iter().all(forgot).then_some(());
    stage.until("all others have forgotten it", all_forgot).await
}
