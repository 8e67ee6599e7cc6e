use std::collections::{BTreeMap, BTreeSet};

use clap::Parser;
use clap::error::ErrorKind;
use ordain::client::admin::{ConfigEntry, ConfigSource, LogDir, Quorum, QuorumVoter};
use ordain::client::{
    BrokerAddress, BrokerNode, ClusterMetadata, PartitionMetadata, TopicMetadata, TopicPartition,
};
use ordain::types::{LeaderEpoch, NodeId, Offset, PartitionIndex, TopicId, Uuid};

use super::balance::{Move, Plan, plan};
use super::drain::{Leads, check_drainable, leads, no_broker};
use super::findings::{Finding, Kind, findings};
use super::look::{Look, QuorumLook, take_leaders_word};
use super::restart::{Against, QuorumAgainst, Why, advice, verdict};
use crate::cli::Arguments;
use crate::commands::reassign::waiting::{Hindrance, hindrance};

/// Three brokers, of which `there` are in the metadata; one voter each, which hold the log up to 100 if they are there.
fn cluster(there: &[i32], partitions: &[PartitionMetadata]) -> Look {
    let broker = |&id: &i32| {
        let address = BrokerAddress { host: format!("h{id}"), port: 9092 };
        (NodeId(id), BrokerNode { id: NodeId(id), address, rack: None })
    };
    let topic = TopicMetadata {
        name: "t".to_owned(),
        id: TopicId([1; 16]),
        is_internal: false,
        error: None,
        partitions: partitions.to_vec(),
    };
    let voter = |id| QuorumVoter {
        id: NodeId(id),
        log_end: Some(Offset(100)),
        last_fetch_ms: None,
        directory: Uuid::ZERO,
        endpoints: Vec::new(),
    };
    let quorum = Quorum {
        leader: there.first().map(|id| NodeId(*id)),
        epoch: LeaderEpoch(4),
        high_watermark: Offset(100),
        voters: (1..=3).map(voter).collect(),
        observers: Vec::new(),
        nodes: there.iter().copied().map(NodeId).collect(),
    };
    Look {
        metadata: ClusterMetadata {
            cluster_id: Some("c".to_owned()),
            controller: None,
            brokers: there.iter().map(broker).collect(),
            topics: BTreeMap::from([("t".to_owned(), topic)]),
        },
        silent: BTreeMap::new(),
        quorum: QuorumLook::Told { quorum, committed_before: Offset(100) },
        min_insync: BTreeMap::from([("t".to_owned(), 1)]),
        draining: BTreeSet::new(),
        moving: Some(BTreeSet::new()),
        disks: BTreeMap::new(),
    }
}

/// Partition `index` of three replicas; the first of them is preferred.
fn partition(index: i32, leader: Option<i32>, replicas: &[i32], in_sync: &[i32]) -> PartitionMetadata {
    let nodes = |ids: &[i32]| ids.iter().copied().map(NodeId).collect();
    PartitionMetadata {
        index: PartitionIndex(index),
        leader: leader.map(NodeId),
        leader_epoch: LeaderEpoch(1),
        replicas: nodes(replicas),
        in_sync: nodes(in_sync),
        offline: Vec::new(),
    }
}

fn at(index: i32) -> TopicPartition {
    TopicPartition::new("t", index)
}

/// Kind, sentence and advice of each.
fn said(look: &Look) -> Vec<(Kind, String)> {
    findings(look)
        .into_iter()
        .map(|Finding { kind, what, to_do, .. }| (kind, format!("{what} > {to_do}")))
        .collect()
}

fn kinds(look: &Look) -> Vec<Kind> {
    findings(look).into_iter().map(|finding| finding.kind).collect()
}

fn quorum_of(look: &mut Look) -> &mut Quorum {
    let QuorumLook::Told { quorum, .. } = &mut look.quorum else { panic!("it was told") };
    quorum
}

#[test]
fn a_healthy_cluster_has_no_findings() {
    let look = cluster(&[1, 2, 3], &[partition(0, Some(1), &[1, 2, 3], &[1, 2, 3])]);
    assert_eq!(findings(&look), []);
}

#[test]
fn what_is_lost_is_not_waited_for() {
    let offline = |offline: &[i32], partition: PartitionMetadata| PartitionMetadata {
        offline: offline.iter().copied().map(NodeId).collect(),
        ..partition
    };
    let partitions = [
        offline(&[3], partition(0, None, &[3], &[])),
        offline(&[1, 3], partition(1, None, &[1, 2, 3], &[2])),
        offline(&[3], partition(2, None, &[1, 2, 3], &[1, 2])),
        partition(3, None, &[1, 2, 3], &[1, 2, 3]),
    ];
    let look = cluster(&[1, 2, 3], &partitions);
    let expected = [
        (
            Kind::NothingLeft,
            "1 partition is lost: no replica holds it any more: t-0 > the nodes of all replicas run, and have lost what they held (with \
             another data directory, or by damage: their logs say which), so nobody can give it back: delete the topic and create it anew",
        ),
        (
            Kind::MajorityLost,
            "1 partition has no leader and cannot elect one: t-1 > nodes 1, 3 run and have lost what they held: `ordain cluster recover` \
             lets go on what is left, or shows that nothing is",
        ),
        (
            Kind::NoLeader,
            "2 partitions have no leader: t-2, t-3 > look again in some seconds: more than half of their replicas run and elect one by \
             themselves; if it stays, look at their logs",
        ),
    ];
    assert_eq!(said(&look), expected.map(|(kind, text)| (kind, text.to_owned())));

    let mut look = cluster(&[1, 2], &[offline(&[2, 3], partition(0, None, &[2, 3], &[3]))]);
    quorum_of(&mut look).voters.truncate(2);
    let said = said(&look);
    let (kind, text) = said.last().expect("something is wrong");
    assert_eq!(*kind, Kind::MajorityLost);
    assert!(text.ends_with("node 2 runs and has lost what it held: bring node 3 back, with its data directory; if that is lost for good, \
                            too, `ordain cluster recover` lets go on what is left, or shows that nothing is"), "{text}");
}

#[test]
fn a_leader_that_says_that_it_is_none_is_right() {
    let named =
        cluster(&[1, 2, 3], &[partition(0, Some(3), &[3], &[3]), partition(1, Some(3), &[1, 3], &[1, 3])]);
    let own = PartitionMetadata { offline: vec![NodeId(3)], ..partition(0, None, &[3], &[]) };
    let told = cluster(&[1, 2, 3], &[own.clone(), partition(1, Some(1), &[1, 3], &[1, 3])]).metadata;
    let mut look = named.clone();
    take_leaders_word(&mut look.metadata, &BTreeMap::from([(NodeId(1), told.clone())]));
    assert_eq!(look.metadata, named.metadata, "node 1 does not know better");
    take_leaders_word(&mut look.metadata, &BTreeMap::from([(NodeId(3), told)]));
    assert_eq!(look.metadata.partition(&at(0)), Some(&own));
    assert_eq!(look.metadata.partition(&at(1)), named.metadata.partition(&at(1)), "somebody leads it");
    assert_eq!(kinds(&look), [Kind::NothingLeft, Kind::NotPreferred]);
}

#[test]
fn a_node_that_is_gone_is_told_with_all_that_follows() {
    let partitions = [
        partition(0, Some(1), &[1, 2, 3], &[1, 2]),
        partition(1, Some(2), &[3, 1, 2], &[2, 1]),
        partition(2, None, &[3], &[3]),
    ];
    let expected = [
        (
            Kind::BrokerMissing,
            "broker 3 is not there (fenced or gone); it has 3 replicas > start it again; if it runs, its log says why the \
             cluster does not hear it. If it is lost for good, start another one, then `ordain cluster evacuate 3`, `ordain \
             cluster add-voter ID` for that one and `ordain cluster remove-voter 3`, and at last `ordain cluster unregister 3`",
        ),
        (
            Kind::VoterMissing,
            "voter 3 of the metadata quorum is not there > start it again, with its data directory. If it is lost for good, let \
             another node vote (`ordain cluster add-voter ID`), then `ordain cluster remove-voter 3`",
        ),
        (
            Kind::QuorumAtRisk,
            "2 of 3 voters of the metadata quorum keep up and 2 are needed: one more loss would stop it > restart no other \
             voter until these are back",
        ),
        (
            Kind::NoLeader,
            "1 partition has no leader: t-2 > bring node 3 back; replicas elect a leader by themselves once more than \
             half of them run. If half of them or more are lost for good, `ordain cluster recover`; where all are, and nothing is \
             left to go on with, delete the topic and create it anew",
        ),
        (
            Kind::UnderReplicated,
            "2 partitions are under-replicated, and one more loss would stop them: t-0, t-1 > bring node 3 back; replicas \
             catch up by themselves",
        ),
        (
            Kind::NotPreferred,
            "1 partition is not led by its preferred replica: t-1 > `ordain cluster balance` moves those whose preferred \
             replica is in sync",
        ),
    ];
    let expected: Vec<_> = expected.into_iter().map(|(kind, text)| (kind, text.to_owned())).collect();
    assert_eq!(said(&cluster(&[1, 2], &partitions)), expected);
}

/// A broker without replicas, or a controller without a vote.
#[test]
fn a_node_without_a_task_is_missed_too() {
    let partitions = [partition(0, Some(1), &[1, 2, 3], &[1, 2, 3])];
    let mut look = cluster(&[1, 2, 3], &partitions);
    quorum_of(&mut look).nodes.insert(NodeId(4));
    let told = "node 4 is registered and does not run; it has no replica and no vote > start it again; if it runs, its log says why \
                the cluster does not hear it. If it does not come back, `ordain cluster unregister 4`";
    assert_eq!(said(&look), [(Kind::NodeMissing, told.to_owned())]);
    assert!(Kind::NodeMissing.is_problem());
    assert_eq!(findings(&look)[0].brokers, [NodeId(4)]);

    // The metadata's leader hears it, though clients do not see it.
    let mut heard = look.clone();
    let quorum = quorum_of(&mut heard);
    quorum.voters[0].last_fetch_ms = Some(50_000);
    let observer = QuorumVoter { id: NodeId(4), last_fetch_ms: Some(49_000), ..quorum.voters[0].clone() };
    quorum.observers = vec![observer];
    assert_eq!(said(&heard), []);
    // Kafka's leader tells of those that it has heard long ago, and not of all that are registered.
    let quorum = quorum_of(&mut heard);
    quorum.observers[0].last_fetch_ms = Some(39_999);
    quorum.nodes.clear();
    assert_eq!(kinds(&heard), [Kind::NodeMissing]);

    // Each is told of once.
    quorum_of(&mut look).voters[2].id = NodeId(4);
    assert_eq!(kinds(&look), [Kind::VoterMissing, Kind::QuorumAtRisk]);
    let partitions = [partition(0, Some(1), &[1, 2, 4], &[1, 2])];
    let mut look = cluster(&[1, 2, 3], &partitions);
    quorum_of(&mut look).nodes.insert(NodeId(4));
    assert_eq!(kinds(&look), [Kind::BrokerMissing, Kind::UnderReplicated]);
    look.quorum = QuorumLook::NotServed;
    assert_eq!(kinds(&look), [Kind::BrokerMissing, Kind::UnderReplicated], "nobody tells who is registered");
}

#[test]
fn an_election_that_is_under_way_is_waited_for() {
    let mut look = cluster(&[1, 2, 3], &[partition(0, Some(3), &[3, 1, 2], &[1, 2, 3])]);
    look.silent.insert(NodeId(3), "refused".to_owned());
    let (kind, told) = said(&look).pop().expect("something is wrong");
    assert_eq!(kind, Kind::NoLeader);
    assert!(told.contains("t-0 > look again in some seconds"), "{told}");
}

/// Without a controller nobody is fenced, and what was told of leaders and replicas in sync is old.
#[test]
fn a_broker_that_is_named_and_silent_counts_as_gone() {
    let partitions =
        [partition(0, Some(2), &[2, 1, 3], &[1, 2, 3]), partition(1, Some(1), &[1, 2, 3], &[1, 2, 3])];
    let mut look = cluster(&[1, 2, 3], &partitions);
    look.silent.insert(NodeId(2), "refused".to_owned());
    look.silent.insert(NodeId(3), "refused".to_owned());
    look.quorum = QuorumLook::Silent("no answer".to_owned());
    let expected =
        [Kind::BrokerSilent, Kind::BrokerSilent, Kind::QuorumSilent, Kind::NoLeader, Kind::BelowMajority];
    assert_eq!(kinds(&look), expected);
    assert_eq!(findings(&look)[3].partitions, [at(0)]);
    assert!(said(&look)[3].1.contains("bring nodes 2, 3 back"), "{:?}", said(&look)[3]);
}

#[test]
fn a_partition_counts_where_it_is_worst() {
    let partitions = [
        partition(0, Some(1), &[1, 2, 3], &[1]),
        partition(1, Some(1), &[1, 2, 3], &[1, 2, 3]),
        partition(2, Some(1), &[1, 2, 3], &[1, 2]),
    ];
    let mut look = cluster(&[1, 2, 3], &partitions);
    look.min_insync.insert("t".to_owned(), 2);
    let found = findings(&look);
    assert_eq!(
        found.iter().map(|f| (f.kind, &f.partitions[..])).collect::<Vec<_>>(),
        [(Kind::BelowMinInsync, &[at(0)][..]), (Kind::UnderReplicated, &[at(2)][..]),]
    );
    look.min_insync.insert("t".to_owned(), 4);
    let found = findings(&look);
    assert_eq!(
        found.iter().map(|f| (f.kind, f.partitions.len())).collect::<Vec<_>>(),
        [(Kind::BelowMinInsync, 2)],
        "more than there are cannot be asked for"
    );
}

/// min.insync.replicas is 1, as it is unless somebody sets it, and a majority has to hold a record all the same.
#[test]
fn a_partition_without_a_majority_in_sync_has_stopped() {
    let five = [1, 2, 3, 4, 5];
    let partitions = [
        partition(0, Some(1), &[1, 2, 3], &[1]),
        partition(1, Some(1), &[1, 2, 3], &[1, 3]),
        partition(2, Some(2), &[2, 1, 3], &[2]),
        partition(3, Some(1), &five, &[1, 5]),
        partition(4, Some(2), &[2, 4], &[2]),
    ];
    let to_do = "bring nodes 1, 2, 3, 4 back; replicas catch up by themselves, and the writes go on then";
    let stopped = |what: &str| (Kind::BelowMajority, format!("{what} > {to_do}"));
    let at_risk = "1 partition is under-replicated, and one more loss would stop it: t-1 > bring node 2 back; replicas catch up by \
                   themselves";
    let expected = [
        stopped("1 partition takes no acks=all writes: 1 of 2 in sync, 2 are needed: t-4"),
        stopped("2 partitions take no acks=all writes: 1 of 3 in sync, 2 are needed: t-0, t-2"),
        stopped("1 partition takes no acks=all writes: 2 of 5 in sync, 3 are needed: t-3"),
        (Kind::UnderReplicated, at_risk.to_owned()),
    ];
    assert_eq!(said(&cluster(&five, &partitions)), expected);
    assert!(Kind::BelowMajority.is_problem());

    // Of three that vote all are in sync, and four are to come.
    let mut moving =
        cluster(&[1, 2, 3, 4, 5, 6, 7], &[partition(0, Some(1), &[1, 2, 3, 4, 5, 6, 7], &[1, 2, 3])]);
    assert_eq!(kinds(&moving), [Kind::BelowMajority]);
    moving.moving = Some(BTreeSet::from([at(0)]));
    assert_eq!(kinds(&moving), [Kind::UnderReplicated]);
    moving.moving = None;
    assert_eq!(kinds(&moving), [Kind::UnderReplicated], "nobody told");

    let spare = [partition(0, Some(1), &five, &[1, 2, 3, 4])];
    assert_eq!(findings(&cluster(&five, &spare))[0].what, "1 partition is under-replicated: t-0");
}

#[test]
fn a_sentence_names_some_partitions_and_counts_the_rest() {
    let partitions: Vec<_> = (0..7).map(|index| partition(index, Some(2), &[1, 2, 3], &[1, 2, 3])).collect();
    let found = findings(&cluster(&[1, 2, 3], &partitions));
    assert_eq!(found.len(), 1);
    assert!(!found[0].kind.is_problem());
    assert_eq!(
        found[0].what,
        "7 partitions are not led by their preferred replica: t-0, t-1, t-2, t-3, t-4 and 2 more"
    );
}

#[test]
fn a_voter_lags_that_lacks_what_was_committed_before() {
    let mut look = cluster(&[1, 2, 3], &[]);
    quorum_of(&mut look).voters[0].log_end = Some(Offset(120));
    assert_eq!(findings(&look), [], "what came since then is under way");
    quorum_of(&mut look).voters[2].log_end = Some(Offset(99));
    assert_eq!(kinds(&look), [Kind::VoterLags, Kind::QuorumAtRisk]);
    assert_eq!(findings(&look)[0].what, "voter 3 of the metadata quorum is 21 records behind its leader");
    quorum_of(&mut look).voters[2].log_end = None;
    assert_eq!(findings(&look)[0].what, "voter 3 of the metadata quorum has not told how far it is");
}

/// As Kafka has them: controllers that are no brokers.
#[test]
fn a_voter_that_is_no_broker_is_there_if_it_fetches() {
    let mut look = cluster(&[1, 2, 3], &[]);
    quorum_of(&mut look).voters[2].id = NodeId(9);
    assert_eq!(kinds(&look), [Kind::VoterMissing, Kind::QuorumAtRisk]);
    quorum_of(&mut look).voters[0].last_fetch_ms = Some(50_000);
    quorum_of(&mut look).voters[2].last_fetch_ms = Some(40_000);
    assert_eq!(kinds(&look), []);
    quorum_of(&mut look).voters[2].last_fetch_ms = Some(39_999);
    assert_eq!(kinds(&look), [Kind::VoterMissing, Kind::QuorumAtRisk]);
}

#[test]
fn a_restart_is_safe_where_a_majority_stays_in_sync() {
    let partitions = [partition(0, Some(1), &[1, 2, 3], &[1, 2, 3]), partition(1, Some(2), &[2], &[2])];
    let look = cluster(&[1, 2, 3], &partitions);
    assert!(verdict(&look, NodeId(3)).is_safe());
    assert_eq!(verdict(&look, NodeId(3)).held, 1);
    let found = verdict(&look, NodeId(2));
    assert_eq!((found.held, &found.quorum), (2, &None));
    assert_eq!(found.against, [Against { at: at(1), left: 0, needed: 1, why: Why::TooFewReplicas(1) }]);
}

#[test]
fn a_restart_waits_for_those_that_are_not_in_sync() {
    let partitions =
        [partition(0, Some(1), &[1, 2, 3], &[1, 2]), partition(1, Some(1), &[1, 2, 3], &[1, 2, 3])];
    let look = cluster(&[1, 2, 3], &partitions);
    let found = verdict(&look, NodeId(2));
    let why = Why::NotInSync(vec![NodeId(3)]);
    assert_eq!(found.against, [Against { at: at(0), left: 1, needed: 2, why }]);
    assert_eq!(advice(&found), ["Wait until node 3 is in sync again."]);
    // Nothing is lost by it where the node itself is the one that is behind.
    assert!(verdict(&look, NodeId(3)).is_safe());
}

#[test]
fn to_start_a_node_that_is_not_there_stops_nothing() {
    // Node 2 is behind, and a partition without node 3 could not go on: it cannot now, either.
    let partitions = [partition(0, Some(1), &[1, 2, 3], &[1, 3]), partition(1, None, &[3], &[3])];
    let mut look = cluster(&[1, 2], &partitions);
    let found = verdict(&look, NodeId(3));
    assert!(found.is_safe() && found.held == 2, "{found:?}");
    look.quorum = QuorumLook::Silent("no answer".to_owned());
    assert!(!verdict(&look, NodeId(3)).is_safe(), "nobody tells whether it is there");
}

#[test]
fn a_node_that_is_heard_no_more_is_not_there() {
    let heard = |ms: i64| {
        let mut look = cluster(&[1, 2], &[]);
        quorum_of(&mut look).voters[0].last_fetch_ms = Some(50_000 + ms);
        quorum_of(&mut look).voters[2].last_fetch_ms = Some(49_000 + ms);
        look
    };
    let (before, mut after) = (heard(0), heard(2500));
    after.hear_anew(NodeId(3), &before);
    assert!(before.runs(NodeId(3)) && after.runs(NodeId(3)));
    quorum_of(&mut after).voters[2].last_fetch_ms = Some(49_001);
    assert!(after.runs(NodeId(3)));
    after.hear_anew(NodeId(3), &before);
    assert!(!after.runs(NodeId(3)));
}

#[test]
fn min_insync_replicas_stand_against_a_restart() {
    let mut look = cluster(&[1, 2, 3], &[partition(0, Some(1), &[1, 2, 3], &[1, 2, 3])]);
    look.min_insync.insert("t".to_owned(), 3);
    let found = verdict(&look, NodeId(2));
    assert_eq!(found.against, [Against { at: at(0), left: 2, needed: 3, why: Why::TooFewReplicas(3) }]);
}

#[test]
fn the_metadata_quorum_stands_against_a_restart() {
    let mut look = cluster(&[1, 2], &[]);
    let wait_for = vec![NodeId(3)];
    let expected = QuorumAgainst::TooFew { left: 1, needed: 2, wait_for };
    assert_eq!(verdict(&look, NodeId(1)).quorum, Some(expected));
    let away = verdict(&look, NodeId(3));
    assert!(away.is_safe() && away.held == 0, "it is down already");
    assert!(verdict(&look, NodeId(8)).is_safe(), "it has no vote");
    quorum_of(&mut look).voters.truncate(2);
    assert_eq!(verdict(&look, NodeId(1)).quorum, Some(QuorumAgainst::TooFewVoters(2)));
    look.quorum = QuorumLook::Silent("no answer".to_owned());
    assert_eq!(verdict(&look, NodeId(8)).quorum, Some(QuorumAgainst::NoLeader("no answer".to_owned())));
    look.quorum = QuorumLook::NotServed;
    assert!(verdict(&look, NodeId(1)).is_safe());
}

#[test]
fn leadership_moves_to_preferred_replicas_that_are_in_sync() {
    let partitions = [
        partition(0, Some(1), &[1, 2, 3], &[1, 2, 3]),
        partition(1, Some(1), &[2, 1, 3], &[1, 2, 3]),
        partition(2, Some(1), &[3, 1, 2], &[1, 2]),
        partition(3, None, &[3, 1, 2], &[1, 2, 3]),
    ];
    let mut look = cluster(&[1, 2, 3], &partitions);
    let to_two = Move { at: at(1), from: NodeId(1), to: NodeId(2) };
    let to_three = Move { at: at(2), from: NodeId(1), to: NodeId(3) };
    let mut expected = Plan { ready: vec![to_two.clone()], waiting: vec![to_three], leaderless: vec![at(3)] };
    assert_eq!(plan(&look), expected);
    look.silent.insert(NodeId(2), "refused".to_owned());
    expected.waiting.insert(0, to_two);
    expected.ready.clear();
    assert_eq!(plan(&look), expected);
}

#[test]
fn every_node_that_anything_names_is_known() {
    let look = cluster(&[1], &[partition(0, Some(1), &[1, 7], &[1])]);
    assert_eq!(look.nodes().into_iter().collect::<Vec<_>>(), [1, 2, 3, 7].map(NodeId));
}

#[test]
fn what_a_draining_node_leads_moves_where_another_replica_may_lead() {
    let partitions = [
        partition(0, Some(1), &[1, 2, 3], &[1, 2, 3]),
        partition(1, Some(1), &[1, 2, 3], &[1, 2]),
        partition(2, Some(2), &[1, 2, 3], &[1, 2, 3]),
    ];
    let mut look = cluster(&[1, 2, 3], &partitions);
    let both = Leads { movable: vec![at(0), at(1)], metadata: Some(true), ..Leads::default() };
    assert_eq!(leads(&look, NodeId(1)), both);
    look.draining.insert(NodeId(2));
    let one = Leads { movable: vec![at(0)], stuck: vec![at(1)], metadata: Some(true), ..Leads::default() };
    assert_eq!(leads(&look, NodeId(1)), one, "node 2 is to lead nothing");
    assert_eq!(leads(&look, NodeId(3)), Leads { metadata: Some(false), ..Leads::default() });
    let mut last = look.clone();
    last.silent.insert(NodeId(3), "refused".to_owned());
    let stuck = Leads { stuck: vec![at(0), at(1)], metadata_is_stuck: true, ..one };
    assert_eq!(leads(&last, NodeId(1)), Leads { movable: Vec::new(), ..stuck }, "nobody else may lead");
    let told = said(&look);
    assert_eq!(told[0].0, Kind::Draining);
    assert!(told[0].1.starts_with("broker 2 is draining: it leads 1 partition still"), "{}", told[0].1);
    assert!(!Kind::Draining.is_problem());
}

#[test]
fn a_controller_only_is_stopped_without_draining_it() {
    let mut look = cluster(&[1, 2, 3], &[partition(0, Some(1), &[1, 2, 3], &[1, 2, 3])]);
    let quorum = quorum_of(&mut look);
    quorum.voters[0].last_fetch_ms = Some(50_000);
    quorum.voters[2].id = NodeId(9);
    quorum.voters[2].last_fetch_ms = Some(49_000);
    let told = "node 9 is a controller only: it leads no partitions, so that there is nothing to drain, and may just be stopped; if it \
                leads the metadata log, it hands that over then";
    assert_eq!(no_broker(&look, NodeId(9)), told);
    let away = "node 9 is not there; the cluster has 1, 2, 3";
    let mut holds = look.clone();
    holds.metadata.topics.values_mut().for_each(|topic| topic.partitions[0].replicas.push(NodeId(9)));
    assert_eq!(no_broker(&holds, NodeId(9)), away, "it is a broker, and fenced");
    quorum_of(&mut look).voters[1].log_end = Some(Offset(99));
    let told = told.replace("stopped;", "stopped once `ordain cluster safe-to-restart 9` says yes;");
    assert_eq!(no_broker(&look, NodeId(9)), told);
    quorum_of(&mut look).voters[2].last_fetch_ms = Some(39_999);
    assert_eq!(no_broker(&look, NodeId(9)), away);
}

#[test]
fn a_preferred_replica_that_drains_is_not_missed() {
    let mut look = cluster(&[1, 2, 3], &[partition(0, Some(2), &[1, 2, 3], &[1, 2, 3])]);
    assert_eq!(kinds(&look), [Kind::NotPreferred]);
    look.draining.insert(NodeId(1));
    assert_eq!(kinds(&look), [Kind::Draining]);
}

#[test]
fn what_keeps_a_partition_from_moving_is_named() {
    let look = cluster(&[1, 2], &[]);
    let nodes = |ids: &[i32]| -> Vec<NodeId> { ids.iter().copied().map(NodeId).collect() };
    let of = |leader, replicas: &[i32], adding: &[i32]| {
        hindrance(&look, &partition(0, leader, replicas, replicas), &nodes(adding))
    };
    assert_eq!(of(Some(1), &[1, 2, 3], &[]), None);
    assert_eq!(of(Some(1), &[2, 1, 3], &[2]), Some(Hindrance::NoMajority { needed: 1, away: nodes(&[3]) }));
    assert_eq!(of(None, &[3], &[]), Some(Hindrance::NoMajority { needed: 1, away: nodes(&[3]) }));
    assert_eq!(of(Some(1), &[1, 3, 4], &[]), Some(Hindrance::NoMajority { needed: 1, away: nodes(&[3, 4]) }));
    assert_eq!(of(None, &[1, 2, 3], &[]), Some(Hindrance::NoLeader));
    assert_eq!(of(Some(3), &[1, 2, 3], &[]), Some(Hindrance::NoLeader), "it is not there");
    assert_eq!(of(Some(1), &[1, 2, 3, 4], &[4]), Some(Hindrance::Newcomers(nodes(&[4]))));
}

#[test]
fn disks_that_are_full_nearly_full_or_broken_are_named() {
    let mut look = cluster(&[1, 2, 3], &[]);
    let dir = |usable: u64, error: Option<&str>| {
        let (total_bytes, usable_bytes) = (Some(1000 << 20), Some(usable << 20));
        let (path, error) = ("/data".to_owned(), error.map(str::to_owned));
        vec![LogDir { path, error, total_bytes, usable_bytes, slow_commit_ms: None, partitions: Vec::new() }]
    };
    look.disks = BTreeMap::from([
        (NodeId(1), dir(50, None)),
        (NodeId(2), dir(500, None)),
        (NodeId(3), dir(1000, None)),
    ]);
    assert_eq!(said(&look), []);
    look.disks = BTreeMap::from([
        (NodeId(1), dir(0, None)),
        (NodeId(2), dir(49, None)),
        (NodeId(3), dir(0, Some("gone"))),
    ]);
    let said = said(&look);
    assert_eq!(
        said.iter().map(|(kind, _)| *kind).collect::<Vec<_>>(),
        [Kind::DiskFull, Kind::DiskNearlyFull, Kind::DiskFailed]
    );
    assert!(
        said[0].1.starts_with("the disk of broker 1 is full (/data): writes to it wait > free some space"),
        "{said:?}"
    );
    assert!(said[1].1.contains("broker 2 is nearly full (/data): 49 MiB of 1000 MiB are left"), "{said:?}");
    assert!(said[2].1.contains("the disk of broker 3 fails (gone)"), "{said:?}");
    assert!(
        Kind::DiskFull.is_problem() && Kind::DiskFailed.is_problem() && !Kind::DiskNearlyFull.is_problem()
    );
}

#[test]
fn a_disk_that_is_too_slow_to_lead_is_named_with_what_is_led_still() {
    // Who leads in the place of a slow one is not to hand back.
    let partitions = [(0, 2, [2, 1, 3]), (1, 1, [3, 1, 2])];
    let partitions =
        partitions.map(|(index, leader, replicas)| partition(index, Some(leader), &replicas, &[1, 2, 3]));
    let mut look = cluster(&[1, 2, 3], &partitions);
    let dir = |path: &str, slow_commit_ms| LogDir {
        path: path.to_owned(),
        error: None,
        total_bytes: None,
        usable_bytes: None,
        slow_commit_ms,
        partitions: Vec::new(),
    };
    look.disks = BTreeMap::from([
        (NodeId(1), vec![dir("/one", None)]),
        (NodeId(2), vec![dir("/two", Some(812))]),
        (NodeId(3), vec![dir("/three", Some(501))]),
    ]);
    let to_do = "look at that disk, and at what else uses it; others lead meanwhile, as far as they can, and it may lead again 10 s \
                 after the last commit that took so long";
    let expected = [
        "the disk of broker 2 is too slow for it to lead (/two): a commit took 812 ms of late, and it leads 1 partition still",
        "the disk of broker 3 is too slow for it to lead (/three): a commit took 501 ms of late, so it leads nothing",
    ];
    assert_eq!(said(&look), expected.map(|what| (Kind::DiskSlow, format!("{what} > {to_do}"))));
    assert!(Kind::DiskSlow.is_problem());
    assert_eq!(look.slow_commit_ms(NodeId(2)), Some(812));
    assert_eq!(look.slow_commit_ms(NodeId(1)), None);

    let mut alone = cluster(&[1], &[]);
    quorum_of(&mut alone).voters.truncate(1);
    alone.disks = BTreeMap::from([(NodeId(1), vec![dir("/one", Some(812))])]);
    assert_eq!(said(&alone), []);
}

#[test]
fn what_one_node_alone_holds_is_noted_where_there_are_several() {
    let partitions = [partition(0, Some(1), &[1], &[1]), partition(1, Some(1), &[1, 2], &[1, 2])];
    let note = "1 partition has one replica alone, for which nothing stands in while its node is down, or if its disk is lost: t-0 > \
                if that shall not be, `ordain topic reassign TOPIC --replication-factor 3` adds replicas";
    assert_eq!(said(&cluster(&[1, 2, 3], &partitions)), [(Kind::SingleReplica, note.to_owned())]);
    assert!(!Kind::SingleReplica.is_problem());
    let mut two = cluster(&[1, 2], &partitions);
    quorum_of(&mut two).voters.truncate(2);
    let note = note.replace("--replication-factor 3", "--replication-factor 2");
    assert_eq!(said(&two), [(Kind::SingleReplica, note)], "there are no more brokers");

    let mut alone = cluster(&[1], &[partition(0, Some(1), &[1], &[1])]);
    quorum_of(&mut alone).voters.truncate(1);
    assert_eq!(said(&alone), []);
    let without = cluster(&[1, 2, 3], &[partition(0, None, &[1], &[1])]);
    assert_eq!(kinds(&without), [Kind::NoLeader]);
}

#[test]
fn a_broker_that_knows_no_draining_is_left_alone() {
    let entry = |name: &str| ConfigEntry {
        name: name.to_owned(),
        value: Some("false".to_owned()),
        source: ConfigSource::Default,
        is_read_only: false,
        is_sensitive: false,
        synonyms: Vec::new(),
        documentation: None,
    };
    let told = check_drainable(NodeId(2), &[entry("log.dirs")]).unwrap_err().to_string();
    assert!(told.contains("node 2 cannot be drained: it has no key ordain.broker.drain"), "{told}");
    assert!(told.contains("nothing was changed"), "{told}");
    check_drainable(NodeId(2), &[entry("log.dirs"), entry("ordain.broker.drain")]).unwrap();
}

/// Every command that these files advise, as it stands in them: none is missed because no test comes to it.
#[test]
fn what_is_advised_can_be_typed() {
    let sources = [
        include_str!("findings.rs"),
        include_str!("restart.rs"),
        include_str!("drain.rs"),
        include_str!("balance.rs"),
        include_str!("../reassign/mod.rs"),
        include_str!("../reassign/carry_out.rs"),
        include_str!("../reassign/waiting.rs"),
        include_str!("../cluster_voters.rs"),
        include_str!("../cluster_unregister.rs"),
        include_str!("../cluster_recover/mod.rs"),
    ];
    let value = |word: &str| match word {
        "TOPIC" | "DIR" => "t".to_owned(),
        "ID" => "4".to_owned(),
        "IDS" => "4,5".to_owned(),
        // What is put in: a node, a count or a file.
        put_in if put_in.starts_with('{') => "4".to_owned(),
        word => word.to_owned(),
    };
    let mut typed = 0;
    for source in sources {
        // A literal may break a command into lines.
        let source = source.replace("\\\n", " ");
        for (at, _) in source.match_indices("`ordain ") {
            let command = source[at + 1..].split('`').next().unwrap();
            typed += 1;
            if let Err(error) = Arguments::try_parse_from(command.split_whitespace().map(value)) {
                // The name of several: it lists them.
                let lists = error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand;
                assert!(lists, "{command}: {error}");
            }
        }
    }
    assert!(typed > 20, "{typed}");
}
