//! Every request and response body in every version: the first three bytes choose which. Without the header
//! in the way, the fuzzer gets deep into each message.
#![no_main]
use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use ordain::wire::{ApiKey, Reader, Request, Response, Writer};

fuzz_target!(|data: &[u8]| {
    let [api, version, direction, body @ ..] = data else { return };
    let api = ApiKey::ALL[usize::from(*api) % ApiKey::ALL.len()];
    let known = api.schema();
    let version = known.min + i16::from(*version) % (known.max - known.min + 1);
    let mut r = Reader::new(Bytes::copy_from_slice(body));
    let mut w = Writer::new();
    if direction % 2 == 0 {
        let Ok(request) = Request::decode(api, version, &mut r) else { return };
        request.encode(&mut w, version).expect("what was decoded can be encoded");
        Request::decode(api, version, &mut Reader::new(w.into_bytes())).expect("it can be decoded again");
    } else {
        let Ok(response) = Response::decode(api, version, &mut r) else { return };
        response.encode(&mut w, version).expect("what was decoded can be encoded");
        Response::decode(api, version, &mut Reader::new(w.into_bytes())).expect("it can be decoded again");
    }
});
