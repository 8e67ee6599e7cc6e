//! Kafka 0.8, 2013: a leader that was cut off from its followers shrank its in-sync replicas to itself and went on acknowledging,
//! with `acks=all`, what nobody else had. When it died, one of the followers was elected, and all of that was lost.
//! Source: K. Kingsbury, "Jepsen: Kafka", aphyr.com/posts/293, 2013.
//!
//! Here a majority of the *voters* decides, however many of them are heard: alone, a leader acknowledges nothing, and soon leads
//! no more.
use ordain::probe::Mutant;

use super::{MOMENT, SILENCE, Script, Stage};
use crate::scenarios::Violation;

pub(super) const SCRIPT: Script = Script {
    name: "directed-isolated-leader",
    about: "Kafka 2013: a leader that is cut off acknowledges what it alone has, and dies",
    nodes: 3,
    founders: 3,
    finds: &[(Mutant::ReplicaShrinksToTheHeard, "I1-lost-record")],
    play: |stage| Box::pin(play(stage)),
};

async fn play(stage: &Stage) -> Result<(), Violation> {
    let (old, others) = stage.leader_cut_off().await?;
    // Clients reach it still.
    for _ in 0..SILENCE.as_millis() / MOMENT.as_millis() {
        stage.send(old).await?;
        stage.wait(MOMENT).await;
    }
    stage.leader(&others).await?;
    stage.off(&[old]);
    Ok(())
}
