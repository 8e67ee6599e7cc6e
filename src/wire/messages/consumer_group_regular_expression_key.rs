//! ConsumerGroupRegularExpressionKey, from `schema/records/group_coordinator.schema`.
// Written by `cargo run -p ordain-wiregen`; edit the schema instead.
use crate::wire::{DecodeError, EncodeError, Message, Reader, RecordKey, Text, VersionRange, Writer};

#[derive(Debug, Clone, PartialEq, Default)]
pub struct ConsumerGroupRegularExpressionKey {
    pub group_id: Text,
    pub regular_expression: Text,
}

impl Message for ConsumerGroupRegularExpressionKey {
    const NAME: &'static str = "ConsumerGroupRegularExpressionKey";
    const VERSIONS: VersionRange = VersionRange { min: 0, max: 0 };
    const FLEXIBLE_FROM: Option<i16> = None;

    fn write(&self, w: &mut Writer, _version: i16) -> Result<(), EncodeError> {
        w.string(false, "GroupId", &self.group_id)?;
        w.string(false, "RegularExpression", &self.regular_expression)?;
        Ok(())
    }
    fn read(r: &mut Reader, _version: i16) -> Result<Self, DecodeError> {
        Ok(Self {
            group_id: r.string(false, "GroupId")?,
            regular_expression: r.string(false, "RegularExpression")?,
        })
    }
}

impl RecordKey for ConsumerGroupRegularExpressionKey {
    const TYPE: i16 = 16;
}
