//! Frames: a length, a header, a body. Both directions, for brokers and clients.
use bytes::Bytes;

use super::api::ApiKey;
use super::codec::{DecodeError, EncodeError, Message, Reader, TaggedFields, Text, VersionRange, Writer};
use super::dispatch::Request;
use super::messages::{RequestHeader, ResponseHeader};
use crate::types::CorrelationId;

/// Bytes of the length before every frame, which the length does not count.
pub const LENGTH_BYTES: usize = 4;

/// A message that asks.
pub trait ApiRequest: Message {
    const API: ApiKey;
    type Response: ApiResponse;
}

/// A message that answers.
pub trait ApiResponse: Message {
    const API: ApiKey;
}

/// A request whose header has been read.
#[derive(Debug)]
pub struct RequestFrame {
    pub api: ApiKey,
    pub version: i16,
    pub correlation_id: CorrelationId,
    pub client_id: Option<Text>,
    pub header_tagged_fields: TaggedFields,
    body: Reader,
}

/// A frame that holds no request this release could read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    #[error("request {correlation_id}: there is no API with key {key}")]
    UnknownApi { key: i16, version: i16, correlation_id: CorrelationId },
    /// For [`ApiKey::ApiVersions`] the answer is a body of version 0 with `UNSUPPORTED_VERSION` and the
    /// versions of that API.
    #[error("request {correlation_id}: {api} has versions {known}, not {version}")]
    UnknownVersion { api: ApiKey, version: i16, correlation_id: CorrelationId, known: VersionRange },
    #[error("no request header: {0}")]
    Malformed(#[from] DecodeError),
}

impl RequestFrame {
    /// Reads the header of `frame`, which is what followed a length.
    ///
    /// # Errors
    /// An API or version outside the schema (told with the correlation id), or a malformed header.
    pub fn parse(frame: Bytes) -> Result<RequestFrame, FrameError> {
        // The fields that every header version starts with decide the header's version.
        let mut start = Reader::new(frame.clone());
        start.begin::<RequestHeader>(RequestHeader::VERSIONS.min)?;
        let key = start.i16("RequestApiKey")?;
        let version = start.i16("RequestApiVersion")?;
        let correlation_id = CorrelationId(start.i32("CorrelationId")?);
        let Some(api) = ApiKey::from_key(key) else {
            return Err(FrameError::UnknownApi { key, version, correlation_id });
        };
        let known = api.schema();
        if !known.contains(version) {
            return Err(FrameError::UnknownVersion { api, version, correlation_id, known });
        }
        let mut body = Reader::new(frame);
        let header = RequestHeader::decode(&mut body, api.request_header_version(version))?;
        Ok(RequestFrame {
            api,
            version,
            correlation_id,
            client_id: header.client_id,
            header_tagged_fields: header.unknown_tagged_fields,
            body,
        })
    }

    /// Reads the body as whatever its API says. Bytes after the body are ignored, as Kafka does: librdkafka
    /// 2.x sends some after Metadata version 13.
    ///
    /// # Errors
    /// A body that is not of its version.
    pub fn decode(mut self) -> Result<Request, DecodeError> {
        Request::decode(self.api, self.version, &mut self.body)
    }

    /// Reads the body as `R`.
    ///
    /// # Errors
    /// As [`RequestFrame::decode`].
    ///
    /// # Panics
    /// The frame is of another API.
    pub fn decode_as<R: ApiRequest>(mut self) -> Result<R, DecodeError> {
        assert_eq!(R::API, self.api, "the caller chose the type by the frame's API");
        R::decode(&mut self.body, self.version)
    }
}

/// A whole response frame, its length included, as segments to be written one after the other.
///
/// # Errors
/// As [`Message::encode`].
pub fn encode_response<R: ApiResponse>(
    version: i16,
    correlation_id: CorrelationId,
    response: &R,
) -> Result<Vec<Bytes>, EncodeError> {
    let mut w = response_writer(R::API, version, correlation_id)?;
    response.encode(&mut w, version)?;
    w.finish_frame()
}

/// A writer that holds room for the length and the response header.
pub(super) fn response_writer(
    api: ApiKey,
    version: i16,
    correlation_id: CorrelationId,
) -> Result<Writer, EncodeError> {
    let mut w = Writer::with_capacity(256);
    w.i32(0);
    let header = ResponseHeader { correlation_id: correlation_id.0, ..ResponseHeader::default() };
    header.encode(&mut w, api.response_header_version(version))?;
    Ok(w)
}

/// A whole request frame, its length included, as segments to be written one after the other.
///
/// # Errors
/// As [`Message::encode`].
pub fn encode_request<R: ApiRequest>(
    version: i16,
    correlation_id: CorrelationId,
    client_id: Option<&Text>,
    request: &R,
) -> Result<Vec<Bytes>, EncodeError> {
    let mut w = Writer::with_capacity(256);
    w.i32(0);
    let header = RequestHeader {
        request_api_key: R::API.key(),
        request_api_version: version,
        correlation_id: correlation_id.0,
        client_id: client_id.cloned(),
        ..RequestHeader::default()
    };
    header.encode(&mut w, R::API.request_header_version(version))?;
    request.encode(&mut w, version)?;
    w.finish_frame()
}

/// The correlation id of a response frame (without its length), to find the request it answers.
///
/// # Errors
/// Fewer than four bytes.
pub fn response_correlation_id(frame: &Bytes) -> Result<CorrelationId, DecodeError> {
    let mut r = Reader::new(frame.clone());
    r.begin::<ResponseHeader>(0)?;
    Ok(CorrelationId(r.i32("CorrelationId")?))
}

/// Reads a response frame (without its length) to a request of type `R` in `version`.
///
/// An answer to `ApiVersions` may have a body of version 0 although more was asked for; ask again in that
/// case, as [`decode_api_versions`] does.
///
/// # Errors
/// A malformed header or body, or bytes after the body.
pub fn decode_response<R: ApiRequest>(
    version: i16,
    frame: Bytes,
) -> Result<(CorrelationId, R::Response), DecodeError> {
    let mut r = Reader::new(frame);
    let header = ResponseHeader::decode(&mut r, R::API.response_header_version(version))?;
    let response = R::Response::decode(&mut r, version)?;
    r.finish()?;
    Ok((CorrelationId(header.correlation_id), response))
}

/// Reads an answer to an `ApiVersions` request of `version`; a broker that does not know that version
/// answers in version 0.
///
/// # Errors
/// As [`decode_response`].
pub fn decode_api_versions(
    version: i16,
    frame: Bytes,
) -> Result<(CorrelationId, super::messages::ApiVersionsResponse), DecodeError> {
    use super::messages::ApiVersionsRequest;
    match decode_response::<ApiVersionsRequest>(version, frame.clone()) {
        Err(_) if version > 0 => decode_response::<ApiVersionsRequest>(0, frame),
        read => read,
    }
}
