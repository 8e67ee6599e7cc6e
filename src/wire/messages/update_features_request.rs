//! UpdateFeaturesRequest, from `schema/admin.schema`.
// Written by `cargo run -p ordain-wiregen`; edit the schema instead.
use crate::wire::{ApiKey, ApiRequest, DecodeError, EncodeError, Message, Reader, TaggedFields, Text, VersionRange, Writer};
use super::UpdateFeaturesResponse;

#[derive(Debug, Clone, PartialEq)]
pub struct UpdateFeaturesRequest {
    pub timeout_ms: i32,
    pub feature_updates: Vec<FeatureUpdateKey>,
    /// Versions 1+.
    pub validate_only: bool,
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for UpdateFeaturesRequest {
    fn default() -> Self {
        Self {
            timeout_ms: 60000,
            feature_updates: Vec::new(),
            validate_only: false,
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl Message for UpdateFeaturesRequest {
    const NAME: &'static str = "UpdateFeaturesRequest";
    const VERSIONS: VersionRange = VersionRange { min: 0, max: 2 };
    const FLEXIBLE_FROM: Option<i16> = Some(0);

    fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        w.i32(self.timeout_ms);
        w.array(true, "FeatureUpdates", &self.feature_updates, |w, v| v.write(w, version))?;
        if version >= 1 {
            w.bool(self.validate_only);
        } else if self.validate_only {
            return Err(w.not_in_version("ValidateOnly"));
        }
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            timeout_ms: r.i32("timeoutMs")?,
            feature_updates: r.array(true, "FeatureUpdates", 5, |r| FeatureUpdateKey::read(r, version))?,
            validate_only: if version >= 1 { r.bool("ValidateOnly")? } else { false },
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}

impl ApiRequest for UpdateFeaturesRequest {
    const API: ApiKey = ApiKey::UpdateFeatures;
    type Response = UpdateFeaturesResponse;
}

#[derive(Debug, Clone, PartialEq)]
pub struct FeatureUpdateKey {
    pub feature: Text,
    pub max_version_level: i16,
    /// Version 0.
    pub allow_downgrade: bool,
    /// Versions 1+.
    pub upgrade_type: i8,
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for FeatureUpdateKey {
    fn default() -> Self {
        Self {
            feature: Text::new(),
            max_version_level: 0,
            allow_downgrade: false,
            upgrade_type: 1,
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl FeatureUpdateKey {
    pub(crate) fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        w.string(true, "Feature", &self.feature)?;
        w.i16(self.max_version_level);
        if version <= 0 {
            w.bool(self.allow_downgrade);
        } else if self.allow_downgrade {
            return Err(w.not_in_version("AllowDowngrade"));
        }
        if version >= 1 {
            w.i8(self.upgrade_type);
        } else if self.upgrade_type != 1 {
            return Err(w.not_in_version("UpgradeType"));
        }
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            feature: r.string(true, "Feature")?,
            max_version_level: r.i16("MaxVersionLevel")?,
            allow_downgrade: if version <= 0 { r.bool("AllowDowngrade")? } else { false },
            upgrade_type: if version >= 1 { r.i8("UpgradeType")? } else { 1 },
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}
