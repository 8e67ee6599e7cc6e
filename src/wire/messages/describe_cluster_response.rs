//! DescribeClusterResponse, from `schema/admin.schema`.
// Written by `cargo run -p ordain-wiregen`; edit the schema instead.
use crate::wire::{ApiKey, ApiResponse, DecodeError, EncodeError, Message, Reader, TaggedFields, Text, VersionRange, Writer};

#[derive(Debug, Clone, PartialEq)]
pub struct DescribeClusterResponse {
    pub throttle_time_ms: i32,
    pub error_code: i16,
    pub error_message: Option<Text>,
    /// Versions 1+.
    pub endpoint_type: i8,
    pub cluster_id: Text,
    pub controller_id: i32,
    pub brokers: Vec<DescribeClusterBroker>,
    pub cluster_authorized_operations: i32,
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for DescribeClusterResponse {
    fn default() -> Self {
        Self {
            throttle_time_ms: 0,
            error_code: 0,
            error_message: None,
            endpoint_type: 1,
            cluster_id: Text::new(),
            controller_id: -1,
            brokers: Vec::new(),
            cluster_authorized_operations: -2147483648,
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl Message for DescribeClusterResponse {
    const NAME: &'static str = "DescribeClusterResponse";
    const VERSIONS: VersionRange = VersionRange { min: 0, max: 2 };
    const FLEXIBLE_FROM: Option<i16> = Some(0);

    fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        w.i32(self.throttle_time_ms);
        w.i16(self.error_code);
        w.nullable_string(true, true, "ErrorMessage", self.error_message.as_ref())?;
        if version >= 1 {
            w.i8(self.endpoint_type);
        }
        w.string(true, "ClusterId", &self.cluster_id)?;
        w.i32(self.controller_id);
        w.array(true, "Brokers", &self.brokers, |w, v| v.write(w, version))?;
        w.i32(self.cluster_authorized_operations);
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            throttle_time_ms: r.i32("ThrottleTimeMs")?,
            error_code: r.i16("ErrorCode")?,
            error_message: r.nullable_string(true, true, "ErrorMessage")?,
            endpoint_type: if version >= 1 { r.i8("EndpointType")? } else { 1 },
            cluster_id: r.string(true, "ClusterId")?,
            controller_id: r.i32("ControllerId")?,
            brokers: r.array(true, "Brokers", 11, |r| DescribeClusterBroker::read(r, version))?,
            cluster_authorized_operations: r.i32("ClusterAuthorizedOperations")?,
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}

impl ApiResponse for DescribeClusterResponse {
    const API: ApiKey = ApiKey::DescribeCluster;
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct DescribeClusterBroker {
    pub broker_id: i32,
    pub host: Text,
    pub port: i32,
    pub rack: Option<Text>,
    /// Version 2.
    pub is_fenced: bool,
    pub unknown_tagged_fields: TaggedFields,
}

impl DescribeClusterBroker {
    pub(crate) fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        w.i32(self.broker_id);
        w.string(true, "Host", &self.host)?;
        w.i32(self.port);
        w.nullable_string(true, true, "Rack", self.rack.as_ref())?;
        if version >= 2 {
            w.bool(self.is_fenced);
        }
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            broker_id: r.i32("BrokerId")?,
            host: r.string(true, "Host")?,
            port: r.i32("Port")?,
            rack: r.nullable_string(true, true, "Rack")?,
            is_fenced: if version >= 2 { r.bool("IsFenced")? } else { false },
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}
