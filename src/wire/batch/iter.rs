use bytes::Bytes;

use super::error::BatchError;
use super::header::HEADER_BYTES;
use super::owned::RecordBatch;
use super::validate::{batch_bytes, parse_header};

/// Whether the batches' CRCs and counts are checked on the way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BatchCheck {
    /// Check each batch with [`RecordBatch::check`].
    Verify,
    /// Trust bytes that have been checked before.
    Trust,
}

/// The batches that lie back to back in stored or fetched bytes. The last may be cut short, as in a Fetch
/// response: it is not given, and [`BatchIterator::rest`] holds its bytes. Ends after the first error.
#[derive(Clone, Debug)]
pub struct BatchIterator {
    rest: Bytes,
    check: BatchCheck,
    failed: bool,
}

impl BatchIterator {
    #[must_use]
    pub fn new(bytes: Bytes, check: BatchCheck) -> BatchIterator {
        BatchIterator { rest: bytes, check, failed: false }
    }

    /// The bytes not given yet: after the end a batch cut short, or nothing; after an error those from the
    /// batch at fault on.
    #[must_use]
    pub fn rest(&self) -> &Bytes {
        &self.rest
    }

    fn cut(&mut self) -> Result<Option<RecordBatch>, BatchError> {
        if self.rest.len() < HEADER_BYTES {
            return Ok(None);
        }
        let header = parse_header(&self.rest)?;
        let bytes = batch_bytes(&header)?;
        if self.rest.len() < bytes {
            return Ok(None);
        }
        let batch = RecordBatch::new(header, &self.rest.slice(..bytes));
        if self.check == BatchCheck::Verify {
            batch.check()?;
        }
        self.rest = self.rest.slice(bytes..);
        Ok(Some(batch))
    }
}

impl Iterator for BatchIterator {
    type Item = Result<RecordBatch, BatchError>;

    fn next(&mut self) -> Option<Result<RecordBatch, BatchError>> {
        if self.failed {
            return None;
        }
        let batch = self.cut().transpose();
        self.failed = matches!(batch, Some(Err(_)));
        batch
    }
}
