//! GetTelemetrySubscriptionsResponse, from `schema/telemetry.schema`.
// Written by `cargo run -p ordain-wiregen`; edit the schema instead.
use crate::types::Uuid;
use crate::wire::{ApiKey, ApiResponse, DecodeError, EncodeError, Message, Reader, TaggedFields, Text, VersionRange, Writer};

#[derive(Debug, Clone, PartialEq, Default)]
pub struct GetTelemetrySubscriptionsResponse {
    pub throttle_time_ms: i32,
    pub error_code: i16,
    pub client_instance_id: Uuid,
    pub subscription_id: i32,
    pub accepted_compression_types: Vec<i8>,
    pub push_interval_ms: i32,
    pub telemetry_max_bytes: i32,
    pub delta_temporality: bool,
    pub requested_metrics: Vec<Text>,
    pub unknown_tagged_fields: TaggedFields,
}

impl Message for GetTelemetrySubscriptionsResponse {
    const NAME: &'static str = "GetTelemetrySubscriptionsResponse";
    const VERSIONS: VersionRange = VersionRange { min: 0, max: 0 };
    const FLEXIBLE_FROM: Option<i16> = Some(0);

    fn write(&self, w: &mut Writer, _version: i16) -> Result<(), EncodeError> {
        w.i32(self.throttle_time_ms);
        w.i16(self.error_code);
        w.uuid(self.client_instance_id);
        w.i32(self.subscription_id);
        w.array(true, "AcceptedCompressionTypes", &self.accepted_compression_types, |w, v| { w.i8(*v); Ok(()) })?;
        w.i32(self.push_interval_ms);
        w.i32(self.telemetry_max_bytes);
        w.bool(self.delta_temporality);
        w.array(true, "RequestedMetrics", &self.requested_metrics, |w, v| w.string(true, "RequestedMetrics", v))?;
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    fn read(r: &mut Reader, _version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            throttle_time_ms: r.i32("ThrottleTimeMs")?,
            error_code: r.i16("ErrorCode")?,
            client_instance_id: r.uuid("ClientInstanceId")?,
            subscription_id: r.i32("SubscriptionId")?,
            accepted_compression_types: r.array(true, "AcceptedCompressionTypes", 1, |r| r.i8("AcceptedCompressionTypes"))?,
            push_interval_ms: r.i32("PushIntervalMs")?,
            telemetry_max_bytes: r.i32("TelemetryMaxBytes")?,
            delta_temporality: r.bool("DeltaTemporality")?,
            requested_metrics: r.array(true, "RequestedMetrics", 1, |r| r.string(true, "RequestedMetrics"))?,
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}

impl ApiResponse for GetTelemetrySubscriptionsResponse {
    const API: ApiKey = ApiKey::GetTelemetrySubscriptions;
}
