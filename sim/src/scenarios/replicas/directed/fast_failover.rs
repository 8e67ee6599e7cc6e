//! KIP-279: after two elections in quick succession a replica that had written a record as the leader before them asked for what
//! follows its log's end, and was given it: nobody noticed that another record stood in the place of its own, because the epoch in
//! which it had written was not one that the new leader knew. The logs differed for ever.
//! Source: KIP-279 (KAFKA-6361).
//!
//! Here a fetch names the position that it follows, epoch and offset (docs/replication.md, Messages).
use ordain::probe::Mutant;

use super::{MOMENT, Script, Stage};
use crate::scenarios::Violation;

pub(super) const SCRIPT: Script = Script {
    name: "directed-fast-failover",
    about: "KIP-279: a leader comes back after two elections, with a record in the place of another",
    nodes: 3,
    founders: 3,
    finds: &[(Mutant::ReplicaFetchIgnoresEpoch, "I2-replicas-differ")],
    play: |stage| Box::pin(play(stage)),
};

async fn play(stage: &Stage) -> Result<(), Violation> {
    let (first, others) = stage.leader_cut_off().await?;
    stage.send(first).await?;
    let second = stage.leader(&others).await?;
    stage.commit(second).await?;
    stage.wait(MOMENT).await;
    stage.off(&[second]);
    stage.join(&[first], &others);
    let rest = stage.others(second);
    let third = stage.leader(&rest).await?;
    stage.commit(third).await?;
    Ok(())
}
