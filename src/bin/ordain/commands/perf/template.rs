use bytes::Bytes;
use crc_fast::CrcAlgorithm;
use ordain::types::{ProducerEpoch, ProducerId, Timestamp};
use ordain::wire::Records;
use ordain::wire::batch::{
    BatchBuilder, BatchHeader, BatchKind, BatchOptions, HEADER_BYTES, NO_SEQUENCE, NewRecord, ProducerStamp,
    UNCOVERED_BYTES, crc32c,
};
use ordain::wire::compression::Codec;

use crate::parse;

/// What a record takes in a batch beside its value, without key and headers, at most, in bytes.
const RECORD_OVERHEAD_BYTES_MAX: usize = 24;
const MARK_BYTES: usize = size_of::<u64>();
/// What one batch may have: a request has a 32-bit length, and room for a topic's name beside its batch.
const BATCH_BYTES_MAX: usize = i32::MAX as usize - (64 << 10);
const RECORD_BYTES_MAX: usize = BATCH_BYTES_MAX - HEADER_BYTES - RECORD_OVERHEAD_BYTES_MAX;

/// A size of records, for the command line.
pub fn record_size(text: &str) -> Result<usize, String> {
    match parse::size(text)? {
        bytes @ ..=RECORD_BYTES_MAX => Ok(bytes),
        bytes => Err(format!(
            "{bytes} bytes are too many for one request; a record has at most {RECORD_BYTES_MAX}, and what a broker \
             takes is less: socket.request.max.bytes, message.max.bytes and the topic's max.message.bytes say"
        )),
    }
}

/// A batch that is built once and sent many times: only the header's producer fields are patched, and the CRC
/// follows from the payload's own, which never changes.
#[derive(Clone)]
pub struct Template {
    header: BatchHeader,
    payload: Bytes,
    payload_crc: u32,
    record_bytes: usize,
    codec: Codec,
}

impl Template {
    /// A batch of records of `record_bytes` each, as many as go into `batch_bytes` before compression, but at
    /// least one.
    pub fn filled(batch_bytes: usize, record_bytes: usize, codec: Codec, timestamp: Timestamp) -> Template {
        let alone = HEADER_BYTES + record_bytes + RECORD_OVERHEAD_BYTES_MAX;
        let bytes_max = batch_bytes.max(alone).min(BATCH_BYTES_MAX);
        Template::built(usize::MAX, record_bytes, bytes_max, codec, timestamp)
    }

    /// A batch of one record of `record_bytes`, uncompressed.
    pub fn single(record_bytes: usize, timestamp: Timestamp) -> Template {
        Template::built(1, record_bytes, BATCH_BYTES_MAX, Codec::None, timestamp)
    }

    /// The first `records` of this one's, as a batch.
    pub fn cut_to(&self, records: usize) -> Template {
        Template::built(records, self.record_bytes, BATCH_BYTES_MAX, self.codec, self.header.base_timestamp)
    }

    fn built(
        records_max: usize,
        record_bytes: usize,
        bytes_max: usize,
        codec: Codec,
        timestamp: Timestamp,
    ) -> Template {
        let values = Values::new(record_bytes);
        let mut builder = BatchBuilder::new(BatchOptions {
            codec,
            producer: ProducerStamp::NONE,
            kind: BatchKind::Data,
            bytes_max,
        });
        for i in 0..records_max {
            let record = NewRecord { timestamp, key: None, value: Some(values.value(i)), headers: &[] };
            if builder.append(record).is_err() {
                break;
            }
        }
        let batch = builder.build().into_batch();
        let payload = batch.payload();
        Template { header: *batch.header(), payload_crc: crc32c(&payload), payload, record_bytes, codec }
    }

    pub fn records(&self) -> i32 {
        self.header.record_count
    }

    pub fn bytes(&self) -> usize {
        HEADER_BYTES + self.payload.len()
    }

    pub fn payload(&self) -> &Bytes {
        &self.payload
    }

    /// The batch under this producer id, epoch and sequence.
    pub fn stamped(&self, id: ProducerId, epoch: ProducerEpoch, base_sequence: i32) -> Records {
        let header = self.header(id, epoch, base_sequence);
        Records::from(vec![Bytes::copy_from_slice(&header), self.payload.clone()])
    }

    /// The header of the batch under this producer id, epoch and sequence.
    pub fn header(&self, id: ProducerId, epoch: ProducerEpoch, base_sequence: i32) -> [u8; HEADER_BYTES] {
        let header =
            BatchHeader { producer_id: id, producer_epoch: epoch, base_sequence, crc: 0, ..self.header };
        let mut head = [0; HEADER_BYTES];
        header.write(&mut head.as_mut_slice());
        self.seal(&mut head, self.payload_crc);
        head
    }

    /// Puts the CRC into a header whose payload has this one.
    fn seal(&self, head: &mut [u8; HEADER_BYTES], payload_crc: u32) {
        let covered = u64::from(crc32c(&head[UNCOVERED_BYTES..]));
        let (payload_crc, length) = (u64::from(payload_crc), self.payload.len() as u64);
        let crc = crc_fast::checksum_combine(CrcAlgorithm::Crc32Iscsi, covered, payload_crc, length);
        let crc = u32::try_from(crc).expect("a CRC-32 has 32 bits");
        head[UNCOVERED_BYTES - 4..UNCOVERED_BYTES].copy_from_slice(&crc.to_be_bytes());
    }

    /// The batch of one record, without producer id, whose value ends with `mark`; `None` if the value is too
    /// short for one.
    pub fn marked(&self, mark: u64) -> Option<([u8; HEADER_BYTES], Bytes)> {
        let at = self.mark_at()?;
        let mut payload = self.payload.to_vec();
        payload[at..at + MARK_BYTES].copy_from_slice(&mark.to_be_bytes());
        let mut head = self.header(ProducerId::NONE, ProducerEpoch::NONE, NO_SEQUENCE);
        self.seal(&mut head, crc32c(&payload));
        Some((head, payload.into()))
    }

    /// The mark of a whole batch that was made by [`Template::marked`].
    pub fn mark_of(&self, batch: &[u8]) -> Option<u64> {
        let at = HEADER_BYTES + self.mark_at()?;
        let mark = batch.get(at..at + MARK_BYTES).filter(|_| batch.len() == self.bytes())?;
        Some(u64::from_be_bytes(mark.try_into().ok()?))
    }

    /// Where the only record's value begins in the payload: nothing but its empty headers follow it.
    fn mark_at(&self) -> Option<usize> {
        let value_bytes = self.payload.len().checked_sub(RECORD_OVERHEAD_BYTES_MAX)?;
        if self.header.record_count != 1 || value_bytes < MARK_BYTES {
            return None;
        }
        // A mark anywhere inside the value will do: the bytes before its last ones are such a place.
        Some(self.payload.len() - 1 - MARK_BYTES)
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
            let template = Template::filled(1160, 100, codec, Timestamp(1));
            let bytes = template.stamped(ProducerId(5), ProducerEpoch(1), 30).into_bytes();
            assert_eq!(bytes.len(), template.bytes());
            let mut batches = BatchIterator::new(bytes, BatchCheck::Verify);
            let batch = batches.next().unwrap().unwrap();
            assert_eq!(batch.header().base_sequence, 30);
            assert_eq!(batch.header().producer_id, ProducerId(5));
            assert_eq!(batch.records(1 << 20).unwrap().filter(|record| record.is_ok()).count(), 10);
        }
    }

    #[test]
    fn a_batch_that_is_cut_has_so_many_records() {
        for codec in [Codec::None, Codec::Lz4] {
            let cut = Template::filled(1160, 100, codec, Timestamp(7)).cut_to(3);
            let bytes = cut.stamped(ProducerId(5), ProducerEpoch(1), 30).into_bytes();
            let batch = BatchIterator::new(bytes, BatchCheck::Verify).next().unwrap().unwrap();
            assert_eq!((cut.records(), batch.header().base_timestamp), (3, Timestamp(7)));
            assert_eq!(batch.records(1 << 20).unwrap().filter(|record| record.is_ok()).count(), 3);
        }
    }

    #[test]
    fn a_filled_batch_keeps_its_bound() {
        for (batch_bytes, record_bytes) in [(1 << 20, 1024), (1 << 20, 100), (64 << 10, 10), (100, 5000)] {
            let template = Template::filled(batch_bytes, record_bytes, Codec::None, Timestamp(1));
            assert!(template.bytes() <= batch_bytes || template.records() == 1, "{batch_bytes}");
            assert!(template.bytes() + 2 * record_bytes + 48 > batch_bytes, "{batch_bytes} is filled");
        }
    }

    #[test]
    fn a_record_that_no_request_carries_is_refused_with_the_limit() {
        assert_eq!(record_size("1k"), Ok(1024));
        assert_eq!(record_size(&RECORD_BYTES_MAX.to_string()), Ok(RECORD_BYTES_MAX));
        for (text, bytes) in [("2G", 2 << 30), (&(RECORD_BYTES_MAX + 1).to_string(), RECORD_BYTES_MAX + 1)] {
            let told = record_size(text).unwrap_err();
            assert!(
                told.contains(&bytes.to_string()) && told.contains(&RECORD_BYTES_MAX.to_string()),
                "{told}"
            );
        }
        assert!(record_size("2X").is_err());
    }

    #[test]
    fn a_marked_batch_is_a_valid_one_and_gives_its_mark_back() {
        let template = Template::single(100, Timestamp(1));
        let (header, payload) = template.marked(0x0123_4567_89ab_cdef).unwrap();
        let bytes = Bytes::from([header.as_slice(), &payload].concat());
        assert_eq!(template.mark_of(&bytes), Some(0x0123_4567_89ab_cdef));
        let batch = BatchIterator::new(bytes, BatchCheck::Verify).next().unwrap().unwrap();
        assert!(batch.records(1 << 20).unwrap().all(|record| record.is_ok()));
        assert_eq!(Template::single(7, Timestamp(1)).marked(1), None);
    }
}
