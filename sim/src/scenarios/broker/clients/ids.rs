use std::time::Duration;

use ordain::client::{Client, ClientError};
use ordain::io::Io;
use ordain::wire::messages::InitProducerIdRequest;

use super::{Ending, bounded, client};
use crate::scenarios::broker::history::History;

/// Takes producer ids and uses none.
pub(in crate::scenarios::broker) async fn take_producer_ids(
    io: Io,
    name: String,
    history: History,
    ending: Ending,
) {
    let mut rng = io.rng.stream("workload");
    let client = client(&io, &name, Duration::from_secs(5));
    while !ending.has_begun() {
        ending.count_operation();
        match bounded(&io, &history, "taking a producer id", take(&client, &history)).await {
            Ok(Ok(true)) => history.progress(&name),
            Ok(Ok(false)) | Err(_) => {}
            Ok(Err(error)) => history.note(format_args!("{name}: {error}")),
        }
        io.clock.sleep(Duration::from_millis(20 + rng.below(300))).await;
    }
}

async fn take(client: &Client, history: &History) -> Result<bool, ClientError> {
    let broker = client.any_broker().await?;
    let answer = broker.call(&InitProducerIdRequest::default()).await?;
    if answer.error_code != 0 {
        history.note(format_args!("InitProducerId: error {}", answer.error_code));
        return Ok(false);
    }
    history.producer_id(answer.producer_id, answer.producer_epoch);
    Ok(true)
}
