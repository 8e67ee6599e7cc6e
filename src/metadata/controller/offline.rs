//! The metadata as a stopped node's disk has them.
use super::ControllerUnavailable;
use super::reader::LogReader;
use crate::io::Io;
use crate::log::{PartitionLog, Read, ReadRequest};
use crate::metadata::{MetadataImage, Snapshots};
use crate::types::Offset;
use crate::wire::batch::{BatchCheck, BatchIterator, RecordBatch};

/// How much is read of the log at once, in bytes.
const READ_BYTES: usize = 1 << 20;

/// What a disk tells of the metadata.
#[derive(Debug)]
pub struct OnDisk {
    pub image: MetadataImage,
    /// Up to where the image goes, an offset of the metadata log.
    pub end: Offset,
    /// Why it goes no further, if there is more: the image is an older one then, perhaps an empty one.
    pub unreadable: Option<Unreadable>,
}

/// Why the disk does not tell all that it held of the metadata.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    #[error(transparent)]
    Controller(#[from] ControllerUnavailable),
    #[error(
        "the metadata log begins at offset {log_start}, and no snapshot of what came before can be read ({damaged})"
    )]
    SnapshotsLost { log_start: i64, damaged: String },
}

/// The image that the newest snapshot and the whole log behind it make, committed or not. A change whose end is not there is not in it. Where something
/// cannot be read, the image is what comes before.
pub async fn image_on_disk(io: &Io, log: Option<&PartitionLog>) -> OnDisk {
    let mut unreadable = None;
    let (loaded, damaged) = match Snapshots::open(io.disk.clone()).await {
        Ok((snapshots, loaded)) => (loaded, snapshots.damage()),
        Err(error) => {
            let damaged = error.to_string();
            unreadable = Some(Unreadable::from(ControllerUnavailable::Snapshot(error)));
            (None, damaged)
        }
    };
    let mut reader = LogReader::at(loaded.as_ref().map_or(Offset::ZERO, |loaded| loaded.id.end));
    let mut image = loaded.map(|loaded| loaded.image).unwrap_or_default();
    let Some(log) = log else { return OnDisk { image, end: reader.end(), unreadable } };
    if reader.next() < log.log_start() {
        let log_start = log.log_start().0;
        unreadable.get_or_insert(Unreadable::SnapshotsLost { log_start, damaged });
    } else {
        match read_on(log, &mut reader, &mut image).await {
            // The log tells all, from its first record on: a snapshot that cannot be used is not missed.
            Ok(()) => unreadable = None,
            Err(error) => unreadable = Some(error.into()),
        }
    }
    OnDisk { image, end: reader.end(), unreadable }
}

/// Applies what stands in the log from the reader's place on.
async fn read_on(
    log: &PartitionLog,
    reader: &mut LogReader,
    image: &mut MetadataImage,
) -> Result<(), ControllerUnavailable> {
    while reader.next() < log.log_end() {
        let request = ReadRequest {
            offset: reader.next(),
            max_bytes: READ_BYTES,
            up_to: log.log_end(),
            min_one_batch: true,
        };
        let pieces = match log.read(request)? {
            Read::Memory(pieces) => pieces,
            Read::Stored(stored) => stored.run().await?,
        };
        let batches: Vec<RecordBatch> =
            BatchIterator::new(pieces.concat().into(), BatchCheck::Verify).collect::<Result<_, _>>()?;
        if batches.is_empty() {
            break;
        }
        reader.read(&batches, image)?;
    }
    Ok(())
}
