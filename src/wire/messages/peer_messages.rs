//! PeerMessages, from `schema/ordain/peers.schema`.
// Written by `cargo run -p ordain-wiregen`; edit the schema instead.
use crate::types::{TopicId, Uuid};
use crate::wire::{DecodeError, EncodeError, Message, PeerMessage, Reader, TaggedFields, VersionRange, Writer};

#[derive(Debug, Clone, PartialEq, Default)]
pub struct PeerMessages {
    pub rows: Vec<MessageRow>,
    pub unknown_tagged_fields: TaggedFields,
}

impl Message for PeerMessages {
    const NAME: &'static str = "PeerMessages";
    const VERSIONS: VersionRange = VersionRange { min: 0, max: 0 };
    const FLEXIBLE_FROM: Option<i16> = Some(0);

    fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        w.array(true, "Rows", &self.rows, |w, v| v.write(w, version))?;
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            rows: r.array(true, "Rows", 32, |r| MessageRow::read(r, version))?,
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}

impl PeerMessage for PeerMessages {
    const KEY: i16 = 20004;
}

#[derive(Debug, Clone, PartialEq)]
pub struct MessageRow {
    pub topic_id: TopicId,
    pub partition_index: i32,
    pub kind: i8,
    pub epoch: i32,
    pub voter: Option<VoteRow>,
    pub successor: Option<SuccessorRow>,
    pub leader: i32,
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for MessageRow {
    fn default() -> Self {
        Self {
            topic_id: TopicId::ZERO,
            partition_index: 0,
            kind: 0,
            epoch: 0,
            voter: None,
            successor: None,
            leader: -1,
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl MessageRow {
    pub(crate) fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        w.topic_id(self.topic_id);
        w.i32(self.partition_index);
        w.i8(self.kind);
        w.i32(self.epoch);
        w.nullable_struct(self.voter.as_ref(), |w, v| v.write(w, version))?;
        w.nullable_struct(self.successor.as_ref(), |w, v| v.write(w, version))?;
        w.i32(self.leader);
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            topic_id: r.topic_id("TopicId")?,
            partition_index: r.i32("PartitionIndex")?,
            kind: r.i8("Kind")?,
            epoch: r.i32("Epoch")?,
            voter: r.nullable_struct("Voter", |r| VoteRow::read(r, version))?,
            successor: r.nullable_struct("Successor", |r| SuccessorRow::read(r, version))?,
            leader: r.i32("Leader")?,
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct VoteRow {
    pub node_id: i32,
    pub directory_id: Uuid,
    pub candidate_directory_id: Uuid,
    pub log_end_epoch: i32,
    pub log_end: i64,
    pub asked: i32,
    pub decision: i8,
    pub leader: i32,
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for VoteRow {
    fn default() -> Self {
        Self {
            node_id: 0,
            directory_id: Uuid::ZERO,
            candidate_directory_id: Uuid::ZERO,
            log_end_epoch: -1,
            log_end: 0,
            asked: 0,
            decision: 0,
            leader: -1,
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl VoteRow {
    pub(crate) fn write(&self, w: &mut Writer, _version: i16) -> Result<(), EncodeError> {
        w.i32(self.node_id);
        w.uuid(self.directory_id);
        w.uuid(self.candidate_directory_id);
        w.i32(self.log_end_epoch);
        w.i64(self.log_end);
        w.i32(self.asked);
        w.i8(self.decision);
        w.i32(self.leader);
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, _version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            node_id: r.i32("NodeId")?,
            directory_id: r.uuid("DirectoryId")?,
            candidate_directory_id: r.uuid("CandidateDirectoryId")?,
            log_end_epoch: r.i32("LogEndEpoch")?,
            log_end: r.i64("LogEnd")?,
            asked: r.i32("Asked")?,
            decision: r.i8("Decision")?,
            leader: r.i32("Leader")?,
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct SuccessorRow {
    pub node_id: i32,
    pub directory_id: Uuid,
    pub unknown_tagged_fields: TaggedFields,
}

impl SuccessorRow {
    pub(crate) fn write(&self, w: &mut Writer, _version: i16) -> Result<(), EncodeError> {
        w.i32(self.node_id);
        w.uuid(self.directory_id);
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, _version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            node_id: r.i32("NodeId")?,
            directory_id: r.uuid("DirectoryId")?,
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}
