use proptest::prelude::*;

use super::*;
use crate::config::{Inputs, load};
use crate::types::TopicId;
use crate::wire::messages::TopicRecord;

/// Decides as a node that was started without a configuration.
fn decide(image: &MetadataImage, changes: &[ConfigChange]) -> Decision<Vec<Result<(), ControllerError>>> {
    let loaded = load(&Inputs::default(), None).expect("right");
    alter_configs(image, changes, ConfigRules { config: &loaded.broker, settings: &loaded.settings })
}

fn image(settings: &[(&str, &str)]) -> MetadataImage {
    let mut image = MetadataImage::default();
    let topic = TopicRecord { name: "t".into(), topic_id: TopicId([1; 16]), ..Default::default() };
    image.apply(&MetadataRecord::Topic(topic)).expect("fits");
    for &(name, value) in settings {
        let config = ConfigRecord {
            resource_type: ConfigResource::TOPIC,
            resource_name: "t".into(),
            name: name.into(),
            value: Some(value.into()),
            ..Default::default()
        };
        image.apply(&MetadataRecord::Config(config)).expect("fits");
    }
    image
}

fn topic(name: &str, changes: ConfigChanges) -> ConfigChange {
    ConfigChange { resource: ConfigResource::Topic(name.to_owned()), changes }
}

fn incremental(operations: &[(&str, ConfigOp)]) -> ConfigChanges {
    let owned = operations.iter().map(|(name, operation)| ((*name).to_owned(), operation.clone()));
    ConfigChanges::Incremental(owned.collect())
}

fn set(value: &str) -> ConfigOp {
    ConfigOp::Set(value.to_owned())
}

/// The topic's settings after the change, or why it is refused.
fn after(image: &MetadataImage, changes: ConfigChanges) -> Result<Vec<(String, String)>, ControllerError> {
    let mut decision = decide(image, &[topic("t", changes)]);
    decision.reply.pop().expect("one change has one result")?;
    let mut next = image.clone();
    for record in &decision.records {
        next.apply(record).expect("fits");
    }
    let settings = next.topic("t").expect("there").settings.clone();
    Ok(settings.into_iter().collect())
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn increments_keep_what_they_do_not_name() {
    let before = image(&[("retention.ms", "5"), ("cleanup.policy", "compact")]);
    let changes = incremental(&[
        ("retention.ms", ConfigOp::Delete),
        ("cleanup.policy", ConfigOp::Append("delete".to_owned())),
        ("max.message.bytes", set("9")),
    ]);
    let expected = pairs(&[("cleanup.policy", "compact,delete"), ("max.message.bytes", "9")]);
    assert_eq!(after(&before, changes), Ok(expected));
    let subtract = incremental(&[("cleanup.policy", ConfigOp::Subtract("compact".to_owned()))]);
    assert_eq!(after(&before, subtract), Ok(pairs(&[("cleanup.policy", ""), ("retention.ms", "5")])));
    // A list that is not set is taken from its default.
    let append = incremental(&[("cleanup.policy", ConfigOp::Append("compact".to_owned()))]);
    assert_eq!(after(&image(&[]), append), Ok(pairs(&[("cleanup.policy", "delete,compact")])));
}

#[test]
fn what_does_not_change_needs_no_record() {
    let before = image(&[("retention.ms", "5")]);
    let changes = incremental(&[("retention.ms", set("5")), ("segment.ms", ConfigOp::Delete)]);
    let decision = decide(&before, &[topic("t", changes)]);
    assert_eq!((decision.reply, decision.records), (vec![Ok(())], vec![]));
}

#[test]
fn refusals_are_kafkas() {
    let invalid = |why: &str| Err(ControllerError::InvalidConfig(why.to_owned()));
    let refused = |changes| after(&image(&[]), changes);
    assert_eq!(
        refused(incremental(&[("retention.ms", ConfigOp::Append("5".to_owned()))])),
        invalid("Can't APPEND to key retention.ms because its type is not LIST.")
    );
    assert_eq!(
        refused(incremental(&[("no.such.config", set("1"))])),
        invalid("Unknown topic config name: no.such.config")
    );
    assert_eq!(
        refused(incremental(&[("segment.bytes", set("x"))])),
        invalid("Invalid value x for configuration segment.bytes: Not a number of type INT")
    );
    assert!(matches!(
        refused(incremental(&[("min.compaction.lag.ms", set("9")), ("max.compaction.lag.ms", set("8"))])),
        Err(ControllerError::InvalidConfig(why)) if why.starts_with("conflict")
    ));
    let nowhere = topic("nowhere", incremental(&[("retention.ms", set("1"))]));
    let decision = decide(&image(&[]), &[nowhere]);
    let error = decision.reply[0].as_ref().expect_err("unknown");
    assert_eq!(error.to_string(), "The topic 'nowhere' does not exist.");
}

#[test]
fn one_refusal_changes_nothing_of_its_resource_and_everything_of_the_others() {
    let before = image(&[]);
    let wrong = topic("nowhere", incremental(&[("retention.ms", set("1"))]));
    let right = topic("t", incremental(&[("retention.ms", set("1"))]));
    let half = topic("t", incremental(&[("retention.ms", set("1")), ("segment.ms", set("x"))]));
    assert!(decide(&before, &[half]).records.is_empty());
    let decision = decide(&before, &[wrong, right]);
    assert!(decision.reply[0].is_err() && decision.reply[1].is_ok());
    assert_eq!(decision.records.len(), 1);
}

#[test]
fn a_request_changes_so_much_or_nothing() {
    let group = |number: usize| ConfigChange {
        resource: ConfigResource::Group(format!("g{number}")),
        changes: incremental(&[("consumer.session.timeout.ms", set("50000"))]),
    };
    let all: Vec<ConfigChange> = (0..=CHANGES_AT_ONCE_MAX).map(group).collect();
    let most = decide(&image(&[]), &all[1..]);
    assert_eq!((most.records.len(), most.reply), (CHANGES_AT_ONCE_MAX, vec![Ok(()); CHANGES_AT_ONCE_MAX]));
    let beyond = decide(&image(&[]), &all);
    let error = ControllerError::TooManyChanges { limit: CHANGES_AT_ONCE_MAX };
    assert_eq!((beyond.records.len(), beyond.reply), (0, vec![Err(error); all.len()]));
}

/// What became of changes to a resource, and its values after them.
fn change(
    image: &mut MetadataImage,
    resource: &ConfigResource,
    operations: &[(&str, ConfigOp)],
) -> Result<Vec<(String, String)>, ControllerError> {
    let change = ConfigChange { resource: resource.clone(), changes: incremental(operations) };
    let mut decision = decide(image, &[change]);
    decision.reply.pop().expect("one change has one result")?;
    for record in &decision.records {
        image.apply(record).expect("fits");
    }
    Ok(image.settings(resource).cloned().unwrap_or_default().into_iter().collect())
}

const NODE: NodeId = NodeId(1);

#[test]
fn a_brokers_values_are_stored_and_layered() {
    let (mut image, all) = (image(&[]), ConfigResource::Broker(None));
    let one = ConfigResource::Broker(Some(NODE));
    assert_eq!(
        change(&mut image, &all, &[("log.retention.ms", set("5"))]),
        Ok(pairs(&[("log.retention.ms", "5")]))
    );
    assert_eq!(
        change(&mut image, &one, &[("log.cleanup.policy", ConfigOp::Append("compact".to_owned()))]),
        Ok(pairs(&[("log.cleanup.policy", "delete,compact")]))
    );
    let (broker, cluster) = dynamic_configs(&image, NODE);
    assert_eq!(cluster.get("log.retention.ms").map(ToString::to_string).as_deref(), Some("5"));
    assert_eq!(broker.get("log.cleanup.policy").map(ToString::to_string).as_deref(), Some("delete,compact"));
    assert_eq!(change(&mut image, &one, &[("log.cleanup.policy", ConfigOp::Delete)]), Ok(vec![]));
    assert_eq!(change(&mut image, &all, &[("log.retention.ms", ConfigOp::Delete)]), Ok(vec![]));
    assert_eq!(image.configured().count(), 0);
}

#[test]
fn what_a_broker_cannot_change_is_refused_in_kafkas_words() {
    let told = |resource: ConfigResource, name: &str, value: &str| match change(
        &mut image(&[]),
        &resource,
        &[(name, set(value))],
    ) {
        Err(ControllerError::InvalidRequest(why)) => why,
        other => panic!("{other:?}"),
    };
    let (all, one) = (|| ConfigResource::Broker(None), || ConfigResource::Broker(Some(NODE)));
    assert_eq!(told(all(), "node.id", "5"), "Cannot update these configs dynamically: [node.id]");
    assert_eq!(
        told(all(), "listeners", "PLAINTEXT://127.0.0.1:1"),
        "Cannot update these configs at default cluster level, broker id must be specified: [listeners]"
    );
    assert!(told(one(), "listeners", "PLAINTEXT://127.0.0.1:1").contains("and restart"));
    assert_eq!(
        told(one(), "message.max.bytes", "x"),
        "Invalid value x for configuration message.max.bytes: Not a number of type INT"
    );
    assert!(told(all(), "max.connections.per.ip", "0").contains("lets nobody in"));
    assert!(told(all(), "num.io.threads", "100").contains("double the current value 8"));
    assert!(told(one(), "log.retention.m", "1").contains("did you mean log.retention.ms?"));
    assert!(matches!(
        change(&mut image(&[]), &all(), &[("log.retention.ms", ConfigOp::Append("5".to_owned()))]),
        Err(ControllerError::InvalidConfig(_))
    ));
}

#[test]
fn groups_and_subscriptions_exist_by_their_values() {
    let (mut image, group) = (image(&[]), ConfigResource::Group("g".to_owned()));
    let key = "consumer.session.timeout.ms";
    assert_eq!(change(&mut image, &group, &[(key, set("50000"))]), Ok(pairs(&[(key, "50000")])));
    assert!(matches!(
        change(&mut image, &group, &[(key, set("1"))]),
        Err(ControllerError::InvalidConfig(why)) if why.contains("group.consumer.min.session.timeout.ms")
    ));
    let watch = ConfigResource::ClientMetrics("w".to_owned());
    assert_eq!(change(&mut image, &watch, &[("metrics", set("*"))]), Ok(pairs(&[("metrics", "*")])));
    assert_eq!(image.configured().count(), 2);
    assert_eq!(change(&mut image, &group, &[(key, ConfigOp::Delete)]), Ok(vec![]));
    assert_eq!(change(&mut image, &watch, &[("metrics", ConfigOp::Delete)]), Ok(vec![]));
    assert_eq!(image.configured().count(), 0);
}

fn settings() -> impl Strategy<Value = BTreeMap<String, String>> {
    let key = prop_oneof![
        (Just("retention.ms"), (1..5_i64).prop_map(|ms| ms.to_string())),
        (Just("segment.ms"), (1..5_i64).prop_map(|ms| ms.to_string())),
        (Just("cleanup.policy"), prop_oneof![Just("compact".to_owned()), Just("delete".to_owned())]),
    ];
    proptest::collection::vec(key, 0..4)
        .prop_map(|pairs| pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(crate::log::testing::cases(64)))]

    /// Whatever was set: a replacement leaves exactly what it names, and again changes nothing.
    #[test]
    fn a_replacement_leaves_what_it_names(before in settings(), wanted in settings()) {
        let before: Vec<(&str, &str)> = before.iter().map(|(name, value)| (&**name, &**value)).collect();
        let mut image = image(&before);
        let change = [topic("t", ConfigChanges::Replace(wanted.clone()))];
        let decision = decide(&image, &change);
        prop_assert_eq!(&decision.reply, &vec![Ok(())]);
        for record in &decision.records {
            image.apply(record).expect("fits");
        }
        prop_assert_eq!(&image.topic("t").expect("there").settings, &wanted);
        prop_assert!(decide(&image, &change).records.is_empty());
    }
}
