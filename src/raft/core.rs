use super::log_state::LogState;
use super::timing::Jitter;
use super::{Effect, Fetch, Mistake, Position, ReplicaKey, Timing, Vote, VoterSet};
use crate::types::{EpochHistory, Instant, LeaderEpoch, NodeId, Offset};

/// What a replica knew durably when its node started.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Recovered {
    /// The epoch of its last vote, and for whom; none for a new log.
    pub epoch: LeaderEpoch,
    pub vote: Option<ReplicaKey>,
    pub epochs: EpochHistory,
    pub log_start: Offset,
    pub log_end: Offset,
    /// What it knows to be committed.
    pub high_watermark: Offset,
    /// The voter sets of its log, each with the position after its entry; the first is the one in force at the log's
    /// start, with that position (or [`Position::ORIGIN`]). Never empty.
    pub voters: Vec<(Position, VoterSet)>,
}

/// Its patience has not begun to end.
const UNHURRIED: Instant = Instant(u64::MAX);

/// What a replica knows in every role.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Core {
    pub(super) key: ReplicaKey,
    /// Shared by all replicas: there may be very many of them.
    pub(super) timing: &'static Timing,
    /// Whose turn comes first among the voters that are heard: its place modulo their number.
    pub(super) first_turn: u32,
    pub(super) jitter: Jitter,
    pub(super) epoch: LeaderEpoch,
    /// Whom it votes for in this epoch.
    pub(super) vote: Option<ReplicaKey>,
    pub(super) vote_durable: bool,
    /// Who is to be told of the vote once it is durable.
    pub(super) vote_asked_by: Option<NodeId>,
    /// A pre-vote of this epoch that was refused because its leader was heard, or may have been before the node's start: granted once
    /// that is over, if it can be. Boxed: it is rare.
    pub(super) pre_vote_refused: Option<Box<(NodeId, Vote)>>,
    pub(super) log: LogState,
    /// Nodes that may not hear this one, and whether they are not heard, either.
    unproven: Vec<(NodeId, bool)>,
    /// Until then it may be counted on by a leader whom it followed before its node's start: it lets nobody take that one's place.
    pub(super) upholds_until: Instant,
    pub(super) electable: bool,
    /// It leaves campaigns to the others as long as they come to a leader that commits.
    pub(super) reluctant: bool,
    /// Until when it leaves them to the others at most, once there is no such leader; the greatest while nobody has looked.
    patient_until: Instant,
    /// Nodes beside the voters that may know who leads.
    acquaintances: Vec<NodeId>,
    #[cfg(any(test, feature = "testing", all(feature = "simulation", debug_assertions)))]
    pub(super) mistake: Option<Mistake>,
}

impl Core {
    pub(super) fn new(key: ReplicaKey, recovered: Recovered, timing: &'static Timing, seed: u64) -> Core {
        let Recovered { epoch, vote, epochs, log_start, log_end, high_watermark, voters } = recovered;
        let log = LogState::recovered(epochs, log_start, log_end, high_watermark, voters);
        let last_epoch = log.end().epoch;
        Core {
            key,
            timing,
            first_turn: 0,
            jitter: Jitter::new(seed),
            epoch: epoch.max(last_epoch),
            // A vote of an epoch before the log's last is over.
            vote: vote.filter(|_| epoch >= last_epoch),
            vote_durable: true,
            vote_asked_by: None,
            pre_vote_refused: None,
            log,
            unproven: Vec::new(),
            upholds_until: Instant(0),
            electable: true,
            reluctant: false,
            patient_until: UNHURRIED,
            acquaintances: Vec::new(),
            #[cfg(any(test, feature = "testing", all(feature = "simulation", debug_assertions)))]
            mistake: None,
        }
    }

    /// Whether a planted mistake is to be made here.
    #[cfg(any(test, feature = "testing", all(feature = "simulation", debug_assertions)))]
    pub(super) fn mistaken(&self, mistake: Mistake) -> bool {
        self.mistake == Some(mistake)
    }

    #[cfg(not(any(test, feature = "testing", all(feature = "simulation", debug_assertions))))]
    #[inline(always)]
    #[allow(clippy::unused_self, reason = "the same as with tests")]
    pub(super) const fn mistaken(&self, _mistake: Mistake) -> bool {
        false
    }

    pub(super) fn voters(&self) -> &VoterSet {
        self.log.voters().current()
    }

    /// Whether it may become leader: it is a voter, or its removal may not be committed. It could be the only one that has
    /// the new set, and the others could elect nobody without its vote (Raft's dissertation, §4.2.2).
    pub(super) fn is_eligible(&self) -> bool {
        self.electable && self.log.voters().may_include(self.key, self.log.high_watermark())
    }

    /// The voters but this replica.
    pub(super) fn others(&self) -> impl Iterator<Item = ReplicaKey> + '_ {
        self.voters().keys().iter().copied().filter(|&key| key != self.key)
    }

    /// Gives those that are new.
    pub(super) fn note_acquaintances(&mut self, mut nodes: Vec<NodeId>) -> Vec<NodeId> {
        nodes.sort_unstable();
        nodes.dedup();
        nodes.retain(|&node| node != self.key.node);
        // A lone replica has none, and there may be very many of them.
        nodes.shrink_to_fit();
        let new = nodes.iter().copied().filter(|node| !self.acquaintances.contains(node)).collect();
        self.acquaintances = nodes;
        new
    }

    pub(super) fn acquaintances(&self) -> &[NodeId] {
        &self.acquaintances
    }

    /// Whom an observer asks in turn who leads: the voters that it knows, then all others of whom it knows.
    pub(super) fn may_know_leader(&self) -> Vec<NodeId> {
        let mut nodes: Vec<NodeId> = self.others().map(|key| key.node).collect();
        // Its own node may be a voter with the data directory that it had before.
        nodes.retain(|&node| node != self.key.node);
        let others = self.acquaintances.iter().filter(|node| !nodes.contains(node));
        let others: Vec<NodeId> = others.copied().collect();
        nodes.extend(others);
        nodes
    }

    /// Whether a node is not heard. Who follows one that is waits no longer for it.
    pub(super) fn is_silent(&self, node: NodeId) -> bool {
        self.unproven.contains(&(node, true))
    }

    /// Whether a node may not hear this one: a leader goes by that, for such a node may have elected another.
    pub(super) fn is_unproven(&self, node: NodeId) -> bool {
        self.unproven.iter().any(|(other, _)| *other == node)
    }

    pub(super) fn be_reluctant(&mut self, reluctant: bool) {
        self.reluctant = reluctant;
        self.patient_until = UNHURRIED;
    }

    /// So much is committed: if that is of this epoch, the others have come to a leader.
    pub(super) fn note_committed(&mut self, position: Position) {
        if position.epoch == self.epoch {
            self.patient_until = UNHURRIED;
        }
    }

    /// Whether it leaves campaigns to the others.
    pub(super) fn leaves_campaigns(&mut self, now: Instant) -> bool {
        if !self.reluctant {
            return false;
        }
        self.patient_until = self.patient_until.min(now.after(self.timing.patience));
        now < self.patient_until || self.mistaken(Mistake::PatientForEver)
    }

    /// How many voters that are heard campaign before this one.
    pub(super) fn turns_before(&mut self, now: Instant) -> u32 {
        let mut heard = self.voters().keys().iter().filter(|key| !self.is_silent(key.node));
        let count = heard.clone().count() as u32;
        let Some(place) = heard.position(|&key| key == self.key) else { return 0 };
        let turn = (place as u32 + count - self.first_turn % count) % count;
        if self.leaves_campaigns(now) { turn + count } else { turn }
    }

    pub(super) fn note_unproven(&mut self, node: NodeId) {
        if !self.is_unproven(node) {
            self.unproven.push((node, false));
            self.unproven.sort_unstable();
        }
    }

    pub(super) fn note_silent(&mut self, node: NodeId) {
        self.note_unproven(node);
        for (other, silent) in &mut self.unproven {
            *silent |= *other == node;
        }
    }

    pub(super) fn note_heard(&mut self, node: NodeId) {
        self.unproven.retain(|(other, _)| *other != node);
    }

    /// Enters an epoch without a vote in it.
    pub(super) fn enter(&mut self, epoch: LeaderEpoch) {
        assert!(epoch > self.epoch, "epochs rise: {epoch} after {}", self.epoch);
        self.epoch = epoch;
        self.vote = None;
        self.vote_durable = true;
        self.vote_asked_by = None;
        self.pre_vote_refused = None;
    }

    /// Whether it may have followed a leader before its node's start that still counts on it.
    pub(super) fn may_uphold(&self, now: Instant) -> bool {
        now < self.upholds_until
    }

    /// Takes out the pre-vote that was refused last in this epoch.
    pub(super) fn take_refused_pre_vote(&mut self) -> Option<(NodeId, Vote)> {
        let asked = self.pre_vote_refused.take().map(|asked| *asked);
        asked.filter(|(_, vote)| vote.epoch == self.epoch)
    }

    /// The disk has not taken its vote of this epoch yet.
    pub(super) fn is_voting(&self) -> bool {
        self.vote.is_some() && !self.vote_durable
    }

    /// Votes, in this epoch, for whom it has not voted yet.
    pub(super) fn vote_for(&mut self, candidate: ReplicaKey, effects: &mut Vec<Effect>) {
        self.vote = Some(candidate);
        self.vote_durable = false;
        self.vote_asked_by = None;
        effects.push(Effect::PersistVote { epoch: self.epoch, candidate });
    }

    pub(super) fn fetch(&self) -> Fetch {
        Fetch {
            epoch: self.epoch,
            replica: self.key,
            log_end: self.log.end(),
            durable: self.log.durable(),
            log_start: self.log.start_durable(),
        }
    }

    /// Moves the high watermark, and the log's start where it waits for that.
    pub(super) fn commit(&mut self, position: Position, effects: &mut Vec<Effect>) {
        let before = self.log.high_watermark().end;
        if self.log.commit(position) && position.end > before {
            effects.push(Effect::AdvanceHighWatermark { offset: position.end });
        }
        self.note_committed(self.log.high_watermark());
        self.follow_start(effects);
    }

    /// Moves the log's start to where it is wanted, as far as it may.
    pub(super) fn follow_start(&mut self, effects: &mut Vec<Effect>) {
        if let Some(to) = self.log.follow_start() {
            effects.push(Effect::MoveLogStart { to });
        }
    }
}
