//! NATS #7545: changes of the membership, together with a partition and killed processes, lost acknowledged records: nodes that had
//! been cut off went on with sets of members whose majorities did not meet.
//! Source: nats-io/nats-server issue 7545, 2025 (2.12.1, five nodes: one cut off, three killed, one removed).
//!
//! Here voters are changed one at a time, and a change needs the majority of the one before (docs/replication.md, Voter changes).
use ordain::partition::{ChangeDone, VoterChange};
use ordain::probe::Mutant;

use super::{MOMENT, Script, Stage};
use crate::scenarios::Violation;

pub(super) const SCRIPT: Script = Script {
    name: "directed-voters-and-partitions",
    about: "NATS #7545: a leader that is cut off is asked to remove the others",
    nodes: 3,
    founders: 3,
    finds: &[(Mutant::ReplicaTwoChangesAtOnce, "I1-lost-record")],
    play: |stage| Box::pin(play(stage)),
};

async fn play(stage: &Stage) -> Result<(), Violation> {
    let (old, others) = stage.leader_cut_off().await?;
    for &other in &others {
        stage
            .change_voters(old, VoterChange::Remove(stage.key_of(other).await?), ChangeDone::Appended)
            .await?;
    }
    stage.send(old).await?;
    stage.wait(MOMENT).await;
    stage.off(&[old]);
    let new = stage.leader(&others).await?;
    stage.holds_what_was_told(new).await
}
