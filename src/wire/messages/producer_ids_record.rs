//! ProducerIdsRecord, from `schema/ordain/metadata.schema`.
// Written by `cargo run -p ordain-wiregen`; edit the schema instead.
use crate::wire::{DecodeError, EncodeError, KnownTags, Message, Reader, RecordKey, TaggedFields, VersionRange, Writer};

#[derive(Debug, Clone, PartialEq, Default)]
pub struct ProducerIdsRecord {
    pub broker_id: i32,
    pub next_producer_id: i64,
    /// Tag 0.
    pub broker_epochs: i64,
    pub unknown_tagged_fields: TaggedFields,
}

impl Message for ProducerIdsRecord {
    const NAME: &'static str = "ProducerIdsRecord";
    const VERSIONS: VersionRange = VersionRange { min: 0, max: 0 };
    const FLEXIBLE_FROM: Option<i16> = Some(0);

    fn write(&self, w: &mut Writer, _version: i16) -> Result<(), EncodeError> {
        w.i32(self.broker_id);
        w.i64(self.next_producer_id);
        {
            let mut tags = KnownTags::default();
            if self.broker_epochs != 0 {
                tags.add(w, 0, |w| { w.i64(self.broker_epochs); Ok(()) })?;
            }
            w.all_tagged_fields(tags, &self.unknown_tagged_fields)?;
        }
        Ok(())
    }
    fn read(r: &mut Reader, _version: i16) -> Result<Self, DecodeError> {
        let mut m = Self {
            broker_id: r.i32("BrokerId")?,
            next_producer_id: r.i64("NextProducerId")?,
            broker_epochs: 0,
            unknown_tagged_fields: TaggedFields::default(),
        };
        m.unknown_tagged_fields = r.tagged_fields_with(&mut |r, tag| {
            match tag {
                0 => m.broker_epochs = r.i64("BrokerEpochs")?,
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(m)
    }
}

impl RecordKey for ProducerIdsRecord {
    const TYPE: i16 = 7;
}
