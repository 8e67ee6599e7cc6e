use super::rows::RowError;
use crate::types::Instant;

/// A frame that no session of a sound node has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SessionError {
    #[error("number {found} instead of {expected}")]
    Number { found: i64, expected: i64 },
    #[error("it answers {found}; {sent} was sent last")]
    Answers { found: i64, sent: i64 },
    #[error("a clock reading of {found} that was not sent")]
    Echo { found: i64 },
    #[error("a clock reading of {found}")]
    Clock { found: i64 },
    #[error(transparent)]
    Row(#[from] RowError),
}

/// Stands for no clock reading.
pub(super) const NO_CLOCK: i64 = -1;

/// A reading of this node's clock, in nanoseconds.
///
/// # Panics
/// After 292 years.
pub(super) fn clock_to_wire(at: Instant) -> i64 {
    i64::try_from(at.0).expect("a node runs for less than 292 years")
}

/// A reading of the other node's clock, which is only sent back.
pub(super) fn clock_from_wire(found: i64) -> Result<i64, SessionError> {
    if found < 0 { Err(SessionError::Clock { found }) } else { Ok(found) }
}

/// A reading of this node's clock that came back. It is not later than the `last` that was sent.
pub(super) fn clock_echoed(found: i64, last: Instant) -> Result<Instant, SessionError> {
    match u64::try_from(found) {
        Ok(nanos) if nanos <= last.0 => Ok(Instant(nanos)),
        _ => Err(SessionError::Echo { found }),
    }
}
