//! Reads values from a frame. Strings, bytes and records are slices of it.
use bytes::Bytes;

use super::{DecodeError, Malformed, Message, Records, TaggedFields, Text};
use crate::types::limits::{ARRAY_ELEMENTS_MAX, DECODED_BYTES_MAX, STRING_BYTES_MAX, TAGGED_FIELDS_MAX};
use crate::types::{TopicId, Uuid};

/// A position in a frame. Every method takes the name of the field for its error.
#[derive(Debug)]
pub struct Reader {
    bytes: Bytes,
    at: usize,
    /// Where reading has to stop: the end of the frame or of the tagged field.
    end: usize,
    /// Memory that arrays may still take.
    budget: usize,
    message: &'static str,
    version: i16,
}

type Result<T> = std::result::Result<T, DecodeError>;

macro_rules! numbers {
    ($($name:ident $ty:ty),*) => {$(
        /// A number in network byte order.
        ///
        /// # Errors
        /// Too few bytes.
        pub fn $name(&mut self, field: &'static str) -> Result<$ty> {
            Ok(<$ty>::from_be_bytes(self.take::<{ size_of::<$ty>() }>(field)?))
        }
    )*};
}

impl Reader {
    #[must_use]
    pub fn new(bytes: Bytes) -> Reader {
        let end = bytes.len();
        Reader { bytes, at: 0, end, budget: DECODED_BYTES_MAX, message: "", version: 0 }
    }

    /// How many bytes have not been read.
    #[must_use]
    pub fn remaining(&self) -> usize {
        self.end - self.at
    }

    /// What has not been read.
    #[must_use]
    pub fn rest(&self) -> Bytes {
        self.bytes.slice(self.at..self.end)
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// Bytes that nobody has read.
    pub fn finish(&self) -> Result<()> {
        match self.remaining() {
            0 => Ok(()),
            left => Err(self.error("(end)", Malformed::TrailingBytes { left })),
        }
    }

    /// Errors name `M` from here on.
    ///
    /// # Errors
    /// A version that `M` does not have.
    pub fn begin<M: Message>(&mut self, version: i16) -> Result<()> {
        self.message = M::NAME;
        self.version = version;
        if M::VERSIONS.contains(version) {
            return Ok(());
        }
        Err(self.error("(version)", Malformed::UnknownVersion { known: M::VERSIONS }))
    }

    #[cold]
    pub(crate) fn error(&self, field: &'static str, problem: Malformed) -> DecodeError {
        DecodeError { message: self.message, version: self.version, field, at: self.at, problem }
    }

    fn need(&self, field: &'static str, needed: usize) -> Result<()> {
        let left = self.remaining();
        if needed <= left {
            return Ok(());
        }
        Err(self.error(field, Malformed::Truncated { needed, left }))
    }

    fn take<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N]> {
        self.need(field, N)?;
        let mut value = [0; N];
        value.copy_from_slice(&self.bytes[self.at..self.at + N]);
        self.at += N;
        Ok(value)
    }

    fn slice(&mut self, field: &'static str, length: usize) -> Result<Bytes> {
        self.need(field, length)?;
        let slice = self.bytes.slice(self.at..self.at + length);
        self.at += length;
        Ok(slice)
    }

    numbers!(i8 i8, i16 i16, u16 u16, i32 i32, i64 i64, f64 f64);

    /// A byte; whatever is not 0 is true.
    ///
    /// # Errors
    /// Too few bytes.
    pub fn bool(&mut self, field: &'static str) -> Result<bool> {
        Ok(self.i8(field)? != 0)
    }

    /// # Errors
    /// Too few bytes.
    pub fn uuid(&mut self, field: &'static str) -> Result<Uuid> {
        Ok(Uuid(self.take(field)?))
    }

    /// # Errors
    /// Too few bytes.
    pub fn topic_id(&mut self, field: &'static str) -> Result<TopicId> {
        Ok(TopicId(self.take(field)?))
    }

    /// Seven bits a byte, the least first, five bytes at most.
    ///
    /// # Errors
    /// Too few bytes, or more than 32 bits.
    pub fn uvarint(&mut self, field: &'static str) -> Result<u32> {
        let mut value = 0u32;
        for shift in [0, 7, 14, 21, 28] {
            let [byte] = self.take(field)?;
            if shift == 28 && byte > 0x0f {
                return Err(self.error(field, Malformed::VarintOverflow));
            }
            value |= u32::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        unreachable!("the fifth byte ends the number or is refused")
    }

    /// A length, absent for null: plus one as a varint where `flex`, else 16 or 32 bits wide.
    fn length(&mut self, flex: bool, short: bool, field: &'static str) -> Result<Option<usize>> {
        if flex {
            return Ok((self.uvarint(field)? as usize).checked_sub(1));
        }
        let length = if short { i64::from(self.i16(field)?) } else { i64::from(self.i32(field)?) };
        match usize::try_from(length) {
            Ok(length) => Ok(Some(length)),
            Err(_) if length == -1 => Ok(None),
            Err(_) => Err(self.error(field, Malformed::NegativeLength { length })),
        }
    }

    fn not_null<T>(&self, field: &'static str, value: Option<T>) -> Result<T> {
        value.ok_or_else(|| self.error(field, Malformed::Null))
    }

    fn null_if(&self, nullable: bool, field: &'static str) -> Result<()> {
        if nullable { Ok(()) } else { Err(self.error(field, Malformed::Null)) }
    }

    /// # Errors
    /// Too few bytes, null, more than [`STRING_BYTES_MAX`], or no UTF-8.
    pub fn string(&mut self, flex: bool, field: &'static str) -> Result<Text> {
        let text = self.nullable_string(flex, true, field)?;
        self.not_null(field, text)
    }

    /// # Errors
    /// As [`Reader::string`], null unless `nullable`.
    pub fn nullable_string(
        &mut self,
        flex: bool,
        nullable: bool,
        field: &'static str,
    ) -> Result<Option<Text>> {
        let Some(length) = self.length(flex, true, field)? else {
            return self.null_if(nullable, field).map(|()| None);
        };
        if length > STRING_BYTES_MAX {
            return Err(self.error(field, Malformed::StringTooLong { length, max: STRING_BYTES_MAX }));
        }
        let bytes = self.slice(field, length)?;
        Text::try_from(bytes).map(Some).map_err(|_| self.error(field, Malformed::NotUtf8))
    }

    /// # Errors
    /// Too few bytes, or null.
    pub fn bytes(&mut self, flex: bool, field: &'static str) -> Result<Bytes> {
        let bytes = self.nullable_bytes(flex, true, field)?;
        self.not_null(field, bytes)
    }

    /// # Errors
    /// Too few bytes, or null unless `nullable`.
    pub fn nullable_bytes(
        &mut self,
        flex: bool,
        nullable: bool,
        field: &'static str,
    ) -> Result<Option<Bytes>> {
        let Some(length) = self.length(flex, false, field)? else {
            return self.null_if(nullable, field).map(|()| None);
        };
        self.slice(field, length).map(Some)
    }

    /// # Errors
    /// As [`Reader::bytes`].
    pub fn records(&mut self, flex: bool, field: &'static str) -> Result<Records> {
        self.bytes(flex, field).map(Records::from)
    }

    /// # Errors
    /// As [`Reader::nullable_bytes`].
    pub fn nullable_records(
        &mut self,
        flex: bool,
        nullable: bool,
        field: &'static str,
    ) -> Result<Option<Records>> {
        Ok(self.nullable_bytes(flex, nullable, field)?.map(Records::from))
    }

    /// An array whose elements take `least` bytes or more each.
    ///
    /// # Errors
    /// Null, a count that the rest cannot hold or that is over a limit, and those of `element`.
    pub fn array<T>(
        &mut self,
        flex: bool,
        field: &'static str,
        least: usize,
        element: impl FnMut(&mut Reader) -> Result<T>,
    ) -> Result<Vec<T>> {
        let array = self.nullable_array(flex, true, field, least, element)?;
        self.not_null(field, array)
    }

    /// # Errors
    /// As [`Reader::array`], null unless `nullable`.
    pub fn nullable_array<T>(
        &mut self,
        flex: bool,
        nullable: bool,
        field: &'static str,
        least: usize,
        mut element: impl FnMut(&mut Reader) -> Result<T>,
    ) -> Result<Option<Vec<T>>> {
        let Some(count) = self.count(flex, nullable, field, least, size_of::<T>())? else {
            return Ok(None);
        };
        // No more memory at once than the peer has sent bytes; the rest grows as elements prove themselves.
        let mut elements = Vec::with_capacity(count.min(self.remaining() / size_of::<T>().max(1) + 1));
        for _ in 0..count {
            elements.push(element(self)?);
        }
        Ok(Some(elements))
    }

    /// An array's count, once the limits allow it.
    fn count(
        &mut self,
        flex: bool,
        nullable: bool,
        field: &'static str,
        least: usize,
        size: usize,
    ) -> Result<Option<usize>> {
        let Some(count) = self.length(flex, false, field)? else {
            return self.null_if(nullable, field).map(|()| None);
        };
        let left = self.remaining();
        if count > left / least {
            return Err(self.error(field, Malformed::CountBeyondBytes { count, least, left }));
        }
        if count > ARRAY_ELEMENTS_MAX {
            return Err(self.error(field, Malformed::TooManyElements { count, max: ARRAY_ELEMENTS_MAX }));
        }
        match self.budget.checked_sub(count * size) {
            Some(budget) => self.budget = budget,
            None => return Err(self.error(field, Malformed::TooMuchMemory { max: DECODED_BYTES_MAX })),
        }
        Ok(Some(count))
    }

    /// A structure that may be null: a byte tells, negative for null.
    ///
    /// # Errors
    /// Those of `read`.
    pub fn nullable_struct<T>(
        &mut self,
        field: &'static str,
        read: impl FnOnce(&mut Reader) -> Result<T>,
    ) -> Result<Option<T>> {
        if self.i8(field)? < 0 {
            return Ok(None);
        }
        read(self).map(Some)
    }

    /// A nullable structure as a tagged field: a varint tells, 0 for null.
    ///
    /// # Errors
    /// Those of `read`.
    pub fn tagged_struct<T>(
        &mut self,
        field: &'static str,
        read: impl FnOnce(&mut Reader) -> Result<T>,
    ) -> Result<Option<T>> {
        if self.uvarint(field)? == 0 {
            return Ok(None);
        }
        read(self).map(Some)
    }

    /// The tagged fields of a structure whose schema knows none.
    ///
    /// # Errors
    /// As [`Reader::tagged_fields_with`].
    pub fn tagged_fields(&mut self) -> Result<TaggedFields> {
        if self.at < self.end && self.bytes[self.at] == 0 {
            self.at += 1;
            return Ok(TaggedFields::default());
        }
        self.tagged_fields_with(&mut |_, _| Ok(false))
    }

    /// The tagged fields of a structure. `known` reads the contents of a tag that the schema knows, or says
    /// `false` and reads nothing; such fields are returned.
    ///
    /// # Errors
    /// Too few bytes, too many fields, tags that do not ascend, a field that is longer than its contents,
    /// and those of `known`.
    pub fn tagged_fields_with(
        &mut self,
        known: &mut dyn FnMut(&mut Reader, u32) -> Result<bool>,
    ) -> Result<TaggedFields> {
        const FIELD: &str = "(tagged fields)";
        let mut unknown = TaggedFields::default();
        let count = self.uvarint(FIELD)? as usize;
        let left = self.remaining();
        if count > left / 2 {
            return Err(self.error(FIELD, Malformed::CountBeyondBytes { count, least: 2, left }));
        }
        if count > TAGGED_FIELDS_MAX {
            return Err(self.error(FIELD, Malformed::TooManyTags { count, max: TAGGED_FIELDS_MAX }));
        }
        let mut previous = None;
        for _ in 0..count {
            let tag = self.uvarint(FIELD)?;
            if let Some(previous) = previous
                && tag <= previous
            {
                return Err(self.error(FIELD, Malformed::TagOrder { tag, previous }));
            }
            previous = Some(tag);
            let size = self.uvarint(FIELD)? as usize;
            self.need(FIELD, size)?;
            let outer = std::mem::replace(&mut self.end, self.at + size);
            if known(self, tag)? {
                self.finish()?;
            } else {
                unknown.push(tag, self.rest());
                self.at = self.end;
            }
            self.end = outer;
        }
        Ok(unknown)
    }
}
