//! BrokerHeartbeatRequest, from `schema/controller.schema`.
// Written by `cargo run -p ordain-wiregen`; edit the schema instead.
use crate::types::Uuid;
use crate::wire::{ApiKey, ApiRequest, DecodeError, EncodeError, KnownTags, Message, Reader, TaggedFields, VersionRange, Writer};
use super::BrokerHeartbeatResponse;

#[derive(Debug, Clone, PartialEq)]
pub struct BrokerHeartbeatRequest {
    pub broker_id: i32,
    pub broker_epoch: i64,
    pub current_metadata_offset: i64,
    pub want_fence: bool,
    pub want_shut_down: bool,
    /// Versions 1+; tag 0.
    pub offline_log_dirs: Vec<Uuid>,
    /// Version 2; tag 1.
    pub cordoned_log_dirs: Option<Vec<Uuid>>,
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for BrokerHeartbeatRequest {
    fn default() -> Self {
        Self {
            broker_id: 0,
            broker_epoch: -1,
            current_metadata_offset: 0,
            want_fence: false,
            want_shut_down: false,
            offline_log_dirs: Vec::new(),
            cordoned_log_dirs: None,
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl Message for BrokerHeartbeatRequest {
    const NAME: &'static str = "BrokerHeartbeatRequest";
    const VERSIONS: VersionRange = VersionRange { min: 0, max: 2 };
    const FLEXIBLE_FROM: Option<i16> = Some(0);

    fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        w.i32(self.broker_id);
        w.i64(self.broker_epoch);
        w.i64(self.current_metadata_offset);
        w.bool(self.want_fence);
        w.bool(self.want_shut_down);
        {
            let mut tags = KnownTags::default();
            if version >= 1 && !self.offline_log_dirs.is_empty() {
                tags.add(w, 0, |w| w.array(true, "OfflineLogDirs", &self.offline_log_dirs, |w, v| { w.uuid(*v); Ok(()) }))?;
            } else if !self.offline_log_dirs.is_empty() {
                return Err(w.not_in_version("OfflineLogDirs"));
            }
            if version >= 2 && self.cordoned_log_dirs.is_some() {
                tags.add(w, 1, |w| w.nullable_array(true, true, "CordonedLogDirs", self.cordoned_log_dirs.as_deref(), |w, v| { w.uuid(*v); Ok(()) }))?;
            } else if self.cordoned_log_dirs.is_some() {
                return Err(w.not_in_version("CordonedLogDirs"));
            }
            w.all_tagged_fields(tags, &self.unknown_tagged_fields)?;
        }
        Ok(())
    }
    fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        let mut m = Self {
            broker_id: r.i32("BrokerId")?,
            broker_epoch: r.i64("BrokerEpoch")?,
            current_metadata_offset: r.i64("CurrentMetadataOffset")?,
            want_fence: r.bool("WantFence")?,
            want_shut_down: r.bool("WantShutDown")?,
            offline_log_dirs: Vec::new(),
            cordoned_log_dirs: None,
            unknown_tagged_fields: TaggedFields::default(),
        };
        m.unknown_tagged_fields = r.tagged_fields_with(&mut |r, tag| {
            match tag {
                0 if version >= 1 => m.offline_log_dirs = r.array(true, "OfflineLogDirs", 16, |r| r.uuid("OfflineLogDirs"))?,
                1 if version >= 2 => m.cordoned_log_dirs = r.nullable_array(true, true, "CordonedLogDirs", 16, |r| r.uuid("CordonedLogDirs"))?,
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(m)
    }
}

impl ApiRequest for BrokerHeartbeatRequest {
    const API: ApiKey = ApiKey::BrokerHeartbeat;
    type Response = BrokerHeartbeatResponse;
}
