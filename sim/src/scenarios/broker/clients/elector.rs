use std::time::Duration;

use ordain::client::admin::preferred_election;
use ordain::client::{AutoCreate, Client, ClientError, Lane, TopicPartition};
use ordain::io::RngStream;
use ordain::types::{ErrorCode, NodeId};

use super::{Seat, bounded};
use crate::scenarios::broker::history::{Election, History};

/// What may be said of a partition.
const ANSWERS: [ErrorCode; 5] = [
    ErrorCode::None,
    ErrorCode::ElectionNotNeeded,
    ErrorCode::PreferredLeaderNotAvailable,
    // It was asked on the way of who led just before.
    ErrorCode::NotLeaderOrFollower,
    // Deleted, or not known there yet.
    ErrorCode::UnknownTopicOrPartition,
];

/// Has preferred leaders elected, of some partitions or of all; by the controller, as clients do, or by any other node.
pub(in crate::scenarios) async fn elect_preferred(seat: Seat) {
    let client = seat.client(Duration::from_secs(2));
    let Seat { io, name, history, ending, .. } = seat;
    let mut rng = io.rng.stream("workload");
    while !ending.has_begun() {
        ending.count_operation();
        let electing = elect_some(&client, &mut *rng, &history, &name);
        match bounded(&io, &history, "an election", electing).await {
            Ok(Ok(())) => history.progress(&name),
            Ok(Err(error)) => history.note(format_args!("{name}: {error}")),
            Err(_) => {}
        }
        io.clock.sleep(Duration::from_millis(50 + rng.below(4_000))).await;
    }
}

async fn elect_some(
    client: &Client,
    rng: &mut dyn RngStream,
    history: &History,
    name: &str,
) -> Result<(), ClientError> {
    let metadata = client.describe(None, AutoCreate::No).await?;
    let all = rng.below(2) == 0;
    let some: Vec<TopicPartition> = metadata
        .topics
        .values()
        .flat_map(|topic| topic.partitions.iter().map(|one| (topic.name.clone(), one.index.0)))
        .filter(|_| all || rng.below(3) == 0)
        .map(|(topic, partition)| TopicPartition::new(topic, partition))
        .collect();
    let brokers: Vec<NodeId> = metadata.brokers.keys().copied().collect();
    let drawn = usize::try_from(rng.below(2 * brokers.len().max(1) as u64)).unwrap_or(0);
    let patience = Duration::from_millis(200 + rng.below(3_500));
    if let Some(&node) = brokers.get(drawn) {
        for election in elect_by(client, node, &some, patience, history).await? {
            history.note(format_args!("{name}: {election}"));
            history.events().elections.push(election);
        }
        return Ok(());
    }
    for (at, outcome) in client.elect_preferred(&some).await? {
        match outcome {
            Ok(()) => history.note(format_args!("{name}: the preferred replica leads {at}")),
            Err(error) => history.note(format_args!("{name}: {at}: {error}")),
        }
    }
    Ok(())
}

/// Has a node see to it that the preferred replicas lead these partitions, within that time; gives what it says of each.
pub(in crate::scenarios) async fn elect_by(
    client: &Client,
    node: NodeId,
    partitions: &[TopicPartition],
    patience: Duration,
    history: &History,
) -> Result<Vec<Election>, ClientError> {
    let broker = client.node(node, Lane::Admin).await?;
    let request = preferred_election(partitions, i32::try_from(patience.as_millis()).unwrap_or(i32::MAX));
    let began = history.now();
    let answer = broker.call(&request).await?;
    let ended = history.now();
    let mut elections = Vec::new();
    for topic in &answer.replica_election_results {
        for told in &topic.partition_result {
            let at = TopicPartition::new(topic.topic.to_string(), told.partition_id);
            let code = ErrorCode::from_code(told.error_code).unwrap_or(ErrorCode::UnknownServerError);
            let why = told.error_message.as_ref().map(ToString::to_string).unwrap_or_default();
            elections.push(Election { at, node, began, ended, code, why });
        }
    }
    if let Err(wrong) = is_complete(answer.error_code, partitions, &elections) {
        history.wrong("I27-election-answer", format!("node {node} was asked for an election: {wrong}"));
    }
    Ok(elections)
}

/// Each partition has one answer, which is one that makes sense.
fn is_complete(code: i16, asked: &[TopicPartition], told: &[Election]) -> Result<(), String> {
    if code != ErrorCode::None.code() {
        return Err(format!("it answers with {code} as a whole"));
    }
    if let Some(at) = asked.iter().find(|at| told.iter().filter(|one| one.at == **at).count() != 1) {
        return Err(format!("it does not say one thing of {at}"));
    }
    if let Some(beside) = told.iter().find(|one| !asked.contains(&one.at)) {
        return Err(format!("nobody asked for {}", beside.at));
    }
    told.iter().find(|one| !ANSWERS.contains(&one.code)).map_or(Ok(()), |one| Err(one.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::SimTime;

    #[test]
    fn an_answer_says_one_thing_that_makes_sense_of_each_partition() {
        let at = |index| TopicPartition::new("events", index);
        let said = |index, code| Election {
            at: at(index),
            node: NodeId(1),
            began: SimTime(0),
            ended: SimTime(1),
            code,
            why: String::new(),
        };
        let (led, away) = (ErrorCode::None, ErrorCode::PreferredLeaderNotAvailable);
        let asked = [at(0), at(1)];
        assert_eq!(is_complete(0, &asked, &[said(0, led), said(1, away)]), Ok(()));
        assert!(is_complete(0, &asked, &[said(0, led)]).is_err(), "one is missing");
        assert!(is_complete(0, &asked, &[said(0, led), said(0, led), said(1, led)]).is_err(), "one twice");
        assert!(is_complete(0, &asked[..1], &[said(0, led), said(1, led)]).is_err(), "one too many");
        assert!(is_complete(0, &asked[..1], &[said(0, ErrorCode::UnknownServerError)]).is_err());
        assert!(is_complete(-1, &[], &[]).is_err());
    }
}
