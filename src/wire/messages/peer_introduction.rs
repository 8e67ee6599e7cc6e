//! PeerIntroduction, from `schema/ordain/peers.schema`.
// Written by `cargo run -p ordain-wiregen`; edit the schema instead.
use crate::types::Uuid;
use crate::wire::{DecodeError, EncodeError, KnownTags, Message, PeerMessage, Reader, TaggedFields, Text, VersionRange, Writer};

#[derive(Debug, Clone, PartialEq)]
pub struct PeerIntroduction {
    pub min_version: i16,
    pub max_version: i16,
    pub node_id: i32,
    pub directory_id: Uuid,
    pub incarnation_id: Uuid,
    pub servers: Vec<Text>,
    pub cluster: Option<FoundingRow>,
    /// Tag 0.
    pub leader_id: i32,
    /// Tag 1.
    pub leader_host: Option<Text>,
    /// Tag 2.
    pub leader_port: i32,
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for PeerIntroduction {
    fn default() -> Self {
        Self {
            min_version: 0,
            max_version: 0,
            node_id: 0,
            directory_id: Uuid::ZERO,
            incarnation_id: Uuid::ZERO,
            servers: Vec::new(),
            cluster: None,
            leader_id: -1,
            leader_host: None,
            leader_port: 0,
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl Message for PeerIntroduction {
    const NAME: &'static str = "PeerIntroduction";
    const VERSIONS: VersionRange = VersionRange { min: 0, max: 0 };
    const FLEXIBLE_FROM: Option<i16> = Some(0);

    fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        w.i16(self.min_version);
        w.i16(self.max_version);
        w.i32(self.node_id);
        w.uuid(self.directory_id);
        w.uuid(self.incarnation_id);
        w.array(true, "Servers", &self.servers, |w, v| w.string(true, "Servers", v))?;
        w.nullable_struct(self.cluster.as_ref(), |w, v| v.write(w, version))?;
        {
            let mut tags = KnownTags::default();
            if self.leader_id != -1 {
                tags.add(w, 0, |w| { w.i32(self.leader_id); Ok(()) })?;
            }
            if self.leader_host.is_some() {
                tags.add(w, 1, |w| w.nullable_string(true, true, "LeaderHost", self.leader_host.as_ref()))?;
            }
            if self.leader_port != 0 {
                tags.add(w, 2, |w| { w.i32(self.leader_port); Ok(()) })?;
            }
            w.all_tagged_fields(tags, &self.unknown_tagged_fields)?;
        }
        Ok(())
    }
    fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        let mut m = Self {
            min_version: r.i16("MinVersion")?,
            max_version: r.i16("MaxVersion")?,
            node_id: r.i32("NodeId")?,
            directory_id: r.uuid("DirectoryId")?,
            incarnation_id: r.uuid("IncarnationId")?,
            servers: r.array(true, "Servers", 1, |r| r.string(true, "Servers"))?,
            cluster: r.nullable_struct("Cluster", |r| FoundingRow::read(r, version))?,
            leader_id: -1,
            leader_host: None,
            leader_port: 0,
            unknown_tagged_fields: TaggedFields::default(),
        };
        m.unknown_tagged_fields = r.tagged_fields_with(&mut |r, tag| {
            match tag {
                0 => m.leader_id = r.i32("LeaderId")?,
                1 => m.leader_host = r.nullable_string(true, true, "LeaderHost")?,
                2 => m.leader_port = r.i32("LeaderPort")?,
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(m)
    }
}

impl PeerMessage for PeerIntroduction {
    const KEY: i16 = 20005;
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct FoundingRow {
    pub cluster_id: Text,
    pub complete: bool,
    pub voters: Vec<FounderRow>,
    pub unknown_tagged_fields: TaggedFields,
}

impl FoundingRow {
    pub(crate) fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        w.string(true, "ClusterId", &self.cluster_id)?;
        w.bool(self.complete);
        w.array(true, "Voters", &self.voters, |w, v| v.write(w, version))?;
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            cluster_id: r.string(true, "ClusterId")?,
            complete: r.bool("Complete")?,
            voters: r.array(true, "Voters", 21, |r| FounderRow::read(r, version))?,
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct FounderRow {
    pub node_id: i32,
    pub directory_id: Uuid,
    pub unknown_tagged_fields: TaggedFields,
}

impl FounderRow {
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
