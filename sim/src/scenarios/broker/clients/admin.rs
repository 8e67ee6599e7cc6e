use std::collections::BTreeMap;
use std::time::Duration;

use ordain::client::admin::{NewTopic, OffsetSpec, Validate};
use ordain::client::{Client, ClientError, TopicPartition};
use ordain::io::Io;
use ordain::types::{ErrorCode, Offset};

use super::{Seat, Servers, bounded};
use crate::scenarios::broker::history::History;
use crate::scenarios::broker::kept::look_at_kept_group;
use crate::scenarios::broker::plan::{GROUP, Plan};

/// Creates the topics that stay; tries until they are there.
pub(in crate::scenarios) async fn create_topics(io: &Io, servers: &Servers, plan: &Plan, history: &History) {
    let client = servers.client(io, "creator", Duration::from_secs(8));
    for name in Plan::TOPICS {
        let topic = NewTopic {
            name: name.to_owned(),
            partitions: i32::try_from(plan.partitions_of(name).len()).ok(),
            replication_factor: Some(servers.replicas),
            configs: plan.topic_configs(name),
        };
        loop {
            match client.create_topic(&topic, Validate::Apply).await {
                Ok(_) => break,
                Err(error) if error.code() == Some(ErrorCode::TopicAlreadyExists) => break,
                Err(error) => history.note(format_args!("creating {name}: {error}")),
            }
            io.clock.sleep(Duration::from_millis(300)).await;
        }
    }
}

/// Deletes records, and looks at what is committed.
pub(in crate::scenarios) async fn administer(seat: Seat) {
    let (io, history) = (&seat.io, &seat.history);
    let mut rng = io.rng.stream("workload");
    let client = seat.client(Duration::from_secs(5));
    while !seat.ending.has_begun() {
        let Some(partitions) = seat.work().await else { continue };
        let index = usize::try_from(rng.below(partitions.len() as u64)).unwrap_or(0);
        let draw = rng.below(10);
        seat.ending.count_operation();
        let work = async {
            match draw {
                0 => delete_records(&client, &partitions[index], rng.below(500), history).await,
                1 | 2 if !seat.account.groups_are_down() => look_at_kept_group(&client, history).await,
                _ => look_at_committed(&client, &partitions, history).await,
            }
        };
        match bounded(io, history, "administration", work).await {
            Ok(Ok(())) => history.progress(&seat.name),
            Ok(Err(error)) => history.note(format_args!("{}: {error}", seat.name)),
            Err(_) => {}
        }
        io.clock.sleep(Duration::from_millis(100 + rng.below(1500))).await;
    }
}

/// Deletes a part of what a partition holds, in thousandths.
pub(super) async fn delete_records(
    client: &Client,
    at: &TopicPartition,
    per_mille: u64,
    history: &History,
) -> Result<(), ClientError> {
    let (first, end) = extent(client, at).await?;
    let share = i64::try_from(per_mille).unwrap_or(0);
    let before = Offset(first.0 + (end.0 - first.0) * share / 1000);
    delete_before(client, at, before, history).await
}

/// Deletes the records before an offset.
pub(super) async fn delete_before(
    client: &Client,
    at: &TopicPartition,
    before: Offset,
    history: &History,
) -> Result<(), ClientError> {
    let deleting = history.deleting(at, before);
    let result = client.delete_records(&BTreeMap::from([(at.clone(), before)])).await.map(drop);
    history.deleted(&deleting, &result);
    result
}

/// Where a partition begins and ends.
async fn extent(client: &Client, at: &TopicPartition) -> Result<(Offset, Offset), ClientError> {
    let one = std::slice::from_ref(at);
    let first = client.list_offsets_at(one, OffsetSpec::Earliest).await?;
    let end = client.list_offsets_at(one, OffsetSpec::Latest).await?;
    Ok((first[at].offset, end[at].offset))
}

pub(super) async fn look_at_committed(
    client: &Client,
    partitions: &[TopicPartition],
    history: &History,
) -> Result<(), ClientError> {
    let asked = history.asks_committed(partitions);
    let found = client.group_offsets(GROUP, Some(partitions)).await;
    let found = found.inspect_err(|_| history.has_failed(asked))?;
    let offset = |at: &TopicPartition| found.get(at).map(|committed| committed.offset);
    history.committed(asked, &partitions.iter().map(|at| (at.clone(), offset(at))).collect::<Vec<_>>());
    Ok(())
}
