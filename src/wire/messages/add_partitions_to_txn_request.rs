//! AddPartitionsToTxnRequest, from `schema/transactions.schema`.
// Written by `cargo run -p ordain-wiregen`; edit the schema instead.
use crate::wire::{ApiKey, ApiRequest, DecodeError, EncodeError, Message, Reader, TaggedFields, Text, VersionRange, Writer};
use super::AddPartitionsToTxnResponse;

#[derive(Debug, Clone, PartialEq, Default)]
pub struct AddPartitionsToTxnRequest {
    /// Versions 4+.
    pub transactions: Vec<AddPartitionsToTxnTransaction>,
    /// Versions 0–3.
    pub v3_and_below_transactional_id: Text,
    /// Versions 0–3.
    pub v3_and_below_producer_id: i64,
    /// Versions 0–3.
    pub v3_and_below_producer_epoch: i16,
    /// Versions 0–3.
    pub v3_and_below_topics: Vec<AddPartitionsToTxnTopic>,
    pub unknown_tagged_fields: TaggedFields,
}

impl Message for AddPartitionsToTxnRequest {
    const NAME: &'static str = "AddPartitionsToTxnRequest";
    const VERSIONS: VersionRange = VersionRange { min: 0, max: 5 };
    const FLEXIBLE_FROM: Option<i16> = Some(3);

    fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        let flex = version >= 3;
        if version >= 4 {
            w.array(true, "Transactions", &self.transactions, |w, v| v.write(w, version))?;
        } else if !self.transactions.is_empty() {
            return Err(w.not_in_version("Transactions"));
        }
        if version <= 3 {
            w.string(flex, "V3AndBelowTransactionalId", &self.v3_and_below_transactional_id)?;
        } else if !self.v3_and_below_transactional_id.is_empty() {
            return Err(w.not_in_version("V3AndBelowTransactionalId"));
        }
        if version <= 3 {
            w.i64(self.v3_and_below_producer_id);
        } else if self.v3_and_below_producer_id != 0 {
            return Err(w.not_in_version("V3AndBelowProducerId"));
        }
        if version <= 3 {
            w.i16(self.v3_and_below_producer_epoch);
        } else if self.v3_and_below_producer_epoch != 0 {
            return Err(w.not_in_version("V3AndBelowProducerEpoch"));
        }
        if version <= 3 {
            w.array(flex, "V3AndBelowTopics", &self.v3_and_below_topics, |w, v| v.write(w, version))?;
        } else if !self.v3_and_below_topics.is_empty() {
            return Err(w.not_in_version("V3AndBelowTopics"));
        }
        if flex {
            w.tagged_fields(&self.unknown_tagged_fields)?;
        }
        Ok(())
    }
    fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        let flex = version >= 3;
        Ok(Self {
            transactions: if version >= 4 { r.array(true, "Transactions", 14, |r| AddPartitionsToTxnTransaction::read(r, version))? } else { Vec::new() },
            v3_and_below_transactional_id: if version <= 3 { r.string(flex, "V3AndBelowTransactionalId")? } else { Text::new() },
            v3_and_below_producer_id: if version <= 3 { r.i64("V3AndBelowProducerId")? } else { 0 },
            v3_and_below_producer_epoch: if version <= 3 { r.i16("V3AndBelowProducerEpoch")? } else { 0 },
            v3_and_below_topics: if version <= 3 { r.array(flex, "V3AndBelowTopics", 3, |r| AddPartitionsToTxnTopic::read(r, version))? } else { Vec::new() },
            unknown_tagged_fields: if flex { r.tagged_fields()? } else { TaggedFields::default() },
        })
    }
}

impl ApiRequest for AddPartitionsToTxnRequest {
    const API: ApiKey = ApiKey::AddPartitionsToTxn;
    type Response = AddPartitionsToTxnResponse;
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct AddPartitionsToTxnTransaction {
    pub transactional_id: Text,
    pub producer_id: i64,
    pub producer_epoch: i16,
    pub verify_only: bool,
    pub topics: Vec<AddPartitionsToTxnTopic>,
    pub unknown_tagged_fields: TaggedFields,
}

impl AddPartitionsToTxnTransaction {
    pub(crate) fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        w.string(true, "TransactionalId", &self.transactional_id)?;
        w.i64(self.producer_id);
        w.i16(self.producer_epoch);
        w.bool(self.verify_only);
        w.array(true, "Topics", &self.topics, |w, v| v.write(w, version))?;
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            transactional_id: r.string(true, "TransactionalId")?,
            producer_id: r.i64("ProducerId")?,
            producer_epoch: r.i16("ProducerEpoch")?,
            verify_only: r.bool("VerifyOnly")?,
            topics: r.array(true, "Topics", 3, |r| AddPartitionsToTxnTopic::read(r, version))?,
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct AddPartitionsToTxnTopic {
    pub name: Text,
    pub partitions: Vec<i32>,
    pub unknown_tagged_fields: TaggedFields,
}

impl AddPartitionsToTxnTopic {
    pub(crate) fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        let flex = version >= 3;
        w.string(flex, "Name", &self.name)?;
        w.array(flex, "Partitions", &self.partitions, |w, v| { w.i32(*v); Ok(()) })?;
        if flex {
            w.tagged_fields(&self.unknown_tagged_fields)?;
        }
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        let flex = version >= 3;
        Ok(Self {
            name: r.string(flex, "Name")?,
            partitions: r.array(flex, "Partitions", 4, |r| r.i32("Partitions"))?,
            unknown_tagged_fields: if flex { r.tagged_fields()? } else { TaggedFields::default() },
        })
    }
}
