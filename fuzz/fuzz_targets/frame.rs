//! A request frame from anywhere: its header and body are read, or an error says why not. What can be read
//! can be written, and reads back as the same.
#![no_main]
use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use ordain::wire::{Reader, Request, RequestFrame, Writer};

fuzz_target!(|data: &[u8]| {
    let Ok(frame) = RequestFrame::parse(Bytes::copy_from_slice(data)) else { return };
    let (api, version) = (frame.api, frame.version);
    let Ok(request) = frame.decode() else { return };
    let mut w = Writer::new();
    request.encode(&mut w, version).expect("what was decoded can be encoded");
    let bytes = w.into_bytes();
    let mut r = Reader::new(bytes.clone());
    let again = Request::decode(api, version, &mut r).expect("what was encoded can be decoded");
    r.finish().expect("it ends where it ends");
    let mut w = Writer::new();
    again.encode(&mut w, version).expect("it could be encoded before");
    assert_eq!(w.into_bytes(), bytes, "{api} version {version} has one encoding");
});
