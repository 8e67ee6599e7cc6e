//! What a hostile client sends to where nodes listen for each other: it claims to be nobody's node, and lies of all else.
use bytes::Bytes;
use ordain::io::RngStream;
use ordain::types::{NodeId, Uuid};
use ordain::wire::messages::{PeerFetch, PeerHello, PeerIntroduction, PeerMessages, PeerRequest};
use ordain::wire::peer::MAGIC;
use ordain::wire::{PeerFrame, Text};

use super::{NAME, draw, noise, spoil, well_formed};

/// The node that it says it is. No byte of another value makes it one of the cluster's: who claims to be one of those may do all
/// that one may.
const STRANGER: i32 = 0x6363_6363;
/// The keys of the frames between nodes, and of two that there are not.
const KEYS: std::ops::Range<i16> = 19_999..20_009;

/// Draws what is sent to that node, of the cluster of that name.
pub(super) fn draw_for(cluster: Option<&str>, receiver: NodeId, rng: &mut dyn RngStream) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    match rng.below(7) {
        // What clients send.
        0 => return draw(rng),
        1 => {
            bytes.truncate(1 + usize::try_from(rng.below(8)).unwrap_or(0));
            bytes.extend(noise(rng, 40));
        }
        2 => {
            let length =
                [i32::MAX, -1, 0, 1, 100 << 20, i32::MIN][usize::try_from(rng.below(6)).unwrap_or(0)];
            bytes.extend(length.to_be_bytes());
            bytes.extend(noise(rng, 60));
        }
        3 => {
            let introduction = PeerIntroduction {
                node_id: STRANGER,
                directory_id: uuid(rng),
                incarnation_id: uuid(rng),
                servers: vec![Text::from("hostile:9093")],
                ..PeerIntroduction::default()
            };
            bytes.extend(maybe_spoilt(whole(&PeerFrame::Introduction(introduction)), rng));
        }
        4 => bytes.extend(maybe_spoilt(hello(cluster, receiver, rng), rng)),
        // Its hello may be taken; it says more than it may before it knows.
        _ => {
            bytes.extend(hello(cluster, receiver, rng));
            if rng.below(3) > 0 {
                let first = PeerFetch { sequence: 1, clock: 1, answer_now: true, ..PeerFetch::default() };
                bytes.extend(whole(&PeerFrame::Fetch(first)));
            }
            for _ in 0..=rng.below(3) {
                bytes.extend(frame(rng));
            }
        }
    }
    bytes
}

fn hello(cluster: Option<&str>, receiver: NodeId, rng: &mut dyn RngStream) -> Vec<u8> {
    let hello = PeerHello {
        cluster_id: cluster.filter(|_| rng.below(4) > 0).map(Text::from),
        node_id: STRANGER,
        directory_id: uuid(rng),
        incarnation_id: uuid(rng),
        receiver_id: receiver.0,
        frame_bytes_max: if rng.below(4) > 0 { 8 << 20 } else { 1 },
        host: (rng.below(4) == 0).then(|| Text::from(NAME)),
        port: 9093,
        ..PeerHello::default()
    };
    whole(&PeerFrame::Hello(hello))
}

/// A frame that follows a handshake.
fn frame(rng: &mut dyn RngStream) -> Vec<u8> {
    match rng.below(5) {
        0 => {
            let keys = u64::from((KEYS.end - KEYS.start).unsigned_abs());
            let key = KEYS.start + i16::try_from(rng.below(keys)).unwrap_or(0);
            let body = noise(rng, 200);
            let length = u32::try_from(2 + body.len()).unwrap_or(0);
            [&length.to_be_bytes()[..], &key.to_be_bytes(), &body].concat()
        }
        1 => {
            let fetch = PeerFetch { sequence: 2, clock: 2, answer_now: true, ..PeerFetch::default() };
            maybe_spoilt(whole(&PeerFrame::Fetch(fetch)), rng)
        }
        2 => maybe_spoilt(whole(&PeerFrame::Messages(PeerMessages::default())), rng),
        _ => {
            // What a client sends, passed on by one that is no node. Its length is the outer frame's.
            let mut request = well_formed(rng).split_off(4);
            if rng.below(2) == 0 {
                spoil(&mut request, 0, rng);
            }
            let request = PeerRequest {
                call_id: 1,
                listener: Text::from("PLAINTEXT"),
                client_address: Text::from(
                    ["10.0.0.1", "", NAME][usize::try_from(rng.below(3)).unwrap_or(0)],
                ),
                request: Bytes::from(request),
                ..PeerRequest::default()
            };
            maybe_spoilt(whole(&PeerFrame::Request(request)), rng)
        }
    }
}

/// The length is left alone.
fn maybe_spoilt(mut frame: Vec<u8>, rng: &mut dyn RngStream) -> Vec<u8> {
    if rng.below(2) == 0 {
        spoil(&mut frame, 4, rng);
    }
    frame
}

fn whole(frame: &PeerFrame) -> Vec<u8> {
    frame.encode(0).expect("the frame fits its version").concat()
}

fn uuid(rng: &mut dyn RngStream) -> Uuid {
    let halves = [rng.next_u64(), rng.next_u64()].map(u64::to_be_bytes);
    Uuid(halves.concat().try_into().expect("two halves of eight bytes"))
}
