use std::collections::{BTreeMap, BTreeSet};

use crate::client::metadata::TopicPartition;

/// What one member wants.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MemberSubscription {
    pub member_id: String,
    pub instance_id: Option<String>,
    pub topics: Vec<String>,
}

/// The range assignor of Kafka's clients: of each topic, every subscribed member gets a run of partitions, the
/// first ones one more where it does not divide. Members are in the order of their instance ids, then of their
/// member ids, as in the Java client. Topics without known partitions are left out.
#[must_use]
pub fn assign_ranges(
    members: &[MemberSubscription],
    partition_counts: &BTreeMap<String, i32>,
) -> BTreeMap<String, BTreeSet<TopicPartition>> {
    let mut assignment: BTreeMap<String, BTreeSet<TopicPartition>> =
        members.iter().map(|member| (member.member_id.clone(), BTreeSet::new())).collect();
    let mut by_topic: BTreeMap<&str, Vec<&MemberSubscription>> = BTreeMap::new();
    for member in members {
        for topic in member.topics.iter().collect::<BTreeSet<_>>() {
            by_topic.entry(topic).or_default().push(member);
        }
    }
    for (topic, mut members) in by_topic {
        let count = partition_counts.get(topic).copied().unwrap_or(0);
        // Static members first, so that a restart under another member id changes nothing.
        members.sort_by_key(|member| (member.instance_id.is_none(), &member.instance_id, &member.member_id));
        let member_count = i32::try_from(members.len()).unwrap_or(i32::MAX);
        let (each, extra) = (count / member_count, count % member_count);
        let mut next = 0;
        for (i, member) in members.iter().enumerate() {
            let share = each + i32::from((i as i64) < i64::from(extra));
            let partitions = (next..next + share).map(|index| TopicPartition::new(topic, index));
            assignment.entry(member.member_id.clone()).or_default().extend(partitions);
            next += share;
        }
    }
    assignment
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(id: &str, instance: Option<&str>, topics: &[&str]) -> MemberSubscription {
        MemberSubscription {
            member_id: id.to_owned(),
            instance_id: instance.map(str::to_owned),
            topics: topics.iter().map(|topic| (*topic).to_owned()).collect(),
        }
    }

    fn given(members: &[MemberSubscription], counts: &[(&str, i32)]) -> Vec<String> {
        let counts = counts.iter().map(|(topic, count)| ((*topic).to_owned(), *count)).collect();
        let assignment = assign_ranges(members, &counts);
        let text = |all: &BTreeSet<TopicPartition>| {
            all.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
        };
        assignment.iter().map(|(member, all)| format!("{member}: {}", text(all))).collect()
    }

    /// The example of the Java class: two members, two topics of three partitions.
    #[test]
    fn the_first_members_get_one_more() {
        let members = [member("c1", None, &["t0", "t1"]), member("c0", None, &["t0", "t1"])];
        assert_eq!(given(&members, &[("t0", 3), ("t1", 3)]), ["c0: t0-0 t0-1 t1-0 t1-1", "c1: t0-2 t1-2"]);
    }

    #[test]
    fn members_get_only_what_they_asked_for_and_some_nothing() {
        let members = [
            member("a", None, &["t0"]),
            member("b", None, &["t0", "t1", "absent"]),
            member("c", None, &["t0"]),
        ];
        assert_eq!(given(&members, &[("t0", 2), ("t1", 1)]), ["a: t0-0", "b: t0-1 t1-0", "c: "]);
    }

    #[test]
    fn static_members_are_ordered_by_instance() {
        let members =
            [member("a", Some("2"), &["t"]), member("z", Some("1"), &["t"]), member("0", None, &["t"])];
        assert_eq!(given(&members, &[("t", 3)]), ["0: t-2", "a: t-1", "z: t-0"]);
    }
}
