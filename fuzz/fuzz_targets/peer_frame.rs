//! A frame from another node, or from anybody who says so: it is read and its rows are taken, or an error says why not.
//! What can be read can be written, and reads back as the same.
#![no_main]
use std::time::Duration;

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use ordain::peers::{
    Answerer, Asker, FRAME_BYTES_LEAST, Identity, Introduction, PeerTiming, Wanted, read_message_rows, write_message_rows,
};
use ordain::types::{Instant, NodeId, Uuid};
use ordain::wire::{PeerFrame, Records};

const US: NodeId = NodeId(1);
const PEER: NodeId = NodeId(2);
const NOW: Instant = Instant(1_000_000);

fuzz_target!(|data: &[u8]| {
    let Ok(frame) = PeerFrame::decode(Bytes::copy_from_slice(data), 0) else { return };
    let bytes = Records::from(frame.encode(0).expect("what was decoded can be encoded")).into_bytes();
    let again = PeerFrame::decode(bytes.slice(4..), 0).expect("what was encoded can be decoded");
    assert_eq!(again, frame);
    let once_more = Records::from(again.encode(0).expect("it could be encoded before")).into_bytes();
    assert_eq!(once_more, bytes, "a frame has one encoding");
    take(frame);
});

/// As the first frame of its kind on a connection.
fn take(frame: PeerFrame) {
    let identity = Identity {
        cluster: None,
        node: US,
        directory: Uuid([1; 16]),
        incarnation: Uuid([2; 16]),
        frame_bytes_max: FRAME_BYTES_LEAST,
    };
    let timing = PeerTiming::new(Duration::from_millis(1), Duration::from_millis(9)).expect("they fit");
    match frame {
        PeerFrame::Hello(hello) => {
            if let Ok(Ok(greeting)) = identity.meet(&hello) {
                assert_ne!(greeting.peer.node, US);
            }
        }
        PeerFrame::HelloReply(reply) => {
            if let Ok(greeting) = identity.greeted(PEER, &reply) {
                assert_eq!(greeting.peer.node, PEER);
            }
        }
        PeerFrame::Fetch(request) => {
            let mut answerer = Answerer::new(PEER, timing, NOW);
            if let Ok(asked) = answerer.take(NOW, &request) {
                assert_eq!(asked.rows.len(), request.rows.len());
                assert!(asked.as_of.is_none_or(|as_of| as_of <= NOW));
            }
        }
        PeerFrame::FetchReply(reply) => {
            let mut asker = Asker::new(timing, NOW);
            asker.request(NOW, &Wanted::default());
            if let Ok(replied) = asker.take(NOW, reply) {
                assert!(replied.as_of <= NOW);
            }
        }
        PeerFrame::Introduction(introduction) => {
            if let Ok(theirs) = Introduction::from_wire(&introduction) {
                assert_eq!(Introduction::from_wire(&theirs.to_wire()), Ok(theirs));
            }
        }
        // What they carry is opaque here.
        PeerFrame::Request(_) | PeerFrame::Response(_) => {}
        PeerFrame::Messages(messages) => {
            if let Ok(rows) = read_message_rows(PEER, &messages.rows) {
                let written = write_message_rows(PEER, &rows);
                assert_eq!(read_message_rows(PEER, &written), Ok(rows));
            }
        }
    }
}
