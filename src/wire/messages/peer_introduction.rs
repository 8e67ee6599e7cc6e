//! PeerIntroduction, from `schema/ordain/peers.schema`.
// Written by `cargo run -p ordain-wiregen`; edit the schema instead.
use crate::types::Uuid;
use crate::wire::{DecodeError, EncodeError, Message, PeerMessage, Reader, TaggedFields, Text, VersionRange, Writer};

#[derive(Debug, Clone, PartialEq, Default)]
pub struct PeerIntroduction {
    pub min_version: i16,
    pub max_version: i16,
    pub node_id: i32,
    pub directory_id: Uuid,
    pub incarnation_id: Uuid,
    pub servers: Vec<Text>,
    pub cluster: Option<FoundingRow>,
    pub unknown_tagged_fields: TaggedFields,
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
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            min_version: r.i16("MinVersion")?,
            max_version: r.i16("MaxVersion")?,
            node_id: r.i32("NodeId")?,
            directory_id: r.uuid("DirectoryId")?,
            incarnation_id: r.uuid("IncarnationId")?,
            servers: r.array(true, "Servers", 1, |r| r.string(true, "Servers"))?,
            cluster: r.nullable_struct("Cluster", |r| FoundingRow::read(r, version))?,
            unknown_tagged_fields: r.tagged_fields()?,
        })
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
