use std::time::Duration;

use ordain::client::consumer::{Consumer, ConsumerOptions, OffsetReset};

use super::{Seat, bounded, get_past_damage, got};
use crate::scenarios::broker::history::{Reader, poll_end};

/// Polls after which it begins at the start again.
const POLLS_MAX: u32 = 30;

/// Reads old records a little at a time, while retention takes away the segments under it.
pub(in crate::scenarios) async fn read_slowly(seat: Seat, reader: u32) {
    let mut rng = seat.io.rng.stream("workload");
    while !seat.ending.has_begun() {
        let Some(partitions) = seat.work().await else { continue };
        let mut who = Reader { reader, session: seat.history.next_session(&seat.name) };
        let client = seat.client(Duration::from_secs(5));
        let options = ConsumerOptions {
            fetch_wait_max: Duration::from_millis(100),
            fetch_bytes_max: 300,
            partition_bytes_max: 300,
            offset_reset: OffsetReset::Earliest,
            ..ConsumerOptions::default()
        };
        seat.history.assigning(&seat.name, &partitions);
        let wanted = partitions.into_iter().map(|at| (at, None)).collect();
        let mut consumer = Consumer::assign(&client, options, wanted);
        for _ in 0..POLLS_MAX {
            if seat.ending.has_begun() {
                return;
            }
            seat.ending.count_operation();
            let polling = consumer.poll(Duration::from_millis(300));
            seat.history.polling(&seat.name);
            let polled = bounded(&seat.io, &seat.history, "a slow poll", polling).await;
            if let Ok(Ok(fetched)) = &polled {
                fetched.iter().for_each(|fetch| got(&seat.history, who, fetch, seat.io.clock.now()));
            }
            seat.history.polled(&seat.name, poll_end(&polled));
            match polled {
                Ok(Ok(fetched)) => {
                    if !fetched.is_empty() || consumer.is_at_end() {
                        seat.history.progress(&seat.name);
                    } else if get_past_damage(&client, &mut consumer, &seat.account, &seat.history).await {
                        let partitions: Vec<_> = consumer.positions().into_keys().collect();
                        seat.history.assigning(&seat.name, &partitions);
                        who.session = seat.history.next_session(&seat.name);
                    }
                }
                Ok(Err(error)) => {
                    seat.history.note(format_args!("{}: {error}", seat.name));
                    break;
                }
                Err(_) => break,
            }
            seat.io.clock.sleep(Duration::from_millis(100 + rng.below(900))).await;
        }
        seat.io.clock.sleep(Duration::from_millis(100)).await;
    }
}
