//! The bytes that members give each other through the coordinator: a version, then a message of the schema.
use std::collections::BTreeSet;

use bytes::Bytes;

use crate::client::metadata::TopicPartition;
use crate::wire::messages::consumer_protocol_assignment::TopicPartition as AssignedTopic;
use crate::wire::messages::{ConsumerProtocolAssignment, ConsumerProtocolSubscription};
use crate::wire::{DecodeError, Message, Reader, Text, Writer};

/// The version this client writes; later ones add what only cooperative assignors need.
const VERSION: i16 = 0;

pub(in crate::client) fn write_subscription(topics: &[String]) -> Bytes {
    let subscription = ConsumerProtocolSubscription {
        topics: topics.iter().map(|topic| Text::from(topic.as_str())).collect(),
        ..ConsumerProtocolSubscription::default()
    };
    write(&subscription)
}

/// The topics a member wants.
pub(in crate::client) fn read_subscription(bytes: &Bytes) -> Result<Vec<String>, DecodeError> {
    let subscription: ConsumerProtocolSubscription = read(bytes)?;
    Ok(subscription.topics.iter().map(ToString::to_string).collect())
}

pub(in crate::client) fn write_assignment(partitions: &BTreeSet<TopicPartition>) -> Bytes {
    let mut topics: Vec<AssignedTopic> = Vec::new();
    for at in partitions {
        match topics.last_mut().filter(|topic| *topic.topic == *at.topic) {
            Some(topic) => topic.partitions.push(at.partition.0),
            None => topics.push(AssignedTopic {
                topic: Text::from(at.topic.as_str()),
                partitions: vec![at.partition.0],
            }),
        }
    }
    write(&ConsumerProtocolAssignment {
        assigned_partitions: topics,
        ..ConsumerProtocolAssignment::default()
    })
}

/// The partitions a member was given; none where the bytes are empty.
pub(in crate::client) fn read_assignment(bytes: &Bytes) -> Result<BTreeSet<TopicPartition>, DecodeError> {
    if bytes.is_empty() {
        return Ok(BTreeSet::new());
    }
    let assignment: ConsumerProtocolAssignment = read(bytes)?;
    let partitions = assignment.assigned_partitions.iter().flat_map(|topic| {
        topic.partitions.iter().map(|index| TopicPartition::new(topic.topic.to_string(), *index))
    });
    Ok(partitions.collect())
}

fn write<M: Message>(message: &M) -> Bytes {
    let mut w = Writer::new();
    w.i16(VERSION);
    message.encode(&mut w, VERSION).expect("version 0 carries lists of names and numbers");
    w.into_bytes()
}

/// A newer version may have more fields at its end; they are left.
fn read<M: Message>(bytes: &Bytes) -> Result<M, DecodeError> {
    let mut r = Reader::new(bytes.clone());
    r.begin::<M>(VERSION)?;
    let version = r.i16("Version")?;
    M::decode(&mut r, version.min(M::VERSIONS.max))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subscriptions_and_assignments_survive() {
        let topics = vec!["b".to_owned(), "a".to_owned()];
        assert_eq!(read_subscription(&write_subscription(&topics)).unwrap(), topics);
        let partitions = BTreeSet::from([
            TopicPartition::new("a", 2),
            TopicPartition::new("a", 0),
            TopicPartition::new("b", 1),
        ]);
        assert_eq!(read_assignment(&write_assignment(&partitions)).unwrap(), partitions);
        assert_eq!(read_assignment(&Bytes::new()).unwrap(), BTreeSet::new());
        assert!(read_assignment(&Bytes::from_static(&[0, 0, 127])).is_err());
    }

    #[test]
    fn subscriptions_are_the_bytes_of_other_clients() {
        assert_eq!(
            &write_subscription(&["t".to_owned()])[..],
            [0, 0, 0, 0, 0, 1, 0, 1, b't', 255, 255, 255, 255]
        );
    }
}
