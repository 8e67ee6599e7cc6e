//! Random schedules of clients, clocks, commits and fail-overs. [`Bench`] checks the invariants, the replay
//! and the answers after every event; here are the properties that span events.
use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// One thing that happens. Indexes choose among what there is at that moment.
#[derive(Clone, Debug)]
enum Act {
    Join {
        client: usize,
        changed: bool,
        forgets: bool,
    },
    Sync {
        client: usize,
        stale: bool,
    },
    Heartbeat {
        client: usize,
    },
    Leave {
        client: usize,
        by_instance: bool,
    },
    Commit {
        client: usize,
        member: bool,
        retention: Option<i64>,
    },
    DeleteOffsets {
        group: usize,
    },
    DeleteGroup {
        group: usize,
    },
    DeleteTopic,
    Advance {
        ms: u64,
    },
    /// The share of the open writes that is committed, in quarters.
    CommitWrites {
        quarters: u64,
    },
    /// A timer that is not due is claimed to be.
    FalseTimer {
        client: usize,
    },
    Reload,
    /// The clients of a group behave: they join, sync, and what they write is committed.
    Cooperate {
        group: usize,
    },
}

fn act() -> impl Strategy<Value = Act> {
    let client = 0..CLIENTS;
    prop_oneof![
        8 => (client.clone(), prop::bool::weighted(0.2), prop::bool::weighted(0.1))
            .prop_map(|(client, changed, forgets)| Act::Join { client, changed, forgets }),
        6 => (client.clone(), prop::bool::weighted(0.1))
            .prop_map(|(client, stale)| Act::Sync { client, stale }),
        5 => client.clone().prop_map(|client| Act::Heartbeat { client }),
        1 => (client.clone(), any::<bool>())
            .prop_map(|(client, by_instance)| Act::Leave { client, by_instance }),
        3 => (client.clone(), any::<bool>(), prop_oneof![Just(None), (0..60_000i64).prop_map(Some)])
            .prop_map(|(client, member, retention)| Act::Commit { client, member, retention }),
        1 => (0..2usize).prop_map(|group| Act::DeleteOffsets { group }),
        1 => (0..2usize).prop_map(|group| Act::DeleteGroup { group }),
        1 => Just(Act::DeleteTopic),
        6 => prop_oneof![0..100u64, 100..4_000u64, 4_000..70_000u64].prop_map(|ms| Act::Advance { ms }),
        5 => (1..=4u64).prop_map(|quarters| Act::CommitWrites { quarters }),
        1 => client.prop_map(|client| Act::FalseTimer { client }),
        1 => Just(Act::Reload),
        3 => (0..2usize).prop_map(|group| Act::Cooperate { group }),
    ]
}

const CLIENTS: usize = 6;

/// What a client remembers. The first four are in group `g0`, the others in `g1`; odd ones are static; the
/// third and sixth are of old.
#[derive(Clone, Default)]
struct Client {
    member: MemberId,
    generation: i32,
    members: Vec<MemberId>,
}

struct World {
    bench: Bench,
    clients: Vec<Client>,
    /// Who asked.
    asked: BTreeMap<RequestToken, usize>,
    generations: BTreeMap<GroupId, i32>,
}

fn group_of(client: usize) -> &'static str {
    if client < 4 { "g0" } else { "g1" }
}

fn instance_of(client: usize) -> Option<InstanceId> {
    (client % 2 == 1).then(|| InstanceId::from(format!("i{client}")))
}

impl World {
    fn new() -> World {
        let config = GroupConfig {
            group_max_size: 3,
            new_member_join_timeout_ms: 40_000,
            offsets_retention: Duration::from_secs(50),
            offsets_retention_check_interval: Duration::from_secs(20),
            ..GroupConfig::default()
        };
        let limits = GroupLimits {
            groups_max: 2,
            members_max: 5,
            offsets_max: 3,
            records_per_write_max: 2,
            write_bytes_max: 1_500,
            members_bytes_max: 2_000,
            assignments_bytes_max: 200,
            offset_notes_bytes_max: 10,
            deletion_bytes_max: 1_000,
        };
        World {
            bench: Bench::with_limits(config, limits),
            clients: vec![Client::default(); CLIENTS],
            asked: BTreeMap::new(),
            generations: BTreeMap::new(),
        }
    }

    fn act(&mut self, act: Act) {
        match act {
            Act::Join { client, changed, forgets } => self.join(client, changed, forgets),
            Act::Sync { client, stale } => self.sync(client, stale),
            Act::Heartbeat { client } => {
                let known = &self.clients[client];
                let command = Heartbeat {
                    group_id: GroupId::from(group_of(client)),
                    generation_id: known.generation,
                    member_id: known.member.clone(),
                    group_instance_id: instance_of(client),
                };
                self.ask(client, GroupCommand::Heartbeat(command));
            }
            Act::Leave { client, by_instance } => {
                let member = &self.clients[client].member;
                let member_id = if by_instance { MemberId::default() } else { member.clone() };
                let group_instance_id = instance_of(client);
                let members = vec![LeavingMember { member_id, group_instance_id, reason: None }];
                let command = LeaveGroup { group_id: GroupId::from(group_of(client)), members };
                self.ask(client, GroupCommand::Leave(command));
            }
            Act::Commit { client, member, retention } => self.commit(client, member, retention),
            Act::DeleteOffsets { group } => {
                let topics = vec![(TopicName::from("topic"), vec![PartitionIndex(0)])];
                let command = OffsetDelete { group_id: GroupId::from(format!("g{group}")), topics };
                self.ask(0, GroupCommand::DeleteOffsets(command));
            }
            Act::DeleteGroup { group } => {
                let groups = vec![GroupId::from(format!("g{group}"))];
                self.ask(0, GroupCommand::DeleteGroups(DeleteGroups { groups }));
            }
            Act::DeleteTopic => {
                let topic = DeletedTopic { name: TopicName::from("topic"), id: TopicId([1; 16]) };
                self.bench.step(GroupEvent::TopicsDeleted(vec![topic]));
            }
            Act::Advance { ms } => {
                let effects = self.bench.advance(ms);
                self.hear(&effects);
            }
            Act::CommitWrites { quarters } => {
                let (from, to) = (self.bench.committed, self.bench.last_write);
                let from = from.map_or(0, |write| write.0);
                let open = to.map_or(0, |write| write.0) - from;
                if open > 0 {
                    let effects = self.bench.commit_up_to(WriteId(from + (open * quarters).div_ceil(4)));
                    self.hear(&effects);
                }
            }
            Act::FalseTimer { client } => self.false_timer(client),
            Act::Cooperate { group } => self.cooperate(group),
            Act::Reload => {
                let effects = self.bench.reload();
                self.hear(&effects);
                // Generations that were not written are forgotten, as in Kafka.
                self.generations.clear();
            }
        }
        self.check_generations();
    }

    fn cooperate(&mut self, group: usize) {
        let clients = if group == 0 { 0..4 } else { 4..CLIENTS };
        for client in clients.clone().chain(clients.clone()) {
            let is_parked = |token| self.asked[token] == client;
            if !self.bench.open.iter().any(is_parked) {
                self.join(client, false, false);
            }
        }
        self.act(Act::Advance { ms: 4_000 });
        clients.clone().for_each(|client| self.sync(client, false));
        self.act(Act::CommitWrites { quarters: 4 });
    }

    fn join(&mut self, client: usize, changed: bool, forgets: bool) {
        if forgets {
            self.clients[client] = Client::default();
        }
        let member = self.clients[client].member.clone();
        let mut command = join_group(&mut self.bench, group_of(client), "c", &member);
        command.group_instance_id = instance_of(client);
        command.requires_known_member_id = client % 3 != 2;
        command.supports_skipping_assignment = client % 3 != 2;
        command.rebalance_timeout_ms = [60_000, 20_000, 0][client % 3];
        command.session_timeout_ms = [10_000, 30_000][client % 2];
        if changed {
            command.protocols = vec![protocol("sticky", &["other"]), protocol("range", &[])];
        }
        self.ask(client, GroupCommand::Join(command));
    }

    fn sync(&mut self, client: usize, stale: bool) {
        let known = &self.clients[client];
        let mut command = sync_group(group_of(client), &known.member, known.generation - i32::from(stale));
        command.group_instance_id = instance_of(client);
        command.assignments =
            known.members.iter().map(|member| (member.clone(), Bytes::from(member.to_string()))).collect();
        self.ask(client, GroupCommand::Sync(command));
    }

    fn commit(&mut self, client: usize, member: bool, retention: Option<i64>) {
        let mut command = simple_commit(group_of(client), ["topic", "other"][client % 2], 1);
        command.retention_time_ms = retention;
        if member {
            command.generation_id = self.clients[client].generation;
            command.member_id = self.clients[client].member.clone();
            command.group_instance_id = instance_of(client);
        }
        self.ask(client, GroupCommand::CommitOffsets(command));
    }

    /// What no deadline has announced does nothing.
    fn false_timer(&mut self, client: usize) {
        let group = GroupId::from(group_of(client));
        let member = self.clients[client].member.clone();
        let timers = [
            Timer::Session { group: group.clone(), member },
            Timer::Join { group: group.clone() },
            Timer::Sync { group },
            Timer::Expiration,
        ];
        let due = self.bench.shard.deadline().is_some_and(|(at, _)| at <= self.bench.now().instant);
        for timer in timers {
            if !due {
                let before = format!("{:?}", self.bench.shard);
                assert_eq!(self.bench.step(GroupEvent::Timer(timer)), []);
                assert_eq!(format!("{:?}", self.bench.shard), before);
            }
        }
    }

    fn ask(&mut self, client: usize, command: GroupCommand) {
        let token = RequestToken(self.bench.tokens + 1);
        self.asked.insert(token, client);
        let (_, effects) = self.bench.request(command);
        self.hear(&effects);
    }

    fn hear(&mut self, effects: &[GroupEffect]) {
        for effect in effects {
            let Effect::Reply { token, response, .. } = effect else { continue };
            let client = &mut self.clients[self.asked[token]];
            match response {
                GroupResponse::Join(JoinResult { member_id, outcome: Ok(joined) }) => {
                    client.member = member_id.clone();
                    client.generation = joined.generation_id;
                    client.members = joined.members.iter().map(|m| m.member_id.clone()).collect();
                }
                GroupResponse::Join(JoinResult { member_id, outcome: Err(error) }) => match error {
                    GroupError::MemberIdRequired => client.member = member_id.clone(),
                    GroupError::UnknownMemberId | GroupError::FencedInstanceId => {
                        *client = Client::default();
                    }
                    _ => {}
                },
                GroupResponse::Heartbeat(Err(GroupError::UnknownMemberId)) => *client = Client::default(),
                _ => {}
            }
        }
    }

    /// A group's generation only grows while the group and its leader live.
    fn check_generations(&mut self) {
        let groups = &self.bench.shard.groups;
        self.generations.retain(|id, _| groups.contains_key(id));
        for (id, group) in groups {
            let known = self.generations.entry(id.clone()).or_insert(0);
            assert!(group.generation_id >= *known, "{id:?} went from {known} to {}", group.generation_id);
            *known = group.generation_id;
        }
    }

    /// Left alone, every group empties and every request is answered; then everything expires.
    fn settle(&mut self) {
        for _ in 0..20 {
            let effects = self.bench.commit();
            self.hear(&effects);
            let effects = self.bench.advance(10_000);
            self.hear(&effects);
        }
        self.bench.commit();
        assert_eq!(self.bench.open, BTreeSet::new(), "everybody is answered");
        assert_eq!(self.bench.waiting, [], "and nobody waits for a commit");
        assert!(self.bench.shard.groups.values().all(ClassicGroup::is_empty), "silent members are out");
        assert_eq!(*self.bench.shard.durable(), Durable::default(), "and all has expired");
    }
}

/// What the environment asks for beyond the usual number.
fn cases() -> u32 {
    let asked = std::env::var("PROPTEST_CASES").ok().and_then(|count| count.parse().ok());
    asked.unwrap_or(0).max(150)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_schedule_keeps_the_invariants_and_settles(acts in prop::collection::vec(act(), 1..120)) {
        let mut world = World::new();
        acts.into_iter().for_each(|act| world.act(act));
        world.settle();
    }
}

/// What the schedules are for: that they reach the corners, and do not merely run.
#[test]
fn schedules_reach_the_corners() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::{TestRng, TestRunner};
    let rng = TestRng::deterministic_rng(proptest::test_runner::RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(ProptestConfig::default(), rng);
    let mut reached = BTreeMap::<&str, usize>::new();
    for _ in 0..150 {
        let acts = prop::collection::vec(act(), 100..120).new_tree(&mut runner).unwrap().current();
        let mut world = World::new();
        for act in acts {
            world.act(act);
            for group in world.bench.shard.groups.values() {
                if group.phase == classic::Phase::Stable && group.members.len() > 1 {
                    *reached.entry("stable with several members").or_default() += 1;
                }
                if matches!(group.phase, classic::Phase::Completing { pending: Some(_) }) {
                    *reached.entry("assignment being written").or_default() += 1;
                }
                if group.generation_id > 3 {
                    *reached.entry("many generations").or_default() += 1;
                }
            }
            if world.bench.waiting.len() > 2 {
                *reached.entry("several replies wait for a commit").or_default() += 1;
            }
        }
        let stats = world.bench.shard.stats();
        if stats.session_expirations > 0 {
            *reached.entry("a session expired").or_default() += 1;
        }
        if stats.offset_expirations > 0 {
            *reached.entry("an offset expired").or_default() += 1;
        }
        if stats.completed_rebalances > 1 {
            *reached.entry("rebalances completed").or_default() += 1;
        }
    }
    println!("{reached:?}");
    assert_eq!(reached.len(), 7, "{reached:?}");
    assert!(reached.values().all(|&times| times >= 10), "{reached:?}");
}
