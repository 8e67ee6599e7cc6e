use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tracing::{debug, warn};

use super::{ANSWER_PATIENCE, Cluster, ask, ask_node};
use crate::broker::Context;
use crate::broker::cluster_view::leader_of;
use crate::broker::errors::ApiError;
use crate::io::timeout;
use crate::metadata::MetadataImage;
use crate::metadata::controller::METADATA_PARTITION;
use crate::partition::{LeadershipError, PartitionError, PartitionStats};
use crate::probe::{Mutant, mutant};
use crate::types::{LeaderEpoch, NodeId, PartitionId, PartitionIndex};
use crate::wire::messages::leave_partitions_request::LeavingReplica;
use crate::wire::messages::report_voters_request::ReassignedPartition;
use crate::wire::messages::{LeavePartitionsRequest, ReportVotersRequest};

/// The version in which nodes of this release talk to each other.
const VERSION: i16 = 0;
/// How often it is looked again while something is open.
const LOOK_AGAIN: Duration = Duration::from_millis(100);
/// The same, if nothing is open but replicas that are to stay, of which a leader may say that they go: it is rare that one does.
const LOOK_LATER: Duration = Duration::from_secs(1);
/// Partitions in one request; more take several.
const PARTITIONS_MAX: usize = 1_000;

/// Does this node's part of reassignments that is not the shards': tells the controller which partitions that are led here have come
/// to their target, and removes replicas that are here for nothing any more, when their leaders let them go; until the node stops.
pub async fn follow_reassignments(context: Arc<Context>, cluster: Arc<Cluster>) {
    let shutdown = context.shutdown.clone();
    tokio::select! {
        biased;
        () = shutdown.begun() => {}
        () = follow(&context, &cluster) => {}
    }
}

async fn follow(context: &Arc<Context>, cluster: &Cluster) {
    let clock = Arc::clone(&context.io.clock);
    let mut unresolved = Unresolved::at_start(context.partitions.leaderships().ids());
    loop {
        // Before the image: what is asked for later is not newer than what this says.
        let end = context.image.end();
        let image = context.metadata();
        let told = report(context, cluster, &image).await;
        let rest = remove_rest(context, &mut unresolved).await;
        let left = leave(context, &image, end.0, &mut unresolved).await.max(rest);
        let mut changed = pin!(context.image.once(|now, _| !std::ptr::eq(now, &*image)));
        let pause = match told.max(left) {
            Open::Nothing => {
                changed.await;
                continue;
            }
            Open::Staying => LOOK_LATER,
            Open::Something => LOOK_AGAIN,
        };
        let again = clock.now().after(pause);
        let _whichever_came_first = timeout(&*clock, again, changed.as_mut()).await;
    }
}

/// Whether something is to be looked at again.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Open {
    Nothing,
    /// No more than whether replicas stay that are to stay.
    Staying,
    Something,
}

/// Replicas here that a leader may have let go without this node knowing: it will make them no voters any more, in its epoch. They are
/// asked about even if they are to stay by now, until it is sure that they do, or they go and are made anew. What their own logs say of the
/// voters counts for nothing: a replica that was let go may not hold the set that it is missing from.
struct Unresolved {
    here: BTreeSet<PartitionId>,
    /// Replicas that are no more, and whose files the disk did not remove: until they are, none is made in their place.
    unremoved: BTreeSet<PartitionId>,
}

impl Unresolved {
    /// What was asked before this start, and what was answered, is forgotten: it may be any replica.
    fn at_start(here: Vec<PartitionId>) -> Unresolved {
        let forgets = mutant(Mutant::ReassignForgetsAtStart);
        let here = here.into_iter().filter(|&id| id != METADATA_PARTITION && !forgets).collect();
        Unresolved { here, unremoved: BTreeSet::new() }
    }

    /// The replicas to ask about, of those here: those that are to go, and the unresolved. Of a founder's replica that was here from the
    /// first no leader ever heard a question. (One of which this image does not say yet that it had left would be made anew as what it
    /// was; it has to wait until the image does.)
    fn questions(
        &mut self,
        here: &BTreeSet<PartitionId>,
        image: &MetadataImage,
        own: NodeId,
    ) -> Vec<PartitionId> {
        self.here.retain(|id| here.contains(id));
        let may_be_let_go = |id: &PartitionId| {
            self.here.contains(id)
                && image.partition(*id).is_some_and(|partition| !partition.has_founder(own))
        };
        here.iter().copied().filter(|id| is_over(image, *id, own) || may_be_let_go(id)).collect()
    }

    /// Nobody has let the replica go, or it is gone.
    fn resolve(&mut self, id: PartitionId) {
        self.here.remove(&id);
    }

    /// What came of one question.
    fn answered(&mut self, answer: Answer) {
        self.here.extend(answer.released);
        for id in answer.staying {
            self.resolve(id);
        }
    }
}

/// Of the replicas that a leader was asked about,
struct Answer {
    /// those that it has let go, or may have;
    released: Vec<PartitionId>,
    /// those that it has not.
    staying: Vec<PartitionId>,
}

impl Answer {
    /// Nobody knows: it may have let go of each.
    fn unknown(asked: BTreeSet<PartitionId>) -> Answer {
        Answer { released: asked.into_iter().collect(), staying: Vec::new() }
    }
}

/// Whether this node is to hold a partition no longer.
fn is_over(image: &MetadataImage, id: PartitionId, own: NodeId) -> bool {
    id != METADATA_PARTITION
        && image.partition(id).is_some_and(|partition| !partition.replicas.contains(&own))
}

/// Tells the controller of the partitions led here whose voters are those that they shall be.
async fn report(context: &Arc<Context>, cluster: &Cluster, image: &MetadataImage) -> Open {
    let all: Vec<PartitionId> = image.reassigning().collect();
    if all.is_empty() {
        return Open::Nothing;
    }
    let own = context.config().node_id;
    let leaderships = context.partitions.leaderships();
    let led = all.into_iter().filter(|&id| leaderships.of(id).is_some_and(|here| here.serving));
    let Ok(stats) = context.partitions.stats(Some(led.collect())).await else { return Open::Nothing };
    let mut rows: Vec<ReassignedPartition> =
        stats.iter().filter_map(|stats| has_come(image, stats)).collect();
    let Some(broker_epoch) = image.registered(own).map(|broker| broker.epoch) else {
        return Open::Something;
    };
    while !rows.is_empty() {
        let rest = rows.split_off(rows.len().min(PARTITIONS_MAX));
        let request = ReportVotersRequest {
            broker_id: own.0,
            broker_epoch,
            partitions: rows,
            ..ReportVotersRequest::default()
        };
        let deadline = context.io.clock.now().after(ANSWER_PATIENCE);
        let answered = ask(context, cluster, VERSION, &request, deadline).await;
        match answered.map(|answer| ApiError::answered(answer.error_code, None)) {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                debug!(code = %error.code, "the controller does not take what voters there are")
            }
            Err(error) => warn!(%error, "the cluster is not told that a reassignment has come to its end"),
        }
        rows = rest;
    }
    Open::Something
}

/// What there is to tell of a partition, if its voters are those that it shall have.
fn has_come(image: &MetadataImage, stats: &PartitionStats) -> Option<ReassignedPartition> {
    let partition = image.partition(stats.id)?;
    let voters: BTreeSet<NodeId> = stats.voters.keys().iter().map(|key| key.node).collect();
    let is_target = partition.target().into_iter().collect::<BTreeSet<_>>() == voters;
    (stats.serving && stats.voters_committed && is_target).then(|| ReassignedPartition {
        topic_id: stats.id.topic,
        partition_index: stats.id.index.0,
        partition_epoch: partition.partition_epoch,
        voters: voters.iter().map(|node| node.0).collect(),
        ..ReassignedPartition::default()
    })
}

/// Asks the leaders of partitions that this node is to hold no longer whether its replicas may go, and removes those that may; and those
/// of the `unresolved`.
async fn leave(context: &Arc<Context>, image: &MetadataImage, end: i64, unresolved: &mut Unresolved) -> Open {
    let own = context.config().node_id;
    let here: BTreeSet<PartitionId> = context.partitions.leaderships().ids().into_iter().collect();
    let asked = unresolved.questions(&here, image, own);
    if asked.is_empty() {
        return Open::Nothing;
    }
    if mutant(Mutant::ReassignLeavesAtOnce) {
        let over = asked.into_iter().filter(|&id| is_over(image, id, own));
        let released = over.map(|id| (id, LeaderEpoch(i32::MAX))).collect();
        let _removed = remove(context, released, &mut unresolved.unremoved).await;
        return Open::Something;
    }
    let open = match asked.iter().any(|&id| is_over(image, id, own)) {
        true => Open::Something,
        false => Open::Staying,
    };
    let Ok(stats) = context.partitions.stats(Some(asked)).await else { return Open::Nothing };
    let mut rows_of: BTreeMap<NodeId, Vec<LeavingReplica>> = BTreeMap::new();
    for stats in stats {
        if stats.serving {
            // Nobody who was let go is elected: the set without it was committed before.
            unresolved.resolve(stats.id);
            continue;
        }
        let known = leader_of(context, image, stats.id).map(|(leader, _)| leader);
        // A replica that knows none may not have heard of those that hold it now.
        let hint = || image.partition(stats.id).and_then(|partition| partition.leader);
        let Some(leader) = known.or_else(hint).filter(|&leader| leader != own) else { continue };
        rows_of.entry(leader).or_default().push(LeavingReplica {
            topic_id: stats.id.topic,
            partition_index: stats.id.index.0,
            directory_id: stats.key.directory,
            leader_epoch: stats.epoch.0,
            ..LeavingReplica::default()
        });
    }
    for (leader, mut rows) in rows_of {
        while !rows.is_empty() {
            let rest = rows.split_off(rows.len().min(PARTITIONS_MAX));
            let answer = ask_to_leave(context, leader, rows, end, &mut unresolved.unremoved).await;
            unresolved.answered(answer);
            rows = rest;
        }
    }
    open
}

/// Asks a leader, and removes what it lets go.
async fn ask_to_leave(
    context: &Arc<Context>,
    leader: NodeId,
    partitions: Vec<LeavingReplica>,
    end: i64,
    unremoved: &mut BTreeSet<PartitionId>,
) -> Answer {
    let id_of = |topic, index| PartitionId { topic, index: PartitionIndex(index) };
    let asked: BTreeSet<_> = partitions.iter().map(|row| id_of(row.topic_id, row.partition_index)).collect();
    let request =
        LeavePartitionsRequest { metadata_offset: end, partitions, ..LeavePartitionsRequest::default() };
    let deadline = context.io.clock.now().after(ANSWER_PATIENCE);
    let answer = match ask_node(context, leader, VERSION, &request, deadline).await {
        Ok(answer) => answer,
        Err(error) => {
            debug!(%leader, %error, "a leader is not asked whether a replica may go");
            return Answer::unknown(asked);
        }
    };
    if let Err(error) = ApiError::answered(answer.error_code, None) {
        debug!(%leader, code = %error.code, "a leader does not say whether a replica may go");
        return Answer::unknown(asked);
    }
    // A leader tells of what it was not asked.
    let was_asked = |id: &PartitionId| asked.contains(id);
    let released = answer
        .partitions
        .iter()
        .map(|row| (id_of(row.topic_id, row.partition_index), LeaderEpoch(row.leader_epoch)))
        .filter(|(id, _)| was_asked(id));
    let released: BTreeMap<PartitionId, LeaderEpoch> = released.collect();
    let stays = answer.staying.iter().map(|row| id_of(row.topic_id, row.partition_index));
    let mut staying: Vec<PartitionId> = stays.filter(was_asked).collect();
    let ids = released.keys().copied().collect();
    if !released.is_empty() {
        // What is made in their place is another replica, which was never asked about.
        staying.extend(remove(context, released, unremoved).await);
    }
    Answer { released: ids, staying }
}

/// Removes replicas that leaders let go; gives those that are gone, and notes those whose files are there still.
async fn remove(
    context: &Context,
    released: BTreeMap<PartitionId, LeaderEpoch>,
    unremoved: &mut BTreeSet<PartitionId>,
) -> Vec<PartitionId> {
    let ids = released.keys().copied().collect();
    let mut removed = Vec::new();
    if context.controller.begin_leaving(ids).await.is_err() {
        return removed;
    }
    for (id, epoch) in released {
        match context.partitions.leave(id, epoch).await {
            Ok(()) => removed.push(id),
            // The replica is no more.
            Err(error @ PartitionError::Leadership(LeadershipError::Storage)) => {
                warn!(partition = %id, %error, "the files of a replica that is gone are not removed; it is tried again");
                if !mutant(Mutant::ClusterRemovesOnce) {
                    unremoved.insert(id);
                }
            }
            // Until the next start no other one is made in its place.
            Err(error) => warn!(partition = %id, %error, "a replica that may go is not removed"),
        }
    }
    // One that has heard of a later epoch, or whose files are worked on, has stayed.
    let is_gone = |id: &PartitionId| context.partitions.leaderships().of(*id).is_none();
    let gone = removed.iter().copied().filter(is_gone).collect();
    have_left(context, removed).await;
    gone
}

/// Removes files that a disk has not removed before. Until it does, none of their partitions is made anew here.
async fn remove_rest(context: &Context, unresolved: &mut Unresolved) -> Open {
    let mut removed = Vec::new();
    for &id in &unresolved.unremoved {
        match context.partitions.finish_leaving(id).await {
            Ok(()) => removed.push(id),
            Err(error) => {
                debug!(partition = %id, %error, "the files of a replica that is gone are not removed yet")
            }
        }
    }
    if !removed.is_empty() {
        unresolved.unremoved.retain(|id| !removed.contains(id));
        have_left(context, removed).await;
    }
    if unresolved.unremoved.is_empty() { Open::Nothing } else { Open::Staying }
}

async fn have_left(context: &Context, removed: Vec<PartitionId>) {
    if let Err(error) = context.controller.left(removed).await {
        warn!(%error, "replicas that were removed are not made anew where they shall be");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{TopicId, Uuid};
    use crate::wire::messages::{PartitionReassignmentRecord, PartitionRecord, TopicRecord};

    const TOPIC: TopicId = TopicId([3; 16]);
    const ID: PartitionId = PartitionId { topic: TOPIC, index: PartitionIndex(0) };
    const OWN: NodeId = NodeId(4);

    /// A partition that nodes 1 to 3 founded.
    fn image() -> MetadataImage {
        let mut image = MetadataImage::default();
        let topic = TopicRecord { name: "t".into(), topic_id: TOPIC, ..TopicRecord::default() };
        let partition = PartitionRecord {
            topic_id: TOPIC,
            replicas: vec![1, 2, 3],
            directories: vec![Uuid([1; 16]), Uuid([2; 16]), Uuid([3; 16])],
            leader: 1,
            ..PartitionRecord::default()
        };
        image.apply(&topic.into()).expect("a topic");
        image.apply(&partition.into()).expect("a partition");
        image
    }

    /// The same when others hold it.
    fn held_by(image: &MetadataImage, replicas: &[i32], departed: &[i32]) -> MetadataImage {
        let mut next = image.clone();
        let record = PartitionReassignmentRecord {
            topic_id: TOPIC,
            partition_epoch: next.partition(ID).expect("a partition").partition_epoch + 1,
            replicas: replicas.to_vec(),
            departed: departed.to_vec(),
            ..PartitionReassignmentRecord::default()
        };
        next.apply(&record.into()).expect("a reassignment");
        next
    }

    fn released() -> Answer {
        Answer { released: vec![ID], staying: Vec::new() }
    }

    fn stays() -> Answer {
        Answer { released: Vec::new(), staying: vec![ID] }
    }

    #[test]
    fn a_replica_that_may_have_been_let_go_is_asked_about_until_its_leader_says_that_it_stays() {
        let here = BTreeSet::from([ID, METADATA_PARTITION]);
        let wanted = held_by(&image(), &[1, 2, 3, 4], &[]);
        let mut made_here = Unresolved::at_start(Vec::new());
        assert_eq!(made_here.questions(&here, &wanted, OWN), [], "nobody was asked about it yet");

        let mut held = Unresolved::at_start(here.iter().copied().collect());
        assert_eq!(held.questions(&here, &wanted, OWN), [ID], "it may have been let go before the start");
        held.answered(Answer { released: Vec::new(), staying: Vec::new() });
        assert_eq!(held.questions(&here, &wanted, OWN), [ID], "its leader was not sure");
        held.answered(stays());
        assert_eq!(held.questions(&here, &wanted, OWN), []);

        let over = held_by(&wanted, &[1, 2, 3], &[]);
        assert_eq!(held.questions(&here, &over, OWN), [ID], "it is to go");
        held.answered(released());
        let again = held_by(&over, &[1, 2, 3, 4], &[]);
        assert_eq!(held.questions(&here, &again, OWN), [ID], "it was let go and is here");
        held.answered(Answer { staying: vec![ID], ..released() });
        assert_eq!(held.questions(&here, &again, OWN), [], "it went, and this is another one");
    }

    #[test]
    fn a_founders_first_replica_is_not_asked_about_and_one_that_left_is() {
        let (here, founder) = (BTreeSet::from([ID]), NodeId(3));
        let mut held = Unresolved::at_start(vec![ID]);
        assert_eq!(held.questions(&here, &image(), founder), [], "no leader ever let it go");
        let returned = held_by(&held_by(&image(), &[1, 2, 4], &[3]), &[1, 2, 3], &[3]);
        assert_eq!(held.questions(&here, &returned, founder), [ID]);
        held.resolve(ID);
        assert_eq!(held.questions(&here, &returned, founder), [], "it leads");
        let mut gone = Unresolved::at_start(vec![ID]);
        assert_eq!(gone.questions(&BTreeSet::new(), &returned, founder), []);
        assert_eq!(gone.questions(&here, &returned, founder), [], "another one was made in its place");
    }
}
