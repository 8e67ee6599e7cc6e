//! StreamsGroupCurrentMemberAssignmentKey, from `schema/records/group_coordinator.schema`.
// Written by `cargo run -p ordain-wiregen`; edit the schema instead.
use crate::wire::{DecodeError, EncodeError, Message, Reader, RecordKey, Text, VersionRange, Writer};

#[derive(Debug, Clone, PartialEq, Default)]
pub struct StreamsGroupCurrentMemberAssignmentKey {
    pub group_id: Text,
    pub member_id: Text,
}

impl Message for StreamsGroupCurrentMemberAssignmentKey {
    const NAME: &'static str = "StreamsGroupCurrentMemberAssignmentKey";
    const VERSIONS: VersionRange = VersionRange { min: 0, max: 0 };
    const FLEXIBLE_FROM: Option<i16> = None;

    fn write(&self, w: &mut Writer, _version: i16) -> Result<(), EncodeError> {
        w.string(false, "GroupId", &self.group_id)?;
        w.string(false, "MemberId", &self.member_id)?;
        Ok(())
    }
    fn read(r: &mut Reader, _version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            group_id: r.string(false, "GroupId")?,
            member_id: r.string(false, "MemberId")?,
        })
    }
}

impl RecordKey for StreamsGroupCurrentMemberAssignmentKey {
    const TYPE: i16 = 22;
}
