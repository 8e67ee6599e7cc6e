use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::file::{Damage, FileData};
use super::state::{DiskState, FaultyOp};
use super::tree::Tree;
use crate::time::SimTime;
use crate::world::{Node, World, lock};

/// What can go wrong with a node's disk, and a look at it from outside.
pub struct DiskControl {
    pub(crate) world: Arc<World>,
    pub(crate) node: Arc<Node>,
}

/// A copy of a whole disk.
#[derive(Clone)]
pub struct DiskImage {
    tree: Tree,
}

impl DiskControl {
    fn event(&self, what: std::fmt::Arguments<'_>) {
        self.world.event(&self.node.name, what);
    }

    fn with_file<T>(&self, path: &str, job: impl FnOnce(&mut FileData) -> T) -> io::Result<T> {
        let mut state = lock(&self.node.disk);
        state.forget_used();
        let inode = state.tree.find(path)?;
        state.tree.file(inode).map(job).ok_or_else(|| io::ErrorKind::IsADirectory.into())
    }

    /// The next `times` such operations on paths that begin with `prefix` fail with EIO. A failed sync loses
    /// what it should have made durable, though a later one succeeds.
    ///
    /// # Panics
    /// If `times` is 0.
    pub fn fail(&self, op: FaultyOp, prefix: &str, times: u32) {
        assert!(times > 0, "a fault that never happens");
        self.event(format_args!("disk fault {op:?} {prefix:?} {times} times"));
        lock(&self.node.disk).add_fault(op, prefix, times);
    }

    /// The syncs and durable writes that failed since the last time this was asked: when, and of which file.
    #[must_use]
    pub fn take_failed_syncs(&self) -> Vec<(SimTime, String)> {
        std::mem::take(&mut lock(&self.node.disk).failed_syncs)
    }

    /// Takes back what was ordered and has not happened; normal speed again.
    pub fn clear_faults(&self) {
        self.event(format_args!("disk faults cleared"));
        let mut state = lock(&self.node.disk);
        state.clear_faults();
        state.tree.each_file(FileData::aim);
        state.slowness = 1;
    }

    /// A latent error: the sector of 512 bytes cannot be read until it is written again.
    ///
    /// # Errors
    /// If there is no such file.
    pub fn bad_sector(&self, path: &str, sector: u64) -> io::Result<()> {
        self.event(format_args!("disk bad sector {sector} of {path:?}"));
        self.with_file(path, |file| file.add_bad_sector(sector))?;
        self.world.count_fault();
        Ok(())
    }

    /// Bit rot: flips one bit, counted from the file's start. False if the file ends before.
    ///
    /// # Errors
    /// If there is no such file.
    pub fn flip_bit(&self, path: &str, bit: u64) -> io::Result<bool> {
        self.event(format_args!("disk bit {bit} of {path:?} flipped"));
        let is_there = self.with_file(path, |file| file.flip_bit(bit))?;
        if is_there {
            self.world.count_fault();
        }
        Ok(is_there)
    }

    /// A misdirected write: the next write to the file misses its place by so many sectors of 512 bytes, back
    /// or ahead, and reports success. One that would begin before the file does is not misdirected.
    ///
    /// # Errors
    /// If there is no such file.
    pub fn misdirect_next_write(&self, path: &str, by_sectors: i64) -> io::Result<()> {
        self.event(format_args!("disk next write of {path:?} misses by {by_sectors} sectors"));
        self.with_file(path, |file| file.misdirect_next_write(by_sectors))
    }

    /// All files with their lengths, in the order of their paths.
    #[must_use]
    pub fn files(&self) -> Vec<(String, u64)> {
        let mut state = lock(&self.node.disk);
        let files = state.tree.files();
        files.into_iter().map(|(path, id)| (path, state.tree.file(id).map_or(0, |file| file.len()))).collect()
    }

    /// The files that are not what they should be, because of bit rot, bad sectors and misdirected writes.
    #[must_use]
    pub fn damaged(&self) -> Vec<(String, Damage)> {
        lock(&self.node.disk).damaged()
    }

    /// Makes a file what it should be, as somebody does who has a copy of it. False if it is.
    ///
    /// # Errors
    /// If there is no such file.
    pub fn repair(&self, path: &str) -> io::Result<bool> {
        self.event(format_args!("disk {path:?} repaired"));
        self.with_file(path, FileData::repair)
    }

    /// Runs `job` when the operation after `skip` further ones of that kind on such paths takes place: a write
    /// between its effect and its being done, a sync at the moment in which it is done. Until then
    /// [`DiskControl::clear_faults`] takes it back.
    pub fn when_next(&self, op: FaultyOp, prefix: &str, skip: u32, job: Box<dyn FnOnce() + Send>) {
        self.event(format_args!("disk trap {op:?} {prefix:?} after {skip}"));
        lock(&self.node.disk).add_trap(op, prefix, skip, job);
    }

    /// Of the reads, direct writes or operations on names that begin so every `every`th takes so long, `times` times.
    ///
    /// # Panics
    /// If a number is 0.
    pub fn hold(&self, op: FaultyOp, prefix: &str, (times, every): (u32, u32), time: Duration) {
        assert!(times > 0 && every > 0, "a fault that never happens");
        let by = time.as_micros();
        self.event(format_args!("disk each {every}th {op:?} {prefix:?} takes {by} us, {times} times"));
        lock(&self.node.disk).add_hold(op, prefix, (times, every), time);
    }

    /// When an operation last failed because [`DiskControl::fail`] had ordered it.
    #[must_use]
    pub fn last_error(&self) -> Option<SimTime> {
        lock(&self.node.disk).last_error
    }

    /// Whether a failed sync of a directory has ever lost changes of its names, whatever later ones said.
    #[must_use]
    pub fn has_lost_names(&self) -> bool {
        lock(&self.node.disk).lost_names
    }

    /// When something last did not fit on it ([`DiskControl::set_capacity`]).
    #[must_use]
    pub fn last_full(&self) -> Option<SimTime> {
        lock(&self.node.disk).last_full
    }

    /// How many bytes fit on it still.
    #[must_use]
    pub fn room(&self) -> u64 {
        lock(&self.node.disk).room()
    }

    /// When a file in this directory was last read.
    #[must_use]
    pub fn last_read(&self, directory: &str) -> Option<SimTime> {
        lock(&self.node.disk).last_read(directory)
    }

    /// Everything takes `times` as long, from now on.
    ///
    /// # Panics
    /// If `times` is 0.
    pub fn slow(&self, times: u32) {
        assert!(times > 0, "no disk takes no time");
        self.event(format_args!("disk slower by {times}"));
        if times > 1 {
            self.world.count_fault();
        }
        lock(&self.node.disk).slowness = times;
    }

    /// What begins from now on stands still for so long.
    pub fn stall(&self, duration: Duration) {
        self.event(format_args!("disk stalls for {} us", duration.as_micros()));
        self.world.count_fault();
        let until = self.world.now().after(duration);
        lock(&self.node.disk).stalled_until = until;
    }

    /// Whether nothing on it can be changed: each change fails with EROFS, and what was written and not synced may be lost,
    /// as where the file system's own journal has failed.
    pub fn read_only(&self, read_only: bool) {
        self.event(format_args!("disk {}", if read_only { "is read-only" } else { "can be changed again" }));
        if read_only {
            self.world.count_fault();
        }
        lock(&self.node.disk).read_only = read_only;
    }

    /// How much the disk holds from now on, in bytes; less than is in use makes it full.
    pub fn set_capacity(&self, bytes: u64) {
        self.event(format_args!("disk capacity {bytes}"));
        lock(&self.node.disk).options.capacity = bytes;
    }

    /// Everything on it is gone. Only for a node that is down.
    ///
    /// # Panics
    /// If the node runs.
    pub fn wipe(&self) {
        self.event(format_args!("disk wiped"));
        self.world.count_fault();
        self.replace(Tree::new());
    }

    /// What would be on the disk if the power went now and nothing unsynced survived.
    #[must_use]
    pub fn image(&self) -> DiskImage {
        self.event(format_args!("disk image taken"));
        let state = lock(&self.node.disk);
        let mut copy = DiskState::new(state.options.clone(), state.rng.clone());
        copy.tree = state.tree.clone();
        copy.power_fail_with(super::PowerLoss { kept_per_mille: 0 });
        DiskImage { tree: copy.tree }
    }

    /// Puts an image in the place of everything. Only for a node that is down.
    ///
    /// # Panics
    /// If the node runs.
    pub fn restore(&self, image: &DiskImage) {
        self.event(format_args!("disk image restored"));
        self.world.count_fault();
        self.replace(image.tree.clone());
    }

    fn replace(&self, tree: Tree) {
        assert!(!self.node.is_running(), "the disk of a running node cannot be exchanged");
        let mut state = lock(&self.node.disk);
        state.tree = tree;
        state.forget_used();
    }

    /// A file's bytes as the machine would read them now.
    ///
    /// # Errors
    /// If there is no such file.
    pub fn peek(&self, path: &str) -> io::Result<Vec<u8>> {
        self.with_file(path, |file| file.live().to_vec())
    }

    /// A file's bytes as they surely are on the medium.
    ///
    /// # Errors
    /// If there is no such file.
    pub fn peek_durable(&self, path: &str) -> io::Result<Vec<u8>> {
        self.with_file(path, |file| file.surely_durable())
    }
}
