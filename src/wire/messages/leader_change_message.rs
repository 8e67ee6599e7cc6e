//! LeaderChangeMessage, from `schema/records/control.schema`.
// Written by `cargo run -p ordain-wiregen`; edit the schema instead.
use crate::types::Uuid;
use crate::wire::{DecodeError, EncodeError, Message, Reader, TaggedFields, VersionRange, Writer};

#[derive(Debug, Clone, PartialEq, Default)]
pub struct LeaderChangeMessage {
    pub version: i16,
    pub leader_id: i32,
    pub voters: Vec<Voter>,
    pub granting_voters: Vec<Voter>,
    pub unknown_tagged_fields: TaggedFields,
}

impl Message for LeaderChangeMessage {
    const NAME: &'static str = "LeaderChangeMessage";
    const VERSIONS: VersionRange = VersionRange { min: 0, max: 1 };
    const FLEXIBLE_FROM: Option<i16> = Some(0);

    fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        w.i16(self.version);
        w.i32(self.leader_id);
        w.array(true, "Voters", &self.voters, |w, v| v.write(w, version))?;
        w.array(true, "GrantingVoters", &self.granting_voters, |w, v| v.write(w, version))?;
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            version: r.i16("Version")?,
            leader_id: r.i32("LeaderId")?,
            voters: r.array(true, "Voters", 5, |r| Voter::read(r, version))?,
            granting_voters: r.array(true, "GrantingVoters", 5, |r| Voter::read(r, version))?,
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Voter {
    pub voter_id: i32,
    /// Version 1.
    pub voter_directory_id: Uuid,
    pub unknown_tagged_fields: TaggedFields,
}

impl Voter {
    pub(crate) fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        w.i32(self.voter_id);
        if version >= 1 {
            w.uuid(self.voter_directory_id);
        } else if self.voter_directory_id != Uuid::ZERO {
            return Err(w.not_in_version("VoterDirectoryId"));
        }
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            voter_id: r.i32("VoterId")?,
            voter_directory_id: if version >= 1 { r.uuid("VoterDirectoryId")? } else { Uuid::ZERO },
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}
