use proptest::prelude::*;

use super::*;
use crate::config::{BrokerLayers, DynamicConfig, Inputs, Settings};
use crate::types::TopicId;
use crate::wire::messages::TopicRecord;

fn defaults() -> TopicDefaults {
    let (none, settings) = (DynamicConfig::default(), Settings::load(&Inputs::default()).expect("right"));
    TopicDefaults::new(&BrokerLayers { broker: &none, cluster: &none, settings: &settings })
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
    let mut decision = alter_configs(image, &[topic("t", changes)], &defaults());
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
    let decision = alter_configs(&before, &[topic("t", changes)], &defaults());
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
    let decision = alter_configs(&image(&[]), &[nowhere], &defaults());
    let error = decision.reply[0].as_ref().expect_err("unknown");
    assert_eq!(error.to_string(), "The topic 'nowhere' does not exist.");
}

#[test]
fn one_refusal_changes_nothing_of_its_resource_and_everything_of_the_others() {
    let before = image(&[]);
    let wrong = topic("nowhere", incremental(&[("retention.ms", set("1"))]));
    let right = topic("t", incremental(&[("retention.ms", set("1"))]));
    let half = topic("t", incremental(&[("retention.ms", set("1")), ("segment.ms", set("x"))]));
    assert!(alter_configs(&before, &[half], &defaults()).records.is_empty());
    let decision = alter_configs(&before, &[wrong, right], &defaults());
    assert!(decision.reply[0].is_err() && decision.reply[1].is_ok());
    assert_eq!(decision.records.len(), 1);
}

#[test]
fn what_would_have_no_effect_is_not_stored() {
    let change = |resource, operation| {
        let change = ConfigChange { resource, changes: incremental(&[("log.retention.ms", operation)]) };
        let decision = alter_configs(&image(&[]), &[change], &defaults());
        assert!(decision.records.is_empty());
        decision.reply.into_iter().next().expect("one change has one result")
    };
    let broker = || ConfigResource::Broker(None);
    assert!(matches!(change(broker(), set("5")), Err(ControllerError::InvalidConfig(_))));
    assert_eq!(change(broker(), ConfigOp::Delete), Ok(()));
    let group = || ConfigResource::Group("g".to_owned());
    assert!(matches!(change(group(), set("5")), Err(ControllerError::InvalidConfig(_))));
    assert_eq!(change(group(), ConfigOp::Delete), Ok(()));
    let read_only = ConfigChange {
        resource: broker(),
        changes: ConfigChanges::Replace([("node.id".to_owned(), "5".to_owned())].into()),
    };
    let decision = alter_configs(&image(&[]), &[read_only], &defaults());
    assert!(matches!(decision.reply[0], Err(ControllerError::InvalidRequest(_))));
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
        let decision = alter_configs(&image, &change, &defaults());
        prop_assert_eq!(&decision.reply, &vec![Ok(())]);
        for record in &decision.records {
            image.apply(record).expect("fits");
        }
        prop_assert_eq!(&image.topic("t").expect("there").settings, &wanted);
        prop_assert!(alter_configs(&image, &change, &defaults()).records.is_empty());
    }
}
