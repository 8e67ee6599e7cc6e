use std::time::Duration;

use super::admin::delete_records;
use super::lister::ask;
use super::{Seat, bounded};
use crate::scenarios::broker::history::Spec;

/// Less than so much of what a partition holds goes at once, in thousandths: there is to be something left that can be lost.
const SHARE_MAX: u64 = 150;

/// Deletes a little of what partitions hold, again and again, and asks where they begin: what was said to be deleted stays so, whoever leads.
pub(in crate::scenarios) async fn delete_again_and_again(seat: Seat) {
    let (io, history) = (&seat.io, &seat.history);
    let mut rng = io.rng.stream("workload");
    let client = seat.client(Duration::from_secs(5));
    while !seat.ending.has_begun() {
        let Some(partitions) = seat.work().await else { continue };
        seat.ending.count_operation();
        let at = &partitions[usize::try_from(rng.below(partitions.len() as u64)).unwrap_or(0)];
        let (deletes, per_mille) = (rng.below(2) == 0, rng.below(SHARE_MAX));
        let working = async {
            if deletes {
                delete_records(&client, at, per_mille, history).await?;
            }
            ask(&client, at, Spec::Earliest, history).await
        };
        match bounded(io, history, "a deletion", working).await {
            Ok(Ok(())) => history.progress(&seat.name),
            Ok(Err(error)) => history.note(format_args!("{}: {error}", seat.name)),
            Err(_) => {}
        }
        io.clock.sleep(Duration::from_millis(50 + rng.below(700))).await;
    }
}
