use bytes::Bytes;
use proptest::prelude::*;

use super::validate::parse_header;
use super::*;
use crate::types::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, Timestamp};
use crate::wire::compression::{Codec, CompressionError};

const BOUND_BYTES: usize = 1 << 20;
const NOW: Timestamp = Timestamp(1_700_000_000_000);

/// What `kafka-python` 3.0.12 writes: producer 4711, epoch 3, base sequence 9, and three records.
const GOLDEN: [(Codec, &str); 5] = [
    (
        Codec::None,
        "0000000000000000000000b40000000002d1f365ff0000000000020000018bcfe568000000018bcfe568050000000000\
      00126700030000000900000003780000000a6b65792d615476616c75652d6176616c75652d6176616c75652d6176616c\
      75652d6176616c75652d6176616c75652d61040268023102680160000a02015476616c75652d6276616c75652d627661\
      6c75652d6276616c75652d6276616c75652d6276616c75652d6200280013040a6b65792d6101020a74726163650400ff",
    ),
    (
        Codec::Gzip,
        "00000000000000000000007d0000000002d0052d100001000000020000018bcfe568000000018bcfe568050000000000\
      001267000300000009000000031f8b0800747c036b02ffab606060e0ca4eadd44d0c294bcc294dd54d24826261ca6032\
      64ca604c60e0626284ea4b228262d060106681d8c6c8c4555294989ccac2f01f00437d23e783000000",
    ),
    (
        Codec::Snappy,
        "0000000000000000000000880000000002e43352b10002000000020000018bcfe568000000018bcfe568050000000000\
      0012670003000000090000000382534e4150505900000000010000000100000043830144780000000a6b65792d615476\
      616c75652d618a070030040268023102680160000a02010d3800620938720700100028001304096e2801020a74726163\
      650400ff",
    ),
    (
        Codec::Lz4,
        "00000000000000000000008b0000000002187a88320003000000020000018bcfe568000000018bcfe568050000000000\
      0012670003000000090000000304224d18684083000000000000008a43000000ff03780000000a6b65792d615476616c\
      75652d61070010d3040268023102680160000a02013800126238000f07000a5200280013046e00b001020a7472616365\
      0400ff00000000",
    ),
    (
        Codec::Zstd,
        "00000000000000000000007a00000000029aa224c80004000000020000018bcfe568000000018bcfe568050000000000\
      0012670003000000090000000328b52ffd20830502000403780000000a6b65792d615476616c75652d61040268023102\
      680160000a020162002800130401020a74726163650400ff0500711814dc00f8da2afb882c61",
    ),
];

fn hex(text: &str) -> Bytes {
    let digit = |c: u8| (c as char).to_digit(16).expect("hex") as u8;
    text.as_bytes().chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
}

fn rules() -> ProduceRules {
    ProduceRules {
        produce_version: 12,
        batch_bytes_max: BOUND_BYTES,
        decompressed_bytes_max: BOUND_BYTES,
        keys: KeyRule::Optional,
        timestamps: TimestampRule::CreateTime(TimestampLimits::NONE),
    }
}

fn header(key: &'static str, value: Option<&'static str>) -> RecordHeader {
    RecordHeader {
        key: Bytes::from_static(key.as_bytes()),
        value: value.map(|value| Bytes::from_static(value.as_bytes())),
    }
}

fn options(codec: Codec) -> BatchOptions {
    let producer = ProducerStamp { id: ProducerId(4711), epoch: ProducerEpoch(3), base_sequence: 9 };
    BatchOptions { codec, producer, kind: BatchKind::Data, bytes_max: BOUND_BYTES }
}

/// The golden batches' records, through our own builder.
fn golden_built(codec: Codec) -> ValidatedBatch {
    let mut builder = BatchBuilder::new(options(codec));
    let (a, b) = ("value-a".repeat(6), "value-b".repeat(6));
    let headers = [header("h", Some("1")), header("h", None)];
    let traced =
        [RecordHeader { key: Bytes::from_static(b"trace"), value: Some(Bytes::from_static(&[0, 0xff])) }];
    let records = [
        (0, Some("key-a"), Some(a.as_str()), &headers[..]),
        (5, None, Some(b.as_str()), &[]),
        (-10, Some("key-a"), None, &traced[..]),
    ];
    for (delta, key, value, headers) in records {
        let record = NewRecord {
            timestamp: NOW.plus_ms(delta),
            key: key.map(str::as_bytes),
            value: value.map(str::as_bytes),
            headers,
        };
        builder.append(record).expect("fits");
    }
    builder.build()
}

/// A batch of `records` plain records with a field of the header changed and the CRC made right again.
fn tampered(change: impl FnOnce(&mut BatchHeader)) -> Bytes {
    let batch = golden_built(Codec::None).into_batch();
    let mut header = *batch.header();
    change(&mut header);
    RecordBatch::assemble(header, &batch.payload()).to_bytes()
}

fn refused(bytes: &Bytes, rules: &ProduceRules) -> BatchError {
    validate_produced(bytes, rules, NOW).expect_err("refused")
}

fn records_of(batch: &RecordBatch) -> Vec<Record> {
    batch.records(BOUND_BYTES).expect("opens").collect::<Result<_, _>>().expect("well-formed")
}

#[test]
fn a_real_clients_batches_are_read() {
    for (codec, text) in GOLDEN {
        let bytes = hex(text);
        let batch = validate_produced(&bytes, &rules(), NOW).expect("a real client's batch").into_batch();
        assert_eq!(batch.codec(), Ok(codec));
        assert_eq!(batch.to_bytes(), bytes, "{codec}: nothing is rewritten");
        assert_eq!(batch.header().producer_id, ProducerId(4711));
        assert_eq!((batch.header().base_sequence, batch.header().last_sequence()), (9, 11));
        let records = records_of(&batch);
        assert_eq!(records, records_of(golden_built(codec).batch()), "{codec}");
        assert_eq!(records[0].headers, [header("h", Some("1")), header("h", None)]);
        assert_eq!(records[1].key, None);
        assert_eq!(records[2].value, None);
        assert_eq!(batch.header().record_timestamp(records[2].timestamp_delta), Timestamp(1_699_999_999_990));
        assert_eq!(batch.header().max_timestamp, Timestamp(1_700_000_000_005));
    }
}

#[test]
fn our_uncompressed_batch_is_the_clients_to_the_byte() {
    // But for the leader epoch, which kafka-python sets to 0 and Java's client to −1.
    assert_eq!(golden_built(Codec::None).batch().body(), &hex(GOLDEN[0].1).slice(UNCOVERED_BYTES..));
}

#[test]
fn the_payload_is_not_copied() {
    let bytes = hex(GOLDEN[0].1);
    let batch = validate_produced(&bytes, &rules(), NOW).expect("valid").into_batch();
    assert_eq!(batch.body().as_ptr(), bytes[UNCOVERED_BYTES..].as_ptr());
    let placed = batch.placed_at(Offset(77), LeaderEpoch(5));
    assert_eq!(placed.body().as_ptr(), bytes[UNCOVERED_BYTES..].as_ptr());
    assert_eq!(placed.check(), Ok(()));
    assert_eq!(placed.header().last_offset(), Offset(79));
}

#[test]
fn there_is_exactly_one_batch() {
    let one = hex(GOLDEN[0].1);
    assert_eq!(refused(&Bytes::new(), &rules()), BatchError::Missing);
    let cut = one.slice(..one.len() - 1);
    let truncated = BatchError::Truncated { needed_bytes: one.len(), available_bytes: one.len() - 1 };
    assert_eq!(refused(&cut, &rules()), truncated);
    let two = Bytes::from([&one[..], &one[..]].concat());
    assert_eq!(refused(&two, &rules()), BatchError::TrailingBytes { extra_bytes: one.len() });
    let short = BatchError::Truncated { needed_bytes: HEADER_BYTES, available_bytes: 60 };
    assert_eq!(refused(&one.slice(..60), &rules()), short);
    let small = ProduceRules { batch_bytes_max: one.len() - 1, ..rules() };
    let too_large = BatchError::TooLarge { batch_bytes: one.len(), max_bytes: one.len() - 1 };
    assert_eq!(refused(&one, &small), too_large);
}

#[test]
fn old_formats_are_named_though_they_are_shorter() {
    // Magic 1: offset, size, CRC, magic, attributes, timestamp, key, value: 34 bytes with both null.
    let mut old = vec![0u8; 34];
    old[11] = 22;
    old[16] = 1;
    assert_eq!(refused(&Bytes::from(old), &rules()), BatchError::Magic { magic: 1 });
}

#[test]
fn a_length_below_the_header_is_refused() {
    let mut bytes = hex(GOLDEN[0].1).to_vec();
    for length in [-1i32, 0, 48] {
        bytes[8..12].copy_from_slice(&length.to_be_bytes());
        let error = refused(&Bytes::from(bytes.clone()), &rules());
        assert_eq!(error, BatchError::Length { batch_length: length });
    }
}

#[test]
fn a_flipped_bit_fails_the_crc() {
    let bytes = hex(GOLDEN[2].1);
    for at in UNCOVERED_BYTES..bytes.len() {
        let mut flipped = bytes.to_vec();
        flipped[at] ^= 0x10;
        let error = refused(&Bytes::from(flipped), &rules());
        // The codec's bits are looked at before the CRC is.
        assert!(matches!(error, BatchError::Crc { .. } | BatchError::UnknownCodec { .. }), "{at}: {error}");
    }
}

#[test]
fn each_header_rule_has_its_error() {
    let base = Offset(1);
    let (id, epoch) = (ProducerId(4711), ProducerEpoch(-1));
    let cases: [(Bytes, BatchError); 9] = [
        (tampered(|h| h.base_offset = base), BatchError::BaseOffset { base_offset: base }),
        (tampered(|h| h.attributes.0 |= 5), BatchError::UnknownCodec { number: 5 }),
        (tampered(|h| h.record_count = 0), BatchError::RecordCount { record_count: 0 }),
        (
            tampered(|h| h.last_offset_delta = 3),
            BatchError::OffsetRange { record_count: 3, last_offset_delta: 3 },
        ),
        (tampered(|h| h.attributes = h.attributes.with_control()), BatchError::Control),
        (tampered(|h| h.base_sequence = -1), BatchError::Sequence { producer_id: id, base_sequence: -1 }),
        (
            tampered(|h| h.producer_epoch = epoch),
            BatchError::Epoch { producer_id: id, producer_epoch: epoch },
        ),
        (
            tampered(|h| {
                h.producer_id = ProducerId::NONE;
                h.attributes = h.attributes.with_transactional();
            }),
            BatchError::TransactionalWithoutProducer,
        ),
        (
            tampered(|h| (h.record_count, h.last_offset_delta) = (2, 1)),
            BatchError::RecordsLeftOver { record_count: 2 },
        ),
    ];
    for (bytes, error) in cases {
        assert_eq!(refused(&bytes, &rules()), error);
    }
    let more = tampered(|h| (h.record_count, h.last_offset_delta) = (i32::MAX, i32::MAX - 1));
    assert_eq!(refused(&more, &rules()), BatchError::Record { index: 3, fault: RecordFault::Truncated });
}

#[test]
fn zstd_waits_for_version_7() {
    let old = ProduceRules { produce_version: 6, ..rules() };
    let error = BatchError::CodecTooNew { codec: Codec::Zstd, produce_version: 6 };
    assert_eq!(refused(&hex(GOLDEN[4].1), &old), error);
}

/// A batch whose records are these bytes.
fn with_payload(record_count: i32, payload: &[u8]) -> Bytes {
    let header = *golden_built(Codec::None).header();
    let header = BatchHeader { record_count, last_offset_delta: record_count - 1, ..header };
    RecordBatch::assemble(header, payload).to_bytes()
}

#[test]
fn each_record_rule_has_its_error() {
    // Length, attributes, timestamp delta, offset delta, key, value, header count; all zigzag.
    let cases: [(&[u8], RecordFault); 11] = [
        (&[12, 0, 0, 0, 1, 1], RecordFault::Truncated),
        (&[1], RecordFault::NegativeLength { length: -1 }),
        (&[10, 0, 0, 0, 1, 1, 0], RecordFault::Overrun { stated: 5 }),
        (&[14, 0, 0, 0, 1, 1, 0, 0], RecordFault::Underrun { stated: 7, actual: 6 }),
        (&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff], RecordFault::Varint),
        (&[12, 0, 0, 0, 3, 1, 0], RecordFault::FieldLength { length: -2 }),
        (&[12, 0, 0, 0, 1, 1, 2], RecordFault::HeaderCount { count: 1 }),
        (&[12, 0, 0, 0, 1, 1, 1], RecordFault::HeaderCount { count: -1 }),
        (&[16, 0, 0, 0, 1, 1, 2, 1, 1], RecordFault::HeaderKey { length: -1 }),
        (&[12, 0, 0, 2, 1, 1, 0], RecordFault::OffsetDelta { expected: 0, found: 1 }),
        (&[12, 0, 0, 0, 127, 1, 0], RecordFault::FieldLength { length: -64 }),
    ];
    for (payload, fault) in cases {
        let error = refused(&with_payload(1, payload), &rules());
        assert_eq!(error, BatchError::Record { index: 0, fault }, "{payload:?}");
    }
    let least = with_payload(1, &[12, 0, 0, 0, 1, 1, 0]);
    let batch = validate_produced(&least, &rules(), NOW).expect("null key, null value, no headers");
    assert_eq!(records_of(batch.batch())[0].key, None);
}

#[test]
fn keyless_records_are_listed_on_a_compacted_topic() {
    let compacted = ProduceRules { keys: KeyRule::Required, ..rules() };
    for (_, text) in GOLDEN {
        let BatchError::RecordsRefused(records) = refused(&hex(text), &compacted) else {
            panic!("refused for another reason")
        };
        assert_eq!(records.errors, [RecordError { index: 1, cause: RecordRefusal::NoKey }]);
        assert!(!records.any_timestamp);
    }
}

#[test]
fn timestamps_are_held_to_their_limits() {
    let limits = TimestampLimits { before_max_ms: 5, after_max_ms: 4 };
    let strict = ProduceRules { timestamps: TimestampRule::CreateTime(limits), ..rules() };
    let BatchError::RecordsRefused(records) = refused(&hex(GOLDEN[3].1), &strict) else {
        panic!("refused for another reason")
    };
    let indexes: Vec<i32> = records.errors.iter().map(|error| error.index).collect();
    assert_eq!((indexes, records.any_timestamp), (vec![1, 2], true));
    let exact = TimestampLimits { before_max_ms: 10, after_max_ms: 5 };
    let rules = ProduceRules { timestamps: TimestampRule::CreateTime(exact), ..rules() };
    assert!(validate_produced(&hex(GOLDEN[3].1), &rules, NOW).is_ok(), "the limits are inclusive");
}

#[test]
fn a_flood_of_refused_records_is_counted_not_listed() {
    let mut builder = BatchBuilder::new(BatchOptions::plain(BOUND_BYTES));
    for _ in 0..2500 {
        let record = NewRecord { timestamp: NOW, key: None, value: None, headers: &[] };
        builder.append(record).expect("fits");
    }
    let compacted = ProduceRules { keys: KeyRule::Required, ..rules() };
    let bytes = builder.build().batch().to_bytes();
    let BatchError::RecordsRefused(records) = refused(&bytes, &compacted) else {
        panic!("refused for another reason")
    };
    assert_eq!((records.refused, records.errors.len()), (2500, RefusedRecords::LISTED_MAX));
}

#[test]
fn log_append_time_is_written_by_the_broker_alone() {
    let append = ProduceRules { timestamps: TimestampRule::LogAppendTime, ..rules() };
    let now = Timestamp(1_800_000_000_000);
    for (codec, text) in GOLDEN {
        let batch = validate_produced(&hex(text), &append, now).expect("valid").into_batch();
        assert_eq!(batch.check(), Ok(()), "{codec}: the CRC was made anew");
        assert!(batch.header().attributes.is_log_append_time());
        assert_eq!(batch.header().max_timestamp, now);
        let records = batch.records(BOUND_BYTES).expect("opens");
        for record in records.clone() {
            assert_eq!(records.timestamp_of(&record.expect("well-formed")), now);
        }
    }
    let claimed = tampered(|h| h.attributes = h.attributes.with_log_append_time());
    let BatchError::RecordsRefused(records) = refused(&claimed, &append) else {
        panic!("refused for another reason")
    };
    assert_eq!(records.refused, 3);
    // As in Kafka, a create-time topic drops the claim.
    let batch = validate_produced(&claimed, &rules(), NOW).expect("valid").into_batch();
    assert!(!batch.header().attributes.is_log_append_time());
    assert_eq!(batch.body(), golden_built(Codec::None).batch().body());
}

#[test]
fn a_wrong_maximum_timestamp_is_put_right() {
    let wrong = tampered(|h| h.max_timestamp = Timestamp(i64::MAX));
    let batch = validate_produced(&wrong, &rules(), NOW).expect("valid").into_batch();
    assert_eq!(batch.body(), golden_built(Codec::None).batch().body());
}

#[test]
fn bombs_are_refused_and_say_their_bound() {
    let zeroes = vec![0u8; 8 << 20];
    for codec in [Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd] {
        let mut builder = BatchBuilder::new(BatchOptions { bytes_max: 16 << 20, ..options(codec) });
        let record = NewRecord { timestamp: NOW, key: None, value: Some(&zeroes), headers: &[] };
        builder.append(record).expect("fits");
        let batch = builder.build().into_batch();
        assert!(batch.len() < BOUND_BYTES, "{codec} packs zeroes");
        let bomb = CompressionError::TooLarge { codec, bound_bytes: BOUND_BYTES };
        let fault = RecordFault::Compression(bomb.clone());
        let error = refused(&batch.to_bytes(), &rules());
        assert_eq!(error, BatchError::Record { index: 0, fault });
        assert_eq!(batch.records(BOUND_BYTES).err(), Some(BatchError::Compression(bomb)));
    }
}

#[test]
fn a_topics_codec_replaces_the_producers() {
    for (_, text) in GOLDEN {
        for codec in Codec::ALL {
            let batch = validate_produced(&hex(text), &rules(), NOW).expect("valid");
            let records = records_of(batch.batch());
            let again = batch.recompressed(codec.into(), BOUND_BYTES).expect("recompresses").into_batch();
            assert_eq!((again.codec(), again.check()), (Ok(codec), Ok(())));
            assert_eq!(records_of(&again), records);
        }
    }
}

#[test]
fn batches_lie_back_to_back_and_the_last_may_be_cut() {
    let one = hex(GOLDEN[1].1);
    let two = hex(GOLDEN[4].1);
    let joined = Bytes::from([&one[..], &two[..], &one[..one.len() - 3]].concat());
    let mut batches = BatchIterator::new(joined, BatchCheck::Verify);
    assert_eq!(batches.next().expect("first").expect("valid").to_bytes(), one);
    assert_eq!(batches.next().expect("second").expect("valid").to_bytes(), two);
    assert_eq!(batches.next(), None);
    assert_eq!(batches.rest().len(), one.len() - 3);

    let mut damaged = [&one[..], &two[..]].concat();
    damaged[one.len() + 70] ^= 1;
    let mut batches = BatchIterator::new(Bytes::from(damaged.clone()), BatchCheck::Verify);
    assert!(batches.next().expect("first").is_ok());
    assert!(matches!(batches.next(), Some(Err(BatchError::Crc { .. }))));
    assert_eq!(batches.next(), None, "an error ends it");
    assert_eq!(batches.rest().len(), two.len());
    assert_eq!(BatchIterator::new(Bytes::from(damaged), BatchCheck::Trust).count(), 2);
}

#[test]
fn an_emptied_batch_keeps_its_place() {
    for (codec, text) in GOLDEN {
        let batch = validate_produced(&hex(text), &rules(), NOW).expect("valid").into_batch();
        let batch = batch.placed_at(Offset(100), LeaderEpoch(2));
        let empty = batch.emptied();
        assert_eq!((empty.len(), empty.check()), (HEADER_BYTES, Ok(())), "{codec}");
        assert_eq!(records_of(&empty), []);
        assert_eq!(empty.header().next_offset(), Offset(103));
        assert_eq!(empty.header().last_sequence(), 11);
        assert_eq!(empty.header().partition_leader_epoch, LeaderEpoch(2));
    }
}

#[test]
fn a_delete_horizon_leaves_timestamps_alone() {
    let batch = golden_built(Codec::Lz4).into_batch();
    let records = batch.records(BOUND_BYTES).expect("opens");
    let kept: Vec<Record> = records.clone().skip(1).map(|record| record.expect("well-formed")).collect();
    let horizon = NOW.plus_ms(86_400_000);
    let cleaned = batch.retaining(&kept, Some(horizon)).expect("rebuilt");
    assert_eq!(cleaned.check(), Ok(()));
    assert_eq!(cleaned.codec(), Ok(Codec::Lz4));
    assert_eq!(cleaned.header().delete_horizon(), Some(horizon));
    let after = cleaned.records(BOUND_BYTES).expect("opens");
    for (old, new) in kept.iter().zip(after.clone()) {
        let new = new.expect("well-formed");
        assert_eq!(after.timestamp_of(&new), records.timestamp_of(old));
        assert_eq!(after.offset_of(&new), records.offset_of(old));
        assert_eq!((&new.key, &new.value, &new.headers), (&old.key, &old.value, &old.headers));
    }
}

#[test]
fn sequences_go_round() {
    assert_eq!(sequence_plus(i32::MAX, 1), 0);
    assert_eq!(sequence_plus(i32::MAX - 1, 3), 1);
    assert_eq!(sequence_plus(0, -1), i32::MAX);
    assert_eq!(sequence_plus(5, 0), 5);
}

#[test]
fn a_full_builder_refuses_and_stays_as_it_was() {
    let mut builder = BatchBuilder::new(BatchOptions::plain(HEADER_BYTES + 10));
    let record = NewRecord { timestamp: NOW, key: None, value: Some(b"abc"), headers: &[] };
    assert_eq!(builder.append(record), Ok(0));
    let full = BatchFull { needed_bytes: HEADER_BYTES + 20, bytes_max: HEADER_BYTES + 10 };
    assert_eq!(builder.append(record), Err(full));
    assert_eq!(builder.record_count(), 1);
    assert_eq!(builder.plain_bytes(), HEADER_BYTES + 10);
    assert_eq!(builder.build().header().record_count, 1);
}

/// Bytes for a key or a value; short ones, long ones, none.
fn field() -> impl Strategy<Value = Option<Vec<u8>>> {
    proptest::option::of(prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..80),
        (any::<u8>(), 0usize..40_000).prop_map(|(byte, count)| vec![byte; count]),
    ])
}

type PlainRecord = (i64, Option<Vec<u8>>, Option<Vec<u8>>, Vec<(Vec<u8>, Option<Vec<u8>>)>);

fn plain_record() -> impl Strategy<Value = PlainRecord> {
    let short = || proptest::collection::vec(any::<u8>(), 0..9);
    let headers = proptest::collection::vec((short(), proptest::option::of(short())), 0..4);
    (any::<i64>(), field(), field(), headers)
}

fn bytes(field: &Option<Vec<u8>>) -> Option<Bytes> {
    field.clone().map(Bytes::from)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn what_is_built_is_valid_and_read_back(
        records in proptest::collection::vec(plain_record(), 1..20),
        which in 0usize..5,
    ) {
        let codec = Codec::ALL[which];
        let mut builder = BatchBuilder::new(BatchOptions { bytes_max: 4 << 20, ..options(codec) });
        for (timestamp, key, value, headers) in &records {
            let headers: Vec<RecordHeader> = headers
                .iter()
                .map(|(key, value)| RecordHeader { key: Bytes::from(key.clone()), value: bytes(value) })
                .collect();
            let record = NewRecord {
                timestamp: Timestamp(*timestamp),
                key: key.as_deref(),
                value: value.as_deref(),
                headers: &headers,
            };
            builder.append(record).expect("4 MiB are enough");
        }
        let plain_bytes = builder.plain_bytes();
        let built = builder.build();
        let rules = ProduceRules { batch_bytes_max: 8 << 20, decompressed_bytes_max: plain_bytes, ..rules() };
        let sent = built.batch().to_bytes();
        let batch = validate_produced(&sent, &rules, NOW).expect("what is built is valid").into_batch();
        prop_assert_eq!(batch.to_bytes(), sent);
        let read = batch.records(plain_bytes).expect("opens");
        let mut count = 0;
        for (record, (timestamp, key, value, headers)) in read.clone().zip(&records) {
            let record = record.expect("well-formed");
            prop_assert_eq!(read.timestamp_of(&record), Timestamp(*timestamp));
            prop_assert_eq!(record.offset_delta, count);
            prop_assert_eq!(&record.key, &bytes(key));
            prop_assert_eq!(&record.value, &bytes(value));
            let read: Vec<_> = record.headers.iter().map(|h| (h.key.to_vec(), h.value.as_ref().map(|v| v.to_vec()))).collect();
            prop_assert_eq!(&read, headers);
            count += 1;
        }
        prop_assert_eq!(count as usize, records.len());
    }

    #[test]
    fn mutated_batches_never_panic(
        which in 0usize..5,
        changes in proptest::collection::vec((any::<usize>(), any::<u8>()), 1..6),
        sealed in any::<bool>(),
    ) {
        let mut bytes = hex(GOLDEN[which].1).to_vec();
        for (at, byte) in changes {
            let at = at % bytes.len();
            bytes[at] = byte;
        }
        if sealed {
            // With a right CRC the mutation reaches what lies behind it.
            let crc = crc32c(&bytes[UNCOVERED_BYTES..]);
            bytes[UNCOVERED_BYTES - 4..UNCOVERED_BYTES].copy_from_slice(&crc.to_be_bytes());
        }
        let bytes = Bytes::from(bytes);
        if let Ok(batch) = validate_produced(&bytes, &rules(), NOW) {
            prop_assert_eq!(batch.batch().check(), Ok(()));
            let read = batch.batch().records(BOUND_BYTES).expect("validated").filter(Result::is_ok).count();
            prop_assert_eq!(read as i32, batch.header().record_count, "what is validated is readable");
        }
        for batch in BatchIterator::new(bytes.clone(), BatchCheck::Trust).flatten() {
            if let Ok(records) = batch.records(BOUND_BYTES) {
                prop_assert!(records.count() <= BOUND_BYTES);
            }
        }
        prop_assert!(parse_header(&bytes).is_ok() || bytes[16] != MAGIC as u8);
    }

    #[test]
    fn foreign_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let bytes = Bytes::from(bytes);
        prop_assert!(validate_produced(&bytes, &rules(), NOW).is_err(), "300 random bytes have no right CRC");
        prop_assert!(BatchIterator::new(bytes, BatchCheck::Verify).all(|batch| batch.is_err()));
    }
}
