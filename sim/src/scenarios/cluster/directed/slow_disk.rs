//! The disk of a node that leads becomes so slow that each commit of its journal takes seconds. Others have what is committed, and
//! fast disks: they take over what it leads, while clients write, and it takes nothing back until its disk is as before.
use ordain::probe::Mutant;

use super::super::RECOVERY;
use super::{Script, Stage, WIDE};
use crate::scenarios::Violation;

pub(super) const SCRIPT: Script = Script {
    name: "directed-slow-disk-leads-nothing",
    about: "the disk of a node that leads becomes slow, and what it leads is handed over",
    nodes: 3,
    late: 0,
    window: WIDE,
    finds: &[(Mutant::ClusterSlowLeadsOn, "I16-stuck")],
    play: |stage| Box::pin(play(stage)),
};

const TOPIC: &str = "written";
const PARTITIONS: i32 = 6;
const RECORDS: u32 = 20;
/// A flush takes some tenths of a millisecond else.
const TIMES: u32 = 10_000;

async fn play(stage: &Stage) -> Result<(), Violation> {
    stage.create_topic(TOPIC, PARTITIONS).await?;
    stage.settled().await?;
    stage.write(TOPIC, PARTITIONS, RECORDS).await?;
    let slow = *stage.rng("slow-disk").pick(&stage.nodes());
    let disk = stage.machine(slow).disk();
    disk.slow(TIMES);
    // It counts as slow by the commits that it makes.
    let began = stage.now();
    let mut written = RECORDS;
    while stage.leads(slow).await > 0 {
        if stage.now().since(began) > RECOVERY {
            let text = format!("node {slow}, whose disk is slow, leads still, {RECOVERY:?} later");
            return Err(Violation::new("I16-stuck", text));
        }
        stage.write(TOPIC, PARTITIONS, RECORDS).await?;
        written += RECORDS;
    }
    stage.write(TOPIC, PARTITIONS, RECORDS).await?;
    if stage.leads(slow).await > 0 {
        return Err(Violation::new(
            "directed",
            format!("node {slow} leads again, and its disk is slow still"),
        ));
    }
    disk.slow(1);
    stage.settled().await?;
    stage.each_holds(TOPIC, PARTITIONS, written + RECORDS).await
}
