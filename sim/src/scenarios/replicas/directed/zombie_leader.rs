//! The zombie leader: a leader is paused, as by a collection of garbage or a moved virtual machine, another one is elected and
//! acknowledges records, and the first wakes up among requests that have waited for it and answers them from what it knows.
//! Source: etcd-io/etcd issue 20418, "Stale reads caused by process pausing", 2025; M. Kleppmann, "How to do distributed locking", 2016.
//!
//! Here what a leader hears counts from when it was said to whom it echoes: one that wakes has heard nobody for too long, and
//! resigns before it serves (docs/replication.md, Time).
use ordain::probe::Mutant;

use super::{MOMENT, Script, Stage};
use crate::scenarios::Violation;

pub(super) const SCRIPT: Script = Script {
    name: "directed-zombie-leader",
    about: "a paused leader wakes among requests that have waited for it",
    nodes: 3,
    founders: 3,
    finds: &[
        (Mutant::ReplicaLeadsUnheard, "I22-stale-read"),
        (Mutant::ReplicaWakesUnaware, "I22-stale-read"),
    ],
    play: |stage| Box::pin(play(stage)),
};

async fn play(stage: &Stage) -> Result<(), Violation> {
    let old = stage.leader(&stage.founders()).await?;
    let others = stage.others(old);
    stage.commit(old).await?;
    stage.fleet().pause(old);
    let new = stage.leader(&others).await?;
    stage.commit(new).await?;
    let sent = stage.commit(new).await?;
    let place = stage.acknowledged(sent, MOMENT).await;
    stage.send(old).await?;
    let wakes = async {
        stage.wait(MOMENT).await;
        stage.fleet().resume(old);
    };
    let (told, ()) = tokio::join!(stage.latest(old), wakes);
    match (told?, place) {
        (Some(latest), Some(place)) if latest <= place => {
            let text = format!(
                "a leader that was paused says that {latest} is the latest offset; {place} is acknowledged"
            );
            Err(Violation::new("I22-stale-read", text))
        }
        (Some(_) | None, _) => Ok(()),
    }
}
