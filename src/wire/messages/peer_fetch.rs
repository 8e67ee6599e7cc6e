//! PeerFetch, from `schema/ordain/peers.schema`.
// Written by `cargo run -p ordain-wiregen`; edit the schema instead.
use crate::types::{TopicId, Uuid};
use crate::wire::{DecodeError, EncodeError, KnownTags, Message, PeerMessage, Reader, TaggedFields, VersionRange, Writer};

#[derive(Debug, Clone, PartialEq)]
pub struct PeerFetch {
    pub sequence: i64,
    pub seen: i64,
    pub clock: i64,
    pub echo: i64,
    pub answer_now: bool,
    pub rows: Vec<FetchRow>,
    pub forgotten: Vec<ForgottenRow>,
    /// Tag 0.
    pub next_commit: i64,
    /// Tag 1.
    pub slow_commit_ms: i32,
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for PeerFetch {
    fn default() -> Self {
        Self {
            sequence: 0,
            seen: 0,
            clock: 0,
            echo: -1,
            answer_now: false,
            rows: Vec::new(),
            forgotten: Vec::new(),
            next_commit: -1,
            slow_commit_ms: 0,
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl Message for PeerFetch {
    const NAME: &'static str = "PeerFetch";
    const VERSIONS: VersionRange = VersionRange { min: 0, max: 0 };
    const FLEXIBLE_FROM: Option<i16> = Some(0);

    fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        w.i64(self.sequence);
        w.i64(self.seen);
        w.i64(self.clock);
        w.i64(self.echo);
        w.bool(self.answer_now);
        w.array(true, "Rows", &self.rows, |w, v| v.write(w, version))?;
        w.array(true, "Forgotten", &self.forgotten, |w, v| v.write(w, version))?;
        {
            let mut tags = KnownTags::default();
            if self.next_commit != -1 {
                tags.add(w, 0, |w| { w.i64(self.next_commit); Ok(()) })?;
            }
            if self.slow_commit_ms != 0 {
                tags.add(w, 1, |w| { w.i32(self.slow_commit_ms); Ok(()) })?;
            }
            w.all_tagged_fields(tags, &self.unknown_tagged_fields)?;
        }
        Ok(())
    }
    fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        let mut m = Self {
            sequence: r.i64("Sequence")?,
            seen: r.i64("Seen")?,
            clock: r.i64("Clock")?,
            echo: r.i64("Echo")?,
            answer_now: r.bool("AnswerNow")?,
            rows: r.array(true, "Rows", 75, |r| FetchRow::read(r, version))?,
            forgotten: r.array(true, "Forgotten", 21, |r| ForgottenRow::read(r, version))?,
            next_commit: -1,
            slow_commit_ms: 0,
            unknown_tagged_fields: TaggedFields::default(),
        };
        m.unknown_tagged_fields = r.tagged_fields_with(&mut |r, tag| {
            match tag {
                0 => m.next_commit = r.i64("NextCommit")?,
                1 => m.slow_commit_ms = r.i32("SlowCommitMs")?,
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(m)
    }
}

impl PeerMessage for PeerFetch {
    const KEY: i16 = 20002;
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct FetchRow {
    pub topic_id: TopicId,
    pub partition_index: i32,
    pub epoch: i32,
    pub directory_id: Uuid,
    pub log_end: PeerPosition,
    pub durable: PeerPosition,
    pub log_start: i64,
    pub unknown_tagged_fields: TaggedFields,
}

impl FetchRow {
    pub(crate) fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        w.topic_id(self.topic_id);
        w.i32(self.partition_index);
        w.i32(self.epoch);
        w.uuid(self.directory_id);
        self.log_end.write(w, version)?;
        self.durable.write(w, version)?;
        w.i64(self.log_start);
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            topic_id: r.topic_id("TopicId")?,
            partition_index: r.i32("PartitionIndex")?,
            epoch: r.i32("Epoch")?,
            directory_id: r.uuid("DirectoryId")?,
            log_end: PeerPosition::read(r, version)?,
            durable: PeerPosition::read(r, version)?,
            log_start: r.i64("LogStart")?,
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
pub struct ForgottenRow {
    pub topic_id: TopicId,
    pub partition_index: i32,
    pub unknown_tagged_fields: TaggedFields,
}

impl ForgottenRow {
    pub(crate) fn write(&self, w: &mut Writer, _version: i16) -> Result<(), EncodeError> {
        w.topic_id(self.topic_id);
        w.i32(self.partition_index);
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, _version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            topic_id: r.topic_id("TopicId")?,
            partition_index: r.i32("PartitionIndex")?,
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}
