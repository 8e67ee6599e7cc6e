use super::varint::{VARINT_BYTES_MAX, VARLONG_BYTES_MAX, zigzag_decode};
use crate::wire::compression::{CompressionError, Decompressor};

/// What went wrong while reading a record's bytes.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RecordFault {
    #[error("the batch ends within it")]
    Truncated,
    #[error("its length is {length}")]
    NegativeLength { length: i32 },
    #[error("it states {stated} bytes and its fields take more")]
    Overrun { stated: i32 },
    #[error("it states {stated} bytes and its fields take {actual}")]
    Underrun { stated: i32, actual: i32 },
    #[error("a variable-length number is longer than its type")]
    Varint,
    #[error("a key or value has the length {length}; −1 stands for none")]
    FieldLength { length: i32 },
    #[error("it has {count} headers, more than its bytes can hold, or fewer than none")]
    HeaderCount { count: i32 },
    #[error("a header's key has the length {length}; a header has a key")]
    HeaderKey { length: i32 },
    #[error("its offset delta is {found} where {expected} is due")]
    OffsetDelta { expected: i32, found: i32 },
    #[error("its offset delta {found} does not lie between {above} and the batch's last, {last}")]
    OffsetOrder { found: i32, above: i32, last: i32 },
    #[error(transparent)]
    Compression(#[from] CompressionError),
}

/// Bytes of records, read once from front to back.
pub(super) trait ByteSource {
    fn byte(&mut self) -> Result<u8, RecordFault>;
    /// Passes over `count` bytes.
    fn skip(&mut self, count: usize) -> Result<(), RecordFault>;
    /// Whether nothing is left.
    fn at_end(&mut self) -> Result<bool, RecordFault>;
    /// The next bytes, as far as they lie in memory.
    fn buffered(&self) -> &[u8];
    /// Takes `count` of the buffered bytes.
    fn advance(&mut self, count: usize);
}

/// Records that lie uncompressed in memory.
pub(super) struct SliceSource<'a> {
    rest: &'a [u8],
}

impl<'a> SliceSource<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> SliceSource<'a> {
        SliceSource { rest: bytes }
    }

    /// How many bytes are left.
    pub(super) fn remaining(&self) -> usize {
        self.rest.len()
    }
}

impl ByteSource for SliceSource<'_> {
    #[inline]
    fn byte(&mut self) -> Result<u8, RecordFault> {
        let (&first, rest) = self.rest.split_first().ok_or(RecordFault::Truncated)?;
        self.rest = rest;
        Ok(first)
    }

    #[inline]
    fn skip(&mut self, count: usize) -> Result<(), RecordFault> {
        self.rest = self.rest.get(count..).ok_or(RecordFault::Truncated)?;
        Ok(())
    }

    fn at_end(&mut self) -> Result<bool, RecordFault> {
        Ok(self.rest.is_empty())
    }

    #[inline]
    fn buffered(&self) -> &[u8] {
        self.rest
    }

    #[inline]
    fn advance(&mut self, count: usize) {
        self.rest = &self.rest[count..];
    }
}

/// Records that are decompressed as they are read, a window at a time.
pub(super) struct StreamSource<'a> {
    stream: Decompressor<'a>,
    window: Box<[u8]>,
    taken: usize,
    filled: usize,
}

const WINDOW_BYTES: usize = 16 * 1024;

impl<'a> StreamSource<'a> {
    pub(super) fn new(stream: Decompressor<'a>) -> StreamSource<'a> {
        StreamSource { stream, window: vec![0; WINDOW_BYTES].into_boxed_slice(), taken: 0, filled: 0 }
    }

    /// Fills the window once all of it is taken; gives false at the end.
    fn refill(&mut self) -> Result<bool, RecordFault> {
        if self.taken == self.filled {
            self.taken = 0;
            self.filled = self.stream.read(&mut self.window)?;
        }
        Ok(self.filled > 0)
    }
}

impl ByteSource for StreamSource<'_> {
    #[inline]
    fn byte(&mut self) -> Result<u8, RecordFault> {
        if self.taken == self.filled && !self.refill()? {
            return Err(RecordFault::Truncated);
        }
        let byte = self.window[self.taken];
        self.taken += 1;
        Ok(byte)
    }

    fn skip(&mut self, mut count: usize) -> Result<(), RecordFault> {
        while count > 0 {
            if !self.refill()? {
                return Err(RecordFault::Truncated);
            }
            let step = count.min(self.filled - self.taken);
            self.taken += step;
            count -= step;
        }
        Ok(())
    }

    fn at_end(&mut self) -> Result<bool, RecordFault> {
        Ok(!self.refill()?)
    }

    #[inline]
    fn buffered(&self) -> &[u8] {
        &self.window[self.taken..self.filled]
    }

    #[inline]
    fn advance(&mut self, count: usize) {
        assert!(count <= self.filled - self.taken, "only what is buffered is taken");
        self.taken += count;
    }
}

/// The bytes of one record, counted down from its stated length, so that no field leaves the record.
pub(super) struct RecordBytes<'s, S> {
    source: &'s mut S,
    stated: i32,
    left: usize,
}

impl<'s, S: ByteSource> RecordBytes<'s, S> {
    /// Reads the next record's length and opens it.
    pub(super) fn open(source: &'s mut S) -> Result<RecordBytes<'s, S>, RecordFault> {
        let mut raw = 0u64;
        for at in 0..VARINT_BYTES_MAX {
            let byte = source.byte()?;
            raw |= u64::from(byte & 0x7f) << (7 * at);
            if byte < 0x80 {
                let length = i32::try_from(zigzag_decode(raw)).map_err(|_| RecordFault::Varint)?;
                let left = usize::try_from(length).map_err(|_| RecordFault::NegativeLength { length })?;
                return Ok(RecordBytes { source, stated: length, left });
            }
        }
        Err(RecordFault::Varint)
    }

    #[inline]
    pub(super) fn byte(&mut self) -> Result<u8, RecordFault> {
        self.left = self.left.checked_sub(1).ok_or(RecordFault::Overrun { stated: self.stated })?;
        self.source.byte()
    }

    #[inline]
    pub(super) fn varint(&mut self) -> Result<i32, RecordFault> {
        let value = self.number(VARINT_BYTES_MAX)?;
        i32::try_from(value).map_err(|_| RecordFault::Varint)
    }

    #[inline]
    pub(super) fn varlong(&mut self) -> Result<i64, RecordFault> {
        self.number(VARLONG_BYTES_MAX)
    }

    #[inline]
    fn number(&mut self, bytes_max: usize) -> Result<i64, RecordFault> {
        let mut raw = 0u64;
        for at in 0..bytes_max {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if at == VARLONG_BYTES_MAX - 1 && bits > 1 {
                return Err(RecordFault::Varint);
            }
            raw |= bits << (7 * at);
            if byte < 0x80 {
                return Ok(zigzag_decode(raw));
            }
        }
        Err(RecordFault::Varint)
    }

    pub(super) fn skip(&mut self, count: usize) -> Result<(), RecordFault> {
        self.left = self.left.checked_sub(count).ok_or(RecordFault::Overrun { stated: self.stated })?;
        self.source.skip(count)
    }

    /// A key's or value's length; `None` for a null one.
    pub(super) fn field_length(&mut self) -> Result<Option<usize>, RecordFault> {
        match self.varint()? {
            -1 => Ok(None),
            length => usize::try_from(length).map(Some).map_err(|_| RecordFault::FieldLength { length }),
        }
    }

    pub(super) fn header_count(&mut self) -> Result<usize, RecordFault> {
        // A header takes at least two bytes: the lengths of its key and value.
        const HEADER_BYTES_MIN: usize = 2;
        let count = self.varint()?;
        match usize::try_from(count) {
            Ok(headers) if headers <= self.left / HEADER_BYTES_MIN => Ok(headers),
            _ => Err(RecordFault::HeaderCount { count }),
        }
    }

    pub(super) fn header_key_length(&mut self) -> Result<usize, RecordFault> {
        let length = self.varint()?;
        usize::try_from(length).map_err(|_| RecordFault::HeaderKey { length })
    }

    /// Checks that the fields have taken the whole record.
    pub(super) fn close(self) -> Result<(), RecordFault> {
        if self.left == 0 {
            return Ok(());
        }
        let left = i32::try_from(self.left).expect("what is left is below the stated length");
        Err(RecordFault::Underrun { stated: self.stated, actual: self.stated - left })
    }
}

impl<'a> RecordBytes<'_, SliceSource<'a>> {
    /// The next `count` bytes of the record.
    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8], RecordFault> {
        let ahead = self.source.rest;
        self.skip(count)?;
        Ok(&ahead[..count])
    }
}

/// What validation has to know of a record; its contents are passed over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct RecordShape {
    pub(super) timestamp_delta: i64,
    pub(super) offset_delta: i32,
    pub(super) has_key: bool,
}

impl RecordShape {
    /// Reads the next record's shape and checks its structure to the last byte.
    #[inline]
    pub(super) fn read(source: &mut impl ByteSource) -> Result<RecordShape, RecordFault> {
        match quick_shape(source.buffered()) {
            Some((shape, bytes)) => {
                source.advance(bytes);
                Ok(shape)
            }
            None => RecordShape::read_carefully(source),
        }
    }

    /// Reads a record that is not whole in the buffer, or says what is wrong with it.
    #[cold]
    fn read_carefully(source: &mut impl ByteSource) -> Result<RecordShape, RecordFault> {
        let mut record = RecordBytes::open(source)?;
        record.byte()?;
        let timestamp_delta = record.varlong()?;
        let offset_delta = record.varint()?;
        let key = record.field_length()?;
        record.skip(key.unwrap_or(0))?;
        let value = record.field_length()?;
        record.skip(value.unwrap_or(0))?;
        for _ in 0..record.header_count()? {
            let key = record.header_key_length()?;
            record.skip(key)?;
            let value = record.field_length()?;
            record.skip(value.unwrap_or(0))?;
        }
        record.close()?;
        Ok(RecordShape { timestamp_delta, offset_delta, has_key: key.is_some() })
    }
}

/// The shape and length in bytes of a sound record that lies whole at the start of `bytes`; `None` for any
/// other, which the careful reader then judges. Producers send thousands of records in a batch, and this is
/// what each costs.
#[inline]
fn quick_shape(bytes: &[u8]) -> Option<(RecordShape, usize)> {
    let mut at = 0;
    let length = usize::try_from(quick_number(bytes, &mut at, VARINT_BYTES_MAX)?).ok()?;
    let end = at.checked_add(length)?;
    let record = bytes.get(..end)?;
    at += 1;
    let timestamp_delta = quick_number(record, &mut at, VARLONG_BYTES_MAX)?;
    let offset_delta = i32::try_from(quick_number(record, &mut at, VARINT_BYTES_MAX)?).ok()?;
    let has_key = quick_field(record, &mut at)?;
    quick_field(record, &mut at)?;
    let headers = quick_number(record, &mut at, VARINT_BYTES_MAX)?;
    if !(0..=length as i64).contains(&headers) {
        return None;
    }
    for _ in 0..headers {
        if !quick_field(record, &mut at)? {
            return None;
        }
        quick_field(record, &mut at)?;
    }
    (at == end).then_some((RecordShape { timestamp_delta, offset_delta, has_key }, end))
}

/// Passes over a nullable field; gives whether it is there.
#[inline]
fn quick_field(record: &[u8], at: &mut usize) -> Option<bool> {
    let length = quick_number(record, at, VARINT_BYTES_MAX)?;
    if length == -1 {
        return Some(false);
    }
    *at = at.checked_add(usize::try_from(length).ok()?)?;
    Some(true)
}

#[inline]
fn quick_number(bytes: &[u8], at: &mut usize, bytes_max: usize) -> Option<i64> {
    let first = *bytes.get(*at)?;
    *at += 1;
    if first < 0x80 {
        return Some(zigzag_decode(u64::from(first)));
    }
    let mut raw = u64::from(first & 0x7f);
    for place in 1..bytes_max {
        let byte = *bytes.get(*at)?;
        *at += 1;
        let bits = u64::from(byte & 0x7f);
        if place == VARLONG_BYTES_MAX - 1 && bits > 1 {
            return None;
        }
        raw |= bits << (7 * place);
        if byte < 0x80 {
            return Some(zigzag_decode(raw));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// On any bytes the quick reader takes only what the careful one takes, and gives the same.
        #[test]
        fn quick_is_careful(
            length in 0u8..40,
            rest in proptest::collection::vec(prop_oneof![0u8..6, any::<u8>()], 0..40),
        ) {
            let bytes = [&[length * 2][..], &rest].concat();
            let mut source = SliceSource::new(&bytes);
            let careful = RecordShape::read_carefully(&mut source);
            let due = careful.ok().map(|shape| (shape, bytes.len() - source.remaining()));
            prop_assert_eq!(quick_shape(&bytes), due);
        }
    }

    #[test]
    fn lengths_beyond_their_type_are_judged_carefully() {
        // A length of 2^33 and more, in five bytes.
        let bytes = [0x80, 0x80, 0x80, 0x80, 0x7f, 0];
        assert_eq!(quick_shape(&bytes), None);
        assert_eq!(RecordShape::read(&mut SliceSource::new(&bytes)), Err(RecordFault::Varint));
    }
}
