use std::sync::Arc;
use std::time::Duration;

use crate::broker::Context;
use crate::io::timeout;
use crate::partition::{Leaving, Released, ReplicaKey};
use crate::types::{ErrorCode, LeaderEpoch, NodeId, Offset, PartitionId, PartitionIndex};
use crate::wire::messages::leave_partitions_response::{ReleasedReplica, StayingReplica};
use crate::wire::messages::{LeavePartitionsRequest, LeavePartitionsResponse};

/// How long this node may take to know the metadata that the other one knows.
const PATIENCE: Duration = Duration::from_secs(5);

/// LeavePartitions (key 20011), from nodes alone, to leaders: replicas that are to be held no longer may go, where this node leads
/// and knows for sure that they are no voters and will be none; or are to stay, where this node leads, wants them and has not let
/// them go.
pub(in crate::broker) async fn handle(
    context: &Arc<Context>,
    from: NodeId,
    request: LeavePartitionsRequest,
) -> LeavePartitionsResponse {
    let refused = |code: ErrorCode| LeavePartitionsResponse {
        error_code: code.code(),
        ..LeavePartitionsResponse::default()
    };
    let clock = &*context.io.clock;
    // By an older image it may be making them voters.
    let wanted = Offset(request.metadata_offset);
    let caught_up = context.image.once(|_, end| end >= wanted);
    if timeout(clock, clock.now().after(PATIENCE), caught_up).await.is_err() {
        return refused(ErrorCode::RequestTimedOut);
    }
    let leaving: Vec<Leaving> = request
        .partitions
        .iter()
        .map(|row| Leaving {
            id: PartitionId { topic: row.topic_id, index: PartitionIndex(row.partition_index) },
            replica: ReplicaKey { node: from, directory: row.directory_id },
            epoch: LeaderEpoch(row.leader_epoch),
        })
        .collect();
    let ids: Vec<PartitionId> = leaving.iter().map(|one| one.id).collect();
    let Ok(released) = context.partitions.release(leaving).await else {
        return refused(ErrorCode::NotLeaderOrFollower);
    };
    let mut answer = LeavePartitionsResponse::default();
    for (id, known) in ids.into_iter().zip(released) {
        let (topic_id, partition_index) = (id.topic, id.index.0);
        match known {
            Some(Released::In(epoch)) => answer.partitions.push(ReleasedReplica {
                topic_id,
                partition_index,
                leader_epoch: epoch.0,
                ..ReleasedReplica::default()
            }),
            Some(Released::Stays) => {
                answer.staying.push(StayingReplica { topic_id, partition_index, ..StayingReplica::default() })
            }
            None => {}
        }
    }
    answer
}
