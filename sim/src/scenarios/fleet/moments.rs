//! What goes wrong with nodes at moments that a time alone hardly ever meets: between two awaits of their code, where no simulated time
//! passes (so between two sends of one broadcast, or between what is durable and whoever is told of it); inside a write of the journal, so
//! that the next process finds what the page cache alone has; and inside a start. Owns how these are drawn; how they are done to the
//! nodes stands in `faults`. Nothing is destroyed by them but what was never synced.
use std::time::Duration;

use super::faults::draw_times;
use crate::disk::FaultyOp;
use crate::faults::{Death, Fault, Moment, TimedFault, micros};
use crate::rng::Stream;

/// How many runs have such faults.
const MOMENTS_PER_MILLE: u32 = 400;
/// How long a moment is waited for, and the node is down, at most.
const LONGEST: Duration = Duration::from_secs(4);
/// A busy node polls its tasks so often in some ten milliseconds.
const POLLS_MAX: u64 = 400;
/// So many writes of the journal are let through at most.
const WRITES_MAX: u64 = 40;
/// So many operations of a start are let through at most.
const OPERATIONS_MAX: u64 = 20;
/// The power fails so long after the start behind a death inside a commit: others have been told by then what that start has found.
const FAILS_AFTER: (Duration, Duration) = (Duration::from_millis(5), Duration::from_secs(2));
/// And so long the machine is off.
const OFF: (Duration, Duration) = (Duration::from_millis(1), Duration::from_secs(2));

/// Where a process ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Inside {
    Awaits,
    Commit,
    Start,
}

const INSIDE: [Inside; 3] = [Inside::Awaits, Inside::Commit, Inside::Start];

/// Draws such faults in some runs.
pub(in crate::scenarios) fn draw_moments(
    rng: &mut Stream,
    nodes: &[String],
    duration: Duration,
) -> Vec<TimedFault> {
    let mut schedule = Vec::new();
    if !rng.chance(MOMENTS_PER_MILLE) {
        return schedule;
    }
    for _ in 0..rng.between(1, 8) {
        let (at, over) = draw_times(rng, duration, LONGEST);
        let node = rng.pick(nodes).clone();
        let mut add = |at: Duration, fault| schedule.push(TimedFault { at_us: micros(at), fault });
        match *rng.pick(&INSIDE) {
            Inside::Awaits => {
                let skip = draw_skip(rng, POLLS_MAX);
                add(at, Fault::PowerFailAtPoll { node: node.clone(), skip });
                add(over, Fault::Start { node });
            }
            // What the next process promises of what it has found has to be durable by then.
            Inside::Commit => {
                let write = |skip| Moment { op: FaultyOp::Write, prefix: "journal/".to_owned(), skip };
                let (first, second) = (write(draw_skip(rng, WRITES_MAX)), write(0));
                add(at, Fault::DieBetween { node: node.clone(), first, second, death: Death::Process });
                add(over, Fault::Start { node: node.clone() });
                let fails = over + rng.duration(FAILS_AFTER.0, FAILS_AFTER.1);
                add(fails, Fault::PowerFail { node: node.clone() });
                add(fails + rng.duration(OFF.0, OFF.1), Fault::Start { node });
            }
            Inside::Start => {
                let ends = match rng.chance(500) {
                    true => Fault::PowerFail { node: node.clone() },
                    false => Fault::Crash { node: node.clone() },
                };
                add(at, ends);
                let op = *rng.pick(&[FaultyOp::Write, FaultyOp::Sync, FaultyOp::Names]);
                let (prefix, skip) = (String::new(), draw_skip(rng, OPERATIONS_MAX));
                // Whoever is down does nothing: it waits for the start.
                add(over, Fault::PowerFailAt { node: node.clone(), op, prefix, skip });
                add(over, Fault::Start { node: node.clone() });
                add(over + rng.duration(OFF.0, OFF.1), Fault::Start { node });
            }
        }
    }
    schedule.sort_by_key(|timed| timed.at_us);
    schedule
}

fn draw_skip(rng: &mut Stream, most: u64) -> u32 {
    u32::try_from(rng.between(0, most)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHAOS: Duration = Duration::from_secs(20);
    const RUNS: usize = 400;

    /// What so many runs are given.
    fn drawn() -> Vec<Vec<TimedFault>> {
        let nodes: Vec<String> = (1..=5).map(|number| format!("n{number}")).collect();
        let mut rng = Stream::new(1, "test", "moments", 0);
        (0..RUNS).map(|_| draw_moments(&mut rng, &nodes, CHAOS)).collect()
    }

    fn starts<'a>(schedule: &'a [TimedFault], of: &'a str) -> impl Iterator<Item = u64> + 'a {
        let is_start = move |fault: &Fault| matches!(fault, Fault::Start { node } if node == of);
        schedule.iter().filter(move |timed| is_start(&timed.fault)).map(|timed| timed.at_us)
    }

    #[test]
    fn some_runs_have_each_of_them_and_all_is_started_again() {
        let all = drawn();
        let runs = all.iter().filter(|schedule| !schedule.is_empty()).count();
        assert!(runs.abs_diff(RUNS * 2 / 5) < RUNS / 10, "{runs} of {RUNS}");
        let (mut polls, mut commits, mut inside_starts) = (0, 0, 0);
        for schedule in &all {
            assert!(schedule.is_sorted_by_key(|timed| timed.at_us));
            for (place, timed) in schedule.iter().enumerate() {
                let node = match &timed.fault {
                    Fault::PowerFailAtPoll { node, .. } => {
                        polls += 1;
                        node
                    }
                    Fault::DieBetween { node, first, second, death } => {
                        commits += 1;
                        assert_eq!((*death, second.skip), (Death::Process, 0));
                        assert!(first.op == FaultyOp::Write && first.prefix == "journal/");
                        node
                    }
                    Fault::PowerFailAt { node, prefix, .. } => {
                        inside_starts += 1;
                        assert!(prefix.is_empty());
                        let next = schedule[place..].iter().find(
                            |next| matches!(&next.fault, Fault::Start { node: started } if started == node),
                        );
                        assert_eq!(next.map(|next| next.at_us), Some(timed.at_us), "it waits for the start");
                        node
                    }
                    Fault::PowerFail { node } | Fault::Crash { node } | Fault::Start { node } => node,
                    other => panic!("no moment: {other:?}"),
                };
                let begins = starts(schedule, node).any(|start| start >= timed.at_us);
                assert!(begins, "{timed:?} is not over");
            }
        }
        assert!(polls > 50 && commits > 50 && inside_starts > 50, "{polls}, {commits}, {inside_starts}");
    }

    #[test]
    fn the_power_fails_soon_after_the_start_behind_a_death_inside_a_commit() {
        for schedule in drawn() {
            for timed in &schedule {
                let Fault::DieBetween { node: died, .. } = &timed.fault else { continue };
                let soon = |start: u64| {
                    let window = start + micros(FAILS_AFTER.0)..=start + micros(FAILS_AFTER.1);
                    schedule.iter().any(|next| {
                        matches!(&next.fault, Fault::PowerFail { node } if node == died)
                            && window.contains(&next.at_us)
                    })
                };
                let found = starts(&schedule, died).filter(|start| *start >= timed.at_us).any(soon);
                assert!(found, "{timed:?}");
            }
        }
    }
}
