use std::collections::BTreeSet;

use super::*;
use crate::types::TopicId;

fn key(node: i32) -> VoterKey {
    VoterKey { node, directory: format!("d{node}") }
}

fn id_of(topic: &str) -> String {
    match topic {
        METADATA_NAME => TopicId::METADATA.to_string(),
        _ => format!("id of {topic}"),
    }
}

fn log(topic: &str, node: i32, voters: &[i32], (last_epoch, log_end): (i32, i64)) -> SurveyedLog {
    SurveyedLog {
        topic: Some(topic.to_owned()),
        topic_id: id_of(topic),
        partition: 0,
        replica: key(node),
        voters: voters.iter().copied().map(key).collect(),
        seen_epoch: 7,
        last_epoch,
        epochs: vec![EpochBegin { epoch: last_epoch, start: 0 }],
        log_start: 0,
        log_end,
        committed: log_end - 2,
        damage: None,
        entry: 40,
    }
}

fn damaged(log: SurveyedLog) -> SurveyedLog {
    SurveyedLog { damage: Some("a block".to_owned()), ..log }
}

fn unnamed(log: SurveyedLog) -> SurveyedLog {
    SurveyedLog { topic: None, voters: Vec::new(), ..log }
}

fn assigned(topic: &str, replicas: &[i32]) -> Assigned {
    Assigned {
        topic: topic.to_owned(),
        topic_id: id_of(topic),
        partition: 0,
        replicas: replicas.to_vec(),
        founders: replicas.iter().copied().map(key).collect(),
    }
}

/// A survey of a node whose metadata know topic `a`. On the metadata votes node 1 alone.
fn survey(node: i32, mut logs: Vec<SurveyedLog>) -> Survey {
    logs.push(log(METADATA_NAME, node, &[1], (6, 9)));
    Survey {
        cluster: "c".to_owned(),
        node,
        directory: format!("d{node}"),
        metadata_end: 9,
        metadata_damage: None,
        nodes: vec![1, 2, 3],
        assigned: vec![assigned("a", &[1, 2, 3])],
        logs,
    }
}

/// The same, whose metadata go up to an offset.
fn as_of(end: i64, survey: Survey) -> Survey {
    let mut older = Survey { metadata_end: end, ..survey };
    older.logs.iter_mut().filter(|log| log.is_metadata()).for_each(|log| log.log_end = end);
    older
}

/// The same, whose metadata cannot be read.
fn unreadable(survey: Survey) -> Survey {
    Survey { metadata_damage: Some("a block".to_owned()), ..survey }
}

fn of_topic<'a>(plan: &'a Plan, topic: &str) -> &'a Choice {
    plan.chosen.iter().find(|choice| choice.topic == topic).expect("somebody goes on with it")
}

#[test]
fn who_holds_most_by_the_voters_rule_goes_on_and_what_stands_is_left_alone() {
    let voters = [1, 2, 3, 4, 5];
    let knowing = |survey: Survey| {
        let assigned = ["a", "b", "c"].map(|topic| assigned(topic, &[1, 2]));
        Survey { nodes: voters.to_vec(), assigned: assigned.to_vec(), ..survey }
    };
    let one = vec![
        log("a", 1, &voters, (4, 90)),
        log("b", 1, &[1, 2, 4], (3, 10)),
        log("c", 1, &[1, 3, 5], (2, 5)),
    ];
    let two = vec![log("a", 2, &voters, (5, 70)), log("b", 2, &[1, 2, 4], (3, 10))];
    let lost = BTreeSet::from([3, 4, 5]);
    let plan = plan(&[knowing(survey(1, one)), knowing(survey(2, two))], &lost).expect("the surveys fit");
    assert_eq!(plan.standing, 2, "two of three of b are there, and the metadata's only voter");
    let chosen: Vec<_> =
        plan.chosen.iter().map(|one| (one.name(), one.node, one.log_end, one.committed, one.epoch)).collect();
    assert_eq!(
        chosen,
        [("a-0".to_owned(), 2, 70, 88, 1_007), ("c-0".to_owned(), 1, 5, 3, 1_007)],
        "a later epoch's log counts more than a longer one"
    );
    assert_eq!(plan.chosen[0].lost, Some(Offsets { first: 0, last: 87 }), "no epoch is in both logs");
    assert_eq!(plan.chosen[1].lost, None);
    assert_eq!(plan.chosen[0].lost_voters, [3, 4, 5]);
    assert_eq!((plan.gone.len(), plan.unnamed.len()), (0, 0));
    assert_eq!(plan.of_node(1).count(), 1);
}

#[test]
fn a_damaged_log_is_nobodys_choice_and_a_replica_of_another_memory_is_no_voter() {
    let broken = damaged(log("a", 1, &[1, 2, 3], (4, 90)));
    let lost = BTreeSet::from([3]);
    let other = SurveyedLog {
        replica: VoterKey { node: 2, directory: "new".to_owned() },
        ..log("a", 2, &[1, 2, 3], (4, 60))
    };
    let made = plan(&[survey(1, vec![broken.clone()]), survey(2, vec![other])], &lost).expect("fits");
    assert_eq!((made.chosen[0].node, made.chosen[0].log_end, made.chosen[0].committed), (2, 60, 88));
    assert_eq!(made.chosen[0].lost, Some(Offsets { first: 60, last: 87 }));
    let gone = |committed, lost| Gone {
        topic: "a".to_owned(),
        topic_id: "id of a".to_owned(),
        partition: 0,
        committed,
        lost,
    };
    let made = plan(&[survey(1, vec![broken]), survey(2, Vec::new())], &lost).expect("fits");
    assert_eq!(made.gone, [gone(Some(88), Some(Offsets { first: 0, last: 87 }))]);
    let made = plan(&[survey(1, Vec::new()), survey(2, Vec::new())], &lost).expect("fits");
    assert_eq!(made.gone, [gone(None, None)]);
}

#[test]
fn what_the_chosen_log_lacks_in_front_is_told() {
    let later = SurveyedLog { log_start: 30, ..log("a", 1, &[1, 2, 3, 4, 5], (4, 90)) };
    let surveys = [survey(1, vec![later]), survey(2, vec![log("a", 2, &[1, 2, 3, 4, 5], (4, 60))])];
    let made = plan(&surveys, &BTreeSet::from([3, 4, 5])).expect("fits");
    assert_eq!((made.chosen[0].node, made.chosen[0].log_start), (1, 30));
    assert_eq!(made.chosen[0].before_start, Some(Offsets { first: 0, last: 29 }));
}

#[test]
fn where_all_were_surveyed_and_most_are_empty_nobody_has_to_be_named_as_lost() {
    let wiped = |node| {
        let replica = VoterKey { node, directory: "new".to_owned() };
        survey(node, vec![SurveyedLog { replica, ..log("a", node, &[1, 2, 3], (-1, 0)) }])
    };
    let held = survey(1, vec![log("a", 1, &[1, 2, 3], (4, 90))]);
    let made = plan(&[held, wiped(2), wiped(3)], &BTreeSet::new()).expect("each was surveyed");
    assert_eq!((made.chosen[0].node, made.chosen[0].log_end, made.standing), (1, 90, 1));
    assert_eq!(made.chosen[0].lost_voters, [2, 3]);
    assert_eq!((made.chosen[0].lost, made.chosen[0].before_start), (None, None));
}

#[test]
fn what_does_not_fit_together_is_refused() {
    let one = survey(1, vec![log("a", 1, &[1, 2, 3], (4, 90))]);
    let lost = BTreeSet::from([3]);
    assert_eq!(plan(&[], &lost), Err(PlanError::NoSurvey));
    assert_eq!(plan(&[one.clone(), one.clone()], &lost), Err(PlanError::Twice(1)));
    let stranger = PlanError::NoMember { node: 9, known: "1, 2, 3".to_owned() };
    assert_eq!(plan(std::slice::from_ref(&one), &BTreeSet::from([3, 9])), Err(stranger));
    assert_eq!(plan(std::slice::from_ref(&one), &BTreeSet::from([1, 2, 3])), Err(PlanError::LostAndThere(1)));
    let other = Survey { cluster: "other".to_owned(), ..survey(2, Vec::new()) };
    let different = PlanError::DifferentClusters("c".to_owned(), "other".to_owned());
    assert_eq!(plan(&[one, other], &lost), Err(different));
}

#[test]
fn every_node_of_the_cluster_is_surveyed_or_named_as_lost() {
    // It votes on nothing of what the survey sees.
    let alone = survey(1, vec![log("a", 1, &[1], (4, 90))]);
    let refused = plan(std::slice::from_ref(&alone), &BTreeSet::new()).expect_err("two nodes are missing");
    assert_eq!(refused, PlanError::Unaccounted(vec![2, 3]));
    assert!(refused.to_string().starts_with("nodes 2, 3 are this cluster's"), "{refused}");
    let refused = plan(std::slice::from_ref(&alone), &BTreeSet::from([2])).expect_err("one is missing");
    assert_eq!(refused, PlanError::Unaccounted(vec![3]));
    assert!(refused.to_string().contains("else name it with --lost"), "{refused}");
    assert!(plan(&[alone], &BTreeSet::from([2, 3])).is_ok());
}

#[test]
fn a_node_that_was_taken_out_need_not_be_named_and_may_be() {
    let newest = survey(1, vec![log("a", 1, &[1, 2, 3], (4, 90))]);
    // An older image has a fourth node, and an old log that it voted on.
    let older = |end| {
        let four = Survey { nodes: vec![1, 2, 3, 4], ..survey(2, vec![log("a", 2, &[2, 3, 4], (3, 60))]) };
        as_of(end, four)
    };
    let lost = BTreeSet::from([3]);
    assert!(plan(&[newest.clone(), older(5)], &lost).is_ok());
    assert!(plan(&[newest.clone(), older(5)], &BTreeSet::from([3, 4])).is_ok());
    // Where the other metadata reach further, although they do not win, it is asked for.
    let mut further = older(12);
    further.logs.iter_mut().filter(|log| log.is_metadata()).for_each(|log| log.last_epoch = 5);
    assert_eq!(plan(&[newest.clone(), further], &lost), Err(PlanError::Unaccounted(vec![4])));
    // Where no metadata can be read, nothing tells that it was taken out.
    let blind = [unreadable(newest.clone()), unreadable(older(5))];
    assert_eq!(plan(&blind, &lost), Err(PlanError::Unaccounted(vec![4])));
    // A voter of the newest log is asked for, whatever the metadata say.
    let voting = survey(1, vec![log("a", 1, &[1, 2, 5], (4, 90))]);
    let unknown = PlanError::Unknown { node: 5, partition: "a-0".to_owned() };
    assert_eq!(plan(&[voting.clone(), older(5)], &lost), Err(unknown));
    assert!(plan(&[voting, older(5)], &BTreeSet::from([3, 5])).is_ok());
}

#[test]
fn metadata_that_cannot_be_read_do_not_go_on_and_their_node_does() {
    let of = |node, end| log(METADATA_NAME, node, &[1, 2, 3], (6, end));
    let with = |node, end, logs| {
        let mut one = as_of(end, survey(node, logs));
        one.logs.retain(|log| !log.is_metadata());
        one.logs.push(of(node, end));
        one
    };
    let held = || vec![log("a", 2, &[2, 3, 4], (4, 90))];
    let two = Survey { nodes: Vec::new(), assigned: Vec::new(), ..unreadable(with(2, 12, held())) };
    let lost = BTreeSet::from([3, 4]);
    // Both voters' logs are sound: the leader gives the other one what it cannot read.
    let made = plan(&[with(1, 9, Vec::new()), two.clone()], &lost).expect("fits");
    assert_eq!((made.standing, made.chosen.len()), (1, 1));
    assert_eq!((of_topic(&made, "a").node, of_topic(&made, "a").named_only_by), (2, None));
    assert_eq!(made.unreadable_metadata.into_iter().collect::<Vec<_>>(), [(2, "a block".to_owned())]);
    // The metadata's majority is lost, too: the one that can be read goes on, though it is shorter.
    let observed = |mut one: Survey| {
        let metadata = one.logs.iter_mut().find(|log| log.is_metadata()).expect("it has some");
        metadata.voters = vec![key(2), key(3), key(4)];
        one
    };
    let surveys = [observed(with(1, 9, Vec::new())), observed(two.clone())];
    let made = plan(&surveys, &lost).expect("fits");
    let metadata = of_topic(&made, METADATA_NAME);
    assert_eq!((metadata.node, metadata.log_end, metadata.lost), (1, 9, Some(Offsets { first: 9, last: 9 })));
    assert!(!made.metadata_is_gone());
    // Nobody can go on with them.
    let lost = BTreeSet::from([1, 3, 4]);
    let made = plan(std::slice::from_ref(&two), &lost).expect("fits");
    assert!(made.metadata_is_gone());
    assert_eq!((made.unnamed.len(), made.unnamed[0].topic.clone(), made.chosen.len()), (1, None, 0));
    let none = Survey { logs: held(), ..two };
    assert!(plan(&[none], &lost).expect("fits").metadata_is_gone(), "nobody has a log of them");
}

#[test]
fn a_log_that_the_newest_metadata_do_not_name_is_named_by_others_or_told_apart() {
    let newest = |logs| survey(1, logs);
    let other = |logs| {
        let mut one = as_of(5, survey(2, logs));
        one.assigned.push(assigned("b", &[2, 3, 4]));
        one
    };
    let lost = BTreeSet::from([3, 4]);
    // Another survey names it, and tells who votes on it.
    let surveys = [newest(vec![unnamed(log("b", 1, &[], (4, 90)))]), other(Vec::new())];
    let made = plan(&surveys, &lost).expect("fits");
    let choice = of_topic(&made, "b");
    assert_eq!((choice.node, choice.log_end, choice.named_only_by), (1, 90, Some(2)));
    assert_eq!((choice.lost_voters.clone(), made.unnamed.len()), (vec![2, 3, 4], 0));
    // Nobody does: it is told, and nothing is done.
    let surveys = [
        newest(vec![unnamed(log("gone", 1, &[], (4, 90)))]),
        other(vec![unnamed(log("gone", 2, &[], (3, 95)))]),
    ];
    let made = plan(&surveys, &lost).expect("fits");
    assert_eq!(made.chosen.iter().filter(|choice| choice.topic != "a").count(), 0);
    let told = Unnamed {
        topic: None,
        topic_id: "id of gone".to_owned(),
        partition: 0,
        nodes: vec![1, 2],
        log_start: 0,
        log_end: 90,
    };
    assert_eq!(made.unnamed, [told]);
    assert_eq!(made.unnamed[0].name(), "id of gone-0");
    // The topic is known, and has no such partition.
    let ninth = SurveyedLog { partition: 9, ..unnamed(log("a", 1, &[], (4, 90))) };
    let made = plan(&[newest(vec![ninth]), other(Vec::new())], &lost).expect("fits");
    assert_eq!(made.unnamed[0].name(), "a-9");
}

#[test]
fn a_topic_made_anew_is_another_one() {
    let before = SurveyedLog { topic_id: "id before".to_owned(), ..log("a", 2, &[2, 3, 4], (9, 500)) };
    let mut two = as_of(5, survey(2, vec![before]));
    two.assigned = vec![Assigned { topic_id: "id before".to_owned(), ..assigned("a", &[2, 3, 4]) }];
    let one = survey(1, vec![log("a", 1, &[1, 3, 4], (4, 90))]);
    let made = plan(&[one, two], &BTreeSet::from([3, 4])).expect("fits");
    let chosen: Vec<_> = made.chosen.iter().map(|one| (one.name(), one.node, one.named_only_by)).collect();
    assert_eq!(chosen, [("a-0".to_owned(), 1, None), ("a-0".to_owned(), 2, Some(2))]);
}

#[test]
fn who_votes_is_told_by_the_log_or_the_metadata_or_nothing_is_done() {
    let log = unnamed(log("a", 2, &[], (4, 90)));
    let mut old = survey(1, Vec::new());
    old.assigned[0].founders.clear();
    let surveys = [old, Survey { assigned: Vec::new(), ..survey(2, vec![log.clone()]) }];
    let unknown = PlanError::NoVoters { partition: "a-0".to_owned() };
    assert_eq!(plan(&surveys, &BTreeSet::from([3])), Err(unknown));
    let made = plan(&[survey(1, Vec::new()), surveys[1].clone()], &BTreeSet::from([3])).expect("fits");
    assert_eq!(of_topic(&made, "a").lost_voters, [1, 3]);
}

#[test]
fn surveys_and_plans_of_earlier_releases_are_read() {
    let survey: Survey = serde_json::from_str(
        r#"{"cluster":"c","node":1,"directory":"d","metadata_end":9,
            "assigned":[{"topic":"a","topic_id":"i","partition":0,"replicas":[1]}],
            "logs":[{"topic":"a","topic_id":"i","partition":0,"replica":{"node":1,"directory":"d"},"voters":[],
                     "seen_epoch":1,"last_epoch":1,"log_start":0,"log_end":5,"committed":3,"damage":null,"entry":4}]}"#,
    )
    .expect("an earlier survey");
    assert_eq!((survey.metadata_damage, survey.logs[0].topic.as_deref()), (None, Some("a")));
    let plan: Plan = serde_json::from_str(
        r#"{"cluster":"c","lost":[2],"directories":{"1":"d"},"standing":0,
            "chosen":[{"topic":"a","topic_id":"i","partition":0,"node":1,"lost_voters":[2],"epoch":1001,"log_end":5,
                       "committed":3,"entry":4}],
            "gone":[{"topic":"b","partition":0,"committed":null}]}"#,
    )
    .expect("an earlier plan");
    assert_eq!((plan.chosen[0].lost, plan.unnamed.len(), plan.metadata_is_gone()), (None, 0, false));
}
