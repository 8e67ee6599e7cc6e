//! A deletion that was answered when the leader alone had made it: the leader loses its disk, and the records are there again.
//! What was deleted stays deleted (docs/replication.md, Log start).
use ordain::probe::Mutant;
use ordain::types::Offset;

use super::{MOMENT, Script, Stage};
use crate::scenarios::Violation;

pub(super) const SCRIPT: Script = Script {
    name: "directed-deletion-undone",
    about: "a leader that is cut off is asked to delete records, and loses its disk",
    nodes: 3,
    founders: 3,
    finds: &[(Mutant::ReplicaStartAtOnce, "I13-log-start")],
    play: |stage| Box::pin(play(stage)),
};

async fn play(stage: &Stage) -> Result<(), Violation> {
    let old = stage.leader(&stage.founders()).await?;
    let others = stage.others(old);
    for _ in 0..5 {
        stage.commit(old).await?;
    }
    stage.settled().await?;
    stage.part(&[old], &others);
    stage.delete(old, Offset(3), MOMENT).await?;
    stage.off(&[old]);
    stage.node(old).disk().wipe();
    stage.leader(&others).await?;
    Ok(())
}
