//! The names of directories and files below `logs/`, which many make durable beside one another: flushes, compactions, repairs, indexes
//! that are made again, removals.
//!
//! A directory whose sync failed may have forgotten the changes of all, and a later sync of it, though it succeeds, promises nothing of them
//! ([`Disk`]). So whoever changed names before another's sync failed, and synced them after that, has to take its own sync for failed.
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::io::{Disk, lacks_descriptors};

/// How many directories may be synced side by side.
const TURNS: usize = 16;

/// What is known of the syncs of a node's directories.
#[derive(Default)]
pub(crate) struct Names([Turn; TURNS]);

/// Of the directories that share it.
#[derive(Default)]
struct Turn {
    failed: AtomicU64,
    /// One sync of a directory at a time: that another's failed is known before the next begins.
    syncing: tokio::sync::Mutex<()>,
}

/// How many syncs had failed before somebody's first change of a name.
#[derive(Clone, Copy)]
pub(crate) struct NamesSince([u64; TURNS]);

impl Names {
    /// To be asked before the first change of a name, for the sync of it.
    pub(crate) fn now(&self) -> NamesSince {
        NamesSince(self.0.each_ref().map(|turn| turn.failed.load(Ordering::Acquire)))
    }

    /// Makes the names durable that were changed in a directory.
    ///
    /// # Errors
    /// If the sync fails, or another one of the directory has failed since: the changes are to be made anew.
    pub(crate) async fn sync(&self, disk: &dyn Disk, directory: &str, since: NamesSince) -> io::Result<()> {
        let sum = directory
            .bytes()
            .fold(0, |sum: usize, byte| sum.wrapping_mul(31).wrapping_add(usize::from(byte)));
        let at = sum % TURNS;
        let turn = &self.0[at];
        let _one_at_a_time = turn.syncing.lock().await;
        match disk.sync_dir(directory).await {
            Ok(()) if turn.failed.load(Ordering::Acquire) == since.0[at] => Ok(()),
            Ok(()) => Err(io::Error::other("another sync of the directory has failed meanwhile")),
            Err(error) => {
                // Nothing was tried without a descriptor, or without the directory.
                if error.kind() != io::ErrorKind::NotFound && !lacks_descriptors(&error) {
                    turn.failed.fetch_add(1, Ordering::AcqRel);
                }
                Err(error)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::testing::{TestDisk, TestFault, TestRuntime};

    #[test]
    fn who_changed_names_before_anothers_sync_failed_hears_of_it() {
        let (disk, names) = (TestDisk::new(), Names::default());
        TestRuntime::new().block_on(async {
            disk.create_dir_all("logs/a").await.unwrap();
            let since = names.now();
            names.sync(&disk, "logs", since).await.unwrap();
            disk.inject(TestFault::FailSyncDir("logs".to_owned()));
            names.sync(&disk, "logs", since).await.unwrap_err();
            let error = names.sync(&disk, "logs", since).await.unwrap_err();
            assert!(error.to_string().contains("another"), "{error}");
            names.sync(&disk, "logs/a", since).await.expect("of another directory it says nothing");
            names.sync(&disk, "logs", names.now()).await.unwrap();
        });
    }
}
