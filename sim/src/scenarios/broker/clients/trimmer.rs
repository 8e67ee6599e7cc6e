use std::time::Duration;

use super::admin::delete_records;
use super::{Seat, bounded, client};

/// Deletes old records of the compacted topic, as its policy allows, while compactions are under way.
pub(in crate::scenarios::broker) async fn trim(seat: Seat) {
    let (io, history) = (&seat.io, &seat.history);
    let mut rng = io.rng.stream("workload");
    let client = client(io, &seat.name, Duration::from_secs(5));
    while !seat.ending.has_begun() {
        let Some(partitions) = seat.work().await else { continue };
        seat.ending.count_operation();
        let trimming = delete_records(&client, &partitions[0], rng.below(700), history);
        match bounded(io, history, "trimming", trimming).await {
            Ok(Ok(())) => history.progress(&seat.name),
            Ok(Err(error)) => history.note(format_args!("{}: {error}", seat.name)),
            Err(_) => {}
        }
        io.clock.sleep(Duration::from_millis(50 + rng.below(700))).await;
    }
}
