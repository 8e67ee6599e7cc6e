//! Batches of records of which some bytes are others, sent to where everybody writes. What the broker takes must be readable,
//! and what was read of it is known; what nobody could read must be refused, for it would be in every reader's way.
use std::time::Duration;

use bytes::Bytes;
use ordain::client::{Client, ClientError, Lane, TopicPartition};
use ordain::io::RngStream;
use ordain::types::{ErrorCode, Offset, Timestamp};
use ordain::wire::batch::{
    BatchBuilder, BatchCheck, BatchError, BatchIterator, BatchOptions, NewRecord, Record, crc32c,
};
use ordain::wire::messages::ProduceRequest;
use ordain::wire::messages::produce_request::{PartitionProduceData, TopicProduceData};
use ordain::wire::{ApiKey, Records, Text};

use super::super::Seat;
use crate::scenarios::broker::history::{Content, Fate, HOSTILE, Mode, RecordId};

/// The last version of Produce that names topics.
const NAMES_UNTIL: i16 = 12;
/// How long an answer is waited for.
const ANSWER: Duration = Duration::from_secs(4);
/// Larger than what a batch of this client can hold.
const RECORDS_BYTES_MAX: usize = 1 << 20;
/// Of the batch format: where the checksum stands, what it is over, and where the records begin.
const CRC_AT: usize = 17;
const BODY_AT: usize = 21;
const RECORDS_AT: usize = 61;
/// Of the batch format: the fields that say how many records there are.
const LAST_OFFSET_DELTA_AT: usize = 23;
const COUNT_AT: usize = 57;

pub(super) struct Batches<'a> {
    seat: &'a Seat,
    session: u32,
    number: u32,
}

impl<'a> Batches<'a> {
    pub(super) fn new(seat: &'a Seat) -> Batches<'a> {
        Batches { seat, session: seat.history.next_session("hostile batches"), number: 0 }
    }

    pub(super) async fn send_one(
        &mut self,
        client: &Client,
        rng: &mut dyn RngStream,
    ) -> Result<(), ClientError> {
        let Some(partitions) = self.seat.work().await else { return Ok(()) };
        let at = &partitions[usize::try_from(rng.below(partitions.len() as u64)).unwrap_or(0)];
        let ids: Vec<RecordId> = (0..=rng.below(3)).map(|_| self.next_id()).collect();
        let bytes = spoil(batch(&ids), rng);
        let history = &self.seat.history;
        let readable = read(&bytes);
        let is_other = |(id, record): (&RecordId, &Record)| {
            RecordId::of_record(record.value.as_deref(), &record.headers).is_some_and(|found| found != *id)
        };
        if readable.as_ref().is_ok_and(|records| ids.iter().zip(records).any(is_other)) {
            // What looks like another record would be taken for that one.
            return Ok(());
        }
        let known = |(id, record): (&RecordId, &Record)| {
            history.hostile_record(*id, record.value.as_deref(), &record.headers)
        };
        if readable.as_ref().is_ok_and(|records| !ids.iter().zip(records).all(known)) {
            // Nor could anybody tell two of these apart that have become the same.
            return Ok(());
        }
        if readable.is_err() {
            history.poisoning(at);
        }
        for id in &ids {
            history.sending(*id, at, Mode::Plain, (None, Content::Value));
        }
        let answered = self.produce(client, at, bytes).await;
        history.note(format_args!("{} of {ids:?}: {answered:?}", self.seat.name));
        let taken = matches!(answered, Ok((ErrorCode::None, _)));
        if let (true, Err(error)) = (taken, &readable) {
            let what = format!("a batch to {at} that nobody can read ({error}) was acknowledged");
            history.wrong("I24-poison-taken", what);
        }
        for (index, id) in ids.into_iter().enumerate() {
            let fate = match &answered {
                Ok((ErrorCode::None, base)) => {
                    Fate::Acknowledged(Some(base.plus(i64::try_from(index).unwrap_or(0))))
                }
                Ok(_) | Err(_) => Fate::Unknown,
            };
            history.fate(id, fate);
        }
        answered.map(drop)
    }

    fn next_id(&mut self) -> RecordId {
        self.number += 1;
        RecordId { producer: HOSTILE, session: self.session, number: self.number }
    }

    async fn produce(
        &self,
        client: &Client,
        at: &TopicPartition,
        bytes: Vec<u8>,
    ) -> Result<(ErrorCode, Offset), ClientError> {
        let leader = client.leader(at).await?;
        let broker = client.node(leader, Lane::Produce).await?;
        let records = Some(Records::from(Bytes::from(bytes)));
        let partition = PartitionProduceData { index: at.partition.0, records, ..Default::default() };
        let topic = TopicProduceData {
            name: Text::from(at.topic.as_str()),
            partition_data: vec![partition],
            ..TopicProduceData::default()
        };
        let request = ProduceRequest {
            acks: -1,
            timeout_ms: 3_000,
            topic_data: vec![topic],
            ..ProduceRequest::default()
        };
        let version = broker.version_up_to::<ProduceRequest>(NAMES_UNTIL)?;
        let answer = broker.call_within(version, &request, ANSWER).await?;
        let told = answer.responses.first().and_then(|topic| topic.partition_responses.first());
        match told {
            Some(told) => {
                let code = ErrorCode::from_code(told.error_code).unwrap_or(ErrorCode::UnknownServerError);
                if matches!(code, ErrorCode::NotLeaderOrFollower | ErrorCode::UnknownTopicOrPartition) {
                    client.invalidate();
                }
                Ok((code, Offset(told.base_offset)))
            }
            None => Err(ClientError::Incomplete {
                address: broker.address().clone(),
                api: ApiKey::Produce,
                missing: at.to_string(),
            }),
        }
    }
}

/// A batch as everybody sends them.
fn batch(ids: &[RecordId]) -> Vec<u8> {
    let mut batch = BatchBuilder::new(BatchOptions::plain(64 << 10));
    for id in ids {
        let (timestamp, value) = (Timestamp(crate::clock::WALL_START_MS), id.value(0));
        let record = NewRecord { timestamp, key: None, value: Some(&value), headers: &[] };
        batch.append(record).expect("a small record fits");
    }
    batch.build().into_batch().to_bytes().to_vec()
}

/// Some bytes become others; mostly the checksum is made to fit again, so that what is behind it is looked at.
fn spoil(mut batch: Vec<u8>, rng: &mut dyn RngStream) -> Vec<u8> {
    match rng.below(8) {
        // As it is.
        0 => return batch,
        // It says that it holds one record less.
        1 => {
            for at in [LAST_OFFSET_DELTA_AT, COUNT_AT] {
                if let Some(low) = batch.get_mut(at + 3) {
                    *low = low.wrapping_sub(1);
                }
            }
        }
        // Something in the header.
        2 | 3 => change(&mut batch, 8..RECORDS_AT, rng),
        // Something in the records.
        4..=6 => change(&mut batch, RECORDS_AT..usize::MAX, rng),
        _ => batch.truncate(1 + usize::try_from(rng.below(batch.len() as u64)).unwrap_or(0)),
    }
    if batch.len() > BODY_AT && rng.below(8) > 0 {
        let crc = crc32c(&batch[BODY_AT..]);
        batch[CRC_AT..BODY_AT].copy_from_slice(&crc.to_be_bytes());
    }
    batch
}

fn change(batch: &mut [u8], within: std::ops::Range<usize>, rng: &mut dyn RngStream) {
    let end = within.end.min(batch.len());
    let Some(length) = end.checked_sub(within.start).filter(|length| *length > 0) else { return };
    for _ in 0..=rng.below(3) {
        let at = within.start + usize::try_from(rng.below(length as u64)).unwrap_or(0);
        batch[at] = match rng.below(4) {
            0 => 0xff,
            1 => 0x80,
            2 => batch[at] ^ (1 << rng.below(8)),
            _ => u8::try_from(rng.below(256)).unwrap_or(0),
        };
    }
}

/// The records, if whoever fetches them can read them: one whole batch.
fn read(bytes: &[u8]) -> Result<Vec<Record>, BatchError> {
    let mut all = Vec::new();
    let mut batches = BatchIterator::new(Bytes::copy_from_slice(bytes), BatchCheck::Verify);
    let Some(batch) = batches.next() else { return Err(BatchError::Missing) };
    for record in batch?.records(RECORDS_BYTES_MAX)? {
        all.push(record?);
    }
    match batches.next() {
        Some(more) => more.map(|_| all),
        None => Ok(all),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Stream;

    #[test]
    fn a_lie_is_known_as_one_and_the_truth_as_such() {
        let ids = [1, 2].map(|number| RecordId { producer: HOSTILE, session: 1, number });
        let good = batch(&ids);
        assert_eq!(read(&good).unwrap().len(), 2);
        let mut lies = good.clone();
        (lies[LAST_OFFSET_DELTA_AT + 3], lies[COUNT_AT + 3]) = (0, 1);
        let crc = crc32c(&lies[BODY_AT..]);
        lies[CRC_AT..BODY_AT].copy_from_slice(&crc.to_be_bytes());
        assert!(matches!(read(&lies), Err(BatchError::RecordsLeftOver { .. })));
        assert!(read(&good[..good.len() - 1]).is_err());
        let mut rng = Stream::new(1, "test", "hostile", 0);
        let spoiled: Vec<bool> = (0..200).map(|_| read(&spoil(good.clone(), &mut rng)).is_ok()).collect();
        let readable = spoiled.iter().filter(|is_readable| **is_readable).count();
        assert!((20..180).contains(&readable), "some are readable, some are not: {readable}");
    }
}
