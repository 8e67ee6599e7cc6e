//! StreamsGroupTargetAssignmentMemberValue, from `schema/records/group_coordinator.schema`.
// Written by `cargo run -p ordain-wiregen`; edit the schema instead.
use crate::wire::{DecodeError, EncodeError, Message, Reader, TaggedFields, Text, VersionRange, Writer};

#[derive(Debug, Clone, PartialEq, Default)]
pub struct StreamsGroupTargetAssignmentMemberValue {
    pub active_tasks: Vec<TaskIds>,
    pub standby_tasks: Vec<TaskIds>,
    pub warmup_tasks: Vec<TaskIds>,
    pub unknown_tagged_fields: TaggedFields,
}

impl Message for StreamsGroupTargetAssignmentMemberValue {
    const NAME: &'static str = "StreamsGroupTargetAssignmentMemberValue";
    const VERSIONS: VersionRange = VersionRange { min: 0, max: 0 };
    const FLEXIBLE_FROM: Option<i16> = Some(0);

    fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        w.array(true, "ActiveTasks", &self.active_tasks, |w, v| v.write(w, version))?;
        w.array(true, "StandbyTasks", &self.standby_tasks, |w, v| v.write(w, version))?;
        w.array(true, "WarmupTasks", &self.warmup_tasks, |w, v| v.write(w, version))?;
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            active_tasks: r.array(true, "ActiveTasks", 3, |r| TaskIds::read(r, version))?,
            standby_tasks: r.array(true, "StandbyTasks", 3, |r| TaskIds::read(r, version))?,
            warmup_tasks: r.array(true, "WarmupTasks", 3, |r| TaskIds::read(r, version))?,
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct TaskIds {
    pub subtopology_id: Text,
    pub partitions: Vec<i32>,
    pub unknown_tagged_fields: TaggedFields,
}

impl TaskIds {
    pub(crate) fn write(&self, w: &mut Writer, _version: i16) -> Result<(), EncodeError> {
        w.string(true, "SubtopologyId", &self.subtopology_id)?;
        w.array(true, "Partitions", &self.partitions, |w, v| { w.i32(*v); Ok(()) })?;
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, _version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            subtopology_id: r.string(true, "SubtopologyId")?,
            partitions: r.array(true, "Partitions", 4, |r| r.i32("Partitions"))?,
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}
