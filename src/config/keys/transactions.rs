//! The configuration keys of producer ids and transactions: facts about Kafka 4.3 and Ordain.
use super::reasons::{MAJORITY, TXN};
use crate::config::key::key_table;

key_table! {
    pub(super) const KEYS;

    "add.partitions.to.txn.retry.backoff.max.ms": Int = Some("100"), AtLeast(0), High, ReadOnly, TXN,
        "How long the broker goes on adding a partition to a transaction while another one is ending.";
    "add.partitions.to.txn.retry.backoff.ms": Int = Some("20"), AtLeast(1), High, ReadOnly, TXN,
        "Pause before the broker tries again to add a partition to a transaction.";
    "producer.id.expiration.check.interval.ms": Int = Some("600000"), AtLeast(1), Low, Internal, Used,
        "How often forgotten producers are looked for.";
    "producer.id.expiration.ms": Int = Some("86400000"), AtLeast(1), Low, ClusterWide, Used,
        "How long a partition remembers a producer that writes nothing.";
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": Int = Some("10000"),
        AtLeast(1), Low, ReadOnly, TXN,
        "How often transactions past their timeout are aborted.";
    "transaction.max.timeout.ms": Int = Some("900000"), AtLeast(1), High, ReadOnly, TXN,
        "Longest timeout that a transaction may ask for.";
    "transaction.partition.verification.enable": Boolean = Some("true"), Any, Low, ClusterWide, TXN,
        "Whether a transactional write is checked against the open transaction.";
    "transaction.remove.expired.transaction.cleanup.interval.ms": Int = Some("3600000"),
        AtLeast(1), Low, ReadOnly, TXN,
        "How often expired transactional ids are removed.";
    "transaction.state.log.load.buffer.size": Int = Some("5242880"), AtLeast(1), High, ReadOnly, TXN,
        "Bytes read at once while transaction state is loaded into memory.";
    "transaction.state.log.min.isr": Int = Some("2"), AtLeast(1), High, ReadOnly, MAJORITY,
        "Replicas that have to hold a record of transaction state.";
    "transaction.state.log.num.partitions": Int = Some("50"), AtLeast(1), High, ReadOnly, TXN,
        "Partitions of the topic that holds transaction state; not to be changed later.";
    "transaction.state.log.replication.factor": Short = Some("3"), AtLeast(1), High, ReadOnly, TXN,
        "Replicas of the topic that holds transaction state.";
    "transaction.state.log.segment.bytes": Int = Some("104857600"), AtLeast(1), High, ReadOnly, TXN,
        "Segment size of the topic that holds transaction state.";
    "transaction.two.phase.commit.enable": Boolean = Some("false"), Any, Low, ReadOnly, TXN,
        "Whether clients may take part in two-phase commits.";
    "transactional.id.expiration.ms": Int = Some("604800000"), AtLeast(1), High, ReadOnly, TXN,
        "How long an idle transactional id is remembered.";
}
