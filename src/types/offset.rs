use std::fmt;

/// The position of a record in a partition, counted in records from 0.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Offset(pub i64);

impl Offset {
    pub const ZERO: Offset = Offset(0);
    /// What the protocol calls "no offset".
    pub const NONE: Offset = Offset(-1);

    /// The offset `records` further on.
    ///
    /// # Panics
    /// If the result leaves the range of an offset: the log's owner has checked the batch before.
    #[must_use]
    pub fn plus(self, records: i64) -> Offset {
        Offset(self.0.checked_add(records).expect("offset within i64: batches are validated on entry"))
    }

    /// How many offsets lie between `earlier` and this one; negative if it comes before.
    #[must_use]
    pub fn since(self, earlier: Offset) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
