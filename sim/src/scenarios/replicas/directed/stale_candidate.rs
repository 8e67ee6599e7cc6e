//! A log that is as long as another one and older: a leader that was cut off has a record of its own in the place of one that its
//! successor has committed, and campaigns. What counts is the last epoch before the length (Ongaro & Ousterhout 2014, §5.4.1);
//! Kafka compared lengths alone until it had leader epochs (KIP-101).
use ordain::probe::Mutant;

use super::{SILENCE, Script, Stage};
use crate::scenarios::Violation;

pub(super) const SCRIPT: Script = Script {
    name: "directed-stale-candidate",
    about: "a leader that was cut off campaigns with a log as long as the one that was committed",
    nodes: 3,
    founders: 3,
    finds: &[
        (Mutant::ReplicaVoteByOffset, "I19-log-contradicts"),
        (Mutant::ReplicaVoteWithoutLook, "I19-log-contradicts"),
    ],
    play: |stage| Box::pin(play(stage)),
};

async fn play(stage: &Stage) -> Result<(), Violation> {
    let (first, others) = stage.leader_cut_off().await?;
    stage.send(first).await?;
    let second = stage.leader(&others).await?;
    stage.commit(second).await?;
    // The follower hears its leader, and those who would lead in its place.
    let rest = stage.others(second);
    stage.join(&rest, &rest);
    stage.wait(SILENCE).await;
    stage.off(&[second]);
    let third = stage.leader(&rest).await?;
    stage.holds_what_was_told(third).await
}
