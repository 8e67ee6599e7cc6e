//! I11, I13: the broker's topics are what their only administrator made of them: each change that was acknowledged
//! holds, none that was refused does, and nothing goes without having been deleted (seen broken in NATS #7556).
use std::collections::{BTreeMap, BTreeSet};

use crate::scenarios::broker::history::{Done, Events, TopicChange, TopicChanged, TopicLook, TopicSeen};

/// What a topic may be; `None`: not there.
type State = Option<TopicSeen>;

pub(super) fn topics_are_what_was_made_of_them(events: &Events) -> Result<(), String> {
    let mut changes: BTreeMap<&str, Vec<&TopicChanged>> = BTreeMap::new();
    for changed in &events.topic_changes {
        changes.entry(&changed.topic).or_default().push(changed);
    }
    events.topic_looks.iter().try_for_each(|look| {
        let all = changes.get(look.topic.as_str()).map_or(&[][..], Vec::as_slice);
        one(look, all, events.several_nodes)
    })
}

/// Whether a topic may be what somebody saw.
pub(super) fn is_what_was_made_of_it(events: &Events, look: &TopicLook) -> Result<(), String> {
    let changes = events.topic_changes.iter().filter(|changed| changed.topic == look.topic);
    one(look, &changes.collect::<Vec<_>>(), events.several_nodes)
}

/// Of `several` nodes one may tell the partitions, and another one the configurations, each as it knows them.
fn one(look: &TopicLook, changes: &[&TopicChanged], several: bool) -> Result<(), String> {
    let mut states: Vec<State> = vec![None];
    let mut late: Vec<&TopicChange> = Vec::new();
    for changed in changes.iter().filter(|changed| changed.began < look.ended) {
        match changed.done {
            Done::Refused => {}
            Done::Yes if changed.ended <= look.since => {
                states = states.iter().map(|state| apply(state, &changed.change)).collect();
            }
            Done::Yes | Done::Unknown => late.push(&changed.change),
        }
        // What nobody knows of may take effect at any later time, also after later changes.
        for change in &late {
            for index in 0..states.len() {
                let after = apply(&states[index], change);
                if !states.contains(&after) {
                    states.push(after);
                }
            }
        }
    }
    let has = |part: &dyn Fn(&TopicSeen) -> bool| states.iter().flatten().any(part);
    let is_told_in_parts = look.seen.as_ref().is_some_and(|seen| {
        has(&|state| state.partitions == seen.partitions) && has(&|state| state.configs == seen.configs)
    });
    if states.contains(&look.seen) || (several && is_told_in_parts) {
        return Ok(());
    }
    let may: BTreeSet<String> = states.iter().map(|state| format!("{state:?}")).collect();
    Err(format!(
        "{} was {:?} at {}, and may only be {}",
        look.topic,
        look.seen,
        look.ended,
        may.into_iter().collect::<Vec<_>>().join(" or ")
    ))
}

fn apply(state: &State, change: &TopicChange) -> State {
    match (state, change) {
        (None, TopicChange::Create { partitions, configs }) => {
            Some(TopicSeen { partitions: *partitions, configs: configs.clone() })
        }
        // Refused where it is too late.
        (Some(seen), TopicChange::Create { .. }) => Some(seen.clone()),
        (_, TopicChange::Delete) | (None, TopicChange::Grow { .. } | TopicChange::Configure { .. }) => None,
        (Some(seen), TopicChange::Grow { partitions }) => {
            Some(TopicSeen { partitions: seen.partitions.max(*partitions), ..seen.clone() })
        }
        (Some(seen), TopicChange::Configure { key, value }) => {
            let mut seen = seen.clone();
            match value {
                Some(value) => seen.configs.insert(key.clone(), value.clone()),
                None => seen.configs.remove(key),
            };
            Some(seen)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::SimTime;

    fn change(change: TopicChange, done: Done, began: u64) -> TopicChanged {
        TopicChanged { topic: "t".to_owned(), change, done, began: SimTime(began), ended: SimTime(began + 5) }
    }

    fn create(done: Done, began: u64) -> TopicChanged {
        change(TopicChange::Create { partitions: 2, configs: BTreeMap::new() }, done, began)
    }

    fn check(changes: Vec<TopicChanged>, partitions: Option<i32>, key: Option<&str>) -> Result<(), String> {
        let configs = key.map(|value| ("retention.ms".to_owned(), value.to_owned())).into_iter().collect();
        let seen = partitions.map(|partitions| TopicSeen { partitions, configs });
        let (began, ended) = (SimTime(100), SimTime(101));
        let look = TopicLook { topic: "t".to_owned(), seen, since: began, began, ended };
        topics_are_what_was_made_of_them(&Events {
            topic_changes: changes,
            topic_looks: vec![look],
            ..Events::default()
        })
    }

    #[test]
    fn a_topic_that_went_or_came_by_itself_is_found() {
        assert_eq!(check(vec![], None, None), Ok(()));
        assert!(check(vec![], Some(2), None).is_err(), "nobody made it");
        assert_eq!(check(vec![create(Done::Yes, 10)], Some(2), None), Ok(()));
        assert!(check(vec![create(Done::Yes, 10)], None, None).unwrap_err().contains("was None"));
        assert!(check(vec![create(Done::Refused, 10)], Some(2), None).is_err());
        for partitions in [None, Some(2)] {
            assert_eq!(check(vec![create(Done::Unknown, 10)], partitions, None), Ok(()));
            assert_eq!(check(vec![create(Done::Yes, 98)], partitions, None), Ok(()), "meanwhile");
        }
        let deleted = vec![create(Done::Yes, 10), change(TopicChange::Delete, Done::Yes, 20)];
        assert_eq!(check(deleted.clone(), None, None), Ok(()));
        assert!(check(deleted, Some(2), None).is_err());
    }

    #[test]
    fn of_several_nodes_each_may_tell_its_part() {
        let configs = |value: &str| BTreeMap::from([("retention.ms".to_owned(), value.to_owned())]);
        let made = |partitions, value, began| {
            change(TopicChange::Create { partitions, configs: configs(value) }, Done::Yes, began)
        };
        let changes = [made(3, "5", 10), change(TopicChange::Delete, Done::Yes, 20), made(1, "7", 95)];
        let all: Vec<&TopicChanged> = changes.iter().collect();
        let look = |partitions, value| TopicLook {
            topic: "t".to_owned(),
            seen: Some(TopicSeen { partitions, configs: configs(value) }),
            since: SimTime(12),
            began: SimTime(100),
            ended: SimTime(101),
        };
        assert!(one(&look(3, "7"), &all, false).is_err());
        assert_eq!(one(&look(3, "7"), &all, true), Ok(()));
        assert!(one(&look(2, "7"), &all, true).is_err());
        assert!(one(&look(3, "9"), &all, true).is_err());
    }

    #[test]
    fn lost_partitions_and_configs_are_found() {
        let set = |value: Option<&str>| TopicChange::Configure {
            key: "retention.ms".to_owned(),
            value: value.map(str::to_owned),
        };
        let grown = vec![create(Done::Yes, 10), change(TopicChange::Grow { partitions: 3 }, Done::Yes, 20)];
        assert_eq!(check(grown.clone(), Some(3), None), Ok(()));
        assert!(check(grown, Some(2), None).is_err());
        let configured = vec![create(Done::Yes, 10), change(set(Some("5")), Done::Yes, 20)];
        assert_eq!(check(configured.clone(), Some(2), Some("5")), Ok(()));
        assert!(check(configured.clone(), Some(2), None).is_err());
        let unset = [configured, vec![change(set(None), Done::Unknown, 30)]].concat();
        assert_eq!(check(unset.clone(), Some(2), Some("5")), Ok(()));
        assert_eq!(check(unset.clone(), Some(2), None), Ok(()));
        let later = [unset, vec![change(set(Some("7")), Done::Yes, 40)]].concat();
        assert_eq!(check(later.clone(), Some(2), Some("7")), Ok(()));
        assert_eq!(check(later.clone(), Some(2), None), Ok(()), "the unset came late");
        assert!(check(later, Some(2), Some("5")).is_err());
    }
}
