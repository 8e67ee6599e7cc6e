//! How much of a shard's writes is under way. Requests wait while it is too much.

/// Writes under way at once.
const WRITES_MAX: usize = 1024;
/// Bytes of their records. What one request more leads to may come on top.
const BYTES_MAX: usize = 16 << 20;

/// See the module.
#[derive(Default)]
pub(super) struct InFlight {
    writes: usize,
    bytes: usize,
}

impl InFlight {
    /// A write of so many bytes sets out.
    pub(super) fn begin(&mut self, bytes: usize) {
        self.writes += 1;
        self.bytes += bytes;
    }

    /// One of so many bytes has its outcome.
    ///
    /// # Panics
    /// If there is no such write under way.
    pub(super) fn end(&mut self, bytes: usize) {
        let writes = self.writes.checked_sub(1);
        self.writes = writes.expect("what ends was under way");
        let left = self.bytes.checked_sub(bytes);
        self.bytes = left.expect("what ends was counted");
    }

    pub(super) fn writes(&self) -> usize {
        self.writes
    }

    /// Whether more may set out. Where nothing is under way anything may, whatever it takes.
    pub(super) fn has_room(&self) -> bool {
        self.writes < WRITES_MAX && self.bytes < BYTES_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_are_bounded_by_their_number_and_by_their_bytes() {
        for (bytes, most) in [(0, WRITES_MAX), (1 << 20, 16), (1_000_000, 17), (2 * BYTES_MAX, 1)] {
            let mut in_flight = InFlight::default();
            while in_flight.has_room() {
                in_flight.begin(bytes);
            }
            assert_eq!(in_flight.writes(), most, "of {bytes} bytes");
            in_flight.end(bytes);
            assert!(in_flight.has_room(), "of {bytes} bytes one has ended");
        }
    }

    #[test]
    #[should_panic(expected = "what ends was under way")]
    fn an_outcome_of_nothing_is_a_bug() {
        InFlight::default().end(0);
    }
}
