use super::listed;

listed! {
    /// A mistake that a careful author makes on a bad day. Each is planted at the place where it would be made; which
    /// checker finds it, and after how many seeds, stands in `docs/mutants.md`.
    pub enum Mutant {
        /// a commit of the journal is acknowledged before it is durable
        AcknowledgeBeforeSync = "acknowledge-before-sync",
        /// a commit whose write or sync failed counts as durable
        IgnoreFailedSync = "ignore-failed-sync",
        /// a failed sync is tried again, and the second answer believed
        RetryFailedSync = "retry-failed-sync",
        /// after the journal's failure a shard goes on acknowledging
        AcknowledgeAfterFailure = "acknowledge-after-failure",
        /// an append that takes two commits is acknowledged after the first
        AcknowledgeHalfAppend = "acknowledge-half-append",
        /// a commit begins in the last block of the one before
        OverwriteCommitTail = "overwrite-commit-tail",
        /// recovery takes what the journal holds without looking at checksums
        SkipCrcOnRecovery = "skip-crc-on-recovery",
        /// recovery takes a damaged commit in the middle for the journal's torn end
        TruncateAtCorruptCommit = "truncate-at-corrupt-commit",
        /// at the start the log is cut back to the high watermark that the checkpoint remembers
        TruncateToWatermark = "truncate-to-watermark",
        /// the journal is trimmed before the checkpoint that allows it is written
        TrimBeforeCheckpoint = "trim-before-checkpoint",
        /// the checkpoint lets go of journal entries that are in no segment yet
        CheckpointForgetsTails = "checkpoint-forgets-tails",
        /// the files of a dropped segment are removed while the checkpoint still names them
        RemoveSegmentBeforeCheckpoint = "remove-segment-before-checkpoint",
        /// a segment is removed while a slow reader holds it, and the reader is not told
        RemoveSegmentUnderReader = "remove-segment-under-reader",
        /// a segment that a flush is adding to is dropped when the log's start moves beyond what is known of it
        DropSegmentUnderFlush = "drop-segment-under-flush",
        /// segments are not synced before the checkpoint names them
        SegmentsNotSynced = "segments-not-synced",
        /// the names of new segment files are not made durable
        NamesNotSynced = "names-not-synced",
        /// some writes of a segment end up a byte too far
        SegmentOffByOne = "segment-off-by-one",
        /// a search by time begins one row of the time index too late
        TimeIndexOffByOne = "time-index-off-by-one",
        /// a fetch inside a batch begins with the batch after it
        BatchAfterOffset = "batch-after-offset",
        /// a fetch that waits is answered when the first record comes, however many bytes it wants
        AnswerFetchEarly = "answer-fetch-early",
        /// readers are given records that are not committed
        ReadUncommitted = "read-uncommitted",
        /// a repeated batch is acknowledged while the original is still on its way to the disk
        AcknowledgeDuplicateAtOnce = "acknowledge-duplicate-at-once",
        /// a block of producer ids is given out without a record of it
        ReuseProducerIds = "reuse-producer-ids",
        /// what is known of producers is lost at a restart
        ForgetProducersAtRestart = "forget-producers-at-restart",
        /// of a producer's last five batches one is remembered
        RememberOneBatch = "remember-one-batch",
        /// an offset commit is answered before its record is durable
        CommitBeforeDurable = "commit-before-durable",
        /// the record of a group tells the generation before
        GenerationNotPersisted = "generation-not-persisted",
        /// where a log begins after DeleteRecords is in memory only
        LogStartNotPersisted = "log-start-not-persisted",
        /// compaction drops the last value of a key instead of the one before
        CompactionDropsLatest = "compaction-drops-latest",
        /// compaction drops tombstones at once, whatever delete.retention.ms says
        TombstonesDroppedEarly = "tombstones-dropped-early",
        /// retention.ms=-1 is taken for a limit
        RetentionForgetsForever = "retention-forgets-forever",
    }
}
