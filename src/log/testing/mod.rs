//! A disk in memory that loses power, and a small executor: what tests and fuzz targets of the log run on.
//!
//! Everything is deterministic: the same seed and the same calls give the same bytes.
mod disk;
mod executor;
pub mod mutated;

use std::sync::Arc;

pub use disk::{TestDisk, TestFault};
pub use executor::{TestClock, TestRuntime};

use super::indexes::{offset_row, row_for_offset};
use crate::io::{BoxFuture, Connection, Io, Listener, Net, Rng, RngStream};
use crate::types::Offset;

/// How many cases a property is tried with: `least`, or what the environment's `PROPTEST_CASES` asks for beyond it.
#[must_use]
pub fn cases(least: u32) -> u32 {
    let asked = std::env::var("PROPTEST_CASES").ok().and_then(|count| count.parse().ok());
    asked.unwrap_or(0).max(least)
}

/// A small generator with good enough bits (SplitMix64).
#[derive(Clone, Debug)]
pub struct TestRandom(pub u64);

impl RngStream for TestRandom {
    fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
}

/// Streams that depend on the name and a seed.
struct TestRng(u64);

impl Rng for TestRng {
    fn stream(&self, name: &'static str) -> Box<dyn RngStream> {
        let seed = name.bytes().fold(self.0, |seed, byte| seed.rotate_left(7) ^ u64::from(byte));
        Box::new(TestRandom(seed))
    }
}

/// An offset index by itself, with the search that reads use.
pub struct OffsetIndex(Vec<u8>);

impl OffsetIndex {
    /// Of rows with a batch's last offset, from the segment's base, and its position in bytes; both rise.
    pub fn of(rows: impl IntoIterator<Item = (u32, u32)>) -> OffsetIndex {
        let rows = rows.into_iter().flat_map(|(relative, position)| offset_row(relative, position));
        OffsetIndex(rows.collect())
    }

    /// From which position on a segment that begins at offset 0 is looked through for `offset`.
    #[must_use]
    pub fn position_for(&self, offset: Offset) -> u64 {
        row_for_offset(&self.0, Offset::ZERO, offset).map_or(0, |row| row.position)
    }
}

/// There is no network here.
struct NoNet;

impl Net for NoNet {
    fn listen(&self, _: std::net::SocketAddr) -> BoxFuture<std::io::Result<Box<dyn Listener>>> {
        Box::pin(async { Err(std::io::ErrorKind::Unsupported.into()) })
    }

    fn connect(&self, _: &str, _: u16) -> BoxFuture<std::io::Result<Connection>> {
        Box::pin(async { Err(std::io::ErrorKind::Unsupported.into()) })
    }
}

/// A node's world: this disk, this runtime, no network.
#[must_use]
pub fn test_io(runtime: &TestRuntime, disk: &TestDisk, seed: u64) -> Io {
    Io {
        clock: runtime.clock(),
        net: Arc::new(NoNet),
        disk: Arc::new(disk.clone()),
        rng: Arc::new(TestRng(seed)),
        spawn: Arc::new(runtime.clone()),
    }
}
