//! What nodes say to each other, as frames: a length, a key, a message. A table of its own, from key 20,000 on: the
//! client's [`super::api`] neither advertises nor decodes any of it, nor does this decode a client's request.
//! `docs/peers.md` tells who sends what when.
use bytes::Bytes;

use super::codec::{DecodeError, EncodeError, Message, Reader, VersionRange, Writer};
use super::messages::{
    PeerFetch, PeerFetchReply, PeerHello, PeerHelloReply, PeerIntroduction, PeerMessages, PeerRequest,
    PeerResponse,
};

/// A message between nodes.
pub trait PeerMessage: Message {
    const KEY: i16;
}

/// What a dialler sends before its first frame. Its first byte is no ASCII, and makes a negative length to a client's
/// listener.
pub const MAGIC: [u8; 8] = *b"\xd7ORDAIN\n";

/// The versions that this release speaks: one number for all messages.
pub const PEER_VERSIONS: VersionRange = VersionRange { min: 0, max: 0 };

/// Bytes that are no frame between nodes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PeerFrameError {
    #[error("nothing between nodes has the key {key}")]
    UnknownKey { key: i16 },
    #[error(transparent)]
    Malformed(#[from] DecodeError),
}

macro_rules! peer_frames {
    ($($(#[$doc:meta])* $name:ident($message:ident),)*) => {
        /// A frame between nodes, read.
        #[derive(Debug, Clone, PartialEq)]
        pub enum PeerFrame {
            $($(#[$doc])* $name($message),)*
        }

        impl PeerFrame {
            /// Every key.
            pub const KEYS: &'static [i16] = &[$($message::KEY),*];

            /// Reads what followed a length. The handshake's messages keep version 0.
            ///
            /// # Errors
            /// A key that is none, bytes that are no such message, or bytes after it.
            pub fn decode(frame: Bytes, version: i16) -> Result<PeerFrame, PeerFrameError> {
                let mut r = Reader::new(frame);
                let key = r.i16("(key)")?;
                let frame = match key {
                    $($message::KEY => {
                        PeerFrame::$name($message::decode(&mut r, message_version::<$message>(version))?)
                    })*
                    key => return Err(PeerFrameError::UnknownKey { key }),
                };
                r.finish()?;
                Ok(frame)
            }

            /// The whole frame, its length included, as segments to be written one after the other.
            ///
            /// # Errors
            /// As [`Message::encode`].
            pub fn encode(&self, version: i16) -> Result<Vec<Bytes>, EncodeError> {
                match self {
                    $(PeerFrame::$name(message) => encode_peer(message, version),)*
                }
            }

            /// The name of the frame with that key, for people.
            #[must_use]
            pub fn name_of(key: i16) -> Option<&'static str> {
                match key {
                    $($message::KEY => Some($message::NAME),)*
                    _ => None,
                }
            }

            /// For people.
            #[must_use]
            pub fn name(&self) -> &'static str {
                match self {
                    $(PeerFrame::$name(_) => $message::NAME,)*
                }
            }
        }
    };
}

peer_frames! {
    Hello(PeerHello),
    HelloReply(PeerHelloReply),
    Fetch(PeerFetch),
    FetchReply(PeerFetchReply),
    Messages(PeerMessages),
    Introduction(PeerIntroduction),
    Request(PeerRequest),
    Response(PeerResponse),
}

/// The version in which `M` stands on a connection of `version`.
fn message_version<M: PeerMessage>(version: i16) -> i16 {
    match M::KEY {
        PeerHello::KEY | PeerHelloReply::KEY | PeerIntroduction::KEY => 0,
        _ => version,
    }
}

fn encode_peer<M: PeerMessage>(message: &M, version: i16) -> Result<Vec<Bytes>, EncodeError> {
    let mut w = Writer::with_capacity(256);
    w.i32(0);
    w.i16(M::KEY);
    message.encode(&mut w, message_version::<M>(version))?;
    w.finish_frame()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{ApiKey, Malformed, RequestFrame};

    fn whole(frame: &PeerFrame) -> Bytes {
        crate::wire::Records::from(frame.encode(0).expect("it can be encoded")).into_bytes()
    }

    #[test]
    fn the_bytes_are_these() {
        let hello = PeerHello {
            min_version: 0,
            max_version: 3,
            cluster_id: Some("c".into()),
            node_id: 1,
            directory_id: crate::types::Uuid([2; 16]),
            incarnation_id: crate::types::Uuid([3; 16]),
            receiver_id: 4,
            frame_bytes_max: 5,
            ..PeerHello::default()
        };
        let bytes = whole(&PeerFrame::Hello(hello.clone()));
        let mut expected = b"\0\0\0\x35\x4e\x20\0\0\0\x03\x02c\0\0\0\x01".to_vec();
        expected.extend([2; 16]);
        expected.extend([3; 16]);
        expected.extend(b"\0\0\0\x04\0\0\0\x05\0");
        assert_eq!(bytes, expected);
        assert_eq!(PeerFrame::decode(bytes.slice(4..), 0), Ok(PeerFrame::Hello(hello)));
        let empty = whole(&PeerFrame::Fetch(PeerFetch { sequence: 7, clock: 9, ..PeerFetch::default() }));
        let expected =
            b"\0\0\0\x26\x4e\x22\0\0\0\0\0\0\0\x07\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x09\xff\xff\xff\xff\xff\xff\xff\xff\0\x01\x01\0";
        assert_eq!(empty, expected.as_slice(), "a heartbeat");
    }

    #[test]
    fn what_is_no_frame_is_refused() {
        let decode = |bytes: &'static [u8]| PeerFrame::decode(Bytes::from_static(bytes), 0);
        assert_eq!(decode(b"\0\x01"), Err(PeerFrameError::UnknownKey { key: 1 }));
        let cut = decode(b"\x4e");
        assert!(
            matches!(&cut, Err(PeerFrameError::Malformed(error)) if matches!(error.problem, Malformed::Truncated { .. }))
        );
        let trailing = decode(b"\x4e\x24\x01\0x");
        let Err(PeerFrameError::Malformed(error)) = trailing else { panic!("{trailing:?}") };
        assert_eq!(error.problem, Malformed::TrailingBytes { left: 1 });
        let version = PeerFrame::decode(Bytes::from_static(b"\x4e\x24\x01\0"), 1);
        assert!(matches!(version, Err(PeerFrameError::Malformed(_))), "{version:?}");
    }

    #[test]
    fn no_client_can_say_it_and_nothing_else_is_taken() {
        for &key in PeerFrame::KEYS {
            assert!(ApiKey::from_key(key).is_none());
            let mut request = key.to_be_bytes().to_vec();
            request.extend([0; 8]);
            assert!(RequestFrame::parse(request.into()).is_err());
        }
        for api in ApiKey::ALL {
            let frame = Bytes::from(api.key().to_be_bytes().to_vec());
            assert_eq!(PeerFrame::decode(frame, 0), Err(PeerFrameError::UnknownKey { key: api.key() }));
        }
        assert!(i32::from_be_bytes([MAGIC[0], MAGIC[1], MAGIC[2], MAGIC[3]]) < 0);
    }
}
