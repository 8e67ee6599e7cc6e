use crate::probe::{Mutant, mutant};
use crate::raft::{Mistake, Replica};

/// Plants the core's mistake that a mutant stands for.
pub(super) fn plant(replica: &mut Replica) {
    const PLANTED: [(Mutant, Mistake); 29] = [
        (Mutant::ReplicaGrantBeforeDurable, Mistake::GrantBeforeDurable),
        (Mutant::ReplicaAskBeforeDurable, Mistake::AskBeforeDurable),
        (Mutant::ReplicaVoteTwice, Mistake::VoteTwice),
        (Mutant::ReplicaVoteWithoutLook, Mistake::VoteWithoutLook),
        (Mutant::ReplicaVoteByOffset, Mistake::VoteByOffset),
        (Mutant::ReplicaCountVoteTwice, Mistake::CountVoteTwice),
        (Mutant::ReplicaCountFollowerTwice, Mistake::CountFollowerTwice),
        (Mutant::ReplicaCountUndurable, Mistake::CountUndurable),
        (Mutant::ReplicaMedianWatermark, Mistake::MedianWatermark),
        (Mutant::ReplicaCommitOldEpoch, Mistake::CommitOldEpoch),
        (Mutant::ReplicaWatermarkBeyondEnd, Mistake::WatermarkBeyondEnd),
        (Mutant::ReplicaFetchIgnoresEpoch, Mistake::FetchIgnoresEpoch),
        (Mutant::ReplicaTruncateToWatermark, Mistake::TruncateToWatermark),
        (Mutant::ReplicaCutTooMuch, Mistake::CutTooMuch),
        (Mutant::ReplicaTakeStaleReply, Mistake::TakeStaleReply),
        (Mutant::ReplicaTwoChangesAtOnce, Mistake::TwoChangesAtOnce),
        (Mutant::ReplicaChangeBeforeStart, Mistake::ChangeBeforeStart),
        (Mutant::ReplicaShrinksToTheHeard, Mistake::ShrinkToHeard),
        (Mutant::ReplicaLeadsUnheard, Mistake::LeadUnheard),
        (Mutant::ClusterCountsTheHeard, Mistake::CountHeard),
        (Mutant::ReplicaWaitsForTheResigned, Mistake::WaitForTheResigned),
        (Mutant::ClusterLateVoteUnfollows, Mistake::LateVoteUnfollows),
        (Mutant::ClusterCampaignsWhileVoting, Mistake::CampaignWhileVoting),
        (Mutant::ClusterPatientForEver, Mistake::PatientForEver),
        (Mutant::ClusterTellsVotersAlone, Mistake::TellVotersAlone),
        (Mutant::ClusterRemovesTheNeeded, Mistake::RemoveTheNeeded),
        (Mutant::ClusterTransferToldOnce, Mistake::TransferToldOnce),
        (Mutant::ClusterTransferToTheSilent, Mistake::TransferToTheSilent),
        (Mutant::ReplicaServesBeforeStart, Mistake::ServeBeforeStart),
    ];
    if let Some((_, mistake)) = PLANTED.iter().find(|(one, _)| mutant(*one)) {
        replica.plant(*mistake);
    }
}
