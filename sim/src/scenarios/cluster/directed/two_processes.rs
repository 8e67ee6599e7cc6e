//! Two processes have the id of one node, as when an operator starts a copy of a configuration: while the one that the cluster knows
//! is cut off for less than a session, the other one does not take its place.
use std::time::Duration;

use ordain::probe::Mutant;
use ordain::types::NodeId;

use super::{Script, Stage, WIDE};
use crate::scenarios::Violation;

pub(super) const SCRIPT: Script = Script {
    name: "directed-two-processes-of-one-node",
    about: "a second process says that it is a node that is cut off for less than its session",
    nodes: 3,
    late: 0,
    window: WIDE,
    finds: &[(Mutant::ClusterAloneAtOnce, "node-displaced")],
    play: |stage| Box::pin(play(stage)),
};

const NODE: NodeId = NodeId(3);
/// Until the second process knows its cluster.
const SECOND_STARTS: Duration = Duration::from_secs(2);
/// From when the second process speaks for the node: with the silence before, less than a session.
const SECOND_SPEAKS: Duration = Duration::from_secs(3);

async fn play(stage: &Stage) -> Result<(), Violation> {
    let first = stage.image()?.registered(NODE).map(|one| one.directory);
    let others: Vec<NodeId> = stage.nodes().into_iter().filter(|&node| node != NODE).collect();
    let second = stage.another_machine();
    stage.start_on(&second, NODE);
    stage.wait(SECOND_STARTS).await;
    stage.cut_off(NODE, std::slice::from_ref(&second));
    let speaks = |node: NodeId| {
        let context = stage.context(node)?;
        let (directory, _) = context.cluster.as_ref()?.claims.alone(NODE)?;
        (Some(directory) != first).then_some(())
    };
    let both = async || others.iter().copied().try_for_each(speaks);
    stage.until("the second process speaks for the node", both).await?;
    stage.note("the second process speaks for the node");
    let displaced = async || {
        let registered = |node: &NodeId| {
            let image = stage.context(*node)?.metadata();
            image.registered(NODE).map(|one| one.directory).filter(|&directory| Some(directory) != first)
        };
        others.iter().find_map(registered)
    };
    tokio::select! {
        biased;
        found = stage.until("nobody takes the node's place", displaced) => {
            let text = format!("node {NODE} is {:?} by now, and was {first:?} a moment ago", found?);
            return Err(Violation::new("node-displaced", text));
        }
        () = stage.wait(SECOND_SPEAKS) => {}
    }
    second.crash();
    stage.heal();
    Ok(())
}
