//! Record batches as they lie on the wire: bytes that nobody here looks into.
use bytes::{Bytes, BytesMut};

/// The bytes of a `records` field, in one or more segments that are written one after the other without
/// being joined. What was decoded is one segment of the frame.
#[derive(Clone, Default)]
pub struct Records(Segments);

#[derive(Clone, Default)]
enum Segments {
    #[default]
    None,
    One(Bytes),
    Many(Vec<Bytes>),
}

impl Records {
    /// The segments, none of them empty.
    #[must_use]
    pub fn segments(&self) -> &[Bytes] {
        match &self.0 {
            Segments::None => &[],
            Segments::One(bytes) => std::slice::from_ref(bytes),
            Segments::Many(segments) => segments,
        }
    }

    /// Appends a segment.
    pub fn push(&mut self, segment: Bytes) {
        if segment.is_empty() {
            return;
        }
        self.0 = match std::mem::take(&mut self.0) {
            Segments::None => Segments::One(segment),
            Segments::One(first) => Segments::Many(vec![first, segment]),
            Segments::Many(mut segments) => {
                segments.push(segment);
                Segments::Many(segments)
            }
        };
    }

    /// All bytes, in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.segments().iter().map(Bytes::len).sum()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.segments().is_empty()
    }

    /// The bytes in one piece; copies only where there are several segments.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        match self.0 {
            Segments::None => Bytes::new(),
            Segments::One(bytes) => bytes,
            Segments::Many(segments) => {
                let mut all = BytesMut::with_capacity(segments.iter().map(Bytes::len).sum());
                segments.iter().for_each(|s| all.extend_from_slice(s));
                all.freeze()
            }
        }
    }
}

impl From<Bytes> for Records {
    fn from(bytes: Bytes) -> Records {
        match bytes.is_empty() {
            true => Records(Segments::None),
            false => Records(Segments::One(bytes)),
        }
    }
}

impl From<Vec<Bytes>> for Records {
    fn from(mut segments: Vec<Bytes>) -> Records {
        segments.retain(|s| !s.is_empty());
        match segments.len() {
            0 => Records(Segments::None),
            _ => Records(Segments::Many(segments)),
        }
    }
}

impl FromIterator<Bytes> for Records {
    fn from_iter<I: IntoIterator<Item = Bytes>>(segments: I) -> Records {
        segments.into_iter().collect::<Vec<Bytes>>().into()
    }
}

/// Equal contents are equal, however they are cut.
impl PartialEq for Records {
    fn eq(&self, other: &Records) -> bool {
        let bytes = |r: &Records| r.clone().into_bytes();
        self.len() == other.len() && bytes(self) == bytes(other)
    }
}

impl std::fmt::Debug for Records {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Records({} bytes in {} segments)", self.len(), self.segments().len())
    }
}
