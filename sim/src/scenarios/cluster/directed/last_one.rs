//! A partition moves from its only node to another one. That one is its whole voter set as soon as it has it in its log; the node before dies
//! then, without a word of it. Whoever is alone needs nobody to be elected, and nobody else can be.
use std::time::Duration;

use ordain::probe::Mutant;
use ordain::types::{NodeId, PartitionId};

use super::{Script, Stage, WIDE};
use crate::scenarios::Violation;

pub(super) const SCRIPT: Script = Script {
    name: "directed-last-one-leads",
    about: "a partition moves to another node, and the one before dies before it has said that it is all there",
    nodes: 3,
    late: 0,
    window: WIDE,
    finds: &[(Mutant::ClusterAloneWaits, "I16-stuck")],
    play: |stage| Box::pin(play(stage)),
};

const TOPIC: &str = "moved";
const RECORDS: u32 = 20;
/// What the new node says comes so late that the old one has not heard that its log holds the set.
const LATE: Duration = Duration::from_millis(100);

async fn play(stage: &Stage) -> Result<(), Violation> {
    let controller = stage.controller().await?;
    let others: Vec<NodeId> = stage.nodes().into_iter().filter(|&node| node != controller).collect();
    let [before, after] = others[..] else {
        return Err(Violation::new("directed", format!("{} nodes do not control", others.len())));
    };
    stage.create_topic_on(TOPIC, &[before]).await?;
    stage.settled().await?;
    let (id, _) = stage.first_of(TOPIC)?;
    stage.write(TOPIC, 1, RECORDS).await?;
    stage.slow(after, LATE);
    stage.reassign(TOPIC, &[after]).await?;
    let holds = async || is_alone(stage, id, after).await.then_some(());
    stage.until("the new node is the only voter", holds).await?;
    stage.note(&format!("node {before} dies"));
    stage.power_fails(before);
    stage.slow(after, Duration::ZERO);
    let serves = async || {
        let stats = stage.stats().await;
        let mut all = stats.values().flatten().filter(|one| one.id == id);
        all.any(|one| one.key.node == after && one.leader && one.serving).then_some(())
    };
    stage.until("the new node serves the partition", serves).await?;
    stage.each_holds(TOPIC, 1, RECORDS).await?;
    stage.fleet().up(before);
    Ok(())
}

/// Whether a node's replica knows of no voter but itself.
async fn is_alone(stage: &Stage, id: PartitionId, node: NodeId) -> bool {
    let stats = stage.stats().await;
    let mut all = stats.values().flatten().filter(|one| one.id == id && one.key.node == node);
    all.any(|one| one.voters.keys() == [one.key])
}
