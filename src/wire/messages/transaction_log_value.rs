//! TransactionLogValue, from `schema/records/transaction_coordinator.schema`.
// Written by `cargo run -p ordain-wiregen`; edit the schema instead.
use crate::wire::{DecodeError, EncodeError, KnownTags, Message, Reader, TaggedFields, Text, VersionRange, Writer};

#[derive(Debug, Clone, PartialEq)]
pub struct TransactionLogValue {
    pub producer_id: i64,
    /// Version 1; tag 0.
    pub previous_producer_id: i64,
    /// Version 1; tag 1.
    pub next_producer_id: i64,
    pub producer_epoch: i16,
    /// Version 1; tag 3.
    pub next_producer_epoch: i16,
    pub transaction_timeout_ms: i32,
    pub transaction_status: i8,
    pub transaction_partitions: Option<Vec<PartitionsSchema>>,
    pub transaction_last_update_timestamp_ms: i64,
    pub transaction_start_timestamp_ms: i64,
    /// Version 1; tag 2.
    pub client_transaction_version: i16,
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for TransactionLogValue {
    fn default() -> Self {
        Self {
            producer_id: 0,
            previous_producer_id: -1,
            next_producer_id: -1,
            producer_epoch: 0,
            next_producer_epoch: -1,
            transaction_timeout_ms: 0,
            transaction_status: 0,
            transaction_partitions: Some(Vec::new()),
            transaction_last_update_timestamp_ms: 0,
            transaction_start_timestamp_ms: 0,
            client_transaction_version: 0,
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl Message for TransactionLogValue {
    const NAME: &'static str = "TransactionLogValue";
    const VERSIONS: VersionRange = VersionRange { min: 0, max: 1 };
    const FLEXIBLE_FROM: Option<i16> = Some(1);

    fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        let flex = version >= 1;
        w.i64(self.producer_id);
        w.i16(self.producer_epoch);
        w.i32(self.transaction_timeout_ms);
        w.i8(self.transaction_status);
        w.nullable_array(flex, true, "TransactionPartitions", self.transaction_partitions.as_deref(), |w, v| v.write(w, version))?;
        w.i64(self.transaction_last_update_timestamp_ms);
        w.i64(self.transaction_start_timestamp_ms);
        if flex {
            let mut tags = KnownTags::default();
            if self.previous_producer_id != -1 {
                tags.add(w, 0, |w| { w.i64(self.previous_producer_id); Ok(()) })?;
            }
            if self.next_producer_id != -1 {
                tags.add(w, 1, |w| { w.i64(self.next_producer_id); Ok(()) })?;
            }
            if self.next_producer_epoch != -1 {
                tags.add(w, 3, |w| { w.i16(self.next_producer_epoch); Ok(()) })?;
            }
            if self.client_transaction_version != 0 {
                tags.add(w, 2, |w| { w.i16(self.client_transaction_version); Ok(()) })?;
            }
            w.all_tagged_fields(tags, &self.unknown_tagged_fields)?;
        }
        Ok(())
    }
    fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        let flex = version >= 1;
        let mut m = Self {
            producer_id: r.i64("ProducerId")?,
            producer_epoch: r.i16("ProducerEpoch")?,
            transaction_timeout_ms: r.i32("TransactionTimeoutMs")?,
            transaction_status: r.i8("TransactionStatus")?,
            transaction_partitions: r.nullable_array(flex, true, "TransactionPartitions", 3, |r| PartitionsSchema::read(r, version))?,
            transaction_last_update_timestamp_ms: r.i64("TransactionLastUpdateTimestampMs")?,
            transaction_start_timestamp_ms: r.i64("TransactionStartTimestampMs")?,
            previous_producer_id: -1,
            next_producer_id: -1,
            next_producer_epoch: -1,
            client_transaction_version: 0,
            unknown_tagged_fields: TaggedFields::default(),
        };
        if flex { m.unknown_tagged_fields = r.tagged_fields_with(&mut |r, tag| {
            match tag {
                0 => m.previous_producer_id = r.i64("PreviousProducerId")?,
                1 => m.next_producer_id = r.i64("NextProducerId")?,
                3 => m.next_producer_epoch = r.i16("NextProducerEpoch")?,
                2 => m.client_transaction_version = r.i16("ClientTransactionVersion")?,
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        }
        Ok(m)
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct PartitionsSchema {
    pub topic: Text,
    pub partition_ids: Vec<i32>,
    pub unknown_tagged_fields: TaggedFields,
}

impl PartitionsSchema {
    pub(crate) fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        let flex = version >= 1;
        w.string(flex, "Topic", &self.topic)?;
        w.array(flex, "PartitionIds", &self.partition_ids, |w, v| { w.i32(*v); Ok(()) })?;
        if flex {
            w.tagged_fields(&self.unknown_tagged_fields)?;
        }
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        let flex = version >= 1;
        Ok(Self {
            topic: r.string(flex, "Topic")?,
            partition_ids: r.array(flex, "PartitionIds", 4, |r| r.i32("PartitionIds"))?,
            unknown_tagged_fields: if flex { r.tagged_fields()? } else { TaggedFields::default() },
        })
    }
}
