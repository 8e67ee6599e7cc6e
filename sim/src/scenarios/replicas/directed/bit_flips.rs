//! NATS #7549: single flipped bits in the files of a minority of the nodes made these drop everything behind the damage and
//! stand for election all the same; records that a majority had acknowledged were lost from the middle of the stream.
//! Source: nats-io/nats-server issue 7549; jepsen.io/analyses/nats-2.12.1, 2025.
//!
//! Here a replica that finds damage is another one from then on: it promises nothing and votes for nobody until it has been
//! given all anew (docs/replication.md, Damaged replicas).
use ordain::probe::Mutant;

use super::{SILENCE, Script, Stage};
use crate::scenarios::Violation;

pub(super) const SCRIPT: Script = Script {
    name: "directed-bit-flips",
    about: "NATS #7549: a bit flips on one node's disk, and another node is away",
    nodes: 3,
    founders: 3,
    finds: &[
        (Mutant::TruncateAtCorruptCommit, "I1-lost-record"),
        (Mutant::SkipCrcOnRecovery, "I14-damage-served"),
        (Mutant::ReplicaDamagedVotes, "I19-log-contradicts"),
    ],
    play: |stage| Box::pin(play(stage)),
};

async fn play(stage: &Stage) -> Result<(), Violation> {
    let [leader, damaged, away] = stage.one_is_away().await?;
    let hit = stage.commit(leader).await?;
    // What comes behind tells that it had been durable.
    for _ in 0..3 {
        stage.commit(leader).await?;
    }
    stage.off(&[damaged, leader]);
    stage.flip_bits_of(damaged, hit)?;
    stage.join(&[damaged], &[away]);
    stage.on(&[damaged]);
    match stage.comes_first(SILENCE, &[damaged, away], |one| one.leader && one.serving).await {
        Some(new) => stage.holds_what_was_told(new).await,
        None => Ok(()),
    }
}
