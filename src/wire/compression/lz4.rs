//! LZ4 frames written with an effort that can be chosen: matches are looked for along hash chains, and a match waits if the
//! next byte begins a longer one. Frames are as Kafka writes them: independent blocks of 64 KiB, no checksums of
//! content. Reading is `lz4_flex`'s, as is writing at the default level (LZ4's own description of block and
//! frame: `doc/lz4_Block_format.md`, `doc/lz4_Frame_format.md`).

/// Magic, flags (version 1, independent blocks), block size (64 KiB), and the checksum of these two bytes.
const FRAME_HEADER: [u8; 7] = [0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82];
const BLOCK_BYTES: usize = 64 * 1024;
/// Set in a block's length if the block is not compressed.
const STORED: u32 = 1 << 31;
const END_MARK: u32 = 0;

/// A match is at least this long, in bytes.
const MATCH_BYTES_MIN: usize = 4;
/// The last bytes of a block are literals.
const LAST_LITERALS: usize = 5;
/// No match begins closer to the end of its block.
const MATCH_START_MARGIN: usize = 12;
/// What four bits of a length can say; more follows in bytes.
const NIBBLE: usize = 15;

const HASH_BITS: u32 = 15;
/// No such position.
const NOWHERE: u32 = u32::MAX;
/// Beyond so many places a search finds next to nothing in a block of 64 KiB, and could be made to last.
const ATTEMPTS_MAX: usize = 1024;

/// Compresses `plain`. Each level (1 to 17) looks at twice as many places as the one below, up to 1,024.
pub(super) fn compress(plain: &[u8], level: i32) -> Vec<u8> {
    let doublings = u32::try_from(level.clamp(1, 17) - 1).expect("at least 0");
    let attempts = (1usize << doublings).min(ATTEMPTS_MAX);
    let mut out = Vec::with_capacity(FRAME_HEADER.len() + plain.len() / 2);
    out.extend_from_slice(&FRAME_HEADER);
    for block in plain.chunks(BLOCK_BYTES) {
        let packed = compress_block(block, attempts);
        let (bytes, mark) = if packed.len() < block.len() { (&packed[..], 0) } else { (block, STORED) };
        let length = u32::try_from(bytes.len()).expect("a block is 64 KiB at most");
        out.extend_from_slice(&(length | mark).to_le_bytes());
        out.extend_from_slice(bytes);
    }
    out.extend_from_slice(&END_MARK.to_le_bytes());
    out
}

fn compress_block(block: &[u8], attempts: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(block.len() / 2);
    let mut search = Search::new(block, attempts);
    let (mut at, mut literals_from) = (0, 0);
    while at + MATCH_START_MARGIN <= block.len() {
        let Some(mut found) = search.longest(at) else {
            at += 1;
            continue;
        };
        while at + 1 + MATCH_START_MARGIN <= block.len()
            && let Some(next) = search.longest(at + 1).filter(|next| next.bytes > found.bytes)
        {
            at += 1;
            found = next;
        }
        put_sequence(&mut out, &block[literals_from..at], Some(found));
        at += found.bytes;
        literals_from = at;
    }
    put_sequence(&mut out, &block[literals_from..], None);
    out
}

/// Bytes that were there before.
#[derive(Clone, Copy)]
struct Match {
    /// How far back.
    offset: u16,
    bytes: usize,
}

/// Literals, and the match that follows them; the last sequence of a block has none.
fn put_sequence(out: &mut Vec<u8>, literals: &[u8], found: Option<Match>) {
    let longer = found.map_or(0, |found| found.bytes - MATCH_BYTES_MIN);
    let nibble = |length: usize| u8::try_from(length.min(NIBBLE)).expect("four bits");
    out.push(nibble(literals.len()) << 4 | nibble(longer));
    put_rest(out, literals.len());
    out.extend_from_slice(literals);
    if let Some(found) = found {
        out.extend_from_slice(&found.offset.to_le_bytes());
        put_rest(out, longer);
    }
}

/// What of a length is not in the token.
fn put_rest(out: &mut Vec<u8>, length: usize) {
    let Some(mut rest) = length.checked_sub(NIBBLE) else { return };
    while let Some(less) = rest.checked_sub(255) {
        out.push(255);
        rest = less;
    }
    out.push(u8::try_from(rest).expect("below 255"));
}

/// Where each four bytes of a block were seen before, newest first.
struct Search<'a> {
    block: &'a [u8],
    /// By hash, the last place.
    heads: Vec<u32>,
    /// By place, the one before it with its hash.
    before: Vec<u32>,
    /// Places up to here are known.
    known: usize,
    attempts: usize,
}

impl<'a> Search<'a> {
    fn new(block: &'a [u8], attempts: usize) -> Search<'a> {
        let heads = vec![NOWHERE; 1 << HASH_BITS];
        Search { block, heads, before: vec![NOWHERE; block.len()], known: 0, attempts }
    }

    fn hash(&self, at: usize) -> usize {
        let bytes = self.block[at..at + MATCH_BYTES_MIN].try_into().expect("four bytes");
        (u32::from_le_bytes(bytes).wrapping_mul(2_654_435_761) >> (32 - HASH_BITS)) as usize
    }

    /// The longest match for what begins at `at`, the nearest of several; `None` if there is none. Called with growing
    /// `at`, [`MATCH_START_MARGIN`] before the end at the latest.
    fn longest(&mut self, at: usize) -> Option<Match> {
        while self.known < at {
            let hash = self.hash(self.known);
            self.before[self.known] = self.heads[hash];
            self.heads[hash] = u32::try_from(self.known).expect("a block is 64 KiB at most");
            self.known += 1;
        }
        let block = self.block;
        let here = &block[at..block.len() - LAST_LITERALS];
        let (mut best, mut best_bytes) = (None, MATCH_BYTES_MIN - 1);
        let mut place = self.heads[self.hash(at)];
        for _ in 0..self.attempts {
            if place == NOWHERE || best_bytes == here.len() {
                break;
            }
            let there = &block[place as usize..];
            // A longer one has this byte in common, too.
            if there[best_bytes] == here[best_bytes] {
                let bytes = here.iter().zip(there).take_while(|(a, b)| a == b).count();
                if bytes > best_bytes {
                    best_bytes = bytes;
                    best = Some(place as usize);
                }
            }
            place = self.before[place as usize];
        }
        let offset = u16::try_from(at - best?).expect("a block is 64 KiB at most");
        Some(Match { offset, bytes: best_bytes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::compression::{Codec, decompress};
    use bytes::Bytes;
    use proptest::prelude::*;

    fn plain(packed: Vec<u8>, bytes: usize) -> Bytes {
        decompress(Codec::Lz4, &Bytes::from(packed), bytes).expect("what was written can be read")
    }

    #[test]
    fn a_block_is_written_as_the_format_says() {
        // Literals of 4 (a, b, c, d), then 15 + 9 + 4 = 28 bytes from 4 back, then the last five as literals.
        let text = b"abcd".repeat(9);
        let mut told = vec![0x4f, b'a', b'b', b'c', b'd', 4, 0, 27 - 15 - 4];
        told.extend_from_slice(b"\x50dabcd");
        assert_eq!(compress_block(&text, 1), told);
        assert_eq!(compress_block(b"short", 1), b"\x50short");
    }

    #[test]
    fn a_higher_level_gives_less() {
        let words = ["offset", "partition", "epoch", "leader", "batch", "record", "fetch", "log"];
        let mut number = 7u32;
        let mut text = Vec::new();
        while text.len() < 300_000 {
            number = number.wrapping_mul(1_103_515_245).wrapping_add(12_345);
            text.extend_from_slice(words[(number >> 16) as usize % words.len()].as_bytes());
            text.push(b' ' + (number >> 28) as u8);
        }
        let packed = |level| compress(&text, level);
        let sizes: Vec<usize> = [1, 4, 8, 17].map(|level| packed(level).len()).into();
        assert!(sizes.is_sorted_by(|a, b| a > b), "{sizes:?}");
        assert!(sizes[0] < text.len() / 2, "{sizes:?} of {}", text.len());
        for level in 1..=17 {
            assert_eq!(plain(packed(level), text.len()), text, "level {level}");
        }
    }

    #[test]
    fn what_cannot_be_compressed_is_stored() {
        let noise: Vec<u8> = (0..20u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        let packed = compress(&noise, 12);
        assert_eq!(packed.len(), FRAME_HEADER.len() + 4 + 20 + 4);
        assert_eq!(plain(packed, 20), noise);
    }

    proptest! {
        #[test]
        fn every_text_comes_back(
            pieces in proptest::collection::vec((0u8..6, 1usize..40, 1usize..400), 0..60),
            level in 1i32..=17,
        ) {
            let mut text = Vec::new();
            for (letter, length, times) in pieces {
                for _ in 0..times {
                    text.extend((0..length).map(|i| letter.wrapping_mul(31).wrapping_add(i as u8 % 7)));
                }
            }
            prop_assert_eq!(plain(compress(&text, level), text.len()), text);
        }
    }
}
