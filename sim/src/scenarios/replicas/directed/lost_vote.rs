//! A vote that is not on the disk when it is given, or is not looked for there: after a restart the voter votes again in the same
//! epoch, and two nodes lead it. Raft keeps `votedFor` on stable storage (Ongaro & Ousterhout 2014, figure 2).
//!
//! Here a vote is told once it is durable, and found again (docs/replication.md, Durable before sent).
use std::time::Duration;

use ordain::probe::Mutant;

use super::{SILENCE, Script, Stage};
use crate::scenarios::Violation;

pub(super) const FORGOTTEN: Script = Script {
    name: "directed-forgotten-vote",
    about: "a voter starts again, and is asked in the epoch in which it has voted",
    nodes: 3,
    founders: 3,
    finds: &[(Mutant::ReplicaForgetVote, "two-leaders")],
    play: |stage| Box::pin(play(stage, Disk::Works)),
};

pub(super) const NOT_WRITTEN: Script = Script {
    name: "directed-vote-not-written",
    about: "a voter whose disk stands still loses its power, and is asked in the epoch in which it would have voted",
    nodes: 3,
    founders: 3,
    finds: &[(Mutant::ReplicaGrantBeforeDurable, "two-leaders")],
    play: |stage| Box::pin(play(stage, Disk::Stalls)),
};

/// The voter's.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Disk {
    Works,
    Stalls,
}

async fn play(stage: &Stage, disk: Disk) -> Result<(), Violation> {
    let old = stage.leader(&stage.founders()).await?;
    let others = stage.others(old);
    stage.commit(old).await?;
    stage.settled().await?;
    stage.slow(Duration::from_millis(10));
    stage.part(&[old], &others);
    let campaigns = stage.comes_first(SILENCE, &others, |one| one.role == "prospective").await;
    let Some(candidate) = campaigns else { return Ok(()) };
    let voter = others.iter().copied().find(|&other| other != candidate).unwrap_or(old);
    if disk == Disk::Stalls {
        stage.node(voter).disk().stall(Duration::from_secs(30));
    }
    // The voter gives its vote, or cannot, and sees nothing of the epoch that begins with it.
    stage.comes_first(Duration::from_secs(1), &[candidate], |one| one.leader).await;
    stage.part(&[candidate], &[voter]);
    stage.off(&[voter]);
    stage.on(&[voter]);
    stage.join(&[voter], &[old]);
    stage.leader(&[old, voter]).await?;
    Ok(())
}
