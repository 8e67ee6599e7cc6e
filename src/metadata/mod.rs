//! Cluster metadata as a log of records and the image they add up to.
//!
//! [`MetadataImage`] is immutable and shared; `controller` decides changes (pure: image and command in,
//! records and reply out) and the records, once committed in the metadata log, are applied to make the next
//! image. State equals replay of the log, always.
pub mod controller;
mod image;

pub use image::{
    BrokerImage, ConfigResource, Endpoint, ImageCell, ImageError, MetadataImage, PartitionImage, TopicImage,
};
