//! zstd's frames, with contexts that are used again: to set one up costs more than most batches take.
//!
//! A thread keeps one context of each kind, reset before each use. One that a frame has made large is given
//! back instead, so that no memory stays reserved on a frame's word.
use std::cell::Cell;
use std::io;

use zstd::bulk::Compressor;
use zstd::stream::raw::{DParameter, InBuffer, Operation, OutBuffer, WriteBuf};
use zstd::stream::zio;
use zstd::zstd_safe::{DCtx, ResetDirective, get_error_name};

use super::ZSTD_WINDOW_LOG_MAX;

/// The largest context that a thread keeps, in bytes: what the default level takes for batches of a megabyte.
const KEPT_BYTES_MAX: usize = 4 << 20;

thread_local! {
    static COMPRESSOR: Cell<Option<Compressor<'static>>> = const { Cell::new(None) };
    static DECOMPRESSOR: Cell<Option<DCtx<'static>>> = const { Cell::new(None) };
}

/// One frame with all of `plain`. Told the length, it takes tables that fit it: at high levels the streaming one
/// takes a hundred megabytes.
pub(super) fn compress(plain: &[u8], level: i32) -> io::Result<Vec<u8>> {
    let mut compressor = COMPRESSOR.take().unwrap_or_default();
    compressor.set_compression_level(level)?;
    let packed = compressor.compress(plain)?;
    if compressor.context_mut().sizeof() <= KEPT_BYTES_MAX {
        COMPRESSOR.set(Some(compressor));
    }
    Ok(packed)
}

/// Reads the frames of `compressed`, one after the other.
pub(super) fn reader(compressed: &[u8]) -> io::Result<zio::Reader<&[u8], Lent>> {
    let mut context = match DECOMPRESSOR.take() {
        Some(context) => context,
        None => DCtx::try_create().ok_or(io::ErrorKind::OutOfMemory)?,
    };
    context.reset(ResetDirective::SessionOnly).map_err(refused)?;
    context.set_parameter(DParameter::WindowLogMax(ZSTD_WINDOW_LOG_MAX)).map_err(refused)?;
    Ok(zio::Reader::new(compressed, Lent(Some(context))))
}

fn refused(code: usize) -> io::Error {
    io::Error::other(get_error_name(code))
}

/// The thread's context for decompression, until it is dropped. There is always one until then.
pub(super) struct Lent(Option<DCtx<'static>>);

impl Lent {
    fn context(&mut self) -> io::Result<&mut DCtx<'static>> {
        self.0.as_mut().ok_or_else(|| io::Error::other("the context was given back"))
    }
}

impl Operation for Lent {
    fn run<C: WriteBuf + ?Sized>(
        &mut self,
        input: &mut InBuffer<'_>,
        output: &mut OutBuffer<'_, C>,
    ) -> io::Result<usize> {
        self.context()?.decompress_stream(output, input).map_err(refused)
    }

    fn reinit(&mut self) -> io::Result<()> {
        self.context()?.reset(ResetDirective::SessionOnly).map_err(refused)?;
        Ok(())
    }

    fn finish<C: WriteBuf + ?Sized>(
        &mut self,
        _: &mut OutBuffer<'_, C>,
        is_whole: bool,
    ) -> io::Result<usize> {
        if is_whole { Ok(0) } else { Err(io::Error::new(io::ErrorKind::UnexpectedEof, "incomplete frame")) }
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let Some(context) = self.0.take_if(|context| context.sizeof() <= KEPT_BYTES_MAX) else { return };
        // A thread that is ending keeps nothing: the context goes with the closure.
        let _ = DECOMPRESSOR.try_with(|kept| kept.set(Some(context)));
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    fn decompressed(packed: &[u8]) -> io::Result<Vec<u8>> {
        let mut plain = Vec::new();
        reader(packed)?.read_to_end(&mut plain)?;
        Ok(plain)
    }

    #[test]
    fn a_context_that_was_left_in_a_frame_reads_the_next_one() {
        let text: Vec<u8> = (0..50_000u32).flat_map(|i| (i % 977).to_le_bytes()).collect();
        let packed = compress(&text, 3).unwrap();
        assert_eq!(packed, compress(&text, 3).unwrap(), "the same with a context that was used");
        assert_eq!(packed, zstd::bulk::compress(&text, 3).unwrap(), "and with a new one");
        assert_ne!(packed, compress(&text, 19).unwrap());
        assert_eq!(packed, compress(&text, 3).unwrap(), "and after another level");

        let mut half = reader(&packed).unwrap();
        half.read_exact(&mut [0; 100]).unwrap();
        drop(half);
        assert_eq!(decompressed(&packed).unwrap(), text);
        let cut = decompressed(&packed[..packed.len() - 1]).unwrap_err();
        assert_eq!(cut.to_string(), "incomplete frame");
        decompressed(&[7; 40]).unwrap_err();
        assert_eq!(decompressed(&[packed.clone(), packed].concat()).unwrap(), [text.clone(), text].concat());
    }

    #[test]
    fn two_at_once_and_a_large_one() {
        let packed = compress(b"first", 3).unwrap();
        let (mut one, mut two) = (reader(&packed).unwrap(), reader(&packed).unwrap());
        let mut plain = [0; 5];
        one.read_exact(&mut plain).unwrap();
        two.read_exact(&mut plain).unwrap();
        assert_eq!(&plain, b"first");
        drop((one, two));

        // Streamed, and so with the window of its level, which is larger than what is kept.
        let large = zstd::stream::encode_all(&vec![1; 20 << 20][..], 19).unwrap();
        assert_eq!(decompressed(&large).unwrap().len(), 20 << 20);
        assert!(DECOMPRESSOR.take().is_none_or(|context| context.sizeof() <= KEPT_BYTES_MAX));
        assert_eq!(decompressed(&packed).unwrap(), b"first");
    }
}
