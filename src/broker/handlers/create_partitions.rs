use std::collections::BTreeSet;
use std::sync::Arc;

use crate::broker::changes::{Mode, change};
use crate::broker::errors::{ApiError, AsErrorCode};
use crate::broker::{Caller, Context};
use crate::metadata::controller::{ControllerError, NewPartitions, create_partitions};
use crate::types::{ErrorCode, NodeId};
use crate::wire::Text;
use crate::wire::messages::create_partitions_request::CreatePartitionsTopic;
use crate::wire::messages::create_partitions_response::CreatePartitionsTopicResult;
use crate::wire::messages::{CreatePartitionsRequest, CreatePartitionsResponse};

/// CreatePartitions (key 37).
pub(in crate::broker) async fn handle(
    context: &Arc<Context>,
    _caller: &Caller,
    request: CreatePartitionsRequest,
) -> CreatePartitionsResponse {
    let names: Vec<Text> = request.topics.iter().map(|topic| topic.name.clone()).collect();
    let topics: Vec<NewPartitions> = request.topics.into_iter().map(new_partitions).collect();
    let decided = change(context, Mode::of(request.validate_only), request.timeout_ms, move |image| {
        create_partitions(image, &topics)
    })
    .await;
    // A name that stands twice is answered once, with its error.
    let mut answered = BTreeSet::new();
    let mut answers = decided.map(Vec::into_iter);
    let mut results = Vec::with_capacity(names.len());
    for name in names {
        let error = match &mut answers {
            Ok(answers) => answers.next().expect("every topic has an answer").err().map(explained),
            Err(error) => Some(error.clone()),
        };
        if answered.insert(name.clone()) {
            results.push(CreatePartitionsTopicResult {
                name,
                error_code: error.as_ref().map_or(ErrorCode::None, |error| error.code).code(),
                error_message: error.and_then(|error| error.text()),
                ..Default::default()
            });
        }
    }
    CreatePartitionsResponse { results, ..CreatePartitionsResponse::default() }
}

fn new_partitions(topic: CreatePartitionsTopic) -> NewPartitions {
    let assignments = topic.assignments.map(|assignments| {
        assignments.into_iter().map(|one| one.broker_ids.into_iter().map(NodeId).collect()).collect()
    });
    NewPartitions { name: topic.name.to_string(), count: topic.count, assignments }
}

/// Clients explain an unknown topic themselves, and Kafka leaves it to them here.
fn explained(error: ControllerError) -> ApiError {
    match error {
        ControllerError::UnknownTopic(_) => ApiError::bare(error.error_code()),
        other => other.into(),
    }
}
