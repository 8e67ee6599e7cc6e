//! What the segments of streams carry, for people: which requests and replies begin in them. Only where somebody reads the trace;
//! what is told goes by the bytes alone, so that it is the same in each run.
use std::collections::BTreeMap;

use ordain::types::ErrorCode;
use ordain::wire::peer::MAGIC;
use ordain::wire::{ApiKey, PeerFrame};

use super::state::{Side, StreamId};

/// All streams whose bytes were looked at.
#[derive(Default)]
pub(super) struct Frames {
    streams: BTreeMap<StreamId, Conversation>,
}

/// One stream.
#[derive(Default)]
struct Conversation {
    language: Language,
    client: Half,
    server: Half,
    /// The requests without a reply so far, by their correlation ids.
    asked: BTreeMap<i32, (ApiKey, i16)>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Language {
    /// Nothing has come from who connected.
    #[default]
    Unknown,
    Kafka,
    /// What nodes say to each other.
    Peers,
    /// Neither.
    Noise,
}

/// One direction.
#[derive(Default)]
struct Half {
    /// The first bytes of the frame that has begun.
    head: Vec<u8>,
    /// How much of the frame before it is still to come.
    left: usize,
}

/// A longer frame is none.
const FRAME_BYTES_MAX: usize = 256 << 20;
/// Of the length itself.
const LENGTH: usize = 4;
/// Length, key, version, correlation id.
const REQUEST_HEAD: usize = 12;
/// Length, correlation id, tags, how long to wait, error.
const REPLY_HEAD: usize = 15;
/// Length and key.
const PEER_HEAD: usize = 6;
/// So many requests of one stream are remembered: those without a reply are never taken out.
const ASKED_MAX: usize = 1_000;
/// So many frames of one segment are named.
const NAMED_MAX: usize = 4;

impl Frames {
    /// What begins in a segment from that side; nothing where that is not known.
    pub(super) fn take(&mut self, id: StreamId, side: Side, bytes: &[u8]) -> String {
        let names = self.streams.entry(id).or_default().take(side, bytes);
        let mut text = String::new();
        for name in names.iter().take(NAMED_MAX) {
            text.push_str(if text.is_empty() { " " } else { "; " });
            text.push_str(name);
        }
        if names.len() > NAMED_MAX {
            text.push_str(&format!("; {} more", names.len() - NAMED_MAX));
        }
        text
    }

    /// The stream is over.
    pub(super) fn forget(&mut self, id: StreamId) {
        self.streams.remove(&id);
    }
}

impl Conversation {
    fn take(&mut self, side: Side, mut bytes: &[u8]) -> Vec<String> {
        let mut names = Vec::new();
        while !bytes.is_empty() {
            if self.language == Language::Noise || (self.language, side) == (Language::Unknown, Side::Server)
            {
                break;
            }
            let half = self.half(side);
            let skipped = half.left.min(bytes.len());
            half.left -= skipped;
            bytes = &bytes[skipped..];
            // How long it is tells how much of it there is to look at.
            let wanted = self.wanted(side);
            let half = self.half(side);
            let taken = wanted.saturating_sub(half.head.len()).min(bytes.len());
            half.head.extend_from_slice(&bytes[..taken]);
            bytes = &bytes[taken..];
            if half.head.len() == LENGTH {
                names.extend(self.begins(side));
            }
            if self.half(side).head.len() >= self.wanted(side) {
                names.extend(self.is_known(side));
            }
        }
        names
    }

    fn half(&mut self, side: Side) -> &mut Half {
        match side {
            Side::Client => &mut self.client,
            Side::Server => &mut self.server,
        }
    }

    /// How much of the present frame is looked at.
    fn wanted(&mut self, side: Side) -> usize {
        let most = match (self.language, side) {
            (Language::Noise | Language::Unknown, _) => LENGTH,
            (Language::Peers, _) => PEER_HEAD,
            (Language::Kafka, Side::Client) => REQUEST_HEAD,
            (Language::Kafka, Side::Server) => REPLY_HEAD,
        };
        length_of(&self.half(side).head).map_or(LENGTH, |length| length.min(most))
    }

    /// The length of a frame is there, or what a stream begins with in its place.
    fn begins(&mut self, side: Side) -> Option<String> {
        let is_first = self.language == Language::Unknown;
        let half = self.half(side);
        if is_first && half.head == MAGIC[..LENGTH] {
            half.head.clear();
            half.left = MAGIC.len() - LENGTH;
            self.language = Language::Peers;
            return None;
        }
        let is_length =
            length_of(&half.head).is_some_and(|length| (LENGTH + 1..=FRAME_BYTES_MAX).contains(&length));
        if !is_length {
            half.head.clear();
            self.language = Language::Noise;
            return Some("noise".to_owned());
        }
        if is_first {
            self.language = Language::Kafka;
        }
        None
    }

    /// Of a frame all is there that is looked at.
    fn is_known(&mut self, side: Side) -> Option<String> {
        let half = self.half(side);
        let head = std::mem::take(&mut half.head);
        half.left = length_of(&head)?.saturating_sub(head.len());
        match (self.language, side) {
            (Language::Peers, _) => {
                let key = int16(&head, LENGTH)?;
                Some(PeerFrame::name_of(key).map_or_else(|| format!("frame {key}"), str::to_owned))
            }
            (_, Side::Client) => self.request(&head),
            (_, Side::Server) => self.reply(&head),
        }
    }

    fn request(&mut self, head: &[u8]) -> Option<String> {
        let (key, version, id) = (int16(head, 4)?, int16(head, 6)?, int32(head, 8)?);
        let Some(api) = ApiKey::from_key(key) else {
            return Some(format!("request {key} v{version} #{id}"));
        };
        self.asked.insert(id, (api, version));
        if self.asked.len() > ASKED_MAX {
            self.asked.pop_first();
        }
        Some(format!("{} v{version} #{id}", api.name()))
    }

    fn reply(&mut self, head: &[u8]) -> Option<String> {
        let id = int32(head, 4)?;
        let Some((api, version)) = self.asked.remove(&id) else {
            return Some(format!("reply #{id}"));
        };
        let error = error_of(api, version, head).map_or(String::new(), |error| format!(" {error}"));
        Some(format!("reply {} v{version} #{id}{error}", api.name()))
    }
}

/// The length of a whole frame, with the bytes that tell it; `None` before they are there. A negative one is longer than any.
fn length_of(head: &[u8]) -> Option<usize> {
    let length = int32(head, 0)?;
    Some(usize::try_from(length).map_or(usize::MAX, |length| length.saturating_add(LENGTH)))
}

/// The error of a whole reply, where it stands at a fixed place; nothing if there is none.
fn error_of(api: ApiKey, version: i16, head: &[u8]) -> Option<String> {
    use ApiKey as K;
    // Behind how long to wait, from some version on.
    let waits_from = match api {
        K::ApiVersions => i16::MAX,
        K::FindCoordinator if version > 3 => return None,
        K::FindCoordinator | K::Heartbeat | K::SyncGroup | K::LeaveGroup | K::ListGroups => 1,
        K::JoinGroup => 2,
        K::InitProducerId => 0,
        K::Fetch if version < 7 => return None,
        K::Fetch => 7,
        _ => return None,
    };
    let tags = usize::from(api.response_header_version(version) > 0);
    if tags > 0 && head.get(8) != Some(&0) {
        return None;
    }
    let code = int16(head, 8 + tags + if version >= waits_from { 4 } else { 0 })?;
    match ErrorCode::from_code(code) {
        Some(ErrorCode::None) => None,
        Some(error) => Some(format!("{error:?}")),
        None => Some(format!("error {code}")),
    }
}

fn int16(bytes: &[u8], at: usize) -> Option<i16> {
    Some(i16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn int32(bytes: &[u8], at: usize) -> Option<i32> {
    Some(i32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use ordain::wire::messages::{PeerFetch, PeerHello, PeerResponse};
    use ordain::wire::peer::PeerMessage;

    use super::*;

    fn frame(body: &[&[u8]]) -> Vec<u8> {
        let body = body.concat();
        let mut frame = i32::try_from(body.len()).unwrap().to_be_bytes().to_vec();
        frame.extend(body);
        frame
    }

    fn request(api: ApiKey, version: i16, id: i32) -> Vec<u8> {
        frame(&[&api.key().to_be_bytes(), &version.to_be_bytes(), &id.to_be_bytes(), b"\0\x03abc and more"])
    }

    #[test]
    fn requests_and_replies_are_named_where_they_begin() {
        let mut frames = Frames::default();
        let asked =
            [request(ApiKey::Heartbeat, 4, 7), request(ApiKey::Produce, 9, 8), request(ApiKey::Fetch, 12, 9)];
        let told = [
            frame(&[&7_i32.to_be_bytes(), &[0], &[0; 4], &27_i16.to_be_bytes(), &[0]]),
            frame(&[&8_i32.to_be_bytes(), &[0; 40]]),
            frame(&[&9_i32.to_be_bytes(), &[0; 50]]),
            frame(&[&9_i32.to_be_bytes(), &[0; 50]]),
        ];
        let asked = frames.take(1, Side::Client, &asked.concat());
        assert_eq!(asked, " Heartbeat v4 #7; Produce v9 #8; Fetch v12 #9");
        let told = frames.take(1, Side::Server, &told.concat());
        let expected =
            " reply Heartbeat v4 #7 RebalanceInProgress; reply Produce v9 #8; reply Fetch v12 #9; reply #9";
        assert_eq!(told, expected);
        let many: Vec<u8> = (0..6).flat_map(|id| request(ApiKey::Metadata, 1, id)).collect();
        assert!(frames.take(1, Side::Client, &many).ends_with("Metadata v1 #3; 2 more"));
    }

    #[test]
    fn however_the_bytes_are_cut_the_same_is_named() {
        let bytes = [request(ApiKey::Metadata, 1, 1), request(ApiKey::Fetch, 12, 2)].concat();
        for size in 1..bytes.len() {
            let mut frames = Frames::default();
            let named: String = bytes.chunks(size).map(|part| frames.take(1, Side::Client, part)).collect();
            assert_eq!(named.replace(';', ""), " Metadata v1 #1 Fetch v12 #2", "{size} at a time");
            let replies = [frame(&[&1_i32.to_be_bytes()]), frame(&[&2_i32.to_be_bytes(), &[0; 30]])].concat();
            let named: String = replies.chunks(size).map(|part| frames.take(1, Side::Server, part)).collect();
            assert_eq!(
                named.replace(';', ""),
                " reply Metadata v1 #1 reply Fetch v12 #2",
                "{size} at a time"
            );
        }
    }

    #[test]
    fn nodes_and_noise_are_told_apart() {
        let mut frames = Frames::default();
        let peers = [MAGIC.to_vec(), frame(&[&PeerHello::KEY.to_be_bytes(), &[0; 90]])].concat();
        assert_eq!(frames.take(1, Side::Client, &peers), " PeerHello");
        assert_eq!(
            frames.take(1, Side::Client, &frame(&[&PeerFetch::KEY.to_be_bytes(), b"x"])),
            " PeerFetch"
        );
        assert_eq!(
            frames.take(1, Side::Server, &frame(&[&PeerResponse::KEY.to_be_bytes()])),
            " PeerResponse"
        );
        assert_eq!(frames.take(2, Side::Client, &[0xff; 40]), " noise");
        assert_eq!(frames.take(2, Side::Client, &[0xff; 40]), "");
        assert_eq!(frames.take(3, Side::Server, b"unasked"), "");
        frames.forget(1);
        assert_eq!(frames.streams.len(), 2);
    }
}
