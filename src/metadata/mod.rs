//! Cluster metadata as a log of records and the image they add up to.
//!
//! [`MetadataImage`] is immutable and shared; `controller` decides changes (pure: image and command in,
//! records and reply out) and the records, once committed in the metadata log, are applied to make the next
//! image. State equals replay of the log, always; [`Snapshots`] let the log forget its beginning.
pub mod controller;
mod image;
mod snapshot;
mod snapshots;
#[cfg(test)]
mod snapshots_tests;

pub use image::{
    BrokerImage, ConfigResource, DRAIN_KEY, Endpoint, FeatureRanges, ImageCell, ImageError, MetadataImage,
    PartitionImage, TopicImage,
};
pub use snapshot::{SnapshotId, SnapshotInvalid, decode as decode_snapshot};
pub use snapshots::{Loaded, Receiving, SnapshotError, Snapshots, read_piece};
