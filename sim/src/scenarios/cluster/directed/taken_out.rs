//! A node hears nothing while its partition moves away from it and from all that held it with it, and is named again before it hears of
//! that: what it holds says that it votes with nodes that have let go of the partition.
use ordain::probe::Mutant;
use ordain::types::NodeId;

use super::{Script, Stage, WIDE};
use crate::scenarios::Violation;

pub(super) const SCRIPT: Script = Script {
    name: "directed-voter-taken-out-unheard",
    about: "a replica was taken out and is to hold the partition again, and has heard neither",
    nodes: 6,
    late: 0,
    window: WIDE,
    finds: &[(Mutant::ClusterTellsVotersAlone, "I16-stuck")],
    play: |stage| Box::pin(play(stage)),
};

const TOPIC: &str = "moved";

async fn play(stage: &Stage) -> Result<(), Violation> {
    stage.create_topic(TOPIC, 1).await?;
    stage.settled().await?;
    let (id, first) = stage.first_of(TOPIC)?;
    let others: Vec<NodeId> = stage.nodes().into_iter().filter(|node| !first.contains(node)).collect();
    // Of the nodes that found a cluster the others are a majority.
    let guest = *first.iter().max().ok_or_else(|| Violation::new("directed", "there are no replicas"))?;
    stage.note(&format!("node {guest} is cut off"));
    stage.cut_off(guest, &[]);
    stage.reassign(TOPIC, &others).await?;
    let gone = async || {
        let stats = stage.stats().await;
        let mut replicas = stats.values().flatten().filter(|one| one.id == id);
        let left = |node: NodeId| node == guest || others.contains(&node);
        replicas.all(|one| left(one.key.node)).then_some(())
    };
    stage.until("the others have let go of it", gone).await?;
    stage.reassign(TOPIC, &[guest, others[0], others[1]]).await?;
    stage.heal();
    Ok(())
}
