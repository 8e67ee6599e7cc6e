//! Whole conversations, told as prose.
use super::story::Story;
use super::*;

fn assert_story(story: &Story, expected: &str) {
    assert_eq!(story.text(), expected, "told:\n{}", story.text());
}

#[test]
fn two_members_join_and_one_leaves() {
    let mut story = Story::new(GroupConfig::default());
    story.client("A", None);
    story.client("B", None);
    story.joins("A");
    story.joins("A");
    story.time_passes(1000);
    story.joins("B");
    story.joins("B");
    story.time_passes(6000);
    story.syncs("B");
    story.syncs("A");
    story.writes_are_committed();
    story.beats("A");
    story.commits("B", 42);
    story.leaves("A");
    story.beats("B");
    story.joins("B");
    story.syncs("B");
    story.writes_are_committed();
    story.leaves("B");
    story.writes_are_committed();
    assert_story(&story, include_str!("stories/two_members_join_and_one_leaves.txt"));
}

#[test]
fn a_static_member_bounces_without_a_rebalance() {
    let mut story = Story::new(GroupConfig::default());
    story.client("A", Some("one"));
    story.client("B", Some("two"));
    story.joins("A");
    story.joins("B");
    story.time_passes(6000);
    story.syncs("A");
    story.syncs("B");
    story.writes_are_committed();
    story.restarts("B");
    story.joins("B");
    story.writes_are_committed();
    story.syncs("B");
    story.restarts("A");
    story.joins("A");
    story.writes_are_committed();
    story.syncs("A");
    story.beats("A");
    story.time_passes(9000);
    story.beats("A");
    story.time_passes(2000);
    story.beats("A");
    assert_story(&story, include_str!("stories/a_static_member_bounces_without_a_rebalance.txt"));
}

#[test]
fn a_member_that_does_not_rejoin_in_time_is_out() {
    let mut story = Story::new(GroupConfig::default());
    story.client("A", None);
    story.client("B", None);
    story.client("C", None);
    story.joins("A");
    story.joins("A");
    story.joins("B");
    story.joins("B");
    story.time_passes(6000);
    story.syncs("A");
    story.syncs("B");
    story.writes_are_committed();
    story.joins("C");
    story.joins("C");
    story.time_passes_with_heartbeats(59, &["A", "B"], "RebalanceInProgress");
    story.joins("B");
    story.time_passes(1000);
    story.beats("A");
    story.syncs("B");
    assert_story(&story, include_str!("stories/a_member_that_does_not_rejoin_in_time_is_out.txt"));
}

#[test]
fn members_that_do_not_sync_are_out() {
    let mut story = Story::new(GroupConfig::default());
    story.client("A", None);
    story.client("B", None);
    story.joins("A");
    story.joins("A");
    story.joins("B");
    story.joins("B");
    story.time_passes(6000);
    story.syncs("B");
    story.time_passes_with_heartbeats(59, &["A", "B"], "fine");
    story.time_passes(1000);
    story.joins("B");
    story.beats("A");
    assert_story(&story, include_str!("stories/members_that_do_not_sync_are_out.txt"));
}

#[test]
fn a_coordinator_moves_during_a_rebalance() {
    let mut story = Story::new(GroupConfig::default());
    story.client("A", None);
    story.client("B", None);
    story.joins("A");
    story.joins("A");
    story.time_passes(3000);
    story.syncs("A");
    story.writes_are_committed();
    story.joins("B");
    story.joins("B");
    story.coordinator_moves();
    story.beats("A");
    story.joins("B");
    story.joins("B");
    story.beats("A");
    story.joins("A");
    story.time_passes(20_000);
    assert_story(&story, include_str!("stories/a_coordinator_moves_during_a_rebalance.txt"));
}

#[test]
fn a_member_joins_while_the_assignment_is_being_written() {
    let mut story = Story::new(GroupConfig::default());
    story.client("A", None);
    story.client("B", None);
    story.joins("A");
    story.joins("A");
    story.time_passes(3000);
    story.syncs("A");
    story.joins("B");
    story.joins("B");
    story.writes_are_committed();
    story.joins("A");
    story.syncs("A");
    story.syncs("B");
    story.writes_are_committed();
    assert_story(&story, include_str!("stories/a_member_joins_while_the_assignment_is_being_written.txt"));
}

#[test]
fn a_static_leader_that_does_not_rejoin_stays_but_no_longer_leads() {
    let mut story = Story::new(GroupConfig::default());
    story.client("A", Some("one"));
    story.client("B", Some("two"));
    story.client("C", None);
    story.joins("A");
    story.joins("B");
    story.time_passes(6000);
    story.syncs("A");
    story.syncs("B");
    story.writes_are_committed();
    story.joins("C");
    story.joins("C");
    story.time_passes_with_heartbeats(59, &["A", "B"], "RebalanceInProgress");
    story.joins("B");
    story.time_passes(1000);
    story.beats("A");
    story.syncs("B");
    story.syncs("C");
    story.writes_are_committed();
    story.joins("A");
    assert_story(
        &story,
        include_str!("stories/a_static_leader_that_does_not_rejoin_stays_but_no_longer_leads.txt"),
    );
}

#[test]
fn a_rebalance_that_nobody_joins_waits_for_sessions_to_end() {
    let mut story = Story::new(GroupConfig::default());
    story.client("A", Some("one"));
    story.client("C", None);
    story.joins("A");
    story.time_passes(3000);
    story.syncs("A");
    story.writes_are_committed();
    story.joins("C");
    story.joins("C");
    story.leaves("C");
    story.time_passes_with_heartbeats(70, &["A"], "RebalanceInProgress");
    story.time_passes(10_000);
    assert_story(&story, include_str!("stories/a_rebalance_that_nobody_joins_waits_for_sessions_to_end.txt"));
}
