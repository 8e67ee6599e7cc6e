//! Two candidates of one epoch that hear the same voter and not each other: it may vote for one of them
//! (Ongaro & Ousterhout 2014, §5.2).
use std::time::Duration;

use ordain::probe::Mutant;

use super::{MOMENT, SILENCE, Script, Stage};
use crate::scenarios::Violation;

pub(super) const SCRIPT: Script = Script {
    name: "directed-two-candidates",
    about: "two candidates of one epoch ask the same voter",
    nodes: 3,
    founders: 3,
    finds: &[(Mutant::ReplicaVoteTwice, "two-leaders")],
    play: |stage| Box::pin(play(stage)),
};

async fn play(stage: &Stage) -> Result<(), Violation> {
    let all = stage.founders();
    stage.slow(Duration::from_millis(120));
    for _ in 0..16 {
        let voter = stage.leader(&all).await?;
        let candidates = stage.others(voter);
        stage.commit(voter).await?;
        stage.settled().await?;
        stage.part(&candidates[..1], &candidates[1..]);
        stage.off(&[voter]);
        for &candidate in &candidates {
            stage.comes_to(candidate, SILENCE, |one| one.role == "prospective").await;
        }
        stage.on(&[voter]);
        stage.leader(&all).await?;
        stage.wait(MOMENT).await;
        stage.join(&all, &all);
    }
    Ok(())
}
