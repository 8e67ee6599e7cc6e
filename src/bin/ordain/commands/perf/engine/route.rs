use std::collections::BTreeMap;

use ordain::client::{BrokerAddress, Client, Lane, TopicPartition, parse_addresses};
use ordain::types::NodeId;
use ordain::wire::ApiRequest;

use crate::connect::Connect;
use crate::failure::Failure;

/// The last version of Produce, and of Fetch, that names topics; those after it give their ids.
const NAMES_UNTIL: i16 = 12;

/// One broker and the partitions that it leads.
#[derive(Clone, Debug)]
pub struct Route {
    pub address: BrokerAddress,
    /// The newest version that both sides speak and that names topics.
    pub version: i16,
    pub partitions: Vec<i32>,
    /// Whether the broker answers more than produce requests.
    pub asked: bool,
}

/// Who leads these partitions, for requests of type `R`: Produce or Fetch.
pub async fn routes<R: ApiRequest>(
    client: &Client,
    lane: Lane,
    partitions: &[TopicPartition],
) -> Result<Vec<Route>, Failure> {
    let mut led: BTreeMap<NodeId, Vec<i32>> = BTreeMap::new();
    for at in partitions {
        led.entry(client.leader(at).await?).or_default().push(at.partition.0);
    }
    let mut routes = Vec::new();
    for (node, partitions) in led {
        let broker = client.node(node, lane).await?;
        let version = broker.version_up_to::<R>(NAMES_UNTIL)?;
        routes.push(Route { address: broker.address().clone(), version, partitions, asked: true });
    }
    Ok(routes)
}

impl Route {
    /// The first address of --bootstrap, unasked.
    pub fn unasked(connect: &Connect, partitions: i32) -> Result<Route, Failure> {
        let addresses = parse_addresses(&connect.bootstrap);
        let addresses = addresses.map_err(|error| Failure::Usage(format!("--bootstrap: {error}")))?;
        let address = addresses.into_iter().next();
        let address = address.ok_or_else(|| Failure::Usage("--bootstrap names no broker".to_owned()))?;
        let partitions = (0..partitions.max(1)).collect();
        Ok(Route { address, version: NAMES_UNTIL, partitions, asked: false })
    }
}
