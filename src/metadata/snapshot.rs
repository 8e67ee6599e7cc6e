//! The bytes of a metadata snapshot: an image as records, and back. `docs/metadata-snapshot.md` specifies them.
use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::{ConfigResource, FeatureRanges, ImageError, MetadataImage};
use crate::types::{LeaderEpoch, Offset, PartitionId, Timestamp};
use crate::wire::batch::crc32c;
use crate::wire::messages::register_broker_record::{BrokerEndpoint, BrokerFeature};
use crate::wire::messages::{
    BrokerChangeRecord, ClusterRecord, ConfigRecord, FeatureLevelRecord, PartitionRecord, ProducerIdsRecord,
    QuorumRecord, RegisterBrokerRecord, TopicRecord,
};
use crate::wire::{DecodeError, EncodeError, MetadataRecord};

const MAGIC: &[u8; 8] = b"ORDNSNAP";
const VERSION: u32 = 1;
const HEADER_BYTES: usize = 48;
const COVERED_FROM: usize = 12;

/// Which records a snapshot stands for: those below an offset. Newer ones are greater.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct SnapshotId {
    pub end: Offset,
    /// The epoch of the last record.
    pub epoch: LeaderEpoch,
}

impl SnapshotId {
    #[must_use]
    pub fn file_name(self) -> String {
        format!("{:020}-{:010}.checkpoint", self.end.0, self.epoch.0)
    }

    /// From a file's name; `None` if it is not one that [`SnapshotId::file_name`] makes.
    #[must_use]
    pub fn parse(name: &str) -> Option<SnapshotId> {
        let (end, epoch) = name.strip_suffix(".checkpoint")?.split_once('-')?;
        let number = |digits: &str, width: usize| {
            (digits.len() == width && digits.bytes().all(|byte| byte.is_ascii_digit())).then_some(())
        };
        number(end, 20)?;
        number(epoch, 10)?;
        Some(SnapshotId { end: Offset(end.parse().ok()?), epoch: LeaderEpoch(epoch.parse().ok()?) })
    }
}

/// Why bytes are no snapshot.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotInvalid {
    #[error("it is {found} bytes long, its header says {expected}")]
    Length { found: u64, expected: u64 },
    #[error("it does not begin as a snapshot does")]
    Magic,
    #[error("its checksum is wrong")]
    Checksum,
    #[error("it is of {found:?}, its name says {named:?}")]
    OtherId { found: SnapshotId, named: SnapshotId },
    #[error("it is of format version {0}, this release reads version 1: start the newer release again")]
    Version(u32),
    #[error("record {index} cannot be read: {source}")]
    Record { index: u32, source: DecodeError },
    #[error("record {index} does not fit those before it: {source}")]
    Image { index: u32, source: ImageError },
}

impl SnapshotInvalid {
    /// Whether the file was damaged; otherwise it is whole and this release cannot use it.
    #[must_use]
    pub fn is_damage(&self) -> bool {
        match self {
            SnapshotInvalid::Length { .. }
            | SnapshotInvalid::Magic
            | SnapshotInvalid::Checksum
            | SnapshotInvalid::OtherId { .. } => true,
            SnapshotInvalid::Version(_) | SnapshotInvalid::Record { .. } | SnapshotInvalid::Image { .. } => {
                false
            }
        }
    }
}

/// The bytes of an image's snapshot.
///
/// # Errors
/// If a record cannot be written: a text or list in it is longer than the format has room for.
pub fn encode(image: &MetadataImage, id: SnapshotId, taken: Timestamp) -> Result<Bytes, EncodeError> {
    let mut out = BytesMut::zeroed(HEADER_BYTES);
    let mut count = 0_u32;
    for record in records_of(image) {
        let bytes = record.encode()?;
        out.put_u32(u32::try_from(bytes.len()).expect("a metadata record is shorter than 4 GiB"));
        out.extend_from_slice(&bytes);
        count += 1;
    }
    let length = out.len() as u64;
    let mut covered = &mut out[COVERED_FROM..HEADER_BYTES];
    covered.put_u32(VERSION);
    covered.put_u64(length);
    covered.put_i64(id.end.0);
    covered.put_i32(id.epoch.0);
    covered.put_u32(count);
    covered.put_i64(taken.0);
    let crc = crc32c(&out[COVERED_FROM..]);
    let mut front = &mut out[..COVERED_FROM];
    front.put_slice(MAGIC);
    front.put_u32(crc);
    Ok(out.freeze())
}

/// The image that a snapshot holds.
///
/// # Errors
/// [`SnapshotInvalid`] tells damage from what a newer release wrote.
pub fn decode(bytes: &Bytes, named: SnapshotId) -> Result<MetadataImage, SnapshotInvalid> {
    if bytes.len() < HEADER_BYTES {
        let (found, expected) = (bytes.len() as u64, HEADER_BYTES as u64);
        return Err(SnapshotInvalid::Length { found, expected });
    }
    if !bytes.starts_with(MAGIC) {
        return Err(SnapshotInvalid::Magic);
    }
    let mut header = &bytes[8..HEADER_BYTES];
    let crc = header.get_u32();
    let version = header.get_u32();
    let expected = header.get_u64();
    if crc32c(&bytes[COVERED_FROM..]) != crc {
        let found = bytes.len() as u64;
        return Err(if found == expected {
            SnapshotInvalid::Checksum
        } else {
            SnapshotInvalid::Length { found, expected }
        });
    }
    if version != VERSION {
        return Err(SnapshotInvalid::Version(version));
    }
    let found = SnapshotId { end: Offset(header.get_i64()), epoch: LeaderEpoch(header.get_i32()) };
    if found != named {
        return Err(SnapshotInvalid::OtherId { found, named });
    }
    let count = header.get_u32();
    let mut rest = bytes.slice(HEADER_BYTES..);
    let mut image = MetadataImage::default();
    for index in 0..count {
        // The checksum was right: lengths that lead astray were written so.
        let length = if rest.len() >= 4 { rest.get_u32() as usize } else { usize::MAX };
        if length > rest.len() {
            return Err(SnapshotInvalid::Length { found: bytes.len() as u64, expected });
        }
        let record = MetadataRecord::decode(rest.split_to(length));
        let record = record.map_err(|source| SnapshotInvalid::Record { index, source })?;
        image.apply(&record).map_err(|source| SnapshotInvalid::Image { index, source })?;
    }
    Ok(image)
}

/// The shortest records that make an image, in an order in which each fits those before it.
fn records_of(image: &MetadataImage) -> Vec<MetadataRecord> {
    let mut records = Vec::new();
    if let Some(id) = &image.cluster_id {
        let cluster_id = id.to_string().into();
        records.push(ClusterRecord { cluster_id, ..ClusterRecord::default() }.into());
    }
    for (name, &level) in &image.features {
        let name = name.clone().into();
        records.push(FeatureLevelRecord { name, level, ..FeatureLevelRecord::default() }.into());
    }
    if let Some(nodes) = &image.quorum {
        let nodes = nodes.iter().map(|node| node.0).collect();
        records.push(QuorumRecord { nodes, ..QuorumRecord::default() }.into());
    }
    let (next_producer_id, broker_epochs) = (image.next_producer_id.0.0, image.broker_epochs);
    let counters = ProducerIdsRecord { broker_id: -1, next_producer_id, broker_epochs, ..Default::default() };
    records.push(counters.into());
    brokers(image, &mut records);
    for topic in image.topics() {
        let (name, topic_id) = (topic.name.to_string().into(), topic.id);
        records.push(TopicRecord { name, topic_id, ..TopicRecord::default() }.into());
        for (index, partition) in &topic.partitions {
            let record = PartitionRecord {
                topic_id,
                partition_id: index.0,
                replicas: partition.founders.iter().map(|key| key.node.0).collect(),
                leader: partition.leader_in_record(),
                leader_epoch: partition.leader_epoch.0,
                directories: partition.founders.iter().map(|key| key.directory).collect(),
                isr: Some(partition.isr.iter().map(|node| node.0).collect()),
                ..PartitionRecord::default()
            };
            records.push(record.into());
            if partition.partition_epoch > 0 {
                records.push(partition.reassignment(topic_id, *index).into());
            }
            // As a log of an earlier release may have it. What the records above make has replicas alone in sync.
            let names_another = partition.isr.iter().any(|node| !partition.replicas.contains(node));
            if !partition.lost.is_empty() || names_another {
                let id = PartitionId { topic: topic_id, index: *index };
                records.push(partition.change(id).into());
            }
        }
        settings(&ConfigResource::Topic(topic.name.to_string()), image, &mut records);
    }
    for resource in image.configured() {
        settings(resource, image, &mut records);
    }
    records
}

/// As records have them.
pub(super) fn features_of(ranges: &FeatureRanges) -> Vec<BrokerFeature> {
    let feature = |(name, &(least, most)): (&String, &(i16, i16))| BrokerFeature {
        name: name.clone().into(),
        least,
        most,
        ..BrokerFeature::default()
    };
    ranges.iter().map(feature).collect()
}

fn brokers(image: &MetadataImage, records: &mut Vec<MetadataRecord>) {
    for (node, broker) in image.registrations() {
        let endpoint = |endpoint: &super::Endpoint| BrokerEndpoint {
            name: endpoint.listener.clone().into(),
            host: endpoint.host.clone().into(),
            port: endpoint.port,
            ..BrokerEndpoint::default()
        };
        let record = RegisterBrokerRecord {
            broker_id: node.0,
            incarnation_id: broker.incarnation.into(),
            endpoints: broker.endpoints.iter().map(endpoint).collect(),
            rack: broker.rack.clone().map(Into::into),
            directory_id: broker.directory,
            broker_epoch: broker.epoch,
            fenced: broker.fenced,
            roles: broker.roles.code(),
            features: features_of(&broker.features),
            ..RegisterBrokerRecord::default()
        };
        records.push(record.into());
        if broker.draining {
            let (broker_id, broker_epoch) = (node.0, broker.epoch);
            let (fenced, draining) = (broker.fenced, broker.draining);
            let change = BrokerChangeRecord {
                broker_id,
                broker_epoch,
                fenced,
                draining,
                ..BrokerChangeRecord::default()
            };
            records.push(change.into());
        }
    }
}

fn settings(resource: &ConfigResource, image: &MetadataImage, records: &mut Vec<MetadataRecord>) {
    let (resource_type, resource_name) = resource.to_wire();
    for (name, value) in image.settings(resource).into_iter().flatten() {
        let record = ConfigRecord {
            resource_type,
            resource_name: resource_name.clone().into(),
            name: name.clone().into(),
            value: Some(value.clone().into()),
            ..ConfigRecord::default()
        };
        records.push(record.into());
    }
}
