//! A leader whose own disk stands still counts those who hold a record, and is not one of them
//! (docs/replication.md, Durable before sent).
use std::time::Duration;

use ordain::probe::Mutant;

use super::{MOMENT, Script, Stage};
use crate::scenarios::Violation;

pub(super) const SCRIPT: Script = Script {
    name: "directed-leaders-own-disk",
    about: "a leader loses its power with a record that one follower has written",
    nodes: 3,
    founders: 3,
    finds: &[(Mutant::ReplicaCountFollowerTwice, "I1-lost-record")],
    play: |stage| Box::pin(play(stage)),
};

async fn play(stage: &Stage) -> Result<(), Violation> {
    let leader = stage.leader(&stage.founders()).await?;
    let others = stage.others(leader);
    let (away, follower) = (others[0], others[1]);
    stage.part(&[away], &[leader, follower]);
    stage.node(leader).disk().stall(Duration::from_secs(30));
    let sent = stage.send(leader).await?;
    stage.acknowledged(sent, MOMENT).await;
    stage.off(&[leader, follower]);
    stage.on(&[leader]);
    stage.join(&[leader], &[away]);
    let new = stage.leader(&[leader, away]).await?;
    stage.holds_what_was_told(new).await
}
