//! ListTransactionsRequest, from `schema/transactions.schema`.
// Written by `cargo run -p ordain-wiregen`; edit the schema instead.
use crate::wire::{ApiKey, ApiRequest, DecodeError, EncodeError, Message, Reader, TaggedFields, Text, VersionRange, Writer};
use super::ListTransactionsResponse;

#[derive(Debug, Clone, PartialEq)]
pub struct ListTransactionsRequest {
    pub state_filters: Vec<Text>,
    pub producer_id_filters: Vec<i64>,
    /// Versions 1+.
    pub duration_filter: i64,
    /// Version 2.
    pub transactional_id_pattern: Option<Text>,
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for ListTransactionsRequest {
    fn default() -> Self {
        Self {
            state_filters: Vec::new(),
            producer_id_filters: Vec::new(),
            duration_filter: -1,
            transactional_id_pattern: None,
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl Message for ListTransactionsRequest {
    const NAME: &'static str = "ListTransactionsRequest";
    const VERSIONS: VersionRange = VersionRange { min: 0, max: 2 };
    const FLEXIBLE_FROM: Option<i16> = Some(0);

    fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        w.array(true, "StateFilters", &self.state_filters, |w, v| w.string(true, "StateFilters", v))?;
        w.array(true, "ProducerIdFilters", &self.producer_id_filters, |w, v| { w.i64(*v); Ok(()) })?;
        if version >= 1 {
            w.i64(self.duration_filter);
        } else if self.duration_filter != -1 {
            return Err(w.not_in_version("DurationFilter"));
        }
        if version >= 2 {
            w.nullable_string(true, true, "TransactionalIdPattern", self.transactional_id_pattern.as_ref())?;
        } else if self.transactional_id_pattern.is_some() {
            return Err(w.not_in_version("TransactionalIdPattern"));
        }
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            state_filters: r.array(true, "StateFilters", 1, |r| r.string(true, "StateFilters"))?,
            producer_id_filters: r.array(true, "ProducerIdFilters", 8, |r| r.i64("ProducerIdFilters"))?,
            duration_filter: if version >= 1 { r.i64("DurationFilter")? } else { -1 },
            transactional_id_pattern: if version >= 2 { r.nullable_string(true, true, "TransactionalIdPattern")? } else { None },
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}

impl ApiRequest for ListTransactionsRequest {
    const API: ApiKey = ApiKey::ListTransactions;
    type Response = ListTransactionsResponse;
}
