/// Mistakes planted in the core on purpose, one for a replica. Its tests have to find each; there are none of them in a
/// build without tests. `docs/replication.md` says which test finds which.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Mistake {
    /// A vote is answered before it is durable.
    GrantBeforeDurable,
    /// A candidate asks for votes before its own is durable.
    AskBeforeDurable,
    /// After a restart the vote is forgotten.
    ForgetVote,
    /// A second candidate of one epoch gets a vote, too.
    VoteTwice,
    /// Votes are given whatever the candidate's log.
    VoteWithoutLook,
    /// Votes compare end offsets alone, as if an epoch start were nothing.
    VoteByOffset,
    /// A granted vote counts each time it comes.
    CountVoteTwice,
    /// A follower's position counts for its neighbour in the voter set, too.
    CountFollowerTwice,
    /// A follower counts with what it holds, durable or not.
    CountUndurable,
    /// The high watermark is the upper median instead of a majority's position.
    MedianWatermark,
    /// Positions of older epochs are committed without an entry of the leader's own.
    CommitOldEpoch,
    /// A follower takes the leader's high watermark beyond its own log's end.
    WatermarkBeyondEnd,
    /// A leader looks at a fetch's offset alone, not at its epoch (KIP-279).
    FetchIgnoresEpoch,
    /// A follower cuts its log to its high watermark when it finds a new leader (before KIP-101).
    TruncateToWatermark,
    /// A follower cuts off one record more than diverged.
    CutTooMuch,
    /// A follower takes a reply to an earlier fetch.
    TakeStaleReply,
    /// Two voter changes may be under way.
    TwoChangesAtOnce,
    /// Voters are changed before the epoch's start is committed.
    ChangeBeforeStart,
    /// Two voters are changed in one step.
    ChangeTwoVoters,
    /// A leader counts those alone that it hears, as an in-sync set that shrinks (Kafka 2013), and leads on.
    ShrinkToHeard,
    /// A leader that hears no majority leads on.
    LeadUnheard,
    /// A leader that serves counts voters whose nodes it hears, whether they follow it or not.
    CountHeard,
    /// A leader serves before its epoch's start is committed.
    ServeBeforeStart,
    /// A follower of a leader that asks for votes itself waits for that leader all the same.
    WaitForTheResigned,
    /// A follower takes its leader's request for a vote in the epoch that it leads for one that ends its leadership.
    LateVoteUnfollows,
    /// A replica whose vote is not durable yet campaigns in another epoch.
    CampaignWhileVoting,
    /// A replica whose node shall lead nothing leaves campaigns to the others however long these come to none.
    PatientForEver,
    /// A leader tells its voters who leads, and no others that are to hold the log.
    TellVotersAlone,
    /// A voter is removed though too few of the others follow.
    RemoveTheNeeded,
    /// A transfer is not told again when a connection with its successor begins anew.
    TransferToldOnce,
    /// A transfer is not given up when its successor falls silent.
    TransferToTheSilent,
    /// A replica that began anew does not say that its log's start is durable. (The driver makes this one.)
    ResetStartUntold,
    /// A log that has lost its memory keeps its directory id. (The driver makes this one.)
    AmnesiacVotes,
}

impl Mistake {
    pub const ALL: &[Mistake] = &[
        Mistake::GrantBeforeDurable,
        Mistake::AskBeforeDurable,
        Mistake::ForgetVote,
        Mistake::VoteTwice,
        Mistake::VoteWithoutLook,
        Mistake::VoteByOffset,
        Mistake::CountVoteTwice,
        Mistake::CountFollowerTwice,
        Mistake::CountUndurable,
        Mistake::MedianWatermark,
        Mistake::CommitOldEpoch,
        Mistake::WatermarkBeyondEnd,
        Mistake::FetchIgnoresEpoch,
        Mistake::TruncateToWatermark,
        Mistake::CutTooMuch,
        Mistake::TakeStaleReply,
        Mistake::TwoChangesAtOnce,
        Mistake::ChangeBeforeStart,
        Mistake::ChangeTwoVoters,
        Mistake::ShrinkToHeard,
        Mistake::LeadUnheard,
        Mistake::CountHeard,
        Mistake::ServeBeforeStart,
        Mistake::WaitForTheResigned,
        Mistake::LateVoteUnfollows,
        Mistake::CampaignWhileVoting,
        Mistake::PatientForEver,
        Mistake::TellVotersAlone,
        Mistake::RemoveTheNeeded,
        Mistake::TransferToldOnce,
        Mistake::TransferToTheSilent,
        Mistake::ResetStartUntold,
        Mistake::AmnesiacVotes,
    ];
}
