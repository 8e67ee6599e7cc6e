//! EndTxnRequest, from `schema/transactions.schema`.
// Written by `cargo run -p ordain-wiregen`; edit the schema instead.
use crate::wire::{ApiKey, ApiRequest, DecodeError, EncodeError, Message, Reader, TaggedFields, Text, VersionRange, Writer};
use super::EndTxnResponse;

#[derive(Debug, Clone, PartialEq, Default)]
pub struct EndTxnRequest {
    pub transactional_id: Text,
    pub producer_id: i64,
    pub producer_epoch: i16,
    pub committed: bool,
    pub unknown_tagged_fields: TaggedFields,
}

impl Message for EndTxnRequest {
    const NAME: &'static str = "EndTxnRequest";
    const VERSIONS: VersionRange = VersionRange { min: 0, max: 5 };
    const FLEXIBLE_FROM: Option<i16> = Some(3);

    fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        let flex = version >= 3;
        w.string(flex, "TransactionalId", &self.transactional_id)?;
        w.i64(self.producer_id);
        w.i16(self.producer_epoch);
        w.bool(self.committed);
        if flex {
            w.tagged_fields(&self.unknown_tagged_fields)?;
        }
        Ok(())
    }
    fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        let flex = version >= 3;
        Ok(Self {
            transactional_id: r.string(flex, "TransactionalId")?,
            producer_id: r.i64("ProducerId")?,
            producer_epoch: r.i16("ProducerEpoch")?,
            committed: r.bool("Committed")?,
            unknown_tagged_fields: if flex { r.tagged_fields()? } else { TaggedFields::default() },
        })
    }
}

impl ApiRequest for EndTxnRequest {
    const API: ApiKey = ApiKey::EndTxn;
    type Response = EndTxnResponse;
}
