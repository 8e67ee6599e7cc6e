//! Of three voters of the metadata one is down, and somebody asks for another one to vote no longer. The set without it could be committed by
//! nobody: it is refused, nothing of it is left, and all goes on.
use std::time::Duration;

use ordain::client::{Client, ClientError};
use ordain::metadata::controller::METADATA_PARTITION;
use ordain::probe::Mutant;
use ordain::types::{ErrorCode, NodeId};

use super::{Script, Stage, WIDE};
use crate::scenarios::Violation;

pub(super) const SCRIPT: Script = Script {
    name: "directed-needed-voter-stays",
    about: "a voter of the metadata is to be removed without whom too few are there",
    nodes: 3,
    late: 0,
    window: WIDE,
    finds: &[(Mutant::ClusterRemovesTheNeeded, "I16-stuck")],
    play: |stage| Box::pin(play(stage)),
};

/// How long one question may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// Within this time it is noticed that a node is down.
const NOTICED: Duration = Duration::from_secs(1);

async fn play(stage: &Stage) -> Result<(), Violation> {
    let wrong = |text: String| Violation::new("directed", text);
    let controller = stage.controller().await?;
    let mut voters = voters(stage).await;
    let of = voters.len();
    voters.retain(|node| *node != controller);
    let [down, needed] = voters[..] else { return Err(wrong(format!("{of} nodes vote, not three"))) };
    stage.note(&format!("node {down} goes down, and node {needed} is needed"));
    stage.power_fails(down);
    stage.wait(NOTICED).await;
    let answer = stage.attempt(PATIENCE, move |client| async move { remove(&client, needed).await }).await;
    // Somebody has to be able to tell, however it was answered.
    stage.controller().await?;
    match answer {
        Some(Err(error)) if error.code() == Some(ErrorCode::RequestTimedOut) => {}
        other => return Err(wrong(format!("node {needed} was to be kept, and the answer was {other:?}"))),
    }
    if stage.image()?.quorum.as_ref().is_some_and(|nodes| !nodes.contains(&needed)) {
        return Err(wrong(format!("it is noted that node {needed} shall not vote")));
    }
    stage.fleet().up(down);
    stage.settled().await?;
    stage.ask("removing it now", move |client| async move { remove(&client, needed).await }).await?;
    let gone = async || (!self::voters(stage).await.contains(&needed)).then_some(());
    stage.until("it votes no longer", gone).await
}

/// Who votes on the metadata, as its leader knows.
async fn voters(stage: &Stage) -> Vec<NodeId> {
    let stats = stage.stats().await;
    let mut all = stats.values().flatten().filter(|one| one.id == METADATA_PARTITION);
    let leader = all.find(|one| one.leader);
    leader.map(|one| one.voters.keys().iter().map(|key| key.node).collect()).unwrap_or_default()
}

async fn remove(client: &Client, node: NodeId) -> Result<(), ClientError> {
    let quorum = client.describe_quorum(PATIENCE).await?;
    match quorum.voters.iter().find(|voter| voter.id == node) {
        Some(voter) => client.remove_voter(voter).await,
        None => Ok(()),
    }
}
