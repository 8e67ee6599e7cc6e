//! Tagged fields (KIP-482): optional fields at the end of a structure, each with its number and size.
use bytes::Bytes;

use super::{EncodeError, Writer};

/// The tagged fields that this release does not know, in the order of their tags. They are kept, so that
/// what is read and written again loses nothing. Takes one word where there are none.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct TaggedFields(
    #[expect(clippy::box_collection, reason = "one word in every structure")] Option<Box<Vec<(u32, Bytes)>>>,
);

impl TaggedFields {
    pub fn iter(&self) -> impl Iterator<Item = (u32, &Bytes)> {
        self.0.iter().flat_map(|fields| fields.iter()).map(|(tag, bytes)| (*tag, bytes))
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |fields| fields.len())
    }

    /// Appends a field; writing refuses tags that do not ascend.
    pub fn push(&mut self, tag: u32, bytes: Bytes) {
        self.0.get_or_insert_default().push((tag, bytes));
    }
}

impl std::fmt::Debug for TaggedFields {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

/// The tagged fields of the schema that have to be written, collected before their number is known.
#[derive(Default)]
pub struct KnownTags(Vec<(u32, Writer)>);

impl KnownTags {
    /// Adds the field `tag`, whose contents `write` writes; `w` tells the message.
    ///
    /// # Errors
    /// Those of `write`.
    pub fn add(
        &mut self,
        w: &Writer,
        tag: u32,
        write: impl FnOnce(&mut Writer) -> Result<(), EncodeError>,
    ) -> Result<(), EncodeError> {
        let mut contents = w.scratch();
        write(&mut contents)?;
        self.0.push((tag, contents));
        Ok(())
    }

    pub(super) fn into_sorted(mut self) -> Vec<(u32, Writer)> {
        self.0.sort_by_key(|(tag, _)| *tag);
        self.0
    }
}
