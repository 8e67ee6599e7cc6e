//! ListTransactionsResponse, from `schema/transactions.schema`.
// Written by `cargo run -p ordain-wiregen`; edit the schema instead.
use crate::wire::{ApiKey, ApiResponse, DecodeError, EncodeError, Message, Reader, TaggedFields, Text, VersionRange, Writer};

#[derive(Debug, Clone, PartialEq, Default)]
pub struct ListTransactionsResponse {
    pub throttle_time_ms: i32,
    pub error_code: i16,
    pub unknown_state_filters: Vec<Text>,
    pub transaction_states: Vec<TransactionState>,
    pub unknown_tagged_fields: TaggedFields,
}

impl Message for ListTransactionsResponse {
    const NAME: &'static str = "ListTransactionsResponse";
    const VERSIONS: VersionRange = VersionRange { min: 0, max: 2 };
    const FLEXIBLE_FROM: Option<i16> = Some(0);

    fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        w.i32(self.throttle_time_ms);
        w.i16(self.error_code);
        w.array(true, "UnknownStateFilters", &self.unknown_state_filters, |w, v| w.string(true, "UnknownStateFilters", v))?;
        w.array(true, "TransactionStates", &self.transaction_states, |w, v| v.write(w, version))?;
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            throttle_time_ms: r.i32("ThrottleTimeMs")?,
            error_code: r.i16("ErrorCode")?,
            unknown_state_filters: r.array(true, "UnknownStateFilters", 1, |r| r.string(true, "UnknownStateFilters"))?,
            transaction_states: r.array(true, "TransactionStates", 11, |r| TransactionState::read(r, version))?,
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}

impl ApiResponse for ListTransactionsResponse {
    const API: ApiKey = ApiKey::ListTransactions;
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct TransactionState {
    pub transactional_id: Text,
    pub producer_id: i64,
    pub transaction_state: Text,
    pub unknown_tagged_fields: TaggedFields,
}

impl TransactionState {
    pub(crate) fn write(&self, w: &mut Writer, _version: i16) -> Result<(), EncodeError> {
        w.string(true, "TransactionalId", &self.transactional_id)?;
        w.i64(self.producer_id);
        w.string(true, "TransactionState", &self.transaction_state)?;
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, _version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            transactional_id: r.string(true, "TransactionalId")?,
            producer_id: r.i64("ProducerId")?,
            transaction_state: r.string(true, "TransactionState")?,
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}
