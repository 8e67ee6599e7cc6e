//! Which partition a record goes to, as Kafka's Java client decides it.

/// MurmurHash2 in 32 bits with the seed that Kafka's clients use, so that every client puts a key in the same
/// partition. (Austin Appleby's MurmurHash2; the algorithm is in the public domain.)
#[must_use]
pub fn murmur2(data: &[u8]) -> u32 {
    const SEED: u32 = 0x9747_b28c;
    const M: u32 = 0x5bd1_e995;
    // Lengths beyond 32 bits do not occur: a record is smaller.
    let mut hash = SEED ^ (data.len() as u32);
    let mut words = data.chunks_exact(4);
    for word in &mut words {
        let mut k = u32::from_le_bytes(word.try_into().expect("a chunk has four bytes"));
        k = k.wrapping_mul(M);
        k ^= k >> 24;
        hash = hash.wrapping_mul(M) ^ k.wrapping_mul(M);
    }
    let tail = words.remainder();
    if !tail.is_empty() {
        for (i, byte) in tail.iter().enumerate() {
            hash ^= u32::from(*byte) << (8 * i);
        }
        hash = hash.wrapping_mul(M);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(M);
    hash ^ (hash >> 15)
}

/// The partition of a key among `partition_count`.
///
/// # Panics
/// If there is no partition.
#[must_use]
pub fn partition_for_key(key: &[u8], partition_count: usize) -> usize {
    assert!(partition_count > 0, "a topic has a partition");
    (murmur2(key) & 0x7fff_ffff) as usize % partition_count
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vectors of Kafka's own test (`UtilsTest.testMurmur2`).
    #[test]
    fn hashes_are_javas() {
        for (text, expected) in [
            ("21", -973_932_308_i32),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
            ("abc", 479_470_107),
        ] {
            assert_eq!(murmur2(text.as_bytes()) as i32, expected, "{text}");
        }
    }

    #[test]
    fn a_key_has_one_partition() {
        assert_eq!(partition_for_key(b"abc", 12), 479_470_107 % 12);
        assert_eq!(partition_for_key(b"", 1), 0);
        let negative = (-973_932_308_i32 as u32 & 0x7fff_ffff) as usize;
        assert_eq!(partition_for_key(b"21", 7), negative % 7);
    }
}
