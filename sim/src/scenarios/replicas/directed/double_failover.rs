//! KIP-101, its first scenario: a follower that started again cut its log to the high watermark that it knew, which is behind the
//! leader's, and was to fetch the rest anew. The leader failed before it had, and the follower was elected: records were lost that
//! both had held. Source: KIP-101, "Scenario 1: High Watermark Truncation followed by Immediate Leader Election" (KAFKA-1211).
//!
//! Here a follower cuts off only what its leader's log does not have (docs/replication.md, Messages).
use std::time::Duration;

use ordain::probe::Mutant;

use super::{Script, Stage};
use crate::scenarios::Violation;

pub(super) const SCRIPT: Script = Script {
    name: "directed-double-failover",
    about: "KIP-101: a follower starts again, and its leader fails as soon as it is found",
    nodes: 3,
    founders: 3,
    finds: &[(Mutant::ReplicaTruncateToWatermark, "I1-lost-record")],
    play: |stage| Box::pin(play(stage)),
};

async fn play(stage: &Stage) -> Result<(), Violation> {
    let [leader, follower, away] = stage.one_is_away().await?;
    stage.commit(leader).await?;
    stage.slow(Duration::from_millis(50));
    stage.off(&[follower]);
    stage.on(&[follower]);
    stage.until(follower, "it follows", |one| one.leader_node == Some(leader)).await?;
    stage.off(&[leader]);
    stage.join(&[follower], &[away]);
    let new = stage.leader(&[follower, away]).await?;
    stage.holds_what_was_told(new).await
}
