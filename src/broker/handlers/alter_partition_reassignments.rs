use std::sync::Arc;

use crate::broker::changes::{Mode, change};
use crate::broker::errors::ApiError;
use crate::broker::{Caller, Context};
use crate::metadata::controller::{Reassignment, Scope, reassign};
use crate::types::limits::PARTITIONS_MAX;
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
    if let Some(refusal) = names_too_many(&request) {
        return AlterPartitionReassignmentsResponse {
            allow_replication_factor_change: allowed,
            error_code: refusal.code.code(),
            error_message: refusal.text(),
            ..AlterPartitionReassignmentsResponse::default()
        };
    }
    let scope = if allowed { Scope::AnyReplicationFactor } else { Scope::SameReplicationFactor };
    let mut wanted = Vec::new();
    for topic in &request.topics {
        for partition in &topic.partitions {
            wanted.push(Reassignment {
                topic: topic.name.clone(),
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

/// Why nothing of it is done and no partition told, if it names more than there can be.
fn names_too_many(request: &AlterPartitionReassignmentsRequest) -> Option<ApiError> {
    let named: usize = request.topics.iter().map(|topic| topic.partitions.len()).sum();
    let why =
        || format!("it names {named} partitions; a cluster has {PARTITIONS_MAX} at most: name each once");
    (named > PARTITIONS_MAX).then(|| ApiError::new(ErrorCode::InvalidRequest, why()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::messages::alter_partition_reassignments_request::{
        ReassignablePartition, ReassignableTopic,
    };

    #[test]
    fn no_more_are_named_than_a_cluster_has() {
        let topic = |count: usize| ReassignableTopic {
            name: "t".into(),
            partitions: vec![ReassignablePartition::default(); count],
            ..ReassignableTopic::default()
        };
        let refusal = |counts: [usize; 2]| {
            let topics = counts.map(topic).into();
            let request = AlterPartitionReassignmentsRequest { topics, ..Default::default() };
            names_too_many(&request)
        };
        assert_eq!(refusal([1, PARTITIONS_MAX - 1]), None);
        let refused = refusal([1, PARTITIONS_MAX]).expect("too many");
        assert_eq!(refused.code, ErrorCode::InvalidRequest);
        assert!(refused.message.expect("it says why").contains("200001 partitions"));
    }
}
