//! Bytes that mean harm: nothing panics, nothing is reserved because a number asked for it.
use bytes::Bytes;
use ordain::types::CorrelationId;
use ordain::wire::messages::*;
use ordain::wire::{FrameError, Malformed, Message, Reader, RequestFrame};

use ordain_wiregen::interpret::{Choices, Interpreter};

use crate::allocation::reserved;
use crate::{every_version, reencode_named};

/// A small deterministic stream of bytes.
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    std::iter::repeat_with(next).take(length).collect()
}

fn decode<M: Message + std::fmt::Debug>(bytes: &'static [u8], version: i16) -> Malformed {
    M::decode(&mut Reader::new(Bytes::from_static(bytes)), version)
        .expect_err("these bytes are hostile")
        .problem
}

#[test]
fn a_giant_count_is_refused_before_anything_is_reserved() {
    // Flexible Metadata: a count of 4,294,967,294 in five bytes.
    let body = Bytes::from_static(b"\xff\xff\xff\xff\x0f");
    let (outcome, all, _) = reserved(|| MetadataRequest::decode(&mut Reader::new(body), 12));
    let error = outcome.unwrap_err();
    assert_eq!((error.message, error.field, error.at), ("MetadataRequest", "Topics", 5));
    assert_eq!(error.problem, Malformed::CountBeyondBytes { count: 4_294_967_294, least: 2, left: 0 });
    assert_eq!(all, 0);
    assert_eq!(
        decode::<MetadataRequest>(b"\x7f\xff\xff\xff\0\0", 4),
        Malformed::CountBeyondBytes { count: 0x7fff_ffff, least: 2, left: 2 }
    );
}

#[test]
fn lengths_and_tags_are_checked() {
    assert_eq!(decode::<MetadataRequest>(b"\xff\xff\xff\xfe", 4), Malformed::NegativeLength { length: -2 });
    assert_eq!(decode::<MetadataRequest>(b"\xff\xff\xff\xff", 0), Malformed::Null);
    assert_eq!(decode::<MetadataRequest>(b"\xff\xff\xff\xff\x10", 12), Malformed::VarintOverflow);
    // Null topics, two flags, then tagged fields.
    assert_eq!(
        decode::<MetadataRequest>(b"\0\0\0\xff\xff\xff\xff\x0f", 12),
        Malformed::CountBeyondBytes { count: u32::MAX as usize, least: 2, left: 0 }
    );
    assert_eq!(
        decode::<MetadataRequest>(b"\0\0\0\x02\x05\0\x05\0", 12),
        Malformed::TagOrder { tag: 5, previous: 5 }
    );
    assert_eq!(
        decode::<MetadataRequest>(b"\0\0\0\x01\x05\x09abc", 12),
        Malformed::Truncated { needed: 9, left: 3 }
    );
    // ClusterId, tag 0 of a Fetch, is shorter than its field says.
    let mut fetch = vec![0; 4 + 4 + 4 + 1 + 4 + 4];
    fetch.extend(b"\x01\x01\x01\x01\0\x03\x02xy");
    let error = FetchRequest::decode(&mut Reader::new(fetch.into()), 15).unwrap_err();
    assert_eq!(error.problem, Malformed::TrailingBytes { left: 1 });
    let group = b"\0\x02\xc3\x28";
    assert_eq!(decode::<FindCoordinatorRequest>(group, 0), Malformed::NotUtf8);
    assert!(matches!(decode::<MetadataRequest>(b"", 99), Malformed::UnknownVersion { .. }));
}

#[test]
fn a_small_frame_cannot_grow_large() {
    // As many of the smallest topics as fit: four bytes on the wire, far more in memory.
    let count = 3_000_000u32;
    let mut frame = Vec::from(count.to_be_bytes());
    frame.resize(4 + 2 * count as usize, 0);
    let error = MetadataRequest::decode(&mut Reader::new(frame.into()), 4).unwrap_err();
    assert_eq!(error.problem, Malformed::TooManyElements { count: 3_000_000, max: 1 << 20 });
}

#[test]
fn every_truncation_is_an_error_and_reserves_little() {
    for (schema, version) in every_version() {
        let choices = noise(schema.name.len() as u64 ^ (version as u64) << 8, 200);
        let bytes = Bytes::from(Interpreter { schema, version }.bytes(&mut Choices::new(&choices)));
        let step = (bytes.len() / 200).max(1);
        for length in (0..bytes.len()).step_by(step) {
            let cut = bytes.slice(..length);
            let (outcome, _, largest) = reserved(|| reencode_named(&schema.name, cut, version));
            assert!(outcome.is_err(), "{} version {version} in {length} bytes", schema.name);
            assert!(largest <= 4096 + 4 * length, "{} reserved {largest} for {length}", schema.name);
        }
    }
}

#[test]
fn no_bytes_panic() {
    for (schema, version) in every_version() {
        for seed in 0..60u64 {
            let choices = noise(seed, 150);
            let mut bytes = match seed % 3 {
                0 => noise(seed, (seed as usize * 7) % 120),
                _ => Interpreter { schema, version }.bytes(&mut Choices::new(&choices)),
            };
            if !bytes.is_empty() {
                for k in 0..3 {
                    let at = usize::from(choices[k]) * 257 % bytes.len();
                    bytes[at] = [0, 0x7f, 0x80, 0xff, 1][usize::from(choices[k + 3]) % 5];
                }
            }
            let Ok(once) = reencode_named(&schema.name, bytes.into(), version) else { continue };
            // What can be decoded has one encoding, and that one is stable.
            let twice = reencode_named(&schema.name, once.clone(), version);
            assert_eq!(twice.as_ref(), Ok(&once), "{} version {version}", schema.name);
        }
    }
}

#[test]
fn frames_name_what_is_wrong_with_them() {
    let parse = |bytes: &'static [u8]| RequestFrame::parse(Bytes::from_static(bytes));
    let id = CorrelationId(7);
    assert_eq!(
        parse(b"\x00\xff\0\0\0\0\0\x07").unwrap_err(),
        FrameError::UnknownApi { key: 255, version: 0, correlation_id: id }
    );
    let unsupported = parse(b"\0\x12\0\x63\0\0\0\x07").unwrap_err();
    assert!(
        matches!(unsupported, FrameError::UnknownVersion { version: 99, correlation_id, .. } if correlation_id == id)
    );
    assert!(matches!(parse(b"\0\x12\0"), Err(FrameError::Malformed(_))));
    let extra = parse(b"\0\x12\0\0\0\0\0\x07\xff\xffx").unwrap();
    assert_eq!(extra.client_id, None);
    assert!(extra.decode().is_ok(), "bytes after a body are ignored, as Kafka does");
}
