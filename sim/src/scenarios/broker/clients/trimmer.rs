use std::time::Duration;

use ordain::client::admin::OffsetSpec;

use super::admin::{delete_before, delete_records};
use super::{Seat, bounded};

/// Deletes old records of the compacted topic, as its policy allows, while compactions are under way.
pub(in crate::scenarios) async fn trim(seat: Seat) {
    let (io, history) = (&seat.io, &seat.history);
    let mut rng = io.rng.stream("workload");
    let client = seat.client(Duration::from_secs(5));
    while !seat.ending.has_begun() {
        let Some(partitions) = seat.work().await else { continue };
        seat.ending.count_operation();
        let per_mille = rng.below(350);
        let hesitates = Duration::from_millis(rng.below(60));
        let at = &partitions[0];
        let trimming = async {
            if rng.below(3) > 0 {
                return delete_records(&client, at, per_mille, history).await;
            }
            // All that there was a moment ago: what has come since may be on its way from memory to a segment.
            let end = client.list_offsets_at(std::slice::from_ref(at), OffsetSpec::Latest).await?[at].offset;
            io.clock.sleep(hesitates).await;
            delete_before(&client, at, end, history).await
        };
        match bounded(io, history, "trimming", trimming).await {
            Ok(Ok(())) => history.progress(&seat.name),
            Ok(Err(error)) => history.note(format_args!("{}: {error}", seat.name)),
            Err(_) => {}
        }
        io.clock.sleep(Duration::from_millis(50 + rng.below(700))).await;
    }
}
