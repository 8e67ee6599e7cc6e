use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;

use super::TestRandom;
use crate::io::{
    Access, AlignedBuffer, BoxFuture, DirEntry, Disk, DiskSpace, Durability, File, OpenOptions, RngStream,
};
use crate::types::limits::DISK_BLOCK_BYTES;

/// What a device keeps or loses as a whole.
const SECTOR_BYTES: usize = 512;
const EMFILE: i32 = 24;

/// A fault that is waiting to happen.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TestFault {
    /// The power fails within the n-th change from now on (1: the next one).
    CrashAt(u64),
    /// The next sync (or durable write) of a file whose path contains the text fails, once; what was
    /// written since the last good one is lost.
    FailSync(String),
    /// The next sync of the directory fails, once: its names stay as they look and never become durable.
    FailSyncDir(String),
    /// The next sync of the directory finds no descriptor to open it with (EMFILE), once: nothing is tried.
    LackDescriptors(String),
    /// Writes to files whose path contains the text fail with EIO.
    FailWrites(String),
    /// Writes to files whose path contains the text find the disk full.
    RefuseWrites(String),
    /// Reads of files whose path contains the text fail with EIO.
    FailReads(String),
    /// Reads of the file with this path fail with EIO.
    FailReadsOf(String),
}

#[derive(Clone, Default)]
struct Inode {
    durable: Vec<u8>,
    current: Vec<u8>,
    /// What was done since the last sync.
    pending: Vec<Change>,
}

#[derive(Clone)]
enum Change {
    Write { offset: usize, bytes: Bytes },
    SetLength(usize),
}

impl Change {
    fn apply(&self, to: &mut Vec<u8>) {
        match self {
            Change::Write { offset, bytes } => {
                if to.len() < offset + bytes.len() {
                    to.resize(offset + bytes.len(), 0);
                }
                to[*offset..offset + bytes.len()].copy_from_slice(bytes);
            }
            Change::SetLength(length) => to.resize(*length, 0),
        }
    }
}

/// A change of names that is not durable yet.
#[derive(Clone)]
enum NameChange {
    Link {
        path: String,
        inode: u64,
    },
    Rename {
        from: String,
        to: String,
        inode: u64,
    },
    Unlink {
        path: String,
    },
    MakeDir {
        path: String,
    },
    /// With all files in it that were made before `made_before`: one of its name that is made later is another.
    RemoveDir {
        path: String,
        made_before: u64,
    },
}

impl NameChange {
    fn path(&self) -> &str {
        match self {
            NameChange::Link { path, .. }
            | NameChange::Unlink { path }
            | NameChange::MakeDir { path }
            | NameChange::RemoveDir { path, .. } => path,
            NameChange::Rename { to, .. } => to,
        }
    }

    fn apply(&self, names: &mut Names) {
        match self {
            NameChange::Link { path, inode } => {
                names.files.insert(path.clone(), *inode);
            }
            NameChange::Rename { from, to, inode } => {
                // It moves a file, not whatever has its name by then.
                if names.files.get(from) == Some(inode) {
                    names.files.remove(from);
                }
                names.files.insert(to.clone(), *inode);
            }
            NameChange::Unlink { path } => {
                names.files.remove(path);
            }
            NameChange::MakeDir { path } => {
                names.dirs.insert(path.clone());
            }
            NameChange::RemoveDir { path, made_before } => {
                let inside = format!("{path}/");
                names.dirs.retain(|dir| dir != path && !dir.starts_with(&inside));
                names.files.retain(|file, inode| !file.starts_with(&inside) || *inode >= *made_before);
            }
        }
    }
}

#[derive(Clone, Default)]
struct Names {
    files: BTreeMap<String, u64>,
    dirs: BTreeSet<String>,
}

#[derive(Clone, Default)]
struct State {
    inodes: BTreeMap<u64, Inode>,
    current: Names,
    durable: Names,
    pending: Vec<NameChange>,
    next_inode: u64,
    faults: Vec<TestFault>,
    /// The power is off: everything fails.
    crashed: bool,
    capacity: Option<u64>,
    changes: u64,
    open_handles: usize,
    open_handles_max: usize,
}

/// A disk in memory that tells what is durable from what is not. Clones are the same disk.
#[derive(Clone, Default)]
pub struct TestDisk {
    state: Arc<Mutex<State>>,
}

fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(dir, _)| dir)
}

fn off() -> io::Error {
    io::Error::other("the power is off")
}

impl TestDisk {
    #[must_use]
    pub fn new() -> TestDisk {
        TestDisk::default()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn inject(&self, fault: TestFault) {
        self.lock().faults.push(fault);
    }

    /// Takes all faults back.
    pub fn heal(&self) {
        self.lock().faults.clear();
    }

    /// Takes one fault back.
    pub fn forgive(&self, fault: &TestFault) {
        self.lock().faults.retain(|other| other != fault);
    }

    /// How many bytes all files may have together from now on.
    pub fn set_capacity(&self, bytes: Option<u64>) {
        self.lock().capacity = bytes;
    }

    #[must_use]
    pub fn has_crashed(&self) -> bool {
        self.lock().crashed
    }

    /// How many changes there have been: what [`TestFault::CrashAt`] counts.
    #[must_use]
    pub fn changes(&self) -> u64 {
        self.lock().changes
    }

    /// The most files that were open at once since the last call.
    pub fn take_open_files_max(&self) -> usize {
        let mut state = self.lock();
        let open = state.open_handles;
        std::mem::replace(&mut state.open_handles_max, open)
    }

    /// Loses power now: another disk holds what survived. Of what was not durable, any part may have.
    #[must_use]
    pub fn lose_power(&self, random: &mut TestRandom) -> TestDisk {
        let mut state = self.lock();
        state.crashed = true;
        let mut after = State { durable: state.durable.clone(), ..State::default() };
        after.next_inode = state.next_inode;
        after.capacity = state.capacity;
        // Sometimes all of it survives, sometimes nothing, mostly some.
        let mood = random.below(4);
        let keep = |random: &mut TestRandom| match mood {
            0 => false,
            1 => true,
            _ => random.below(2) == 0,
        };
        for change in &state.pending {
            if keep(random) {
                change.apply(&mut after.durable);
            }
        }
        let dirs = after.durable.dirs.clone();
        after.durable.files.retain(|path, _| parent(path).is_empty() || dirs.contains(parent(path)));
        after.current = after.durable.clone();
        for (&number, inode) in &state.inodes {
            let mut bytes = inode.durable.clone();
            for change in &inode.pending {
                match change {
                    Change::Write { offset, bytes: written } => {
                        for (i, sector) in written.chunks(SECTOR_BYTES).enumerate() {
                            if keep(random) {
                                let at = offset + i * SECTOR_BYTES;
                                let piece = written.slice_ref(sector);
                                Change::Write { offset: at, bytes: piece }.apply(&mut bytes);
                            }
                        }
                    }
                    Change::SetLength(_) => {
                        if keep(random) {
                            change.apply(&mut bytes);
                        }
                    }
                }
            }
            after
                .inodes
                .insert(number, Inode { durable: bytes.clone(), current: bytes, pending: Vec::new() });
        }
        TestDisk { state: Arc::new(Mutex::new(after)) }
    }

    /// The disk as the process left it: what a restart without a loss of power finds.
    #[must_use]
    pub fn restart(&self) -> TestDisk {
        let mut state = self.lock();
        let mut after = state.clone();
        state.crashed = true;
        after.open_handles = 0;
        after.open_handles_max = 0;
        after.crashed = false;
        TestDisk { state: Arc::new(Mutex::new(after)) }
    }

    /// A copy of one file's present bytes.
    #[must_use]
    pub fn bytes(&self, path: &str) -> Option<Vec<u8>> {
        let state = self.lock();
        let inode = state.current.files.get(path)?;
        state.inodes.get(inode).map(|inode| inode.current.clone())
    }

    /// Puts a file there, durable, as an editor of images does.
    pub fn set_bytes(&self, path: &str, bytes: Vec<u8>) {
        let mut state = self.lock();
        let mut dir = parent(path);
        while !dir.is_empty() {
            state.current.dirs.insert(dir.to_owned());
            state.durable.dirs.insert(dir.to_owned());
            dir = parent(dir);
        }
        let number = state.next_inode;
        state.next_inode += 1;
        state.inodes.insert(number, Inode { durable: bytes.clone(), current: bytes, pending: Vec::new() });
        state.current.files.insert(path.to_owned(), number);
        state.durable.files.insert(path.to_owned(), number);
    }

    /// Removes a file at once, durably.
    pub fn delete_file(&self, path: &str) {
        let mut state = self.lock();
        state.current.files.remove(path);
        state.durable.files.remove(path);
    }

    /// Flips bits of one byte, durably.
    ///
    /// # Panics
    /// If there is no such byte.
    pub fn corrupt(&self, path: &str, offset: usize) {
        let mut bytes = self.bytes(path).expect("the file to corrupt exists");
        bytes[offset] ^= 0xA5;
        self.set_bytes(path, bytes);
    }

    /// The paths of all files.
    #[must_use]
    pub fn paths(&self) -> Vec<String> {
        self.lock().current.files.keys().cloned().collect()
    }
}

impl State {
    /// Counts a change; true if the power fails within it.
    fn change(&mut self) -> io::Result<bool> {
        if self.crashed {
            return Err(off());
        }
        self.changes += 1;
        for fault in &mut self.faults {
            if let TestFault::CrashAt(left) = fault {
                *left -= 1;
                if *left == 0 {
                    self.crashed = true;
                }
            }
        }
        self.faults.retain(|fault| *fault != TestFault::CrashAt(0));
        Ok(self.crashed)
    }

    fn name_change(&mut self, change: NameChange) -> io::Result<()> {
        let crashed = self.change()?;
        change.apply(&mut self.current);
        self.pending.push(change);
        if crashed { Err(off()) } else { Ok(()) }
    }

    fn used(&self) -> u64 {
        self.current
            .files
            .values()
            .filter_map(|number| self.inodes.get(number))
            .map(|inode| inode.current.len() as u64)
            .sum()
    }

    fn write(&mut self, path: &str, number: u64, offset: usize, bytes: Bytes) -> io::Result<()> {
        let crashed = self.change()?;
        let hit = self.faults.iter().any(|f| matches!(f, TestFault::FailWrites(text) if path.contains(text)));
        if hit {
            return Err(io::Error::other("write failed (injected)"));
        }
        if self.faults.iter().any(|f| matches!(f, TestFault::RefuseWrites(text) if path.contains(text))) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let length = self.inodes.get(&number).map_or(0, |inode| inode.current.len());
        let grown = (offset + bytes.len()).saturating_sub(length) as u64;
        if let Some(capacity) = self.capacity
            && self.used() + grown > capacity
            && grown > 0
        {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let inode = self.inodes.get_mut(&number).expect("an open file has an inode");
        let change = Change::Write { offset, bytes };
        change.apply(&mut inode.current);
        inode.pending.push(change);
        if crashed { Err(off()) } else { Ok(()) }
    }

    fn sync(&mut self, path: &str, number: u64) -> io::Result<()> {
        if self.change()? {
            return Err(off());
        }
        let hit =
            self.faults.iter().position(|f| matches!(f, TestFault::FailSync(text) if path.contains(text)));
        let inode = self.inodes.get_mut(&number).expect("an open file has an inode");
        if let Some(fault) = hit {
            self.faults.remove(fault);
            // The page cache has forgotten what it could not write, and the next sync succeeds.
            inode.pending.clear();
            inode.current = inode.durable.clone();
            return Err(io::Error::other("sync failed (injected)"));
        }
        let inode_changes = std::mem::take(&mut inode.pending);
        for change in inode_changes {
            change.apply(&mut inode.durable);
        }
        Ok(())
    }
}

struct TestFile {
    disk: TestDisk,
    path: String,
    inode: u64,
    options: OpenOptions,
}

impl Drop for TestFile {
    fn drop(&mut self) {
        self.disk.lock().open_handles -= 1;
    }
}

/// Gives other tasks a turn, as a device does.
#[derive(Default)]
struct Yield(bool);

impl Future for Yield {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.0 {
            return Poll::Ready(());
        }
        self.0 = true;
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

fn later<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> BoxFuture<T> {
    Box::pin(async move {
        Yield::default().await;
        work()
    })
}

impl File for TestFile {
    fn size(&self) -> BoxFuture<io::Result<u64>> {
        let (disk, inode) = (self.disk.clone(), self.inode);
        later(move || {
            let state = disk.lock();
            if state.crashed {
                return Err(off());
            }
            Ok(state.inodes.get(&inode).map_or(0, |inode| inode.current.len() as u64))
        })
    }

    fn read_at(&self, offset: u64, length: usize) -> BoxFuture<io::Result<Bytes>> {
        if self.options.access == Access::Direct {
            assert!(offset.is_multiple_of(DISK_BLOCK_BYTES as u64), "direct reads are in whole blocks");
            assert!(length.is_multiple_of(DISK_BLOCK_BYTES), "direct reads are in whole blocks");
        }
        let (disk, inode, path) = (self.disk.clone(), self.inode, self.path.clone());
        later(move || {
            let state = disk.lock();
            if state.crashed {
                return Err(off());
            }
            let hits = |fault: &TestFault| match fault {
                TestFault::FailReads(text) => path.contains(text),
                TestFault::FailReadsOf(other) => path == *other,
                TestFault::CrashAt(_)
                | TestFault::FailSync(_)
                | TestFault::FailSyncDir(_)
                | TestFault::LackDescriptors(_)
                | TestFault::FailWrites(_)
                | TestFault::RefuseWrites(_) => false,
            };
            if state.faults.iter().any(hits) {
                return Err(io::Error::other("read failed (injected)"));
            }
            let bytes = &state.inodes.get(&inode).expect("an open file has an inode").current;
            let from = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
            let to = from.saturating_add(length).min(bytes.len());
            Ok(Bytes::copy_from_slice(&bytes[from..to]))
        })
    }

    fn write_at(&self, offset: u64, segments: Vec<Bytes>) -> BoxFuture<io::Result<()>> {
        assert!(self.options.write && self.options.access == Access::Buffered, "opened for buffered writes");
        let (disk, inode, path) = (self.disk.clone(), self.inode, self.path.clone());
        later(move || {
            let whole: Vec<u8> = segments.concat();
            let offset = usize::try_from(offset).expect("a small file");
            disk.lock().write(&path, inode, offset, whole.into())
        })
    }

    fn write_aligned_at(
        &self,
        offset: u64,
        buffer: AlignedBuffer,
        length: usize,
        durable: Durability,
    ) -> BoxFuture<(io::Result<()>, AlignedBuffer)> {
        assert!(self.options.write && self.options.access == Access::Direct, "opened for direct writes");
        assert!(offset.is_multiple_of(DISK_BLOCK_BYTES as u64) && length.is_multiple_of(DISK_BLOCK_BYTES));
        let (disk, inode, path) = (self.disk.clone(), self.inode, self.path.clone());
        later(move || {
            let bytes = Bytes::copy_from_slice(&buffer[..length]);
            let offset = usize::try_from(offset).expect("a small file");
            let mut state = disk.lock();
            let mut result = state.write(&path, inode, offset, bytes);
            if result.is_ok() && durable == Durability::Now {
                result = state.sync(&path, inode);
            }
            (result, buffer)
        })
    }

    fn sync(&self) -> BoxFuture<io::Result<()>> {
        let (disk, inode, path) = (self.disk.clone(), self.inode, self.path.clone());
        later(move || disk.lock().sync(&path, inode))
    }

    fn set_len(&self, length: u64) -> BoxFuture<io::Result<()>> {
        assert!(self.options.write, "opened for writing");
        let (disk, inode) = (self.disk.clone(), self.inode);
        later(move || {
            let mut state = disk.lock();
            let crashed = state.change()?;
            let inode = state.inodes.get_mut(&inode).expect("an open file has an inode");
            let change = Change::SetLength(usize::try_from(length).expect("a small file"));
            change.apply(&mut inode.current);
            inode.pending.push(change);
            if crashed { Err(off()) } else { Ok(()) }
        })
    }
}

impl Disk for TestDisk {
    fn open(&self, path: &str, options: OpenOptions) -> BoxFuture<io::Result<Arc<dyn File>>> {
        let (disk, path) = (self.clone(), path.to_owned());
        later(move || {
            let mut state = disk.lock();
            if state.crashed {
                return Err(off());
            }
            let existing = state.current.files.get(&path).copied();
            let inode = match existing {
                Some(_) if options.create_new => return Err(io::ErrorKind::AlreadyExists.into()),
                Some(inode) => inode,
                None if options.create || options.create_new => {
                    let dir = parent(&path);
                    if !dir.is_empty() && !state.current.dirs.contains(dir) {
                        return Err(io::ErrorKind::NotFound.into());
                    }
                    let number = state.next_inode;
                    state.next_inode += 1;
                    state.inodes.insert(number, Inode::default());
                    state.name_change(NameChange::Link { path: path.clone(), inode: number })?;
                    number
                }
                None => return Err(io::ErrorKind::NotFound.into()),
            };
            if options.truncate {
                let inode = state.inodes.get_mut(&inode).expect("a name has an inode");
                if !inode.current.is_empty() {
                    inode.current.clear();
                    inode.pending.push(Change::SetLength(0));
                }
            }
            state.open_handles += 1;
            state.open_handles_max = state.open_handles_max.max(state.open_handles);
            drop(state);
            Ok(Arc::new(TestFile { disk, path, inode, options }) as Arc<dyn File>)
        })
    }

    fn rename(&self, from: &str, to: &str) -> BoxFuture<io::Result<()>> {
        let (disk, from, to) = (self.clone(), from.to_owned(), to.to_owned());
        later(move || {
            let mut state = disk.lock();
            let Some(inode) = state.current.files.get(&from).copied() else {
                return Err(if state.crashed { off() } else { io::ErrorKind::NotFound.into() });
            };
            state.name_change(NameChange::Rename { from, to, inode })
        })
    }

    fn remove(&self, path: &str) -> BoxFuture<io::Result<()>> {
        let (disk, path) = (self.clone(), path.to_owned());
        later(move || {
            let mut state = disk.lock();
            if !state.crashed && !state.current.files.contains_key(&path) {
                return Err(io::ErrorKind::NotFound.into());
            }
            state.name_change(NameChange::Unlink { path })
        })
    }

    fn create_dir_all(&self, path: &str) -> BoxFuture<io::Result<()>> {
        let (disk, path) = (self.clone(), path.to_owned());
        later(move || {
            let mut state = disk.lock();
            let mut missing = Vec::new();
            let mut dir = path.as_str();
            while !dir.is_empty() && !state.current.dirs.contains(dir) {
                missing.push(dir.to_owned());
                dir = parent(dir);
            }
            for path in missing.into_iter().rev() {
                state.name_change(NameChange::MakeDir { path })?;
            }
            if state.crashed { Err(off()) } else { Ok(()) }
        })
    }

    fn remove_dir_all(&self, path: &str) -> BoxFuture<io::Result<()>> {
        let (disk, path) = (self.clone(), path.to_owned());
        later(move || {
            let mut state = disk.lock();
            if !state.crashed && !state.current.dirs.contains(&path) {
                return Ok(());
            }
            let made_before = state.next_inode;
            state.name_change(NameChange::RemoveDir { path, made_before })
        })
    }

    fn list(&self, path: &str) -> BoxFuture<io::Result<Vec<DirEntry>>> {
        let (disk, path) = (self.clone(), path.to_owned());
        later(move || {
            let state = disk.lock();
            if state.crashed {
                return Err(off());
            }
            if !path.is_empty() && !state.current.dirs.contains(&path) {
                return Err(io::ErrorKind::NotFound.into());
            }
            let name = |full: &str| full.rsplit_once('/').map_or(full, |(_, name)| name).to_owned();
            let mut entries = Vec::new();
            for (file, inode) in &state.current.files {
                if parent(file) == path {
                    let size = state.inodes.get(inode).map_or(0, |inode| inode.current.len() as u64);
                    entries.push(DirEntry { name: name(file), is_dir: false, size });
                }
            }
            for dir in &state.current.dirs {
                if parent(dir) == path {
                    entries.push(DirEntry { name: name(dir), is_dir: true, size: 0 });
                }
            }
            entries.sort();
            Ok(entries)
        })
    }

    fn sync_dir(&self, path: &str) -> BoxFuture<io::Result<()>> {
        let (disk, path) = (self.clone(), path.to_owned());
        later(move || {
            let mut state = disk.lock();
            if state.change()? {
                return Err(off());
            }
            let lacking = TestFault::LackDescriptors(path.clone());
            if let Some(fault) = state.faults.iter().position(|other| *other == lacking) {
                state.faults.remove(fault);
                return Err(io::Error::from_raw_os_error(EMFILE));
            }
            if !path.is_empty() && !state.current.dirs.contains(&path) {
                return Err(io::ErrorKind::NotFound.into());
            }
            let (synced, rest): (Vec<NameChange>, Vec<NameChange>) =
                std::mem::take(&mut state.pending).into_iter().partition(|c| parent(c.path()) == path);
            state.pending = rest;
            let fault = TestFault::FailSyncDir(path);
            if let Some(fault) = state.faults.iter().position(|other| *other == fault) {
                state.faults.remove(fault);
                return Err(io::Error::other("sync of a directory failed (injected)"));
            }
            for change in synced {
                change.apply(&mut state.durable);
            }
            Ok(())
        })
    }

    fn sync_files(&self, files: Vec<Arc<dyn File>>) -> BoxFuture<io::Result<()>> {
        Box::pin(async move {
            for file in files {
                file.sync().await?;
            }
            Ok(())
        })
    }

    fn space(&self) -> BoxFuture<io::Result<DiskSpace>> {
        let disk = self.clone();
        later(move || {
            let state = disk.lock();
            let total = state.capacity.unwrap_or(1 << 40);
            Ok(DiskSpace { total, available: total.saturating_sub(state.used()) })
        })
    }
}
