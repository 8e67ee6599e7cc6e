//! Frames between nodes, from a stream and onto one.
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};

use super::hello::HelloError;
use super::news::REPLY_BYTES;
use super::rows::{ROW_BYTES, ROWS_MAX};
use super::{RefusedHello, SessionError};
use crate::io::{Clock, Elapsed, ReadHalf, WriteHalf, read_some, timeout, write_all_vectored};
use crate::types::Instant;
use crate::types::limits::PRODUCER_STATE_BYTES_MAX;
use crate::wire::{ApiKey, EncodeError, PeerFrame, PeerFrameError};

/// The least that a node must take as a frame, in bytes: any frame but one with a single larger batch fits, one among them that tells a
/// replica which begins anew of all the producers that a partition may have.
pub const FRAME_BYTES_LEAST: usize = 24 << 20;

/// The largest frame of a handshake, in bytes.
pub(super) const HELLO_BYTES_MAX: usize = 8 << 10;

/// Bytes before each frame, which the length does not count.
const LENGTH_BYTES: usize = 4;
/// The beginning of a Kafka request: its length, its API and the version of that.
const KAFKA_HEAD_BYTES: usize = 8;
/// What the length of a Kafka request counts: API, version and correlation id at least, and no more than Kafka takes itself
/// (`socket.request.max.bytes`).
const KAFKA_REQUEST_BYTES_LEAST: usize = 8;
const KAFKA_REQUEST_BYTES_MAX: usize = 100 << 20;
/// What a read asks for at least, and what is reserved at once on the word of a length at most, in bytes.
const READ_BYTES_MIN: usize = 16 << 10;
const RESERVE_BYTES_MAX: usize = 1 << 20;

const _: () = assert!(HELLO_BYTES_MAX <= FRAME_BYTES_LEAST);
const _: () = assert!(2 * ROWS_MAX * ROW_BYTES <= FRAME_BYTES_LEAST, "a full request, twice");
const _: () = assert!(REPLY_BYTES + ROWS_MAX * ROW_BYTES <= FRAME_BYTES_LEAST, "a full reply");
const _: () = assert!(
    PRODUCER_STATE_BYTES_MAX + REPLY_BYTES + ROWS_MAX * ROW_BYTES <= FRAME_BYTES_LEAST,
    "a full reply and the state that a log begins anew with"
);

/// Why a connection ended.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    #[error("{0}")]
    Broken(#[from] io::Error),
    #[error("the other node closed it")]
    Closed,
    #[error("nothing was heard for {0:?}")]
    Silent(Duration),
    #[error("a frame was not through within {0:?}")]
    Slow(Duration),
    #[error("no handshake within {0:?}")]
    NoHandshake(Duration),
    #[error("it does not speak the protocol between nodes, but is {0}")]
    Foreign(&'static str),
    #[error("a Kafka client dialled it, with {} version {version}", api.name())]
    KafkaClient { api: ApiKey, version: i16 },
    #[error("{}", wrong_length(*length, *max))]
    Length { length: i32, max: usize },
    #[error(transparent)]
    Frame(#[from] PeerFrameError),
    #[error("{0} was not to be sent here")]
    Unexpected(&'static str),
    #[error(transparent)]
    Session(#[from] SessionError),
    #[error(transparent)]
    Hello(#[from] HelloError),
    #[error(transparent)]
    Refused(#[from] RefusedHello),
    #[error("a later connection of that node has taken its place")]
    Overtaken,
    #[error("a frame of {length} bytes for a node that takes {max}: raise socket.request.max.bytes there")]
    TooLarge { length: usize, max: usize },
    #[error("a frame cannot be written: {0}")]
    Encode(#[from] EncodeError),
    #[error("this node closed it")]
    Ours,
    #[error("this node belongs to no cluster yet")]
    NotJoined,
    #[error("this node takes no introductions")]
    NotForming,
}

/// A length that reads as text is none: it is the beginning of what another protocol says.
fn wrong_length(length: i32, max: usize) -> String {
    let bytes = length.to_be_bytes();
    if bytes.iter().all(|byte| byte.is_ascii_graphic() || *byte == b' ') {
        let text = String::from_utf8_lossy(&bytes);
        return format!(
            "what it says begins with {text:?}, so it is no node's port: the address has to be that of a listener for nodes \
             (controller.listener.names)"
        );
    }
    format!("a frame of {length} bytes; {max} are allowed")
}

impl LinkError {
    /// Whether the other host said that nothing listens there.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        matches!(self, LinkError::Broken(error) if error.kind() == io::ErrorKind::ConnectionRefused)
    }

    /// What this node had told of its journal and no longer has, if it was refused for that.
    #[must_use]
    pub fn forgot(&self) -> Option<u64> {
        match self {
            LinkError::Hello(HelloError::Forgot { told, .. }) => Some(*told),
            _ => None,
        }
    }

    /// Whether the other end sent what no sound node sends.
    #[must_use]
    pub fn is_malformed(&self) -> bool {
        match self {
            LinkError::Length { .. }
            | LinkError::Frame(_)
            | LinkError::Unexpected(_)
            | LinkError::Session(_)
            | LinkError::Hello(HelloError::OutOfRange { .. }) => true,
            LinkError::Broken(_)
            | LinkError::Closed
            | LinkError::Silent(_)
            | LinkError::Slow(_)
            | LinkError::NoHandshake(_)
            | LinkError::Foreign(_)
            | LinkError::KafkaClient { .. }
            | LinkError::Hello(_)
            | LinkError::Refused(_)
            | LinkError::Overtaken
            | LinkError::TooLarge { .. }
            | LinkError::Encode(_)
            | LinkError::Ours
            | LinkError::NotJoined
            | LinkError::NotForming => false,
        }
    }
}

/// How long the frames of a connection may be, and take.
#[derive(Clone, Copy, Debug)]
pub(super) struct FrameLimits {
    pub(super) bytes_max: usize,
    /// Between two frames.
    pub(super) silence: Duration,
    /// For one.
    pub(super) transfer: Duration,
}

/// The receiving half of a connection. A wait that is dropped loses nothing.
pub(super) struct FrameReader {
    read: Box<dyn ReadHalf>,
    buffer: BytesMut,
    moved: Moved,
}

/// When bytes came last on a connection, whether or not a frame is whole with them. Cheap to clone.
#[derive(Clone, Default, Debug)]
pub struct Moved(Arc<AtomicU64>);

impl Moved {
    fn note(&self, now: Instant) {
        self.0.store(now.0, Ordering::Relaxed);
    }

    /// The beginning of time if none ever came.
    #[must_use]
    pub fn last(&self) -> Instant {
        Instant(self.0.load(Ordering::Relaxed))
    }
}

impl FrameReader {
    pub(super) fn new(read: Box<dyn ReadHalf>) -> FrameReader {
        FrameReader { read, buffer: BytesMut::new(), moved: Moved::default() }
    }

    pub(super) fn moved(&self) -> Moved {
        self.moved.clone()
    }

    /// Reads what is expected to be the next bytes.
    pub(super) async fn expect(&mut self, expected: &[u8]) -> Result<(), LinkError> {
        loop {
            let length = self.buffer.len().min(expected.len());
            if self.buffer[..length] != expected[..length] {
                return Err(self.stranger().await);
            }
            if length == expected.len() {
                self.buffer.advance(length);
                return Ok(());
            }
            self.read_more(READ_BYTES_MIN).await?;
        }
    }

    /// What began with something else than was expected.
    async fn stranger(&mut self) -> LinkError {
        // A length comes alone from nobody but a Kafka client that writes it by itself.
        while self.buffer[0] == 0 && self.buffer.len() < KAFKA_HEAD_BYTES {
            if self.read_more(READ_BYTES_MIN).await.is_err() {
                break;
            }
        }
        match self.buffer.first_chunk().and_then(|head| kafka_request(*head)) {
            Some((api, version)) => LinkError::KafkaClient { api, version },
            None => LinkError::Foreign(foreign(self.buffer[0])),
        }
    }

    /// The next frame without its length.
    pub(super) async fn next(&mut self, clock: &dyn Clock, limits: FrameLimits) -> Result<Bytes, LinkError> {
        if self.buffer.is_empty() {
            let deadline = clock.now().after(limits.silence);
            timeout(clock, deadline, self.read_more(READ_BYTES_MIN))
                .await
                .map_err(|Elapsed| LinkError::Silent(limits.silence))??;
            self.moved.note(clock.now());
        }
        let deadline = clock.now().after(limits.transfer);
        timeout(clock, deadline, self.rest(clock, limits.bytes_max))
            .await
            .map_err(|Elapsed| LinkError::Slow(limits.transfer))?
    }

    async fn rest(&mut self, clock: &dyn Clock, bytes_max: usize) -> Result<Bytes, LinkError> {
        while self.buffer.len() < LENGTH_BYTES {
            self.read_more(READ_BYTES_MIN).await?;
            self.moved.note(clock.now());
        }
        let length = (&self.buffer[..LENGTH_BYTES]).get_i32();
        let total = match usize::try_from(length) {
            Ok(bytes) if bytes <= bytes_max => LENGTH_BYTES + bytes,
            _ => return Err(LinkError::Length { length, max: bytes_max }),
        };
        while self.buffer.len() < total {
            let missing = total - self.buffer.len();
            self.buffer.reserve(missing.min(RESERVE_BYTES_MAX));
            self.read_more(missing.clamp(READ_BYTES_MIN, RESERVE_BYTES_MAX)).await?;
            self.moved.note(clock.now());
        }
        self.buffer.advance(LENGTH_BYTES);
        Ok(self.buffer.split_to(total - LENGTH_BYTES).freeze())
    }

    async fn read_more(&mut self, limit: usize) -> Result<(), LinkError> {
        if read_some(&mut *self.read, &mut self.buffer, limit).await? == 0 {
            return Err(LinkError::Closed);
        }
        Ok(())
    }
}

/// What a Kafka client asks for, if the first bytes of a connection are the beginning of its request: a length, an API and a
/// version that exist.
fn kafka_request(head: [u8; KAFKA_HEAD_BYTES]) -> Option<(ApiKey, i16)> {
    let [a, b, c, d, api_high, api_low, version_high, version_low] = head;
    let length = usize::try_from(i32::from_be_bytes([a, b, c, d])).ok()?;
    let api = ApiKey::from_key(i16::from_be_bytes([api_high, api_low]))?;
    let version = i16::from_be_bytes([version_high, version_low]);
    // Clients ask which versions of ApiVersions there are with their own newest, which may be one that nobody knows here.
    let exists = api.schema().contains(version) || (api == ApiKey::ApiVersions && version >= 0);
    (exists && (KAFKA_REQUEST_BYTES_LEAST..=KAFKA_REQUEST_BYTES_MAX).contains(&length))
        .then_some((api, version))
}

/// What a stranger seems to be, by the first byte that it sent.
fn foreign(first: u8) -> &'static str {
    match first {
        0 => "perhaps a Kafka client: its bootstrap address has to be a listener for clients",
        0x16 => "a TLS client",
        b'A'..=b'Z' => "an HTTP client",
        _ => "something else",
    }
}

/// Writes a frame for a node that takes `bytes_max`.
pub(super) async fn write_frame(
    write: &mut dyn WriteHalf,
    frame: &PeerFrame,
    version: i16,
    bytes_max: usize,
) -> Result<(), LinkError> {
    let mut segments = frame.encode(version)?;
    let length = segments.iter().map(Bytes::len).sum::<usize>() - LENGTH_BYTES;
    if length > bytes_max {
        return Err(LinkError::TooLarge { length, max: bytes_max });
    }
    write_all_vectored(write, &mut segments).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::peer::MAGIC;

    #[test]
    fn a_kafka_request_is_told_from_other_beginnings() {
        let request = |length: i32, api: i16, version: i16| {
            let mut head = [0; KAFKA_HEAD_BYTES];
            head[..4].copy_from_slice(&length.to_be_bytes());
            head[4..6].copy_from_slice(&api.to_be_bytes());
            head[6..].copy_from_slice(&version.to_be_bytes());
            kafka_request(head)
        };
        assert_eq!(request(55, 18, 4), Some((ApiKey::ApiVersions, 4)));
        assert_eq!(request(55, 18, 9), Some((ApiKey::ApiVersions, 9)), "of a release to come");
        assert_eq!(request(30, 3, 0), Some((ApiKey::Metadata, 0)));
        let nobody = [
            (30, 3, 99),
            (30, 3, -1),
            (30, 18, -1),
            (30, 9_999, 0),
            (7, 18, 4),
            (-1, 18, 4),
            (i32::MAX, 18, 4),
        ];
        for (length, api, version) in nobody {
            assert_eq!(request(length, api, version), None, "{length} {api} {version}");
        }
        assert_eq!(kafka_request(*b"GET / HT"), None);
        assert_eq!(kafka_request(*MAGIC.first_chunk().expect("eight bytes of magic")), None);
    }

    #[test]
    fn what_is_no_nodes_port_is_told_so() {
        let http = LinkError::Length { length: i32::from_be_bytes(*b"HTTP"), max: 8192 }.to_string();
        assert!(http.starts_with("what it says begins with \"HTTP\", so it is no node's port"), "{http}");
        let long = LinkError::Length { length: 9_000, max: 8192 }.to_string();
        assert_eq!(long, "a frame of 9000 bytes; 8192 are allowed");
    }
}
