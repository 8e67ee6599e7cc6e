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

/// The image that the newest snapshot and the whole log behind it make, committed or not, and the offset up to which that goes. A change whose
/// end is not there is not in it.
///
/// # Errors
/// If the snapshots or the log cannot be read.
pub async fn image_on_disk(
    io: &Io,
    log: Option<&PartitionLog>,
) -> Result<(MetadataImage, Offset), ControllerUnavailable> {
    let (_, loaded) = Snapshots::open(io.disk.clone()).await?;
    let mut reader = LogReader::at(loaded.as_ref().map_or(Offset::ZERO, |loaded| loaded.id.end));
    let mut image = loaded.map(|loaded| loaded.image).unwrap_or_default();
    let Some(log) = log else { return Ok((image, reader.end())) };
    while reader.next() >= log.log_start() && reader.next() < log.log_end() {
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
        reader.read(&batches, &mut image)?;
    }
    Ok((image, reader.end()))
}
