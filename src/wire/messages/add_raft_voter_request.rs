//! AddRaftVoterRequest, from `schema/admin.schema`.
// Written by `cargo run -p ordain-wiregen`; edit the schema instead.
use crate::types::Uuid;
use crate::wire::{ApiKey, ApiRequest, DecodeError, EncodeError, Message, Reader, TaggedFields, Text, VersionRange, Writer};
use super::AddRaftVoterResponse;

#[derive(Debug, Clone, PartialEq)]
pub struct AddRaftVoterRequest {
    pub cluster_id: Option<Text>,
    pub timeout_ms: i32,
    pub voter_id: i32,
    pub voter_directory_id: Uuid,
    pub listeners: Vec<Listener>,
    /// Version 1.
    pub ack_when_committed: bool,
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for AddRaftVoterRequest {
    fn default() -> Self {
        Self {
            cluster_id: Some(Text::new()),
            timeout_ms: 0,
            voter_id: 0,
            voter_directory_id: Uuid::ZERO,
            listeners: Vec::new(),
            ack_when_committed: true,
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl Message for AddRaftVoterRequest {
    const NAME: &'static str = "AddRaftVoterRequest";
    const VERSIONS: VersionRange = VersionRange { min: 0, max: 1 };
    const FLEXIBLE_FROM: Option<i16> = Some(0);

    fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        w.nullable_string(true, true, "ClusterId", self.cluster_id.as_ref())?;
        w.i32(self.timeout_ms);
        w.i32(self.voter_id);
        w.uuid(self.voter_directory_id);
        w.array(true, "Listeners", &self.listeners, |w, v| v.write(w, version))?;
        if version >= 1 {
            w.bool(self.ack_when_committed);
        } else if !self.ack_when_committed {
            return Err(w.not_in_version("AckWhenCommitted"));
        }
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            cluster_id: r.nullable_string(true, true, "ClusterId")?,
            timeout_ms: r.i32("TimeoutMs")?,
            voter_id: r.i32("VoterId")?,
            voter_directory_id: r.uuid("VoterDirectoryId")?,
            listeners: r.array(true, "Listeners", 5, |r| Listener::read(r, version))?,
            ack_when_committed: if version >= 1 { r.bool("AckWhenCommitted")? } else { true },
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}

impl ApiRequest for AddRaftVoterRequest {
    const API: ApiKey = ApiKey::AddRaftVoter;
    type Response = AddRaftVoterResponse;
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Listener {
    pub name: Text,
    pub host: Text,
    pub port: u16,
    pub unknown_tagged_fields: TaggedFields,
}

impl Listener {
    pub(crate) fn write(&self, w: &mut Writer, _version: i16) -> Result<(), EncodeError> {
        w.string(true, "Name", &self.name)?;
        w.string(true, "Host", &self.host)?;
        w.u16(self.port);
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, _version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            name: r.string(true, "Name")?,
            host: r.string(true, "Host")?,
            port: r.u16("Port")?,
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}
