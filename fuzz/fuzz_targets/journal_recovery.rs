//! A node's files are tampered with; whatever it serves after its start must be what was written. Eight bytes
//! of input are one change, see `ordain::log::testing::mutated`.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| ordain::log::testing::mutated::open(data));
