//! ShareGroupDescribeRequest, from `schema/share_groups.schema`.
// Written by `cargo run -p ordain-wiregen`; edit the schema instead.
use crate::wire::{ApiKey, ApiRequest, DecodeError, EncodeError, Message, Reader, TaggedFields, Text, VersionRange, Writer};
use super::ShareGroupDescribeResponse;

#[derive(Debug, Clone, PartialEq, Default)]
pub struct ShareGroupDescribeRequest {
    pub group_ids: Vec<Text>,
    pub include_authorized_operations: bool,
    pub unknown_tagged_fields: TaggedFields,
}

impl Message for ShareGroupDescribeRequest {
    const NAME: &'static str = "ShareGroupDescribeRequest";
    const VERSIONS: VersionRange = VersionRange { min: 1, max: 1 };
    const FLEXIBLE_FROM: Option<i16> = Some(1);

    fn write(&self, w: &mut Writer, _version: i16) -> Result<(), EncodeError> {
        w.array(true, "GroupIds", &self.group_ids, |w, v| w.string(true, "GroupIds", v))?;
        w.bool(self.include_authorized_operations);
        w.tagged_fields(&self.unknown_tagged_fields)?;
        Ok(())
    }
    fn read(r: &mut Reader, _version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            group_ids: r.array(true, "GroupIds", 1, |r| r.string(true, "GroupIds"))?,
            include_authorized_operations: r.bool("IncludeAuthorizedOperations")?,
            unknown_tagged_fields: r.tagged_fields()?,
        })
    }
}

impl ApiRequest for ShareGroupDescribeRequest {
    const API: ApiKey = ApiKey::ShareGroupDescribe;
    type Response = ShareGroupDescribeResponse;
}
