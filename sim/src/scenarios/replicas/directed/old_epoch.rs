//! Raft's figure 8: a record of an old term is on a majority, is taken for committed, and is overwritten by a leader whose log ends
//! with a later term. Only an entry of the leader's own term may be counted (Ongaro & Ousterhout 2014, §5.4.2).
//!
//! Here a leader commits nothing before its epoch's start is on a majority, and with it what comes before (docs/replication.md, The
//! epoch start).
use std::time::Duration;

use ordain::probe::Mutant;

use super::{SILENCE, Script, Stage};
use crate::scenarios::Violation;

pub(super) const SCRIPT: Script = Script {
    name: "directed-old-epoch",
    about: "Raft's figure 8: a majority holds what an earlier epoch wrote, and not yet the start of the present one",
    nodes: 3,
    founders: 3,
    finds: &[(Mutant::ReplicaCommitOldEpoch, "I19-log-contradicts")],
    play: |stage| Box::pin(play(stage)),
};

/// More than one commit of a journal holds.
const RECORDS: usize = 3000;

async fn play(stage: &Stage) -> Result<(), Violation> {
    let first = stage.leader(&stage.founders()).await?;
    let others = stage.others(first);
    stage.commit(first).await?;
    stage.settled().await?;
    stage.slow(Duration::from_millis(10));
    stage.part(&[first], &others);
    for _ in 0..RECORDS {
        stage.send(first).await?;
    }
    // An epoch begins of which only its leader holds the start.
    let Some(second) = stage.comes_first(SILENCE, &others, |one| one.leader).await else { return Ok(()) };
    let voter: Vec<_> = others.iter().copied().filter(|&other| other != second).collect();
    stage.part(&[second], &voter);
    let before = stage.replica(first).await.map(|one| one.high_watermark);
    stage.join(&[first], &voter);
    stage.comes_first(SILENCE, &[first], |one| one.leader).await;
    // What it is sent takes several commits of its journal.
    voter.iter().for_each(|&voter| stage.node(voter).disk().slow(300));
    stage.comes_to(first, SILENCE, |one| Some(one.high_watermark) > before).await;
    stage.part(&[first], &voter);
    // It has more in memory: the start of the present epoch, perhaps.
    stage.off(&voter);
    voter.iter().for_each(|&voter| stage.node(voter).disk().slow(1));
    stage.on(&voter);
    stage.join(&[second], &voter);
    stage.leader(&others).await?;
    Ok(())
}
