use std::time::Duration;

use ordain::client::{AutoCreate, Client, ClientError, TopicPartition};
use ordain::io::RngStream;

use super::{Seat, bounded};
use crate::scenarios::broker::history::History;

/// Has preferred leaders elected, of some partitions or of all.
pub(in crate::scenarios) async fn elect_preferred(seat: Seat) {
    let client = seat.client(Duration::from_secs(2));
    let Seat { io, name, history, ending, .. } = seat;
    let mut rng = io.rng.stream("workload");
    while !ending.has_begun() {
        ending.count_operation();
        let electing = elect_some(&client, &mut *rng, &history, &name);
        match bounded(&io, &history, "an election", electing).await {
            Ok(Ok(())) => history.progress(&name),
            Ok(Err(error)) => history.note(format_args!("{name}: {error}")),
            Err(_) => {}
        }
        io.clock.sleep(Duration::from_millis(50 + rng.below(4_000))).await;
    }
}

async fn elect_some(
    client: &Client,
    rng: &mut dyn RngStream,
    history: &History,
    name: &str,
) -> Result<(), ClientError> {
    let metadata = client.describe(None, AutoCreate::No).await?;
    let all = rng.below(2) == 0;
    let some: Vec<TopicPartition> = metadata
        .topics
        .values()
        .flat_map(|topic| topic.partitions.iter().map(|one| (topic.name.clone(), one.index.0)))
        .filter(|_| all || rng.below(3) == 0)
        .map(|(topic, partition)| TopicPartition::new(topic, partition))
        .collect();
    for (at, outcome) in client.elect_preferred(&some).await? {
        match outcome {
            Ok(()) => history.note(format_args!("{name}: the preferred replica leads {at}")),
            Err(error) => history.note(format_args!("{name}: {at}: {error}")),
        }
    }
    Ok(())
}
