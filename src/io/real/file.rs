use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;

use super::pool::{Lanes, Pool};
use super::probe::Transfer;
use super::{bulk, path, quick, sys};
use crate::io::{Access, AlignedBuffer, BoxFuture, Durability, File};
use crate::types::limits::DISK_BLOCK_BYTES;

/// An open file of the data directory.
pub(super) struct RealFile {
    inner: Arc<Inner>,
    lanes: Lanes,
}

struct Inner {
    file: std::fs::File,
    path: PathBuf,
    access: Access,
    transfer: Transfer,
}

impl RealFile {
    pub(super) fn new(
        file: std::fs::File,
        path: PathBuf,
        access: Access,
        transfer: Transfer,
        lanes: Lanes,
    ) -> RealFile {
        RealFile { inner: Arc::new(Inner { file, path, access, transfer }), lanes }
    }

    fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Inner) -> io::Result<T> + Send + 'static,
    ) -> BoxFuture<io::Result<T>> {
        self.run_in(&self.lanes.common, job)
    }

    fn run_in<T: Send + 'static>(
        &self,
        lane: &Pool,
        job: impl FnOnce(&Inner) -> io::Result<T> + Send + 'static,
    ) -> BoxFuture<io::Result<T>> {
        let inner = self.inner.clone();
        lane.run_io(move || job(&inner).map_err(|error| path::at(&inner.path, error)))
    }
}

impl Inner {
    fn read(&self, offset: u64, length: usize, lanes: &Lanes) -> io::Result<Bytes> {
        let recycled = &lanes.recycled;
        match self.access {
            Access::Buffered if length >= bulk::BYTES_MIN && self.transfer.direct => {
                bulk::read(&self.file, offset, length, (recycled, &lanes.precedence))
            }
            Access::Buffered => {
                let mut memory = Vec::with_capacity(length);
                let read = sys::read_at(&self.file, offset, memory.as_mut_ptr(), length)?;
                // SAFETY: `read` bytes, at most the capacity, were just written by the system.
                unsafe { memory.set_len(read) };
                Ok(memory.into())
            }
            Access::Direct => {
                check_blocks(offset, length)?;
                let mut block = recycled.take(length);
                block.length = sys::read_at(&self.file, offset, block.memory().as_mut_ptr(), length)?;
                Ok(Bytes::from_owner(block))
            }
        }
    }

    fn write_blocks(&self, offset: u64, blocks: &[u8], durable: Durability) -> io::Result<()> {
        match durable {
            Durability::Later => sys::write_blocks(&self.file, offset, blocks, false),
            Durability::Now if self.transfer.dsync => sys::write_blocks(&self.file, offset, blocks, true),
            Durability::Now => {
                sys::write_blocks(&self.file, offset, blocks, false)?;
                self.file.sync_data()
            }
        }
    }
}

fn check_blocks(offset: u64, length: usize) -> io::Result<()> {
    if offset.is_multiple_of(DISK_BLOCK_BYTES as u64) && length.is_multiple_of(DISK_BLOCK_BYTES) {
        return Ok(());
    }
    Err(io::Error::new(
        io::ErrorKind::InvalidInput,
        format!(
            "a direct transfer of {length} bytes at {offset} is not in whole blocks of {DISK_BLOCK_BYTES}"
        ),
    ))
}

fn check_access(is: Access, wanted: Access) -> io::Result<()> {
    if is == wanted {
        return Ok(());
    }
    let text = match is {
        Access::Buffered => "a file of buffered access is written with write_at",
        Access::Direct => "a file of direct access is written with write_aligned_at",
    };
    Err(io::Error::new(io::ErrorKind::InvalidInput, text))
}

impl File for RealFile {
    fn size(&self) -> BoxFuture<io::Result<u64>> {
        self.run(|inner| Ok(inner.file.metadata()?.len()))
    }

    fn read_at(&self, offset: u64, length: usize) -> BoxFuture<io::Result<Bytes>> {
        let lanes = self.lanes.clone();
        let lane = if length >= bulk::BYTES_MIN { &self.lanes.read } else { &self.lanes.common };
        self.run_in(lane, move |inner| inner.read(offset, length, &lanes))
    }

    fn write_at(&self, offset: u64, segments: Vec<Bytes>) -> BoxFuture<io::Result<()>> {
        let bytes: usize = segments.iter().map(Bytes::len).sum();
        let is_bulk = bytes >= bulk::BYTES_MIN;
        let inner = self.inner.clone();
        let job = move || {
            let written = check_access(inner.access, Access::Buffered).and_then(|()| {
                if is_bulk && inner.transfer.direct {
                    bulk::write(&inner.file, offset, segments)
                } else {
                    sys::write_segments(&inner.file, offset, segments)
                }
            });
            written.map_err(|error| path::at(&inner.path, error))
        };
        let lane = if is_bulk { &self.lanes.bulk } else { &self.lanes.common };
        lane.run_io(job)
    }

    fn write_aligned_at(
        &self,
        offset: u64,
        buffer: AlignedBuffer,
        length: usize,
        durable: Durability,
    ) -> BoxFuture<(io::Result<()>, AlignedBuffer)> {
        assert!(length <= buffer.len(), "{length} bytes of a buffer of {}", buffer.len());
        let inner = self.inner.clone();
        let write = move || {
            let result = check_access(inner.access, Access::Direct)
                .and_then(|()| check_blocks(offset, length))
                .and_then(|()| inner.write_blocks(offset, &buffer[..length], durable))
                .map_err(|error| path::at(&inner.path, error));
            (result, buffer)
        };
        let lanes = self.lanes.clone();
        Box::pin(async move {
            let done = match durable {
                Durability::Later => lanes.bulk.run(write).await,
                Durability::Now if length <= quick::WRITE_BYTES_MAX && lanes.quickness.is_trusted() => {
                    return lanes.precedence.first(|| lanes.quickness.watch(length, write));
                }
                Durability::Now => {
                    let (quickness, precedence) = (lanes.quickness.clone(), lanes.precedence.clone());
                    lanes.direct.run(move || precedence.first(|| quickness.watch(length, write))).await
                }
            };
            // A job that panicked took the buffer with it: the caller gets another.
            done.unwrap_or_else(|lost| (Err(lost.into()), AlignedBuffer::zeroed(DISK_BLOCK_BYTES)))
        })
    }

    fn sync(&self) -> BoxFuture<io::Result<()>> {
        self.run(|inner| inner.file.sync_data())
    }

    fn set_len(&self, length: u64) -> BoxFuture<io::Result<()>> {
        self.run(move |inner| inner.file.set_len(length))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn durable_writes_work_without_rwf_dsync() {
        let path = std::env::temp_dir().join(format!("ordain-no-dsync-{}", std::process::id()));
        let file = std::fs::File::create_new(&path).unwrap();
        let transfer = Transfer { direct: false, dsync: false };
        let lanes = Lanes::start(1).unwrap();
        let file = RealFile::new(file, path.clone(), Access::Direct, transfer, lanes);
        let mut buffer = AlignedBuffer::zeroed(DISK_BLOCK_BYTES);
        buffer.fill(7);
        let (result, _) = file.write_aligned_at(0, buffer, DISK_BLOCK_BYTES, Durability::Now).await;
        result.unwrap();
        let content = std::fs::read(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert_eq!(content, [7; DISK_BLOCK_BYTES]);
    }
}
