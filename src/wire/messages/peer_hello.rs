//! PeerHello, from `schema/ordain/peers.schema`.
// Written by `cargo run -p ordain-wiregen`; edit the schema instead.
use crate::types::Uuid;
use crate::wire::{DecodeError, EncodeError, KnownTags, Message, PeerMessage, Reader, TaggedFields, Text, VersionRange, Writer};

#[derive(Debug, Clone, PartialEq)]
pub struct PeerHello {
    pub min_version: i16,
    pub max_version: i16,
    pub cluster_id: Option<Text>,
    pub node_id: i32,
    pub directory_id: Uuid,
    pub incarnation_id: Uuid,
    pub receiver_id: i32,
    pub frame_bytes_max: i32,
    /// Tag 0.
    pub host: Option<Text>,
    /// Tag 1.
    pub port: i32,
    /// Tag 2.
    pub found_commit: i64,
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for PeerHello {
    fn default() -> Self {
        Self {
            min_version: 0,
            max_version: 0,
            cluster_id: None,
            node_id: 0,
            directory_id: Uuid::ZERO,
            incarnation_id: Uuid::ZERO,
            receiver_id: 0,
            frame_bytes_max: 0,
            host: None,
            port: 0,
            found_commit: -1,
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl Message for PeerHello {
    const NAME: &'static str = "PeerHello";
    const VERSIONS: VersionRange = VersionRange { min: 0, max: 0 };
    const FLEXIBLE_FROM: Option<i16> = Some(0);

    fn write(&self, w: &mut Writer, _version: i16) -> Result<(), EncodeError> {
        w.i16(self.min_version);
        w.i16(self.max_version);
        w.nullable_string(true, true, "ClusterId", self.cluster_id.as_ref())?;
        w.i32(self.node_id);
        w.uuid(self.directory_id);
        w.uuid(self.incarnation_id);
        w.i32(self.receiver_id);
        w.i32(self.frame_bytes_max);
        {
            let mut tags = KnownTags::default();
            if self.host.is_some() {
                tags.add(w, 0, |w| w.nullable_string(true, true, "Host", self.host.as_ref()))?;
            }
            if self.port != 0 {
                tags.add(w, 1, |w| { w.i32(self.port); Ok(()) })?;
            }
            if self.found_commit != -1 {
                tags.add(w, 2, |w| { w.i64(self.found_commit); Ok(()) })?;
            }
            w.all_tagged_fields(tags, &self.unknown_tagged_fields)?;
        }
        Ok(())
    }
    fn read(r: &mut Reader, _version: i16) -> Result<Self, DecodeError> {
        let mut m = Self {
            min_version: r.i16("MinVersion")?,
            max_version: r.i16("MaxVersion")?,
            cluster_id: r.nullable_string(true, true, "ClusterId")?,
            node_id: r.i32("NodeId")?,
            directory_id: r.uuid("DirectoryId")?,
            incarnation_id: r.uuid("IncarnationId")?,
            receiver_id: r.i32("ReceiverId")?,
            frame_bytes_max: r.i32("FrameBytesMax")?,
            host: None,
            port: 0,
            found_commit: -1,
            unknown_tagged_fields: TaggedFields::default(),
        };
        m.unknown_tagged_fields = r.tagged_fields_with(&mut |r, tag| {
            match tag {
                0 => m.host = r.nullable_string(true, true, "Host")?,
                1 => m.port = r.i32("Port")?,
                2 => m.found_commit = r.i64("FoundCommit")?,
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(m)
    }
}

impl PeerMessage for PeerHello {
    const KEY: i16 = 20000;
}
