//! ShareSnapshotValue, from `schema/records/share_coordinator.schema`.
// Written by `cargo run -p ordain-wiregen`; edit the schema instead.
use crate::wire::{DecodeError, EncodeError, KnownTags, Message, Reader, TaggedFields, VersionRange, Writer};

#[derive(Debug, Clone, PartialEq)]
pub struct ShareSnapshotValue {
    pub snapshot_epoch: i32,
    pub state_epoch: i32,
    pub leader_epoch: i32,
    pub start_offset: i64,
    /// Tag 0.
    pub delivery_complete_count: i32,
    pub create_timestamp: i64,
    pub write_timestamp: i64,
    pub state_batches: Vec<StateBatch>,
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for ShareSnapshotValue {
    fn default() -> Self {
        Self {
            snapshot_epoch: 0,
            state_epoch: 0,
            leader_epoch: 0,
            start_offset: 0,
            delivery_complete_count: -1,
            create_timestamp: 0,
            write_timestamp: 0,
            state_batches: Vec::new(),
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl Message for ShareSnapshotValue {
    const NAME: &'static str = "ShareSnapshotValue";
    const VERSIONS: VersionRange = VersionRange { min: 0, max: 0 };
    const FLEXIBLE_FROM: Option<i16> = Some(0);

    fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        w.i32(self.snapshot_epoch);
        w.i32(self.state_epoch);
        w.i32(self.leader_epoch);
        w.i64(self.start_offset);
        w.i64(self.create_timestamp);
        w.i64(self.write_timestamp);
        w.array(true, "StateBatches", &self.state_batches, |w, v| v.write(w, version))?;
        {
            let mut tags = KnownTags::default();
            if self.delivery_complete_count != -1 {
                tags.add(w, 0, |w| { w.i32(self.delivery_complete_count); Ok(()) })?;
            }
            w.all_tagged_fields(tags, &self.unknown_tagged_fields)?;
        }
        Ok(())
    }
    fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        let mut m = Self {
            snapshot_epoch: r.i32("SnapshotEpoch")?,
            state_epoch: r.i32("StateEpoch")?,
            leader_epoch: r.i32("LeaderEpoch")?,
            start_offset: r.i64("StartOffset")?,
            create_timestamp: r.i64("CreateTimestamp")?,
            write_timestamp: r.i64("WriteTimestamp")?,
            state_batches: r.array(true, "StateBatches", 20, |r| StateBatch::read(r, version))?,
            delivery_complete_count: -1,
            unknown_tagged_fields: TaggedFields::default(),
        };
        m.unknown_tagged_fields = r.tagged_fields_with(&mut |r, tag| {
            match tag {
                0 => m.delivery_complete_count = r.i32("DeliveryCompleteCount")?,
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(m)
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct StateBatch {
    pub first_offset: i64,
    pub last_offset: i64,
    pub delivery_state: i8,
    pub delivery_count: i16,
    pub unknown_tagged_fields: TaggedFields,
}

impl StateBatch {
    pub(crate) fn write(&self, w: &mut Writer, _version: i16) -> Result<(), EncodeError> {
        w.i64(self.first_offset);
        w.i64(self.last_offset);
        w.i8(self.delivery_state);
        w.i16(self.delivery_count);
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, _version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            first_offset: r.i64("FirstOffset")?,
            last_offset: r.i64("LastOffset")?,
            delivery_state: r.i8("DeliveryState")?,
            delivery_count: r.i16("DeliveryCount")?,
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}
