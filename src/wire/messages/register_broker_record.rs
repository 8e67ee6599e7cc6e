//! RegisterBrokerRecord, from `schema/ordain/metadata.schema`.
// Written by `cargo run -p ordain-wiregen`; edit the schema instead.
use crate::types::Uuid;
use crate::wire::{DecodeError, EncodeError, KnownTags, Message, Reader, RecordKey, TaggedFields, Text, VersionRange, Writer};

#[derive(Debug, Clone, PartialEq)]
pub struct RegisterBrokerRecord {
    pub broker_id: i32,
    pub incarnation_id: Uuid,
    pub endpoints: Vec<BrokerEndpoint>,
    pub rack: Option<Text>,
    /// Versions 1+.
    pub directory_id: Uuid,
    /// Versions 1+.
    pub broker_epoch: i64,
    /// Versions 1+.
    pub fenced: bool,
    /// Version 2.
    pub roles: i8,
    /// Version 2; tag 0.
    pub features: Vec<BrokerFeature>,
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for RegisterBrokerRecord {
    fn default() -> Self {
        Self {
            broker_id: 0,
            incarnation_id: Uuid::ZERO,
            endpoints: Vec::new(),
            rack: None,
            directory_id: Uuid::ZERO,
            broker_epoch: 0,
            fenced: false,
            roles: 3,
            features: Vec::new(),
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl Message for RegisterBrokerRecord {
    const NAME: &'static str = "RegisterBrokerRecord";
    const VERSIONS: VersionRange = VersionRange { min: 0, max: 2 };
    const FLEXIBLE_FROM: Option<i16> = Some(0);

    fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        w.i32(self.broker_id);
        w.uuid(self.incarnation_id);
        w.array(true, "Endpoints", &self.endpoints, |w, v| v.write(w, version))?;
        w.nullable_string(true, true, "Rack", self.rack.as_ref())?;
        if version >= 1 {
            w.uuid(self.directory_id);
        } else if self.directory_id != Uuid::ZERO {
            return Err(w.not_in_version("DirectoryId"));
        }
        if version >= 1 {
            w.i64(self.broker_epoch);
        } else if self.broker_epoch != 0 {
            return Err(w.not_in_version("BrokerEpoch"));
        }
        if version >= 1 {
            w.bool(self.fenced);
        } else if self.fenced {
            return Err(w.not_in_version("Fenced"));
        }
        if version >= 2 {
            w.i8(self.roles);
        } else if self.roles != 3 {
            return Err(w.not_in_version("Roles"));
        }
        {
            let mut tags = KnownTags::default();
            if version >= 2 && !self.features.is_empty() {
                tags.add(w, 0, |w| w.array(true, "Features", &self.features, |w, v| v.write(w, version)))?;
            } else if !self.features.is_empty() {
                return Err(w.not_in_version("Features"));
            }
            w.all_tagged_fields(tags, &self.unknown_tagged_fields)?;
        }
        Ok(())
    }
    fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        let mut m = Self {
            broker_id: r.i32("BrokerId")?,
            incarnation_id: r.uuid("IncarnationId")?,
            endpoints: r.array(true, "Endpoints", 5, |r| BrokerEndpoint::read(r, version))?,
            rack: r.nullable_string(true, true, "Rack")?,
            directory_id: if version >= 1 { r.uuid("DirectoryId")? } else { Uuid::ZERO },
            broker_epoch: if version >= 1 { r.i64("BrokerEpoch")? } else { 0 },
            fenced: if version >= 1 { r.bool("Fenced")? } else { false },
            roles: if version >= 2 { r.i8("Roles")? } else { 3 },
            features: Vec::new(),
            unknown_tagged_fields: TaggedFields::default(),
        };
        m.unknown_tagged_fields = r.tagged_fields_with(&mut |r, tag| {
            match tag {
                0 if version >= 2 => m.features = r.array(true, "Features", 6, |r| BrokerFeature::read(r, version))?,
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(m)
    }
}

impl RecordKey for RegisterBrokerRecord {
    const TYPE: i16 = 1;
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct BrokerEndpoint {
    pub name: Text,
    pub host: Text,
    pub port: u16,
    pub unknown_tagged_fields: TaggedFields,
}

impl BrokerEndpoint {
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
pub struct BrokerFeature {
    pub name: Text,
    pub least: i16,
    pub most: i16,
    pub unknown_tagged_fields: TaggedFields,
}

impl BrokerFeature {
    pub(crate) fn write(&self, w: &mut Writer, _version: i16) -> Result<(), EncodeError> {
        w.string(true, "Name", &self.name)?;
        w.i16(self.least);
        w.i16(self.most);
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, _version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            name: r.string(true, "Name")?,
            least: r.i16("Least")?,
            most: r.i16("Most")?,
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}
