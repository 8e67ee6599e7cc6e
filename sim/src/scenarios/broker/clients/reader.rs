use std::time::Duration;

use ordain::client::TopicPartition;
use ordain::client::consumer::{Consumer, ConsumerOptions, Fetched, OffsetReset};
use ordain::io::Io;

use super::{Ending, bounded, client};
use crate::scenarios::broker::history::{History, Read, Reader, RecordId};

/// Polls after which a reader begins again, though it has not come to the end.
const POLLS_MAX: u32 = 60;

/// Reads all partitions from the beginning to the end, again and again.
pub(in crate::scenarios::broker) async fn read_again_and_again(
    io: Io,
    reader: u32,
    partitions: Vec<TopicPartition>,
    history: History,
    ending: Ending,
) {
    let name = format!("reader-{reader}");
    let mut session = 0;
    while !ending.has_begun() {
        session += 1;
        ending.count_operation();
        let who = Reader { reader, session };
        if read_once(&io, &name, who, &partitions, &history).await {
            history.progress(&name);
        }
        io.clock.sleep(Duration::from_millis(500)).await;
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
async fn read_once(
    io: &Io,
    name: &str,
    who: Reader,
    partitions: &[TopicPartition],
    history: &History,
) -> bool {
    let client = client(io, name, Duration::from_secs(5));
    let wanted = partitions.iter().map(|at| (at.clone(), None)).collect();
    let draw = io.rng.stream("workload").below(9);
    let mut consumer = Consumer::assign(&client, options(draw), wanted);
    for _ in 0..POLLS_MAX {
        match bounded(io, history, "a poll", consumer.poll(Duration::from_millis(300))).await {
            Ok(Ok(fetched)) => {
                for fetch in &fetched {
                    got(history, who, fetch);
                }
                if consumer.is_at_end() {
                    return true;
                }
            }
            Ok(Err(error)) => {
                history.note(format_args!("{name}: {error}"));
                return false;
            }
            Err(_) => return false,
        }
    }
    true
}

/// Writes a fetch into the history.
pub(in crate::scenarios::broker) fn got(history: &History, reader: Reader, fetched: &Fetched) {
    let records = match fetched.records() {
        Ok(records) => records,
        Err(error) => return history.wrong(format!("what was read of {} is broken: {error}", fetched.at)),
    };
    let id = |value: Option<bytes::Bytes>| value.and_then(|value| RecordId::of(&value));
    history.read(Read {
        reader,
        time: history.now(),
        at: fetched.at.clone(),
        from: fetched.from,
        next: fetched.next,
        high_watermark: fetched.high_watermark,
        log_start: fetched.log_start,
        records: records.into_iter().map(|record| (record.offset, id(record.value))).collect(),
    });
}
