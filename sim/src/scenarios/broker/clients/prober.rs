use std::collections::BTreeMap;
use std::time::Duration;

use ordain::client::admin::OffsetSpec;
use ordain::client::consumer::{Consumer, ConsumerOptions, OffsetReset};
use ordain::client::{Client, ClientError, TopicPartition};
use ordain::types::Offset;

use super::{Seat, bounded, got};
use crate::scenarios::broker::history::{History, Reader, poll_end};

/// Fetches from any offset that a partition holds, most of them inside a batch.
pub(in crate::scenarios) async fn probe(seat: Seat, reader: u32) {
    let mut rng = seat.io.rng.stream("workload");
    while !seat.ending.has_begun() {
        seat.ending.count_operation();
        let Some(partitions) = seat.work().await else { continue };
        let who = Reader { reader, session: seat.history.next_session(&seat.name) };
        let at = &partitions[usize::try_from(rng.below(partitions.len() as u64)).unwrap_or(0)];
        let client = seat.client(Duration::from_secs(5));
        let probing = one(&client, who, at, rng.below(1000), &seat.history);
        match bounded(&seat.io, &seat.history, "a probe", probing).await {
            Ok(Ok(())) => seat.history.progress(&seat.name),
            Ok(Err(error)) => seat.history.note(format_args!("{}: {error}", seat.name)),
            Err(_) => {}
        }
        seat.io.clock.sleep(Duration::from_millis(50 + rng.below(500))).await;
    }
}

async fn one(
    client: &Client,
    who: Reader,
    at: &TopicPartition,
    per_mille: u64,
    history: &History,
) -> Result<(), ClientError> {
    let one = std::slice::from_ref(at);
    let first = client.list_offsets_at(one, OffsetSpec::Earliest).await?[at].offset;
    let end = client.list_offsets_at(one, OffsetSpec::Latest).await?[at].offset;
    let share = i64::try_from(per_mille).unwrap_or(0);
    let from = Offset(first.0 + (end.0 - first.0) * share / 1000);
    let options = ConsumerOptions {
        fetch_wait_max: Duration::from_millis(100),
        partition_bytes_max: 200,
        offset_reset: OffsetReset::Fail,
        ..ConsumerOptions::default()
    };
    let mut consumer = Consumer::assign(client, options, BTreeMap::from([(at.clone(), Some(from))]));
    history.assigning(&who.name(), one);
    history.polling(&who.name());
    let polled = consumer.poll(Duration::from_millis(500)).await;
    let brought = polled.as_ref().map_or(&[][..], Vec::as_slice);
    brought.iter().for_each(|fetched| got(history, who, fetched, client.io().clock.now()));
    history.polled(&who.name(), poll_end(&Ok::<_, ClientError>(polled.as_ref())));
    polled.map(drop)
}
