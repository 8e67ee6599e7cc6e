//! VotersRecord, from `schema/records/control.schema`.
// Written by `cargo run -p ordain-wiregen`; edit the schema instead.
use crate::types::Uuid;
use crate::wire::{DecodeError, EncodeError, Message, Reader, TaggedFields, Text, VersionRange, Writer};

#[derive(Debug, Clone, PartialEq, Default)]
pub struct VotersRecord {
    pub version: i16,
    pub voters: Vec<Voter>,
    pub unknown_tagged_fields: TaggedFields,
}

impl Message for VotersRecord {
    const NAME: &'static str = "VotersRecord";
    const VERSIONS: VersionRange = VersionRange { min: 0, max: 0 };
    const FLEXIBLE_FROM: Option<i16> = Some(0);

    fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        w.i16(self.version);
        w.array(true, "Voters", &self.voters, |w, v| v.write(w, version))?;
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            version: r.i16("Version")?,
            voters: r.array(true, "Voters", 27, |r| Voter::read(r, version))?,
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Voter {
    pub voter_id: i32,
    pub voter_directory_id: Uuid,
    pub endpoints: Vec<Endpoint>,
    pub kraft_version_feature: KRaftVersionFeature,
    pub unknown_tagged_fields: TaggedFields,
}

impl Voter {
    pub(crate) fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        w.i32(self.voter_id);
        w.uuid(self.voter_directory_id);
        w.array(true, "Endpoints", &self.endpoints, |w, v| v.write(w, version))?;
        self.kraft_version_feature.write(w, version)?;
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            voter_id: r.i32("VoterId")?,
            voter_directory_id: r.uuid("VoterDirectoryId")?,
            endpoints: r.array(true, "Endpoints", 5, |r| Endpoint::read(r, version))?,
            kraft_version_feature: KRaftVersionFeature::read(r, version)?,
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Endpoint {
    pub name: Text,
    pub host: Text,
    pub port: u16,
    pub unknown_tagged_fields: TaggedFields,
}

impl Endpoint {
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

#[derive(Debug, Clone, PartialEq, Default)]
pub struct KRaftVersionFeature {
    pub min_supported_version: i16,
    pub max_supported_version: i16,
    pub unknown_tagged_fields: TaggedFields,
}

impl KRaftVersionFeature {
    pub(crate) fn write(&self, w: &mut Writer, _version: i16) -> Result<(), EncodeError> {
        w.i16(self.min_supported_version);
        w.i16(self.max_supported_version);
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, _version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            min_supported_version: r.i16("MinSupportedVersion")?,
            max_supported_version: r.i16("MaxSupportedVersion")?,
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}
