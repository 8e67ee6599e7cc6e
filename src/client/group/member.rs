use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Notify;

use super::assignor::{MemberSubscription, assign_ranges};
use super::protocol;
use crate::client::admin::groups::{Membership, commit_at, commit_request};
use crate::client::broker::Broker;
use crate::client::cluster::{AutoCreate, Client, Lane};
use crate::client::error::ClientError;
use crate::client::metadata::TopicPartition;
use crate::io::TaskHandle;
use crate::types::{ErrorCode, Offset};
use crate::wire::messages::join_group_request::JoinGroupRequestProtocol;
use crate::wire::messages::leave_group_request::MemberIdentity;
use crate::wire::messages::sync_group_request::SyncGroupRequestAssignment;
use crate::wire::messages::{
    HeartbeatRequest, JoinGroupRequest, JoinGroupResponse, LeaveGroupRequest, SyncGroupRequest,
};
use crate::wire::{ApiKey, Text};

const PROTOCOL_TYPE: &str = "consumer";
const ASSIGNOR: &str = "range";

/// How to be a member.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GroupOptions {
    pub group_id: String,
    /// The name of a static member (KIP-345).
    pub instance_id: Option<String>,
    pub topics: Vec<String>,
    /// How long the coordinator waits for a heartbeat before it gives the member up.
    pub session_timeout: Duration,
    /// How long the others wait for this member to join again.
    pub rebalance_timeout: Duration,
    pub heartbeat_interval: Duration,
}

impl GroupOptions {
    /// The defaults of Kafka's clients.
    #[must_use]
    pub fn new(group_id: impl Into<String>, topics: Vec<String>) -> GroupOptions {
        GroupOptions {
            group_id: group_id.into(),
            instance_id: None,
            topics,
            session_timeout: Duration::from_secs(45),
            rebalance_timeout: Duration::from_secs(300),
            heartbeat_interval: Duration::from_secs(3),
        }
    }
}

/// What this member got in a generation of the group.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Joined {
    pub generation: i32,
    pub assignment: BTreeSet<TopicPartition>,
}

/// Membership in a group. While joined, a task keeps it alive with heartbeats. Dropped without
/// [`GroupSession::leave`], it ends by the session's timeout.
pub struct GroupSession {
    client: Client,
    options: GroupOptions,
    member: Membership,
    pulse: Arc<Pulse>,
    /// Behind a lock only so that a session can be shared.
    heartbeat: Mutex<Option<TaskHandle>>,
}

/// What the heartbeat has learnt.
#[derive(Default)]
struct Pulse {
    state: Mutex<PulseState>,
    changed: Notify,
}

#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
enum PulseState {
    #[default]
    Stable,
    /// The group rebalances: join again.
    Rebalancing,
    /// The coordinator does not know this member any more: join as a new one.
    Lost,
}

impl Pulse {
    fn state(&self) -> MutexGuard<'_, PulseState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, state: PulseState) {
        *self.state() = state;
        self.changed.notify_waiters();
    }
}

impl GroupSession {
    #[must_use]
    pub fn new(client: Client, options: GroupOptions) -> GroupSession {
        let instance_id = options.instance_id.as_deref().map(Text::from);
        let member = Membership { instance_id, ..Membership::NONE };
        GroupSession { client, options, member, pulse: Arc::default(), heartbeat: Mutex::new(None) }
    }

    /// The id the coordinator gave; empty before the first join.
    #[must_use]
    pub fn member_id(&self) -> &str {
        &self.member.member_id
    }

    #[must_use]
    pub fn group_id(&self) -> &str {
        &self.options.group_id
    }

    /// Whether the group waits for this member to join again.
    #[must_use]
    pub fn must_rejoin(&self) -> bool {
        *self.pulse.state() != PulseState::Stable
    }

    /// Completes once [`GroupSession::must_rejoin`] holds.
    pub async fn rebalanced(&self) {
        loop {
            let changed = self.pulse.changed.notified();
            let mut changed = std::pin::pin!(changed);
            changed.as_mut().enable();
            if self.must_rejoin() {
                return;
            }
            changed.await;
        }
    }

    /// Joins, or joins again, until the group is stable; gives this member's share.
    ///
    /// # Errors
    /// `FENCED_INSTANCE_ID`, `INCONSISTENT_GROUP_PROTOCOL` and others that joining again does not heal.
    pub async fn join(&mut self) -> Result<Joined, ClientError> {
        self.stop_heartbeat();
        if *self.pulse.state() == PulseState::Lost {
            self.member.member_id = Text::new();
        }
        let mut retry = self.client.retry();
        loop {
            match self.join_once().await {
                Ok(joined) => {
                    *self.pulse.state() = PulseState::Stable;
                    self.start_heartbeat();
                    return Ok(joined);
                }
                Err(error) => match error.code() {
                    Some(ErrorCode::MemberIdRequired | ErrorCode::RebalanceInProgress) => {}
                    Some(ErrorCode::UnknownMemberId | ErrorCode::IllegalGeneration) => {
                        self.member.member_id = Text::new();
                        self.member.generation = -1;
                    }
                    Some(_) | None => retry.pause(error).await?,
                },
            }
        }
    }

    async fn join_once(&mut self) -> Result<Joined, ClientError> {
        let broker = self.client.coordinator(&self.options.group_id).await?;
        let answer = self.send_join(&broker).await?;
        self.member.generation = answer.generation_id;
        self.member.member_id = answer.member_id.clone();
        let leads = answer.leader == answer.member_id;
        let assignments =
            if leads && !answer.skip_assignment { self.assign(&answer).await? } else { Vec::new() };
        let bytes = self.send_sync(&broker, &answer, assignments).await?;
        let assignment = protocol::read_assignment(&bytes).map_err(|source| ClientError::Malformed {
            address: broker.address().clone(),
            api: ApiKey::SyncGroup,
            source,
        })?;
        Ok(Joined { generation: answer.generation_id, assignment })
    }

    async fn send_join(&mut self, broker: &Broker) -> Result<JoinGroupResponse, ClientError> {
        let version = broker.version::<JoinGroupRequest>()?;
        let request = JoinGroupRequest {
            group_id: Text::from(self.options.group_id.as_str()),
            session_timeout_ms: milliseconds(self.options.session_timeout),
            rebalance_timeout_ms: milliseconds(self.options.rebalance_timeout),
            member_id: self.member.member_id.clone(),
            group_instance_id: self.member.instance_id.clone().filter(|_| version >= 5),
            protocol_type: Text::from_static(PROTOCOL_TYPE),
            protocols: vec![JoinGroupRequestProtocol {
                name: Text::from_static(ASSIGNOR),
                metadata: protocol::write_subscription(&self.options.topics),
                ..JoinGroupRequestProtocol::default()
            }],
            ..JoinGroupRequest::default()
        };
        // The coordinator answers when every member has joined.
        let within = self.options.rebalance_timeout + self.client.options().request_timeout;
        let answer = broker.call_within(version, &request, within).await?;
        if answer.error_code == ErrorCode::MemberIdRequired.code() {
            self.member.member_id = answer.member_id.clone();
        }
        let (api, code) = (ApiKey::JoinGroup, answer.error_code);
        ClientError::check(broker.address(), api, code, self.subject(), None)?;
        Ok(answer)
    }

    /// The leader's work: every member's share.
    async fn assign(
        &self,
        answer: &JoinGroupResponse,
    ) -> Result<Vec<SyncGroupRequestAssignment>, ClientError> {
        let mut members = Vec::new();
        let mut counts: BTreeMap<String, i32> = BTreeMap::new();
        for member in &answer.members {
            // A member whose bytes cannot be read gets nothing, and the others go on.
            let topics = protocol::read_subscription(&member.metadata).unwrap_or_default();
            for topic in &topics {
                if !counts.contains_key(topic) {
                    let count = match self.client.partitions(topic, AutoCreate::No).await {
                        Ok(partitions) => i32::try_from(partitions.len()).unwrap_or(i32::MAX),
                        Err(ClientError::UnknownTopic { .. }) => 0,
                        Err(error) => return Err(error),
                    };
                    counts.insert(topic.clone(), count);
                }
            }
            members.push(MemberSubscription {
                member_id: member.member_id.to_string(),
                instance_id: member.group_instance_id.as_ref().map(ToString::to_string),
                topics,
            });
        }
        let shares = assign_ranges(&members, &counts).into_iter();
        let assignments = shares.map(|(member_id, partitions)| SyncGroupRequestAssignment {
            member_id: Text::from(member_id),
            assignment: protocol::write_assignment(&partitions),
            ..SyncGroupRequestAssignment::default()
        });
        Ok(assignments.collect())
    }

    async fn send_sync(
        &self,
        broker: &Broker,
        joined: &JoinGroupResponse,
        assignments: Vec<SyncGroupRequestAssignment>,
    ) -> Result<Bytes, ClientError> {
        let version = broker.version::<SyncGroupRequest>()?;
        let request = SyncGroupRequest {
            group_id: Text::from(self.options.group_id.as_str()),
            generation_id: joined.generation_id,
            member_id: joined.member_id.clone(),
            group_instance_id: self.member.instance_id.clone().filter(|_| version >= 3),
            protocol_type: (version >= 5).then_some(Text::from_static(PROTOCOL_TYPE)),
            protocol_name: joined.protocol_name.clone().filter(|_| version >= 5),
            assignments,
            ..SyncGroupRequest::default()
        };
        let within = self.options.rebalance_timeout + self.client.options().request_timeout;
        let answer = broker.call_within(version, &request, within).await?;
        let (api, code) = (ApiKey::SyncGroup, answer.error_code);
        ClientError::check(broker.address(), api, code, self.subject(), None)?;
        Ok(answer.assignment)
    }

    /// Commits offsets as this member.
    ///
    /// # Errors
    /// `ILLEGAL_GENERATION` and `UNKNOWN_MEMBER_ID` if the group has gone on without this member, and others
    /// of the coordinator's, after retries.
    pub async fn commit(&self, offsets: &BTreeMap<TopicPartition, Offset>) -> Result<(), ClientError> {
        if offsets.is_empty() {
            return Ok(());
        }
        let request = commit_request(&self.options.group_id, &self.member, offsets);
        let mut retry = self.client.retry();
        loop {
            let attempt = async {
                let broker = self.client.coordinator(&self.options.group_id).await?;
                commit_at(&broker, &request).await
            };
            match attempt.await {
                Ok(()) => return Ok(()),
                Err(error) => retry.pause(error).await?,
            }
        }
    }

    /// Leaves the group, so that the others need not wait for this member's session to end. A static member
    /// stays a member, as in Kafka.
    ///
    /// # Errors
    /// What the coordinator said.
    pub async fn leave(mut self) -> Result<(), ClientError> {
        self.stop_heartbeat();
        if self.member.member_id.is_empty() || self.member.instance_id.is_some() {
            return Ok(());
        }
        let coordinator = self.client.coordinator(&self.options.group_id).await?;
        // A join that was given up may wait for the others yet, and holds its own connection for as long.
        let broker = self.client.connection(coordinator.address(), Lane::Admin).await?;
        let version = broker.version::<LeaveGroupRequest>()?;
        let member_id = self.member.member_id.clone();
        let mut request = LeaveGroupRequest {
            group_id: Text::from(self.options.group_id.as_str()),
            ..LeaveGroupRequest::default()
        };
        if version >= 3 {
            request.members = vec![MemberIdentity { member_id, ..MemberIdentity::default() }];
        } else {
            request.member_id = member_id;
        }
        let answer = broker.call_within(version, &request, self.client.options().request_timeout).await?;
        let code = answer.members.first().map_or(answer.error_code, |member| member.error_code);
        ClientError::check(broker.address(), ApiKey::LeaveGroup, code, self.subject(), None)
    }

    fn subject(&self) -> String {
        format!("group {}", self.options.group_id)
    }

    fn start_heartbeat(&mut self) {
        let client = self.client.clone();
        let group = self.options.group_id.clone();
        let interval = self.options.heartbeat_interval;
        let member = self.member.clone();
        let pulse = Arc::clone(&self.pulse);
        let beats = async move {
            loop {
                client.io().clock.sleep(interval).await;
                match beat(&client, &group, &member).await {
                    Ok(()) => {}
                    Err(error) => match error.code() {
                        Some(ErrorCode::RebalanceInProgress) => return pulse.set(PulseState::Rebalancing),
                        Some(
                            ErrorCode::UnknownMemberId
                            | ErrorCode::IllegalGeneration
                            | ErrorCode::FencedInstanceId,
                        ) => return pulse.set(PulseState::Lost),
                        // The coordinator may have moved; the next beat asks for it.
                        Some(_) | None => client.doubt(),
                    },
                }
            }
        };
        let task = self.client.io().spawn.spawn("client-heartbeat", Box::pin(beats));
        *self.heartbeat.get_mut().unwrap_or_else(PoisonError::into_inner) = Some(task);
    }

    fn stop_heartbeat(&mut self) {
        if let Some(task) = self.heartbeat.get_mut().unwrap_or_else(PoisonError::into_inner).take() {
            task.abort();
        }
    }
}

impl Drop for GroupSession {
    fn drop(&mut self) {
        self.stop_heartbeat();
    }
}

async fn beat(client: &Client, group: &str, member: &Membership) -> Result<(), ClientError> {
    let broker = client.coordinator(group).await?;
    let version = broker.version::<HeartbeatRequest>()?;
    let request = HeartbeatRequest {
        group_id: Text::from(group),
        generation_id: member.generation,
        member_id: member.member_id.clone(),
        group_instance_id: member.instance_id.clone().filter(|_| version >= 3),
        ..HeartbeatRequest::default()
    };
    let answer = broker.call_within(version, &request, client.options().request_timeout).await?;
    ClientError::check(broker.address(), ApiKey::Heartbeat, answer.error_code, format!("group {group}"), None)
}

fn milliseconds(duration: Duration) -> i32 {
    i32::try_from(duration.as_millis()).unwrap_or(i32::MAX)
}
