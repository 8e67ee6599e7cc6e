//! `min.insync.replicas` of all three: what two of them hold is committed, and not acknowledged to whoever asked for three.
use ordain::probe::Mutant;

use super::{MOMENT, Script, Stage};
use crate::scenarios::Violation;

pub(super) const SCRIPT: Script = Script {
    name: "directed-least-replicas",
    about: "a record that three replicas are to hold is sent while one is away",
    nodes: 3,
    founders: 3,
    finds: &[(Mutant::ReplicaIgnoresTheLeast, "I1-too-few-replicas")],
    play: |stage| Box::pin(play(stage)),
};

async fn play(stage: &Stage) -> Result<(), Violation> {
    let leader = stage.leader(&stage.founders()).await?;
    let others = stage.others(leader);
    stage.part(&others[..1], &[leader, others[1]]);
    let sent = stage.send_to_all(leader, 3).await?;
    match stage.acknowledged(sent, MOMENT).await {
        Some(offset) => {
            let text = format!("a record for three replicas is acknowledged at {offset} while one is away");
            Err(Violation::new("I1-too-few-replicas", text))
        }
        None => Ok(()),
    }
}
