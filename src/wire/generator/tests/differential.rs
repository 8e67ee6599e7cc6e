//! The same bytes through other implementations of the protocol: what the interpreter writes, and the
//! project's codecs write too (its own tests hold them together), others read and write again unchanged.
use std::collections::BTreeMap;
use std::path::Path;

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::{ApiKey as TheirKey, RequestKind, ResponseKind};
use kafka_wire::KafkaMessage;
use kafka_wire_core::{ApiVersion, DecodeLimits};
use ordain_wiregen::interpret::{Choices, Interpreter};
use ordain_wiregen::{Kind, Message as Schema};

fn schemas() -> Vec<Schema> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../schema");
    ordain_wiregen::load(&dir).expect("the schema table is readable")
}

fn every_version(schemas: &[Schema]) -> impl Iterator<Item = (&Schema, i16)> {
    schemas.iter().flat_map(|schema| schema.versions.each().map(move |version| (schema, version)))
}

/// Bytes of `schema` in `version` from a small stream of choices.
fn generated(schema: &Schema, version: i16, seed: u64) -> Bytes {
    let mut state =
        seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (version as u64) ^ (schema.name.len() as u64) << 9;
    let choices: Vec<u8> = (0..250)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as u8
        })
        .collect();
    Interpreter { schema, version }.bytes(&mut Choices::new(&choices)).into()
}

/// Decoded and encoded again by `kafka-protocol`; an error is theirs.
fn by_kafka_protocol(schema: &Schema, version: i16, bytes: &Bytes) -> Option<Result<Bytes, String>> {
    let key = TheirKey::try_from(schema.number?).ok()?;
    let known = key.valid_versions();
    if version < known.min || version > known.max {
        return None;
    }
    let mut input = bytes.clone();
    let mut out = BytesMut::new();
    let outcome = match schema.kind {
        Kind::Request => RequestKind::decode(key, &mut input, version)
            .and_then(|message| message.encode(&mut out, version)),
        Kind::Response => ResponseKind::decode(key, &mut input, version)
            .and_then(|message| message.encode(&mut out, version)),
        Kind::Header | Kind::Data | Kind::Key | Kind::Value | Kind::Metadata | Kind::Peer => {
            return None;
        }
    };
    Some(outcome.map(|()| out.freeze()).map_err(|e| format!("{e:#}")))
}

#[test]
fn kafka_protocol_writes_the_same_bytes() {
    let schemas = schemas();
    let mut differing = BTreeMap::new();
    let mut agreed = 0;
    for (schema, version) in every_version(&schemas) {
        for seed in 0..16 {
            let bytes = generated(schema, version, seed);
            match by_kafka_protocol(schema, version, &bytes) {
                // Its table of versions promises three that its messages refuse.
                Some(Err(theirs)) if theirs.ends_with("not supported by this message type") => break,
                None => break,
                Some(theirs) if theirs.as_ref() == Ok(&bytes) => agreed += usize::from(seed == 0),
                Some(theirs) => {
                    differing.entry((schema.name.as_str(), version)).or_insert(theirs);
                }
            }
        }
    }
    assert!(differing.is_empty(), "{differing:#?}");
    assert!(agreed >= 577, "only {agreed} messages and versions are known to both");
}

macro_rules! kafka_wire {
    ($($api:ident($request:ident, $response:ident),)*) => {
        /// Decoded and encoded again by `kafka-wire`; an error is theirs.
        fn by_kafka_wire(schema: &Schema, version: i16, bytes: &Bytes) -> Option<Result<Bytes, String>> {
            let name = schema.name.as_str();
            $(
                if let Some(told) = kafka_wire!(one $api $request $response (name, version, bytes)) {
                    return told;
                }
            )*
            None
        }
    };
    // What only nodes of Ordain say is in no other library.
    (one ReportVoters $($rest:tt)*) => { None };
    (one LeavePartitions $($rest:tt)*) => { None };
    (one ReadRecords $($rest:tt)*) => { None };
    (one $api:ident $request:ident $response:ident ($name:ident, $version:ident, $bytes:ident)) => {
        if $name == stringify!($request) {
            Some(through_kafka_wire::<kafka_wire::$request>($version, $bytes))
        } else if $name == stringify!($response) {
            Some(through_kafka_wire::<kafka_wire::$response>($version, $bytes))
        } else {
            None
        }
    };
}
ordain::for_each_api!(kafka_wire);

fn through_kafka_wire<M: KafkaMessage>(version: i16, bytes: &Bytes) -> Option<Result<Bytes, String>> {
    let version = ApiVersion::new(version);
    if !M::supports(version) {
        return None;
    }
    let decoded = M::decode_from_bytes(bytes.clone(), version, DecodeLimits::default());
    Some(decoded.map_err(|e| e.to_string()).and_then(|message| {
        let mut out = BytesMut::new();
        message.encode_into(&mut out, version).map_err(|e| e.to_string())?;
        Ok(out.freeze())
    }))
}

#[test]
fn kafka_wire_writes_the_same_bytes() {
    let schemas = schemas();
    let mut differing = BTreeMap::new();
    let mut agreed = 0;
    for (schema, version) in every_version(&schemas) {
        for seed in 0..16 {
            let bytes = generated(schema, version, seed);
            match by_kafka_wire(schema, version, &bytes) {
                None => break,
                Some(theirs) if theirs.as_ref() == Ok(&bytes) => agreed += usize::from(seed == 0),
                Some(theirs) => {
                    differing.entry((schema.name.as_str(), version)).or_insert(theirs);
                }
            }
        }
    }
    assert!(differing.is_empty(), "{differing:#?}");
    assert!(agreed >= 604, "only {agreed} messages and versions are known to both");
}
