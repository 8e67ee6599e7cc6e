//! OffsetCommitValue, from `schema/records/group_coordinator.schema`.
// Written by `cargo run -p ordain-wiregen`; edit the schema instead.
use crate::types::TopicId;
use crate::wire::{DecodeError, EncodeError, KnownTags, Message, Reader, TaggedFields, Text, VersionRange, Writer};

#[derive(Debug, Clone, PartialEq)]
pub struct OffsetCommitValue {
    pub offset: i64,
    /// Versions 3+.
    pub leader_epoch: i32,
    pub metadata: Text,
    pub commit_timestamp: i64,
    /// Version 1.
    pub expire_timestamp: i64,
    /// Version 4; tag 0.
    pub topic_id: TopicId,
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for OffsetCommitValue {
    fn default() -> Self {
        Self {
            offset: 0,
            leader_epoch: -1,
            metadata: Text::new(),
            commit_timestamp: 0,
            expire_timestamp: -1,
            topic_id: TopicId::ZERO,
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl Message for OffsetCommitValue {
    const NAME: &'static str = "OffsetCommitValue";
    const VERSIONS: VersionRange = VersionRange { min: 0, max: 4 };
    const FLEXIBLE_FROM: Option<i16> = Some(4);

    fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        let flex = version >= 4;
        w.i64(self.offset);
        if version >= 3 {
            w.i32(self.leader_epoch);
        }
        w.string(flex, "metadata", &self.metadata)?;
        w.i64(self.commit_timestamp);
        if version == 1 {
            w.i64(self.expire_timestamp);
        }
        if flex {
            let mut tags = KnownTags::default();
            if self.topic_id != TopicId::ZERO {
                tags.add(w, 0, |w| { w.topic_id(self.topic_id); Ok(()) })?;
            }
            w.all_tagged_fields(tags, &self.unknown_tagged_fields)?;
        }
        Ok(())
    }
    fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        let flex = version >= 4;
        let mut m = Self {
            offset: r.i64("offset")?,
            leader_epoch: if version >= 3 { r.i32("leaderEpoch")? } else { -1 },
            metadata: r.string(flex, "metadata")?,
            commit_timestamp: r.i64("commitTimestamp")?,
            expire_timestamp: if version == 1 { r.i64("expireTimestamp")? } else { -1 },
            topic_id: TopicId::ZERO,
            unknown_tagged_fields: TaggedFields::default(),
        };
        if flex { m.unknown_tagged_fields = r.tagged_fields_with(&mut |r, tag| {
            match tag {
                0 => m.topic_id = r.topic_id("topicId")?,
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        }
        Ok(m)
    }
}
