use std::time::Duration;

use ordain::client::{Client, ClientError};

use super::admin::look_at_committed;
use super::topics::{look, see};
use super::{Seat, bounded};
use crate::scenarios::broker::kept::look_at_kept_group;
use crate::scenarios::broker::plan::{Plan, TOPIC};

/// How long it waits between two looks at whether the broker has started.
const PAUSE: Duration = Duration::from_millis(100);

/// Looks at topics, configurations and groups once after each start of the broker, while everybody works: what it is told is held
/// against what was acknowledged until then, changes under way may be done or not (I11).
pub(in crate::scenarios) async fn look_after_starts(seat: Seat) {
    let client = seat.client(Duration::ZERO);
    let mut looked = 0;
    while !seat.ending.has_begun() {
        let starts = seat.account.starts();
        if starts == looked {
            seat.history.progress(&seat.name);
        } else {
            seat.ending.count_operation();
            let looking = look_at_all(&seat, &client);
            match bounded(&seat.io, &seat.history, "a look after a start", looking).await {
                Ok(Ok(())) => looked = starts,
                Ok(Err(error)) => {
                    seat.history.note(format_args!("{}: {error}", seat.name));
                    client.doubt();
                }
                Err(_) => return,
            }
        }
        seat.io.clock.sleep(PAUSE).await;
    }
}

async fn look_at_all(seat: &Seat, client: &Client) -> Result<(), ClientError> {
    let history = &seat.history;
    let is_known = |topic: &str| history.events().topic_changes.iter().any(|one| one.topic == topic);
    // The tuner changes that one and has to see it first.
    for topic in Plan::TOPICS.into_iter().filter(|topic| *topic != TOPIC) {
        if !is_known(topic)
            && let Some(seen) = see(client, topic).await?
        {
            history.founded(topic, seen);
        }
    }
    let changed: std::collections::BTreeSet<String> =
        history.events().topic_changes.iter().map(|change| change.topic.clone()).collect();
    for topic in &changed {
        look(client, topic, seat.servers.metadata(), history).await?;
    }
    if !seat.account.groups_are_down() {
        look_at_committed(client, &seat.partitions, history).await?;
        look_at_kept_group(client, history).await?;
    }
    Ok(())
}
