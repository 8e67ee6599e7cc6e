//! A replica begins anew inside a batch: its leader's start was moved there, in memory, and the leader loses its power before that is
//! durable anywhere else. Whoever leads next has all of the batch. It was taken for malformed, since a log was to begin inside a batch
//! only where its leader's begins: the two nodes closed their connections again and again, and the leader, which needed the replica to
//! commit its epoch's start, served nobody.
//!
//! Here a log that holds nothing yet takes the batch that it begins in, wherever its leader's begins (docs/replication.md, The drivers).
use std::time::Duration;

use ordain::probe::Mutant;

use super::{MOMENT, Script, Stage};
use crate::scenarios::Violation;

pub(super) const SCRIPT: Script = Script {
    name: "directed-reset-inside-a-batch",
    about: "a replica begins anew inside a batch, and whoever leads next has a log that begins before it",
    nodes: 3,
    founders: 3,
    finds: &[(Mutant::ReplicaBeginsWithItsLeader, "I16-stuck")],
    play: |stage| Box::pin(play(stage)),
};

/// Of the batch, and how many of them are deleted.
const RECORDS: u64 = 20;
const DELETED: i64 = 10;

async fn play(stage: &Stage) -> Result<(), Violation> {
    let old = stage.leader(&stage.founders()).await?;
    let others = stage.others(old);
    let (new, late) = (others[0], others[1]);
    stage.commit(old).await?;
    stage.settled().await?;
    stage.off(&[late]);
    let sent = stage.commit_batch(old, RECORDS).await?;
    let place = stage.acknowledged(sent, MOMENT).await;
    let place = place.ok_or_else(|| Violation::new("I16-stuck", "a batch is not acknowledged"))?;
    let inside = place.plus(DELETED);
    // Both have the batch on their disks, and the start in memory alone.
    for node in [old, new] {
        stage.node(node).disk().stall(Duration::from_secs(60));
    }
    stage.delete(old, inside, MOMENT).await?;
    stage.slow(Duration::from_millis(50));
    stage.on(&[late]);
    stage.until(late, "it begins anew", |one| one.log_start == inside).await?;
    // What follows is not sent to it any more.
    stage.part(&[old], &[late]);
    stage.until(late, "it has begun anew durably", |one| one.durable_start == inside).await?;
    stage.off(&[old, new]);
    stage.on(&[new]);
    stage.leader(&[new]).await?;
    Ok(())
}
