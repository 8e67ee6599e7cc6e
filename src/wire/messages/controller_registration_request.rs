//! ControllerRegistrationRequest, from `schema/controller.schema`.
// Written by `cargo run -p ordain-wiregen`; edit the schema instead.
use crate::types::Uuid;
use crate::wire::{ApiKey, ApiRequest, DecodeError, EncodeError, Message, Reader, TaggedFields, Text, VersionRange, Writer};
use super::ControllerRegistrationResponse;

#[derive(Debug, Clone, PartialEq, Default)]
pub struct ControllerRegistrationRequest {
    pub controller_id: i32,
    pub incarnation_id: Uuid,
    pub zk_migration_ready: bool,
    pub listeners: Vec<Listener>,
    pub features: Vec<Feature>,
    pub unknown_tagged_fields: TaggedFields,
}

impl Message for ControllerRegistrationRequest {
    const NAME: &'static str = "ControllerRegistrationRequest";
    const VERSIONS: VersionRange = VersionRange { min: 0, max: 0 };
    const FLEXIBLE_FROM: Option<i16> = Some(0);

    fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        w.i32(self.controller_id);
        w.uuid(self.incarnation_id);
        w.bool(self.zk_migration_ready);
        w.array(true, "Listeners", &self.listeners, |w, v| v.write(w, version))?;
        w.array(true, "Features", &self.features, |w, v| v.write(w, version))?;
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            controller_id: r.i32("ControllerId")?,
            incarnation_id: r.uuid("IncarnationId")?,
            zk_migration_ready: r.bool("ZkMigrationReady")?,
            listeners: r.array(true, "Listeners", 7, |r| Listener::read(r, version))?,
            features: r.array(true, "Features", 6, |r| Feature::read(r, version))?,
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}

impl ApiRequest for ControllerRegistrationRequest {
    const API: ApiKey = ApiKey::ControllerRegistration;
    type Response = ControllerRegistrationResponse;
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Listener {
    pub name: Text,
    pub host: Text,
    pub port: u16,
    pub security_protocol: i16,
    pub unknown_tagged_fields: TaggedFields,
}

impl Listener {
    pub(crate) fn write(&self, w: &mut Writer, _version: i16) -> Result<(), EncodeError> {
        w.string(true, "Name", &self.name)?;
        w.string(true, "Host", &self.host)?;
        w.u16(self.port);
        w.i16(self.security_protocol);
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, _version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            name: r.string(true, "Name")?,
            host: r.string(true, "Host")?,
            port: r.u16("Port")?,
            security_protocol: r.i16("SecurityProtocol")?,
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Feature {
    pub name: Text,
    pub min_supported_version: i16,
    pub max_supported_version: i16,
    pub unknown_tagged_fields: TaggedFields,
}

impl Feature {
    pub(crate) fn write(&self, w: &mut Writer, _version: i16) -> Result<(), EncodeError> {
        w.string(true, "Name", &self.name)?;
        w.i16(self.min_supported_version);
        w.i16(self.max_supported_version);
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, _version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            name: r.string(true, "Name")?,
            min_supported_version: r.i16("MinSupportedVersion")?,
            max_supported_version: r.i16("MaxSupportedVersion")?,
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}
