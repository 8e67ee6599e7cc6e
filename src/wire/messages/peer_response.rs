//! PeerResponse, from `schema/ordain/peers.schema`.
// Written by `cargo run -p ordain-wiregen`; edit the schema instead.
use crate::wire::{DecodeError, EncodeError, Message, PeerMessage, Reader, TaggedFields, VersionRange, Writer};
use bytes::Bytes;

#[derive(Debug, Clone, PartialEq, Default)]
pub struct PeerResponse {
    pub call_id: i64,
    pub outcome: i8,
    pub response: Bytes,
    pub unknown_tagged_fields: TaggedFields,
}

impl Message for PeerResponse {
    const NAME: &'static str = "PeerResponse";
    const VERSIONS: VersionRange = VersionRange { min: 0, max: 0 };
    const FLEXIBLE_FROM: Option<i16> = Some(0);

    fn write(&self, w: &mut Writer, _version: i16) -> Result<(), EncodeError> {
        w.i64(self.call_id);
        w.i8(self.outcome);
        w.bytes(true, "Response", &self.response)?;
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    fn read(r: &mut Reader, _version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            call_id: r.i64("CallId")?,
            outcome: r.i8("Outcome")?,
            response: r.bytes(true, "Response")?,
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}

impl PeerMessage for PeerResponse {
    const KEY: i16 = 20007;
}
