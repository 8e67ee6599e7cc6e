//! PeerFetchReply, from `schema/ordain/peers.schema`.
// Written by `cargo run -p ordain-wiregen`; edit the schema instead.
use crate::types::{TopicId, Uuid};
use crate::wire::{DecodeError, EncodeError, KnownTags, Message, PeerMessage, Reader, Records, TaggedFields, VersionRange, Writer};
use bytes::Bytes;

#[derive(Debug, Clone, PartialEq)]
pub struct PeerFetchReply {
    pub number: i64,
    pub answers: i64,
    pub clock: i64,
    pub echo: i64,
    pub rows: Vec<FetchReplyRow>,
    /// Tag 0.
    pub wall_clock: i64,
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for PeerFetchReply {
    fn default() -> Self {
        Self {
            number: 0,
            answers: 0,
            clock: 0,
            echo: -1,
            rows: Vec::new(),
            wall_clock: -1,
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl Message for PeerFetchReply {
    const NAME: &'static str = "PeerFetchReply";
    const VERSIONS: VersionRange = VersionRange { min: 0, max: 0 };
    const FLEXIBLE_FROM: Option<i16> = Some(0);

    fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        w.i64(self.number);
        w.i64(self.answers);
        w.i64(self.clock);
        w.i64(self.echo);
        w.array(true, "Rows", &self.rows, |w, v| v.write(w, version))?;
        {
            let mut tags = KnownTags::default();
            if self.wall_clock != -1 {
                tags.add(w, 0, |w| { w.i64(self.wall_clock); Ok(()) })?;
            }
            w.all_tagged_fields(tags, &self.unknown_tagged_fields)?;
        }
        Ok(())
    }
    fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        let mut m = Self {
            number: r.i64("Number")?,
            answers: r.i64("Answers")?,
            clock: r.i64("Clock")?,
            echo: r.i64("Echo")?,
            rows: r.array(true, "Rows", 81, |r| FetchReplyRow::read(r, version))?,
            wall_clock: -1,
            unknown_tagged_fields: TaggedFields::default(),
        };
        m.unknown_tagged_fields = r.tagged_fields_with(&mut |r, tag| {
            match tag {
                0 => m.wall_clock = r.i64("WallClock")?,
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(m)
    }
}

impl PeerMessage for PeerFetchReply {
    const KEY: i16 = 20003;
}

#[derive(Debug, Clone, PartialEq)]
pub struct FetchReplyRow {
    pub topic_id: TopicId,
    pub partition_index: i32,
    pub epoch: i32,
    pub asked: PeerPosition,
    pub high_watermark: PeerPosition,
    pub log_start: i64,
    pub outcome: i8,
    pub position: PeerPosition,
    pub epoch_starts: Vec<EpochStartRow>,
    pub records: Records,
    pub voters: Vec<VoterRow>,
    pub producer_state: Bytes,
    pub leader: i32,
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for FetchReplyRow {
    fn default() -> Self {
        Self {
            topic_id: TopicId::ZERO,
            partition_index: 0,
            epoch: 0,
            asked: PeerPosition::default(),
            high_watermark: PeerPosition::default(),
            log_start: 0,
            outcome: 0,
            position: PeerPosition::default(),
            epoch_starts: Vec::new(),
            records: Records::default(),
            voters: Vec::new(),
            producer_state: Bytes::new(),
            leader: -1,
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl FetchReplyRow {
    pub(crate) fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        w.topic_id(self.topic_id);
        w.i32(self.partition_index);
        w.i32(self.epoch);
        self.asked.write(w, version)?;
        self.high_watermark.write(w, version)?;
        w.i64(self.log_start);
        w.i8(self.outcome);
        self.position.write(w, version)?;
        w.array(true, "EpochStarts", &self.epoch_starts, |w, v| v.write(w, version))?;
        w.records(true, "Records", &self.records)?;
        w.array(true, "Voters", &self.voters, |w, v| v.write(w, version))?;
        w.bytes(true, "ProducerState", &self.producer_state)?;
        w.i32(self.leader);
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            topic_id: r.topic_id("TopicId")?,
            partition_index: r.i32("PartitionIndex")?,
            epoch: r.i32("Epoch")?,
            asked: PeerPosition::read(r, version)?,
            high_watermark: PeerPosition::read(r, version)?,
            log_start: r.i64("LogStart")?,
            outcome: r.i8("Outcome")?,
            position: PeerPosition::read(r, version)?,
            epoch_starts: r.array(true, "EpochStarts", 13, |r| EpochStartRow::read(r, version))?,
            records: r.records(true, "Records")?,
            voters: r.array(true, "Voters", 21, |r| VoterRow::read(r, version))?,
            producer_state: r.bytes(true, "ProducerState")?,
            leader: r.i32("Leader")?,
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct PeerPosition {
    pub epoch: i32,
    pub end: i64,
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for PeerPosition {
    fn default() -> Self {
        Self {
            epoch: -1,
            end: 0,
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl PeerPosition {
    pub(crate) fn write(&self, w: &mut Writer, _version: i16) -> Result<(), EncodeError> {
        w.i32(self.epoch);
        w.i64(self.end);
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, _version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            epoch: r.i32("Epoch")?,
            end: r.i64("End")?,
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct EpochStartRow {
    pub epoch: i32,
    pub start: i64,
    pub unknown_tagged_fields: TaggedFields,
}

impl EpochStartRow {
    pub(crate) fn write(&self, w: &mut Writer, _version: i16) -> Result<(), EncodeError> {
        w.i32(self.epoch);
        w.i64(self.start);
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, _version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            epoch: r.i32("Epoch")?,
            start: r.i64("Start")?,
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct VoterRow {
    pub node_id: i32,
    pub directory_id: Uuid,
    pub unknown_tagged_fields: TaggedFields,
}

impl VoterRow {
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
