//! Record batches as a producer may send them. The bytes come twice: as they are, and with the CRC made
//! right, so that the records and each codec's decompression are reached.
#![no_main]
use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use ordain::types::Timestamp;
use ordain::wire::batch::{
    BatchCheck, BatchIterator, KeyRule, ProduceRules, TimestampLimits, TimestampRule, UNCOVERED_BYTES,
    crc32c, validate_produced,
};
use ordain::wire::compression::{Codec, decompress};

const BOUND_BYTES: usize = 1 << 20;
const NOW: Timestamp = Timestamp(1_700_000_000_000);
const CRC_AT: usize = UNCOVERED_BYTES - 4;

fuzz_target!(|data: &[u8]| {
    let bytes = Bytes::copy_from_slice(data);
    batch(&bytes);
    if data.len() >= UNCOVERED_BYTES {
        let mut sealed = data.to_vec();
        let crc = crc32c(&sealed[UNCOVERED_BYTES..]);
        sealed[CRC_AT..UNCOVERED_BYTES].copy_from_slice(&crc.to_be_bytes());
        batch(&Bytes::from(sealed));
    }
    for codec in Codec::ALL {
        if let Ok(plain) = decompress(codec, &bytes, BOUND_BYTES) {
            assert!(plain.len() <= BOUND_BYTES, "{codec} passed its bound");
        }
    }
});

fn batch(bytes: &Bytes) {
    let limits = TimestampLimits { before_max_ms: 1 << 40, after_max_ms: 1 << 40 };
    for timestamps in [TimestampRule::CreateTime(limits), TimestampRule::LogAppendTime] {
        let rules = ProduceRules {
            produce_version: 12,
            batch_bytes_max: BOUND_BYTES,
            decompressed_bytes_max: BOUND_BYTES,
            keys: KeyRule::Optional,
            timestamps,
        };
        let Ok(valid) = validate_produced(bytes, &rules, NOW) else { continue };
        assert_eq!(valid.batch().check(), Ok(()), "what is validated is sound");
        let records = valid.batch().records(BOUND_BYTES).expect("what is validated opens");
        let read = records.map(|record| record.expect("what is validated is well-formed")).count();
        assert_eq!(i32::try_from(read), Ok(valid.header().record_count));
    }
    for stored in BatchIterator::new(bytes.clone(), BatchCheck::Trust).flatten() {
        let records = stored.records(BOUND_BYTES).into_iter().flatten();
        assert!(records.count() <= BOUND_BYTES, "a record takes more than a byte");
    }
}
