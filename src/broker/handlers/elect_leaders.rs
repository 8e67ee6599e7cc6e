use std::collections::{BTreeMap, BTreeSet};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use crate::broker::cluster::{BEHIND, HAND_OVERS_MAX, ask_node, hindrance};
use crate::broker::cluster_view::leader_of;
use crate::broker::errors::ApiError;
use crate::broker::repeats::Repeats;
use crate::broker::{Caller, Context};
use crate::io::{join_all, timeout};
use crate::metadata::MetadataImage;
use crate::probe::{Mutant, mutant};
use crate::types::limits::REPEATED_BYTES_MAX;
use crate::types::{ErrorCode, Instant, NodeId, PartitionId, PartitionIndex};
use crate::wire::Text;
use crate::wire::messages::elect_leaders_request::TopicPartitions;
use crate::wire::messages::elect_leaders_response::{PartitionResult, ReplicaElectionResult};
use crate::wire::messages::{ElectLeadersRequest, ElectLeadersResponse};

/// The request's types of elections (KIP-460).
const PREFERRED: i8 = 0;
const UNCLEAN: i8 = 1;
/// The version in which a node asks the leader's node.
const VERSION: i16 = 2;
/// An election takes no longer, whatever the client's patience.
const PATIENCE_MAX: Duration = Duration::from_secs(30);
/// What a partition takes of an answer, with its text, in bytes, rather too much than too little.
const RESULT_BYTES: usize = 256;

/// For so long a leader is told to hand over,
const HAND_OVER_MAX: Duration = Duration::from_secs(3);
/// and so often: it goes on leading when it does not hear the successor for a moment.
const HAND_OVER_AGAIN: Duration = Duration::from_millis(500);
/// For so long a successor may be behind that is looked at again and again: of three replicas two commit without it.
const CATCH_UP_MAX: Duration = Duration::from_secs(1);
const CATCH_UP_LOOK: Duration = Duration::from_millis(20);
/// Another node is given the time that is left but for one part in so many, in which its answer comes back.
const WAY_SHARE: u32 = 20;

/// A partition by the names that a client uses.
type Place = (Text, i32);

/// ElectLeaders (key 43): the present leaders hand over to the preferred replicas, those that come first in the assignment. There
/// are no unclean elections: what was acknowledged would be lost.
pub(in crate::broker) async fn handle(
    context: &Arc<Context>,
    caller: &Caller,
    request: ElectLeadersRequest,
) -> ElectLeadersResponse {
    let image = context.metadata();
    let places = places(&image, request.topic_partitions.as_deref());
    if let Some(refusal) = named_too_often(&request, places.len()) {
        return refuse_all(Some(by_topic(places)), &refusal);
    }
    if let Some(refusal) = refused(&request) {
        return refuse_all(request.topic_partitions, &refusal);
    }
    let election = request.election_type;
    let patience = Duration::from_millis(u64::try_from(request.timeout_ms).unwrap_or(0)).min(PATIENCE_MAX);
    let deadline = context.io.clock.now().after(patience);
    let of_all = request.topic_partitions.is_none();
    let mut results: BTreeMap<Place, Result<(), ApiError>> = BTreeMap::new();
    let mut asked: BTreeMap<NodeId, Vec<Wanted>> = BTreeMap::new();
    for place in places {
        match wanted(context, &image, &place, election) {
            Ok((leader, wanted)) => asked.entry(leader).or_default().push(wanted),
            // Nobody asked for these by name.
            Err(error) if of_all && error.code == ErrorCode::ElectionNotNeeded => {}
            Err(error) => drop(results.insert(place, Err(error))),
        }
    }
    let mut all: Vec<Moving<'_>> = Vec::new();
    for (leader, wanted) in asked {
        all.push(Box::pin(of_leader(context, caller, leader, wanted, deadline)));
    }
    results.extend(join_all(all).await.into_iter().flatten());
    respond(&image, request.topic_partitions, results)
}

/// What becomes of what one node leads.
type Moving<'a> = Pin<Box<dyn Future<Output = Vec<(Place, Result<(), ApiError>)>> + Send + 'a>>;

/// Lets a node hand over what it leads; side by side with the others, so that none waits for another's time to be over.
async fn of_leader(
    context: &Arc<Context>,
    caller: &Caller,
    leader: NodeId,
    wanted: Vec<Wanted>,
    deadline: Instant,
) -> Vec<(Place, Result<(), ApiError>)> {
    let outcomes = if leader == context.config().node_id {
        here(context, &wanted, deadline).await
    } else if caller.via.is_some() {
        let moved = || ApiError::bare(ErrorCode::NotLeaderOrFollower);
        wanted.iter().map(|_| Err(moved())).collect()
    } else {
        there(context, leader, &wanted, deadline).await
    };
    wanted.into_iter().map(|wanted| wanted.place).zip(outcomes).collect()
}

/// Why nothing of it is done, if it names partitions so often that to tell each mention would make too long an answer; `once`: how many it
/// names.
fn named_too_often(request: &ElectLeadersRequest, once: usize) -> Option<ApiError> {
    let named: usize = request.topic_partitions.iter().flatten().map(|topic| topic.partitions.len()).sum();
    let again = named.saturating_sub(once);
    let mut repeats = Repeats::new(REPEATED_BYTES_MAX);
    let admitted = repeats.admits(again.saturating_mul(RESULT_BYTES));
    (!admitted).then(|| ApiError::new(ErrorCode::InvalidRequest, repeats.refusal().to_string()))
}

/// Why nothing of it is done, whatever it asks for.
fn refused(request: &ElectLeadersRequest) -> Option<ApiError> {
    let asks_for_none = request.topic_partitions.as_ref().is_some_and(Vec::is_empty);
    match request.election_type {
        PREFERRED | UNCLEAN if request.timeout_ms <= 0 => Some(ApiError::bare(ErrorCode::RequestTimedOut)),
        PREFERRED | UNCLEAN => None,
        // Kafka looks at the type for each partition.
        _ if asks_for_none => None,
        other => Some(ApiError::new(
            ErrorCode::InvalidRequest,
            format!("{other} is no type of election; 0 is preferred, 1 unclean"),
        )),
    }
}

/// The same for the request and all that it names.
fn refuse_all(asked: Option<Vec<TopicPartitions>>, refusal: &ApiError) -> ElectLeadersResponse {
    let (error_code, error_message) = ApiError::told(Err(refusal.clone()));
    let topics =
        asked.unwrap_or_default().into_iter().map(|TopicPartitions { topic, partitions, .. }| {
            let result = |partition_id| {
                let error_message = error_message.clone();
                PartitionResult { partition_id, error_code, error_message, ..PartitionResult::default() }
            };
            let partition_result = partitions.into_iter().map(result).collect();
            ReplicaElectionResult { partition_result, topic, ..Default::default() }
        });
    ElectLeadersResponse {
        error_code,
        replica_election_results: topics.collect(),
        ..ElectLeadersResponse::default()
    }
}

/// What is asked about, each partition once.
fn places(image: &MetadataImage, asked: Option<&[TopicPartitions]>) -> BTreeSet<Place> {
    match asked {
        Some(topics) => topics
            .iter()
            .flat_map(|topic| topic.partitions.iter().map(|&index| (topic.topic.clone(), index)))
            .collect(),
        None => image
            .topics()
            .flat_map(|topic| topic.partitions.keys().map(|index| (Text::from(&*topic.name), index.0)))
            .collect(),
    }
}

/// Partitions as requests name them.
fn by_topic(places: impl IntoIterator<Item = Place>) -> Vec<TopicPartitions> {
    let mut topics: BTreeMap<Text, Vec<i32>> = BTreeMap::new();
    for (topic, index) in places {
        topics.entry(topic).or_default().push(index);
    }
    let named = |(topic, partitions)| TopicPartitions { topic, partitions, ..Default::default() };
    topics.into_iter().map(named).collect()
}

/// Leadership that is to move.
struct Wanted {
    place: Place,
    id: PartitionId,
    to: NodeId,
}

impl Wanted {
    fn refused(&self, why: &str) -> ApiError {
        let message = format!("node {} cannot take over: {why}", self.to);
        ApiError::new(ErrorCode::PreferredLeaderNotAvailable, message)
    }
}

/// Who leads it now, and what is wanted of it.
fn wanted(
    context: &Context,
    image: &MetadataImage,
    place: &Place,
    election: i8,
) -> Result<(NodeId, Wanted), ApiError> {
    let index = PartitionIndex(place.1);
    let topic = image.topic(&place.0);
    let found = topic.and_then(|topic| Some((topic.id, topic.partition(index)?)));
    let Some((topic, partition)) = found else {
        return Err(ApiError::new(ErrorCode::UnknownTopicOrPartition, "The partition does not exist."));
    };
    let id = PartitionId { topic, index };
    // One that is fenced may be the last that was told of, and is not there.
    let leader = leader_of(context, image, id).map(|(leader, _)| leader).filter(|&node| image.is_up(node));
    match (election, leader, partition.replicas.first()) {
        (PREFERRED, Some(leader), Some(&to)) if leader == to => Err(ApiError::new(
            ErrorCode::ElectionNotNeeded,
            "The preferred replica leads the partition already.",
        )),
        (PREFERRED, Some(leader), Some(&to)) => Ok((leader, Wanted { place: place.clone(), id, to })),
        (PREFERRED, _, _) => Err(ApiError::new(
            ErrorCode::PreferredLeaderNotAvailable,
            "the partition has no leader that could hand over: its replicas are electing one",
        )),
        (_, Some(_), _) => Err(ApiError::new(ErrorCode::ElectionNotNeeded, "The partition has a leader.")),
        (_, None, _) => Err(ApiError::new(
            ErrorCode::EligibleLeadersNotAvailable,
            "there are no unclean elections here: the partition is led again as soon as a majority of its replicas is back",
        )),
    }
}

/// One partition's hand-over.
type Handing<'a> = Pin<Box<dyn Future<Output = Result<(), ApiError>> + Send + 'a>>;

/// Hands over what this node leads, some after others, as long as there is time: nobody serves what is being handed over, and each that
/// moves wakes all who wait for theirs.
async fn here(context: &Arc<Context>, wanted: &[Wanted], deadline: Instant) -> Vec<Result<(), ApiError>> {
    let mut outcomes = Vec::with_capacity(wanted.len());
    for some in wanted.chunks(HAND_OVERS_MAX) {
        if context.io.clock.now() < deadline {
            outcomes.extend(at_once(context, some, deadline).await);
        } else {
            let why = "the time that the request allows was over before its turn came; ask again";
            outcomes.extend(some.iter().map(|wanted| Err(wanted.refused(why))));
        }
    }
    outcomes
}

/// Hands over some of what this node leads, where the successor can take over at once.
async fn at_once(context: &Arc<Context>, wanted: &[Wanted], deadline: Instant) -> Vec<Result<(), ApiError>> {
    let hindrances = &hindrances(context, wanted, deadline).await;
    let handing = wanted.iter().map(|wanted| async move {
        if let Some(why) = hindrances.get(&wanted.id) {
            return Err(wanted.refused(why));
        }
        let led = hand_over(context, wanted.id, wanted.to, deadline).await;
        led.then_some(()).ok_or_else(|| wanted.refused("it did not in time"))
    });
    let mut all: Vec<Handing<'_>> = Vec::new();
    for one in handing {
        all.push(Box::pin(one));
    }
    join_all(all).await
}

/// Why some of the successors are not to take over.
async fn hindrances(
    context: &Context,
    wanted: &[Wanted],
    deadline: Instant,
) -> BTreeMap<PartitionId, &'static str> {
    let (clock, image) = (&*context.io.clock, context.metadata());
    let began = clock.now();
    // The rest of the time is for the hand-over.
    let until = began.after(CATCH_UP_MAX.min(deadline.since(began) / 2));
    let mut left: BTreeMap<PartitionId, NodeId> =
        wanted.iter().map(|wanted| (wanted.id, wanted.to)).collect();
    let mut found = BTreeMap::new();
    loop {
        // A node that shuts down tells nothing, and hands over by itself. Who has just stopped leading knows of nobody what he holds; the
        // next one may be the one that is wanted.
        let stats = context.partitions.stats(Some(left.keys().copied().collect())).await.unwrap_or_default();
        let led_here = stats.iter().filter(|stats| stats.leader && !mutant(Mutant::ClusterElectsAnyone));
        let hindered: BTreeMap<PartitionId, &'static str> = led_here
            .filter_map(|stats| Some((stats.id, hindrance(context, &image, stats, left[&stats.id])?)))
            .collect();
        left.retain(|id, _| hindered.get(id) == Some(&BEHIND));
        let is_last = left.is_empty() || clock.now() >= until;
        found.extend(hindered.into_iter().filter(|(_, why)| is_last || *why != BEHIND));
        if is_last {
            return found;
        }
        clock.sleep(CATCH_UP_LOOK).await;
    }
}

/// Whether `to` leads a partition in this node's place before `deadline`.
async fn hand_over(context: &Context, id: PartitionId, to: NodeId, deadline: Instant) -> bool {
    let (clock, leaderships) = (&*context.io.clock, context.partitions.leaderships());
    let deadline = deadline.min(clock.now().after(HAND_OVER_MAX));
    loop {
        if context.partitions.transfer(id, to).await.is_err() {
            return false;
        }
        let moved = async {
            loop {
                let mut changed = pin!(leaderships.changed());
                changed.as_mut().enable();
                match leaderships.of(id) {
                    Some(here) if here.leader == Some(to) => return,
                    Some(_) | None => changed.await,
                }
            }
        };
        let again = deadline.min(clock.now().after(HAND_OVER_AGAIN));
        if timeout(clock, again, moved).await.is_ok() {
            return true;
        }
        if again == deadline {
            return false;
        }
    }
}

/// Lets the leader's node do it.
async fn there(
    context: &Arc<Context>,
    leader: NodeId,
    wanted: &[Wanted],
    deadline: Instant,
) -> Vec<Result<(), ApiError>> {
    let left = deadline.since(context.io.clock.now());
    let left = left.saturating_sub(left / WAY_SHARE);
    let request = ElectLeadersRequest {
        election_type: PREFERRED,
        topic_partitions: Some(by_topic(wanted.iter().map(|wanted| wanted.place.clone()))),
        timeout_ms: i32::try_from(left.as_millis()).unwrap_or(i32::MAX),
        ..ElectLeadersRequest::default()
    };
    match ask_node(context, leader, VERSION, &request, deadline).await {
        Ok(response) => told_of(response, wanted),
        Err(error) => {
            let failed = || ApiError::new(ErrorCode::PreferredLeaderNotAvailable, error.to_string());
            wanted.iter().map(|_| Err(failed())).collect()
        }
    }
}

/// What the leader's node says of each that it was asked for.
fn told_of(response: ElectLeadersResponse, wanted: &[Wanted]) -> Vec<Result<(), ApiError>> {
    let mut told: BTreeMap<Place, Result<(), ApiError>> = BTreeMap::new();
    for ReplicaElectionResult { topic, partition_result, .. } in response.replica_election_results {
        for PartitionResult { partition_id, error_code, error_message, .. } in partition_result {
            let outcome = ApiError::answered(error_code, error_message.as_ref());
            told.insert((topic.clone(), partition_id), outcome);
        }
    }
    let missing = || Err(ApiError::bare(ErrorCode::UnknownServerError));
    wanted.iter().map(|wanted| told.remove(&wanted.place).unwrap_or_else(missing)).collect()
}

/// As it was asked; where all partitions were, each topic with those of which there is something to say.
fn respond(
    image: &MetadataImage,
    asked: Option<Vec<TopicPartitions>>,
    results: BTreeMap<Place, Result<(), ApiError>>,
) -> ElectLeadersResponse {
    let told: BTreeMap<Place, PartitionResult> = results
        .into_iter()
        .map(|((topic, partition_id), result)| {
            let (error_code, error_message) = ApiError::told(result);
            let result =
                PartitionResult { partition_id, error_code, error_message, ..PartitionResult::default() };
            ((topic, partition_id), result)
        })
        .collect();
    let asked = asked.unwrap_or_else(|| {
        let all = image.topics().map(|topic| {
            let partitions = topic.partitions.keys().map(|index| index.0).collect();
            TopicPartitions { topic: Text::from(&*topic.name), partitions, ..Default::default() }
        });
        all.collect()
    });
    let topics = asked.into_iter().map(|TopicPartitions { topic, partitions, .. }| {
        let results = partitions.iter().filter_map(|index| told.get(&(topic.clone(), *index)).cloned());
        ReplicaElectionResult { partition_result: results.collect(), topic, ..Default::default() }
    });
    ElectLeadersResponse { replica_election_results: topics.collect(), ..ElectLeadersResponse::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::TopicId;

    /// The answer to a request that names one partition so often, if it is refused for that.
    fn refused_for_naming(times: usize) -> Option<ElectLeadersResponse> {
        let named = TopicPartitions { topic: "t".into(), partitions: vec![7; times], ..Default::default() };
        let request = ElectLeadersRequest { topic_partitions: Some(vec![named]), ..Default::default() };
        let places = places(&MetadataImage::default(), request.topic_partitions.as_deref());
        let refusal = named_too_often(&request, places.len())?;
        Some(refuse_all(Some(by_topic(places)), &refusal))
    }

    #[test]
    fn what_is_named_again_and_again_is_refused_as_a_whole_and_told_once() {
        let most = 1 + REPEATED_BYTES_MAX / RESULT_BYTES;
        assert_eq!(refused_for_naming(2), None);
        assert_eq!(refused_for_naming(most), None);
        let told = refused_for_naming(most + 1).expect("refused");
        assert_eq!(told.error_code, ErrorCode::InvalidRequest.code());
        let [topic] = &told.replica_election_results[..] else { panic!("one topic: {told:?}") };
        let [partition] = &topic.partition_result[..] else { panic!("one partition: {told:?}") };
        assert_eq!((&*topic.topic, partition.partition_id, partition.error_code), ("t", 7, told.error_code));
        let text = partition.error_message.as_deref().expect("it says why");
        assert!(text.contains("name it once"), "{text}");
    }

    #[test]
    fn what_is_named_once_is_never_too_often() {
        let partitions: Vec<i32> = (0..1 << 19).collect();
        let once = partitions.len();
        assert!(once * RESULT_BYTES > REPEATED_BYTES_MAX);
        let named = TopicPartitions { topic: "t".into(), partitions, ..Default::default() };
        let request = ElectLeadersRequest { topic_partitions: Some(vec![named]), ..Default::default() };
        assert_eq!(named_too_often(&request, once), None);
        let all = ElectLeadersRequest { topic_partitions: None, ..Default::default() };
        assert_eq!(named_too_often(&all, once), None);
    }

    fn wanted(topic: &'static str, index: i32) -> Wanted {
        let id = PartitionId { topic: TopicId([7; 16]), index: PartitionIndex(index) };
        Wanted { place: (Text::from_static(topic), index), id, to: NodeId(2) }
    }

    #[test]
    fn each_partition_gets_what_the_leaders_node_says_of_it() {
        let result = |partition_id, code: ErrorCode| PartitionResult {
            partition_id,
            error_code: code.code(),
            error_message: None,
            ..PartitionResult::default()
        };
        let of_topic = |topic, partition_result| ReplicaElectionResult {
            topic: Text::from_static(topic),
            partition_result,
            ..ReplicaElectionResult::default()
        };
        let response = ElectLeadersResponse {
            replica_election_results: vec![
                of_topic("b", vec![result(1, ErrorCode::None), result(0, ErrorCode::NotLeaderOrFollower)]),
                of_topic("a", vec![result(0, ErrorCode::PreferredLeaderNotAvailable)]),
            ],
            ..ElectLeadersResponse::default()
        };
        let asked = [wanted("a", 0), wanted("a", 1), wanted("b", 0), wanted("b", 1)];
        let error = |code| Err(ApiError::bare(code));
        let expected = [
            error(ErrorCode::PreferredLeaderNotAvailable),
            error(ErrorCode::UnknownServerError),
            error(ErrorCode::NotLeaderOrFollower),
            Ok(()),
        ];
        assert_eq!(told_of(response, &asked), expected);
    }
}
