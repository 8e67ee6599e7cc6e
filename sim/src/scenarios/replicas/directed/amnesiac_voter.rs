//! The amnesiac voter: a node comes back with an empty disk and votes as the one that it was. With a node that never had what it
//! had acknowledged it is a majority, which elects a leader without that.
//! Source: KIP-853 (directory ids) and KIP-966 (clean shutdown epochs), which close this hole in Kafka; nats-io/nats-server #7567.
//!
//! Here a replica without its memory has another key, and is in nobody's voter set until it has caught up (docs/replication.md,
//! Damaged replicas).
use ordain::probe::Mutant;

use super::{SILENCE, Script, Stage};
use crate::scenarios::Violation;

pub(super) const SCRIPT: Script = Script {
    name: "directed-amnesiac-voter",
    about: "a node loses its disk, and its leader its power: nobody else has what they acknowledged",
    nodes: 3,
    founders: 3,
    finds: &[(Mutant::ReplicaAmnesiacVotes, "I1-lost-record")],
    play: |stage| Box::pin(play(stage)),
};

async fn play(stage: &Stage) -> Result<(), Violation> {
    let [leader, forgets, away] = stage.one_is_away().await?;
    stage.commit(leader).await?;
    stage.off(&[forgets, leader]);
    stage.node(forgets).disk().wipe();
    stage.join(&[forgets], &[away]);
    stage.on(&[forgets]);
    match stage.comes_first(SILENCE, &[forgets, away], |one| one.leader && one.serving).await {
        Some(new) => stage.holds_what_was_told(new).await,
        None => Ok(()),
    }
}
