use std::time::Duration;

use ordain::client::{Client, ClientError};
use ordain::wire::messages::InitProducerIdRequest;

use super::{Seat, bounded};
use crate::scenarios::broker::history::History;

/// How long one client tries.
const PATIENCE: Duration = Duration::from_secs(5);

/// Takes producer ids and uses none.
pub(in crate::scenarios) async fn take_producer_ids(seat: Seat) {
    let mut rng = seat.io.rng.stream("workload");
    let mut client = seat.client(PATIENCE);
    while !seat.ending.has_begun() {
        seat.ending.count_operation();
        let taking = take(&client, &seat.history);
        let taken = bounded(&seat.io, &seat.history, "taking a producer id", taking).await;
        if let Ok(Err(error)) = &taken {
            seat.history.note(format_args!("{}: {error}", seat.name));
        }
        match taken {
            Ok(Ok(true)) => seat.history.progress(&seat.name),
            // Another one asks another broker, perhaps.
            Ok(Ok(false) | Err(_)) | Err(_) => client = seat.client(PATIENCE),
        }
        seat.io.clock.sleep(Duration::from_millis(20 + rng.below(300))).await;
    }
}

async fn take(client: &Client, history: &History) -> Result<bool, ClientError> {
    let broker = client.any_broker().await?;
    let asked = history.asks_producer_id();
    let answer = broker.call(&InitProducerIdRequest { transactional_id: None, ..Default::default() }).await;
    // It may have been given out though nobody was told.
    let answer = answer.inspect_err(|_| history.is_unknown(asked))?;
    if answer.error_code != 0 {
        history.has_failed(asked);
        history.note(format_args!("InitProducerId: error {}", answer.error_code));
        return Ok(false);
    }
    history.producer_id(asked, (answer.producer_id, answer.producer_epoch));
    Ok(true)
}
