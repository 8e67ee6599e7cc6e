use std::sync::Arc;

use crate::broker::Context;
use crate::broker::changes::change_for_node;
use crate::broker::errors::AsErrorCode;
use crate::metadata::controller::{ReportedVoters, note_voters};
use crate::probe::{Condition, sometimes};
use crate::types::{ErrorCode, NodeId, PartitionId, PartitionIndex};
use crate::wire::messages::{ReportVotersRequest, ReportVotersResponse};

/// ReportVoters (key 20010), from nodes alone: leaders tell which voters partitions have that are reassigned. Where these are the
/// target, the reassignment ends.
pub(in crate::broker) async fn handle(
    context: &Arc<Context>,
    from: NodeId,
    request: ReportVotersRequest,
) -> ReportVotersResponse {
    let answer =
        |code: ErrorCode| ReportVotersResponse { error_code: code.code(), ..ReportVotersResponse::default() };
    if NodeId(request.broker_id) != from {
        return answer(ErrorCode::InvalidRequest);
    }
    let told = request.partitions.iter().map(|row| ReportedVoters {
        id: PartitionId { topic: row.topic_id, index: PartitionIndex(row.partition_index) },
        partition_epoch: row.partition_epoch,
        voters: row.voters.iter().map(|&node| NodeId(node)).collect(),
    });
    let (told, epoch): (Vec<_>, _) = (told.collect(), request.broker_epoch);
    let founders = context.cluster.as_ref().map_or(&[][..], |cluster| &cluster.founders);
    let brings_newcomer = told.iter().flat_map(|one| &one.voters).any(|node| !founders.contains(node));
    let noted = change_for_node(context, move |image| note_voters(image, from, epoch, &told)).await;
    answer(match noted {
        Ok(Ok(())) => {
            if brings_newcomer {
                sometimes(Condition::ClusterNewcomerVotes);
            }
            ErrorCode::None
        }
        Ok(Err(error)) => error.error_code(),
        Err(error) => error.code,
    })
}
