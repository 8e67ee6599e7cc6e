//! StreamsGroupMetadataValue, from `schema/records/group_coordinator.schema`.
// Written by `cargo run -p ordain-wiregen`; edit the schema instead.
use crate::wire::{DecodeError, EncodeError, KnownTags, Message, Reader, TaggedFields, Text, VersionRange, Writer};

#[derive(Debug, Clone, PartialEq)]
pub struct StreamsGroupMetadataValue {
    pub epoch: i32,
    pub metadata_hash: i64,
    /// Tag 0.
    pub validated_topology_epoch: i32,
    /// Tag 1.
    pub last_assignment_configs: Option<Vec<LastAssignmentConfig>>,
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for StreamsGroupMetadataValue {
    fn default() -> Self {
        Self {
            epoch: 0,
            metadata_hash: 0,
            validated_topology_epoch: -1,
            last_assignment_configs: None,
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl Message for StreamsGroupMetadataValue {
    const NAME: &'static str = "StreamsGroupMetadataValue";
    const VERSIONS: VersionRange = VersionRange { min: 0, max: 0 };
    const FLEXIBLE_FROM: Option<i16> = Some(0);

    fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        w.i32(self.epoch);
        w.i64(self.metadata_hash);
        {
            let mut tags = KnownTags::default();
            if self.validated_topology_epoch != -1 {
                tags.add(w, 0, |w| { w.i32(self.validated_topology_epoch); Ok(()) })?;
            }
            if self.last_assignment_configs.is_some() {
                tags.add(w, 1, |w| w.nullable_array(true, true, "LastAssignmentConfigs", self.last_assignment_configs.as_deref(), |w, v| v.write(w, version)))?;
            }
            w.all_tagged_fields(tags, &self.unknown_tagged_fields)?;
        }
        Ok(())
    }
    fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        let mut m = Self {
            epoch: r.i32("Epoch")?,
            metadata_hash: r.i64("MetadataHash")?,
            validated_topology_epoch: -1,
            last_assignment_configs: None,
            unknown_tagged_fields: TaggedFields::default(),
        };
        m.unknown_tagged_fields = r.tagged_fields_with(&mut |r, tag| {
            match tag {
                0 => m.validated_topology_epoch = r.i32("ValidatedTopologyEpoch")?,
                1 => m.last_assignment_configs = r.nullable_array(true, true, "LastAssignmentConfigs", 3, |r| LastAssignmentConfig::read(r, version))?,
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(m)
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct LastAssignmentConfig {
    pub key: Text,
    pub value: Text,
    pub unknown_tagged_fields: TaggedFields,
}

impl LastAssignmentConfig {
    pub(crate) fn write(&self, w: &mut Writer, _version: i16) -> Result<(), EncodeError> {
        w.string(true, "Key", &self.key)?;
        w.string(true, "Value", &self.value)?;
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, _version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            key: r.string(true, "Key")?,
            value: r.string(true, "Value")?,
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}
