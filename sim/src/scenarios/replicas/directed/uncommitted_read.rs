//! A follower that serves consumers gives what is committed, as far as it knows, and no more (KIP-392): what only two replicas have
//! in memory may never have been.
use std::time::Duration;

use ordain::partition::ReadFrom;
use ordain::probe::Mutant;

use super::{MOMENT, Script, Stage};
use crate::scenarios::Violation;

pub(super) const SCRIPT: Script = Script {
    name: "directed-uncommitted-read",
    about: "a follower is read from that has a record which is lost with the power of two nodes",
    nodes: 3,
    founders: 3,
    finds: &[(Mutant::ClusterFollowerServesUncommitted, "I2-two-records")],
    play: |stage| Box::pin(play(stage)),
};

async fn play(stage: &Stage) -> Result<(), Violation> {
    let all = stage.founders();
    let leader = stage.leader(&all).await?;
    let others = stage.others(leader);
    let (away, follower) = (others[0], others[1]);
    stage.commit(leader).await?;
    stage.settled().await?;
    stage.part(&[away], &[leader, follower]);
    for node in [leader, follower] {
        stage.node(node).disk().stall(Duration::from_secs(30));
    }
    let end = stage.replica(follower).await.map(|one| one.log_end);
    stage.send(leader).await?;
    stage.comes_to(follower, MOMENT, |one| Some(one.log_end) > end).await;
    stage.read(follower, ReadFrom::Nearby).await?;
    stage.off(&[leader, follower]);
    stage.on(&[leader, follower]);
    stage.join(&[away], &all);
    let new = stage.leader(&all).await?;
    stage.commit(new).await?;
    Ok(())
}
