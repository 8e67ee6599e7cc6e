//! Connections end, and the nodes live: nobody is deposed for that. A node counts as gone at once only when its connections have ended
//! *and* nothing listens where it did (docs/replication.md, Time).
use ordain::probe::Mutant;

use super::{MOMENT, Script, Stage};
use crate::scenarios::Violation;

pub(super) const SCRIPT: Script = Script {
    name: "directed-reset-streams",
    about: "all connections of a leader are reset, again and again",
    nodes: 3,
    founders: 3,
    finds: &[(Mutant::ReplicaGoneByReset, "I17-deposed")],
    play: |stage| Box::pin(play(stage)),
};

async fn play(stage: &Stage) -> Result<(), Violation> {
    let leader = stage.leader(&stage.founders()).await?;
    let before = stage.replica(leader).await.map(|one| one.epoch);
    for _ in 0..5 {
        stage.reset(&[leader], &stage.others(leader));
        stage.wait(MOMENT).await;
        let after = stage.replica(leader).await.filter(|one| one.leader).map(|one| one.epoch);
        if before != after {
            let text = format!("a leader of {before:?} whose connections were reset leads in {after:?}");
            return Err(Violation::new("I17-deposed", text));
        }
        stage.commit(leader).await?;
    }
    Ok(())
}
