use std::sync::Arc;

use bytes::Bytes;
use proptest::prelude::*;

use super::snapshot::{SnapshotId, decode, encode};
use super::*;
use crate::io::{Disk, RngStream};
use crate::log::testing::{TestDisk, TestFault, TestRandom, TestRuntime};
use crate::types::{LeaderEpoch, Offset, Timestamp, TopicId};
use crate::wire::MetadataRecord;
use crate::wire::messages::register_broker_record::BrokerEndpoint;
use crate::wire::messages::{
    ClusterRecord, ConfigRecord, FeatureLevelRecord, PartitionChangeRecord, PartitionReassignmentRecord,
    PartitionRecord, ProducerIdsRecord, QuorumRecord, RegisterBrokerRecord, RemoveBrokerRecord,
    RemoveTopicRecord, TopicRecord,
};

fn id(end: i64) -> SnapshotId {
    SnapshotId { end: Offset(end), epoch: LeaderEpoch(3) }
}

/// The `kind`-th sort of record, about the `which`-th thing of that sort.
fn record(kind: u8, which: u8, value: u8) -> MetadataRecord {
    let topic_id = TopicId([which % 5 + 1; 16]);
    let name = format!("topic-{}", which % 5);
    let set = |resource_type, resource_name: String| ConfigRecord {
        resource_type,
        resource_name: resource_name.into(),
        name: format!("key.{}", value % 3).into(),
        value: (!value.is_multiple_of(4)).then(|| value.to_string().into()),
        ..ConfigRecord::default()
    };
    match kind % 13 {
        0 => ClusterRecord { cluster_id: format!("cluster-{value}").into(), ..Default::default() }.into(),
        1 => FeatureLevelRecord {
            name: format!("feature.{which}").into(),
            level: i16::from(value),
            ..Default::default()
        }
        .into(),
        2 => ProducerIdsRecord {
            broker_id: 1,
            next_producer_id: i64::from(value) * 1000,
            ..Default::default()
        }
        .into(),
        3 => RegisterBrokerRecord {
            broker_id: i32::from(which % 3),
            incarnation_id: TopicId([value; 16]).into(),
            endpoints: vec![BrokerEndpoint {
                name: "PLAINTEXT".into(),
                host: format!("host-{value}").into(),
                port: 9092,
                ..Default::default()
            }],
            rack: value.is_multiple_of(2).then(|| "rack".into()),
            broker_epoch: i64::from(which),
            roles: i8::try_from(value % 3 + 1).expect("one of three"),
            ..Default::default()
        }
        .into(),
        4 => TopicRecord { name: name.into(), topic_id, ..Default::default() }.into(),
        5 => PartitionRecord {
            topic_id,
            partition_id: i32::from(value % 7),
            replicas: vec![1, i32::from(value)],
            leader: 1,
            leader_epoch: i32::from(value),
            partition_epoch: i32::from(which),
            ..Default::default()
        }
        .into(),
        6 => RemoveTopicRecord { topic_id, ..Default::default() }.into(),
        7 => set(ConfigResource::TOPIC, name).into(),
        8 => QuorumRecord { nodes: vec![i32::from(which), i32::from(value) + 256], ..Default::default() }
            .into(),
        9 => RemoveBrokerRecord { broker_id: i32::from(which % 3), ..Default::default() }.into(),
        10 => reassigned(topic_id, which, value).into(),
        11 => told(topic_id, which, value).into(),
        _ => set(ConfigResource::BROKER, (which % 3).to_string()).into(),
    }
}

/// Other replicas of a partition, all of which stay.
fn reassigned(topic_id: TopicId, which: u8, value: u8) -> PartitionReassignmentRecord {
    PartitionReassignmentRecord {
        topic_id,
        partition_id: i32::from(value % 7),
        partition_epoch: i32::from(value) + 1,
        replicas: vec![1, i32::from(which)],
        departed: vec![i32::from(value)],
        ..Default::default()
    }
}

/// What is told of a partition; not all that are in sync need be replicas.
fn told(topic_id: TopicId, which: u8, value: u8) -> PartitionChangeRecord {
    PartitionChangeRecord {
        topic_id,
        partition_id: i32::from(value % 7),
        leader: i32::from(which % 3) - 1,
        leader_epoch: i32::from(value),
        isr: vec![i32::from(which), i32::from(value)],
        lost: if value.is_multiple_of(2) { vec![i32::from(value)] } else { Vec::new() },
        ..Default::default()
    }
}

/// The image of all records that fit; the others were never committed.
fn image(choices: &[(u8, u8, u8)]) -> MetadataImage {
    let mut image = MetadataImage::default();
    for &(kind, which, value) in choices {
        let _did_not_fit = image.apply(&record(kind, which, value));
    }
    image
}

proptest! {
    #[test]
    fn a_snapshot_makes_the_image_again(
        choices in prop::collection::vec((any::<u8>(), any::<u8>(), any::<u8>()), 0..80),
    ) {
        let image = image(&choices);
        let bytes = encode(&image, id(80), Timestamp(1)).unwrap();
        prop_assert_eq!(decode(&bytes, id(80)).unwrap(), image);
    }

    #[test]
    fn a_damaged_snapshot_is_told_from_one_of_a_newer_release(
        choices in prop::collection::vec((any::<u8>(), any::<u8>(), any::<u8>()), 0..20),
        at in any::<prop::sample::Index>(),
        flip in 1..=255_u8,
        cut in any::<bool>(),
    ) {
        let mut bytes = encode(&image(&choices), id(80), Timestamp(1)).unwrap().to_vec();
        let at = at.index(bytes.len());
        if cut { bytes.truncate(at) } else { bytes[at] ^= flip }
        let invalid = decode(&Bytes::from(bytes), id(80)).unwrap_err();
        prop_assert!(invalid.is_damage(), "{}", invalid);
    }
}

#[test]
fn another_version_is_not_damage() {
    let mut bytes = encode(&MetadataImage::default(), id(1), Timestamp(1)).unwrap().to_vec();
    bytes[15] = 2;
    let crc = crate::wire::batch::crc32c(&bytes[12..]);
    bytes[8..12].copy_from_slice(&crc.to_be_bytes());
    let invalid = decode(&Bytes::from(bytes), id(1)).unwrap_err();
    assert!(!invalid.is_damage(), "{invalid}");
}

#[test]
fn names_are_read_back() {
    assert_eq!(SnapshotId::parse(&id(77).file_name()), Some(id(77)));
    for other in ["1-1.checkpoint", "00000000000000000077-0000000003.checkpoint.tmp", "x", ""] {
        assert_eq!(SnapshotId::parse(other), None, "{other}");
    }
}

/// An image that tells the snapshots apart.
fn numbered(end: i64) -> MetadataImage {
    image(&[(0, 0, 0), (2, 0, u8::try_from(end).unwrap())])
}

fn open(disk: &TestDisk) -> Result<(Snapshots, Option<Loaded>), SnapshotError> {
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    TestRuntime::new().block_on(Snapshots::open(disk))
}

/// Writes snapshots until the power fails; gives the last that was acknowledged, and up to where the log has been
/// let go.
fn write_some(disk: &TestDisk, from: i64) -> (i64, i64) {
    let (mut acknowledged, mut log_start) = (0, 0);
    let Ok((mut snapshots, _)) = open(disk) else { return (0, 0) };
    TestRuntime::new().block_on(async {
        for end in from..from + 5 {
            let Ok(older) = snapshots.write(&numbered(end), id(end), Timestamp(1)).await else { return };
            acknowledged = end;
            let Some(older) = older else { continue };
            log_start = older.end.0;
            if snapshots.remove_old().await.is_err() {
                return;
            }
        }
    });
    (acknowledged, log_start)
}

#[test]
fn a_crash_at_every_change_leaves_a_snapshot_that_reaches_the_log() {
    let (mut crashes, mut random) = (0, TestRandom(1));
    for at in 1.. {
        let disk = TestDisk::new();
        let (first, kept_from) = write_some(&disk, 1);
        assert_eq!((first, kept_from), (5, 4));
        disk.inject(TestFault::CrashAt(at));
        let (acknowledged, log_start) = write_some(&disk, 6);
        if !disk.has_crashed() {
            assert!(crashes > 20, "{crashes} crashes");
            return;
        }
        crashes += 1;
        let (acknowledged, log_start) = (acknowledged.max(first), log_start.max(kept_from));
        let disk = if random.below(2) == 0 { disk.lose_power(&mut random) } else { disk.restart() };
        disk.heal();
        let (_, loaded) = open(&disk).unwrap();
        let newest = loaded.expect("there was a durable one");
        assert!(newest.id.end.0 >= acknowledged, "crash {at}: {:?} after {acknowledged}", newest.id);
        assert_eq!(newest.image, numbered(newest.id.end.0));
        assert!(!disk.paths().iter().any(|path| path.ends_with(".tmp")), "{:?}", disk.paths());
        // The newest rots: the one before it still reaches the log.
        disk.corrupt(&format!("metadata/{}", newest.id.file_name()), 50);
        let (snapshots, loaded) = open(&disk).unwrap();
        let older = loaded.expect("two are kept");
        assert!(older.id < newest.id && older.id.end.0 >= log_start, "crash {at}: {:?}", older.id);
        assert_eq!(older.image, numbered(older.id.end.0));
        assert!(snapshots.damage().contains(&newest.id.file_name()));
    }
}

#[test]
fn two_are_kept_and_damaged_ones_go_when_two_newer_are_there() {
    let disk = TestDisk::new();
    write_some(&disk, 1);
    let names = |disk: &TestDisk| disk.paths().len();
    assert_eq!(names(&disk), 2);
    disk.corrupt(&format!("metadata/{}", id(5).file_name()), 50);
    let (mut snapshots, loaded) = open(&disk).unwrap();
    assert_eq!(loaded.unwrap().id, id(4));
    let runtime = TestRuntime::new();
    let older = runtime.block_on(snapshots.write(&numbered(6), id(6), Timestamp(1))).unwrap();
    assert_eq!(older, Some(id(4)));
    runtime.block_on(snapshots.remove_old()).unwrap();
    assert_eq!(names(&disk), 2, "{:?}", disk.paths());
}

#[test]
fn one_that_is_durable_already_counts_once() {
    let disk = TestDisk::new();
    write_some(&disk, 1);
    let (mut snapshots, _) = open(&disk).unwrap();
    let older = TestRuntime::new().block_on(async {
        let older = snapshots.write(&numbered(5), id(5), Timestamp(1)).await.unwrap();
        snapshots.remove_old().await.unwrap();
        older
    });
    assert_eq!((older, snapshots.spare_end()), (Some(id(4)), Offset(4)));
    assert_eq!(disk.paths().len(), 2, "{:?}", disk.paths());
}

/// Takes what another node sends, in pieces.
fn receive(disk: &TestDisk, end: i64, bytes: &Bytes) -> Result<Loaded, SnapshotError> {
    let (mut snapshots, _) = open(disk)?;
    TestRuntime::new().block_on(async {
        let mut receiving = snapshots.begin_receiving().await?;
        for from in (0..bytes.len()).step_by(64) {
            receiving.write(bytes.slice(from..bytes.len().min(from + 64))).await?;
        }
        assert_eq!(receiving.written(), bytes.len() as u64);
        snapshots.finish_receiving(receiving, id(end)).await
    })
}

#[test]
fn what_another_node_sends_counts_once_it_is_whole_and_durable() {
    let sent = encode(&numbered(9), id(9), Timestamp(1)).unwrap();
    let (mut crashes, mut random) = (0, TestRandom(2));
    for at in 1.. {
        let disk = TestDisk::new();
        write_some(&disk, 1);
        disk.inject(TestFault::CrashAt(at));
        let received = receive(&disk, 9, &sent);
        if !disk.has_crashed() {
            let loaded = received.unwrap();
            assert_eq!((loaded.id, loaded.image), (id(9), numbered(9)));
            assert!(crashes > 5, "{crashes} crashes");
            break;
        }
        crashes += 1;
        let disk = if random.below(2) == 0 { disk.lose_power(&mut random) } else { disk.restart() };
        disk.heal();
        let (_, loaded) = open(&disk).unwrap();
        let newest = loaded.expect("there were some before").id;
        assert!(newest == id(9) || (received.is_err() && newest == id(5)), "crash {at}: {newest:?}");
        assert!(!disk.paths().iter().any(|path| path.ends_with(".tmp")), "{:?}", disk.paths());
    }
}

#[test]
fn what_another_node_sends_is_refused_if_it_is_no_snapshot_or_no_news() {
    let disk = TestDisk::new();
    write_some(&disk, 1);
    let sent = encode(&numbered(9), id(9), Timestamp(1)).unwrap();
    let mut rotten = sent.to_vec();
    rotten[60] ^= 1;
    let refused = |end: i64, bytes: &Bytes, text: &str| {
        let error = receive(&disk, end, bytes).map(|_| ()).unwrap_err();
        assert!(matches!(error, SnapshotError::Received(_)) && error.to_string().contains(text), "{error}");
    };
    refused(9, &rotten.into(), "checksum");
    refused(9, &sent.slice(..sent.len() - 1), "bytes long");
    refused(8, &sent, "its name says");
    refused(5, &encode(&numbered(5), id(5), Timestamp(1)).unwrap(), "no news");
    assert_eq!(open(&disk).unwrap().1.expect("as before").id, id(5));
    let pieces = TestRuntime::new().block_on(async {
        let disk: Arc<dyn Disk> = Arc::new(disk.clone());
        let whole = read_piece(&*disk, id(5), 0, 1 << 20).await.unwrap().expect("it is there");
        let (start, size) = read_piece(&*disk, id(5), 0, 10).await.unwrap().expect("it is there");
        let (behind, _) = read_piece(&*disk, id(5), size, 10).await.unwrap().expect("it is there");
        assert!(read_piece(&*disk, id(1), 0, 10).await.unwrap().is_none(), "it is gone");
        (whole, start, size, behind)
    });
    let ((whole, length), start, size, behind) = pieces;
    assert_eq!((whole.len() as u64, &whole[..10], length), (size, &start[..], size));
    assert!(behind.is_empty());
}
