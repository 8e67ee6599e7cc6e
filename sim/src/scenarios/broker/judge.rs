//! Before and after the faults: the topic is made, and in the end everything is read once more.
use std::collections::BTreeMap;
use std::time::Duration;

use ordain::client::admin::OffsetSpec;
use ordain::client::consumer::{Consumer, ConsumerOptions, OffsetReset};
use ordain::client::{Client, ClientError};
use ordain::io::Io;
use ordain::types::Offset;

use super::clients::{client, create_checked_topic, got};
use super::history::{CommittedRead, Extent, History, Reader};
use super::machine::Machine;
use super::plan::{GROUP, Plan};
use crate::cluster::{Cluster, NodeHandle};
use crate::scenarios::Violation;

/// How long the judge's own requests may take; nothing is broken any more.
const PATIENCE: Duration = Duration::from_secs(60);
/// The judge's number as a reader.
const JUDGE: u32 = 1000;

/// Waits until the broker serves and the topic is there.
pub(super) async fn prepare(
    cluster: &Cluster,
    plan: &Plan,
    judge: &NodeHandle,
    history: &History,
) -> Result<(), Violation> {
    let (plan, history) = (plan.clone(), history.clone());
    let creating = judge.run(|io| async move { create_checked_topic(&io, &plan, &history).await });
    match cluster.within(PATIENCE, creating).await.flatten() {
        Some(()) => Ok(()),
        None => Err(Violation::new("I16-stuck", format!("the topic cannot be created within {PATIENCE:?}"))),
    }
}

/// Reads everything: as it is, and again after a loss of power. The clients have come to their end.
pub(super) async fn judge(
    cluster: &Cluster,
    plan: &Plan,
    machine: &Machine,
    judge: &NodeHandle,
    history: &History,
) -> Result<(), Violation> {
    for session in 1..=2 {
        let (plan, history) = (plan.clone(), history.clone());
        let looking = judge.run(move |io| async move { look(&io, &plan, session, &history).await });
        match cluster.within(PATIENCE, looking).await.flatten() {
            Some(Ok(())) => {}
            Some(Err(error)) => {
                return Err(Violation::new("last-look", format!("the last look failed: {error}")));
            }
            None => {
                return Err(Violation::new(
                    "last-look",
                    format!("the last look took more than {PATIENCE:?}"),
                ));
            }
        }
        if session == 1 {
            machine.power_fail();
            machine.start();
        }
    }
    Ok(())
}

async fn look(io: &Io, plan: &Plan, session: u32, history: &History) -> Result<(), ClientError> {
    let client = client(io, "judge", Duration::from_secs(30));
    let partitions = plan.checked();
    let began = history.now();
    let committed = client.group_offsets(GROUP, Some(&partitions)).await?;
    for at in &partitions {
        let offset = committed.get(at).map(|committed| committed.offset);
        history.committed(CommittedRead { at: at.clone(), offset, began, ended: history.now() });
    }
    let starts = client.list_offsets_at(&partitions, OffsetSpec::Earliest).await?;
    let ends = client.list_offsets_at(&partitions, OffsetSpec::Latest).await?;
    for at in &partitions {
        let extent = Extent { start: starts[at].offset, end: ends[at].offset };
        history.note(format_args!("{at} holds {extent:?}"));
        let before = history.events().extents.insert(at.clone(), extent);
        if before.is_some_and(|before| before != extent) {
            history.wrong(format!("{at} held {before:?}, and after a loss of power {extent:?}"));
        }
    }
    let positions: BTreeMap<_, _> = starts.iter().map(|(at, listed)| (at.clone(), listed.offset)).collect();
    let ends = ends.iter().map(|(at, listed)| (at.clone(), listed.offset)).collect();
    read_all(&client, session, positions, &ends, history).await
}

async fn read_all(
    client: &Client,
    session: u32,
    from: BTreeMap<ordain::client::TopicPartition, Offset>,
    ends: &BTreeMap<ordain::client::TopicPartition, Offset>,
    history: &History,
) -> Result<(), ClientError> {
    let options = ConsumerOptions { offset_reset: OffsetReset::Fail, ..ConsumerOptions::default() };
    let wanted = from.into_iter().map(|(at, offset)| (at, Some(offset))).collect();
    let mut consumer = Consumer::assign(client, options, wanted);
    while consumer.positions() != *ends {
        for fetch in consumer.poll(Duration::from_secs(5)).await? {
            got(history, Reader { reader: JUDGE, session }, &fetch);
        }
    }
    Ok(())
}
