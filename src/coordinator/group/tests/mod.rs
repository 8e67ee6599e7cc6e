//! Tests of a whole shard: what every one of them needs. After each event the invariants hold, the durable
//! state is the replay of the log, and no token has been answered twice.
mod commit;
mod conversations;
mod join;
mod lifecycle;
mod protocols;
mod schedules;
mod story;
mod sync;

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;

use super::command::*;
use super::*;
use crate::coordinator::decision::After;
use crate::types::{LeaderEpoch, Offset, PartitionIndex, Timestamp, TopicId};

pub(super) const START: Timestamp = Timestamp(1_000_000);

/// A shard with its log, its clock and its unanswered requests.
pub(super) struct Bench {
    pub shard: GroupShard,
    pub config: GroupConfig,
    pub limits: GroupLimits,
    pub log: Vec<GroupRecord>,
    pub now_ms: u64,
    pub last_write: Option<WriteId>,
    pub committed: Option<WriteId>,
    pub open: BTreeSet<RequestToken>,
    /// Answered, but waiting for a commit.
    pub waiting: Vec<(RequestToken, After)>,
    tokens: u64,
    randoms: u32,
}

impl Bench {
    pub fn new(config: GroupConfig) -> Bench {
        Bench::with_limits(config, GroupLimits::default())
    }

    pub fn with_limits(config: GroupConfig, limits: GroupLimits) -> Bench {
        let now = Now { instant: Instant(0), wall: START };
        let mut effects = Vec::new();
        let shard = GroupShard::load(Durable::default(), config.clone(), limits.clone(), now, &mut effects);
        assert_eq!(effects, []);
        Bench {
            shard,
            config,
            limits,
            log: Vec::new(),
            now_ms: 0,
            last_write: None,
            committed: None,
            open: BTreeSet::new(),
            waiting: Vec::new(),
            tokens: 0,
            randoms: 0,
        }
    }

    pub fn now(&self) -> Now {
        Now {
            instant: Instant(0).after(Duration::from_millis(self.now_ms)),
            wall: START.plus_ms(i64::try_from(self.now_ms).unwrap()),
        }
    }

    /// 16 bytes that were not drawn before; they come out as `{n:08x}-0000-4000-8000-000000000000`.
    pub fn random(&mut self) -> [u8; 16] {
        self.randoms += 1;
        let mut bytes = [0; 16];
        bytes[..4].copy_from_slice(&self.randoms.to_be_bytes());
        bytes
    }

    pub fn request(&mut self, command: GroupCommand) -> (RequestToken, Vec<GroupEffect>) {
        self.tokens += 1;
        let token = RequestToken(self.tokens);
        self.open.insert(token);
        (token, self.step(GroupEvent::Request { token, command }))
    }

    /// A request that is answered at once, or as soon as its own write is committed.
    pub fn ask(&mut self, command: GroupCommand) -> GroupResponse {
        let (token, effects) = self.request(command);
        let answer = effects.into_iter().find_map(|effect| match effect {
            Effect::Reply { token: t, response, .. } if t == token => Some(response),
            Effect::Reply { .. } | Effect::Records { .. } => None,
        });
        answer.expect("answered within the step")
    }

    pub fn step(&mut self, event: GroupEvent) -> Vec<GroupEffect> {
        let mut effects = Vec::new();
        self.shard.step(self.now(), event, &mut effects);
        self.observe(&effects);
        effects
    }

    /// All writes so far are committed.
    pub fn commit(&mut self) -> Vec<GroupEffect> {
        match self.last_write {
            Some(write) => self.commit_up_to(write),
            None => Vec::new(),
        }
    }

    pub fn commit_up_to(&mut self, write: WriteId) -> Vec<GroupEffect> {
        self.committed = self.committed.max(Some(write));
        let committed = self.committed;
        self.waiting.retain(|(_, after)| !after.is_met_by(committed));
        self.step(GroupEvent::Durable { write })
    }

    /// Lets time pass, firing every deadline that comes.
    pub fn advance(&mut self, ms: u64) -> Vec<GroupEffect> {
        let end_ms = self.now_ms + ms;
        let mut all = Vec::new();
        for fired in 0.. {
            assert!(fired < 100_000, "timers spin");
            let Some((at, timer)) = self.shard.deadline() else { break };
            let at_ms = at.0.div_ceil(1_000_000);
            if at_ms > end_ms {
                break;
            }
            self.now_ms = self.now_ms.max(at_ms);
            all.extend(self.step(GroupEvent::Timer(timer)));
        }
        self.now_ms = end_ms;
        all
    }

    /// Another leader takes over from the log alone.
    pub fn reload(&mut self) -> Vec<GroupEffect> {
        let now = self.now();
        let mut effects = Vec::new();
        let fresh = Bench::with_limits(self.config.clone(), self.limits.clone()).shard;
        std::mem::replace(&mut self.shard, fresh).unload(now, &mut effects);
        self.observe_replies(&effects);
        assert_eq!(self.open, BTreeSet::new(), "unloading answers everybody");
        self.shard =
            GroupShard::load(replay(&self.log), self.config.clone(), self.limits.clone(), now, &mut effects);
        self.last_write = None;
        self.committed = None;
        self.waiting.clear();
        let loading = effects.iter().position(|effect| matches!(effect, Effect::Records { .. }));
        assert_eq!(loading, None, "loading writes nothing while members are to be heard");
        self.shard.invariants();
        effects
    }

    fn observe(&mut self, effects: &[GroupEffect]) {
        for effect in effects {
            if let Effect::Records { write, records } = effect {
                assert_eq!(write.0, self.last_write.map_or(1, |last| last.0 + 1), "writes are numbered");
                assert!(!records.is_empty(), "an empty write");
                self.last_write = Some(*write);
                self.log.extend(records.iter().cloned());
            }
        }
        self.observe_replies(effects);
        self.shard.invariants();
        assert_eq!(*self.shard.durable(), replay(&self.log), "the durable state is the log's");
        assert_eq!(self.shard.parked(), self.open, "what is not answered is parked");
    }

    fn observe_replies(&mut self, effects: &[GroupEffect]) {
        for effect in effects {
            if let Effect::Reply { token, after, .. } = effect {
                assert!(self.open.remove(token), "{token:?} is answered again, or was never asked");
                if !after.is_met_by(self.committed) {
                    self.waiting.push((*token, *after));
                }
            }
        }
    }
}

pub(super) fn replay(log: &[GroupRecord]) -> Durable {
    let mut durable = Durable::default();
    log.iter().for_each(|record| durable.apply(record));
    durable
}

/// The join of a dynamic consumer under version 9 that assigns by `range` and subscribes to `topic`.
pub(super) fn join_group(bench: &mut Bench, group: &str, client: &str, member: &MemberId) -> JoinGroup {
    JoinGroup {
        group_id: GroupId::from(group),
        member_id: member.clone(),
        group_instance_id: None,
        client_id: client.to_string(),
        client_host: "/127.0.0.1".to_string(),
        session_timeout_ms: 10_000,
        rebalance_timeout_ms: 60_000,
        protocol_type: ProtocolType::from("consumer"),
        protocols: vec![protocol("range", &["topic"])],
        requires_known_member_id: true,
        supports_skipping_assignment: true,
        reason: None,
        random: bench.random(),
    }
}

pub(super) fn protocol(name: &str, topics: &[&str]) -> Protocol {
    let mut metadata = vec![0, 0];
    metadata.extend((topics.len() as i32).to_be_bytes());
    for topic in topics {
        metadata.extend((topic.len() as i16).to_be_bytes());
        metadata.extend(topic.as_bytes());
    }
    metadata.extend((-1i32).to_be_bytes());
    Protocol { name: ProtocolName::from(name), metadata: Bytes::from(metadata) }
}

pub(super) fn sync_group(group: &str, member: &MemberId, generation_id: i32) -> SyncGroup {
    SyncGroup {
        group_id: GroupId::from(group),
        generation_id,
        member_id: member.clone(),
        group_instance_id: None,
        protocol_type: None,
        protocol_name: None,
        assignments: Vec::new(),
    }
}

pub(super) fn heartbeat(group: &str, member: &MemberId, generation_id: i32) -> GroupCommand {
    GroupCommand::Heartbeat(Heartbeat {
        group_id: GroupId::from(group),
        generation_id,
        member_id: member.clone(),
        group_instance_id: None,
    })
}

pub(super) fn leave_group(group: &str, members: &[&MemberId]) -> GroupCommand {
    let leaving = |member: &&MemberId| LeavingMember {
        member_id: (*member).clone(),
        group_instance_id: None,
        reason: None,
    };
    GroupCommand::Leave(LeaveGroup {
        group_id: GroupId::from(group),
        members: members.iter().map(leaving).collect(),
    })
}

/// A commit without membership, as an admin client sends it: offset `offset` of `topic`'s partition 0.
pub(super) fn simple_commit(group: &str, topic: &str, offset: i64) -> OffsetCommit {
    OffsetCommit {
        group_id: GroupId::from(group),
        generation_id: -1,
        member_id: MemberId::default(),
        group_instance_id: None,
        retention_time_ms: None,
        knows_group_id_not_found: true,
        topics: vec![CommitTopic {
            topic: TopicName::from(topic),
            topic_id: TopicId::ZERO,
            partitions: vec![CommitPartition {
                partition: PartitionIndex(0),
                offset: Offset(offset),
                leader_epoch: LeaderEpoch::NONE,
                metadata: None,
            }],
        }],
    }
}

/// All offsets of a group as (topic, partition, offset).
pub(super) fn fetch_all(bench: &mut Bench, group: &str) -> Vec<(String, i32, i64)> {
    let command = OffsetFetch { group_id: GroupId::from(group), topics: None, require_stable: false };
    let GroupResponse::FetchOffsets(fetched) = bench.ask(GroupCommand::FetchOffsets(command)) else {
        panic!("a fetch is answered with offsets")
    };
    let topic = |t: FetchedTopic| {
        t.partitions.into_iter().map(move |p| (t.topic.to_string(), p.partition.0, p.offset.0))
    };
    fetched.topics.into_iter().flat_map(topic).collect()
}

/// The join result among the effects for `token`.
pub(super) fn joined(effects: &[GroupEffect], token: RequestToken) -> Joined {
    let result = effects.iter().find_map(|effect| match effect {
        Effect::Reply { token: t, response: GroupResponse::Join(result), .. } if *t == token => Some(result),
        Effect::Reply { .. } | Effect::Records { .. } => None,
    });
    result.expect("the join is answered").outcome.clone().expect("the join succeeds")
}

/// A stable group `g` of as many members as there are `clients`, in generation 1; the first one leads.
/// Every member's assignment is its own id.
pub(super) fn stable_group(bench: &mut Bench, clients: &[&str]) -> Vec<MemberId> {
    let mut ids = Vec::new();
    let mut tokens = Vec::new();
    for client in clients {
        let command = join_group(bench, "g", client, &MemberId::default());
        let GroupResponse::Join(result) = bench.ask(GroupCommand::Join(command)) else { panic!("a join") };
        assert_eq!(result.outcome, Err(GroupError::MemberIdRequired));
        let command = join_group(bench, "g", client, &result.member_id);
        tokens.push(bench.request(GroupCommand::Join(command)).0);
        ids.push(result.member_id);
    }
    let effects = bench.advance(2 * bench.config.initial_rebalance_delay_ms as u64);
    assert_eq!(joined(&effects, tokens[0]).leader, ids[0]);
    let mut leader = sync_group("g", &ids[0], 1);
    leader.assignments = ids.iter().map(|id| (id.clone(), Bytes::from(id.to_string()))).collect();
    bench.request(GroupCommand::Sync(leader));
    for id in &ids[1..] {
        bench.request(GroupCommand::Sync(sync_group("g", id, 1)));
    }
    bench.commit();
    assert_eq!(state_of(bench, "g"), GroupState::Stable);
    ids
}

pub(super) fn state_of(bench: &mut Bench, group: &str) -> GroupState {
    describe(bench, group).state
}

pub(super) fn describe(bench: &mut Bench, group: &str) -> DescribedGroup {
    let command = DescribeGroups { groups: vec![GroupId::from(group)], knows_group_id_not_found: true };
    match bench.ask(GroupCommand::DescribeGroups(command)) {
        GroupResponse::DescribeGroups(mut groups) if groups.len() == 1 => groups.remove(0),
        other => panic!("one described group, not {other:?}"),
    }
}
