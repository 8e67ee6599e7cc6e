//! A client changes something through a node that is not the controller, and asks the same node for it as soon as it is answered.
use std::time::Duration;

use ordain::client::{Client, ClientError, Expects, Lane};
use ordain::probe::Mutant;
use ordain::types::NodeId;
use ordain::wire::Text;
use ordain::wire::messages::describe_configs_request::DescribeConfigsResource;
use ordain::wire::messages::incremental_alter_configs_request::{AlterConfigsResource, AlterableConfig};
use ordain::wire::messages::{DescribeConfigsRequest, IncrementalAlterConfigsRequest};

use super::{Script, Stage, WIDE};
use crate::scenarios::Violation;

pub(super) const SCRIPT: Script = Script {
    name: "directed-changed-and-seen",
    about: "a change is asked for at each node in turn, and looked for there as soon as it is answered",
    nodes: 3,
    late: 0,
    window: WIDE,
    finds: &[(Mutant::ForwardedBeforeSeen, "change-not-seen")],
    play: |stage| Box::pin(play(stage)),
};

const TOPIC: &str = "changed";
const KEY: &str = "retention.ms";
const TOPIC_RESOURCE: i8 = 2;
const ROUNDS: usize = 10;
/// What the node sends comes so late that nobody waits for its word: it hears of the commit and of the answer in one moment.
const LATE: Duration = Duration::from_millis(100);

async fn play(stage: &Stage) -> Result<(), Violation> {
    stage.create_topic(TOPIC, 1).await?;
    stage.settled().await?;
    let nodes = stage.nodes().into_iter().cycle().take(ROUNDS * stage.nodes().len());
    for (value, node) in (1_000_000..).zip(nodes) {
        let value: Text = Text::from(format!("{value}").as_str());
        let wanted = value.clone();
        let changing = move |client: Client| async move { change_and_look(&client, node, value).await };
        stage.slow(node, LATE);
        let seen = stage.ask("a change", changing).await?;
        stage.slow(node, Duration::ZERO);
        if seen.as_ref() != Some(&wanted) {
            let text = format!("node {node} answered that {KEY} is {wanted}, and says that it is {seen:?}");
            return Err(Violation::new("change-not-seen", text));
        }
    }
    Ok(())
}

/// What the node says that the key is, as the next answer after the one that it is changed: it has both requests at once.
async fn change_and_look(client: &Client, node: NodeId, value: Text) -> Result<Option<Text>, ClientError> {
    let broker = client.node(node, Lane::Admin).await?;
    let (resource_type, resource_name) = (TOPIC_RESOURCE, Text::from(TOPIC));
    let change = IncrementalAlterConfigsRequest {
        resources: vec![AlterConfigsResource {
            resource_type,
            resource_name: resource_name.clone(),
            configs: vec![AlterableConfig {
                name: Text::from(KEY),
                config_operation: 0,
                value: Some(value),
                ..AlterableConfig::default()
            }],
            ..AlterConfigsResource::default()
        }],
        ..IncrementalAlterConfigsRequest::default()
    };
    let question = DescribeConfigsRequest {
        resources: vec![DescribeConfigsResource {
            resource_type,
            resource_name,
            configuration_keys: Some(vec![Text::from(KEY)]),
            ..DescribeConfigsResource::default()
        }],
        ..DescribeConfigsRequest::default()
    };
    let changing =
        broker.begin(broker.version::<IncrementalAlterConfigsRequest>()?, &change, Expects::Answer);
    let changing = changing.await?;
    let asking = broker.begin(broker.version::<DescribeConfigsRequest>()?, &question, Expects::Answer);
    let asking = asking.await?;
    let changed = changing.wait().await?.unwrap_or_default();
    assert!(changed.responses.iter().all(|one| one.error_code == 0), "it is refused: {changed:?}");
    let answer = asking.wait().await?.unwrap_or_default();
    Ok(answer.results.into_iter().flat_map(|one| one.configs).find_map(|one| one.value))
}
