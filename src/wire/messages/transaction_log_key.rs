//! TransactionLogKey, from `schema/records/transaction_coordinator.schema`.
// Written by `cargo run -p ordain-wiregen`; edit the schema instead.
use crate::wire::{DecodeError, EncodeError, Message, Reader, RecordKey, Text, VersionRange, Writer};

#[derive(Debug, Clone, PartialEq, Default)]
pub struct TransactionLogKey {
    pub transactional_id: Text,
}

impl Message for TransactionLogKey {
    const NAME: &'static str = "TransactionLogKey";
    const VERSIONS: VersionRange = VersionRange { min: 0, max: 0 };
    const FLEXIBLE_FROM: Option<i16> = None;

    fn write(&self, w: &mut Writer, _version: i16) -> Result<(), EncodeError> {
        w.string(false, "TransactionalId", &self.transactional_id)?;
        Ok(())
    }
    fn read(r: &mut Reader, _version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            transactional_id: r.string(false, "TransactionalId")?,
        })
    }
}

impl RecordKey for TransactionLogKey {
    const TYPE: i16 = 0;
}
