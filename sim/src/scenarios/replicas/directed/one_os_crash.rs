//! NATS #7567: one node lost its power, and with it what it had acknowledged and not synced. While those that had the rest were
//! paused it formed a majority with nodes that had never had it: a split brain, for good.
//! Source: nats-io/nats-server issue 7567; jepsen.io/analyses/nats-2.12.1, 2025.
//!
//! Here a follower acknowledges what it holds durably (docs/replication.md, Durable before sent).
use std::time::Duration;

use ordain::probe::Mutant;

use super::{MOMENT, Script, Stage};
use crate::scenarios::Violation;

pub(super) const SCRIPT: Script = Script {
    name: "directed-one-os-crash",
    about: "NATS #7567: one node loses its power with what it has not synced, and the leader is paused",
    nodes: 3,
    founders: 3,
    finds: &[
        (Mutant::ReplicaAcknowledgeBeforeSync, "I1-lost-record"),
        (Mutant::ReplicaCountUndurable, "I1-lost-record"),
    ],
    play: |stage| Box::pin(play(stage)),
};

async fn play(stage: &Stage) -> Result<(), Violation> {
    let [leader, crashes, away] = stage.one_is_away().await?;
    stage.node(crashes).disk().stall(Duration::from_secs(30));
    let sent = stage.send(leader).await?;
    stage.acknowledged(sent, MOMENT).await;
    stage.off(&[crashes]);
    stage.fleet().pause(leader);
    stage.on(&[crashes]);
    stage.join(&[crashes], &[away]);
    let new = stage.leader(&[crashes, away]).await?;
    stage.holds_what_was_told(new).await
}
