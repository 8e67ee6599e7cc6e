//! A node's file system becomes read-only under it, as one does whose own journal cannot be written: the node ends, and cannot start,
//! until somebody has mounted it anew. The others go on, and nothing that was acknowledged is lost.
use std::time::Duration;

use super::{Script, Stage, WIDE};
use crate::scenarios::Violation;

pub(super) const SCRIPT: Script = Script {
    name: "directed-read-only-disk",
    about: "the disk of a node that leads becomes read-only, and is mounted anew later",
    nodes: 3,
    late: 0,
    window: WIDE,
    finds: &[],
    play: |stage| Box::pin(play(stage)),
};

const TOPIC: &str = "written";
const PARTITIONS: i32 = 4;
const RECORDS: u32 = 20;
/// While a node is started again and again.
const FOR: Duration = Duration::from_secs(5);

async fn play(stage: &Stage) -> Result<(), Violation> {
    stage.create_topic(TOPIC, PARTITIONS).await?;
    stage.settled().await?;
    stage.write(TOPIC, PARTITIONS, RECORDS).await?;
    let broken = *stage.rng("read-only").pick(&stage.nodes());
    stage.machine(broken).disk().read_only(true);
    stage.write(TOPIC, PARTITIONS, RECORDS).await?;
    stage.led_without(&[broken]).await?;
    let ended = async || stage.context(broken).is_none().then_some(());
    stage.until("the node has ended", ended).await?;
    stage.wait(FOR).await;
    stage.write(TOPIC, PARTITIONS, RECORDS).await?;
    if stage.context(broken).is_some() {
        return Err(Violation::new("directed", "a node runs on a disk that it cannot write to"));
    }
    stage.machine(broken).disk().read_only(false);
    stage.settled().await?;
    stage.each_holds(TOPIC, PARTITIONS, 3 * RECORDS).await
}
