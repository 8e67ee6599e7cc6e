//! Well-known messages byte by byte, written down by hand from the protocol's description. They hold even
//! where the schema table and the code that follows from it would be wrong together.
use bytes::Bytes;
use ordain::types::{CorrelationId, TopicId};
use ordain::wire::messages::*;
use ordain::wire::record::{
    decode_growing, decode_key, decode_versioned, encode_key, encode_versioned, record_type,
};
use ordain::wire::{
    ApiKey, Malformed, Message, MetadataRecord, Reader, Records, Request, RequestFrame, Response, Writer,
    decode_response, encode_request, encode_response,
};

/// The bytes that are spelled in `parts`: hexadecimal digits, or text after a quote.
fn bytes(parts: &[(&str, &str)]) -> Bytes {
    let mut out = Vec::new();
    for (_, part) in parts {
        for word in part.split_whitespace() {
            match word.strip_prefix('\'') {
                Some(text) => out.extend(text.bytes()),
                None => out.extend(
                    (0..word.len())
                        .step_by(2)
                        .map(|i| u8::from_str_radix(&word[i..i + 2], 16).expect("the part is hexadecimal")),
                ),
            }
        }
    }
    out.into()
}

/// `message` in `version` is `parts`, both ways.
fn golden<M: Message + PartialEq + std::fmt::Debug>(version: i16, message: &M, parts: &[(&str, &str)]) {
    let expected = bytes(parts);
    let mut w = Writer::new();
    message.encode(&mut w, version).expect("the value fits the version");
    assert_eq!(w.into_bytes(), expected, "{} version {version}", M::NAME);
    let mut r = Reader::new(expected);
    assert_eq!(&M::decode(&mut r, version).expect("the bytes are well formed"), message);
    r.finish().expect("nothing is left");
}

#[test]
fn api_versions_3_as_a_whole_frame() {
    let request = ApiVersionsRequest {
        client_software_name: "kcat".into(),
        client_software_version: "1.7".into(),
        ..Default::default()
    };
    let id = CorrelationId(1);
    let frame = encode_request(3, id, Some(&"rdkafka".into()), &request).unwrap();
    let frame = Records::from(frame).into_bytes();
    let expected = bytes(&[
        ("length", "0000001c"),
        ("key, version", "0012 0003"),
        ("correlation id", "00000001"),
        ("client id, never compact", "0007 'rdkafka"),
        ("tags of the header", "00"),
        ("name", "05 'kcat"),
        ("version", "04 '1.7"),
        ("tags", "00"),
    ]);
    assert_eq!(frame, expected);
    let parsed = RequestFrame::parse(frame.slice(4..)).unwrap();
    assert_eq!((parsed.api, parsed.version, parsed.correlation_id), (ApiKey::ApiVersions, 3, id));
    assert_eq!(parsed.client_id.as_deref(), Some("rdkafka"));
    assert_eq!(parsed.decode().unwrap(), Request::ApiVersions(request));
}

#[test]
fn api_versions_response_never_has_tags_in_its_header() {
    let key = api_versions_response::ApiVersion { api_key: 0, max_version: 13, ..Default::default() };
    let response = ApiVersionsResponse { api_keys: vec![key], ..Default::default() };
    let frame = Records::from(encode_response(3, CorrelationId(9), &response).unwrap()).into_bytes();
    let expected = bytes(&[
        ("length", "00000013"),
        ("correlation id", "00000009"),
        ("error", "0000"),
        ("one API, compact", "02"),
        ("key, min, max, tags", "0000 0000 000d 00"),
        ("throttle time", "00000000"),
        ("tags", "00"),
    ]);
    // 4 + 2 + 1 + 7 + 4 + 1 bytes follow the length.
    assert_eq!(frame, expected);
    let any = Response::from(response.clone()).encode_frame(3, CorrelationId(9)).unwrap();
    assert_eq!(Records::from(any).into_bytes(), expected);
    let back = decode_response::<ApiVersionsRequest>(3, expected.slice(4..)).unwrap();
    assert_eq!(back, (CorrelationId(9), response));
}

#[test]
fn an_unknown_api_versions_version_is_answered_in_version_0() {
    let key = api_versions_response::ApiVersion { api_key: 18, max_version: 4, ..Default::default() };
    let response = ApiVersionsResponse { error_code: 35, api_keys: vec![key], ..Default::default() };
    let frame = Records::from(encode_response(0, CorrelationId(2), &response).unwrap()).into_bytes();
    let expected = bytes(&[
        ("length", "00000010"),
        ("correlation id", "00000002"),
        ("error", "0023"),
        ("one API", "00000001"),
        ("key, min, max", "0012 0000 0004"),
    ]);
    assert_eq!(frame, expected);
    let read = ordain::wire::frame::decode_api_versions(4, frame.slice(4..)).unwrap();
    assert_eq!(read.1.error_code, 35);
}

#[test]
fn metadata_requests() {
    let topic = |name: &'static str| metadata_request::MetadataRequestTopic {
        name: Some(name.into()),
        ..Default::default()
    };
    let one = |name| MetadataRequest { topics: Some(vec![topic(name)]), ..Default::default() };
    golden(0, &one("t"), &[("topics", "00000001"), ("name", "0001 't")]);
    let all = MetadataRequest { topics: None, allow_auto_topic_creation: false, ..Default::default() };
    golden(4, &all, &[("null topics", "ffffffff"), ("auto-creation", "00")]);
    golden(
        12,
        &one("t"),
        &[
            ("topics", "02"),
            ("topic id", "00000000000000000000000000000000"),
            ("name", "02 't"),
            ("tags", "00"),
            ("auto-creation", "01"),
            ("authorized operations", "00"),
            ("tags", "00"),
        ],
    );
}

#[test]
fn produce_requests() {
    let partition = produce_request::PartitionProduceData {
        index: 2,
        records: Some(Bytes::from_static(b"batch").into()),
        ..Default::default()
    };
    let topic = produce_request::TopicProduceData {
        name: "t".into(),
        partition_data: vec![partition.clone()],
        ..Default::default()
    };
    let request =
        ProduceRequest { acks: -1, timeout_ms: 1000, topic_data: vec![topic], ..Default::default() };
    golden(
        3,
        &request,
        &[
            ("no transactional id", "ffff"),
            ("acks", "ffff"),
            ("timeout", "000003e8"),
            ("topics", "00000001 0001 't"),
            ("partitions", "00000001 00000002"),
            ("records", "00000005 'batch"),
        ],
    );
    let topic = produce_request::TopicProduceData {
        topic_id: TopicId(*b"0123456789abcdef"),
        partition_data: vec![partition],
        ..Default::default()
    };
    let request = ProduceRequest {
        transactional_id: Some("x".into()),
        acks: 1,
        timeout_ms: 1,
        topic_data: vec![topic],
        ..Default::default()
    };
    golden(
        13,
        &request,
        &[
            ("transactional id", "02 'x"),
            ("acks", "0001"),
            ("timeout", "00000001"),
            ("topics", "02 '0123456789abcdef"),
            ("partitions", "02 00000002"),
            ("records", "06 'batch"),
            ("tags of partition, topic, request", "00 00 00"),
        ],
    );
}

#[test]
fn produce_response_with_tagged_leader() {
    let partition = produce_response::PartitionProduceResponse {
        error_code: 6,
        base_offset: -1,
        current_leader: produce_response::LeaderIdAndEpoch {
            leader_id: 3,
            leader_epoch: 9,
            ..Default::default()
        },
        ..Default::default()
    };
    let topic = produce_response::TopicProduceResponse {
        name: "t".into(),
        partition_responses: vec![partition],
        ..Default::default()
    };
    let response = ProduceResponse { responses: vec![topic], ..Default::default() };
    golden(
        10,
        &response,
        &[
            ("topics", "02 02 't"),
            ("partitions: index, error", "02 00000000 0006"),
            ("base offset, append time, log start", "ffffffffffffffff ffffffffffffffff ffffffffffffffff"),
            ("record errors, message", "01 00"),
            ("one tag: 0 with nine bytes", "01 00 09"),
            ("leader, epoch, tags", "00000003 00000009 00"),
            ("tags of the topic, throttle time, tags", "00 00000000 00"),
        ],
    );
}

#[test]
fn fetch_request_as_librdkafka_sends_it() {
    let partition = fetch_request::FetchPartition {
        partition: 0,
        fetch_offset: 42,
        partition_max_bytes: 1 << 20,
        ..Default::default()
    };
    let topic =
        fetch_request::FetchTopic { topic: "t".into(), partitions: vec![partition], ..Default::default() };
    let request = FetchRequest {
        max_wait_ms: 500,
        min_bytes: 1,
        max_bytes: 52_428_800,
        isolation_level: 1,
        topics: vec![topic],
        ..Default::default()
    };
    golden(
        11,
        &request,
        &[
            ("replica", "ffffffff"),
            ("wait, min, max", "000001f4 00000001 03200000"),
            ("read committed", "01"),
            ("session id, epoch", "00000000 ffffffff"),
            ("topics", "00000001 0001 't"),
            ("partition, leader epoch", "00000001 00000000 ffffffff"),
            ("offset, log start, max", "000000000000002a ffffffffffffffff 00100000"),
            ("forgotten", "00000000"),
            ("rack", "0000"),
        ],
    );
}

#[test]
fn classic_group_requests() {
    let protocol = join_group_request::JoinGroupRequestProtocol {
        name: "range".into(),
        metadata: Bytes::from_static(b"\x01\x02"),
        ..Default::default()
    };
    let join = JoinGroupRequest {
        group_id: "g".into(),
        session_timeout_ms: 10_000,
        protocol_type: "consumer".into(),
        protocols: vec![protocol],
        ..Default::default()
    };
    golden(
        0,
        &join,
        &[
            ("group, session timeout", "0001 'g 00002710"),
            ("member, type", "0000 0008 'consumer"),
            ("protocols", "00000001 0005 'range 00000002 0102"),
        ],
    );
    let beat = HeartbeatRequest {
        group_id: "g".into(),
        generation_id: 7,
        member_id: "m".into(),
        ..Default::default()
    };
    golden(
        4,
        &beat,
        &[
            ("group", "02 'g"),
            ("generation", "00000007"),
            ("member", "02 'm"),
            ("no instance, tags", "00 00"),
        ],
    );
}

#[test]
fn a_nullable_structure_is_preceded_by_a_byte() {
    let none = ConsumerGroupHeartbeatResponse { member_epoch: 5, ..Default::default() };
    let head = [
        ("throttle, error, message", "00000000 0000 00"),
        ("member, epoch, interval", "00 00000005 00000000"),
    ];
    let none = ConsumerGroupHeartbeatResponse { member_id: None, ..none };
    golden(0, &none, &[head[0], head[1], ("null assignment, tags", "ff 00")]);
    let some = ConsumerGroupHeartbeatResponse { assignment: Some(Default::default()), ..none };
    golden(0, &some, &[head[0], head[1], ("assignment", "01 01 00"), ("tags", "00")]);
}

#[test]
fn offset_commit_records() {
    let key = OffsetCommitKey { group: "g".into(), topic: "t".into(), partition: 1 };
    let expected =
        bytes(&[("type", "0001"), ("group", "0001 'g"), ("topic", "0001 't"), ("partition", "00000001")]);
    assert_eq!(encode_key(&key), Ok(expected.clone()));
    assert_eq!(record_type(&expected), Ok(1));
    assert_eq!(decode_key::<OffsetCommitKey>(expected.clone()), Ok(key));
    let wrong = decode_key::<GroupMetadataKey>(expected).unwrap_err();
    assert_eq!(wrong.problem, Malformed::WrongRecordType { found: 1, wanted: 2 });

    let value = OffsetCommitValue {
        offset: 42,
        leader_epoch: 3,
        metadata: "m".into(),
        commit_timestamp: 1000,
        ..Default::default()
    };
    let expected = bytes(&[
        ("version", "0003"),
        ("offset", "000000000000002a"),
        ("leader epoch", "00000003"),
        ("metadata", "0001 'm"),
        ("commit timestamp", "00000000000003e8"),
    ]);
    assert_eq!(encode_versioned(3, &value), Ok(expected.clone()));
    assert_eq!(decode_versioned(expected), Ok((3, value)));
    let named = OffsetCommitValue { topic_id: TopicId([0x22; 16]), offset: 1, ..Default::default() };
    let expected = bytes(&[
        ("version", "0004"),
        ("offset, leader epoch", "0000000000000001 ffffffff"),
        ("metadata, compact", "01"),
        ("commit timestamp", "0000000000000000"),
        ("one tag: 0 with sixteen bytes", "01 00 10 22222222222222222222222222222222"),
    ]);
    assert_eq!(encode_versioned(4, &named), Ok(expected.clone()));
    assert_eq!(decode_versioned(expected), Ok((4, named)));
    assert!(decode_versioned::<OffsetCommitValue>(bytes(&[("version", "0063")])).is_err());
}

#[test]
fn a_newer_subscription_is_read_as_the_newest_known() {
    let known = ConsumerProtocolSubscription { topics: vec!["t".into()], ..Default::default() };
    let expected = bytes(&[("version", "0000"), ("topics", "00000001 0001 't"), ("user data", "ffffffff")]);
    assert_eq!(encode_versioned(0, &known), Ok(expected));
    let newer = bytes(&[
        ("version", "0009"),
        ("topics", "00000001 0001 't"),
        ("user data, owned", "ffffffff 00000000"),
        ("generation, rack", "ffffffff ffff"),
        ("something new", "0102"),
    ]);
    assert_eq!(decode_growing(newer), Ok((9, known)));
}

#[test]
fn control_records() {
    let marker = EndTxnMarker { coordinator_epoch: 6 };
    assert_eq!(encode_versioned(0, &marker), Ok(bytes(&[("version, epoch", "0000 00000006")])));
    let commit = ControlRecordTypeSchema { r#type: 1 };
    assert_eq!(encode_versioned(0, &commit), Ok(bytes(&[("version, type", "0000 0001")])));
}

#[test]
fn metadata_records_are_framed() {
    let record = MetadataRecord::from(PartitionRecord {
        topic_id: TopicId([0x11; 16]),
        partition_id: 2,
        replicas: vec![1, 2],
        leader: 1,
        leader_epoch: 4,
        partition_epoch: 5,
        ..Default::default()
    });
    let expected = bytes(&[
        ("framing, type, version", "01 04 01"),
        ("topic", "11111111111111111111111111111111"),
        ("partition", "00000002"),
        ("replicas", "03 00000001 00000002"),
        ("leader, its epoch, the partition's", "00000001 00000004 00000005"),
        ("directories, in-sync replicas", "01 00"),
        ("tags", "00"),
    ]);
    assert_eq!(record.encode(), Ok(expected.clone()));
    assert_eq!(MetadataRecord::decode(expected), Ok(record.clone()));
    let older = bytes(&[
        ("framing, type, version", "01 04 00"),
        ("topic", "11111111111111111111111111111111"),
        ("partition", "00000002"),
        ("replicas", "03 00000001 00000002"),
        ("leader, its epoch, the partition's", "00000001 00000004 00000005"),
        ("tags", "00"),
    ]);
    assert_eq!(MetadataRecord::decode(older), Ok(record), "as it was written before");
    let unknown = MetadataRecord::decode(bytes(&[("framing, type, version", "01 63 00")])).unwrap_err();
    assert_eq!(unknown.problem, Malformed::UnknownRecordType { found: 99 });
    let framing = MetadataRecord::decode(bytes(&[("framing", "02")])).unwrap_err();
    assert_eq!(framing.problem, Malformed::UnknownFraming { found: 2, known: 1 });
    assert!(MetadataRecord::decode(bytes(&[("a version there is not", "01 04 02")])).is_err());
}
