//! What happened, in order: one line per event, and a running hash over all lines. Two runs are the same run
//! if their hashes are equal. Nothing that differs between processes may enter a line: no address, no task
//! number, no process number.
use std::fmt::{self, Write as _};
use std::io::Write as _;
use std::sync::{Mutex, PoisonError};

use crate::time::SimTime;

/// What becomes of the lines; they are hashed in any case.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum TraceMode {
    /// Only the hash is kept.
    #[default]
    Hash,
    /// Kept, for [`Trace::lines`].
    Keep,
    /// Printed to the standard output as they come.
    Print,
}

/// A hash of a whole trace (FNV-1a, 128 bits), the same on every platform.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct TraceHash(pub u128);

impl fmt::Display for TraceHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

const FNV128_BASIS: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
const FNV128_PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
const FNV64_PRIME: u64 = 0x0000_0100_0000_01b3;

/// FNV-1a with 64 bits over `bytes`, going on from `state`.
#[must_use]
pub fn fnv64(bytes: &[u8], state: u64) -> u64 {
    bytes
        .iter()
        .fold(state ^ 0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(FNV64_PRIME))
}

/// The events of one simulation.
pub struct Trace {
    state: Mutex<State>,
    /// Whether somebody reads the lines.
    is_read: bool,
}

struct State {
    mode: TraceMode,
    hash: u128,
    events: u64,
    line: String,
    lines: Vec<String>,
}

impl Trace {
    pub(crate) fn new(mode: TraceMode) -> Trace {
        let state = State { mode, hash: FNV128_BASIS, events: 0, line: String::new(), lines: Vec::new() };
        Trace { state: Mutex::new(state), is_read: mode != TraceMode::Hash }
    }

    /// Adds an event: when, where (a node's name), what.
    pub(crate) fn event(&self, now: SimTime, place: &str, what: fmt::Arguments<'_>) {
        let mut guard = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let state = &mut *guard;
        state.line.clear();
        writeln!(state.line, "{now} {place} {what}").expect("a string takes all text");
        for byte in state.line.as_bytes() {
            state.hash = (state.hash ^ u128::from(*byte)).wrapping_mul(FNV128_PRIME);
        }
        state.events += 1;
        match state.mode {
            TraceMode::Hash => {}
            TraceMode::Keep => state.lines.push(state.line.trim_end().to_owned()),
            TraceMode::Print => {
                // A closed pipe (`| head`) ends the printing, not the run.
                if std::io::stdout().write_all(state.line.as_bytes()).is_err() {
                    state.mode = TraceMode::Hash;
                }
            }
        }
    }

    /// Whether somebody reads the lines: only then is it worth the while to find more to say.
    pub(crate) fn is_read(&self) -> bool {
        self.is_read
    }

    /// Adds a line that is no event: it is not part of the hash, and nothing may depend on it.
    pub(crate) fn aside(&self, now: SimTime, place: &str, what: fmt::Arguments<'_>) {
        let mut guard = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let line = format!("{now} {place} {what}").replace('\n', " ");
        match guard.mode {
            TraceMode::Hash => {}
            TraceMode::Keep => guard.lines.push(line),
            TraceMode::Print => {
                if writeln!(std::io::stdout(), "{line}").is_err() {
                    guard.mode = TraceMode::Hash;
                }
            }
        }
    }

    /// The hash of all lines so far.
    #[must_use]
    pub fn hash(&self) -> TraceHash {
        TraceHash(self.state.lock().unwrap_or_else(PoisonError::into_inner).hash)
    }

    /// How many events there were.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).events
    }

    /// The lines so far, under [`TraceMode::Keep`].
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).lines.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_their_order_make_the_hash() {
        let hash = |lines: &[&str]| {
            let trace = Trace::new(TraceMode::Keep);
            for line in lines {
                trace.event(SimTime(1_500_000_000), "n1", format_args!("{line}"));
            }
            assert_eq!(trace.lines().len(), lines.len());
            assert!(trace.lines().iter().all(|line| line.starts_with("1.500000000 n1 ")));
            trace.hash()
        };
        assert_eq!(hash(&["a", "b"]), hash(&["a", "b"]));
        assert_ne!(hash(&["a", "b"]), hash(&["b", "a"]));
        assert_ne!(hash(&["ab"]), hash(&["a", "b"]));
    }

    #[test]
    fn the_hash_is_fnv1a() {
        // Fowler, Noll and Vo: the 64-bit hash of "a".
        assert_eq!(fnv64(b"a", 0), 0xaf63_dc4c_8601_ec8c);
    }
}
