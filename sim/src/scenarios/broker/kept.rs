//! A group with one member that never says a word again and is not to be forgotten for half an hour: whatever happens to the
//! coordinator, it answers the same of that group (I11).
use std::time::Duration;

use bytes::Bytes;
use ordain::client::{Broker, Client, ClientError};
use ordain::types::ErrorCode;
use ordain::wire::messages::join_group_request::JoinGroupRequestProtocol;
use ordain::wire::messages::sync_group_request::SyncGroupRequestAssignment;
use ordain::wire::messages::{JoinGroupRequest, SyncGroupRequest};
use ordain::wire::{ApiKey, Text};

use super::history::History;
use crate::time::SimTime;

const KEPT: &str = "kept";
/// The most that a broker takes: longer than a run.
const SESSION_MS: i32 = 1_800_000;
const REBALANCE_MS: i32 = 1_000;
/// The last version in which a member is not sent away to come again with its id.
const JOIN_VERSION: i16 = 3;
const SYNC_VERSION: i16 = 3;
const ANSWER: Duration = Duration::from_secs(5);

/// Founds the group, and gives what is told of it.
pub(super) async fn found(client: &Client) -> Result<String, ClientError> {
    let broker = client.coordinator(KEPT).await?;
    let joining = JoinGroupRequest {
        group_id: Text::from_static(KEPT),
        session_timeout_ms: SESSION_MS,
        rebalance_timeout_ms: REBALANCE_MS,
        protocol_type: Text::from_static("consumer"),
        protocols: vec![JoinGroupRequestProtocol {
            name: Text::from_static("range"),
            metadata: Bytes::from_static(b"metadata"),
            ..JoinGroupRequestProtocol::default()
        }],
        ..JoinGroupRequest::default()
    };
    let joined = broker.call_within(JOIN_VERSION, &joining, ANSWER).await?;
    check(&broker, ApiKey::JoinGroup, joined.error_code, KEPT)?;
    let syncing = SyncGroupRequest {
        group_id: Text::from_static(KEPT),
        generation_id: joined.generation_id,
        member_id: joined.member_id.clone(),
        assignments: vec![SyncGroupRequestAssignment {
            member_id: joined.member_id,
            assignment: Bytes::from_static(b"assignment"),
            ..SyncGroupRequestAssignment::default()
        }],
        ..SyncGroupRequest::default()
    };
    let synced = broker.call_within(SYNC_VERSION, &syncing, ANSWER).await?;
    check(&broker, ApiKey::SyncGroup, synced.error_code, KEPT)?;
    told(client).await
}

/// What a code of an answer means for whoever asked.
pub(super) fn check(broker: &Broker, api: ApiKey, code: i16, subject: &str) -> Result<(), ClientError> {
    let code = match ErrorCode::from_code(code) {
        Some(ErrorCode::None) => return Ok(()),
        Some(code) => code,
        None => ErrorCode::UnknownServerError,
    };
    let (address, subject) = (broker.address().clone(), subject.to_owned());
    Err(ClientError::Refused { address, api, code, subject, message: None })
}

/// What the coordinator tells of it.
async fn told(client: &Client) -> Result<String, ClientError> {
    describe(client, KEPT).await
}

/// What the coordinator tells of a group; nothing of where it is.
pub(super) async fn describe(client: &Client, group: &str) -> Result<String, ClientError> {
    match client.describe_group(group).await {
        Ok(told) => Ok(format!("{} {} {:?} {:?}", told.state, told.kind, told.assignor, told.members)),
        Err(error) if error.code() == Some(ErrorCode::GroupIdNotFound) => Ok("none".to_owned()),
        Err(error) => Err(error),
    }
}

/// Asks for it, and holds the answer against what it was.
pub(in crate::scenarios) async fn look_at_kept_group(
    client: &Client,
    history: &History,
) -> Result<(), ClientError> {
    let asked = history.asks_kept_group();
    let told = told(client).await.inspect_err(|_| history.has_failed(asked))?;
    history.kept_group(asked, told);
    Ok(())
}

/// Whether another answer is wrong: always.
pub(super) fn differs(was: &str, is: &str, began: SimTime) -> Option<String> {
    (was != is).then(|| format!("the group {KEPT} was {was}, and asked for at {began} it is {is}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_answer_is_found() {
        assert_eq!(differs("Stable a", "Stable a", SimTime(5)), None);
        assert!(differs("Stable a", "Empty", SimTime(5)).unwrap().contains("it is Empty"));
    }
}
