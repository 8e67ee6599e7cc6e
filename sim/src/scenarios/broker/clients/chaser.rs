use std::time::Duration;

use ordain::client::admin::OffsetSpec;
use ordain::client::{Client, ClientError, TopicPartition};
use ordain::types::{ErrorCode, Offset};

use super::{Seat, bounded};
use crate::scenarios::broker::account::fetch_code;

/// Fetches between two looks for the beginning.
const FETCHES: u64 = 3;

/// Fetches the oldest records again and again: segments leave the log while they are read, and whoever reads them is
/// told nothing worse than that.
pub(in crate::scenarios) async fn chase(seat: Seat) {
    let mut rng = seat.io.rng.stream("workload");
    let client = seat.client(Duration::from_secs(5));
    while !seat.ending.has_begun() {
        let Some(partitions) = seat.work().await else { continue };
        let step = 1 + rng.below(20);
        match bounded(&seat.io, &seat.history, "a chase", one(&seat, &client, &partitions[0], step)).await {
            Ok(Ok(())) => seat.history.progress(&seat.name),
            Ok(Err(error)) => seat.history.note(format_args!("{}: {error}", seat.name)),
            Err(_) => {}
        }
        seat.io.clock.sleep(Duration::from_millis(10 + rng.below(100))).await;
    }
}

async fn one(seat: &Seat, client: &Client, at: &TopicPartition, step: u64) -> Result<(), ClientError> {
    let first = client.list_offsets_at(std::slice::from_ref(at), OffsetSpec::Earliest).await?[at].offset;
    for fetch in 0..FETCHES {
        if seat.ending.has_begun() {
            break;
        }
        seat.ending.count_operation();
        let offset = Offset(first.0 + i64::try_from(fetch * step).unwrap_or(0));
        let began = seat.history.now();
        let fetching = seat.history.fetches(&seat.name, at, offset);
        let fetched = fetch_code(client, at, offset).await;
        let (asked, code) = fetched.inspect_err(|_| seat.history.has_failed(fetching))?;
        seat.history.fetched(fetching, code);
        match code {
            ErrorCode::None => {}
            code @ (ErrorCode::KafkaStorageError | ErrorCode::CorruptMessage) => {
                if !seat.account.explains_error(at, offset, (asked, began)) {
                    seat.history.storage_error(at, offset, code);
                }
            }
            _ => break,
        }
        seat.io.clock.sleep(Duration::from_millis(5)).await;
    }
    Ok(())
}
