//! Redpanda #5090: a node that had won an election answered clients as the partition's leader although no entry of its term was
//! committed yet. What it took for committed was behind what its predecessor had acknowledged, and readers saw what they may not.
//! Source: redpanda-data/redpanda issue 5090, "Aborted reads in chaos test runs", and pull request 5025, 2022.
//!
//! Here a leader tells no latest offset and gives no records before its epoch's start is committed (docs/replication.md, The
//! epoch start).
use std::time::Duration;

use ordain::probe::Mutant;

use super::super::RECOVERY;
use super::{Script, Stage};
use crate::scenarios::Violation;

pub(super) const SCRIPT: Script = Script {
    name: "directed-leader-before-its-start",
    about: "Redpanda #5090: a new leader is asked before it knows what is committed",
    nodes: 3,
    founders: 3,
    finds: &[(Mutant::ReplicaServesBeforeStart, "I10-stepped-back")],
    play: |stage| Box::pin(play(stage)),
};

async fn play(stage: &Stage) -> Result<(), Violation> {
    let [old, follower, away] = stage.one_is_away().await?;
    stage.slow(Duration::from_millis(100));
    let sent = stage.send(old).await?;
    let place = stage.acknowledged(sent, RECOVERY).await;
    let place = place.ok_or_else(|| Violation::new("I16-stuck", "a record is not acknowledged"))?;
    // The follower has the record, and does not know yet that it is committed.
    stage.part(&[old], &[follower]);
    stage.off(&[old]);
    stage.join(&[follower], &[away]);
    stage.comes_first(RECOVERY, &[follower], |one| one.leader).await;
    match stage.latest(follower).await? {
        Some(latest) if latest <= place => {
            let text =
                format!("a new leader says that {latest} is the latest offset; {place} is acknowledged");
            Err(Violation::new("I10-stepped-back", text))
        }
        Some(_) | None => Ok(()),
    }
}
