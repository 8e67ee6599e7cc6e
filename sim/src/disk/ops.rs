use std::borrow::Cow;
use std::future::{poll_fn, ready};
use std::io;
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};

use bytes::{Bytes, BytesMut};
use ordain::io::{
    Access, AlignedBuffer, BoxFuture, DirEntry, Disk, DiskSpace, Durability, File, OpenOptions, sync_each,
};
use ordain::types::limits::DISK_BLOCK_BYTES;

use super::SECTOR_BYTES;
use super::file::ChangeId;
use super::state::{DiskState, FaultyOp, PowerLoss, Range, io_error};
use super::tree::{Inode, InodeId};
use crate::time::SimTime;
use crate::timers::Action;
use crate::trace::{Part, content_hash};
use crate::world::{Incarnation, Node, World, lock};

/// A node's disk as one run of its process uses it.
#[derive(Clone)]
pub(crate) struct SimDisk {
    world: Arc<World>,
    node: Arc<Node>,
    incarnation: Incarnation,
}

/// What an operation and the one who waits for it share.
struct Slot<T> {
    done: Option<T>,
    waker: Option<Waker>,
}

impl SimDisk {
    pub(crate) fn new(world: Arc<World>, node: Arc<Node>) -> SimDisk {
        let incarnation = node.incarnation();
        SimDisk { world, node, incarnation }
    }

    fn event(&self, what: std::fmt::Arguments<'_>) {
        self.world.event(&self.node.name, what);
    }

    fn frequent_event(&self, parts: &[Part<'_>], line: std::fmt::Arguments<'_>) {
        self.world.frequent_event(&self.node.name, parts, line);
    }

    fn file_event<T>(&self, what: &str, path: &str, result: &io::Result<T>) {
        let verdict = verdict(result);
        let parts = [Part::Text(what), Part::Text(path), Part::Text(&verdict)];
        self.frequent_event(&parts, format_args!("disk {what} {path:?} {verdict}"));
    }

    /// Runs an operation: from the first poll on it goes its way, whether or not the future is kept. `effect`
    /// and then `finish` run at its two moments if the process is still the same; else nothing ever happens.
    fn operate<A: Send + 'static, T: Send + 'static>(
        &self,
        range: impl FnOnce(&mut DiskState) -> Range + Send + 'static,
        effect: impl FnOnce(&SimDisk, &mut DiskState) -> A + Send + 'static,
        finish: impl FnOnce(&SimDisk, &mut DiskState, A) -> T + Send + 'static,
    ) -> BoxFuture<T> {
        let disk = self.clone();
        let slot = Arc::new(Mutex::new(Slot { done: None, waker: None }));
        let mut start = Some((range, effect, finish));
        Box::pin(poll_fn(move |context| {
            if let Some((range, effect, finish)) = start.take() {
                disk.submit(slot.clone(), range, effect, finish);
            }
            let mut slot = lock(&slot);
            match slot.done.take() {
                Some(done) => Poll::Ready(done),
                None => {
                    slot.waker = Some(context.waker().clone());
                    Poll::Pending
                }
            }
        }))
    }

    fn submit<A: Send + 'static, T: Send + 'static>(
        &self,
        slot: Arc<Mutex<Slot<T>>>,
        range: impl FnOnce(&mut DiskState) -> Range,
        effect: impl FnOnce(&SimDisk, &mut DiskState) -> A + Send + 'static,
        finish: impl FnOnce(&SimDisk, &mut DiskState, A) -> T + Send + 'static,
    ) {
        if !self.node.is_alive(self.incarnation) {
            return;
        }
        let mut state = lock(&self.node.disk);
        let range = range(&mut state);
        let moments = state.moments(self.world.now(), range);
        drop(state);
        let disk = self.clone();
        let first = move |world: &Arc<World>| {
            if !disk.node.is_alive(disk.incarnation) {
                return;
            }
            let between = disk.with_state(|state| effect(&disk, state));
            let second = move |_: &Arc<World>| {
                if !disk.node.is_alive(disk.incarnation) {
                    return;
                }
                let result = disk.with_state(|state| finish(&disk, state, between));
                let mut slot = lock(&slot);
                slot.done = Some(result);
                let waker = slot.waker.take();
                drop(slot);
                if let Some(waker) = waker {
                    waker.wake();
                }
            };
            world.timers.at(moments.done, Action::Run(Box::new(second)));
        };
        self.world.timers.at(moments.effect, Action::Run(Box::new(first)));
    }

    /// Runs a job on the disk's state, and lets what it sets off happen at this very moment, after it.
    fn with_state<T>(&self, job: impl FnOnce(&mut DiskState) -> T) -> T {
        let mut state = lock(&self.node.disk);
        let result = job(&mut state);
        for job in std::mem::take(&mut state.sprung) {
            self.world.timers.at(self.world.now(), Action::Run(Box::new(|_| job())));
        }
        result
    }

    /// The error that was ordered for an operation on names, or for its kind.
    fn name_fault(&self, state: &mut DiskState, what: &str, path: &str) -> io::Result<()> {
        let now = self.world.now();
        let kind = match what {
            "rename" => Some(FaultyOp::Rename),
            "remove" => Some(FaultyOp::Remove),
            _ => None,
        };
        state.fault(now, FaultyOp::Names, path)?;
        if matches!(what, "rmdir" | "sync_dir") {
            state.check_writable(now)?;
        }
        kind.map_or(Ok(()), |kind| state.fault(now, kind, path))
    }

    /// An operation on names, done in one moment.
    fn names<T: Send + 'static>(
        &self,
        what: &'static str,
        path: String,
        job: impl FnOnce(&SimDisk, &mut DiskState) -> io::Result<T> + Send + 'static,
    ) -> BoxFuture<io::Result<T>> {
        let held = path.clone();
        self.operate(
            move |state| state.range_of(FaultyOp::Names, &held, state.options.names),
            move |disk, state| {
                let result = disk.name_fault(state, what, &path).and_then(|()| job(disk, state));
                disk.file_event(what, &path, &result);
                result.map_err(|error| at(&path, &error))
            },
            |_, _, result| result,
        )
    }
}

/// For the trace: an error's kind, without texts that may differ between systems.
fn verdict<T>(result: &io::Result<T>) -> Cow<'static, str> {
    match result {
        Ok(_) => Cow::Borrowed("ok"),
        Err(error) => match error.raw_os_error() {
            Some(number) => Cow::Owned(format!("error {number}")),
            None => Cow::Owned(format!("{:?}", error.kind())),
        },
    }
}

fn at(path: &str, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{path}: {error}"))
}

fn invalid(text: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, text)
}

impl Disk for SimDisk {
    fn open(&self, path: &str, options: OpenOptions) -> BoxFuture<io::Result<Arc<dyn File>>> {
        let makes = options.create || options.create_new || options.truncate;
        if makes && !options.write {
            return Box::pin(ready(Err(invalid(format!("{path}: created or cut, but not for writing")))));
        }
        let path_kept: Arc<str> = path.into();
        self.names("open", path.to_owned(), move |disk, state| {
            if options.write {
                state.check_writable(disk.world.now())?;
            }
            let inode = state.tree.open(&path_kept, options.create, options.create_new)?;
            if options.truncate
                && let Some(file) = state.tree.file(inode)
                && file.len() > 0
            {
                file.set_len(0);
            }
            state.tree.add_handle(inode);
            let file = SimFile { disk: disk.clone(), inode, path: path_kept, options };
            Ok(Arc::new(file) as Arc<dyn File>)
        })
    }

    fn rename(&self, from: &str, to: &str) -> BoxFuture<io::Result<()>> {
        let (source, target) = (from.to_owned(), to.to_owned());
        self.names("rename", format!("{from} -> {to}"), move |_, state| state.tree.rename(&source, &target))
    }

    fn remove(&self, path: &str) -> BoxFuture<io::Result<()>> {
        let name = path.to_owned();
        self.names("remove", path.to_owned(), move |_, state| state.tree.remove(&name))
    }

    fn create_dir_all(&self, path: &str) -> BoxFuture<io::Result<()>> {
        let name = path.to_owned();
        self.names("mkdir", path.to_owned(), move |disk, state| {
            if state.tree.find(&name).is_err() {
                state.check_writable(disk.world.now())?;
            }
            state.tree.create_dir_all(&name)
        })
    }

    fn remove_dir_all(&self, path: &str) -> BoxFuture<io::Result<()>> {
        let name = path.to_owned();
        self.names("rmdir", path.to_owned(), move |_, state| state.tree.remove_dir_all(&name))
    }

    fn list(&self, path: &str) -> BoxFuture<io::Result<Vec<DirEntry>>> {
        let name = path.to_owned();
        self.names("list", path.to_owned(), move |_, state| {
            let directory = state.tree.list(&name)?;
            let entry = |(name, id): (&String, &InodeId)| match state.tree.inodes.get(id) {
                Some(Inode::File(file)) => {
                    Some(DirEntry { name: name.clone(), is_dir: false, size: file.len() })
                }
                Some(Inode::Directory(_)) => Some(DirEntry { name: name.clone(), is_dir: true, size: 0 }),
                None => None,
            };
            Ok(directory.live.iter().filter_map(entry).collect())
        })
    }

    fn sync_dir(&self, path: &str) -> BoxFuture<io::Result<()>> {
        let name = path.to_owned();
        self.operate(
            |state| state.options.sync,
            |_, _| (),
            move |disk, state, ()| {
                let ordered = disk.name_fault(state, "sync_dir", &name);
                if ordered.is_err() {
                    state.sync_dir_failed(&name);
                }
                let result = ordered.and_then(|()| state.tree.sync_dir(&name));
                disk.file_event("sync_dir", &name, &result);
                result.map_err(|error| at(&name, &error))
            },
        )
    }

    fn sync_files(&self, files: Vec<Arc<dyn File>>) -> BoxFuture<io::Result<()>> {
        Box::pin(async move { sync_each(&files).await })
    }

    fn space(&self) -> BoxFuture<io::Result<DiskSpace>> {
        self.names("space", String::new(), |_, state| {
            Ok(DiskSpace { total: state.options.capacity, available: state.room() })
        })
    }
}

struct SimFile {
    disk: SimDisk,
    inode: InodeId,
    path: Arc<str>,
    options: OpenOptions,
}

impl Drop for SimFile {
    fn drop(&mut self) {
        if self.disk.node.is_alive(self.disk.incarnation) {
            lock(&self.disk.node.disk).tree.close(self.inode);
        }
    }
}

/// What a handle's operations carry with them.
#[derive(Clone)]
struct Target {
    inode: InodeId,
    path: Arc<str>,
}

/// What a transfer moves: from where in the file on, how many bytes, and the hash of those that there were.
struct Moved {
    offset: u64,
    length: usize,
    hash: u64,
}

impl Target {
    fn write(
        &self,
        disk: &SimDisk,
        state: &mut DiskState,
        offset: u64,
        bytes: Bytes,
    ) -> io::Result<ChangeId> {
        let misses = state.tree.file(self.inode).is_some_and(|file| file.misses(offset));
        let result = self.try_write(disk.world.now(), state, offset, bytes.clone());
        if misses && result.is_ok() {
            disk.event(format_args!("disk misdirects a write of {:?}", self.path));
        }
        let moved = Moved { offset, length: bytes.len(), hash: content_hash(&bytes) };
        self.tell(disk, "write", moved, &verdict(&result));
        result.map_err(|error| at(&self.path, &error))
    }

    /// A line in the trace for a transfer.
    fn tell(&self, disk: &SimDisk, what: &str, moved: Moved, verdict: &str) {
        let (path, Moved { offset, length, hash }) = (&self.path, moved);
        disk.frequent_event(
            &[
                Part::Text(what),
                Part::Text(path),
                Part::Number(offset),
                Part::Number(length as u64),
                Part::Number(hash),
                Part::Text(verdict),
            ],
            format_args!("disk {what} {path} at {offset} +{length} {hash:016x} {verdict}"),
        );
    }

    fn try_write(
        &self,
        now: SimTime,
        state: &mut DiskState,
        offset: u64,
        bytes: Bytes,
    ) -> io::Result<ChangeId> {
        if let Err(error) = state.fault(now, FaultyOp::Write, &self.path) {
            self.write_some_sectors(state, offset, &bytes);
            return Err(error);
        }
        let file = state.tree.file(self.inode).ok_or(io::ErrorKind::NotFound)?;
        let (from, to) = (file.len(), file.len_after(offset, bytes.len()));
        if let Err(error) = state.check_room(now, from, to) {
            self.write_what_fits(state, offset, bytes);
            return Err(error);
        }
        let dirty_bytes_max = state.options.dirty_bytes_max;
        let file = state.tree.file(self.inode).ok_or(io::ErrorKind::NotFound)?;
        let misses = file.misses(offset);
        let change = file.write(offset, bytes);
        if file.dirty_bytes() > dirty_bytes_max {
            file.write_back(dirty_bytes_max / 2);
        }
        state.fired += u64::from(misses);
        Ok(change)
    }

    /// A write fails: of the sectors that the file has already some may have been written.
    fn write_some_sectors(&self, state: &mut DiskState, offset: u64, bytes: &Bytes) {
        let kept_per_mille = if state.rng.chance(500) { 0 } else { 500 };
        let Some(length) = state.tree.file(self.inode).map(|file| file.len()) else { return };
        let mut done = 0;
        while done < bytes.len() && kept_per_mille > 0 {
            let at = offset + done as u64;
            let left_of_sector = SECTOR_BYTES - usize::try_from(at % SECTOR_BYTES as u64).unwrap_or(0);
            let part = left_of_sector.min(bytes.len() - done);
            let is_written = state.rng.chance(kept_per_mille) && at + part as u64 <= length;
            if let Some(file) = state.tree.file(self.inode).filter(|file| is_written && !file.misses(at)) {
                let _change = file.write(at, bytes.slice(done..done + part));
            }
            done += part;
        }
    }

    /// A write finds too little room: it may have come as far as there was some.
    fn write_what_fits(&self, state: &mut DiskState, offset: u64, bytes: Bytes) {
        let room = state.room();
        let is_written = state.rng.chance(500);
        let Some(file) = state.tree.file(self.inode).filter(|file| is_written && !file.misses(offset)) else {
            return;
        };
        let fits = (file.len() + room).saturating_sub(offset) / SECTOR_BYTES as u64 * SECTOR_BYTES as u64;
        let fits = usize::try_from(fits).unwrap_or(usize::MAX).min(bytes.len());
        // A hole is no room.
        if fits > 0 && offset <= file.len() {
            let _change = file.write(offset, bytes.slice(..fits));
        }
    }

    /// A sync fails: what it should have made durable is in an unknown state for ever.
    fn sync_failed(&self, now: SimTime, state: &mut DiskState) {
        // By its present name: it may have been renamed since it was opened, and tells by its name what it is.
        let found = state.tree.files().into_iter().find(|(_, inode)| *inode == self.inode);
        let path = found.map_or_else(|| self.path.to_string(), |(path, _)| path);
        state.failed_syncs.push((now, path));
        let loss = PowerLoss { kept_per_mille: u32::try_from(state.rng.between(0, 1000)).unwrap_or(0) };
        let evicted = state.rng.chance(500);
        let mut rng = state.rng.clone();
        if let Some(file) = state.tree.file(self.inode) {
            file.sync_failed(&loss, evicted, &mut rng);
        }
        state.rng = rng;
        state.forget_used();
    }
}

fn check_blocks(offset: u64, length: usize) -> io::Result<()> {
    if offset.is_multiple_of(DISK_BLOCK_BYTES as u64) && length.is_multiple_of(DISK_BLOCK_BYTES) {
        return Ok(());
    }
    Err(invalid(format!("a direct transfer of {length} bytes at {offset} is not in whole blocks")))
}

impl SimFile {
    fn target(&self) -> Target {
        Target { inode: self.inode, path: self.path.clone() }
    }

    /// Whether the file may be written in this way.
    fn check(&self, access: Access) -> io::Result<()> {
        if !self.options.write {
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, format!("{}: read only", self.path)));
        }
        if self.options.access == access {
            return Ok(());
        }
        Err(invalid(format!("{}: opened for {:?} access", self.path, self.options.access)))
    }
}

impl File for SimFile {
    fn size(&self) -> BoxFuture<io::Result<u64>> {
        let target = self.target();
        self.disk.operate(
            |state| state.options.names,
            move |_, state| {
                let file = state.tree.file(target.inode).ok_or(io::ErrorKind::NotFound)?;
                Ok(file.len())
            },
            |_, _, result| result,
        )
    }

    fn read_at(&self, offset: u64, length: usize) -> BoxFuture<io::Result<Bytes>> {
        if self.options.access == Access::Direct
            && let Err(error) = check_blocks(offset, length)
        {
            return Box::pin(ready(Err(error)));
        }
        let target = self.target();
        let read = target.path.clone();
        self.disk.operate(
            move |state| state.range_of(FaultyOp::Read, &read, state.options.read),
            move |disk, state| {
                state.reads(disk.world.now(), &target.path);
                let result = state.fault(disk.world.now(), FaultyOp::Read, &target.path).and_then(|()| {
                    let file = state.tree.file(target.inode).ok_or(io::ErrorKind::NotFound)?;
                    file.read(offset, length).ok_or_else(io_error)
                });
                let hash = result.as_ref().map_or(0, |bytes| content_hash(bytes));
                target.tell(disk, "read", Moved { offset, length, hash }, &verdict(&result));
                result.map_err(|error| at(&target.path, &error))
            },
            |_, _, result| result,
        )
    }

    fn write_at(&self, offset: u64, segments: Vec<Bytes>) -> BoxFuture<io::Result<()>> {
        if let Err(error) = self.check(Access::Buffered) {
            return Box::pin(ready(Err(error)));
        }
        let target = self.target();
        let mut bytes = BytesMut::with_capacity(segments.iter().map(Bytes::len).sum());
        for segment in segments {
            bytes.extend_from_slice(&segment);
        }
        self.disk.operate(
            |state| state.options.write,
            move |disk, state| target.write(disk, state, offset, bytes.freeze()).map(drop),
            |_, _, result| result,
        )
    }

    fn write_aligned_at(
        &self,
        offset: u64,
        buffer: AlignedBuffer,
        length: usize,
        durable: Durability,
    ) -> BoxFuture<(io::Result<()>, AlignedBuffer)> {
        assert!(length <= buffer.len(), "{length} bytes of a buffer of {}", buffer.len());
        if let Err(error) = self.check(Access::Direct).and_then(|()| check_blocks(offset, length)) {
            return Box::pin(ready((Err(error), buffer)));
        }
        let target = self.target();
        let (written, held) = (target.clone(), target.path.clone());
        self.disk.operate(
            move |state| {
                let usual = match durable {
                    Durability::Now => state.options.durable_write,
                    Durability::Later => state.options.write,
                };
                state.range_of(FaultyOp::Write, &held, usual)
            },
            move |disk, state| {
                let bytes = Bytes::copy_from_slice(&buffer[..length]);
                (written.write(disk, state, offset, bytes), buffer)
            },
            move |disk, state, (result, buffer)| {
                let result = match (result, durable) {
                    (Err(error), _) => Err(error),
                    (Ok(_), Durability::Later) => Ok(()),
                    (Ok(change), Durability::Now) => target.durable_write_done(disk, state, change),
                };
                (result, buffer)
            },
        )
    }

    fn sync(&self) -> BoxFuture<io::Result<()>> {
        let target = self.target();
        let marked = self.inode;
        self.disk.operate(
            |state| state.options.sync,
            move |_, state| state.tree.file(marked).map(|file| file.mark()),
            move |disk, state, mark| {
                let result = state.fault(disk.world.now(), FaultyOp::Sync, &target.path);
                if result.is_err() {
                    target.sync_failed(disk.world.now(), state);
                } else if let (Some(file), Some(mark)) = (state.tree.file(target.inode), mark) {
                    file.synced(mark);
                }
                disk.file_event("sync", &target.path, &result);
                result.map_err(|error| at(&target.path, &error))
            },
        )
    }

    fn set_len(&self, length: u64) -> BoxFuture<io::Result<()>> {
        if !self.options.write {
            let error = io::Error::new(io::ErrorKind::InvalidInput, format!("{}: read only", self.path));
            return Box::pin(ready(Err(error)));
        }
        let target = self.target();
        self.disk.operate(
            |state| state.options.write,
            move |disk, state| {
                let result = state.fault(disk.world.now(), FaultyOp::Write, &target.path).and_then(|()| {
                    let from = state.tree.file(target.inode).ok_or(io::ErrorKind::NotFound)?.len();
                    state.check_room(disk.world.now(), from, length)?;
                    let file = state.tree.file(target.inode).ok_or(io::ErrorKind::NotFound)?;
                    file.set_len(length);
                    Ok(())
                });
                disk.event(format_args!("disk set_len {} {length} {}", target.path, verdict(&result)));
                result.map_err(|error| at(&target.path, &error))
            },
            |_, _, result| result,
        )
    }
}

impl Target {
    fn durable_write_done(&self, disk: &SimDisk, state: &mut DiskState, change: ChangeId) -> io::Result<()> {
        let result = state.fault(disk.world.now(), FaultyOp::Sync, &self.path);
        if result.is_err() {
            self.sync_failed(disk.world.now(), state);
        } else if let Some(file) = state.tree.file(self.inode) {
            file.written_durably(change);
        }
        disk.file_event("durable", &self.path, &result);
        result.map_err(|error| at(&self.path, &error))
    }
}
