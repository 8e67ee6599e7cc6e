//! StreamsGroupCurrentMemberAssignmentValue, from `schema/records/group_coordinator.schema`.
// Written by `cargo run -p ordain-wiregen`; edit the schema instead.
use crate::wire::{DecodeError, EncodeError, KnownTags, Message, Reader, TaggedFields, Text, VersionRange, Writer};

#[derive(Debug, Clone, PartialEq, Default)]
pub struct StreamsGroupCurrentMemberAssignmentValue {
    pub member_epoch: i32,
    pub previous_member_epoch: i32,
    pub state: i8,
    pub active_tasks: Vec<TaskIds>,
    pub standby_tasks: Vec<TaskIds>,
    pub warmup_tasks: Vec<TaskIds>,
    pub active_tasks_pending_revocation: Vec<TaskIds>,
    pub standby_tasks_pending_revocation: Vec<TaskIds>,
    pub warmup_tasks_pending_revocation: Vec<TaskIds>,
    pub unknown_tagged_fields: TaggedFields,
}

impl Message for StreamsGroupCurrentMemberAssignmentValue {
    const NAME: &'static str = "StreamsGroupCurrentMemberAssignmentValue";
    const VERSIONS: VersionRange = VersionRange { min: 0, max: 0 };
    const FLEXIBLE_FROM: Option<i16> = Some(0);

    fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        w.i32(self.member_epoch);
        w.i32(self.previous_member_epoch);
        w.i8(self.state);
        w.array(true, "ActiveTasks", &self.active_tasks, |w, v| v.write(w, version))?;
        w.array(true, "StandbyTasks", &self.standby_tasks, |w, v| v.write(w, version))?;
        w.array(true, "WarmupTasks", &self.warmup_tasks, |w, v| v.write(w, version))?;
        w.array(true, "ActiveTasksPendingRevocation", &self.active_tasks_pending_revocation, |w, v| v.write(w, version))?;
        w.array(true, "StandbyTasksPendingRevocation", &self.standby_tasks_pending_revocation, |w, v| v.write(w, version))?;
        w.array(true, "WarmupTasksPendingRevocation", &self.warmup_tasks_pending_revocation, |w, v| v.write(w, version))?;
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            member_epoch: r.i32("MemberEpoch")?,
            previous_member_epoch: r.i32("PreviousMemberEpoch")?,
            state: r.i8("State")?,
            active_tasks: r.array(true, "ActiveTasks", 3, |r| TaskIds::read(r, version))?,
            standby_tasks: r.array(true, "StandbyTasks", 3, |r| TaskIds::read(r, version))?,
            warmup_tasks: r.array(true, "WarmupTasks", 3, |r| TaskIds::read(r, version))?,
            active_tasks_pending_revocation: r.array(true, "ActiveTasksPendingRevocation", 3, |r| TaskIds::read(r, version))?,
            standby_tasks_pending_revocation: r.array(true, "StandbyTasksPendingRevocation", 3, |r| TaskIds::read(r, version))?,
            warmup_tasks_pending_revocation: r.array(true, "WarmupTasksPendingRevocation", 3, |r| TaskIds::read(r, version))?,
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct TaskIds {
    pub subtopology_id: Text,
    pub partitions: Vec<i32>,
    /// Tag 0.
    pub assignment_epochs: Option<Vec<i32>>,
    pub unknown_tagged_fields: TaggedFields,
}

impl TaskIds {
    pub(crate) fn write(&self, w: &mut Writer, _version: i16) -> Result<(), EncodeError> {
        w.string(true, "SubtopologyId", &self.subtopology_id)?;
        w.array(true, "Partitions", &self.partitions, |w, v| { w.i32(*v); Ok(()) })?;
        {
            let mut tags = KnownTags::default();
            if self.assignment_epochs.is_some() {
                tags.add(w, 0, |w| w.nullable_array(true, true, "AssignmentEpochs", self.assignment_epochs.as_deref(), |w, v| { w.i32(*v); Ok(()) }))?;
            }
            w.all_tagged_fields(tags, &self.unknown_tagged_fields)?;
        }
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, _version: i16) -> Result<Self, DecodeError> {
        let mut m = Self {
            subtopology_id: r.string(true, "SubtopologyId")?,
            partitions: r.array(true, "Partitions", 4, |r| r.i32("Partitions"))?,
            assignment_epochs: None,
            unknown_tagged_fields: TaggedFields::default(),
        };
        m.unknown_tagged_fields = r.tagged_fields_with(&mut |r, tag| {
            match tag {
                0 => m.assignment_epochs = r.nullable_array(true, true, "AssignmentEpochs", 4, |r| r.i32("AssignmentEpochs"))?,
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(m)
    }
}
