//! A fourth voter that joins while half of them are cut off: half of four is no majority, although it is one of three
//! (KIP-853; Ongaro 2014, §4).
use ordain::partition::{ChangeDone, VoterChange};
use ordain::probe::Mutant;
use ordain::types::NodeId;

use super::{MOMENT, Script, Stage};
use crate::scenarios::Violation;

pub(super) const SCRIPT: Script = Script {
    name: "directed-fourth-voter",
    about: "a voter joins a leader that is cut off from the others",
    nodes: 4,
    founders: 3,
    finds: &[(Mutant::ReplicaMedianWatermark, "I1-lost-record")],
    play: |stage| Box::pin(play(stage)),
};

async fn play(stage: &Stage) -> Result<(), Violation> {
    let (fourth, old) = (NodeId(4), stage.leader(&stage.founders()).await?);
    let others = stage.others(old);
    stage.commit(old).await?;
    stage.settled().await?;
    stage.part(&[old, fourth], &others);
    stage.change_voters(old, VoterChange::Add(stage.key_of(fourth).await?), ChangeDone::Appended).await?;
    stage.send(old).await?;
    stage.wait(MOMENT).await;
    stage.off(&[old, fourth]);
    let new = stage.leader(&others).await?;
    stage.holds_what_was_told(new).await
}
