//! A partition's records on disk and what is derived from them.
pub mod compaction;
pub mod producers;
