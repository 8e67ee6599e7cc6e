use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::file::Damage;
use super::tree::Tree;
use crate::rng::Stream;
use crate::time::SimTime;

/// The least and the most time something takes.
pub type Range = (Duration, Duration);

const fn micros(low: u64, high: u64) -> Range {
    (Duration::from_micros(low), Duration::from_micros(high))
}

/// What a node's disk is like.
#[derive(Clone, Debug)]
pub struct DiskOptions {
    /// All that fits, in bytes.
    pub capacity: u64,
    pub read: Range,
    pub write: Range,
    /// A durable write.
    pub durable_write: Range,
    pub sync: Range,
    /// Opening, renaming, listing.
    pub names: Range,
    /// What a file may keep unsynced before the system writes some of it back, in bytes.
    pub dirty_bytes_max: usize,
}

impl Default for DiskOptions {
    fn default() -> DiskOptions {
        DiskOptions {
            capacity: 1 << 30,
            read: micros(10, 120),
            write: micros(5, 40),
            durable_write: micros(80, 400),
            sync: micros(150, 900),
            names: micros(5, 60),
            dirty_bytes_max: 16 << 20,
        }
    }
}

/// What a loss of power leaves of what was never synced.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PowerLoss {
    /// The share, in thousandths, of the sectors and of the names that had reached the medium by chance. The
    /// rest is lost.
    pub kept_per_mille: u32,
}

/// Whether a loss of power was as hard on one thing that was never synced as on another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Survival {
    /// Every file and all names have the same chance.
    Alike(PowerLoss),
    /// The names have this chance, and each file has one of its own.
    Apart { names: PowerLoss },
}

impl fmt::Display for Survival {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Survival::Alike(loss) => write!(f, "{} of 1000 unsynced kept", loss.kept_per_mille),
            Survival::Apart { names } => {
                let names = names.kept_per_mille;
                write!(f, "{names} of 1000 unsynced names kept, and of each file its own share")
            }
        }
    }
}

/// In so many of a thousand losses of power each file has a chance of its own: a file system may have written all of one file, or
/// its name alone, and nothing of another one that was written before it.
const APART_PER_MILLE: u32 = 500;

/// An operation that can be made to fail.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FaultyOp {
    Read,
    Write,
    /// Of a file; also a durable write.
    Sync,
    /// Opening, renaming, removing, listing, syncing a directory.
    Names,
    /// Of the names, renaming alone.
    Rename,
    /// Of the names, removing a file alone.
    Remove,
}

#[derive(Clone, Debug)]
struct Fault {
    op: FaultyOp,
    prefix: String,
    times: u32,
}

/// Operations that are to take long.
struct Hold {
    op: FaultyOp,
    prefix: String,
    /// Of such operations each so manieth.
    every: u32,
    seen: u32,
    times: u32,
    time: Duration,
}

/// What is to happen at an operation.
struct Trap {
    op: FaultyOp,
    prefix: String,
    skip: u32,
    job: Box<dyn FnOnce() + Send>,
}

/// A node's disk.
pub(crate) struct DiskState {
    pub(super) tree: Tree,
    pub(super) options: DiskOptions,
    pub(super) rng: Stream,
    faults: Vec<Fault>,
    traps: Vec<Trap>,
    /// Operations that failed, missed their place or were held because that was ordered, or found no room.
    pub(crate) fired: u64,
    holds: Vec<Hold>,
    /// When an operation last failed because a fault was ordered.
    pub(super) last_error: Option<SimTime>,
    /// When something last did not fit.
    pub(super) last_full: Option<SimTime>,
    /// When a file in a directory was last read.
    last_reads: BTreeMap<String, SimTime>,
    /// Syncs and durable writes that failed, and when.
    pub(super) failed_syncs: Vec<(SimTime, String)>,
    /// A failed sync of a directory has lost changes of its names.
    pub(super) lost_names: bool,
    /// What traps have set off: to be run without this state's lock.
    pub(super) sprung: Vec<Box<dyn FnOnce() + Send>>,
    /// No more than this is in use, in bytes; `None` if that is to be counted.
    used_at_most: Option<u64>,
    /// Everything takes so many times as long.
    pub(super) slowness: u32,
    pub(super) stalled_until: SimTime,
    /// Nothing on it can be changed: what a file system becomes whose own journal fails.
    pub(super) read_only: bool,
}

/// EIO, as every Unix numbers it.
const EIO: i32 = 5;
/// ENOSPC, as every Unix numbers it.
const ENOSPC: i32 = 28;
/// EROFS, as every Unix numbers it.
const EROFS: i32 = 30;

pub(super) fn io_error() -> io::Error {
    io::Error::from_raw_os_error(EIO)
}

/// The moments of an operation: when it takes effect, when it is done.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moments {
    pub(super) effect: SimTime,
    pub(super) done: SimTime,
}

impl DiskState {
    pub(crate) fn new(options: DiskOptions, rng: Stream) -> DiskState {
        DiskState {
            tree: Tree::new(),
            options,
            rng,
            faults: Vec::new(),
            traps: Vec::new(),
            fired: 0,
            holds: Vec::new(),
            last_error: None,
            last_full: None,
            last_reads: BTreeMap::new(),
            failed_syncs: Vec::new(),
            lost_names: false,
            sprung: Vec::new(),
            used_at_most: None,
            slowness: 1,
            stalled_until: SimTime(0),
            read_only: false,
        }
    }

    pub(super) fn moments(&mut self, now: SimTime, range: Range) -> Moments {
        let time = self.rng.duration(range.0, range.1).saturating_mul(self.slowness);
        let begin = now.max(self.stalled_until);
        let effect = begin.after(self.rng.duration(Duration::ZERO, time));
        Moments { effect, done: begin.after(time) }
    }

    pub(super) fn add_fault(&mut self, op: FaultyOp, prefix: &str, times: u32) {
        self.faults.push(Fault { op, prefix: prefix.to_owned(), times });
    }

    pub(super) fn add_trap(&mut self, op: FaultyOp, prefix: &str, skip: u32, job: Box<dyn FnOnce() + Send>) {
        self.traps.push(Trap { op, prefix: prefix.to_owned(), skip, job });
    }

    pub(super) fn add_hold(
        &mut self,
        op: FaultyOp,
        prefix: &str,
        (times, every): (u32, u32),
        time: Duration,
    ) {
        self.holds.push(Hold { op, prefix: prefix.to_owned(), every, seen: 0, times, time });
    }

    /// How long such an operation takes: as `usual` has it, or as was ordered for this one.
    pub(super) fn range_of(&mut self, op: FaultyOp, path: &str, usual: Range) -> Range {
        let meant = |hold: &Hold| hold.op == op && path.starts_with(&hold.prefix);
        let Some(index) = self.holds.iter().position(meant) else { return usual };
        let hold = &mut self.holds[index];
        hold.seen += 1;
        if !hold.seen.is_multiple_of(hold.every) {
            return usual;
        }
        self.fired += 1;
        // It takes so long on a slow disk, too.
        let time = hold.time / self.slowness;
        hold.times -= 1;
        if hold.times == 0 {
            self.holds.remove(index);
        }
        (time, time)
    }

    pub(super) fn clear_faults(&mut self) {
        self.faults.clear();
        self.traps.clear();
        self.holds.clear();
    }

    fn spring(&mut self, op: FaultyOp, path: &str) {
        for index in (0..self.traps.len()).rev() {
            let trap = &mut self.traps[index];
            if trap.op != op || !path.starts_with(&trap.prefix) {
                continue;
            }
            match trap.skip.checked_sub(1) {
                Some(skip) => trap.skip = skip,
                None => self.sprung.push(self.traps.remove(index).job),
            }
        }
    }

    /// The error that was ordered for such an operation, if one was.
    pub(super) fn fault(&mut self, now: SimTime, op: FaultyOp, path: &str) -> io::Result<()> {
        self.spring(op, path);
        if matches!(op, FaultyOp::Write | FaultyOp::Sync | FaultyOp::Rename | FaultyOp::Remove) {
            self.check_writable(now)?;
        }
        let Some(index) =
            self.faults.iter().position(|fault| fault.op == op && path.starts_with(&fault.prefix))
        else {
            return Ok(());
        };
        self.faults[index].times -= 1;
        if self.faults[index].times == 0 {
            self.faults.remove(index);
        }
        self.last_error = Some(now);
        self.fired += 1;
        Err(io_error())
    }

    /// Whether something may be changed.
    pub(super) fn check_writable(&mut self, now: SimTime) -> io::Result<()> {
        if !self.read_only {
            return Ok(());
        }
        self.last_error = Some(now);
        self.fired += 1;
        Err(io::Error::from_raw_os_error(EROFS))
    }

    /// A file is read.
    pub(super) fn reads(&mut self, now: SimTime, path: &str) {
        let directory = path.rsplit_once('/').map_or("", |(directory, _)| directory);
        match self.last_reads.get_mut(directory) {
            Some(last) => *last = now,
            None => drop(self.last_reads.insert(directory.to_owned(), now)),
        }
    }

    /// When a file in a directory was last read.
    pub(super) fn last_read(&self, directory: &str) -> Option<SimTime> {
        self.last_reads.get(directory).copied()
    }

    /// The files that are not what they should be.
    pub(crate) fn damaged(&mut self) -> Vec<(String, Damage)> {
        let files = self.tree.files();
        let damage = |(path, id)| Some((path, self.tree.file(id)?.damage()?));
        files.into_iter().filter_map(damage).collect()
    }

    /// What makes it slow, or fail, for who looks at a failure.
    pub(crate) fn standing(&self, now: SimTime) -> Vec<String> {
        let mut found = Vec::new();
        if self.slowness > 1 {
            found.push(format!("takes {} times as long", self.slowness));
        }
        if self.stalled_until > now {
            found.push(format!("stands still for {:?} more", self.stalled_until.since(now)));
        }
        if self.read_only {
            found.push("is read-only".to_owned());
        }
        let failing = self.faults.iter();
        found.extend(
            failing.map(|one| format!("fails the next {} of {:?} in {:?}", one.times, one.op, one.prefix)),
        );
        let held = self.holds.iter();
        found.extend(held.map(|one| {
            format!("holds {} of {:?} in {:?} for {:?}", one.times, one.op, one.prefix, one.time)
        }));
        found.into_iter().map(|what| format!("has a disk that {what}")).collect()
    }

    /// How many bytes fit on it still.
    pub(crate) fn room(&self) -> u64 {
        self.options.capacity.saturating_sub(self.tree.used())
    }

    /// Whether a file may grow from one length to another.
    pub(super) fn check_room(&mut self, now: SimTime, from: u64, to: u64) -> io::Result<()> {
        let growth = to.saturating_sub(from);
        if growth == 0 {
            return Ok(());
        }
        let fits = |used: u64| used.checked_add(growth).filter(|used| *used <= self.options.capacity);
        // Counting walks over all files, so a bound that only grows is tried first.
        let used = self.used_at_most.and_then(fits).or_else(|| fits(self.tree.used()));
        self.used_at_most = used;
        if used.is_none() {
            self.fired += 1;
            self.last_full = Some(now);
        }
        used.map(drop).ok_or_else(|| io::Error::from_raw_os_error(ENOSPC))
    }

    /// The files have changed behind the operations' back.
    pub(super) fn forget_used(&mut self) {
        self.used_at_most = None;
    }

    /// What a failed sync of a directory does to its names.
    pub(super) fn sync_dir_failed(&mut self, path: &str) {
        let loss = PowerLoss { kept_per_mille: u32::try_from(self.rng.between(0, 1000)).unwrap_or(0) };
        self.lost_names |= self.tree.sync_dir_failed(path, &loss, &mut self.rng);
        self.forget_used();
    }

    /// The process has ended; the machine runs on.
    pub(crate) fn crash(&mut self) {
        self.tree.close_all();
    }

    /// Draws what is left, and forgets the rest.
    pub(crate) fn power_fail(&mut self) -> Survival {
        let loss = draw_loss(&mut self.rng);
        // From a stream of its own: what else the disk draws is the same whatever comes of it.
        let mut own = Stream::new(self.rng.clone().word(), "disk", "survival", 0);
        if !own.chance(APART_PER_MILLE) {
            self.power_fail_with(loss);
            return Survival::Alike(loss);
        }
        self.tree.power_fail(loss, || draw_loss(&mut own), &mut self.rng);
        self.forget_used();
        Survival::Apart { names: loss }
    }

    pub(crate) fn power_fail_with(&mut self, loss: PowerLoss) {
        self.tree.power_fail(loss, || loss, &mut self.rng);
        self.forget_used();
    }
}

/// Nothing, everything, and what lies between: each finds other bugs.
fn draw_loss(rng: &mut Stream) -> PowerLoss {
    let kept_per_mille = match rng.between(0, 3) {
        0 => 0,
        1 => 1000,
        2 => 500,
        _ => u32::try_from(rng.between(1, 999)).expect("below a thousand"),
    };
    PowerLoss { kept_per_mille }
}
