//! I20: after a failed sync nothing more is acknowledged, and the process steps down (Rebello et al., "Can
//! Applications Recover from fsync Failures?", ATC 2020).
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::scenarios::broker::history::{Events, FailedSync, Fate};
use crate::time::SimTime;
use crate::world::NodeIndex;

/// Within this time a process whose journal failed has ended.
const STEPS_DOWN: Duration = Duration::from_secs(60);

/// Something durable that was asked for at `began` is acknowledged at `ended`, by one of those: not by a process whose journal had
/// failed before.
pub(super) fn acknowledged_in_time(
    events: &Events,
    by: &BTreeSet<NodeIndex>,
    (began, ended): (SimTime, SimTime),
    what: impl std::fmt::Display,
) -> Result<(), String> {
    let is_open = |failed: &&FailedSync| failed.run_ended.is_none() && failed.time < began;
    let failed: BTreeMap<NodeIndex, SimTime> =
        events.failed_syncs.iter().filter(is_open).map(|failed| (failed.node, failed.time)).collect();
    match failed.last_key_value() {
        Some((_, time)) if !by.is_empty() && by.iter().all(|node| failed.contains_key(node)) => Err(format!(
            "the journal failed at {time}; {what}, asked for at {began}, was acknowledged at {ended} by the same process"
        )),
        Some(_) | None => Ok(()),
    }
}

pub(super) fn a_failed_sync_ends_all_promises(events: &Events, now: SimTime) -> Result<(), String> {
    for FailedSync { node: _, time, run_ended } in &events.failed_syncs {
        let ended = run_ended.unwrap_or(now);
        if ended.since(*time) > STEPS_DOWN {
            return Err(format!("the journal failed at {time}, and at {ended} the process still ran"));
        }
        // Of several nodes another one may have answered.
        if events.several_nodes {
            continue;
        }
        let late = events.sent.iter().find(|(_, sent)| {
            matches!(sent.fate, Fate::Acknowledged(_)) && sent.began > *time && sent.ended < ended
        });
        if let Some((id, sent)) = late {
            return Err(format!(
                "the journal failed at {time}; {id}, sent at {}, was acknowledged at {} by the same process",
                sent.began, sent.ended
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{events, id};
    use super::*;

    #[test]
    fn an_acknowledgement_after_a_failed_sync_is_found() {
        let check = |began: u64, ended: u64, run_ended: Option<u64>| {
            let mut history = events(&[0], &[1]);
            let sent = history.sent.get_mut(&id(1)).unwrap();
            (sent.began, sent.ended) = (SimTime(began), SimTime(ended));
            history.failed_syncs = vec![FailedSync {
                node: NodeIndex(0),
                time: SimTime(100),
                run_ended: run_ended.map(SimTime),
            }];
            a_failed_sync_ends_all_promises(&history, SimTime(120_000_000_000))
        };
        assert_eq!(check(90, 110, Some(200)), Ok(()), "sent before");
        assert_eq!(check(150, 250, Some(200)), Ok(()), "by the next process");
        assert!(check(150, 160, Some(200)).unwrap_err().contains("was acknowledged at"));
        assert!(check(90, 110, None).unwrap_err().contains("still ran"));
    }

    #[test]
    fn of_several_nodes_only_those_count_that_may_have_answered() {
        let failed = |node, time, run_ended: Option<u64>| FailedSync {
            node: NodeIndex(node),
            time: SimTime(time),
            run_ended: run_ended.map(SimTime),
        };
        let history = Events {
            failed_syncs: vec![failed(1, 100, None), failed(2, 100, Some(110)), failed(3, 130, None)],
            several_nodes: true,
            ..Events::default()
        };
        let check = |by: &[u32], began| {
            let by = by.iter().copied().map(NodeIndex).collect();
            acknowledged_in_time(&history, &by, (SimTime(began), SimTime(150)), "it").is_err()
        };
        assert!(check(&[1], 120));
        assert!(!check(&[1], 90), "asked before");
        assert!(!check(&[2], 120), "by the next process");
        assert!(!check(&[1, 2], 120), "one of them may have answered");
        assert!(!check(&[1, 3], 120) && check(&[1, 3], 140));
        assert!(!check(&[], 140), "nobody is known to have answered");
    }
}
