//! What happened, in order: one line per event, and a running hash over all events. Two runs are the same run
//! if their hashes are equal. Nothing that differs between processes may enter an event: no address, no task
//! number, no process number.
//!
//! The hash does not depend on what becomes of the lines: a rare event is hashed as its text, a frequent one as
//! its parts (`Part`), which say all that its line says.
use std::fmt::{self, Write as _};
use std::io::Write as _;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rapidhash::v3::{RapidSecrets, rapidhash_v3, rapidhash_v3_seeded};

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

/// A hash of a whole trace (rapidhash V3 over the events, 128 bits), the same on every platform.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct TraceHash(pub u128);

impl fmt::Display for TraceHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

const FNV64_PRIME: u64 = 0x0000_0100_0000_01b3;

/// FNV-1a with 64 bits over `bytes`, going on from `state`: for names, whose random streams it picks.
#[must_use]
pub fn fnv64(bytes: &[u8], state: u64) -> u64 {
    bytes
        .iter()
        .fold(state ^ 0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(FNV64_PRIME))
}

/// A hash of contents (rapidhash V3), the same on every platform: for the trace.
#[must_use]
pub fn content_hash(bytes: &[u8]) -> u64 {
    rapidhash_v3(bytes)
}

/// What makes an event what it is, in order: numbers and texts. Frequent events give these to the hash, and
/// their lines are put into words only if somebody wants to read them.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Part<'a> {
    Number(u64),
    Text(&'a str),
}

/// The running hash over all events: each event is written down, its parts told apart, and hashed twice, going
/// on from the halves so far.
struct RunningHash {
    halves: [u64; 2],
    event: Vec<u8>,
}

impl RunningHash {
    fn new() -> RunningHash {
        RunningHash { halves: [1, 2], event: Vec::with_capacity(256) }
    }

    fn add(&mut self, now: SimTime, place: &str, parts: &[Part<'_>]) {
        self.event.clear();
        self.event.extend_from_slice(&now.0.to_le_bytes());
        self.text(place);
        for part in parts {
            match part {
                Part::Number(number) => self.event.extend_from_slice(&number.to_le_bytes()),
                Part::Text(text) => self.text(text),
            }
        }
        for half in &mut self.halves {
            let secrets = RapidSecrets::seed_cpp(*half);
            *half = rapidhash_v3_seeded(&self.event, &secrets);
        }
    }

    fn text(&mut self, text: &str) {
        self.event.extend_from_slice(&(text.len() as u64).to_le_bytes());
        self.event.extend_from_slice(text.as_bytes());
    }

    fn value(&self) -> u128 {
        u128::from(self.halves[0]) << 64 | u128::from(self.halves[1])
    }
}

/// The events of one simulation.
pub struct Trace {
    state: Mutex<State>,
    /// Whether somebody reads the lines.
    is_read: bool,
}

struct State {
    mode: TraceMode,
    hash: RunningHash,
    events: u64,
    line: String,
    lines: Vec<String>,
}

impl Trace {
    pub(crate) fn new(mode: TraceMode) -> Trace {
        let hash = RunningHash::new();
        let state = State { mode, hash, events: 0, line: String::new(), lines: Vec::new() };
        Trace { state: Mutex::new(state), is_read: mode != TraceMode::Hash }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds an event: when, where (a node's name), what.
    pub(crate) fn event(&self, now: SimTime, place: &str, what: fmt::Arguments<'_>) {
        let mut guard = self.lock();
        let state = &mut *guard;
        let mut text = std::mem::take(&mut state.line);
        text.clear();
        write!(text, "{what}").expect("a string takes all text");
        state.hash.add(now, place, &[Part::Text(&text)]);
        state.tell(now, place, format_args!("{text}"));
        state.line = text;
    }

    /// Adds an event that happens often: its `parts` are hashed, and must say all that `line` says.
    pub(crate) fn frequent(&self, now: SimTime, place: &str, parts: &[Part<'_>], line: fmt::Arguments<'_>) {
        let mut state = self.lock();
        state.hash.add(now, place, parts);
        state.tell(now, place, line);
    }

    /// Whether somebody reads the lines: only then is it worth the while to find more to say.
    pub(crate) fn is_read(&self) -> bool {
        self.is_read
    }

    /// Whether the whole trace is kept.
    pub(crate) fn is_kept(&self) -> bool {
        self.lock().mode == TraceMode::Keep
    }

    /// Adds a line that is no event: it is not part of the hash, and nothing may depend on it.
    pub(crate) fn aside(&self, now: SimTime, place: &str, what: fmt::Arguments<'_>) {
        let mut guard = self.lock();
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

    /// The hash of all events so far.
    #[must_use]
    pub fn hash(&self) -> TraceHash {
        TraceHash(self.lock().hash.value())
    }

    /// How many events there were.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.lock().events
    }

    /// The lines so far, under [`TraceMode::Keep`].
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        self.lock().lines.clone()
    }
}

impl State {
    /// Counts an event, and keeps or prints its line.
    fn tell(&mut self, now: SimTime, place: &str, what: fmt::Arguments<'_>) {
        self.events += 1;
        match self.mode {
            TraceMode::Hash => {}
            TraceMode::Keep => self.lines.push(format!("{now} {place} {what}")),
            TraceMode::Print => {
                // A closed pipe (`| head`) ends the printing, not the run.
                if writeln!(std::io::stdout(), "{now} {place} {what}").is_err() {
                    self.mode = TraceMode::Hash;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: SimTime = SimTime(1_500_000_000);

    #[test]
    fn events_and_their_order_make_the_hash() {
        let hash = |lines: &[&str]| {
            let trace = Trace::new(TraceMode::Keep);
            for line in lines {
                trace.event(NOW, "n1", format_args!("{line}"));
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
    fn every_part_counts_whatever_becomes_of_the_line() {
        let hash = |mode, place: &str, parts: &[Part<'_>]| {
            let trace = Trace::new(mode);
            trace.frequent(NOW, place, parts, format_args!("line"));
            assert_eq!(trace.events(), 1);
            trace.hash()
        };
        let parts = [Part::Text("read"), Part::Number(1), Part::Text("ok")];
        let base = hash(TraceMode::Hash, "n1", &parts);
        assert_eq!(base, hash(TraceMode::Keep, "n1", &parts));
        assert_ne!(base, hash(TraceMode::Hash, "n2", &parts));
        assert_ne!(base, hash(TraceMode::Hash, "n1", &parts[..2]));
        let shifted = [Part::Text("rea"), Part::Text("d"), Part::Number(1), Part::Text("ok")];
        assert_ne!(base, hash(TraceMode::Hash, "n1", &shifted));
        let other = [Part::Text("read"), Part::Number(2), Part::Text("ok")];
        assert_ne!(base, hash(TraceMode::Hash, "n1", &other));
    }

    #[test]
    fn the_hash_of_names_is_fnv1a() {
        // Fowler, Noll and Vo: the 64-bit hash of "a".
        assert_eq!(fnv64(b"a", 0), 0xaf63_dc4c_8601_ec8c);
    }
}
