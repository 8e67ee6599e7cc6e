use std::time::Duration;

use ordain::client::admin::OffsetSpec;
use ordain::client::{Client, ClientError, TopicPartition};
use ordain::types::{Offset, Timestamp};

use super::{Seat, bounded};
use crate::clock::WALL_START_MS;
use crate::scenarios::broker::history::{History, Listed, Spec};

/// Asks for offsets: the first, the end, by time, by the greatest time.
pub(in crate::scenarios) async fn list_offsets(seat: Seat) {
    let mut rng = seat.io.rng.stream("workload");
    let client = seat.client(Duration::from_secs(5));
    while !seat.ending.has_begun() {
        seat.ending.count_operation();
        let Some(partitions) = seat.work().await else { continue };
        let at = &partitions[usize::try_from(rng.below(partitions.len() as u64)).unwrap_or(0)];
        let spec = match rng.below(5) {
            0 => Spec::Earliest,
            1 => Spec::Latest,
            2 => Spec::MaxTimestamp,
            // Around the time in which the clients write, also a little before and after.
            _ => Spec::At(WALL_START_MS - 2_000 + i64::try_from(rng.below(40_000)).unwrap_or(0)),
        };
        let asking = ask(&client, at, spec, &seat.history);
        match bounded(&seat.io, &seat.history, "a look-up of offsets", asking).await {
            Ok(Ok(())) => seat.history.progress(&seat.name),
            Ok(Err(error)) => seat.history.note(format_args!("{}: {error}", seat.name)),
            Err(_) => {}
        }
        seat.io.clock.sleep(Duration::from_millis(50 + rng.below(400))).await;
    }
}

/// Asks for one, and tells what came of it.
pub(super) async fn ask(
    client: &Client,
    at: &TopicPartition,
    spec: Spec,
    history: &History,
) -> Result<(), ClientError> {
    let asked = match spec {
        Spec::Earliest => OffsetSpec::Earliest,
        Spec::Latest => OffsetSpec::Latest,
        Spec::MaxTimestamp => OffsetSpec::MaxTimestamp,
        Spec::At(time) => OffsetSpec::At(Timestamp(time)),
    };
    let listing = history.lists(at, spec);
    let told = client.list_offsets_at(std::slice::from_ref(at), asked).await;
    let told = told.inspect_err(|_| history.has_failed(listing))?[at];
    // Whom the client goes by is the one that has just answered.
    let by = client.cached_leader(at);
    let listed = Listed {
        at: at.clone(),
        spec,
        offset: (told.offset != Offset::NONE).then_some(told.offset),
        timestamp: told.timestamp.0,
        began: listing.began,
        ended: history.now(),
    };
    history.listed(listing, listed, by);
    Ok(())
}
