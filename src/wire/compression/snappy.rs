//! Snappy as Kafka's Java client frames it (xerial): a 16-byte header, then blocks, each a 32-bit big-endian
//! length and that many bytes of raw snappy. Bytes without the header are one raw snappy block, which is
//! what librdkafka writes.
use super::{Codec, CompressionError};

const MAGIC: [u8; 8] = [0x82, b'S', b'N', b'A', b'P', b'P', b'Y', 0];
const HEADER_BYTES: usize = 16;
/// The framing version that is written, and the oldest that may be asked for.
const VERSION: u32 = 1;
/// How much plain data one block holds, in bytes (xerial's default).
const BLOCK_BYTES: usize = 32 * 1024;
/// No snappy element gives more bytes for its own: a 3-byte copy gives at most 64.
const EXPANSION_MAX: usize = 22;

/// Compresses `plain` into framed blocks.
pub(super) fn compress(plain: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(HEADER_BYTES + plain.len() / 2);
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&VERSION.to_be_bytes());
    out.extend_from_slice(&VERSION.to_be_bytes());
    let mut encoder = snap::raw::Encoder::new();
    for block in plain.chunks(BLOCK_BYTES) {
        let packed = encoder.compress_vec(block).expect("a block of 32 KiB is within snappy's limit");
        let length = u32::try_from(packed.len()).expect("a compressed block is far below 4 GiB");
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(&packed);
    }
    out
}

/// Reads framed or raw snappy, one block in memory at a time.
pub(super) struct SnappyReader<'a> {
    rest: &'a [u8],
    framing: Framing,
    block: Vec<u8>,
    taken: usize,
}

/// One block's compressed bytes, and what follows it.
struct Block<'a> {
    packed: &'a [u8],
    rest: &'a [u8],
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Framing {
    Unread,
    Blocks,
    Raw,
}

impl<'a> SnappyReader<'a> {
    pub(super) fn new(compressed: &'a [u8]) -> SnappyReader<'a> {
        SnappyReader { rest: compressed, framing: Framing::Unread, block: Vec::new(), taken: 0 }
    }

    /// How many bytes the next read needs beyond those given: what is left of the current block, else the
    /// length that the next one states (0 at the end). Nothing is reserved yet.
    pub(super) fn next_block_bytes(&mut self) -> Result<usize, CompressionError> {
        if self.taken < self.block.len() {
            return Ok(self.block.len() - self.taken);
        }
        while let Some(Block { packed, rest }) = self.peek_block()? {
            let plain = plain_bytes(packed)?;
            if plain > 0 {
                return Ok(plain);
            }
            self.rest = rest;
        }
        Ok(0)
    }

    /// Gives bytes of the block that [`Self::next_block_bytes`] has measured.
    pub(super) fn read(&mut self, out: &mut [u8]) -> Result<usize, CompressionError> {
        while self.taken == self.block.len() {
            let Some(Block { packed, rest }) = self.peek_block()? else { return Ok(0) };
            let plain = plain_bytes(packed)?;
            self.block.resize(plain, 0);
            self.taken = 0;
            snap::raw::Decoder::new()
                .decompress(packed, &mut self.block)
                .map_err(|error| malformed(error.to_string()))?;
            self.rest = rest;
        }
        let give = out.len().min(self.block.len() - self.taken);
        out[..give].copy_from_slice(&self.block[self.taken..self.taken + give]);
        self.taken += give;
        Ok(give)
    }

    /// The next block, not taken yet.
    fn peek_block(&mut self) -> Result<Option<Block<'a>>, CompressionError> {
        if self.framing == Framing::Unread {
            self.framing = if self.rest.starts_with(&MAGIC) { Framing::Blocks } else { Framing::Raw };
        }
        // Streams may follow one another; each begins with a header.
        while self.framing == Framing::Blocks && self.rest.starts_with(&MAGIC) {
            self.skip_header()?;
        }
        if self.rest.is_empty() {
            return Ok(None);
        }
        match self.framing {
            Framing::Unread | Framing::Raw => Ok(Some(Block { packed: self.rest, rest: &[] })),
            Framing::Blocks => {
                let Some((length, rest)) = self.rest.split_first_chunk::<4>() else {
                    return Err(malformed("it ends within a block's length".to_owned()));
                };
                let length = u32::from_be_bytes(*length) as usize;
                if length > rest.len() {
                    return Err(malformed(format!("a block of {length} bytes has only {}", rest.len())));
                }
                let (packed, rest) = rest.split_at(length);
                Ok(Some(Block { packed, rest }))
            }
        }
    }

    fn skip_header(&mut self) -> Result<(), CompressionError> {
        let Some((header, rest)) = self.rest.split_first_chunk::<HEADER_BYTES>() else {
            return Err(malformed("it ends within the header".to_owned()));
        };
        let version = u32::from_be_bytes([header[8], header[9], header[10], header[11]]);
        if version < VERSION {
            return Err(malformed(format!("framing version {version} is older than {VERSION}")));
        }
        self.rest = rest;
        Ok(())
    }
}

/// The length a block states for its plain bytes, refused if no block of its size can give it.
fn plain_bytes(packed: &[u8]) -> Result<usize, CompressionError> {
    let plain = snap::raw::decompress_len(packed).map_err(|error| malformed(error.to_string()))?;
    if plain > packed.len().saturating_mul(EXPANSION_MAX) {
        return Err(malformed(format!("{} bytes cannot hold the {plain} they state", packed.len())));
    }
    Ok(plain)
}

fn malformed(cause: String) -> CompressionError {
    CompressionError::Malformed { codec: Codec::Snappy, cause }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::compression::decompress;
    use bytes::Bytes;

    #[test]
    fn the_frame_is_xerials() {
        let framed = compress(b"hello");
        assert_eq!(framed[..8], *b"\x82SNAPPY\0");
        assert_eq!(framed[8..16], [0, 0, 0, 1, 0, 0, 0, 1]);
        // Block length 7: plain length 5, a literal of 5 bytes.
        assert_eq!(framed[16..], *b"\0\0\0\x07\x05\x10hello");
    }

    #[test]
    fn raw_blocks_and_joined_streams_are_read() {
        let raw = Bytes::from_static(b"\x05\x10hello");
        assert_eq!(decompress(Codec::Snappy, &raw, 5).as_deref(), Ok(&b"hello"[..]));
        let joined = Bytes::from([compress(b"one "), compress(b"two")].concat());
        assert_eq!(decompress(Codec::Snappy, &joined, 7).as_deref(), Ok(&b"one two"[..]));
        assert_eq!(decompress(Codec::Snappy, &Bytes::new(), 7).as_deref(), Ok(&b""[..]));
    }

    #[test]
    fn a_stated_length_reserves_nothing() {
        // States 2^32 - 1 bytes and has one.
        let lie = Bytes::from_static(&[0xff, 0xff, 0xff, 0xff, 0x0f, 0x00]);
        let error = decompress(Codec::Snappy, &lie, usize::MAX / 2).expect_err("a lie");
        assert!(matches!(error, CompressionError::Malformed { codec: Codec::Snappy, .. }), "{error}");
    }
}
