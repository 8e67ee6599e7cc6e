//! Compression of record batches: gzip, snappy, lz4 and zstd, as Kafka clients write and read them.
//!
//! Owns the codecs' framing and the bound on what compressed bytes may grow to. Invariants: decompression
//! stops as soon as the output passes its bound, and no memory is reserved on the compressed bytes' word
//! beyond a codec's constant (lz4 at most two blocks of 8 MiB, zstd its window of 2^[`ZSTD_WINDOW_LOG_MAX`]).
mod frames;
mod lz4;
mod snappy;

use std::fmt;
use std::io::{self, Read, Write};

use bytes::Bytes;

use snappy::SnappyReader;

/// The largest window a zstd frame may ask for, as a power of two: what Kafka's own reader allows, and what
/// zstd's highest level writes.
pub const ZSTD_WINDOW_LOG_MAX: u32 = 27;

/// Bounds of the first step when everything is decompressed into one piece, in bytes: a batch mostly grows to less
/// than four times its size.
const STEP_BYTES_MIN: usize = 512;
const STEP_BYTES_MAX: usize = 64 * 1024;

/// How a batch's records are compressed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub enum Codec {
    #[default]
    None,
    Gzip,
    Snappy,
    Lz4,
    Zstd,
}

impl Codec {
    pub const ALL: [Codec; 5] = [Codec::None, Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd];

    /// The number in a batch's attributes.
    #[must_use]
    pub fn number(self) -> u8 {
        match self {
            Codec::None => 0,
            Codec::Gzip => 1,
            Codec::Snappy => 2,
            Codec::Lz4 => 3,
            Codec::Zstd => 4,
        }
    }

    /// The codec of that number; `None` for 5 to 7, which Kafka has not assigned.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Codec> {
        Codec::ALL.into_iter().find(|codec| codec.number() == number)
    }

    /// The name in configuration (`compression.type`).
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Codec::None => "none",
            Codec::Gzip => "gzip",
            Codec::Snappy => "snappy",
            Codec::Lz4 => "lz4",
            Codec::Zstd => "zstd",
        }
    }

    /// The codec that configuration calls `name`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Codec> {
        Codec::ALL.into_iter().find(|codec| codec.name() == name)
    }
}

/// A codec and its effort, in the codec's own numbers (Kafka: `compression.gzip.level` and its siblings, KIP-390).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Compression {
    None,
    /// 1 to 9, or [`GZIP_LEVEL_DEFAULT`].
    Gzip {
        level: i32,
    },
    Snappy,
    /// 1 to 17. As in Kafka, [`LZ4_LEVEL_DEFAULT`] stands for the fast compressor, each other one for the thorough one.
    Lz4 {
        level: i32,
    },
    /// −131,072 to 22.
    Zstd {
        level: i32,
    },
}

/// What zlib takes for "choose yourself".
pub const GZIP_LEVEL_DEFAULT: i32 = -1;
pub const LZ4_LEVEL_DEFAULT: i32 = 9;

impl Compression {
    #[must_use]
    pub fn codec(self) -> Codec {
        match self {
            Compression::None => Codec::None,
            Compression::Gzip { .. } => Codec::Gzip,
            Compression::Snappy => Codec::Snappy,
            Compression::Lz4 { .. } => Codec::Lz4,
            Compression::Zstd { .. } => Codec::Zstd,
        }
    }
}

impl From<Codec> for Compression {
    /// At the codec's default level.
    fn from(codec: Codec) -> Compression {
        match codec {
            Codec::None => Compression::None,
            Codec::Gzip => Compression::Gzip { level: GZIP_LEVEL_DEFAULT },
            Codec::Snappy => Compression::Snappy,
            Codec::Lz4 => Compression::Lz4 { level: LZ4_LEVEL_DEFAULT },
            Codec::Zstd => Compression::Zstd { level: zstd::DEFAULT_COMPRESSION_LEVEL },
        }
    }
}

impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why compressed bytes were refused: always the fault of whoever wrote them.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CompressionError {
    #[error(
        "{codec} data grows beyond the {bound_bytes} bytes that one batch may decompress to: send smaller batches"
    )]
    TooLarge { codec: Codec, bound_bytes: usize },
    #[error("{codec} data is malformed: {cause}")]
    Malformed { codec: Codec, cause: String },
}

/// Compresses `plain` in the framing Kafka clients expect: xerial blocks of 32 KiB for snappy, independent
/// blocks of 64 KiB for lz4. A bare [`Codec`] means its default level.
#[must_use]
pub fn compress(compression: impl Into<Compression>, plain: &[u8]) -> Vec<u8> {
    const IN_MEMORY: &str = "writing into a Vec does not fail";
    match compression.into() {
        Compression::None => plain.to_vec(),
        Compression::Gzip { level } => {
            // Whatever is below 0 means the default one.
            let effort = u32::try_from(level).map_or_else(
                |_| flate2::Compression::default(),
                |level| flate2::Compression::new(level.min(9)),
            );
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), effort);
            encoder.write_all(plain).expect(IN_MEMORY);
            encoder.finish().expect(IN_MEMORY)
        }
        Compression::Snappy => snappy::compress(plain),
        Compression::Lz4 { level: LZ4_LEVEL_DEFAULT } => {
            let frame = lz4_flex::frame::FrameInfo::new()
                .block_mode(lz4_flex::frame::BlockMode::Independent)
                .block_size(lz4_flex::frame::BlockSize::Max64KB);
            let mut encoder = lz4_flex::frame::FrameEncoder::with_frame_info(frame, Vec::new());
            encoder.write_all(plain).expect(IN_MEMORY);
            encoder.finish().expect(IN_MEMORY)
        }
        Compression::Lz4 { level } => lz4::compress(plain, level),
        Compression::Zstd { level } => frames::compress(plain, level).expect("zstd compresses in memory"),
    }
}

/// Decompresses all of `compressed` into one piece.
///
/// # Errors
/// [`CompressionError::TooLarge`] as soon as the output passes `bound_bytes`; `Malformed` for bytes that the
/// codec did not write.
pub fn decompress(codec: Codec, compressed: &Bytes, bound_bytes: usize) -> Result<Bytes, CompressionError> {
    if codec == Codec::None {
        if compressed.len() > bound_bytes {
            return Err(CompressionError::TooLarge { codec, bound_bytes });
        }
        return Ok(compressed.clone());
    }
    let mut stream = Decompressor::new(codec, compressed, bound_bytes)?;
    let step = compressed.len().saturating_mul(4).clamp(STEP_BYTES_MIN, STEP_BYTES_MAX);
    let mut plain = Vec::new();
    let mut filled = 0;
    loop {
        if filled == plain.len() {
            plain.resize(filled + step.max(filled).min(bound_bytes.saturating_sub(filled) + 1), 0);
        }
        let read = stream.read(&mut plain[filled..])?;
        filled += read;
        if read == 0 {
            plain.truncate(filled);
            // Whoever keeps one record keeps all of this.
            plain.shrink_to_fit();
            return Ok(Bytes::from(plain));
        }
    }
}

/// A stream of decompressed bytes that ends with an error once it passes its bound.
pub struct Decompressor<'a> {
    codec: Codec,
    stream: Stream<'a>,
    bound_bytes: usize,
    produced: usize,
}

enum Stream<'a> {
    Plain(&'a [u8]),
    Gzip(Box<flate2::bufread::MultiGzDecoder<&'a [u8]>>),
    Snappy(SnappyReader<'a>),
    Lz4(Box<lz4_flex::frame::FrameDecoder<&'a [u8]>>),
    Zstd(zstd::stream::zio::Reader<&'a [u8], frames::Lent>),
}

impl<'a> Decompressor<'a> {
    /// A stream over `compressed` that gives at most `bound_bytes`.
    ///
    /// # Errors
    /// [`CompressionError::Malformed`] if the codec cannot be set up.
    pub fn new(
        codec: Codec,
        compressed: &'a [u8],
        bound_bytes: usize,
    ) -> Result<Decompressor<'a>, CompressionError> {
        let stream = match codec {
            Codec::None => Stream::Plain(compressed),
            Codec::Gzip => Stream::Gzip(Box::new(flate2::bufread::MultiGzDecoder::new(compressed))),
            Codec::Snappy => Stream::Snappy(SnappyReader::new(compressed)),
            Codec::Lz4 => Stream::Lz4(Box::new(lz4_flex::frame::FrameDecoder::new(compressed))),
            Codec::Zstd => {
                let malformed =
                    |error: io::Error| CompressionError::Malformed { codec, cause: error.to_string() };
                Stream::Zstd(frames::reader(compressed).map_err(malformed)?)
            }
        };
        Ok(Decompressor { codec, stream, bound_bytes, produced: 0 })
    }

    /// Fills `out` from the start; gives how many bytes were written, 0 at the end (or for an empty `out`).
    ///
    /// # Errors
    /// As for [`decompress`].
    pub fn read(&mut self, out: &mut [u8]) -> Result<usize, CompressionError> {
        let codec = self.codec;
        let too_large = CompressionError::TooLarge { codec, bound_bytes: self.bound_bytes };
        // One byte beyond the bound tells an output that ends there from one that goes on.
        let room = (self.bound_bytes - self.produced).saturating_add(1).min(out.len());
        let out = &mut out[..room];
        let read = match &mut self.stream {
            Stream::Plain(rest) => rest.read(out),
            Stream::Gzip(decoder) => decoder.read(out),
            Stream::Snappy(reader) => {
                if reader.next_block_bytes()? > self.bound_bytes - self.produced {
                    return Err(too_large);
                }
                Ok(reader.read(out)?)
            }
            Stream::Lz4(decoder) => decoder.read(out),
            Stream::Zstd(decoder) => decoder.read(out),
        };
        let read = read.map_err(|error| CompressionError::Malformed { codec, cause: error.to_string() })?;
        if read > self.bound_bytes - self.produced {
            return Err(too_large);
        }
        self.produced += read;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn samples() -> Vec<Vec<u8>> {
        let noise: Vec<u8> = (0..200_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        vec![Vec::new(), b"x".to_vec(), vec![7; 32 * 1024], vec![0; 300_000], noise]
    }

    #[test]
    fn every_codec_gives_back_what_it_took() {
        for codec in Codec::ALL {
            for plain in samples() {
                let packed = Bytes::from(compress(codec, &plain));
                assert_eq!(decompress(codec, &packed, plain.len()).as_deref(), Ok(&plain[..]), "{codec}");
            }
        }
    }

    #[test]
    fn a_level_is_an_effort() {
        let text: Vec<u8> =
            (0..60_000u32).flat_map(|i| format!("{:x} ", i.wrapping_mul(i) % 997).into_bytes()).collect();
        let bytes = |compression: Compression| {
            let packed = Bytes::from(compress(compression, &text));
            assert_eq!(decompress(compression.codec(), &packed, text.len()).as_deref(), Ok(&text[..]));
            packed.len()
        };
        let pairs = [
            [Compression::Gzip { level: 1 }, Compression::Gzip { level: 9 }],
            [Compression::Lz4 { level: 1 }, Compression::Lz4 { level: 12 }],
            [Compression::Zstd { level: -50 }, Compression::Zstd { level: 19 }],
        ];
        for [little, much] in pairs {
            assert!(bytes(much) < bytes(little), "{much:?} beside {little:?}");
        }
        let gzip = compress(Codec::Gzip, &text).len();
        assert_eq!(bytes(Compression::Gzip { level: -1 }), gzip);
        assert_eq!(bytes(Compression::Gzip { level: 6 }), gzip, "zlib's default");
        assert_eq!(bytes(Compression::Zstd { level: 3 }), compress(Codec::Zstd, &text).len());
    }

    #[test]
    fn output_stops_at_its_bound() {
        let bomb = vec![0u8; 8 << 20];
        for codec in [Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd] {
            let packed = Bytes::from(compress(codec, &bomb));
            let bound_bytes = 100_000;
            let mut stream = Decompressor::new(codec, &packed, bound_bytes).expect("set up");
            let mut out = [0u8; 4096];
            let mut produced = 0;
            let error = loop {
                match stream.read(&mut out) {
                    Ok(0) => panic!("{codec} ended within the bound"),
                    Ok(read) => produced += read,
                    Err(error) => break error,
                }
            };
            assert_eq!(error, CompressionError::TooLarge { codec, bound_bytes });
            assert!(produced <= bound_bytes, "{codec} gave {produced}");
            assert_eq!(decompress(codec, &packed, bound_bytes), Err(error));
        }
    }

    #[test]
    fn a_truncated_stream_is_malformed() {
        let plain = &samples()[4];
        for codec in [Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd] {
            let packed = Bytes::from(compress(codec, plain));
            let cut = packed.slice(..packed.len() - 9);
            let error = decompress(codec, &cut, plain.len()).expect_err("cut short");
            assert!(matches!(error, CompressionError::Malformed { .. }), "{codec}: {error}");
        }
    }

    #[test]
    fn a_zstd_window_beyond_the_limit_is_refused() {
        // Magic, a frame header with no content size and a window descriptor of 2^28, one empty last block.
        let frame = Bytes::from_static(&[0x28, 0xb5, 0x2f, 0xfd, 0x00, (28 - 10) << 3, 0x01, 0x00, 0x00]);
        let error = decompress(Codec::Zstd, &frame, 1000).expect_err("window too large");
        assert!(matches!(error, CompressionError::Malformed { codec: Codec::Zstd, .. }), "{error}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn foreign_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400), which in 1usize..5) {
            let codec = Codec::ALL[which];
            if let Ok(plain) = decompress(codec, &Bytes::from(bytes), 10_000) {
                prop_assert!(plain.len() <= 10_000);
            }
        }

        #[test]
        fn flipped_bytes_never_panic(at in 0usize..4000, flip in 1u8.., which in 1usize..5) {
            let codec = Codec::ALL[which];
            let plain: Vec<u8> = (0..20_000u32).map(|i| (i / 7) as u8).collect();
            let mut packed = compress(codec, &plain);
            let at = at % packed.len();
            packed[at] ^= flip;
            if let Ok(plain) = decompress(codec, &Bytes::from(packed), 30_000) {
                prop_assert!(plain.len() <= 30_000);
            }
        }
    }
}
