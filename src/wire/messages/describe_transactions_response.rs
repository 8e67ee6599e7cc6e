//! DescribeTransactionsResponse, from `schema/transactions.schema`.
// Written by `cargo run -p ordain-wiregen`; edit the schema instead.
use crate::wire::{ApiKey, ApiResponse, DecodeError, EncodeError, Message, Reader, TaggedFields, Text, VersionRange, Writer};

#[derive(Debug, Clone, PartialEq, Default)]
pub struct DescribeTransactionsResponse {
    pub throttle_time_ms: i32,
    pub transaction_states: Vec<TransactionState>,
    pub unknown_tagged_fields: TaggedFields,
}

impl Message for DescribeTransactionsResponse {
    const NAME: &'static str = "DescribeTransactionsResponse";
    const VERSIONS: VersionRange = VersionRange { min: 0, max: 0 };
    const FLEXIBLE_FROM: Option<i16> = Some(0);

    fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        w.i32(self.throttle_time_ms);
        w.array(true, "TransactionStates", &self.transaction_states, |w, v| v.write(w, version))?;
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            throttle_time_ms: r.i32("ThrottleTimeMs")?,
            transaction_states: r.array(true, "TransactionStates", 28, |r| TransactionState::read(r, version))?,
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}

impl ApiResponse for DescribeTransactionsResponse {
    const API: ApiKey = ApiKey::DescribeTransactions;
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct TransactionState {
    pub error_code: i16,
    pub transactional_id: Text,
    pub transaction_state: Text,
    pub transaction_timeout_ms: i32,
    pub transaction_start_time_ms: i64,
    pub producer_id: i64,
    pub producer_epoch: i16,
    pub topics: Vec<TopicData>,
    pub unknown_tagged_fields: TaggedFields,
}

impl TransactionState {
    pub(crate) fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        w.i16(self.error_code);
        w.string(true, "TransactionalId", &self.transactional_id)?;
        w.string(true, "TransactionState", &self.transaction_state)?;
        w.i32(self.transaction_timeout_ms);
        w.i64(self.transaction_start_time_ms);
        w.i64(self.producer_id);
        w.i16(self.producer_epoch);
        w.array(true, "Topics", &self.topics, |w, v| v.write(w, version))?;
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            error_code: r.i16("ErrorCode")?,
            transactional_id: r.string(true, "TransactionalId")?,
            transaction_state: r.string(true, "TransactionState")?,
            transaction_timeout_ms: r.i32("TransactionTimeoutMs")?,
            transaction_start_time_ms: r.i64("TransactionStartTimeMs")?,
            producer_id: r.i64("ProducerId")?,
            producer_epoch: r.i16("ProducerEpoch")?,
            topics: r.array(true, "Topics", 3, |r| TopicData::read(r, version))?,
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct TopicData {
    pub topic: Text,
    pub partitions: Vec<i32>,
    pub unknown_tagged_fields: TaggedFields,
}

impl TopicData {
    pub(crate) fn write(&self, w: &mut Writer, _version: i16) -> Result<(), EncodeError> {
        w.string(true, "Topic", &self.topic)?;
        w.array(true, "Partitions", &self.partitions, |w, v| { w.i32(*v); Ok(()) })?;
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, _version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            topic: r.string(true, "Topic")?,
            partitions: r.array(true, "Partitions", 4, |r| r.i32("Partitions"))?,
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}
