//! I20: after a failed sync nothing more is acknowledged, and the process steps down (Rebello et al., "Can
//! Applications Recover from fsync Failures?", ATC 2020).
use std::time::Duration;

use crate::scenarios::Violation;
use crate::scenarios::broker::history::{Events, FailedSync, Fate};
use crate::time::SimTime;

/// Within this time a process whose journal failed has ended.
const STEPS_DOWN: Duration = Duration::from_secs(60);

/// Something durable that was asked for at `began` is acknowledged at `ended`: by no process whose journal had failed.
pub(super) fn acknowledged_in_time(
    events: &Events,
    began: SimTime,
    ended: SimTime,
    what: impl std::fmt::Display,
) -> Result<(), Violation> {
    let mut failed = events.failed_syncs.iter().filter(|failed| failed.run_ended.is_none());
    match failed.find(|failed| failed.time < began) {
        None => Ok(()),
        Some(failed) => Err(Violation::new(
            "I20-acknowledged-after-failed-sync",
            format!(
                "the journal failed at {}; {what}, sent at {began}, was acknowledged at {ended} by the same process",
                failed.time
            ),
        )),
    }
}

pub(super) fn a_failed_sync_ends_all_promises(events: &Events, now: SimTime) -> Result<(), String> {
    for FailedSync { time, run_ended } in &events.failed_syncs {
        let ended = run_ended.unwrap_or(now);
        if ended.since(*time) > STEPS_DOWN {
            return Err(format!("the journal failed at {time}, and at {ended} the process still ran"));
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
            history.failed_syncs = vec![FailedSync { time: SimTime(100), run_ended: run_ended.map(SimTime) }];
            a_failed_sync_ends_all_promises(&history, SimTime(120_000_000_000))
        };
        assert_eq!(check(90, 110, Some(200)), Ok(()), "sent before");
        assert_eq!(check(150, 250, Some(200)), Ok(()), "by the next process");
        assert!(check(150, 160, Some(200)).unwrap_err().contains("was acknowledged at"));
        assert!(check(90, 110, None).unwrap_err().contains("still ran"));
    }
}
