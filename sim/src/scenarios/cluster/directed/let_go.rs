//! A node is to give up a partition; its leader lets the replica go, but the answer does not arrive, and the node's process ends. When it
//! starts again, the partition is to stay: its old replica will be no voter any more, and has to be made anew.
use ordain::probe::Mutant;
use ordain::types::{NodeId, PartitionId};

use super::{MOMENT, Script, Stage, WIDE};
use crate::cluster::NodeHandle;
use crate::scenarios::Violation;

pub(super) const SCRIPT: Script = Script {
    name: "directed-let-go-before-a-restart",
    about: "a replica was let go, its node does not know that, starts again, and is to hold the partition",
    nodes: 4,
    late: 0,
    window: WIDE,
    finds: &[(Mutant::ReassignForgetsAtStart, "I16-stuck")],
    play: |stage| Box::pin(play(stage)),
};

const TOPIC: &str = "moved";
/// How often it is tried to come between the leader and its answer.
const TRIES: u32 = 5;

async fn play(stage: &Stage) -> Result<(), Violation> {
    stage.create_topic(TOPIC, 1).await?;
    stage.settled().await?;
    let (id, _) = stage.first_of(TOPIC)?;
    // Whoever is to miss an answer is no controller: others would miss its metadata.
    let mut others = stage.nodes();
    let guest = others.pop().expect("a script has nodes");
    stage.reassign(TOPIC, &others).await?;
    stage.settled().await?;
    for _ in 0..TRIES {
        let leader = leader(stage, id, guest).await?;
        others.sort_by_key(|&node| (node != leader, node));
        let with_guest = [others[0], others[1], guest];
        stage.reassign(TOPIC, &with_guest).await?;
        stage.settled().await?;
        stage.reassign(TOPIC, &others).await?;
        if !let_go_unheard(stage, id, guest).await? {
            stage.note("the answer was faster");
            stage.heal();
            stage.settled().await?;
            continue;
        }
        stage.fleet().down(guest, NodeHandle::crash);
        stage.heal();
        stage.reassign(TOPIC, &with_guest).await?;
        stage.fleet().up(guest);
        return Ok(());
    }
    Err(Violation::new("directed", "the answer that a replica may go was always faster"))
}

/// Who leads the partition, other than the guest.
async fn leader(stage: &Stage, id: PartitionId, guest: NodeId) -> Result<NodeId, Violation> {
    let look = async || {
        let stats = stage.stats().await;
        let mut all = stats.values().flatten().filter(|one| one.id == id);
        all.find(|one| one.leader && one.serving && one.key.node != guest).map(|one| one.key.node)
    };
    stage.until("the partition has a leader", look).await
}

/// Waits until the leader does without the guest, and lets none of its answers pass from then on; whether the guest's replica is there
/// still a moment later.
async fn let_go_unheard(stage: &Stage, id: PartitionId, guest: NodeId) -> Result<bool, Violation> {
    let look = async || {
        let stats = stage.stats().await;
        let mut all = stats.values().flatten().filter(|one| one.id == id);
        let led = all.find(|one| one.leader && one.serving)?;
        (led.voters_committed && led.voters.of_node(guest).is_none()).then_some(led.key.node)
    };
    let leader = stage.until("the leader does without the guest", look).await?;
    stage.cut(leader, guest);
    stage.wait(MOMENT).await;
    let stats = stage.stats().await;
    Ok(stats.values().flatten().any(|one| one.id == id && one.key.node == guest))
}
