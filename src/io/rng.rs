/// Entropy, as named streams: a new draw in one place does not reshuffle the others in a simulation.
pub trait Rng: Send + Sync + 'static {
    /// The stream of that name. In a simulation the same node, name and seed give the same numbers, and a
    /// second call for the same name goes on where the first stream's *creation* left off: it is a new,
    /// different stream. The real twin draws from the operating system.
    fn stream(&self, name: &'static str) -> Box<dyn RngStream>;
}

/// One stream of random numbers.
pub trait RngStream: Send + 'static {
    /// The next 64 random bits.
    fn next_u64(&mut self) -> u64;

    /// A number below `bound`, evenly drawn.
    ///
    /// # Panics
    /// If `bound` is 0.
    fn below(&mut self, bound: u64) -> u64 {
        assert!(bound > 0, "no number lies below 0");
        // Lemire's multiplication method, with rejection for an even draw.
        let threshold = bound.wrapping_neg() % bound;
        loop {
            let product = u128::from(self.next_u64()) * u128::from(bound);
            if product as u64 >= threshold {
                return (product >> 64) as u64;
            }
        }
    }

    /// 16 random bytes.
    fn bytes16(&mut self) -> [u8; 16] {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.next_u64().to_be_bytes());
        bytes[8..].copy_from_slice(&self.next_u64().to_be_bytes());
        bytes
    }

    /// 16 random bytes for an identity: its text, which is base64 as Kafka writes it, does not begin with a dash, which
    /// tools would take for an option.
    fn identity(&mut self) -> [u8; 16] {
        const DASH: u8 = 62;
        loop {
            let bytes = self.bytes16();
            if bytes[0] >> 2 != DASH {
                return bytes;
            }
        }
    }
}
