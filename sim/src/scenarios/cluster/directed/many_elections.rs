//! The node dies that leads most of many partitions: the others elect leaders for all of them together, with few messages and few
//! commits of their journals, not with some for each.
use ordain::probe::Mutant;

use super::{Script, Stage, WIDE};
use crate::cluster::NodeHandle;
use crate::scenarios::Violation;

pub(super) const SCRIPT: Script = Script {
    name: "directed-many-elections",
    about: "a node that leads many partitions dies, and all of them have a leader again with few messages and few commits",
    nodes: 3,
    late: 0,
    window: WIDE,
    finds: &[(Mutant::ClusterMessagesOneByOne, "elections-one-by-one")],
    play: |stage| Box::pin(play(stage)),
};

const TOPIC: &str = "many";
const PARTITIONS: i32 = 2_000;
/// Writes of the two to each other for each election, at most; one by itself takes five and more: candidates do not begin at one moment.
const WRITES_MAX: u64 = 2;
/// Elections for each commit of a node's journal, at least.
const ELECTIONS_MIN: u64 = 8;

async fn play(stage: &Stage) -> Result<(), Violation> {
    stage.create_topic(TOPIC, PARTITIONS).await?;
    stage.settled().await?;
    let mut nodes = Vec::new();
    for node in stage.nodes() {
        nodes.push((stage.leads(node).await, node));
    }
    nodes.sort_unstable();
    let (elections, dies) = nodes.pop().expect("a script has nodes");
    let others: Vec<_> = nodes.into_iter().map(|(_, node)| node).collect();
    let spent = || {
        let commits: Vec<u64> = others.iter().map(|&node| stage.next_commit(node)).collect();
        (commits, stage.writes(others[0], others[1]) + stage.writes(others[1], others[0]))
    };
    let (commits_before, writes_before) = spent();
    stage.fleet().down(dies, NodeHandle::crash);
    stage.led_without(&[dies]).await?;
    let (commits, writes) = spent();
    stage.fleet().up(dies);
    let elections = elections as u64;
    let writes = writes - writes_before;
    let commits: Vec<u64> =
        commits.iter().zip(&commits_before).map(|(after, before)| after.saturating_sub(*before)).collect();
    let what =
        format!("{elections} elections, {writes} writes between the two that are left, {commits:?} commits");
    stage.note(&what);
    if elections < u64::from(PARTITIONS.unsigned_abs()) / 3 {
        return Err(Violation::new("directed", format!("too few for a test: {what}")));
    }
    if writes > elections * WRITES_MAX || commits.iter().any(|commits| commits * ELECTIONS_MIN > elections) {
        return Err(Violation::new("elections-one-by-one", what));
    }
    Ok(())
}
