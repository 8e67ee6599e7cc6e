//! A replica that begins anew behind its leader's log start, and leads later: a producer that repeats what it sent before the start is
//! recognised by nothing in the log. In Kafka a producer was forgotten with its last records, until KIP-360 kept it.
//! Source: KIP-360 (KAFKA-7190, KAFKA-8710).
//!
//! Here the producers' state travels with the reset (docs/replication.md, Log start).
use ordain::probe::Mutant;
use ordain::types::Offset;

use super::super::RECOVERY;
use super::{MOMENT, Script, Stage};
use crate::scenarios::Violation;

pub(super) const SCRIPT: Script = Script {
    name: "directed-forgotten-producers",
    about: "a replica begins anew at its leader's log start, leads, and is sent what was acknowledged before",
    nodes: 3,
    founders: 3,
    finds: &[(Mutant::ReplicaResetWithoutProducers, "I3-duplicate")],
    play: |stage| Box::pin(play(stage)),
};

async fn play(stage: &Stage) -> Result<(), Violation> {
    let old = stage.leader(&stage.founders()).await?;
    let others = stage.others(old);
    stage.commit(old).await?;
    stage.settled().await?;
    stage.off(&others[..1]);
    let sent = stage.commit(old).await?;
    stage.commit(old).await?;
    if !stage.delete(old, Offset(3), RECOVERY).await? {
        return Err(Violation::new("I16-stuck", "records are not deleted"));
    }
    stage.commit(old).await?;
    stage.on(&others[..1]);
    stage.settled().await?;
    stage.transfer(old, others[0]).await?;
    let new = stage.leader(&[others[0]]).await?;
    stage.send_again(sent, new).await?;
    stage.wait(MOMENT).await;
    Ok(())
}
