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
        /// a part of a shard's turn is acknowledged when the part before it is durable
        AcknowledgeWithPartBefore = "acknowledge-with-part-before",
        /// the journal names a large batch before its blocks are durable
        NamePlacedBeforeWritten = "name-placed-before-written",
        /// the journal names a large batch whose blocks could not be written
        NamePlacedAfterFailure = "name-placed-after-failure",
        /// a flush relies on blocks that could not be written
        FlushIgnoresFailedPlaces = "flush-ignores-failed-places",
        /// a large batch is placed in a segment that no checkpoint names yet
        PlaceInUnnamedSegment = "place-in-unnamed-segment",
        /// a start cuts a segment to what the checkpoint says although the journal names what stands behind
        CutPlacesAtStart = "cut-places-at-start",
        /// a start keeps the last closed segment for a batch that the journal names in an earlier one
        KeepLastClosedSegment = "keep-last-closed-segment",
        /// a commit begins in the last block of the one before
        OverwriteCommitTail = "overwrite-commit-tail",
        /// recovery takes what the journal holds without looking at checksums
        SkipCrcOnRecovery = "skip-crc-on-recovery",
        /// recovery takes a damaged commit in the middle for the journal's torn end
        TruncateAtCorruptCommit = "truncate-at-corrupt-commit",
        /// at the start the log is cut back to the high watermark that the checkpoint remembers
        TruncateToWatermark = "truncate-to-watermark",
        /// a start builds on the journal's last commit before that is durable
        JournalNotSettled = "journal-not-settled",
        /// the journal is trimmed before the checkpoint that allows it is written
        TrimBeforeCheckpoint = "trim-before-checkpoint",
        /// the checkpoint lets go of journal entries that are in no segment yet
        CheckpointForgetsTails = "checkpoint-forgets-tails",
        /// of the batches that are written to the journal anew the first durable one is taken for all
        ReplicaReliesOnHalfCarried = "replica-relies-on-half-carried",
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
        /// names of segment files that a failed sync may have lost are relied on by the next attempt
        NamesNotMadeAnew = "names-not-made-anew",
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
        /// compaction drops the headers of the records that it keeps
        CompactionDropsHeaders = "compaction-drops-headers",
        /// where compaction takes a batch's first record, the times of the others shift to that of the first one left
        CompactionShiftsTimestamps = "compaction-shifts-timestamps",
        /// retention.ms=-1 is taken for a limit
        RetentionForgetsForever = "retention-forgets-forever",
        /// of the appends that were held back the last is taken first
        ReleaseHeldBackwards = "release-held-backwards",
        /// retention by size takes the segment, too, in which what is to be kept begins
        RetentionTakesOneMore = "retention-takes-one-more",
        /// a produced batch that holds more than the records it counts is taken
        TakeLeftOverRecords = "take-left-over-records",
        /// a committed offset is taken for the last record that was consumed, and the one behind it is kept
        CommitOneTooFar = "commit-one-too-far",
        /// a replica answers that it votes before its vote is durable
        ReplicaGrantBeforeDurable = "replica-grant-before-durable",
        /// a candidate asks for votes before its own is durable
        ReplicaAskBeforeDurable = "replica-ask-before-durable",
        /// a replica forgets at a restart whom it voted for
        ReplicaForgetVote = "replica-forget-vote",
        /// a second candidate of one epoch gets a vote, too
        ReplicaVoteTwice = "replica-vote-twice",
        /// votes are given whatever the candidate's log
        ReplicaVoteWithoutLook = "replica-vote-without-look",
        /// votes compare end offsets alone, as if an epoch start were nothing
        ReplicaVoteByOffset = "replica-vote-by-offset",
        /// a granted vote counts each time it comes
        ReplicaCountVoteTwice = "replica-count-vote-twice",
        /// a follower's position counts for its neighbour, too
        ReplicaCountFollowerTwice = "replica-count-follower-twice",
        /// a follower counts with what it holds, durable or not
        ReplicaCountUndurable = "replica-count-undurable",
        /// the high watermark is the upper median instead of a majority's position
        ReplicaMedianWatermark = "replica-median-watermark",
        /// positions of older epochs are committed without an entry of the leader's own
        ReplicaCommitOldEpoch = "replica-commit-old-epoch",
        /// a follower takes its leader's high watermark beyond its own log's end
        ReplicaWatermarkBeyondEnd = "replica-watermark-beyond-end",
        /// a leader looks at a fetch's offset alone, not at its epoch
        ReplicaFetchIgnoresEpoch = "replica-fetch-ignores-epoch",
        /// a follower cuts its log to its high watermark when it finds a new leader
        ReplicaTruncateToWatermark = "replica-truncate-to-watermark",
        /// a follower cuts off one record more than diverged
        ReplicaCutTooMuch = "replica-cut-too-much",
        /// a follower takes a reply to an earlier fetch
        ReplicaTakeStaleReply = "replica-take-stale-reply",
        /// two voter changes may be under way
        ReplicaTwoChangesAtOnce = "replica-two-changes-at-once",
        /// voters are changed before the epoch's start is committed
        ReplicaChangeBeforeStart = "replica-change-before-start",
        /// a node that lost its disk goes on as the voter that it was
        ReplicaAmnesiacVotes = "replica-amnesiac-votes",
        /// a replica calls entries durable as soon as it has them
        ReplicaAcknowledgeBeforeSync = "replica-acknowledge-before-sync",
        /// a replica that begins anew is told of no producers
        ReplicaResetWithoutProducers = "replica-reset-without-producers",
        /// a deletion of records is answered before a majority has made it
        ReplicaStartAtOnce = "replica-start-at-once",
        /// a follower keeps only the epochs that records tell of
        ReplicaEpochStartsLost = "replica-epoch-starts-lost",
        /// a leader counts those alone that it hears, and leads on
        ReplicaShrinksToTheHeard = "replica-shrinks-to-the-heard",
        /// a leader that hears no majority leads on
        ReplicaLeadsUnheard = "replica-leads-unheard",
        /// a follower of a leader that asks for votes itself waits for that leader all the same
        ReplicaWaitsForTheResigned = "replica-waits-for-the-resigned",
        /// batches that wait to be committed are never written to the journal anew
        ReplicaCarriesNothing = "replica-carries-nothing",
        /// a process that has stood still answers before it looks who is silent by now
        ReplicaWakesUnaware = "replica-wakes-unaware",
        /// a leader serves before its epoch's start is committed
        ReplicaServesBeforeStart = "replica-serves-before-start",
        /// a replica that has found damage goes on as the voter that it was
        ReplicaDamagedVotes = "replica-damaged-votes",
        /// a log that was reset takes the batch that it begins in only from a leader whose log begins no earlier
        ReplicaBeginsWithItsLeader = "replica-begins-with-its-leader",
        /// an append is answered once it is committed, on however many replicas it was to be
        ReplicaIgnoresTheLeast = "replica-ignores-the-least",
        /// a node counts as gone as soon as its connections have ended, though it listens
        ReplicaGoneByReset = "replica-gone-by-reset",
        /// what stands in the journal behind a lost entry of a log gives its numbers to later entries
        ClusterNumbersAgain = "cluster-numbers-again",
        /// that a fetched partition is not here is said on another connection than that of the fetch, or not at all
        ClusterSaysAbsentAside = "cluster-says-absent-aside",
        /// a node follows a leader of whom it does not know where it is
        ClusterFollowsTheUnknown = "cluster-follows-the-unknown",
        /// a checkpoint keeps a high watermark beyond what is durable
        ClusterRemembersAnyWatermark = "cluster-remembers-any-watermark",
        /// who follows a node takes it for silent by what it echoes alone, and not by when anything came
        ClusterCountsEchoesAlone = "cluster-counts-echoes-alone",
        /// a replica that is alone in its voter set has no timers: if it does not lead, it never will
        ClusterAloneWaits = "cluster-alone-waits",
        /// a log that has lost something keeps its vote where the image that its node starts with names no other replica
        ClusterLoneByImage = "cluster-lone-by-image",
        /// a replica that has just started lets others take the place of the leader that it followed before
        ClusterForgetsWhomItUpheld = "cluster-forgets-whom-it-upheld",
        /// a voter is removed though too few of the others follow the leader
        ClusterRemovesTheNeeded = "cluster-removes-the-needed",
        /// a transfer of leadership is not told again when a connection with its successor begins anew
        ClusterTransferToldOnce = "cluster-transfer-told-once",
        /// a transfer of leadership is not given up when its successor falls silent
        ClusterTransferToTheSilent = "cluster-transfer-to-the-silent",
        /// a replica that began anew does not say that its log's start is durable
        ClusterResetStartUntold = "cluster-reset-start-untold",
        /// voters leave before all that shall vote do
        ReassignRemovesFirst = "reassign-removes-first",
        /// a node that gets a partition takes its new replicas for the first voters
        ReassignFoundsAnew = "reassign-founds-anew",
        /// a replica is removed as soon as the metadata names it no longer, voter or not
        ReassignLeavesAtOnce = "reassign-leaves-at-once",
        /// a leader forgets whom it has let go when the node connects anew
        ReassignForgetsTheReleased = "reassign-forgets-the-released",
        /// a leader that has just started follows who was to hold its partitions before
        ReassignFollowsOldTargets = "reassign-follows-old-targets",
        /// a leader takes a replica's word from an earlier connection of its node
        ReassignTakesAnOldWord = "reassign-takes-an-old-word",
        /// a node that starts takes it that nobody has let its replicas go
        ReassignForgetsAtStart = "reassign-forgets-at-start",
        /// a node that is no controller comes to vote on the metadata when somebody asks for that
        ClusterBrokerVotes = "cluster-broker-votes",
        /// a node that a person drains goes on leading
        ClusterDrainKeepsLeading = "cluster-drain-keeps-leading",
        /// the preferred replica is made the leader whatever stands against it
        ClusterElectsAnyone = "cluster-elects-anyone",
        /// a node whose disk is slow goes on leading, and lets others hand over to it
        ClusterSlowLeadsOn = "cluster-slow-leads-on",
        /// a node that stops resigns nothing: it answers reads beside the next leader
        ClusterStopsUnresigned = "cluster-stops-unresigned",
        /// a leader hands over to a replica that has still to fetch what is committed
        ClusterHandsOverToWhoIsBehind = "cluster-hands-over-to-who-is-behind",
        /// files of a replica that was let go are removed once or never
        ClusterRemovesOnce = "cluster-removes-once",
        /// a follower gives consumers what its log holds, committed or not
        ClusterFollowerServesUncommitted = "cluster-follower-serves-uncommitted",
        /// a voter of the metadata that was removed becomes one again as soon as it follows
        ClusterRemovedVoterReturns = "cluster-removed-voter-returns",
        /// a leader that serves counts voters whose nodes it hears, whether they follow it or not
        ClusterCountsTheHeard = "cluster-counts-the-heard",
        /// a follower that asks its leader is answered with who leads, in the place of entries
        ClusterTellsWhoKnows = "cluster-tells-who-knows",
        /// a new node is not told where the metadata's leader listens
        ClusterTellsNoLeader = "cluster-tells-no-leader",
        /// a node that could reach the metadata's leader once asks nobody where a later one is
        ClusterLearnsOnce = "cluster-learns-once",
        /// each message of an election is a frame of its own, however many partitions elect
        ClusterMessagesOneByOne = "cluster-messages-one-by-one",
        /// a node does not say how far its journal is durable
        ClusterTellsNoCommit = "cluster-tells-no-commit",
        /// a node that starts does not look up on its disk where the others were
        ClusterForgetsAddresses = "cluster-forgets-addresses",
        /// the replica in the place of a lost one becomes a voter although its node was taken out meanwhile
        ClusterReplacementOutlivesRemoval = "cluster-replacement-outlives-removal",
        /// the metadata log begins anew before a snapshot stands for what comes before
        ClusterResetWithoutSnapshot = "cluster-reset-without-snapshot",
        /// of a change that takes several batches each record holds as soon as it is there
        ClusterHalfAChange = "cluster-half-a-change",
        /// a new controller does not give up the half of a change that it finds
        ClusterChangeGoesOn = "cluster-change-goes-on",
        /// the in-sync replicas that a leader tells are all that there are
        ClusterAllInSync = "cluster-all-in-sync",
        /// the newest record is one that was deleted, while its segment is there
        ClusterNewestIsDeleted = "cluster-newest-is-deleted",
        /// a broker that is silent is not fenced
        ClusterFencesNobody = "cluster-fences-nobody",
        /// a coordinator takes a partition up without what was written before
        CoordinatorBeginsEmpty = "cluster-coordinator-begins-empty",
        /// a coordinator serves on when another node leads
        CoordinatorServesOn = "cluster-coordinator-serves-on",
        /// a coordinator goes on, and writes, in an epoch after the one that it has loaded
        CoordinatorWithoutEpoch = "cluster-coordinator-without-epoch",
        /// a leader tells its voters who leads, and no others that are to hold the log
        ClusterTellsVotersAlone = "cluster-tells-voters-alone",
        /// a leader that has no room for records, since all that there is goes to what it follows, leads on
        ClusterStarvedLeadsOn = "cluster-starved-leads-on",
        /// a coordinator that has stood still answers before it knows whether it leads the partition still
        CoordinatorWakesUnaware = "cluster-coordinator-wakes-unaware",
        /// a controller's change is written in another epoch than it was decided in
        ControllerWithoutEpoch = "cluster-controller-without-epoch",
        /// the controller notes leaders of earlier epochs
        ControllerNotesOldLeaders = "cluster-controller-notes-old-leaders",
        /// the controller takes a broker's word for a registration that is no more
        ControllerIgnoresBrokerEpochs = "cluster-controller-ignores-broker-epochs",
        /// a broker that registers again has the epoch of its registration before
        ClusterKeepsBrokerEpochs = "cluster-keeps-broker-epochs",
        /// a snapshot of the metadata that another node sent is not synced before the log lets go of what it stands for
        SnapshotReceivedNotSynced = "cluster-snapshot-not-synced",
        /// the next piece of a snapshot is asked for behind the length of the last piece, not behind all that has come
        SnapshotPieceAgain = "cluster-snapshot-piece-again",
        /// a snapshot of the metadata counts as whole when less than a piece of it is missing
        SnapshotWholeEarly = "cluster-snapshot-whole-early",
        /// a process counts as the only one of its node as soon as it speaks for it
        ClusterAloneAtOnce = "cluster-alone-at-once",
        /// whoever asks while a coordinator loads is answered from nothing
        CoordinatorAnswersUnloaded = "cluster-coordinator-answers-unloaded",
        /// the controller answers a change before it is committed
        ControllerAnswersAtOnce = "cluster-controller-answers-at-once",
        /// the controller shows a change before it is committed, and takes it back if it is not
        ControllerShowsAtOnce = "cluster-controller-shows-at-once",
        /// the record of a group tells the session timeout of a member in the place of its rebalance timeout
        GroupKeepsOneTimeout = "cluster-group-keeps-one-timeout",
        /// the controller's answer is passed on before this node's image has what was changed
        ForwardedBeforeSeen = "cluster-forwarded-before-seen",
        /// what a replica cannot read any more is asked of no other
        ClusterRepairsNothing = "cluster-repairs-nothing",
        /// of what a replica cannot read any more as much is asked for at a time as may be
        ClusterRepairsAllAtOnce = "cluster-repairs-all-at-once",
        /// a connection is closed while the answer that was demanded comes, if it takes longer than the silence
        ClusterWholeFramesCount = "cluster-whole-frames-count",
        /// replies are not cut to what the connection brings in time
        ClusterSendsAllAtOnce = "cluster-sends-all-at-once",
        /// logs that nobody has claimed yet hold the journal
        ClusterCarriesNoUnclaimed = "cluster-carries-no-unclaimed",
        /// a replica whose vote is not durable yet campaigns
        ClusterCampaignsWhileVoting = "cluster-campaigns-while-voting",
        /// the indexes of a segment that cannot be read are made again before the segment is repaired
        ClusterRepairsLast = "cluster-repairs-last",
        /// a follower takes its leader's request for the vote by which it was elected, if it comes late, for one that ends its leadership
        ClusterLateVoteUnfollows = "cluster-late-vote-unfollows",
        /// a node that drains leaves campaigns to the others however long these come to no leader
        ClusterPatientForEver = "cluster-patient-for-ever",
        /// a node of several does not start while its log of the metadata is damaged
        ClusterNeedsItsMetadata = "cluster-needs-its-metadata",
    }
}
