use std::sync::Arc;

use crate::broker::cluster::active_epoch;
use crate::broker::cluster_view::numbers;
use crate::broker::{Caller, Context};
use crate::metadata::controller::under_way;
use crate::types::ErrorCode;
use crate::wire::messages::list_partition_reassignments_response::{
    OngoingPartitionReassignment, OngoingTopicReassignment,
};
use crate::wire::messages::{ListPartitionReassignmentsRequest, ListPartitionReassignmentsResponse};

/// ListPartitionReassignments (key 46, KIP-455), answered by the active controller. What is asked for by name and is not reassigned, or
/// is not there, is left out.
pub(in crate::broker) async fn handle(
    context: &Arc<Context>,
    _caller: &Caller,
    request: ListPartitionReassignmentsRequest,
) -> ListPartitionReassignmentsResponse {
    if active_epoch(context).is_none() {
        return ListPartitionReassignmentsResponse {
            error_code: ErrorCode::NotController.code(),
            ..ListPartitionReassignmentsResponse::default()
        };
    }
    let image = context.metadata();
    let asked = request.topics.map(|topics| {
        let named = topics.into_iter().map(|topic| (topic.name.to_string(), topic.partition_indexes));
        named.collect::<Vec<_>>()
    });
    let topics = under_way(&image, asked.as_deref()).into_iter().map(|(name, partitions)| {
        let partitions = partitions.into_iter().map(|(index, partition)| OngoingPartitionReassignment {
            partition_index: index.0,
            replicas: numbers(&partition.replicas),
            adding_replicas: numbers(&partition.adding),
            removing_replicas: numbers(&partition.removing),
            ..OngoingPartitionReassignment::default()
        });
        OngoingTopicReassignment {
            name: name.into(),
            partitions: partitions.collect(),
            ..OngoingTopicReassignment::default()
        }
    });
    ListPartitionReassignmentsResponse {
        topics: topics.collect(),
        ..ListPartitionReassignmentsResponse::default()
    }
}
