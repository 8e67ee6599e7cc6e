use std::fmt;

use crate::types::{LeaderEpoch, Offset};

/// The prefix of a log that ends with an entry of `epoch` before the offset `end`. Compared by epoch, then by
/// end: within one log that is the order of its prefixes. An epoch's zero-width start raises the epoch without
/// moving the end.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Position {
    pub epoch: LeaderEpoch,
    pub end: Offset,
}

impl Position {
    /// Of an empty log that begins at 0.
    pub const ORIGIN: Position = Position { epoch: LeaderEpoch::NONE, end: Offset::ZERO };
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.epoch == LeaderEpoch::NONE {
            return write!(f, "{}", self.end);
        }
        write!(f, "{}@{}", self.end, self.epoch)
    }
}
