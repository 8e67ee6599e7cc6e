//! A node's partitions over a disk in memory: what tests of that which stands on partitions run on.
#![allow(clippy::missing_panics_doc, clippy::expect_used, reason = "a test that cannot be set up panics")]
use super::{PartitionSpec, Partitions, start_shards};
use crate::io::Io;
use crate::log::testing::{TestDisk, TestRandom, TestRuntime, test_io};
use crate::log::{LogConfig, Storage, StorageOptions};
use crate::raft::VoterSet;
use crate::types::{NodeId, PartitionId};

pub use crate::log::testing::TestFault;

/// One life of a node, from its start to its loss of power.
pub struct TestNode {
    pub runtime: TestRuntime,
    pub io: Io,
    pub partitions: Partitions,
    disk: TestDisk,
    /// Its tasks end with it.
    _storage: Storage,
}

impl TestNode {
    /// The node's number.
    pub const ID: NodeId = NodeId(1);

    /// A node with an empty disk.
    #[must_use]
    pub fn new() -> TestNode {
        TestNode::start(TestDisk::new())
    }

    fn start(disk: TestDisk) -> TestNode {
        let runtime = TestRuntime::new();
        let io = test_io(&runtime, &disk, 42);
        let options =
            StorageOptions { journal_file_bytes: 4 << 20, journal_files: 4, ..StorageOptions::default() };
        let opened = Storage::open(io.clone(), options, |_| LogConfig::default());
        let (storage, logs, _) = runtime.block_on(opened).expect("the disk holds what was written");
        let started = async { start_shards(&io, TestNode::ID, &storage, logs, 2) };
        let partitions = runtime.block_on(started);
        TestNode { runtime, io, partitions, disk, _storage: storage }
    }

    /// Creates a partition, or takes up its log, with this node as its only replica.
    pub fn open(&self, id: PartitionId) {
        let spec = PartitionSpec {
            id,
            topic: "t".into(),
            voters: VoterSet::new([TestNode::ID]),
            config: LogConfig::default(),
        };
        self.runtime.block_on(self.partitions.create(vec![spec])).expect("the partition is created");
    }

    /// What the disk does wrong from now on.
    pub fn inject(&self, fault: TestFault) {
        self.disk.inject(fault);
    }

    /// The node's disk, to look at it and to damage it.
    #[must_use]
    pub fn disk(&self) -> &TestDisk {
        &self.disk
    }

    /// The next life, after a loss of power; partitions are to be opened again.
    #[must_use]
    pub fn lose_power(self) -> TestNode {
        TestNode::start(self.disk.lose_power(&mut TestRandom(7)))
    }
}

impl Default for TestNode {
    fn default() -> Self {
        TestNode::new()
    }
}
