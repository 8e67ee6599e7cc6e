use bytes::{Bytes, BytesMut};
use crc_fast::CrcAlgorithm;
use ordain::types::{ProducerEpoch, ProducerId, Timestamp};
use ordain::wire::Records;
use ordain::wire::batch::{
    BatchBuilder, BatchHeader, BatchKind, BatchOptions, HEADER_BYTES, NewRecord, ProducerStamp,
    UNCOVERED_BYTES, crc32c,
};
use ordain::wire::compression::Codec;

/// A batch that is built once and sent many times: only the header's producer fields are patched, and the CRC
/// follows from the payload's own, which never changes.
#[derive(Clone)]
pub struct Template {
    header: BatchHeader,
    payload: Bytes,
    payload_crc: u32,
}

impl Template {
    /// A batch of `record_count` records (at least one) of `record_bytes` each.
    pub fn new(record_count: usize, record_bytes: usize, codec: Codec, timestamp: Timestamp) -> Template {
        let values = Values::new(record_bytes);
        let mut builder = BatchBuilder::new(BatchOptions {
            codec,
            producer: ProducerStamp::NONE,
            kind: BatchKind::Data,
            bytes_max: i32::MAX as usize,
        });
        for i in 0..record_count.max(1) {
            let record = NewRecord { timestamp, key: None, value: Some(values.value(i)), headers: &[] };
            builder.append(record).expect("the bound is as large as a batch can be");
        }
        let batch = builder.build().into_batch();
        let payload = batch.payload();
        Template { header: *batch.header(), payload_crc: crc32c(&payload), payload }
    }

    pub fn records(&self) -> i32 {
        self.header.record_count
    }

    pub fn bytes(&self) -> usize {
        HEADER_BYTES + self.payload.len()
    }

    /// The batch under this producer id, epoch and sequence.
    pub fn stamped(&self, id: ProducerId, epoch: ProducerEpoch, base_sequence: i32) -> Records {
        let header =
            BatchHeader { producer_id: id, producer_epoch: epoch, base_sequence, crc: 0, ..self.header };
        let mut head = BytesMut::with_capacity(HEADER_BYTES);
        header.write(&mut head);
        let covered = u64::from(crc32c(&head[UNCOVERED_BYTES..]));
        let (payload_crc, length) = (u64::from(self.payload_crc), self.payload.len() as u64);
        let crc = crc_fast::checksum_combine(CrcAlgorithm::Crc32Iscsi, covered, payload_crc, length);
        let crc = u32::try_from(crc).expect("a CRC-32 has 32 bits");
        head[UNCOVERED_BYTES - 4..UNCOVERED_BYTES].copy_from_slice(&crc.to_be_bytes());
        Records::from(vec![head.freeze(), self.payload.clone()])
    }
}

/// Values of one length that compress about as well as text does.
pub struct Values {
    bytes: Vec<u8>,
    length: usize,
}

impl Values {
    pub fn new(length: usize) -> Values {
        const WORDS: &[u8] = b"abcdefghijklmnopqrstuvwxyz012345";
        let mut state: u64 = 0x9e37_79b9_7f4a_7c15;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            WORDS[(state >> 40) as usize % WORDS.len()]
        };
        Values { bytes: (0..length * 2 + 4096).map(|_| next()).collect(), length }
    }

    /// The value of the record with this number.
    pub fn value(&self, number: usize) -> &[u8] {
        let at = number.wrapping_mul(37) % (self.bytes.len() - self.length);
        &self.bytes[at..at + self.length]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ordain::wire::batch::{BatchCheck, BatchIterator};

    #[test]
    fn a_stamped_batch_is_a_valid_one() {
        for codec in [Codec::None, Codec::Lz4] {
            let template = Template::new(10, 100, codec, Timestamp(1));
            let bytes = template.stamped(ProducerId(5), ProducerEpoch(1), 30).into_bytes();
            assert_eq!(bytes.len(), template.bytes());
            let mut batches = BatchIterator::new(bytes, BatchCheck::Verify);
            let batch = batches.next().unwrap().unwrap();
            assert_eq!(batch.header().base_sequence, 30);
            assert_eq!(batch.header().producer_id, ProducerId(5));
            assert_eq!(batch.records(1 << 20).unwrap().filter(|record| record.is_ok()).count(), 10);
        }
    }
}
