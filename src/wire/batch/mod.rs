//! Record batches, magic 2: the header, validation, records, and the builder.
mod header;
mod owned;

pub use header::{
    Attributes, BatchHeader, HEADER_BYTES, HeaderTruncated, LENGTH_PREFIX_BYTES, UNCOVERED_BYTES,
};
pub use owned::RecordBatch;
