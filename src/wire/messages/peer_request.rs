//! PeerRequest, from `schema/ordain/peers.schema`.
// Written by `cargo run -p ordain-wiregen`; edit the schema instead.
use crate::wire::{DecodeError, EncodeError, Message, PeerMessage, Reader, TaggedFields, Text, VersionRange, Writer};
use bytes::Bytes;

#[derive(Debug, Clone, PartialEq, Default)]
pub struct PeerRequest {
    pub call_id: i64,
    pub listener: Text,
    pub client_address: Text,
    pub request: Bytes,
    pub unknown_tagged_fields: TaggedFields,
}

impl Message for PeerRequest {
    const NAME: &'static str = "PeerRequest";
    const VERSIONS: VersionRange = VersionRange { min: 0, max: 0 };
    const FLEXIBLE_FROM: Option<i16> = Some(0);

    fn write(&self, w: &mut Writer, _version: i16) -> Result<(), EncodeError> {
        w.i64(self.call_id);
        w.string(true, "Listener", &self.listener)?;
        w.string(true, "ClientAddress", &self.client_address)?;
        w.bytes(true, "Request", &self.request)?;
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    fn read(r: &mut Reader, _version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            call_id: r.i64("CallId")?,
            listener: r.string(true, "Listener")?,
            client_address: r.string(true, "ClientAddress")?,
            request: r.bytes(true, "Request")?,
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}

impl PeerMessage for PeerRequest {
    const KEY: i16 = 20006;
}
