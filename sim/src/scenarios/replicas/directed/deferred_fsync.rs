//! NATS #7564: what was acknowledged was synced within two minutes. When all nodes lost their power at about the same time, up to
//! half a minute of acknowledged records was lost.
//! Source: nats-io/nats-server issue 7564; jepsen.io/analyses/nats-2.12.1, 2025.
//!
//! Here nothing is acknowledged before a majority holds it durably (docs/replication.md, Durable before sent).
use std::time::Duration;

use ordain::probe::Mutant;

use super::{MOMENT, Script, Stage};
use crate::scenarios::Violation;

pub(super) const SCRIPT: Script = Script {
    name: "directed-deferred-fsync",
    about: "NATS #7564: all nodes lose their power before what is written is durable",
    nodes: 3,
    founders: 3,
    finds: &[
        (Mutant::AcknowledgeBeforeSync, "I1-lost-record"),
        (Mutant::ReplicaAcknowledgeBeforeSync, "I1-lost-record"),
        (Mutant::ReplicaCountUndurable, "I1-lost-record"),
    ],
    play: |stage| Box::pin(play(stage)),
};

async fn play(stage: &Stage) -> Result<(), Violation> {
    let all = stage.founders();
    let leader = stage.leader(&all).await?;
    stage.commit(leader).await?;
    // What is written is durable when it is acknowledged.
    stage.commit(leader).await?;
    stage.off(&all);
    stage.on(&all);
    let leader = stage.leader(&all).await?;
    stage.holds_what_was_told(leader).await?;
    // What cannot be written is not acknowledged.
    for &node in &all {
        stage.node(node).disk().stall(Duration::from_secs(30));
    }
    let sent = stage.send(leader).await?;
    stage.acknowledged(sent, MOMENT).await;
    stage.off(&all);
    stage.on(&all);
    let new = stage.leader(&all).await?;
    stage.holds_what_was_told(new).await
}
