//! The records as Kafka 4.3 writes them to `__consumer_offsets`, byte for byte.
//!
//! | record          | key                | value                  | versions written                         |
//! |-----------------|--------------------|------------------------|------------------------------------------|
//! | committed offset | `OffsetCommitKey`  | `OffsetCommitValue`    | 4; 1 for an offset that expires by itself |
//! | group           | `GroupMetadataKey` | `GroupMetadataValue`   | 4                                        |
//!
//! All versions of old are read, offsets under `LegacyOffsetCommitKey` too. What other kinds of groups have
//! left in a log (consumer, share and streams groups) is told apart, and is the runtime's to skip and count.
use bytes::Bytes;

use super::names::{GroupId, InstanceId, MemberId, ProtocolName, ProtocolType, TopicName};
use super::record::{CommittedOffset, GroupMetadata, GroupRecord, MemberMetadata, OffsetKey};
use crate::probe::{Mutant, mutant};
use crate::types::{LeaderEpoch, Offset, PartitionIndex, Timestamp};
use crate::wire::messages::group_metadata_value::MemberMetadata as WireMember;
use crate::wire::messages::{
    GroupMetadataKey, GroupMetadataValue, LegacyOffsetCommitKey, LegacyOffsetCommitValue, OffsetCommitKey,
    OffsetCommitValue,
};
use crate::wire::record::{decode_key, decode_versioned, encode_key, encode_versioned, record_type};
use crate::wire::{DecodeError, EncodeError, RecordKey, Text};

const GROUP_METADATA_VERSION: i16 = 4;
const OFFSET_COMMIT_VERSION: i16 = 4;
/// The one version that has an expiry of the offset's own.
const OFFSET_COMMIT_VERSION_WITH_EXPIRY: i16 = 1;

/// A record's bytes: a key, and a value or a tombstone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EncodedRecord {
    pub key: Bytes,
    pub value: Option<Bytes>,
}

/// What a record of the log turned out to be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum DecodedRecord {
    Ours(GroupRecord),
    /// A record of this type, which classic groups do not have: to be skipped, and counted.
    Foreign {
        record_type: i16,
    },
}

/// The bytes of a record.
///
/// # Errors
/// A name or note too long for its field: what a shard emits never is.
pub fn encode(record: &GroupRecord) -> Result<EncodedRecord, EncodeError> {
    match record {
        GroupRecord::OffsetCommit { key, value } => {
            let key = OffsetCommitKey {
                group: Text::from(key.group.as_str()),
                topic: Text::from(key.topic.as_str()),
                partition: key.partition.0,
            };
            let value = value.as_ref().map(encode_offset).transpose()?;
            Ok(EncodedRecord { key: encode_key(&key)?, value })
        }
        GroupRecord::GroupMetadata { group, value } => {
            let key = GroupMetadataKey { group: Text::from(group.as_str()) };
            let value = value.as_ref().map(encode_group).transpose()?;
            Ok(EncodedRecord { key: encode_key(&key)?, value })
        }
    }
}

/// Reads a record of the log.
///
/// # Errors
/// Bytes that are no such record, or a value of a version that is not known: the log is damaged, or was
/// written by a later release.
pub fn decode(key: Bytes, value: Option<Bytes>) -> Result<DecodedRecord, DecodeError> {
    let record = match record_type(&key)? {
        LegacyOffsetCommitKey::TYPE => {
            let key: LegacyOffsetCommitKey = decode_key(key)?;
            let value = value.map(decode_legacy_offset).transpose()?;
            GroupRecord::OffsetCommit { key: offset_key(&key.group, &key.topic, key.partition), value }
        }
        OffsetCommitKey::TYPE => {
            let key: OffsetCommitKey = decode_key(key)?;
            let value = value.map(decode_offset).transpose()?;
            GroupRecord::OffsetCommit { key: offset_key(&key.group, &key.topic, key.partition), value }
        }
        GroupMetadataKey::TYPE => {
            let key: GroupMetadataKey = decode_key(key)?;
            let value = value.map(decode_group).transpose()?;
            GroupRecord::GroupMetadata { group: GroupId::from(&*key.group), value }
        }
        record_type => return Ok(DecodedRecord::Foreign { record_type }),
    };
    Ok(DecodedRecord::Ours(record))
}

fn offset_key(group: &str, topic: &str, partition: i32) -> OffsetKey {
    OffsetKey {
        group: GroupId::from(group),
        topic: TopicName::from(topic),
        partition: PartitionIndex(partition),
    }
}

fn encode_offset(value: &CommittedOffset) -> Result<Bytes, EncodeError> {
    let version = match value.expire_timestamp {
        Some(_) => OFFSET_COMMIT_VERSION_WITH_EXPIRY,
        None => OFFSET_COMMIT_VERSION,
    };
    let value = OffsetCommitValue {
        offset: value.offset.0,
        leader_epoch: value.leader_epoch.0,
        metadata: value.metadata.clone(),
        commit_timestamp: value.commit_timestamp.0,
        expire_timestamp: value.expire_timestamp.map_or(-1, |at| at.0),
        topic_id: value.topic_id,
        ..OffsetCommitValue::default()
    };
    encode_versioned(version, &value)
}

/// A text of its own, not a part of the batch that it came in, which would stay with it.
fn detached_text(text: &Text) -> Text {
    Text::from(&**text)
}

fn decode_offset(bytes: Bytes) -> Result<CommittedOffset, DecodeError> {
    let (_, value): (i16, OffsetCommitValue) = decode_versioned(bytes)?;
    Ok(CommittedOffset {
        offset: Offset(value.offset),
        leader_epoch: LeaderEpoch(value.leader_epoch.max(-1)),
        metadata: detached_text(&value.metadata),
        commit_timestamp: Timestamp(value.commit_timestamp),
        expire_timestamp: Some(Timestamp(value.expire_timestamp)).filter(|at| at.0 != -1),
        topic_id: value.topic_id,
    })
}

fn decode_legacy_offset(bytes: Bytes) -> Result<CommittedOffset, DecodeError> {
    let (_, value): (i16, LegacyOffsetCommitValue) = decode_versioned(bytes)?;
    Ok(CommittedOffset {
        offset: Offset(value.offset),
        leader_epoch: LeaderEpoch::NONE,
        metadata: detached_text(&value.metadata),
        commit_timestamp: Timestamp(value.commit_timestamp),
        expire_timestamp: None,
        topic_id: crate::types::TopicId::ZERO,
    })
}

fn encode_group(group: &GroupMetadata) -> Result<Bytes, EncodeError> {
    let rebalance_timeout_ms = |member: &MemberMetadata| match mutant(Mutant::GroupKeepsOneTimeout) {
        true => member.session_timeout_ms,
        false => member.rebalance_timeout_ms,
    };
    let member = |member: &MemberMetadata| WireMember {
        member_id: Text::from(member.member_id.as_str()),
        group_instance_id: member.group_instance_id.as_ref().map(|id| Text::from(id.as_str())),
        client_id: Text::from(member.client_id.as_str()),
        client_host: Text::from(member.client_host.as_str()),
        rebalance_timeout: rebalance_timeout_ms(member),
        session_timeout: member.session_timeout_ms,
        subscription: member.subscription.clone(),
        assignment: member.assignment.clone(),
        ..WireMember::default()
    };
    let value = GroupMetadataValue {
        protocol_type: Text::from(group.protocol_type.as_str()),
        generation: group.generation,
        protocol: group.protocol.as_ref().map(|name| Text::from(name.as_str())),
        leader: group.leader.as_ref().map(|id| Text::from(id.as_str())),
        current_state_timestamp: group.current_state_timestamp.map_or(-1, |at| at.0),
        members: group.members.iter().map(member).collect(),
        ..GroupMetadataValue::default()
    };
    encode_versioned(GROUP_METADATA_VERSION, &value)
}

fn decode_group(bytes: Bytes) -> Result<GroupMetadata, DecodeError> {
    let (_, value): (i16, GroupMetadataValue) = decode_versioned(bytes)?;
    let member = |member: WireMember| MemberMetadata {
        member_id: MemberId::from(&*member.member_id),
        group_instance_id: member.group_instance_id.map(|id| InstanceId::from(&*id)),
        client_id: member.client_id.to_string(),
        client_host: member.client_host.to_string(),
        rebalance_timeout_ms: member.rebalance_timeout,
        session_timeout_ms: member.session_timeout,
        subscription: detached(&member.subscription),
        assignment: detached(&member.assignment),
    };
    Ok(GroupMetadata {
        protocol_type: ProtocolType::from(&*value.protocol_type),
        generation: value.generation,
        protocol: value.protocol.map(|name| ProtocolName::from(&*name)),
        leader: value.leader.map(|id| MemberId::from(&*id)),
        current_state_timestamp: Some(Timestamp(value.current_state_timestamp)).filter(|at| at.0 != -1),
        members: value.members.into_iter().map(member).collect(),
    })
}

/// A copy: what is loaded lives long, and must not hold on to the whole batch it was read from.
fn detached(bytes: &Bytes) -> Bytes {
    Bytes::copy_from_slice(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::types::TopicId;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn offset() -> CommittedOffset {
        CommittedOffset {
            offset: Offset(258),
            leader_epoch: LeaderEpoch(3),
            metadata: "m".into(),
            commit_timestamp: Timestamp(1_000),
            expire_timestamp: None,
            topic_id: TopicId::ZERO,
        }
    }

    fn commit(value: Option<CommittedOffset>) -> GroupRecord {
        GroupRecord::OffsetCommit { key: offset_key("g", "t", 1), value }
    }

    #[test]
    fn an_offsets_bytes() {
        let encoded = encode(&commit(Some(offset()))).unwrap();
        // type 1 | "g" | "t" | partition 1
        assert_eq!(hex(&encoded.key), "0001000167000174".to_string() + "00000001");
        // version 4 | offset | leader epoch | compact "m" | commit timestamp | no tags
        let expected =
            "0004".to_string() + "0000000000000102" + "00000003" + "026d" + "00000000000003e8" + "00";
        assert_eq!(hex(&encoded.value.unwrap()), expected);
        let with_id = CommittedOffset { topic_id: TopicId([7; 16]), ..offset() };
        let encoded = encode(&commit(Some(with_id))).unwrap().value.unwrap();
        // One tag: number 0, 16 bytes.
        assert!(hex(&encoded).ends_with(&("01".to_string() + "00" + "10" + &"07".repeat(16))));
        assert_eq!(encode(&commit(None)).unwrap().value, None);
    }

    #[test]
    fn an_offset_that_expires_by_itself_is_version_1() {
        let expires = CommittedOffset {
            expire_timestamp: Some(Timestamp(2_000)),
            leader_epoch: LeaderEpoch::NONE,
            ..offset()
        };
        let encoded = encode(&commit(Some(expires.clone()))).unwrap();
        let expected =
            "0001".to_string() + "0000000000000102" + "0001" + "6d" + "00000000000003e8" + "00000000000007d0";
        assert_eq!(hex(encoded.value.as_ref().unwrap()), expected);
        let decoded = decode(encoded.key, encoded.value);
        assert_eq!(decoded, Ok(DecodedRecord::Ours(commit(Some(expires)))));
    }

    #[test]
    fn a_groups_bytes() {
        let record = GroupRecord::GroupMetadata {
            group: GroupId::from("g"),
            value: Some(GroupMetadata {
                protocol_type: ProtocolType::from("consumer"),
                generation: 2,
                protocol: Some(ProtocolName::from("range")),
                leader: Some(MemberId::from("a")),
                current_state_timestamp: Some(Timestamp(1_000)),
                members: vec![MemberMetadata {
                    member_id: MemberId::from("a"),
                    group_instance_id: None,
                    client_id: "c".to_string(),
                    client_host: "/h".to_string(),
                    rebalance_timeout_ms: 5,
                    session_timeout_ms: 6,
                    subscription: Bytes::from_static(b"s"),
                    assignment: Bytes::new(),
                }],
            }),
        };
        let encoded = encode(&record).unwrap();
        assert_eq!(hex(&encoded.key), "0002000167");
        let expected = "0004".to_string()
            + "09636f6e73756d6572"
            + "00000002"
            + "0672616e6765"
            + "0261"
            + "00000000000003e8"
            + "02"
            + ("0261".to_string()
                + "00"
                + "0263"
                + "032f68"
                + "00000005"
                + "00000006"
                + "0273"
                + "01"
                + "00")
                .as_str()
            + "00";
        assert_eq!(hex(encoded.value.as_ref().unwrap()), expected);
        assert_eq!(decode(encoded.key, encoded.value), Ok(DecodedRecord::Ours(record)));
    }

    #[test]
    fn records_of_old_are_read() {
        // Version 0 of a group's value: no timestamp, no rebalance timeout, no instance id.
        let key = Bytes::from_static(b"\0\x02\0\x01g");
        let value = Bytes::from_static(
            b"\0\0\0\x08consumer\0\0\0\x01\xff\xff\xff\xff\0\0\0\x01\0\x01a\0\x01c\0\x01h\0\0\0\x09\0\0\0\0\0\0\0\0",
        );
        let Ok(DecodedRecord::Ours(GroupRecord::GroupMetadata { value: Some(group), .. })) =
            decode(key, Some(value))
        else {
            panic!("a group")
        };
        assert_eq!((group.current_state_timestamp, group.protocol, group.leader), (None, None, None));
        assert_eq!((group.members[0].session_timeout_ms, group.members[0].rebalance_timeout_ms), (9, -1));
        // An offset under the key of old.
        let key = Bytes::from_static(b"\0\0\0\x01g\0\x01t\0\0\0\x01");
        let value = Bytes::from_static(b"\0\0\0\0\0\0\0\0\x01\x02\0\x01m\0\0\0\0\0\0\x03\xe8");
        let expected = CommittedOffset { leader_epoch: LeaderEpoch::NONE, ..offset() };
        assert_eq!(decode(key, Some(value)), Ok(DecodedRecord::Ours(commit(Some(expected)))));
    }

    #[test]
    fn records_of_other_kinds_of_groups_are_told_apart() {
        for record_type in 3..40i16 {
            let mut key = record_type.to_be_bytes().to_vec();
            key.extend(b"whatever");
            assert_eq!(decode(Bytes::from(key), None), Ok(DecodedRecord::Foreign { record_type }));
        }
        assert!(decode(Bytes::from_static(b"\0"), None).is_err());
        let key = encode(&commit(None)).unwrap().key;
        assert!(decode(key, Some(Bytes::from_static(b"\0\x05"))).is_err(), "a version of the future");
    }

    fn name() -> impl Strategy<Value = String> {
        "[a-zé😀]{0,6}"
    }

    fn offset_record() -> impl Strategy<Value = GroupRecord> {
        let value = (
            any::<i64>(),
            -1..100i32,
            name(),
            any::<i64>(),
            prop::option::of(0..i64::MAX),
            any::<[u8; 16]>(),
        );
        (name(), name(), any::<i32>(), prop::option::of(value)).prop_map(
            |(group, topic, partition, value)| {
                let value = value.map(|(offset, epoch, metadata, commit, expire, id)| CommittedOffset {
                    offset: Offset(offset),
                    leader_epoch: if expire.is_some() { LeaderEpoch::NONE } else { LeaderEpoch(epoch) },
                    metadata: metadata.into(),
                    commit_timestamp: Timestamp(commit),
                    expire_timestamp: expire.map(Timestamp),
                    topic_id: if expire.is_some() { TopicId::ZERO } else { TopicId(id) },
                });
                GroupRecord::OffsetCommit { key: offset_key(&group, &topic, partition), value }
            },
        )
    }

    fn group_record() -> impl Strategy<Value = GroupRecord> {
        let bytes = || prop::collection::vec(any::<u8>(), 0..20).prop_map(Bytes::from);
        let member = (name(), prop::option::of(name()), name(), any::<(i32, i32)>(), bytes(), bytes());
        let member =
            member.prop_map(|(id, instance, client, timeouts, subscription, assignment)| MemberMetadata {
                member_id: MemberId::from(id),
                group_instance_id: instance.map(InstanceId::from),
                client_host: client.clone(),
                client_id: client,
                rebalance_timeout_ms: timeouts.0,
                session_timeout_ms: timeouts.1,
                subscription,
                assignment,
            });
        let members = prop::collection::vec(member, 0..4);
        let value = (name(), any::<i32>(), prop::option::of(name()), prop::option::of(0..i64::MAX), members);
        (name(), prop::option::of(value)).prop_map(|(group, value)| GroupRecord::GroupMetadata {
            group: GroupId::from(group),
            value: value.map(|(kind, generation, protocol, since, members)| GroupMetadata {
                protocol_type: ProtocolType::from(kind),
                generation,
                leader: protocol.clone().map(MemberId::from),
                protocol: protocol.map(ProtocolName::from),
                current_state_timestamp: since.map(Timestamp),
                members,
            }),
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn records_round_trip_within_their_estimate(record in prop_oneof![offset_record(), group_record()]) {
            let encoded = encode(&record).unwrap();
            let bytes = encoded.key.len() + encoded.value.as_ref().map_or(0, Bytes::len);
            prop_assert!(bytes <= record.encoded_bytes_max(), "{bytes} bytes");
            prop_assert_eq!(decode(encoded.key, encoded.value), Ok(DecodedRecord::Ours(record)));
        }

        #[test]
        fn no_bytes_make_decoding_panic(
            kind in 0..4i16,
            key in prop::collection::vec(any::<u8>(), 0..20),
            value in prop::option::of(prop::collection::vec(any::<u8>(), 0..60)),
        ) {
            let key = [kind.to_be_bytes().to_vec(), key].concat();
            let decoded = decode(Bytes::from(key), value.map(Bytes::from));
            if let Ok(DecodedRecord::Ours(record)) = decoded {
                prop_assert!(encode(&record).is_ok());
            }
        }
    }
}
