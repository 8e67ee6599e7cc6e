//! A member of a classic group that reads nothing: what its leader gives out is a word of its own for each
//! generation, so that it can be told whether a generation was given twice.
use std::time::Duration;

use bytes::Bytes;
use ordain::client::{Broker, Client, ClientError};
use ordain::io::RngStream;
use ordain::types::ErrorCode;
use ordain::wire::messages::join_group_request::JoinGroupRequestProtocol;
use ordain::wire::messages::leave_group_request::MemberIdentity;
use ordain::wire::messages::sync_group_request::SyncGroupRequestAssignment;
use ordain::wire::messages::{
    HeartbeatRequest, JoinGroupRequest, JoinGroupResponse, LeaveGroupRequest, SyncGroupRequest,
};
use ordain::wire::{ApiKey, Text};

use super::member::is_ambiguous;
use super::{Seat, bounded};
use crate::scenarios::broker::history::Assigned;
use crate::scenarios::broker::plan::WORKERS;

const PROTOCOL_TYPE: &str = "work";
const PROTOCOL: &str = "words";
/// Within this time a silent member is out.
const SESSION_MS: i32 = 2_500;
/// Within this time members have to come when the group rebalances.
const REBALANCE_MS: i32 = 3_000;
/// How often it asks again for its share.
const TRIES_MAX: u32 = 10;
/// After so many failures in a row another node is asked for the coordinator.
const ASK_ANOTHER_AFTER: u32 = 10;
/// How long an answer is waited for.
const ANSWER: Duration = Duration::from_secs(7);

/// Joins, is slow at times to ask for its share, stays for a while, joins again or leaves.
pub(in crate::scenarios) async fn work_in_group(seat: Seat) {
    let mut rng = seat.io.rng.stream("workload");
    let client = seat.client(Duration::ZERO);
    let mut worker = Worker { seat: &seat, client, member: Text::new(), failed: 0 };
    while !seat.ending.has_begun() {
        seat.ending.count_operation();
        match bounded(&seat.io, &seat.history, "a generation", worker.generation(&mut *rng)).await {
            Ok(Ok(())) => worker.failed = 0,
            Ok(Err(error)) => {
                seat.history.note(format_args!("{}: {error}", seat.name));
                worker.failed += 1;
                if worker.failed.is_multiple_of(ASK_ANOTHER_AFTER) {
                    // A node that is nearly cut off goes on telling who coordinated once.
                    worker.client.doubt();
                } else {
                    worker.client.invalidate();
                }
                if error.code() == Some(ErrorCode::UnknownMemberId) {
                    worker.member = Text::new();
                }
            }
            Err(_) => return,
        }
        seat.io.clock.sleep(Duration::from_millis(20 + rng.below(400))).await;
    }
}

struct Worker<'a> {
    seat: &'a Seat,
    client: Client,
    /// Empty before the coordinator has given one.
    member: Text,
    /// How often it has failed since it was a member that knew its share.
    failed: u32,
}

impl Worker<'_> {
    /// From joining on until the group goes on without this generation.
    async fn generation(&mut self, rng: &mut dyn RngStream) -> Result<(), ClientError> {
        let (clock, history) = (&self.seat.io.clock, &self.seat.history);
        let broker = self.client.coordinator(WORKERS).await?;
        let asked = history.joins(&self.seat.name, &self.member);
        let joined = self.join(&broker).await.inspect_err(|error| match error {
            ClientError::Refused { code, .. } if !is_ambiguous(*code) => history.has_failed(asked),
            _ => history.is_unknown(asked),
        })?;
        if rng.below(2) == 0 {
            clock.sleep(Duration::from_millis(rng.below(1500))).await;
        }
        // Without its share it is a member all the same.
        let assignment = self.sync(&joined).await.inspect_err(|_| history.is_unknown(asked))?;
        history.progress(&self.seat.name);
        self.failed = 0;
        let assigned = Assigned {
            worker: self.seat.name.clone(),
            member: self.member.to_string(),
            generation: joined.generation_id,
            assignment: String::from_utf8_lossy(&assignment).into_owned(),
            joining: asked.began,
            told: history.now(),
        };
        history.assigned(asked, assigned);
        for _ in 0..rng.below(12) {
            if self.seat.ending.has_begun() {
                break;
            }
            clock.sleep(Duration::from_millis(100 + rng.below(500))).await;
            self.beat(joined.generation_id).await?;
        }
        if rng.below(2) == 0 {
            self.leave().await?;
        }
        Ok(())
    }

    async fn join(&mut self, broker: &Broker) -> Result<JoinGroupResponse, ClientError> {
        let version = broker.version::<JoinGroupRequest>()?;
        loop {
            let request = JoinGroupRequest {
                group_id: Text::from_static(WORKERS),
                session_timeout_ms: SESSION_MS,
                rebalance_timeout_ms: REBALANCE_MS,
                member_id: self.member.clone(),
                protocol_type: Text::from_static(PROTOCOL_TYPE),
                protocols: vec![JoinGroupRequestProtocol {
                    name: Text::from_static(PROTOCOL),
                    metadata: Bytes::from_static(b"any"),
                    ..JoinGroupRequestProtocol::default()
                }],
                ..JoinGroupRequest::default()
            };
            let answer = broker.call_within(version, &request, ANSWER).await?;
            match ErrorCode::from_code(answer.error_code) {
                Some(ErrorCode::MemberIdRequired) if self.member.is_empty() => {
                    self.member = answer.member_id;
                }
                Some(ErrorCode::None) => {
                    self.member = answer.member_id.clone();
                    return Ok(answer);
                }
                Some(_) | None => return Err(refused(broker, ApiKey::JoinGroup, answer.error_code)),
            }
        }
    }

    /// Asks for its share; the same again if there is no answer, also of a coordinator that has started anew and
    /// may not know of the generation.
    async fn sync(&self, joined: &JoinGroupResponse) -> Result<Bytes, ClientError> {
        let mut assignments = Vec::new();
        if joined.leader == joined.member_id {
            // Never given out before, by nobody.
            let word = self.seat.history.next_session(&self.seat.name);
            let word = format!("{}/{word}", self.seat.name);
            self.seat.history.gives_out(&word);
            let word = Bytes::from(word);
            assignments.extend(joined.members.iter().map(|member| SyncGroupRequestAssignment {
                member_id: member.member_id.clone(),
                assignment: word.clone(),
                ..SyncGroupRequestAssignment::default()
            }));
        }
        let mut tries = 0;
        loop {
            match self.sync_once(joined, assignments.clone()).await {
                Err(error) if error.is_retriable() && tries < TRIES_MAX => tries += 1,
                done => return done,
            }
            self.client.invalidate();
            self.seat.io.clock.sleep(Duration::from_millis(300)).await;
        }
    }

    async fn sync_once(
        &self,
        joined: &JoinGroupResponse,
        assignments: Vec<SyncGroupRequestAssignment>,
    ) -> Result<Bytes, ClientError> {
        let broker = self.client.coordinator(WORKERS).await?;
        let version = broker.version::<SyncGroupRequest>()?;
        let request = SyncGroupRequest {
            group_id: Text::from_static(WORKERS),
            generation_id: joined.generation_id,
            member_id: self.member.clone(),
            protocol_type: (version >= 5).then_some(Text::from_static(PROTOCOL_TYPE)),
            protocol_name: (version >= 5).then_some(Text::from_static(PROTOCOL)),
            assignments,
            ..SyncGroupRequest::default()
        };
        let answer = broker.call_within(version, &request, ANSWER).await?;
        match answer.error_code {
            0 => Ok(answer.assignment),
            code => Err(refused(&broker, ApiKey::SyncGroup, code)),
        }
    }

    async fn beat(&self, generation: i32) -> Result<(), ClientError> {
        let broker = self.client.coordinator(WORKERS).await?;
        let request = HeartbeatRequest {
            group_id: Text::from_static(WORKERS),
            generation_id: generation,
            member_id: self.member.clone(),
            ..HeartbeatRequest::default()
        };
        match broker.call(&request).await?.error_code {
            0 => Ok(()),
            code => Err(refused(&broker, ApiKey::Heartbeat, code)),
        }
    }

    async fn leave(&mut self) -> Result<(), ClientError> {
        let broker = self.client.coordinator(WORKERS).await?;
        let version = broker.version::<LeaveGroupRequest>()?;
        let mut request =
            LeaveGroupRequest { group_id: Text::from_static(WORKERS), ..LeaveGroupRequest::default() };
        let member_id = std::mem::take(&mut self.member);
        if version >= 3 {
            request.members = vec![MemberIdentity { member_id, ..MemberIdentity::default() }];
        } else {
            request.member_id = member_id;
        }
        // Its fate is of no matter: the session ends anyway.
        broker.call_within(version, &request, ANSWER).await.map(drop)
    }
}

fn refused(broker: &Broker, api: ApiKey, code: i16) -> ClientError {
    ClientError::Refused {
        address: broker.address().clone(),
        api,
        code: ErrorCode::from_code(code).unwrap_or(ErrorCode::UnknownServerError),
        subject: format!("group {WORKERS}"),
        message: None,
    }
}
