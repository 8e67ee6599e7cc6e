use std::time::Duration;

use ordain::client::ClientError;
use ordain::client::consumer::Consumer;
use ordain::client::group::GroupOptions;
use ordain::io::Io;

use super::reader::options;
use super::{Ending, bounded, client, got};
use crate::scenarios::broker::history::{Commit, CommitFate, History, Reader};
use crate::scenarios::broker::plan::{GROUP, TOPIC};

/// Readers of a group are numbered from here on.
const FIRST_READER: u32 = 100;

/// A member of the group: polls, commits what it got, and leaves now and then.
pub(in crate::scenarios::broker) async fn consume_as_member(
    io: Io,
    member: u32,
    history: History,
    ending: Ending,
) {
    let name = format!("member-{member}");
    let mut rng = io.rng.stream("workload");
    let mut session = 0;
    while !ending.has_begun() {
        // No retries: a commit that is sent again could take effect long after its answer.
        let client = client(&io, &name, Duration::ZERO);
        let group = GroupOptions {
            session_timeout: Duration::from_secs(3),
            rebalance_timeout: Duration::from_secs(4),
            heartbeat_interval: Duration::from_millis(700),
            ..GroupOptions::new(GROUP, vec![TOPIC.to_owned()])
        };
        let mut consumer = Consumer::subscribe(&client, options(rng.below(9)), group);
        let polls = 5 + rng.below(100);
        let mut left = true;
        for _ in 0..polls {
            if ending.has_begun() {
                break;
            }
            ending.count_operation();
            // A rebalance may move positions back to what was committed.
            session += 1;
            let who = Reader { reader: FIRST_READER + member, session };
            if let Err(error) = one_poll(&io, &name, &mut consumer, who, &history).await {
                history.note(format_args!("{name}: {error}"));
                left = rng.below(2) == 0;
                break;
            }
        }
        if left && let Ok(Err(error)) = bounded(&io, &history, "leaving", consumer.close()).await {
            history.note(format_args!("{name} leaves: {error}"));
        }
        io.clock.sleep(Duration::from_millis(200 + rng.below(500))).await;
    }
}

async fn one_poll(
    io: &Io,
    name: &str,
    consumer: &mut Consumer,
    who: Reader,
    history: &History,
) -> Result<(), ClientError> {
    let polling = consumer.poll(Duration::from_millis(300));
    let Ok(fetched) = bounded(io, history, "a poll of a member", polling).await else { return Ok(()) };
    let fetched = fetched?;
    for fetch in &fetched {
        got(history, who, fetch);
    }
    if fetched.is_empty() {
        return Ok(());
    }
    let offsets = consumer.positions();
    let began = history.now();
    let Ok(result) = bounded(io, history, "a commit", consumer.commit_offsets(&offsets)).await else {
        return Ok(());
    };
    let fate = commit_fate(result.as_ref().err());
    for (at, offset) in offsets {
        history.commit(Commit { at, offset, fate, began, ended: history.now() });
    }
    if result.is_ok() {
        history.progress(name);
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

/// Whether the coordinator may have written what it refuses with this code.
fn is_ambiguous(code: ordain::types::ErrorCode) -> bool {
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
