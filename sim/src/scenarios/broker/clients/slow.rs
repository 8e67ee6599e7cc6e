use std::collections::BTreeMap;
use std::time::Duration;

use ordain::client::TopicPartition;
use ordain::client::consumer::{Consumer, ConsumerOptions, OffsetReset};
use ordain::io::Io;

use super::{Ending, bounded, client, got};
use crate::scenarios::broker::history::{History, Reader};

/// Polls after which it begins at the start again.
const POLLS_MAX: u32 = 30;

/// Reads old records a little at a time, while retention takes away the segments under it.
pub(in crate::scenarios::broker) async fn read_slowly(
    io: Io,
    reader: u32,
    name: String,
    at: TopicPartition,
    history: History,
    ending: Ending,
) {
    let mut rng = io.rng.stream("workload");
    while !ending.has_begun() {
        let who = Reader { reader, session: history.next_session(&name) };
        let client = client(&io, &name, Duration::from_secs(5));
        let options = ConsumerOptions {
            fetch_wait_max: Duration::from_millis(100),
            fetch_bytes_max: 300,
            partition_bytes_max: 300,
            offset_reset: OffsetReset::Earliest,
            ..ConsumerOptions::default()
        };
        let mut consumer = Consumer::assign(&client, options, BTreeMap::from([(at.clone(), None)]));
        for _ in 0..POLLS_MAX {
            if ending.has_begun() {
                return;
            }
            ending.count_operation();
            match bounded(&io, &history, "a slow poll", consumer.poll(Duration::from_millis(300))).await {
                Ok(Ok(fetched)) => {
                    for fetch in &fetched {
                        got(&history, who, fetch);
                    }
                    if !fetched.is_empty() || consumer.is_at_end() {
                        history.progress(&name);
                    }
                }
                Ok(Err(error)) => {
                    history.note(format_args!("{name}: {error}"));
                    break;
                }
                Err(_) => break,
            }
            io.clock.sleep(Duration::from_millis(100 + rng.below(900))).await;
        }
        io.clock.sleep(Duration::from_millis(100)).await;
    }
}
