use std::collections::{BTreeMap, BTreeSet};
use std::io;

use super::file::FileData;
use super::state::PowerLoss;
use crate::rng::Stream;

pub(super) type InodeId = u64;

/// The names of a disk, live and durable, and what they lead to.
#[derive(Clone, Debug)]
pub(super) struct Tree {
    pub(super) inodes: BTreeMap<InodeId, Inode>,
    next_inode: InodeId,
    /// Changes of names that are not durable yet, in the order in which they were made.
    pending: Vec<NameChange>,
    /// How many handles keep a file alive that may have no name any more.
    handles: BTreeMap<InodeId, u64>,
    /// Files that have no live name; their space is free unless a handle keeps them.
    nameless: BTreeSet<InodeId>,
    /// How many names were taken away since the last [`Tree::collect`].
    taken: usize,
}

#[derive(Clone, Debug)]
pub(super) enum Inode {
    File(FileData),
    Directory(Directory),
}

#[derive(Clone, Debug, Default)]
pub(super) struct Directory {
    pub(super) live: BTreeMap<String, InodeId>,
    durable: BTreeMap<String, InodeId>,
}

/// One change of names; a rename takes one away and gives one in the same moment.
#[derive(Clone, Debug)]
struct NameChange {
    take: Option<(InodeId, String)>,
    give: Option<(InodeId, String, InodeId)>,
}

impl NameChange {
    fn names(&self) -> impl Iterator<Item = (InodeId, &str)> {
        let take = self.take.as_ref().map(|(directory, name)| (*directory, name.as_str()));
        let give = self.give.as_ref().map(|(directory, name, _)| (*directory, name.as_str()));
        take.into_iter().chain(give)
    }
}

const ROOT: InodeId = 0;

fn parts(path: &str) -> io::Result<Vec<&str>> {
    if path.is_empty() {
        return Ok(Vec::new());
    }
    let parts: Vec<&str> = path.split('/').collect();
    if parts.iter().any(|part| matches!(*part, "" | "." | "..") || part.contains('\0')) {
        let text = format!("the path {path:?} does not lead to a place below the data directory");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
    }
    Ok(parts)
}

impl Tree {
    pub(super) fn new() -> Tree {
        let inodes = BTreeMap::from([(ROOT, Inode::Directory(Directory::default()))]);
        Tree {
            inodes,
            next_inode: ROOT + 1,
            pending: Vec::new(),
            handles: BTreeMap::new(),
            nameless: BTreeSet::new(),
            taken: 0,
        }
    }

    fn directory(&self, id: InodeId) -> io::Result<&Directory> {
        match self.inodes.get(&id) {
            Some(Inode::Directory(directory)) => Ok(directory),
            Some(Inode::File(_)) => Err(io::ErrorKind::NotADirectory.into()),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn directory_mut(&mut self, id: InodeId) -> Option<&mut Directory> {
        match self.inodes.get_mut(&id) {
            Some(Inode::Directory(directory)) => Some(directory),
            Some(Inode::File(_)) | None => None,
        }
    }

    pub(super) fn file(&mut self, id: InodeId) -> Option<&mut FileData> {
        match self.inodes.get_mut(&id) {
            Some(Inode::File(file)) => Some(file),
            Some(Inode::Directory(_)) | None => None,
        }
    }

    /// All files that have a name, in the order of their paths.
    pub(super) fn files(&self) -> Vec<(String, InodeId)> {
        let mut found = Vec::new();
        let mut open = vec![(String::new(), ROOT)];
        while let Some((path, id)) = open.pop() {
            match self.inodes.get(&id) {
                Some(Inode::Directory(directory)) => open.extend(directory.live.iter().map(|(name, id)| {
                    (if path.is_empty() { name.clone() } else { format!("{path}/{name}") }, *id)
                })),
                Some(Inode::File(_)) => found.push((path, id)),
                None => {}
            }
        }
        found.sort();
        found
    }

    pub(super) fn each_file(&mut self, job: impl Fn(&mut FileData)) {
        for inode in self.inodes.values_mut() {
            match inode {
                Inode::File(file) => job(file),
                Inode::Directory(_) => {}
            }
        }
    }

    fn walk(&self, parts: &[&str]) -> io::Result<InodeId> {
        parts.iter().try_fold(ROOT, |id, part| {
            self.directory(id)?.live.get(*part).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
        })
    }

    pub(super) fn find(&self, path: &str) -> io::Result<InodeId> {
        self.walk(&parts(path)?)
    }

    /// The directory that a path's last part stands in, and that part.
    fn parent<'a>(&self, path: &'a str) -> io::Result<(InodeId, &'a str)> {
        let parts = parts(path)?;
        let Some((name, above)) = parts.split_last() else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        let directory = self.walk(above)?;
        self.directory(directory)?;
        Ok((directory, name))
    }

    pub(super) fn list(&self, path: &str) -> io::Result<&Directory> {
        self.directory(self.find(path)?)
    }

    fn change(&mut self, change: NameChange) {
        if let Some((directory, name)) = &change.take
            && let Some(directory) = self.directory_mut(*directory)
        {
            let taken = directory.live.remove(name);
            self.nameless.extend(taken);
            self.taken += 1;
        }
        if let Some((directory, name, inode)) = &change.give
            && let Some(directory) = self.directory_mut(*directory)
        {
            let replaced = directory.live.insert(name.clone(), *inode);
            self.nameless.extend(replaced);
            self.nameless.remove(inode);
        }
        self.pending.push(change);
    }

    fn create(&mut self, directory: InodeId, name: &str, inode: Inode) -> InodeId {
        let id = self.next_inode;
        self.next_inode += 1;
        self.inodes.insert(id, inode);
        self.change(NameChange { take: None, give: Some((directory, name.to_owned(), id)) });
        id
    }

    /// The file at `path`, made if there is none and `create` says so.
    pub(super) fn open(&mut self, path: &str, create: bool, new: bool) -> io::Result<InodeId> {
        if parts(path)?.is_empty() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        let (directory, name) = self.parent(path)?;
        let existing = self.directory(directory)?.live.get(name).copied();
        match existing {
            Some(_) if new => Err(io::ErrorKind::AlreadyExists.into()),
            Some(id) => match self.inodes.get(&id) {
                Some(Inode::Directory(_)) => Err(io::ErrorKind::IsADirectory.into()),
                Some(Inode::File(_)) => Ok(id),
                None => Err(io::ErrorKind::NotFound.into()),
            },
            None if create || new => Ok(self.create(directory, name, Inode::File(FileData::default()))),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    pub(super) fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        parts(to)?;
        let (from_directory, from_name) = self.parent(from)?;
        let moved = self.find(from)?;
        let (to_directory, to_name) = self.parent(to)?;
        let replaced = self.directory(to_directory)?.live.get(to_name).copied();
        let moves_directory = matches!(self.inodes.get(&moved), Some(Inode::Directory(_)));
        if let Some(replaced) = replaced {
            match self.inodes.get(&replaced) {
                Some(Inode::Directory(_)) if !moves_directory => {
                    return Err(io::ErrorKind::IsADirectory.into());
                }
                Some(Inode::Directory(directory)) if !directory.live.is_empty() => {
                    return Err(io::ErrorKind::DirectoryNotEmpty.into());
                }
                Some(Inode::File(_)) if moves_directory => return Err(io::ErrorKind::NotADirectory.into()),
                Some(Inode::Directory(_) | Inode::File(_)) | None => {}
            }
        }
        if moves_directory && to.strip_prefix(from).is_some_and(|rest| rest.starts_with('/')) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        if replaced == Some(moved) {
            return Ok(());
        }
        self.change(NameChange {
            take: Some((from_directory, from_name.to_owned())),
            give: Some((to_directory, to_name.to_owned(), moved)),
        });
        self.collect_sometimes();
        Ok(())
    }

    pub(super) fn remove(&mut self, path: &str) -> io::Result<()> {
        let (directory, name) = self.parent(path)?;
        let id = self.find(path)?;
        if let Some(Inode::Directory(_)) = self.inodes.get(&id) {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        self.change(NameChange { take: Some((directory, name.to_owned())), give: None });
        self.collect_sometimes();
        Ok(())
    }

    pub(super) fn create_dir_all(&mut self, path: &str) -> io::Result<()> {
        let mut at = ROOT;
        for part in parts(path)? {
            let existing = self.directory(at)?.live.get(part).copied();
            at = match existing {
                Some(id) => id,
                None => self.create(at, part, Inode::Directory(Directory::default())),
            };
        }
        self.directory(at)?;
        Ok(())
    }

    pub(super) fn remove_dir_all(&mut self, path: &str) -> io::Result<()> {
        let id = match self.find(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            found => found?,
        };
        let (parent, name) = self.parent(path)?;
        self.directory(id)?;
        // From the leaves up, as a file system is asked to.
        let mut found = vec![id];
        let mut takes = vec![(parent, name.to_owned())];
        while let Some(at) = found.pop() {
            let Ok(directory) = self.directory(at) else { continue };
            for (name, child) in &directory.live {
                takes.push((at, name.clone()));
                found.push(*child);
            }
        }
        for take in takes.into_iter().rev() {
            self.change(NameChange { take: Some(take), give: None });
        }
        self.collect_sometimes();
        Ok(())
    }

    /// Makes durable those pending changes that `chosen` picks, and each earlier one that they build on (that
    /// touches a name of theirs).
    fn make_durable(&mut self, mut chosen: impl FnMut(&NameChange) -> bool) {
        let pending = std::mem::take(&mut self.pending);
        let mut names: BTreeSet<(InodeId, String)> = BTreeSet::new();
        let mut picked = vec![false; pending.len()];
        for (index, change) in pending.iter().enumerate().rev() {
            let needed = change.names().any(|(id, name)| names.contains(&(id, name.to_owned())));
            if chosen(change) || needed {
                picked[index] = true;
                names.extend(change.names().map(|(id, name)| (id, name.to_owned())));
            }
        }
        for (change, picked) in pending.into_iter().zip(picked) {
            if !picked {
                self.pending.push(change);
                continue;
            }
            if let Some((directory, name)) = &change.take
                && let Some(directory) = self.directory_mut(*directory)
            {
                directory.durable.remove(name);
            }
            if let Some((directory, name, inode)) = &change.give
                && let Some(directory) = self.directory_mut(*directory)
            {
                directory.durable.insert(name.clone(), *inode);
            }
        }
    }

    /// Makes the names in one directory durable.
    pub(super) fn sync_dir(&mut self, path: &str) -> io::Result<()> {
        let id = self.find(path)?;
        self.directory(id)?;
        self.make_durable(|change| change.names().any(|(directory, _)| directory == id));
        self.collect_sometimes();
        Ok(())
    }

    /// A sync of a directory failed: a choice of its names' changes has reached the medium, the others count as clean and
    /// never will, though a later sync succeeds. What the machine sees of them is as before. Whether there are such others.
    pub(super) fn sync_dir_failed(&mut self, path: &str, loss: &PowerLoss, rng: &mut Stream) -> bool {
        let Ok(id) = self.find(path) else { return false };
        self.make_durable(|change| {
            change.names().any(|(directory, _)| directory == id) && rng.chance(loss.kept_per_mille)
        });
        let before = self.pending.len();
        self.pending.retain(|change| !change.names().any(|(directory, _)| directory == id));
        self.pending.len() < before
    }

    /// The power goes: a choice of the pending changes is on the medium, everything else is forgotten. How much of the names, and of
    /// each file in turn, is the caller's to say.
    pub(super) fn power_fail(
        &mut self,
        names: PowerLoss,
        mut of_next_file: impl FnMut() -> PowerLoss,
        rng: &mut Stream,
    ) {
        self.make_durable(|_| rng.chance(names.kept_per_mille));
        self.pending.clear();
        self.handles.clear();
        // What is durable becomes live again, with its name; what is not is collected.
        self.nameless.clear();
        for inode in self.inodes.values_mut() {
            match inode {
                Inode::File(file) => file.power_fail(&of_next_file(), rng),
                Inode::Directory(directory) => directory.live.clone_from(&directory.durable),
            }
        }
        self.collect();
    }

    /// The process has ended: its handles are closed.
    pub(super) fn close_all(&mut self) {
        self.handles.clear();
        self.collect();
    }

    /// The space that files take up, in bytes.
    pub(super) fn used(&self) -> u64 {
        let is_free = |id: &InodeId| self.nameless.contains(id) && !self.handles.contains_key(id);
        let size = |(id, inode): (&InodeId, &Inode)| match inode {
            Inode::File(file) if !is_free(id) => file.len(),
            Inode::File(_) | Inode::Directory(_) => 0,
        };
        self.inodes.iter().map(size).sum()
    }

    pub(super) fn add_handle(&mut self, id: InodeId) {
        *self.handles.entry(id).or_default() += 1;
    }

    pub(super) fn close(&mut self, id: InodeId) {
        if let Some(count) = self.handles.get_mut(&id) {
            *count -= 1;
            if *count == 0 {
                self.handles.remove(&id);
            }
        }
    }

    /// [`Tree::collect`], if it may be worth a walk over everything.
    fn collect_sometimes(&mut self) {
        if self.taken * 4 > self.inodes.len() {
            self.collect();
        }
    }

    /// Forgets files that no name, no handle and no pending change leads to.
    fn collect(&mut self) {
        self.taken = 0;
        let mut reached: BTreeSet<InodeId> = self.handles.keys().copied().collect();
        let mut open: Vec<InodeId> = vec![ROOT];
        open.extend(self.pending.iter().filter_map(|change| change.give.as_ref().map(|(_, _, id)| *id)));
        while let Some(id) = open.pop() {
            reached.insert(id);
            if let Some(Inode::Directory(directory)) = self.inodes.get(&id) {
                let children = directory.live.values().chain(directory.durable.values());
                open.extend(children.filter(|child| !reached.contains(child)));
            }
        }
        self.inodes.retain(|id, _| reached.contains(id));
        self.nameless.retain(|id| reached.contains(id));
    }
}
