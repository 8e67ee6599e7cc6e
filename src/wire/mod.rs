//! The Kafka protocol as bytes: frames, messages, record batches, compression. Owns no meaning: what a
//! request does is `broker`'s.
pub mod batch;
pub mod compression;
