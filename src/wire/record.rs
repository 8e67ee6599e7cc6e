//! Messages that are not requests: keys and values of the coordinators' records, what consumers send each
//! other, and the metadata log's records.
//!
//! A key is its record's type (two bytes) and the message in its only version; a value, a subscription or an
//! assignment is its version (two bytes) and the message. A metadata record is three varints (the framing's
//! version, the record's type, its version) and the message, as in Kafka's metadata log.
use bytes::Bytes;

use super::codec::{DecodeError, EncodeError, Malformed, Message, Reader, Writer};
use super::messages::{
    AbortTransactionRecord, BeginTransactionRecord, BrokerChangeRecord, ClusterRecord, ConfigRecord,
    EndTransactionRecord, FeatureLevelRecord, PartitionChangeRecord, PartitionReassignmentRecord,
    PartitionRecord, ProducerIdsRecord, QuorumRecord, RegisterBrokerRecord, RemoveBrokerRecord,
    RemoveTopicRecord, TopicRecord,
};

/// A message whose number tells what kind of record it belongs to.
pub trait RecordKey: Message {
    const TYPE: i16;
}

/// The bytes of a record's key.
///
/// # Errors
/// As [`Message::encode`].
pub fn encode_key<K: RecordKey>(key: &K) -> Result<Bytes, EncodeError> {
    let mut w = Writer::new();
    w.i16(K::TYPE);
    key.encode(&mut w, K::VERSIONS.min)?;
    Ok(w.into_bytes())
}

/// The type of the record that `key` belongs to, to be compared with [`RecordKey::TYPE`].
///
/// # Errors
/// Fewer than two bytes.
pub fn record_type(key: &Bytes) -> Result<i16, DecodeError> {
    Reader::new(key.clone()).i16("(record type)")
}

/// Reads a record's key.
///
/// # Errors
/// A key of another type, or malformed bytes.
pub fn decode_key<K: RecordKey>(key: Bytes) -> Result<K, DecodeError> {
    let mut r = Reader::new(key);
    r.begin::<K>(K::VERSIONS.min)?;
    let found = r.i16("(record type)")?;
    if found != K::TYPE {
        return Err(r.error("(record type)", Malformed::WrongRecordType { found, wanted: K::TYPE }));
    }
    let key = K::decode(&mut r, K::VERSIONS.min)?;
    r.finish()?;
    Ok(key)
}

/// The bytes of a record's value, a subscription or an assignment: the version and the message.
///
/// # Errors
/// As [`Message::encode`].
pub fn encode_versioned<M: Message>(version: i16, message: &M) -> Result<Bytes, EncodeError> {
    let mut w = Writer::new();
    w.i16(version);
    message.encode(&mut w, version)?;
    Ok(w.into_bytes())
}

/// Reads a version and the message in it.
///
/// # Errors
/// A version outside the schema, or malformed bytes.
pub fn decode_versioned<M: Message>(bytes: Bytes) -> Result<(i16, M), DecodeError> {
    let mut r = Reader::new(bytes);
    r.begin::<M>(M::VERSIONS.min)?;
    let version = r.i16("(version)")?;
    let message = M::decode(&mut r, version)?;
    r.finish()?;
    Ok((version, message))
}

/// As [`decode_versioned`], but a newer version is read as the newest known one and what follows it is left:
/// consumers' subscriptions and assignments grow only at their end.
///
/// # Errors
/// A version below the schema's, or malformed bytes.
pub fn decode_growing<M: Message>(bytes: Bytes) -> Result<(i16, M), DecodeError> {
    let mut r = Reader::new(bytes);
    r.begin::<M>(M::VERSIONS.min)?;
    let version = r.i16("(version)")?;
    let message = M::decode(&mut r, version.min(M::VERSIONS.max))?;
    Ok((version, message))
}

/// The version of the framing around metadata records.
const FRAMING_VERSION: u32 = 1;

macro_rules! metadata_records {
    ($($name:ident($message:ident),)*) => {
        /// A record of the metadata log.
        #[derive(Debug, Clone, PartialEq)]
        pub enum MetadataRecord {
            $($name($message),)*
        }

        impl MetadataRecord {
            /// The bytes of the record's value, in the newest version.
            ///
            /// # Errors
            /// As [`Message::encode`].
            pub fn encode(&self) -> Result<Bytes, EncodeError> {
                match self {
                    $(MetadataRecord::$name(record) => encode_framed(record),)*
                }
            }

            /// Reads a record's value.
            ///
            /// # Errors
            /// An unknown framing, type or version, or malformed bytes.
            pub fn decode(value: Bytes) -> Result<MetadataRecord, DecodeError> {
                let mut r = Reader::new(value);
                let found = r.uvarint("(framing version)")?;
                if found != FRAMING_VERSION {
                    let problem = Malformed::UnknownFraming { found, known: FRAMING_VERSION };
                    return Err(r.error("(framing version)", problem));
                }
                let record_type = i64::from(r.uvarint("(record type)")?);
                let version = r.uvarint("(record version)")?;
                let version = i16::try_from(version).unwrap_or(i16::MAX);
                let record = $(if record_type == i64::from($message::TYPE) {
                    MetadataRecord::$name($message::decode(&mut r, version)?)
                } else)* {
                    return Err(r.error("(record type)", Malformed::UnknownRecordType { found: record_type }));
                };
                r.finish()?;
                Ok(record)
            }
        }

        $(impl From<$message> for MetadataRecord {
            fn from(record: $message) -> MetadataRecord {
                MetadataRecord::$name(record)
            }
        })*
    };
}
metadata_records! {
    RegisterBroker(RegisterBrokerRecord),
    Cluster(ClusterRecord),
    Topic(TopicRecord),
    Partition(PartitionRecord),
    RemoveTopic(RemoveTopicRecord),
    Config(ConfigRecord),
    ProducerIds(ProducerIdsRecord),
    FeatureLevel(FeatureLevelRecord),
    BrokerChange(BrokerChangeRecord),
    PartitionChange(PartitionChangeRecord),
    RemoveBroker(RemoveBrokerRecord),
    PartitionReassignment(PartitionReassignmentRecord),
    Quorum(QuorumRecord),
    BeginTransaction(BeginTransactionRecord),
    EndTransaction(EndTransactionRecord),
    AbortTransaction(AbortTransactionRecord),
}

fn encode_framed<M: RecordKey>(record: &M) -> Result<Bytes, EncodeError> {
    let mut w = Writer::new();
    w.uvarint(FRAMING_VERSION);
    w.uvarint(u32::from(M::TYPE.unsigned_abs()));
    w.uvarint(u32::from(M::VERSIONS.max.unsigned_abs()));
    record.encode(&mut w, M::VERSIONS.max)?;
    Ok(w.into_bytes())
}
