//! An epoch in which nothing was written: who was cut off in it knows its end by the epoch's start alone, and so must whoever leads
//! later. Kafka keeps epochs that records tell of (KIP-101; KAFKA-20961), and loses others when a log is copied.
//!
//! Here an epoch's start is an entry, replicated and durable like any other (docs/replication.md, The epoch start).
use std::time::Duration;

use ordain::probe::Mutant;

use super::super::RECOVERY;
use super::{Script, Stage};
use crate::scenarios::Violation;

pub(super) const SCRIPT: Script = Script {
    name: "directed-epoch-without-records",
    about: "a replica whose last epoch has no records follows one that was away in it",
    nodes: 3,
    founders: 3,
    finds: &[(Mutant::ReplicaEpochStartsLost, "I19-log-contradicts")],
    play: |stage| Box::pin(play(stage)),
};

async fn play(stage: &Stage) -> Result<(), Violation> {
    let first = stage.leader(&stage.founders()).await?;
    let others = stage.others(first);
    let (away, second) = (others[0], others[1]);
    stage.commit(first).await?;
    stage.settled().await?;
    stage.part(&[away], &[first, second]);
    stage.transfer(first, second).await?;
    stage.leader(&[second]).await?;
    let epoch = stage.replica(second).await.map(|one| one.epoch);
    stage
        .until(first, "it follows", |one| Some(one.epoch) == epoch && one.leader_node == Some(second))
        .await?;
    // It knows that its epoch has begun, and is away from then on.
    stage.part(&[second], &[first]);
    stage.slow(Duration::from_millis(50));
    stage.join(&[away], &[first]);
    stage.comes_first(RECOVERY, &[first], |one| one.leader).await;
    let sent = stage.send(first).await?;
    stage.acknowledged(sent, RECOVERY).await;
    let end = stage.replica(first).await.map(|one| one.log_end);
    stage.until(away, "it has the record", |one| Some(one.durable_end) == end).await?;
    stage.off(&[away, first]);
    stage.on(&[away]);
    stage.join(&[away], &[second]);
    stage.leader(&[away]).await?;
    Ok(())
}
