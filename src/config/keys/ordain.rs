//! The keys that only Ordain has; all begin with `ordain.`.
use crate::config::key::key_table;

key_table! {
    pub(super) const KEYS;

    "ordain.admin.listener": Text = Some("127.0.0.1:9644"), Any, Medium, ReadOnly, Used,
        "Address for metrics and health over HTTP, as host:port; empty opens none.";
    "ordain.broker.drain": Boolean = Some("false"), Any, Medium, PerBroker, Used,
        "Whether this broker leads nothing and gets no new replicas, as far as others can; `ordain cluster drain` sets it.";
    "ordain.direct.io": Text = Some("auto"), OneOf(&["auto", "on", "off"]), Medium, ReadOnly, Used,
        "Whether files are written past the page cache; auto tries, and falls back where the disk refuses.";
    "ordain.fetch.memory.bytes": Long = Some("268435456"), AtLeast(1_048_576), Medium, ReadOnly, Used,
        "Memory for records on their way to consumers; where it is short, each fetch is answered with less, and slow readers are let go.";
    "ordain.insecure": Boolean = Some("false"), Any, High, ReadOnly, Used,
        "Says aloud that listeners may be reached from other machines although nothing is authenticated.";
    "ordain.journal.file.bytes": Long = Some("67108864"), Between(65_536, 4_294_967_296), Medium, ReadOnly, Used,
        "Size of one preallocated journal file; a multiple of 4096.";
    "ordain.journal.files": Int = Some("8"), Between(2, 1024), Medium, ReadOnly, Used,
        "How many journal files there are; with their size they bound the time of a recovery.";
    "ordain.large.batch.bytes": Int = Some("262144"), AtLeast(8_192), Medium, ReadOnly, Used,
        "From how many bytes on a batch of a partition with one replica is written once, to its segment, and only named in the journal.";
    "ordain.shards": Int = Some("0"), Between(0, 1024), Medium, ReadOnly, Used,
        "How many tasks own the partitions; 0 takes one for each thread that serves: one per two cores.";
    "ordain.shutdown.timeout.ms": Long = Some("30000"), AtLeast(0), Medium, ReadOnly, Used,
        "How long a stopping node waits for the requests in flight.";
    "ordain.tail.memory.bytes": Long = Some("268435456"), AtLeast(65_536), Medium, ReadOnly, Used,
        "Memory for the newest records of all partitions, from which consumers at the end are served.";
}
