//! ApiVersionsResponse, from `schema/core.schema`.
// Written by `cargo run -p ordain-wiregen`; edit the schema instead.
use crate::wire::{ApiKey, ApiResponse, DecodeError, EncodeError, KnownTags, Message, Reader, TaggedFields, Text, VersionRange, Writer};

#[derive(Debug, Clone, PartialEq)]
pub struct ApiVersionsResponse {
    pub error_code: i16,
    pub api_keys: Vec<ApiVersion>,
    /// Versions 1+.
    pub throttle_time_ms: i32,
    /// Versions 3+; tag 0.
    pub supported_features: Vec<SupportedFeatureKey>,
    /// Versions 3+; tag 1.
    pub finalized_features_epoch: i64,
    /// Versions 3+; tag 2.
    pub finalized_features: Vec<FinalizedFeatureKey>,
    /// Versions 3+; tag 3.
    pub zk_migration_ready: bool,
    pub unknown_tagged_fields: TaggedFields,
}

impl Default for ApiVersionsResponse {
    fn default() -> Self {
        Self {
            error_code: 0,
            api_keys: Vec::new(),
            throttle_time_ms: 0,
            supported_features: Vec::new(),
            finalized_features_epoch: -1,
            finalized_features: Vec::new(),
            zk_migration_ready: false,
            unknown_tagged_fields: TaggedFields::default(),
        }
    }
}

impl Message for ApiVersionsResponse {
    const NAME: &'static str = "ApiVersionsResponse";
    const VERSIONS: VersionRange = VersionRange { min: 0, max: 4 };
    const FLEXIBLE_FROM: Option<i16> = Some(3);

    fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        let flex = version >= 3;
        w.i16(self.error_code);
        w.array(flex, "ApiKeys", &self.api_keys, |w, v| v.write(w, version))?;
        if version >= 1 {
            w.i32(self.throttle_time_ms);
        }
        if flex {
            let mut tags = KnownTags::default();
            if !self.supported_features.is_empty() {
                tags.add(w, 0, |w| w.array(true, "SupportedFeatures", &self.supported_features, |w, v| v.write(w, version)))?;
            }
            if self.finalized_features_epoch != -1 {
                tags.add(w, 1, |w| { w.i64(self.finalized_features_epoch); Ok(()) })?;
            }
            if !self.finalized_features.is_empty() {
                tags.add(w, 2, |w| w.array(true, "FinalizedFeatures", &self.finalized_features, |w, v| v.write(w, version)))?;
            }
            if self.zk_migration_ready {
                tags.add(w, 3, |w| { w.bool(self.zk_migration_ready); Ok(()) })?;
            }
            w.all_tagged_fields(tags, &self.unknown_tagged_fields)?;
        }
        Ok(())
    }
    fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        let flex = version >= 3;
        let mut m = Self {
            error_code: r.i16("ErrorCode")?,
            api_keys: r.array(flex, "ApiKeys", 6, |r| ApiVersion::read(r, version))?,
            throttle_time_ms: if version >= 1 { r.i32("ThrottleTimeMs")? } else { 0 },
            supported_features: Vec::new(),
            finalized_features_epoch: -1,
            finalized_features: Vec::new(),
            zk_migration_ready: false,
            unknown_tagged_fields: TaggedFields::default(),
        };
        if flex { m.unknown_tagged_fields = r.tagged_fields_with(&mut |r, tag| {
            match tag {
                0 => m.supported_features = r.array(true, "SupportedFeatures", 6, |r| SupportedFeatureKey::read(r, version))?,
                1 => m.finalized_features_epoch = r.i64("FinalizedFeaturesEpoch")?,
                2 => m.finalized_features = r.array(true, "FinalizedFeatures", 6, |r| FinalizedFeatureKey::read(r, version))?,
                3 => m.zk_migration_ready = r.bool("ZkMigrationReady")?,
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        }
        Ok(m)
    }
}

impl ApiResponse for ApiVersionsResponse {
    const API: ApiKey = ApiKey::ApiVersions;
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct ApiVersion {
    pub api_key: i16,
    pub min_version: i16,
    pub max_version: i16,
    pub unknown_tagged_fields: TaggedFields,
}

impl ApiVersion {
    pub(crate) fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        let flex = version >= 3;
        w.i16(self.api_key);
        w.i16(self.min_version);
        w.i16(self.max_version);
        if flex {
            w.tagged_fields(&self.unknown_tagged_fields)?;
        }
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        let flex = version >= 3;
        Ok(Self {
            api_key: r.i16("ApiKey")?,
            min_version: r.i16("MinVersion")?,
            max_version: r.i16("MaxVersion")?,
            unknown_tagged_fields: if flex { r.tagged_fields()? } else { TaggedFields::default() },
        })
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct SupportedFeatureKey {
    pub name: Text,
    pub min_version: i16,
    pub max_version: i16,
    pub unknown_tagged_fields: TaggedFields,
}

impl SupportedFeatureKey {
    pub(crate) fn write(&self, w: &mut Writer, _version: i16) -> Result<(), EncodeError> {
        w.string(true, "Name", &self.name)?;
        w.i16(self.min_version);
        w.i16(self.max_version);
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, _version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            name: r.string(true, "Name")?,
            min_version: r.i16("MinVersion")?,
            max_version: r.i16("MaxVersion")?,
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct FinalizedFeatureKey {
    pub name: Text,
    pub max_version_level: i16,
    pub min_version_level: i16,
    pub unknown_tagged_fields: TaggedFields,
}

impl FinalizedFeatureKey {
    pub(crate) fn write(&self, w: &mut Writer, _version: i16) -> Result<(), EncodeError> {
        w.string(true, "Name", &self.name)?;
        w.i16(self.max_version_level);
        w.i16(self.min_version_level);
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    pub(crate) fn read(r: &mut Reader, _version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            name: r.string(true, "Name")?,
            max_version_level: r.i16("MaxVersionLevel")?,
            min_version_level: r.i16("MinVersionLevel")?,
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}
