use std::sync::Arc;

use crate::broker::changes::{Mode, change};
use crate::broker::errors::ApiError;
use crate::broker::{Caller, Context};
use crate::metadata::controller::{Reassignment, Scope, reassign};
use crate::types::{ErrorCode, NodeId};
use crate::wire::messages::alter_partition_reassignments_response::{
    ReassignablePartitionResponse, ReassignableTopicResponse,
};
use crate::wire::messages::{AlterPartitionReassignmentsRequest, AlterPartitionReassignmentsResponse};

/// AlterPartitionReassignments (key 45, KIP-455): which nodes shall hold partitions from now on. Answered when that is known; what
/// follows takes as long as the records take to be copied.
pub(in crate::broker) async fn handle(
    context: &Arc<Context>,
    _caller: &Caller,
    request: AlterPartitionReassignmentsRequest,
) -> AlterPartitionReassignmentsResponse {
    let allowed = request.allow_replication_factor_change;
    let scope = if allowed { Scope::AnyReplicationFactor } else { Scope::SameReplicationFactor };
    let mut wanted = Vec::new();
    for topic in &request.topics {
        for partition in &topic.partitions {
            wanted.push(Reassignment {
                topic: topic.name.to_string(),
                index: partition.partition_index,
                target: partition
                    .replicas
                    .as_ref()
                    .map(|replicas| replicas.iter().map(|&node| NodeId(node)).collect()),
            });
        }
    }
    let decided =
        change(context, Mode::Make, request.timeout_ms, move |image| reassign(image, &wanted, scope)).await;
    let whole = decided.as_ref().err().cloned();
    let mut answers = decided.map(Vec::into_iter);
    let mut responses = Vec::with_capacity(request.topics.len());
    for topic in request.topics {
        let mut partitions = Vec::with_capacity(topic.partitions.len());
        for partition in topic.partitions {
            let error = match &mut answers {
                Ok(answers) => {
                    answers.next().expect("every partition has an answer").err().map(ApiError::from)
                }
                Err(error) => Some(error.clone()),
            };
            partitions.push(ReassignablePartitionResponse {
                partition_index: partition.partition_index,
                error_code: error.as_ref().map_or(ErrorCode::None, |error| error.code).code(),
                error_message: error.and_then(|error| error.text()),
                ..ReassignablePartitionResponse::default()
            });
        }
        responses.push(ReassignableTopicResponse { name: topic.name, partitions, ..Default::default() });
    }
    AlterPartitionReassignmentsResponse {
        allow_replication_factor_change: allowed,
        error_code: whole.as_ref().map_or(ErrorCode::None, |error| error.code).code(),
        error_message: whole.and_then(|error| error.text()),
        responses,
        ..AlterPartitionReassignmentsResponse::default()
    }
}
