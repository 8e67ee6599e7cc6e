//! The bug in Raft's voter changes that was found in 2015: a leader that changes the voters before it has committed an entry of its own
//! term can have a majority that does not meet the one of an earlier change that is still under way.
//! Source: D. Ongaro, "bug in single-server membership changes", raft-dev, 2015.
//!
//! Here voters are not changed before the leader's epoch start is committed (docs/replication.md, Voter changes, rule 2).
use std::time::Duration;

use ordain::partition::{ChangeDone, VoterChange};
use ordain::probe::Mutant;
use ordain::types::NodeId;

use super::{MOMENT, SILENCE, Script, Stage};
use crate::scenarios::Violation;

pub(super) const SCRIPT: Script = Script {
    name: "directed-change-before-start",
    about: "a new leader is asked for a change of the voters while one of its predecessor's is under way",
    nodes: 5,
    founders: 4,
    finds: &[(Mutant::ReplicaChangeBeforeStart, "I1-lost-record")],
    play: |stage| Box::pin(play(stage)),
};

async fn play(stage: &Stage) -> Result<(), Violation> {
    let (fifth, old) = (NodeId(5), stage.leader(&stage.founders()).await?);
    let mut others = stage.others(old);
    stage.commit(old).await?;
    stage.settled().await?;
    let old_key = stage.key_of(old).await?;
    stage.part(&[old, fifth], &others);
    stage.change_voters(old, VoterChange::Add(stage.key_of(fifth).await?), ChangeDone::Appended).await?;
    stage.slow(Duration::from_millis(100));
    let new = stage.comes_first(SILENCE, &others, |one| one.leader).await;
    let Some(new) = new else { return Ok(()) };
    // Of those who elected it one sees no more of its epoch.
    others.retain(|&other| other != new);
    let (with, away) = (others[0], others[1]);
    stage.part(&[new, with], &[away]);
    stage.change_voters(new, VoterChange::Remove(old_key), ChangeDone::Appended).await?;
    let sent = stage.send(new).await?;
    stage.acknowledged(sent, MOMENT * 3).await;
    stage.off(&[new, with]);
    stage.join(&[away], &[old, fifth]);
    match stage.comes_first(SILENCE, &[old], |one| one.leader && one.serving).await {
        Some(leader) => stage.holds_what_was_told(leader).await,
        None => Ok(()),
    }
}
