//! BrokerRegistrationRequest, from `schema/controller.schema`.
// Written by `cargo run -p ordain-wiregen`; edit the schema instead.
use crate::types::Uuid;
use crate::wire::{ApiKey, ApiRequest, DecodeError, EncodeError, KnownTags, Message, Reader, TaggedFields, Text, VersionRange, Writer};
use super::BrokerRegistrationResponse;

#[derive(Debug, Clone, PartialEq)]
pub struct BrokerRegistrationRequest {
    pub broker_id: i32,
    pub cluster_id: Text,
    pub incarnation_id: Uuid,
    pub listeners: Vec<Listener>,
    pub features: Vec<Feature>,
    pub rack: Option<Text>,
    /// Versions 1+.
    pub is_migrating_zk_broker: bool,
    /// Versions 2+.
    pub log_dirs: Vec<Uuid>,
    /// Versions 3+.
    pub previous_broker_epoch: i64,
    /// Version 4; tag 10000.
    pub roles: i8,
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for BrokerRegistrationRequest {
    fn default() -> Self {
        Self {
            broker_id: 0,
            cluster_id: Text::new(),
            incarnation_id: Uuid::ZERO,
            listeners: Vec::new(),
            features: Vec::new(),
            rack: Some(Text::new()),
            is_migrating_zk_broker: false,
            log_dirs: Vec::new(),
            previous_broker_epoch: -1,
            roles: 3,
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl Message for BrokerRegistrationRequest {
    const NAME: &'static str = "BrokerRegistrationRequest";
    const VERSIONS: VersionRange = VersionRange { min: 0, max: 4 };
    const FLEXIBLE_FROM: Option<i16> = Some(0);

    fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        w.i32(self.broker_id);
        w.string(true, "ClusterId", &self.cluster_id)?;
        w.uuid(self.incarnation_id);
        w.array(true, "Listeners", &self.listeners, |w, v| v.write(w, version))?;
        w.array(true, "Features", &self.features, |w, v| v.write(w, version))?;
        w.nullable_string(true, true, "Rack", self.rack.as_ref())?;
        if version >= 1 {
            w.bool(self.is_migrating_zk_broker);
        } else if self.is_migrating_zk_broker {
            return Err(w.not_in_version("IsMigratingZkBroker"));
        }
        if version >= 2 {
            w.array(true, "LogDirs", &self.log_dirs, |w, v| { w.uuid(*v); Ok(()) })?;
        }
        if version >= 3 {
            w.i64(self.previous_broker_epoch);
        }
        {
            let mut tags = KnownTags::default();
            if version >= 4 && self.roles != 3 {
                tags.add(w, 10000, |w| { w.i8(self.roles); Ok(()) })?;
            }
            w.all_tagged_fields(tags, &self.unknown_tagged_fields)?;
        }
        Ok(())
    }
    fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        let mut m = Self {
            broker_id: r.i32("BrokerId")?,
            cluster_id: r.string(true, "ClusterId")?,
            incarnation_id: r.uuid("IncarnationId")?,
            listeners: r.array(true, "Listeners", 7, |r| Listener::read(r, version))?,
            features: r.array(true, "Features", 6, |r| Feature::read(r, version))?,
            rack: r.nullable_string(true, true, "Rack")?,
            is_migrating_zk_broker: if version >= 1 { r.bool("IsMigratingZkBroker")? } else { false },
            log_dirs: if version >= 2 { r.array(true, "LogDirs", 16, |r| r.uuid("LogDirs"))? } else { Vec::new() },
            previous_broker_epoch: if version >= 3 { r.i64("PreviousBrokerEpoch")? } else { -1 },
            roles: 3,
            unknown_tagged_fields: TaggedFields::default(),
        };
        m.unknown_tagged_fields = r.tagged_fields_with(&mut |r, tag| {
            match tag {
                10000 if version >= 4 => m.roles = r.i8("Roles")?,
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(m)
    }
}

impl ApiRequest for BrokerRegistrationRequest {
    const API: ApiKey = ApiKey::BrokerRegistration;
    type Response = BrokerRegistrationResponse;
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
