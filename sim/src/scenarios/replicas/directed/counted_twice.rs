//! Of five nodes two are no majority, however often one of them says yes.
use std::time::Duration;

use ordain::probe::Mutant;

use super::{SILENCE, Script, Stage};
use crate::scenarios::Violation;

pub(super) const SCRIPT: Script = Script {
    name: "directed-votes-of-two",
    about: "two candidates of one epoch have one voter each, of five",
    nodes: 5,
    founders: 5,
    finds: &[(Mutant::ReplicaCountVoteTwice, "two-leaders")],
    play: |stage| Box::pin(play(stage)),
};

async fn play(stage: &Stage) -> Result<(), Violation> {
    let leader = stage.leader(&stage.founders()).await?;
    let mut others = stage.others(leader);
    stage.commit(leader).await?;
    stage.settled().await?;
    stage.slow(Duration::from_millis(100));
    stage.off(&[leader]);
    let first = stage.comes_first(SILENCE, &others, |one| one.role == "candidate").await;
    let Some(first) = first else { return Ok(()) };
    others.retain(|&other| other != first);
    // The one whose turn is next has the same promises, and becomes a candidate, too.
    let second = stage.comes_first(SILENCE, &others, |one| one.role != "follower").await;
    let Some(second) = second else { return Ok(()) };
    others.retain(|&other| other != second);
    stage.part(&[first], &[second, others[1]]);
    stage.part(&[second], &[others[0]]);
    stage.wait(SILENCE).await;
    Ok(())
}
