use std::sync::Arc;

use crate::broker::Context;
use crate::broker::changes::change_for_node;
use crate::metadata::controller::{LeaderReport, Led, Unled, note_leaders};
use crate::types::{ErrorCode, LeaderEpoch, NodeId, PartitionId, PartitionIndex};
use crate::wire::messages::{AlterPartitionRequest, AlterPartitionResponse};

/// AlterPartition (key 56), from nodes alone: a broker tells which partitions it leads, and which of their voters have caught up; and
/// which it is named the leader of and leads no longer.
/// Nothing is decided by it: what is not newer than what is known is left out.
pub(in crate::broker) async fn handle(
    context: &Arc<Context>,
    from: NodeId,
    request: AlterPartitionRequest,
) -> AlterPartitionResponse {
    let refused = |code: ErrorCode| AlterPartitionResponse {
        error_code: code.code(),
        ..AlterPartitionResponse::default()
    };
    if NodeId(request.broker_id) != from {
        return refused(ErrorCode::InvalidRequest);
    }
    let mut report = LeaderReport::default();
    for topic in &request.topics {
        for partition in &topic.partitions {
            report.led.push(Led {
                id: PartitionId { topic: topic.topic_id, index: PartitionIndex(partition.partition_index) },
                leader: from,
                epoch: LeaderEpoch(partition.leader_epoch),
                isr: partition.new_isr_with_epochs.iter().map(|broker| NodeId(broker.broker_id)).collect(),
            });
        }
    }
    for topic in &request.unled {
        report.unled.extend(topic.partitions.iter().map(|partition| Unled {
            id: PartitionId { topic: topic.topic_id, index: PartitionIndex(partition.partition_index) },
            epoch: LeaderEpoch(partition.leader_epoch),
            lost: partition.lost,
        }));
    }
    let epoch = request.broker_epoch;
    let noted = change_for_node(context, move |image| note_leaders(image, from, epoch, &report)).await;
    match noted {
        Ok(Ok(())) => AlterPartitionResponse::default(),
        Ok(Err(error)) => refused(crate::broker::errors::AsErrorCode::error_code(&error)),
        Err(error) => refused(error.code),
    }
}
