//! The course of a rebalance: from its cause to the next generation.
use super::classic::{ClassicGroup, InitialDelay, Phase};
use super::command::{GroupError, JoinResult};
use super::names::MemberId;
use super::timers::Timer;
use super::turn::Turn;

/// A rebalance that nobody joined is looked at again no sooner than this, in milliseconds: members that ask
/// for no rebalance time at all must not make the timer spin.
const POSTPONED_JOIN_MIN_MS: i32 = 100;

impl Turn<'_> {
    /// The group has changed: starts a rebalance, or goes on with the one there is.
    pub fn rebalance_or_complete(
        &mut self,
        group: &mut ClassicGroup,
        why: &str,
        client_reason: Option<&str>,
    ) {
        match group.phase {
            Phase::Preparing { .. } => self.maybe_complete_join(group),
            Phase::Empty | Phase::Completing { .. } | Phase::Stable => {
                self.prepare_rebalance(group, why, client_reason);
            }
        }
    }

    /// Makes every member join again. An empty group waits a little for more members first.
    pub fn prepare_rebalance(&mut self, group: &mut ClassicGroup, why: &str, client_reason: Option<&str>) {
        tracing::info!(
            group = %group.id, generation = group.generation_id, why, client_reason, "preparing to rebalance"
        );
        if matches!(group.phase, Phase::Completing { .. }) {
            for member in group.members.values_mut() {
                member.assignment = Default::default();
            }
            self.answer_syncs(group, Some(&GroupError::RebalanceInProgress));
        }
        group.pending_sync.clear();
        self.timers.cancel(&Timer::Sync { group: group.id.clone() });
        if group.is_empty() {
            let delay_ms = self.config.initial_rebalance_delay_ms;
            let remaining_ms = group.rebalance_timeout_ms().saturating_sub(delay_ms).max(0);
            let initial = InitialDelay { delay_ms, remaining_ms, new_member_added: false };
            group.transition(Phase::Preparing { initial: Some(initial) }, self.now.wall);
            self.schedule_join(group, delay_ms);
        } else {
            group.transition(Phase::Preparing { initial: None }, self.now.wall);
            if group.has_all_members_joined() {
                self.complete_join_phase(group);
            } else {
                self.schedule_join(group, group.rebalance_timeout_ms());
            }
        }
    }

    /// Goes on to the next generation if everybody has joined; an initial rebalance waits for its time.
    pub fn maybe_complete_join(&mut self, group: &mut ClassicGroup) {
        let is_awaited = matches!(group.phase, Phase::Preparing { initial: None });
        if is_awaited && group.has_all_members_joined() {
            self.complete_join_phase(group);
        }
    }

    /// The Join timer: the initial delay is extended while members keep coming, or joining is over.
    pub fn join_time_is_over(&mut self, group: &mut ClassicGroup) {
        let initial_delay_ms = self.config.initial_rebalance_delay_ms;
        if let Phase::Preparing { initial: Some(delay) } = &mut group.phase
            && delay.new_member_added
            && delay.remaining_ms != 0
        {
            let next_ms = initial_delay_ms.min(delay.remaining_ms);
            *delay = InitialDelay {
                delay_ms: next_ms,
                remaining_ms: (delay.remaining_ms - delay.delay_ms).max(0),
                new_member_added: false,
            };
            self.schedule_join(group, next_ms);
        } else {
            self.complete_join_phase(group);
        }
    }

    /// Ends the joining: who has not joined is out, unless it is static; the others are a generation.
    pub fn complete_join_phase(&mut self, group: &mut ClassicGroup) {
        assert!(matches!(group.phase, Phase::Preparing { .. }), "group {:?} is not joining", group.id);
        self.timers.cancel(&Timer::Join { group: group.id.clone() });
        let is_late = |(_, member): &(&MemberId, &super::classic::Member)| {
            member.awaiting_join.is_none() && member.group_instance_id.is_none()
        };
        let late: Vec<MemberId> = group.members.iter().filter(is_late).map(|(id, _)| id.clone()).collect();
        for id in &late {
            self.remove_member(group, id);
        }
        if !group.members.is_empty() && !group.elect_joined_leader() {
            // Only static members are left, none of which came. Their sessions decide.
            self.schedule_join(group, group.rebalance_timeout_ms().max(POSTPONED_JOIN_MIN_MS));
            return;
        }
        group.generation_id = group.generation_id.saturating_add(1);
        if group.members.is_empty() {
            self.become_empty(group);
        } else {
            self.begin_generation(group);
        }
    }

    fn become_empty(&mut self, group: &mut ClassicGroup) {
        group.protocol_name = None;
        group.subscribed_topics = group.compute_subscribed_topics();
        group.transition(Phase::Empty, self.now.wall);
        group.pending_sync.clear();
        tracing::info!(group = %group.id, generation = group.generation_id, "the group is empty");
        self.write_group(&group.id, group.to_record(&Default::default()));
    }

    fn begin_generation(&mut self, group: &mut ClassicGroup) {
        group.protocol_name = Some(group.select_protocol());
        group.subscribed_topics = group.compute_subscribed_topics();
        group.transition(Phase::Completing { pending: None }, self.now.wall);
        tracing::info!(
            group = %group.id, generation = group.generation_id, members = group.members.len(),
            "a generation begins"
        );
        let ids: Vec<MemberId> = group.members.keys().cloned().collect();
        group.pending_sync = ids.iter().cloned().collect();
        for id in &ids {
            let joined = group.joined(id);
            let parked = group.take_join(id);
            let member = group.members.get_mut(id).expect("the id was just listed");
            member.is_new = false;
            let session_timeout_ms = member.session_timeout_ms;
            self.complete_join(parked, JoinResult { member_id: id.clone(), outcome: Ok(joined) });
            self.schedule_session(&group.id, id, session_timeout_ms);
        }
        let at = self.in_ms(group.rebalance_timeout_ms());
        self.timers.schedule(Timer::Sync { group: group.id.clone() }, at);
    }

    fn schedule_join(&mut self, group: &ClassicGroup, delay_ms: i32) {
        let at = self.in_ms(delay_ms);
        self.timers.schedule(Timer::Join { group: group.id.clone() }, at);
    }
}
