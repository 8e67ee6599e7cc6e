use std::collections::BTreeSet;
use std::time::Duration;

use ordain::client::consumer::Consumer;
use ordain::client::group::GroupOptions;
use ordain::client::{ClientError, TopicPartition};

use super::reader::options;
use super::{Seat, bounded, get_past_damage, got};
use crate::scenarios::broker::history::{CommitFate, Committer, FIRST_MEMBER, Reader, Resumed, poll_end};
use crate::scenarios::broker::plan::{GROUP, MemberPlan, TOPIC};
use crate::time::SimTime;

/// Polls between two commits of a member that commits automatically.
const POLLS_PER_COMMIT: u64 = 4;

/// A member of the group: polls, commits what it got, and leaves now and then.
pub(in crate::scenarios) async fn consume_as_member(seat: Seat, plan: MemberPlan) {
    let Seat { io, name, history, ending, account, .. } = &seat;
    let mut rng = io.rng.stream("workload");
    while !ending.has_begun() {
        // No retries: a commit that is sent again could take effect long after its answer.
        let client = seat.client(Duration::ZERO);
        let group = GroupOptions {
            instance_id: plan.is_static.then(|| format!("instance-{}", plan.member)),
            session_timeout: Duration::from_secs(3),
            rebalance_timeout: Duration::from_secs(4),
            heartbeat_interval: Duration::from_millis(700),
            ..GroupOptions::new(GROUP, vec![TOPIC.to_owned()])
        };
        history.subscribing(name, TOPIC);
        let mut consumer = Consumer::subscribe(&client, options(rng.below(9)), group);
        let polls = 5 + rng.below(100);
        // A static member goes without a word, and comes again.
        let mut leaves = !plan.is_static;
        let mut given = Given { since: history.now(), seen: BTreeSet::new() };
        for poll in 0..polls {
            if ending.has_begun() {
                break;
            }
            ending.count_operation();
            let commits = !plan.commits_automatically || poll % POLLS_PER_COMMIT == POLLS_PER_COMMIT - 1;
            // What earlier polls brought has been handled by now, as Kafka's consumer has it.
            let polled = async {
                if plan.commits_automatically && commits {
                    commit(&seat, &consumer).await?;
                }
                // A rebalance may move positions back to what was committed.
                let session = history.next_session(name);
                let who = Reader { reader: FIRST_MEMBER + plan.member, session };
                if consumer.must_rejoin() {
                    given = Given { since: history.now(), seen: BTreeSet::new() };
                }
                let brought = one_poll(&seat, &mut consumer, who, &mut given).await?;
                if !plan.commits_automatically && brought {
                    commit(&seat, &consumer).await?;
                }
                Ok::<bool, ClientError>(brought)
            };
            match polled.await {
                Ok(true) => {}
                Ok(false) => {
                    get_past_damage(&client, &mut consumer, account, history).await;
                }
                Err(error) => {
                    history.note(format_args!("{name}: {error}"));
                    leaves &= rng.below(2) == 0;
                    break;
                }
            }
        }
        if leaves && let Ok(Err(error)) = bounded(io, history, "leaving", consumer.close()).await {
            history.note(format_args!("{name} leaves: {error}"));
        }
        io.clock.sleep(Duration::from_millis(200 + rng.below(500))).await;
    }
}

/// What a member was given when it last joined.
struct Given {
    /// It asked where the group stands at this time or later.
    since: SimTime,
    /// The partitions from which it has fetched since.
    seen: BTreeSet<TopicPartition>,
}

/// Whether the poll brought something.
async fn one_poll(
    seat: &Seat,
    consumer: &mut Consumer,
    who: Reader,
    given: &mut Given,
) -> Result<bool, ClientError> {
    let polling = consumer.poll(Duration::from_millis(300));
    seat.history.polling(&seat.name);
    let polled = bounded(&seat.io, &seat.history, "a poll of a member", polling).await;
    let end = poll_end(&polled);
    let fetched = match polled {
        Ok(Ok(fetched)) => fetched,
        Ok(Err(error)) => {
            seat.history.polled(&seat.name, end);
            return Err(error);
        }
        Err(_) => {
            seat.history.polled(&seat.name, end);
            return Ok(false);
        }
    };
    for fetch in &fetched {
        if given.seen.insert(fetch.at.clone()) {
            let (member, at, from) = (seat.name.clone(), fetch.at.clone(), fetch.from);
            seat.history.resumed(&Resumed { member, at, from, since: given.since });
        }
        got(&seat.history, who, fetch, seat.io.clock.now());
    }
    seat.history.polled(&seat.name, end);
    Ok(!fetched.is_empty())
}

/// Commits all that polls have brought.
async fn commit(seat: &Seat, consumer: &Consumer) -> Result<(), ClientError> {
    let history = &seat.history;
    let offsets = consumer.positions();
    if offsets.is_empty() {
        return Ok(());
    }
    // Until it is answered nobody knows, whatever becomes of this machine.
    let places = history.committing(&seat.name, Committer::Member, &offsets);
    let committing = consumer.commit_offsets(&offsets);
    let Ok(result) = bounded(&seat.io, history, "a commit", committing).await else { return Ok(()) };
    history.committed_as(places, commit_fate(result.as_ref().err()));
    if result.is_ok() {
        history.progress(&seat.name);
    }
    result
}

/// What a commit's answer says of its fate.
pub(super) fn commit_fate(error: Option<&ClientError>) -> CommitFate {
    match error {
        None => CommitFate::Acknowledged,
        // The one answer that may come though the records were written.
        Some(ClientError::Refused { code, .. }) if !is_ambiguous(*code) => CommitFate::Refused,
        Some(_) => CommitFate::Unknown,
    }
}

/// Whether the coordinator may have done what it refuses with this code.
pub(super) fn is_ambiguous(code: ordain::types::ErrorCode) -> bool {
    use ordain::types::ErrorCode as E;
    !matches!(
        code,
        E::IllegalGeneration
            | E::UnknownMemberId
            | E::RebalanceInProgress
            | E::CoordinatorLoadInProgress
            | E::FencedInstanceId
            | E::InvalidGroupId
            | E::OffsetMetadataTooLarge
    )
}
