//! The Kafka protocol as bytes: frames, messages, record batches, compression. Owns no meaning: what a
//! request does is `broker`'s.
pub mod api;
pub mod batch;
pub mod codec;
pub mod compression;
pub mod dispatch;
pub mod frame;
#[rustfmt::skip]
#[allow(clippy::all, reason = "written by the generator, for compactness")]
pub mod messages;
pub mod peer;
pub mod record;

pub use api::ApiKey;
pub use codec::{
    DecodeError, EncodeError, KnownTags, Malformed, Message, Reader, Records, TaggedFields, Text,
    VersionRange, Writer,
};
pub use dispatch::{Request, Response};
pub use frame::{
    ApiRequest, ApiResponse, FrameError, LENGTH_BYTES, RequestFrame, decode_response, encode_request,
    encode_response,
};
pub use peer::{PeerFrame, PeerFrameError, PeerMessage};
pub use record::{MetadataRecord, RecordKey};
