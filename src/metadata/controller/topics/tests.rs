use proptest::prelude::*;

use super::*;
use crate::config::{BrokerLayers, DynamicConfig, Inputs, Settings};
use crate::metadata::BrokerImage;

struct Rules {
    topics: TopicsConfig,
    configs: TopicDefaults,
}

impl Rules {
    fn new() -> Rules {
        let (none, settings) = (DynamicConfig::default(), Settings::load(&Inputs::default()).expect("right"));
        let topics =
            TopicsConfig { partitions: 3, replication_factor: 1, auto_create: true, delete_enabled: true };
        let configs =
            TopicDefaults::new(&BrokerLayers { broker: &none, cluster: &none, settings: &settings });
        Rules { topics, configs }
    }

    fn get(&self) -> TopicRules<'_> {
        TopicRules { topics: &self.topics, configs: &self.configs }
    }
}

fn cluster(brokers: i32) -> MetadataImage {
    let mut image = MetadataImage::default();
    for node in 1..=brokers {
        let broker = BrokerImage {
            incarnation: TopicId::ZERO,
            directory: Uuid::ZERO,
            epoch: 0,
            fenced: false,
            draining: false,
            endpoints: Vec::new(),
            rack: None,
            roles: crate::types::Roles::Both,
            features: Default::default(),
        };
        image.brokers.insert(NodeId(node), broker);
    }
    image
}

fn id(number: u8) -> TopicId {
    TopicId([number; 16])
}

fn plain(name: &str) -> NewTopic {
    NewTopic {
        name: name.to_owned(),
        partitions: -1,
        replication_factor: -1,
        assignments: Vec::new(),
        configs: Vec::new(),
    }
}

fn applied<R>(image: &MetadataImage, decision: &Decision<R>) -> MetadataImage {
    let mut next = image.clone();
    for record in &decision.records {
        next.apply(record).expect("a decision fits its image");
    }
    next
}

/// The cluster with topic "plain" of two partitions.
fn with_plain() -> MetadataImage {
    let image = cluster(1);
    let topic = NewTopic { partitions: 2, ..plain("plain") };
    let decision = create_topics(&image, &[topic], &[id(1)], Rules::new().get());
    assert!(decision.reply[0].is_ok());
    applied(&image, &decision)
}

fn refusal(image: &MetadataImage, topic: NewTopic) -> ControllerError {
    let decision = create_topics(image, &[topic], &[id(9)], Rules::new().get());
    assert!(decision.records.is_empty(), "what is refused leaves nothing");
    decision.reply.into_iter().next().expect("one topic has one result").expect_err("refused")
}

#[test]
fn refusals_are_of_kafkas_kinds() {
    use ControllerError as E;
    let image = with_plain();
    let refuse = |topic| refusal(&image, topic);
    assert!(matches!(refuse(plain("plain")), E::TopicExists(_)));
    assert!(matches!(refuse(plain("not/allowed")), E::InvalidTopic(_)));
    assert!(matches!(refuse(plain("")), E::InvalidTopic(_)));
    assert!(matches!(refuse(plain("__cluster_metadata")), E::InvalidRequest(_)));
    assert!(matches!(refuse(NewTopic { partitions: 0, ..plain("new") }), E::InvalidPartitions(_)));
    assert!(matches!(refuse(NewTopic { partitions: -2, ..plain("new") }), E::InvalidPartitions(_)));
    for replication_factor in [3, 0, -2] {
        let topic = NewTopic { replication_factor, ..plain("new") };
        assert!(matches!(refuse(topic), E::InvalidReplicationFactor(_)));
    }
    // Both are wrong: Kafka tells of the factor.
    let both = NewTopic { replication_factor: 0, partitions: 0, ..plain("new") };
    assert!(matches!(refuse(both), E::InvalidReplicationFactor(_)));
    let many = NewTopic { partitions: 10_001, ..plain("new") };
    assert!(matches!(refuse(many), E::TooManyAtOnce { wanted: 10_001, .. }));
    let assigned = |index, node, partitions| NewTopic {
        assignments: vec![(PartitionIndex(index), vec![NodeId(node)])],
        partitions,
        ..plain("new")
    };
    assert!(matches!(refuse(assigned(0, 1, 1)), E::InvalidRequest(_)));
    assert!(matches!(refuse(assigned(0, 77, -1)), E::InvalidAssignment(_)));
    assert!(matches!(refuse(assigned(1, 1, -1)), E::InvalidAssignment(_)));
}

#[test]
fn refused_settings_are_told_in_kafkas_words() {
    let told = |name: &str, value: Option<&str>| {
        let configs = vec![(name.to_owned(), value.map(str::to_owned))];
        match refusal(&cluster(1), NewTopic { configs, ..plain("new") }) {
            ControllerError::InvalidConfig(why) => why,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(told("no.such.config", Some("1")), "Unknown topic config name: no.such.config");
    assert_eq!(told("retention.ms", None), "Null value not supported for topic configs: retention.ms");
    assert_eq!(
        told("retention.ms", Some("abc")),
        "Invalid value abc for configuration retention.ms: Not a number of type LONG"
    );
}

#[test]
fn names_that_differ_in_dots_collide() {
    let image = cluster(1);
    let first = create_topics(&image, &[plain("collide.here")], &[id(1)], Rules::new().get());
    let image = applied(&image, &first);
    assert!(matches!(refusal(&image, plain("collide_here")), ControllerError::NameCollision { .. }));
}

#[test]
fn a_topic_named_twice_is_not_created() {
    let topics = [plain("a"), plain("b"), plain("a")];
    let decision = create_topics(&cluster(1), &topics, &[id(1), id(2), id(3)], Rules::new().get());
    let created: Vec<bool> = decision.reply.iter().map(Result::is_ok).collect();
    assert_eq!(created, [false, true, false]);
    let image = applied(&cluster(1), &decision);
    assert!(image.topic("a").is_none() && image.topic("b").is_some());
}

#[test]
fn a_topic_is_deleted_once_and_only_if_it_is_named_once() {
    let image = with_plain();
    let name = || TopicSelector::Name("plain".to_owned());
    let decision = delete_topics(&image, &[name()], true);
    assert_eq!(decision.reply, [Ok(DeletedTopic { name: "plain".to_owned(), id: id(1) })]);
    assert!(applied(&image, &decision).topic("plain").is_none());
    let both = delete_topics(&image, &[name(), TopicSelector::Id(id(1))], true);
    assert!(both.records.is_empty());
    assert!(both.reply.iter().all(|one| matches!(one, Err(ControllerError::NamedTwice(_)))));
    let unknown = [TopicSelector::Name("nowhere".to_owned()), TopicSelector::Id(id(7))];
    let decision = delete_topics(&image, &unknown, true);
    assert_eq!(
        decision.reply,
        [
            Err(ControllerError::UnknownTopic("nowhere".to_owned())),
            Err(ControllerError::UnknownTopicId(id(7)))
        ]
    );
    let disabled = delete_topics(&image, &[name()], false);
    assert_eq!((disabled.records.len(), disabled.reply), (0, vec![Err(ControllerError::DeletionDisabled)]));
}

#[test]
fn added_partitions_are_refused_in_kafkas_words() {
    let image = with_plain();
    let told = |count, assignments: Option<Vec<Vec<NodeId>>>| {
        let request = NewPartitions { name: "plain".to_owned(), count, assignments };
        let decision = create_partitions(&image, &[request]);
        assert!(decision.records.is_empty());
        decision.reply[0].as_ref().expect_err("refused").to_string()
    };
    assert_eq!(told(2, None), "Topic already has 2 partition(s).");
    assert_eq!(told(1, None), "The topic plain currently has 2 partition(s); 1 would not be an increase.");
    assert_eq!(told(-1, None), "The topic plain currently has 2 partition(s); -1 would not be an increase.");
    assert_eq!(
        told(4, Some(vec![vec![NodeId(1)]])),
        "Attempted to add 2 additional partition(s), but only 1 assignment(s) were specified."
    );
    assert!(told(3, Some(vec![vec![NodeId(5)]])).contains("broker 5"));
}

#[test]
fn the_offsets_topic_keeps_as_many_partitions_as_it_was_created_with() {
    let topic = NewTopic { partitions: 2, ..plain(OFFSETS_TOPIC) };
    let created = create_topics(&cluster(1), &[topic], &[id(1)], Rules::new().get());
    let image = applied(&cluster(1), &created);
    let told = |count| {
        let request = NewPartitions { name: OFFSETS_TOPIC.to_owned(), count, assignments: None };
        let decision = create_partitions(&image, &[request]);
        assert!(decision.records.is_empty());
        decision.reply.into_iter().next().expect("one request has one result").expect_err("refused")
    };
    assert!(matches!(told(3), ControllerError::InvalidPartitions(_)));
    let why = told(3).to_string();
    assert!(why.contains("2 partition(s)") && why.contains("offsets.topic.num.partitions"), "{why}");
    assert_eq!(told(2).to_string(), "Topic already has 2 partition(s).");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(crate::log::testing::cases(64)))]

    /// The image that the records make is what the answer promised, and it takes more partitions as promised.
    #[test]
    fn the_records_give_what_the_answer_promises(
        brokers in 1..5_i32,
        partitions in prop_oneof![Just(-1), 1..20_i32],
        factor in prop_oneof![Just(-1_i16), 1..5_i16],
        retention in proptest::option::of(1..100_i64),
        more in 1..5_i32,
    ) {
        let image = cluster(brokers);
        let configs = retention.iter().map(|ms| ("retention.ms".to_owned(), Some(ms.to_string()))).collect();
        let topic = NewTopic { partitions, replication_factor: factor, configs, ..plain("t") };
        let decision = create_topics(&image, &[topic], &[id(1)], Rules::new().get());
        let wanted_factor = if factor == -1 { 1 } else { factor };
        let Ok(created) = &decision.reply[0] else {
            prop_assert!(i32::from(wanted_factor) > brokers);
            return Ok(());
        };
        let next = applied(&image, &decision);
        let topic = next.topic("t").expect("created");
        prop_assert_eq!(topic.id, created.id);
        prop_assert_eq!(&topic.settings, &created.configs);
        prop_assert_eq!(created.partitions, if partitions == -1 { 3 } else { partitions });
        prop_assert_eq!(i32::try_from(topic.partitions.len()).expect("few"), created.partitions);
        let count = created.partitions + more;
        let request = NewPartitions { name: "t".to_owned(), count, assignments: None };
        let added = create_partitions(&next, &[request]);
        prop_assert_eq!(&added.reply, &vec![Ok(())]);
        let grown = applied(&next, &added);
        let topic = grown.topic("t").expect("there");
        prop_assert_eq!(i32::try_from(topic.partitions.len()).expect("few"), count);
        for (expected, (index, partition)) in (0..).zip(&topic.partitions) {
            prop_assert_eq!(index.0, expected);
            let distinct: BTreeSet<NodeId> = partition.replicas.iter().copied().collect();
            prop_assert_eq!(distinct.len(), usize::try_from(wanted_factor).expect("positive"));
            prop_assert!(distinct.iter().all(|node| grown.brokers.contains_key(node)));
            prop_assert_eq!(partition.leader, Some(partition.replicas[0]));
        }
    }
}

#[test]
fn a_broker_that_drains_gets_replicas_only_where_there_are_not_enough_others() {
    use crate::metadata::{ConfigResource, DRAIN_KEY};
    use crate::wire::messages::ConfigRecord;
    let mut image = cluster(4);
    let (resource_type, resource_name) = ConfigResource::Broker(Some(NodeId(2))).to_wire();
    let told = |value: Option<&str>| {
        let (name, value) = (DRAIN_KEY.to_owned().into(), value.map(|value| value.to_owned().into()));
        let resource_name = resource_name.clone().into();
        ConfigRecord { resource_type, resource_name, name, value, ..ConfigRecord::default() }.into()
    };
    let replicas = |image: &MetadataImage, factor| {
        let topic = NewTopic { partitions: 12, replication_factor: factor, ..plain("t") };
        let decision = create_topics(image, &[topic], &[id(3)], Rules::new().get());
        let image = applied(image, &decision);
        let topic = image.topic("t").expect("created").clone();
        topic.partitions.values().map(|partition| partition.replicas.clone()).collect::<Vec<_>>()
    };
    assert!(replicas(&image, 3).iter().any(|one| one.contains(&NodeId(2))));
    image.apply(&told(Some("true"))).expect("a record");
    assert!(image.is_draining(NodeId(2)) && image.is_told_to_drain(NodeId(2)));
    assert!(replicas(&image, 3).iter().all(|one| !one.contains(&NodeId(2))));
    let all = replicas(&image, 4);
    assert!(all.iter().all(|one| one.len() == 4 && one[0] != NodeId(2)), "it is not to lead: {all:?}");
    image.apply(&told(None)).expect("a record");
    assert!(!image.is_draining(NodeId(2)));
    image.brokers.get_mut(&NodeId(2)).expect("it is there").draining = true;
    assert!(image.is_draining(NodeId(2)) && !image.is_told_to_drain(NodeId(2)), "it is about to stop");
    assert!(replicas(&image, 3).iter().all(|one| !one.contains(&NodeId(2))));
}

#[test]
fn where_all_that_are_there_drain_they_get_what_there_is() {
    let mut image = cluster(3);
    for (node, broker) in &mut image.brokers {
        (broker.draining, broker.fenced) = (true, *node == NodeId(3));
    }
    let decision = create_topics(&image, &[plain("new")], &[id(3)], Rules::new().get());
    let made = applied(&image, &decision);
    let partitions = made.topic("new").expect("created").partitions.values();
    let leaders: Vec<Option<NodeId>> = partitions.map(|partition| partition.leader).collect();
    assert_eq!(leaders.len(), 3);
    assert!(leaders.iter().all(|leader| leader.is_some_and(|node| node != NodeId(3))), "{leaders:?}");
}

#[test]
fn one_that_drains_comes_before_one_that_is_away() {
    let mut image = cluster(3);
    image.brokers.get_mut(&NodeId(2)).expect("it is there").fenced = true;
    image.brokers.get_mut(&NodeId(3)).expect("it is there").draining = true;
    let placed = |factor| {
        let topic = NewTopic { partitions: 6, replication_factor: factor, ..plain("new") };
        let made = applied(&image, &create_topics(&image, &[topic], &[id(3)], Rules::new().get()));
        let topic = made.topic("new").expect("created").clone();
        topic.partitions.values().map(|partition| partition.replicas.clone()).collect::<Vec<_>>()
    };
    assert_eq!(placed(1), vec![vec![NodeId(1)]; 6]);
    assert_eq!(placed(2), vec![vec![NodeId(1), NodeId(3)]; 6], "both are there: a majority");
    assert_eq!(placed(3), vec![vec![NodeId(1), NodeId(3), NodeId(2)]; 6]);
}

#[test]
fn a_partition_has_as_many_replicas_as_can_vote_and_no_more() {
    let many = i32::try_from(VoterSet::MAX + 2).expect("few");
    let image = cluster(many);
    let most = i16::try_from(VoterSet::MAX).expect("few");
    let of = |factor| NewTopic { replication_factor: factor, partitions: 2, ..plain("new") };
    let made = applied(&image, &create_topics(&image, &[of(most)], &[id(3)], Rules::new().get()));
    assert!(made.topic("new").is_some_and(|topic| topic.partitions.len() == 2));
    let told = refusal(&image, of(most + 1));
    assert!(matches!(told, ControllerError::InvalidReplicationFactor(_)), "{told}");
    let assigned = |count: i32| NewTopic {
        assignments: vec![(PartitionIndex(0), (1..=count).map(NodeId).collect())],
        ..plain("new")
    };
    let made =
        applied(&image, &create_topics(&image, &[assigned(most.into())], &[id(3)], Rules::new().get()));
    assert!(made.topic("new").is_some());
    let told = refusal(&image, assigned(i32::from(most) + 1));
    assert!(told.to_string().contains("assigned to 32 brokers; it has 31 replicas at most"), "{told}");
}

#[test]
fn brokers_that_are_all_away_get_nothing() {
    let mut image = cluster(3);
    let fence = |image: &mut MetadataImage, node| {
        image.brokers.get_mut(&NodeId(node)).expect("it is there").fenced = true;
    };
    fence(&mut image, 3);
    let assigned = |nodes: &[i32]| NewTopic {
        assignments: vec![(PartitionIndex(0), nodes.iter().copied().map(NodeId).collect())],
        ..plain("new")
    };
    let told = refusal(&image, assigned(&[3]));
    assert!(matches!(told, ControllerError::InvalidAssignment(_)), "{told}");
    let what = "partition 0 is assigned to 3 alone, of which none is up: name one that is";
    assert!(told.to_string().contains(what), "{told}");
    let decision = create_topics(&image, &[assigned(&[3, 2])], &[id(3)], Rules::new().get());
    let made = applied(&image, &decision);
    let partition = &made.topic("new").expect("created").partitions[&PartitionIndex(0)];
    assert_eq!((partition.leader, &partition.replicas[..]), (Some(NodeId(2)), &[NodeId(3), NodeId(2)][..]));
    fence(&mut image, 1);
    fence(&mut image, 2);
    let told = refusal(&image, plain("new"));
    assert!(matches!(told, ControllerError::InvalidReplicationFactor(_)), "{told}");
}

/// Brokers 1, 2, … in these racks.
fn in_racks(racks: &[Option<&str>]) -> MetadataImage {
    let mut image = cluster(i32::try_from(racks.len()).expect("few"));
    for (broker, rack) in image.brokers.values_mut().zip(racks) {
        broker.rack = rack.map(str::to_owned);
    }
    image
}

/// The replicas of a new topic's partitions.
fn placed(image: &MetadataImage, partitions: i32, factor: i16) -> Vec<Vec<NodeId>> {
    let topic = NewTopic { partitions, replication_factor: factor, ..plain("placed") };
    let decision = create_topics(image, &[topic], &[id(7)], Rules::new().get());
    let made = applied(image, &decision);
    let topic = made.topic("placed").expect("created").clone();
    topic.partitions.values().map(|partition| partition.replicas.clone()).collect()
}

/// In how many racks a partition's replicas are.
fn racks_of(image: &MetadataImage, replicas: &[NodeId]) -> usize {
    replicas.iter().map(|node| image.brokers[node].rack.as_deref()).collect::<BTreeSet<_>>().len()
}

#[test]
fn each_partition_is_in_as_many_racks_as_it_can_be() {
    let (a, b, c) = (Some("a"), Some("b"), Some("c"));
    let table: [(&[Option<&str>], i16, usize); 7] = [
        (&[a, a, b, b, c, c], 3, 3),
        (&[a, a, a, a, b], 2, 2),
        (&[a, a, a, b], 3, 2),
        (&[a, a, a], 3, 1),
        (&[a, b, c, a], 4, 3),
        (&[a, a, None, None], 2, 2),
        (&[None, None, None], 2, 1),
    ];
    for (racks, factor, wanted) in table {
        let image = in_racks(racks);
        for replicas in placed(&image, 12, factor) {
            assert_eq!(replicas.len(), usize::try_from(factor).expect("positive"));
            assert_eq!(racks_of(&image, &replicas), wanted, "{replicas:?} of {racks:?}");
        }
    }
    let image = in_racks(&[a, a, b, b, c, c]);
    let all = placed(&image, 12, 3);
    let count = |of: &dyn Fn(&Vec<NodeId>) -> bool| all.iter().filter(|replicas| of(replicas)).count();
    for node in (1..=6).map(NodeId) {
        assert_eq!(count(&|replicas| replicas[0] == node), 2, "leaders: {all:?}");
        assert_eq!(count(&|replicas| replicas.contains(&node)), 6, "replicas: {all:?}");
    }
}

/// A rack is lost as a whole more often than two brokers of different ones: so it gets its replica although its only broker restarts.
#[test]
fn a_rack_whose_broker_is_away_or_drains_gets_a_replica_that_is_not_preferred() {
    let racks = [Some("a"), Some("a"), Some("b"), Some("c")];
    let fences: [fn(&mut BrokerImage); 2] = [|broker| broker.fenced = true, |broker| broker.draining = true];
    for fence in fences {
        let mut image = in_racks(&racks);
        fence(image.brokers.get_mut(&NodeId(4)).expect("it is there"));
        for replicas in placed(&image, 8, 3) {
            assert_eq!(racks_of(&image, &replicas), 3, "{replicas:?}");
            assert_ne!(replicas[0], NodeId(4), "{replicas:?}");
        }
        assert!(placed(&image, 8, 4).iter().all(|replicas| replicas[0] != NodeId(4)));
        for replicas in placed(&image, 8, 2) {
            assert!(!replicas.contains(&NodeId(4)), "of the racks that are there: {replicas:?}");
        }
    }
}

#[test]
fn no_majority_of_a_partition_is_away_for_the_sake_of_racks() {
    let (a, b, c) = (Some("a"), Some("b"), Some("c"));
    let fenced = |racks: &[Option<&str>], nodes: &[i32]| {
        let mut image = in_racks(racks);
        for node in nodes {
            image.brokers.get_mut(&NodeId(*node)).expect("it is there").fenced = true;
        }
        image
    };
    let there = |image: &MetadataImage, replicas: &[NodeId]| {
        replicas.iter().filter(|node| image.is_up(**node)).count()
    };
    let image = fenced(&[a, a, b], &[3]);
    for replicas in placed(&image, 8, 2) {
        assert_eq!(there(&image, &replicas), 2, "neither of two can be missing: {replicas:?}");
    }
    let image = fenced(&[a, a, a, b, c], &[4, 5]);
    for replicas in placed(&image, 8, 3) {
        assert_eq!((there(&image, &replicas), racks_of(&image, &replicas)), (2, 2), "{replicas:?}");
    }
    let image = fenced(&[a, a, b, c], &[2, 3, 4]);
    for replicas in placed(&image, 8, 3) {
        assert_eq!(racks_of(&image, &replicas), 3, "there are no others: {replicas:?}");
    }
}

proptest! {
    /// Whatever the racks and whoever is away.
    #[test]
    fn placements_use_all_racks_and_the_live_first(
        brokers in proptest::collection::vec((0_usize..4, any::<bool>()), 1..9),
        factor in 1_i16..6,
    ) {
        let names = [None, Some("a"), Some("b"), Some("c")];
        let racks: Vec<Option<&str>> = brokers.iter().map(|(rack, _)| names[*rack]).collect();
        let mut image = in_racks(&racks);
        for (broker, (_, away)) in image.brokers.values_mut().zip(&brokers) {
            broker.fenced = *away;
        }
        let live: BTreeSet<NodeId> =
            image.brokers.iter().filter(|(_, broker)| !broker.fenced).map(|(node, _)| *node).collect();
        let factor_wanted = usize::try_from(factor).expect("positive");
        prop_assume!(!live.is_empty() && factor_wanted <= brokers.len());
        let of_live: Vec<NodeId> = live.iter().copied().collect();
        let all: Vec<NodeId> = image.brokers.keys().copied().collect();
        let racks_live = racks_of(&image, &of_live);
        let racks_away = racks_of(&image, &all) - racks_live;
        // Those that are away because there are no others, and those that are there for their rack.
        let needed = factor_wanted.saturating_sub(live.len());
        let spare = (factor_wanted - 1) / 2;
        let for_racks = spare.min(racks_away).min(factor_wanted.saturating_sub(racks_live));
        for replicas in placed(&image, 9, factor) {
            let distinct: BTreeSet<NodeId> = replicas.iter().copied().collect();
            prop_assert_eq!(distinct.len(), factor_wanted);
            let there: Vec<NodeId> = replicas.iter().copied().filter(|node| live.contains(node)).collect();
            prop_assert_eq!(factor_wanted - there.len(), needed.max(for_racks));
            prop_assert_eq!(racks_of(&image, &there), there.len().min(racks_live));
            let racks_wanted = factor_wanted.min(racks_live + racks_away.min(spare.max(needed)));
            prop_assert_eq!(racks_of(&image, &replicas), racks_wanted);
            prop_assert!(live.contains(&replicas[0]));
        }
    }
}
