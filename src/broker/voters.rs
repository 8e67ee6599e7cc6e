//! What adding and removing a voter of the metadata have in common (KIP-853).
use std::sync::Arc;
use std::time::Duration;

use super::Context;
use super::changes::change_for_node;
use super::cluster::{Cluster, active_epoch};
use super::errors::ApiError;
use crate::io::timeout;
use crate::metadata::controller::{METADATA_PARTITION, Suffrage, note_voter};
use crate::partition::{ChangeDone, ChangeRefusal, PartitionStats, PartitionsClosed, VoterChange};
use crate::types::{ErrorCode, Instant, NodeId};

/// The longest that a change may take, until the node has caught up and it is committed: less than a node waits for the controller's
/// answer.
pub(super) const CHANGE_MAX: Duration = Duration::from_secs(15);

/// This node as one of several, if the request means its cluster.
pub(super) fn quorum_of<'a>(context: &'a Context, id: Option<&str>) -> Result<&'a Cluster, ApiError> {
    let Some(cluster) = &context.cluster else {
        let text = "this node is a cluster of its own: its one voter does not change";
        return Err(ApiError::new(ErrorCode::UnsupportedVersion, text));
    };
    match id {
        Some(id) if *id != *cluster.id => {
            let text = format!("the request is for cluster {id:?}, and this is {:?}", cluster.id);
            Err(ApiError::new(ErrorCode::InconsistentClusterId, text))
        }
        Some(_) | None => Ok(cluster),
    }
}

/// How the metadata log stands, which is led here.
pub(super) async fn leading(context: &Context) -> Result<PartitionStats, ApiError> {
    let not_here = || ApiError::bare(ErrorCode::NotLeaderOrFollower);
    active_epoch(context).ok_or_else(not_here)?;
    let stats = context.partitions.stats(Some(vec![METADATA_PARTITION])).await.map_err(|_| not_here())?;
    stats.into_iter().next().filter(|stats| stats.leader).ok_or_else(not_here)
}

/// Notes whether a node shall vote; whether that is news.
pub(super) async fn note(
    context: &Arc<Context>,
    cluster: &Cluster,
    node: NodeId,
    suffrage: Suffrage,
) -> Result<bool, ApiError> {
    let founders = cluster.founders.clone();
    change_for_node(context, move |image| note_voter(image, &founders, node, suffrage)).await
}

/// Why the voters were not changed.
pub(super) enum NotChanged {
    Refused(ApiError),
    /// Not in its time.
    Late,
}

impl NotChanged {
    /// Whether another node has to be asked.
    pub(super) fn is_led_elsewhere(&self) -> bool {
        match self {
            NotChanged::Refused(error) => error.code == ErrorCode::NotLeaderOrFollower,
            NotChanged::Late => false,
        }
    }

    /// What is answered, by how the log stands now, if that is known.
    pub(super) fn answer(self, change: VoterChange, stats: Option<&PartitionStats>) -> ApiError {
        match self {
            NotChanged::Refused(error) => error,
            NotChanged::Late => {
                let why = match stats {
                    Some(stats) => why_late(change, stats),
                    None => {
                        "a node has not caught up, or too few of the voters are there: ask again".to_owned()
                    }
                };
                let seconds = CHANGE_MAX.as_secs();
                let text = format!(
                    "the voters were not changed in the time that there is for it ({seconds} s at most, whatever the request \
                     allows): {why}"
                );
                ApiError::new(ErrorCode::RequestTimedOut, text)
            }
        }
    }
}

/// What a change waits for that has not been made, and what to do.
fn why_late(change: VoterChange, stats: &PartitionStats) -> String {
    if change.is_made_in(&stats.voters) {
        return "the controller's log has the new voters, and too few of them hold that: bring back those that are away, and look who \
                votes (ordain cluster voters) before you ask again"
            .to_owned();
    }
    let behind = match change {
        VoterChange::Remove(_) => None,
        VoterChange::Add(key) => {
            let node = key.node;
            match stats.observers.iter().find(|(observer, _)| *observer == key) {
                None => Some(format!(
                    "node {node} does not follow the metadata: see that it runs and reaches the other nodes, then ask again"
                )),
                Some((_, end)) if *end < stats.high_watermark => Some(format!(
                    "node {node} has not caught up (its log ends at offset {end}, committed is what comes before {}): it goes on \
                     from there, ask again",
                    stats.high_watermark
                )),
                Some(_) => None,
            }
        }
    };
    behind.unwrap_or_else(|| {
        "too few of the voters are there: bring back those that are away, then ask again".to_owned()
    })
}

/// Has the metadata log change its voters, until `deadline`.
pub(super) async fn change_voters(
    context: &Context,
    change: VoterChange,
    done: ChangeDone,
    deadline: Instant,
) -> Result<(), NotChanged> {
    let changing = context.partitions.change_voters(METADATA_PARTITION, change, done);
    let Ok(changed) = timeout(&*context.io.clock, deadline, changing).await else {
        return Err(NotChanged::Late);
    };
    let refused = match changed {
        Ok(Ok(())) => return Ok(()),
        Ok(Err(refused)) => refused,
        // This node is about to end.
        Err(PartitionsClosed) => ChangeRefusal::NotLeader,
    };
    Err(NotChanged::Refused(refusal(refused)))
}

fn refusal(refused: ChangeRefusal) -> ApiError {
    match refused {
        ChangeRefusal::NotLeader => ApiError::bare(ErrorCode::NotLeaderOrFollower),
        ChangeRefusal::NotServing => ApiError::new(
            ErrorCode::RequestTimedOut,
            "the controller has only begun, or hands over to another one: ask again in a moment",
        ),
        ChangeRefusal::AnotherUnderWay => ApiError::new(
            ErrorCode::RequestTimedOut,
            "another change of the voters is under way, and there is one at a time: ask again in a moment, or, if that goes on, look \
             which voters are away (ordain cluster voters)",
        ),
        ChangeRefusal::TooFewFollow => too_few_follow(),
        ChangeRefusal::CannotBeAdded => {
            ApiError::new(ErrorCode::DuplicateVoter, "the node is a voter already")
        }
        ChangeRefusal::CannotBeRemoved => {
            ApiError::new(ErrorCode::VoterNotFound, "it is no voter, or the last one")
        }
    }
}

/// Why a voter is not removed without whom the others could do nothing.
pub(super) fn too_few_follow() -> ApiError {
    let text = "of the voters that would be left too few are there: nothing could be changed any more. Bring back those that are not, or \
                remove one of them instead";
    ApiError::new(ErrorCode::RequestTimedOut, text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::partition::ReplicaKey;
    use crate::types::{Offset, Uuid};

    fn key(node: i32) -> ReplicaKey {
        ReplicaKey { node: NodeId(node), directory: Uuid::ZERO }
    }

    /// Three voters, committed up to 80, and node 4 that follows up to there.
    fn late(change: VoterChange, node_4: Option<i64>) -> String {
        let observers = node_4.map(|end| (key(4), Offset(end))).into_iter().collect();
        let stats = PartitionStats { observers, ..PartitionStats::led(&[]) };
        let error = NotChanged::Late.answer(change, Some(&stats));
        assert_eq!(error.code, ErrorCode::RequestTimedOut);
        let told = error.message.expect("a sentence");
        let bound = "the voters were not changed in the time that there is for it (15 s at most, whatever the request allows): ";
        told.strip_prefix(bound).unwrap_or_else(|| panic!("{told}")).to_owned()
    }

    #[test]
    fn what_is_late_says_for_whom_it_waits() {
        let add = VoterChange::Add(key(4));
        assert_eq!(
            late(add, None),
            "node 4 does not follow the metadata: see that it runs and reaches the other nodes, then ask again"
        );
        assert_eq!(
            late(add, Some(79)),
            "node 4 has not caught up (its log ends at offset 79, committed is what comes before 80): it goes on from there, ask \
             again"
        );
        let few = "too few of the voters are there: bring back those that are away, then ask again";
        assert_eq!(late(add, Some(80)), few);
        assert_eq!(late(VoterChange::Remove(key(3)), Some(3)), few);
        for made in [VoterChange::Add(key(3)), VoterChange::Remove(key(4))] {
            assert!(
                late(made, None)
                    .starts_with("the controller's log has the new voters, and too few of them hold")
            );
        }
        let unknown = NotChanged::Late.answer(add, None).message.expect("a sentence");
        assert!(unknown.ends_with("or too few of the voters are there: ask again"), "{unknown}");
    }

    #[test]
    fn only_who_does_not_lead_sends_elsewhere() {
        assert!(NotChanged::Refused(refusal(ChangeRefusal::NotLeader)).is_led_elsewhere());
        let others = [
            ChangeRefusal::NotServing,
            ChangeRefusal::AnotherUnderWay,
            ChangeRefusal::TooFewFollow,
            ChangeRefusal::CannotBeAdded,
            ChangeRefusal::CannotBeRemoved,
        ];
        for refused in others {
            assert!(!NotChanged::Refused(refusal(refused)).is_led_elsewhere(), "{refused:?}");
        }
        assert!(!NotChanged::Late.is_led_elsewhere());
    }
}
