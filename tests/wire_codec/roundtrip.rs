//! Schema → bytes → generated code → the same bytes.
use bytes::Bytes;
use ordain::wire::messages::*;
use ordain::wire::{EncodeError, Message, Reader, Records, Writer};
use ordain_wiregen::interpret::{Choices, Interpreter};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::{every_version, reencode_named};

#[test]
fn every_message_in_every_version_survives() {
    let mut pairs = 0;
    for (schema, version) in every_version() {
        let config = Config { cases: 24, failure_persistence: None, ..Config::default() };
        let mut runner = TestRunner::new(config);
        let outcome = runner.run(&vec(any::<u8>(), 0..300), |choices| {
            let bytes = Bytes::from(Interpreter { schema, version }.bytes(&mut Choices::new(&choices)));
            let again = reencode_named(&schema.name, bytes.clone(), version);
            prop_assert_eq!(again.as_ref(), Ok(&bytes));
            Ok(())
        });
        if let Err(error) = outcome {
            panic!("{} version {version}: {error}", schema.name);
        }
        pairs += 1;
    }
    // 302 pairs of a request and a response, and what is neither.
    assert!(pairs >= 2 * 302 + 88, "only {pairs} messages and versions were tried");
}

macro_rules! defaults {
    ($($message:ident,)*) => {
        fn encoded_default(name: &str, version: i16) -> Result<Bytes, EncodeError> {
            match name {
                $(stringify!($message) => {
                    let mut w = Writer::new();
                    $message::default().encode(&mut w, version)?;
                    Ok(Records::from(w.finish()).into_bytes())
                })*
                other => panic!("the schema's {other} was not generated"),
            }
        }
    };
}
ordain::for_each_message!(defaults);

#[test]
fn defaults_are_the_schemas() {
    for (schema, version) in every_version() {
        let ours = encoded_default(&schema.name, version);
        // A field may be null by default and still not nullable in old versions: then it has to be set.
        if let Err(EncodeError::Null { field, .. }) = ours {
            let f = schema.root().fields.iter().find(|f| f.name == field).expect("it is a field");
            assert!(!f.nullable.contains(version), "{} version {version}", schema.name);
            continue;
        }
        let theirs = Bytes::from(Interpreter { schema, version }.default_bytes());
        assert_eq!(ours, Ok(theirs), "{} version {version}", schema.name);
    }
}

#[test]
fn a_value_that_the_version_cannot_carry_is_refused() {
    let epochs = offset_for_leader_epoch_request::OffsetForLeaderTopic::default();
    let request = OffsetForLeaderEpochRequest { topics: vec![epochs], ..Default::default() };
    assert_eq!(request.encode(&mut Writer::new(), 2), Ok(()));
    let request = FetchRequest { forgotten_topics_data: vec![Default::default()], ..Default::default() };
    let error =
        EncodeError::NotInVersion { message: "FetchRequest", version: 6, field: "ForgottenTopicsData" };
    assert_eq!(request.encode(&mut Writer::new(), 6), Err(error));
    assert_eq!(request.encode(&mut Writer::new(), 7), Ok(()));
    let request = FetchRequest { rack_id: "a".into(), ..Default::default() };
    assert_eq!(request.encode(&mut Writer::new(), 6), Ok(()), "the rack may be lost");
}

#[test]
fn unknown_tagged_fields_are_kept_in_order() {
    let mut request = MetadataRequest::default();
    request.unknown_tagged_fields.push(7, Bytes::from_static(b"seven"));
    request.unknown_tagged_fields.push(9, Bytes::from(vec![1; 3000]));
    let mut w = Writer::new();
    request.encode(&mut w, 12).unwrap();
    let bytes = w.into_bytes();
    let back = MetadataRequest::decode(&mut Reader::new(bytes), 12).unwrap();
    assert_eq!(back, request);

    request.unknown_tagged_fields.push(8, Bytes::new());
    let refused = request.encode(&mut Writer::new(), 12);
    assert_eq!(
        refused,
        Err(EncodeError::TagOrder { message: "MetadataRequest", version: 12, tag: 8, previous: 9 })
    );
}

#[test]
fn records_are_neither_copied_in_nor_out() {
    let batch = Bytes::from(vec![7u8; 1 << 20]);
    let partition = produce_request::PartitionProduceData {
        records: Some(Records::from(vec![batch.slice(..500_000), batch.slice(500_000..)])),
        ..Default::default()
    };
    let topic = produce_request::TopicProduceData { partition_data: vec![partition], ..Default::default() };
    let request = ProduceRequest { topic_data: vec![topic], ..Default::default() };
    let mut w = Writer::new();
    request.encode(&mut w, 13).unwrap();
    let segments = w.finish();
    assert_eq!(segments.len(), 4, "before, two segments of records, after");
    assert_eq!(segments[1].as_ptr(), batch.as_ptr());
    assert_eq!(segments[2].as_ptr(), batch[500_000..].as_ptr());

    let frame = Records::from(segments).into_bytes();
    let decoded = ProduceRequest::decode(&mut Reader::new(frame.clone()), 13).unwrap();
    let records = decoded.topic_data[0].partition_data[0].records.clone().unwrap();
    assert_eq!(records.segments().len(), 1);
    let within = frame.as_ptr_range();
    assert!(within.contains(&records.segments()[0].as_ptr()), "the records are a part of the frame");
    assert_eq!(decoded, request, "records are equal however they are cut");
}
