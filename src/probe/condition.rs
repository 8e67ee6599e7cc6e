use super::listed;

listed! {
    /// A rare state that is worth nothing if no run ever comes to it. The list with what each means stands in
    /// `docs/conditions.md`.
    pub enum Condition {
        /// recovery cut a torn commit at the journal's end
        TornTailCut = "torn-tail-cut",
        /// recovery replayed the journal over more than one file
        JournalReplayedOverFiles = "journal-replayed-over-files",
        /// recovery found damage that it could lay to single logs
        JournalDamageAttributed = "journal-damage-attributed",
        /// the vouch file alone told that a commit had been durable
        VouchWasTheEvidence = "vouch-was-the-evidence",
        /// a journal file was used a second time
        JournalFileRecycled = "journal-file-recycled",
        /// the journal was full, and a commit waited for a checkpoint
        JournalFull = "journal-full",
        /// a write or a sync failed in a commit for which several appends waited
        SyncFailedInGroupCommit = "sync-failed-in-group-commit",
        /// the entries of one append took more than one commit
        AppendSplitOverCommits = "append-split-over-commits",
        /// a turn of a shard gathered so much that it gave it to the journal in parts
        TurnInParts = "turn-in-parts",
        /// a large batch was written to its segment alone, and named in the journal
        BatchPlaced = "batch-placed",
        /// the write of a large batch to its segment failed, and it went to the journal as a whole
        PlacedWriteFailed = "placed-write-failed",
        /// recovery read a batch that the journal only names from its segment
        PlacedBatchReplayed = "placed-batch-replayed",
        /// a segment was ended in front of batches that stand in its file: they went to the next one
        SegmentClosedBehindPlaces = "segment-closed-behind-places",
        /// batches that wait to be committed were written to the journal anew, and it let go of their former entries
        ReplicaBatchesCarriedOver = "replica-batches-carried-over",
        /// a batch that is not committed came back from the entry that was written anew
        ReplicaCarriedBatchReplayed = "replica-carried-batch-replayed",
        /// of the two copies of the checkpoint the second was used
        CheckpointCopyUsed = "checkpoint-copy-used",
        /// a crash came between the two copies of a checkpoint
        CheckpointCopiesDiffered = "checkpoint-copies-differed",
        /// recovery cut a segment file back to what the checkpoint says
        SegmentCutBack = "segment-cut-back",
        /// a segment was ended because it was full
        SegmentRolledBySize = "segment-rolled-by-size",
        /// a failed sync of a segment made the next batches go to a new one
        SegmentSealedByFailedSync = "segment-sealed-by-failed-sync",
        /// a flush succeeded that had found the disk full before
        DiskFullThenFlushed = "disk-full-then-flushed",
        /// a flush ended after its log had been deleted
        FlushOfDeletedLog = "flush-of-deleted-log",
        /// a read began in the segments although newer records were in memory alone
        ReadCrossedToMemory = "read-crossed-to-memory",
        /// a fetch began inside a batch that was in memory
        FetchInsideBatchInMemory = "fetch-inside-batch-in-memory",
        /// a fetch began inside a batch that was in a segment
        FetchInsideBatchInSegment = "fetch-inside-batch-in-segment",
        /// a segment was removed while somebody was reading it
        SegmentGoneUnderReader = "segment-gone-under-reader",
        /// a reader went on where it had stopped, and was given what had been read ahead of it
        ReadAheadServed = "read-ahead-served",
        /// what was read ahead of a reader could not be read, and was read again when it was asked for
        ReadAheadFailed = "read-ahead-failed",
        /// a segment was removed of which something had been read ahead
        ReadAheadOfRemovedSegment = "read-ahead-of-removed-segment",
        /// what had been read ahead was let go, because nobody came for it
        ReadAheadUnused = "read-ahead-unused",
        /// an index led astray, and the segment was walked from its start
        IndexIgnored = "index-ignored",
        /// segments left a log because it begins behind them now
        SegmentsDropped = "segments-dropped",
        /// retention moved a log's start
        RetentionMovedStart = "retention-moved-start",
        /// a repeated batch was recognised
        DuplicateRecognised = "duplicate-recognised",
        /// a repeated batch was recognised whose original had been written before a restart
        DuplicateRecognisedAfterRecovery = "duplicate-recognised-after-recovery",
        /// a repeated batch came while the original was still on its way to the disk
        DuplicateBeforeDurable = "duplicate-before-durable",
        /// a snapshot with producers in it was loaded
        ProducerSnapshotLoaded = "producer-snapshot-loaded",
        /// an append was held back for want of memory
        AppendHeldForMemory = "append-held-for-memory",
        /// a compaction took the place of what it had read
        CompactionReplaced = "compaction-replaced",
        /// a compaction was thrown away because the log's start had moved
        CompactionDiscarded = "compaction-discarded",
        /// recovery removed what a compaction had left that a crash interrupted
        CompactionInterrupted = "compaction-interrupted",
        /// groups were loaded that had members
        GroupLoadedWithMembers = "group-loaded-with-members",
        /// a member came with a generation that a restart had lost: a rebalance met it
        RebalanceMetRestart = "rebalance-met-restart",
        /// a static member took the place of its earlier self
        StaticMemberReplaced = "static-member-replaced",
        /// a member's session expired
        MemberExpired = "member-expired",
        /// answers of a coordinator waited for a write that failed
        CoordinatorWriteFailed = "coordinator-write-failed",
        /// what a leader sent was held back for want of memory or of room in the journal
        ReplicaRowsHeld = "replica-rows-held",
        /// a leader read segments for a follower that was far behind
        ReplicaReadSegments = "replica-read-segments",
        /// a follower cut off what its leader does not have
        ReplicaTruncated = "replica-truncated",
        /// a follower began anew at its leader's log start
        ReplicaReset = "replica-reset",
        /// a voter that had lost what it held was replaced by the one in its place
        ReplicaReplaced = "replica-replaced",
        /// a leader stepped down with appends that were not committed
        ReplicaResigned = "replica-resigned",
        /// a deletion of records waited for a majority of the replicas
        ReplicaStartsWaited = "replica-starts-waited",
        /// a node counted as silent as soon as nothing listened where it did
        ClusterPeerGone = "cluster-peer-gone",
        /// a node said that it leads no longer what the metadata named it the leader of, and nobody else does
        ClusterLeaderDenied = "cluster-leader-denied",
        /// a client that asked who leads was answered once a node in doubt led no more
        ClusterLeaderAwaited = "cluster-leader-awaited",
        /// an append waited for who follows a leader that handed over
        ClusterAppendParked = "cluster-append-parked",
        /// what a replica could not read any more came from another one, and its segment was written again
        ClusterSegmentRepaired = "cluster-segment-repaired",
        /// an append was committed before as many replicas held it as min.insync.replicas says
        ClusterAwaitedReplicas = "cluster-awaited-replicas",
        /// a request that a node had sent to the active controller was sent again to another one
        ClusterAskedAnotherController = "cluster-asked-another-controller",
        /// a controller ceased to lead while a change of the metadata was under way
        ClusterChangeLostController = "cluster-change-lost-controller",
        /// a change of the metadata took several batches
        ClusterChangeOfSeveralBatches = "cluster-change-of-several-batches",
        /// a controller gave up a change that was cut off in the middle
        ClusterChangeGivenUp = "cluster-change-given-up",
        /// a follower gave a consumer records
        ClusterFollowerServed = "cluster-follower-served",
        /// a node that a person drains led nothing that another one could lead
        ClusterDrained = "cluster-drained",
        /// a node whose disk is slow led nothing that another one could lead
        ClusterSlowHandedOver = "cluster-slow-handed-over",
        /// a node ceased to coordinate groups with members, and lived on
        ClusterCoordinatorMoved = "cluster-coordinator-moved",
        /// a node that is no broker was the active controller, and registered another one
        ClusterLedByController = "cluster-led-by-controller",
        /// a broker registered while another one was fenced
        ClusterJoinedWhileFenced = "cluster-joined-while-fenced",
        /// a broker registered that was not known, of a cluster that had topics already
        ClusterJoinedLater = "cluster-joined-later",
        /// a partition that was reassigned came to have a voter on a node that is no founder of the cluster
        ClusterNewcomerVotes = "cluster-newcomer-votes",
        /// a broker was unregistered that was fenced and a replica of nothing, of a cluster that had topics
        ClusterUnregistered = "cluster-unregistered",
        /// a voter of the metadata log that had lost what it held was replaced by the one in its place
        ClusterVoterReplaced = "cluster-voter-replaced",
        /// a voter left for one that a reassignment had brought
        ReassignVoterLeft = "cluster-reassign-voter-left",
        /// a leader left the voters by a reassignment
        ReassignLeaderLeft = "cluster-reassign-leader-left",
        /// a node removed its replica after a reassignment
        ReassignReplicaDeleted = "cluster-reassign-replica-deleted",
        /// a reassignment was taken back that had been begun
        ReassignTakenBack = "cluster-reassign-taken-back",
        /// a voter of the metadata log was added or removed because somebody asked for it
        ClusterVotersChanged = "cluster-voters-changed",
        /// a node took the metadata over from another one's snapshot
        ClusterSnapshotTaken = "cluster-snapshot-taken",
        /// a node started although its disk had lost a part of the metadata that the others have
        ClusterMetadataMissing = "cluster-metadata-missing",
        /// the nodes were in two groups of two or more, between which nothing passed either way
        ClusterSplit = "cluster-split",
        /// a node heard none of the other nodes, and all of them heard it
        ClusterDeafNode = "cluster-deaf-node",
        /// a node was heard by none of the other nodes, and heard all of them
        ClusterMuteNode = "cluster-mute-node",
        /// two disks of one cluster lost what they held, or a part of it
        ClusterTwoDisksLost = "cluster-two-disks-lost",
    }
}
