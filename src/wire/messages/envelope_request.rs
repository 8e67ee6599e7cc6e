//! EnvelopeRequest, from `schema/controller.schema`.
// Written by `cargo run -p ordain-wiregen`; edit the schema instead.
use crate::wire::{ApiKey, ApiRequest, DecodeError, EncodeError, Message, Reader, TaggedFields, VersionRange, Writer};
use bytes::Bytes;
use super::EnvelopeResponse;

#[derive(Debug, Clone, PartialEq)]
pub struct EnvelopeRequest {
    pub request_data: Bytes,
    pub request_principal: Option<Bytes>,
    pub client_host_address: Bytes,
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for EnvelopeRequest {
    fn default() -> Self {
        Self {
            request_data: Bytes::new(),
            request_principal: Some(Bytes::new()),
            client_host_address: Bytes::new(),
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl Message for EnvelopeRequest {
    const NAME: &'static str = "EnvelopeRequest";
    const VERSIONS: VersionRange = VersionRange { min: 0, max: 0 };
    const FLEXIBLE_FROM: Option<i16> = Some(0);

    fn write(&self, w: &mut Writer, _version: i16) -> Result<(), EncodeError> {
        w.bytes(true, "RequestData", &self.request_data)?;
        w.nullable_bytes(true, true, "RequestPrincipal", self.request_principal.as_ref())?;
        w.bytes(true, "ClientHostAddress", &self.client_host_address)?;
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    fn read(r: &mut Reader, _version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            request_data: r.bytes(true, "RequestData")?,
            request_principal: r.nullable_bytes(true, true, "RequestPrincipal")?,
            client_host_address: r.bytes(true, "ClientHostAddress")?,
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}

impl ApiRequest for EnvelopeRequest {
    const API: ApiKey = ApiKey::Envelope;
    type Response = EnvelopeResponse;
}
