//! Writes values as a list of segments, so that large bytes are never copied.
use bytes::{Bytes, BytesMut};

use super::{EncodeError, KnownTags, Message, Records, TaggedFields, Text};
use crate::types::limits::STRING_BYTES_MAX;
use crate::types::{TopicId, Uuid};

/// Bytes from this length on become a segment of their own.
const SEGMENT_BYTES_MIN: usize = 1024;

/// What has been written. Small values lie together in one buffer; `large` tells where, counted in that
/// buffer, bytes stand that are not in it. In a scratch the error context is its parent's.
#[derive(Debug, Default)]
pub struct Writer {
    small: BytesMut,
    large: Vec<(usize, Bytes)>,
    large_len: usize,
    message: &'static str,
    version: i16,
}

type Result<T> = std::result::Result<T, EncodeError>;

macro_rules! numbers {
    ($($name:ident $ty:ty),*) => {$(
        /// A number in network byte order.
        pub fn $name(&mut self, value: $ty) {
            self.small.extend_from_slice(&value.to_be_bytes());
        }
    )*};
}

impl Writer {
    #[must_use]
    pub fn new() -> Writer {
        Writer::default()
    }

    /// A writer that has reserved `bytes` for small values.
    #[must_use]
    pub fn with_capacity(bytes: usize) -> Writer {
        Writer { small: BytesMut::with_capacity(bytes), ..Writer::default() }
    }

    /// All bytes so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.small.len() + self.large_len
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The segments, in order, none of them empty.
    #[must_use]
    pub fn finish(self) -> Vec<Bytes> {
        let mut small = self.small.freeze();
        let mut segments = Vec::with_capacity(2 * self.large.len() + 1);
        let mut start = 0;
        for (at, bytes) in self.large {
            if at > start {
                segments.push(small.split_to(at - start));
                start = at;
            }
            segments.push(bytes);
        }
        if !small.is_empty() {
            segments.push(small);
        }
        segments
    }

    /// Everything in one piece; copies only where there are several segments.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        Records::from(self.finish()).into_bytes()
    }

    /// The frame: writes the number of bytes that follow over the first four, which the caller left for it.
    ///
    /// # Errors
    /// More than 2 GiB.
    ///
    /// # Panics
    /// Fewer than four bytes are written, or the first of them lie in a large segment.
    pub fn finish_frame(mut self) -> Result<Vec<Bytes>> {
        let length = self.len().checked_sub(4).expect("a frame starts with room for its length");
        let length = self.checked("(frame)", length, i32::MAX as usize)?;
        self.small[..4].copy_from_slice(&(length as i32).to_be_bytes());
        Ok(self.finish())
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
        Err(EncodeError::UnknownVersion { message: M::NAME, version, known: M::VERSIONS })
    }

    /// An empty writer whose errors name what this one's name.
    #[must_use]
    pub(super) fn scratch(&self) -> Writer {
        Writer { message: self.message, version: self.version, ..Writer::default() }
    }

    fn append(&mut self, other: Writer) {
        let base = self.small.len();
        self.small.extend_from_slice(&other.small);
        self.large_len += other.large_len;
        self.large.extend(other.large.into_iter().map(|(at, bytes)| (base + at, bytes)));
    }

    /// The error for a value that the version cannot carry.
    #[cold]
    #[must_use]
    pub fn not_in_version(&self, field: &'static str) -> EncodeError {
        EncodeError::NotInVersion { message: self.message, version: self.version, field }
    }

    fn checked(&self, field: &'static str, length: usize, max: usize) -> Result<usize> {
        if length <= max {
            return Ok(length);
        }
        Err(EncodeError::TooLong { message: self.message, version: self.version, field, length, max })
    }

    numbers!(i8 i8, i16 i16, u16 u16, i32 i32, i64 i64, f64 f64);

    pub fn bool(&mut self, value: bool) {
        self.i8(i8::from(value));
    }

    pub fn uuid(&mut self, value: Uuid) {
        self.small.extend_from_slice(&value.0);
    }

    pub fn topic_id(&mut self, value: TopicId) {
        self.small.extend_from_slice(&value.0);
    }

    /// Seven bits a byte, the least first.
    pub fn uvarint(&mut self, mut value: u32) {
        let mut bytes = [0; 5];
        let mut n = 0;
        while value >= 0x80 {
            bytes[n] = value as u8 | 0x80;
            value >>= 7;
            n += 1;
        }
        bytes[n] = value as u8;
        self.small.extend_from_slice(&bytes[..=n]);
    }

    /// Bytes without their length; not copied where they are large.
    pub fn raw(&mut self, bytes: &Bytes) {
        if bytes.len() < SEGMENT_BYTES_MIN {
            self.small.extend_from_slice(bytes);
        } else {
            self.large.push((self.small.len(), bytes.clone()));
            self.large_len += bytes.len();
        }
    }

    /// A length as [`super::Reader`] reads it; it fits, as callers have checked.
    fn length(&mut self, flex: bool, length: usize) {
        debug_assert!(i32::try_from(length).is_ok());
        if flex { self.uvarint(length as u32 + 1) } else { self.i32(length as i32) }
    }

    fn null(&mut self, flex: bool, nullable: bool, field: &'static str) -> Result<()> {
        if !nullable {
            return Err(EncodeError::Null { message: self.message, version: self.version, field });
        }
        if flex {
            self.uvarint(0)
        } else {
            self.i32(-1)
        }
        Ok(())
    }

    /// # Errors
    /// More than [`STRING_BYTES_MAX`].
    pub fn string(&mut self, flex: bool, field: &'static str, value: &Text) -> Result<()> {
        let length = self.checked(field, value.len(), STRING_BYTES_MAX)?;
        if flex {
            self.uvarint(length as u32 + 1)
        } else {
            self.i16(length as i16)
        }
        self.small.extend_from_slice(value.as_bytes());
        Ok(())
    }

    /// # Errors
    /// As [`Writer::string`], and null unless `nullable`.
    pub fn nullable_string(
        &mut self,
        flex: bool,
        nullable: bool,
        field: &'static str,
        value: Option<&Text>,
    ) -> Result<()> {
        match value {
            Some(value) => self.string(flex, field, value),
            None if nullable && !flex => {
                self.i16(-1);
                Ok(())
            }
            None => self.null(flex, nullable, field),
        }
    }

    /// # Errors
    /// More than 2 GiB.
    pub fn bytes(&mut self, flex: bool, field: &'static str, value: &Bytes) -> Result<()> {
        let length = self.checked(field, value.len(), i32::MAX as usize)?;
        self.length(flex, length);
        self.raw(value);
        Ok(())
    }

    /// # Errors
    /// As [`Writer::bytes`], and null unless `nullable`.
    pub fn nullable_bytes(
        &mut self,
        flex: bool,
        nullable: bool,
        field: &'static str,
        value: Option<&Bytes>,
    ) -> Result<()> {
        match value {
            Some(value) => self.bytes(flex, field, value),
            None => self.null(flex, nullable, field),
        }
    }

    /// # Errors
    /// More than 2 GiB.
    pub fn records(&mut self, flex: bool, field: &'static str, value: &Records) -> Result<()> {
        let length = self.checked(field, value.len(), i32::MAX as usize)?;
        self.length(flex, length);
        value.segments().iter().for_each(|segment| self.raw(segment));
        Ok(())
    }

    /// # Errors
    /// As [`Writer::records`], and null unless `nullable`.
    pub fn nullable_records(
        &mut self,
        flex: bool,
        nullable: bool,
        field: &'static str,
        value: Option<&Records>,
    ) -> Result<()> {
        match value {
            Some(value) => self.records(flex, field, value),
            None => self.null(flex, nullable, field),
        }
    }

    /// # Errors
    /// Those of `element`.
    pub fn array<T>(
        &mut self,
        flex: bool,
        field: &'static str,
        values: &[T],
        mut element: impl FnMut(&mut Writer, &T) -> Result<()>,
    ) -> Result<()> {
        let length = self.checked(field, values.len(), i32::MAX as usize)?;
        self.length(flex, length);
        values.iter().try_for_each(|value| element(self, value))
    }

    /// # Errors
    /// Those of `element`, and null unless `nullable`.
    pub fn nullable_array<T>(
        &mut self,
        flex: bool,
        nullable: bool,
        field: &'static str,
        values: Option<&[T]>,
        element: impl FnMut(&mut Writer, &T) -> Result<()>,
    ) -> Result<()> {
        match values {
            Some(values) => self.array(flex, field, values, element),
            None => self.null(flex, nullable, field),
        }
    }

    /// # Errors
    /// Those of `write`.
    pub fn nullable_struct<T>(
        &mut self,
        value: Option<&T>,
        write: impl FnOnce(&mut Writer, &T) -> Result<()>,
    ) -> Result<()> {
        self.i8(if value.is_some() { 1 } else { -1 });
        value.map_or(Ok(()), |value| write(self, value))
    }

    /// A nullable structure as a tagged field.
    ///
    /// # Errors
    /// Those of `write`.
    pub fn tagged_struct<T>(
        &mut self,
        value: Option<&T>,
        write: impl FnOnce(&mut Writer, &T) -> Result<()>,
    ) -> Result<()> {
        self.uvarint(u32::from(value.is_some()));
        value.map_or(Ok(()), |value| write(self, value))
    }

    /// The tagged fields of a structure whose schema knows none.
    ///
    /// # Errors
    /// As [`Writer::all_tagged_fields`].
    pub fn tagged_fields(&mut self, unknown: &TaggedFields) -> Result<()> {
        if unknown.is_empty() {
            self.uvarint(0);
            return Ok(());
        }
        self.all_tagged_fields(KnownTags::default(), unknown)
    }

    /// The tagged fields of a structure, those of the schema and others, in the order of their tags.
    ///
    /// # Errors
    /// Tags that do not ascend, or that stand on both sides.
    pub fn all_tagged_fields(&mut self, known: KnownTags, unknown: &TaggedFields) -> Result<()> {
        let mut known = known.into_sorted().into_iter().peekable();
        self.uvarint((known.len() + unknown.len()) as u32);
        let mut unknown = unknown.iter().peekable();
        let mut previous = None;
        loop {
            let known_is_next = match (known.peek(), unknown.peek()) {
                (None, None) => return Ok(()),
                (Some((known, _)), Some((unknown, _))) => known <= unknown,
                (next, _) => next.is_some(),
            };
            let (tag, contents) = if known_is_next {
                known.next().expect("it was peeked at")
            } else {
                let (tag, bytes) = unknown.next().expect("it was peeked at");
                let mut contents = self.scratch();
                contents.raw(bytes);
                (tag, contents)
            };
            if let Some(previous) = previous
                && tag <= previous
            {
                return Err(EncodeError::TagOrder {
                    message: self.message,
                    version: self.version,
                    tag,
                    previous,
                });
            }
            previous = Some(tag);
            self.uvarint(tag);
            let size = self.checked("(tagged field)", contents.len(), i32::MAX as usize)?;
            self.uvarint(size as u32);
            self.append(contents);
        }
    }
}
