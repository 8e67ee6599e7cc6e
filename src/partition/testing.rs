//! A node's partitions over a disk in memory: what tests of that which stands on partitions run on.
#![allow(clippy::missing_panics_doc, clippy::expect_used, reason = "a test that cannot be set up panics")]
use std::sync::Arc;

use super::{Maintenance, PartitionError, PartitionSpec, Partitions, start_shards};
use crate::config::{Inputs, LiveConfig, load};
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
    options: StorageOptions,
    /// Its tasks end with it.
    storage: Storage,
}

impl TestNode {
    /// The node's number.
    pub const ID: NodeId = NodeId(1);

    /// A node with an empty disk.
    #[must_use]
    pub fn new() -> TestNode {
        TestNode::with_options(StorageOptions {
            journal_file_bytes: 4 << 20,
            journal_files: 4,
            ..StorageOptions::default()
        })
    }

    /// A node with an empty disk and two shards.
    #[must_use]
    pub fn with_options(options: StorageOptions) -> TestNode {
        TestNode::start(TestDisk::new(), options)
    }

    fn start(disk: TestDisk, options: StorageOptions) -> TestNode {
        let runtime = TestRuntime::new();
        let io = test_io(&runtime, &disk, 42);
        let opened = Storage::open(io.clone(), NodeId(1), options.clone(), |_| LogConfig::default());
        let (storage, logs, _) = runtime.block_on(opened).expect("the disk holds what was written");
        let started = async { start_shards(&io, TestNode::ID, &storage, logs, 2) };
        let partitions = runtime.block_on(started);
        TestNode { runtime, io, partitions, disk, options, storage }
    }

    /// What its partitions stand on.
    #[must_use]
    pub fn storage(&self) -> &Storage {
        &self.storage
    }

    /// Starts to move batches to segments and to write checkpoints. With `settings` (`key=value`), else as by default.
    #[must_use]
    pub fn maintain(&self, settings: &[&str]) -> Maintenance {
        let fixed = ["listeners=PLAINTEXT://127.0.0.1:0", "node.id=1"];
        let overrides: Vec<String> = fixed.iter().chain(settings).map(ToString::to_string).collect();
        let inputs = Inputs { file: None, environment: &[], overrides: &overrides };
        let config = load(&inputs, None).expect("the configuration is right").broker;
        let live = Arc::new(LiveConfig::new(Arc::new(config)));
        Maintenance::start(&self.io, self.partitions.clone(), self.storage.clone(), live)
    }

    /// Creates a partition, or takes up its log, with this node as its only replica.
    pub fn open(&self, id: PartitionId) {
        self.runtime.block_on(self.open_soon(id)).expect("the partition is created");
    }

    /// As [`TestNode::open`], for whoever does something meanwhile.
    ///
    /// # Errors
    /// If the journal failed.
    pub async fn open_soon(&self, id: PartitionId) -> Result<(), PartitionError> {
        let spec = PartitionSpec {
            id,
            topic: "t".into(),
            voters: VoterSet::new([TestNode::ID]),
            assignment: None,
            lone: true,
            config: LogConfig::default(),
        };
        self.partitions.create(vec![spec]).await
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
        TestNode::start(self.disk.lose_power(&mut TestRandom(7)), self.options)
    }
}

impl Default for TestNode {
    fn default() -> Self {
        TestNode::new()
    }
}
