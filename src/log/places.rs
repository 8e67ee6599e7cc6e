//! Reading, at a start, batches that the journal only names, from where they stand in segments.
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use bytes::Bytes;

use super::journal::{LogId, LogKey, PlacedBatch};
use super::partition::PartitionLog;
use super::segment::{FileKind, file_name, file_path};
use crate::io::{Disk, File, OpenOptions};
use crate::wire::batch::RecordBatch;

/// How often blocks are asked for before they count as lost: an error may pass.
const READ_ATTEMPTS: u32 = 8;

pub(super) struct Places {
    disk: Arc<dyn Disk>,
    /// The file that was read last: the next batch stands in it most likely.
    open: Option<(String, Arc<dyn File>)>,
    lost: Vec<LogId>,
}

impl Places {
    pub(super) fn new(disk: Arc<dyn Disk>) -> Places {
        Places { disk, open: None, lost: Vec::new() }
    }

    /// The batch, as it was written.
    ///
    /// # Errors
    /// What was found in its place, as a sentence.
    pub(super) async fn read(&mut self, log: LogKey, placed: &PlacedBatch) -> Result<RecordBatch, String> {
        let place = placed.place();
        let path = file_path(log.partition, place.segment, place.cleaning, FileKind::Log);
        let mut found = self.blocks(&path, placed).await;
        for _ in 1..READ_ATTEMPTS {
            match &found {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {}
                Err(_) | Ok(_) => break,
            }
            found = self.blocks(&path, placed).await;
        }
        let header = placed.header();
        let lost = |why: String| {
            let (base, last) = (header.base_offset, header.last_offset());
            let name = file_name(place.segment, place.cleaning, FileKind::Log);
            format!("offsets {base} to {last} are lost: {name}, position {}, {why}", place.position)
        };
        let blocks = found.map_err(|error| lost(error.to_string()))?;
        placed.restored(&blocks).ok_or_else(|| lost("holds other bytes than were written there".to_owned()))
    }

    async fn blocks(&mut self, path: &str, placed: &PlacedBatch) -> io::Result<Bytes> {
        let file = match self.open.take().filter(|(open, _)| open == path) {
            Some((_, file)) => file,
            None => self.disk.open(path, OpenOptions::default()).await?,
        };
        let range = placed.blocks();
        let length = usize::try_from(range.end - range.start).map_err(|_| io::ErrorKind::InvalidData)?;
        let bytes = file.read_at(range.start, length).await?;
        self.open = Some((path.to_owned(), file));
        Ok(bytes)
    }

    pub(super) fn note_lost(&mut self, log: LogId) {
        self.lost.push(log);
    }

    /// Says which logs are damaged for that, now that it is known which are left.
    pub(super) fn tell(&self, logs: &BTreeMap<LogId, PartitionLog>) {
        for log in self.lost.iter().filter_map(|id| logs.get(id)) {
            if let Some(what) = log.damage() {
                tracing::error!(partition = %log.key().partition, %what, "log damaged");
            }
        }
    }
}
