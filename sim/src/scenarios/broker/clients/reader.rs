use std::time::Duration;

use ordain::client::Client;
use ordain::client::consumer::{Consumer, ConsumerOptions, Fetched, OffsetReset};
use ordain::types::Instant;

use super::{Seat, bounded};
use crate::scenarios::broker::account::Account;
use crate::scenarios::broker::history::{
    Batch, Carried, History, JUDGE, NEAR_READER, Read, Reader, poll_end,
};

/// Polls after which a reader begins again, though it has not come to the end.
const POLLS_MAX: u32 = 60;
/// Polls that bring nothing, after which a reader looks whether it stands at something destroyed.
const EMPTY_POLLS_MAX: u32 = 3;

/// Reads all partitions from the beginning to the end, again and again.
pub(in crate::scenarios) async fn read_again_and_again(seat: Seat, reader: u32) {
    while !seat.ending.has_begun() {
        seat.ending.count_operation();
        if read_once(&seat, reader, None).await {
            seat.history.progress(&seat.name);
        }
        seat.io.clock.sleep(Duration::from_millis(500)).await;
    }
}

/// The same from another rack each time, which are numbered from 1 on.
pub(in crate::scenarios) async fn read_nearby(seat: Seat, reader: u32, racks: u32) {
    let mut rng = seat.io.rng.stream("racks");
    while !seat.ending.has_begun() {
        seat.ending.count_operation();
        let rack = format!("r{}", 1 + rng.below(u64::from(racks.max(1))));
        if read_once(&seat, reader, Some(rack)).await {
            seat.history.progress(&seat.name);
        }
        seat.io.clock.sleep(Duration::from_millis(500)).await;
    }
}

/// How a fetch is shaped: small enough to need many, at times smaller than a batch.
pub(super) fn options(draw: u64) -> ConsumerOptions {
    ConsumerOptions {
        fetch_wait_max: Duration::from_millis(100),
        fetch_bytes_max: [500, 5_000, 1 << 20][usize::try_from(draw % 3).unwrap_or(0)],
        partition_bytes_max: [1, 1_000, 1 << 20][usize::try_from(draw / 3 % 3).unwrap_or(0)],
        offset_reset: OffsetReset::Earliest,
        ..ConsumerOptions::default()
    }
}

/// Whether it came to the end.
async fn read_once(seat: &Seat, reader: u32, rack: Option<String>) -> bool {
    let (io, history) = (&seat.io, &seat.history);
    let client = seat.client(Duration::from_secs(5));
    let Some(partitions) = seat.work().await else { return true };
    history.assigning(&seat.name, &partitions);
    let wanted = partitions.into_iter().map(|at| (at, None)).collect();
    let draw = io.rng.stream("workload").below(9);
    let options = ConsumerOptions { rack, ..options(draw) };
    let mut consumer = Consumer::assign(&client, options, wanted);
    let mut who = Reader { reader, session: history.next_session(&seat.name) };
    let mut empty = 0;
    for _ in 0..POLLS_MAX {
        history.polling(&seat.name);
        let polled = bounded(io, history, "a poll", consumer.poll(Duration::from_millis(300))).await;
        if let Ok(Ok(fetched)) = &polled {
            fetched.iter().for_each(|fetch| got(history, who, fetch, io.clock.now()));
        }
        history.polled(&seat.name, poll_end(&polled));
        match polled {
            Ok(Ok(fetched)) => {
                if consumer.is_at_end() {
                    return true;
                }
                empty = if fetched.is_empty() { empty + 1 } else { 0 };
            }
            Ok(Err(error)) => {
                history.note(format_args!("{}: {error}", seat.name));
                return false;
            }
            Err(_) => return false,
        }
        if empty >= EMPTY_POLLS_MAX && get_past_damage(&client, &mut consumer, &seat.account, history).await {
            history.assigning(&seat.name, &consumer.positions().into_keys().collect::<Vec<_>>());
            who.session = history.next_session(&seat.name);
        }
    }
    empty < EMPTY_POLLS_MAX
}

/// Moves a consumer past records that are destroyed, where the broker says so. False if it stands at none.
pub(in crate::scenarios) async fn get_past_damage(
    client: &Client,
    consumer: &mut Consumer,
    account: &Account,
    history: &History,
) -> bool {
    let mut moved = false;
    for (at, offset) in consumer.positions() {
        match account.skip(client, &at, offset, history).await {
            Ok(Some(beyond)) => {
                consumer.seek(&at, beyond);
                moved = true;
            }
            Ok(None) => {}
            Err(error) => history.note(format_args!("asking for {at} {offset}: {error}")),
        }
    }
    moved
}

/// Writes a fetch into the history; its client's clock shows `now`.
pub(in crate::scenarios) fn got(history: &History, reader: Reader, fetched: &Fetched, now: Instant) {
    let records = match fetched.records() {
        Ok(records) => records,
        Err(error) => {
            let what = format!("what was read of {} is broken: {error}", fetched.at);
            return history.unreadable_batch(&fetched.at, what);
        }
    };
    let first = fetched.batches.first().map(|batch| batch.header());
    let batches = if reader.reader == JUDGE { &fetched.batches[..] } else { &[] };
    let batches = batches.iter().map(|batch| {
        let header = batch.header();
        Batch {
            producer: header.producer_id.0,
            epoch: header.producer_epoch.0,
            base: header.base_offset,
            first_sequence: header.base_sequence,
            last_sequence: header.last_sequence(),
        }
    });
    let carried = records.iter().map(|record| {
        let (key, value) = (record.key.as_deref(), record.value.as_deref());
        Carried::of(key, value, &record.headers)
    });
    // Whoever names no rack is answered by leaders alone.
    let names_rack = reader.reader == NEAR_READER;
    let led = if names_rack { None } else { history.led(fetched.node, now.since(fetched.asked)) };
    history.read(Read {
        reader,
        time: history.now(),
        at: fetched.at.clone(),
        from: fetched.from,
        next: fetched.next,
        high_watermark: fetched.high_watermark,
        log_start: fetched.log_start,
        led,
        times: records.iter().map(|record| record.timestamp.0).collect(),
        carried: carried.collect(),
        records: records
            .into_iter()
            .map(|record| (record.offset, history.identify(record.value.as_deref(), &record.headers)))
            .collect(),
        controls: fetched.controls.clone(),
        first_batch: first.map(|header| (header.base_offset, header.last_offset())),
        batches: batches.collect(),
        bytes: fetched.bytes as u64,
    });
}
