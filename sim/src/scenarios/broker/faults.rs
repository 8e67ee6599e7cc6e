//! What goes wrong, as data: a list of times and actions, drawn from the seed. After none of them may a record
//! be lost that was acknowledged.
use std::time::Duration;

use super::machine::Machine;
use super::plan::{Plan, index};
use crate::cluster::{Cluster, NodeHandle};
use crate::disk::FaultyOp;
use crate::rng::Stream;

/// A kind of faults that is on or off for a whole run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Family {
    Power,
    Crash,
    Stop,
    Pause,
    Reset,
    Partition,
    Latency,
    FailedSync,
    DiskErrors,
    Full,
    SlowDisk,
    Clock,
}

impl Family {
    pub(super) const ALL: [Family; 12] = [
        Family::Power,
        Family::Crash,
        Family::Stop,
        Family::Pause,
        Family::Reset,
        Family::Partition,
        Family::Latency,
        Family::FailedSync,
        Family::DiskErrors,
        Family::Full,
        Family::SlowDisk,
        Family::Clock,
    ];

    /// Whether the broker may refuse to start for it.
    pub(super) fn is_of_disk(self) -> bool {
        matches!(self, Family::FailedSync | Family::DiskErrors | Family::Full)
    }
}

/// One change for the worse or the better. A client is meant by its place in the list of clients.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Action {
    /// The broker's machine loses its power.
    PowerFail,
    /// The broker's process is killed.
    Crash,
    /// The broker is asked to stop.
    Stop,
    /// The broker is started if it is down.
    Start,
    Pause,
    Resume,
    Reset {
        client: usize,
    },
    CutTo {
        client: usize,
    },
    CutFrom {
        client: usize,
    },
    Mend {
        client: usize,
    },
    Latency {
        client: usize,
        by: Duration,
    },
    Disk {
        op: FaultyOp,
        prefix: &'static str,
        times: u32,
    },
    ClearDisk,
    /// So many bytes more than nothing fit on the disk.
    Capacity(u64),
    Slow(u32),
    Stall(Duration),
    /// The broker's wall clock (`None`) or a client's.
    Jump {
        client: Option<usize>,
        ms: i64,
    },
    Drift {
        client: Option<usize>,
        ppm: i32,
    },
}

/// When, from the start of the faults, and what.
pub(super) type Schedule = Vec<(Duration, Action)>;

/// What the disk holds when it is not full.
const ROOM: u64 = 1 << 30;

/// Draws a schedule in which nothing lasts beyond the plan's time.
pub(super) fn draw(plan: &Plan, clients: usize, rng: &mut Stream) -> Schedule {
    let mut schedule = Schedule::new();
    if plan.families.is_empty() {
        return schedule;
    }
    // From one fault in five seconds to ten in a second.
    let between = rng.duration(Duration::from_millis(100), Duration::from_secs(5));
    let mut time = rng.duration(Duration::ZERO, between);
    while time < plan.chaos {
        let family = plan.families[index(rng, plan.families.len())];
        let lasts = rng.duration(Duration::from_millis(1), Duration::from_millis(4000));
        let end = (time + lasts).min(plan.chaos);
        for (when, action) in draw_one(family, clients, rng) {
            schedule.push((if when == When::Now { time } else { end }, action));
        }
        time += rng.duration(Duration::from_micros(10), between * 2);
    }
    schedule.sort_by_key(|(time, _)| *time);
    schedule
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum When {
    Now,
    Later,
}

fn draw_one(family: Family, clients: usize, rng: &mut Stream) -> Vec<(When, Action)> {
    use When::{Later, Now};
    let client = index(rng, clients);
    let times = u32::try_from(rng.between(1, 3)).unwrap_or(1);
    match family {
        Family::Power => vec![(Now, Action::PowerFail), (Later, Action::Start)],
        Family::Crash => vec![(Now, Action::Crash), (Later, Action::Start)],
        Family::Stop => vec![(Now, Action::Stop)],
        Family::Pause => vec![(Now, Action::Pause), (Later, Action::Resume)],
        Family::Reset => vec![(Now, Action::Reset { client })],
        Family::Partition => {
            let mut actions = vec![(Later, Action::Mend { client })];
            let directions = rng.between(1, 3);
            if directions & 1 != 0 {
                actions.push((Now, Action::CutTo { client }));
            }
            if directions & 2 != 0 {
                actions.push((Now, Action::CutFrom { client }));
            }
            actions
        }
        Family::Latency => {
            let by = rng.duration(Duration::from_millis(1), Duration::from_millis(1500));
            vec![
                (Now, Action::Latency { client, by }),
                (Later, Action::Latency { client, by: Duration::ZERO }),
            ]
        }
        Family::FailedSync => {
            let prefix = ["journal/", "journal/", "logs/", "checkpoint", ""][index(rng, 5)];
            vec![(Now, Action::Disk { op: FaultyOp::Sync, prefix, times }), (Later, Action::ClearDisk)]
        }
        Family::DiskErrors => {
            let op = [FaultyOp::Read, FaultyOp::Write, FaultyOp::Names][index(rng, 3)];
            let prefix = ["journal/", "logs/", "checkpoint", ""][index(rng, 4)];
            vec![(Now, Action::Disk { op, prefix, times }), (Later, Action::ClearDisk)]
        }
        Family::Full => {
            vec![(Now, Action::Capacity(rng.between(0, 3 << 20))), (Later, Action::Capacity(ROOM))]
        }
        Family::SlowDisk => {
            let slow = u32::try_from(rng.between(2, 200)).unwrap_or(2);
            let stall = rng.duration(Duration::from_millis(1), Duration::from_millis(3000));
            let worse = if rng.chance(500) { Action::Slow(slow) } else { Action::Stall(stall) };
            vec![(Now, worse), (Later, Action::Slow(1))]
        }
        Family::Clock => {
            let client = rng.chance(300).then_some(client);
            let signed = |rng: &mut Stream, most: u64| {
                i64::try_from(rng.between(0, 2 * most)).unwrap_or(0) - i64::try_from(most).unwrap_or(0)
            };
            let far = [100, 20_000, 10 * 86_400_000][index(rng, 3)];
            let ms = signed(rng, far);
            let ppm = i32::try_from(signed(rng, 200_000)).unwrap_or(0);
            vec![
                (Now, Action::Jump { client, ms }),
                (Now, Action::Drift { client, ppm }),
                (Later, Action::Drift { client, ppm: 0 }),
            ]
        }
    }
}

/// Lets a schedule happen.
pub(super) async fn run(cluster: &Cluster, machine: &Machine, clients: &[NodeHandle], schedule: &Schedule) {
    let began = cluster.now();
    for (time, action) in schedule {
        let wait = time.saturating_sub(cluster.now().since(began));
        cluster.sleep(wait).await;
        apply(cluster, machine, clients, action);
    }
}

fn apply(cluster: &Cluster, machine: &Machine, clients: &[NodeHandle], action: &Action) {
    let node = machine.node();
    let clock = |client: Option<usize>| client.map_or_else(|| node.clock(), |client| clients[client].clock());
    match *action {
        Action::PowerFail => machine.power_fail(),
        Action::Crash => machine.crash(),
        Action::Stop => machine.stop(),
        Action::Start => machine.start(),
        Action::Pause => machine.pause(),
        Action::Resume => machine.resume(),
        Action::Reset { client } => cluster.net().reset_streams(node.index(), clients[client].index()),
        Action::CutTo { client } => cluster.net().cut(node.index(), clients[client].index()),
        Action::CutFrom { client } => cluster.net().cut(clients[client].index(), node.index()),
        Action::Mend { client } => {
            cluster.net().mend(node.index(), clients[client].index());
            cluster.net().mend(clients[client].index(), node.index());
        }
        Action::Latency { client, by } => {
            cluster.net().slow(node.index(), clients[client].index(), by);
            cluster.net().slow(clients[client].index(), node.index(), by);
        }
        Action::Disk { op, prefix, times } => node.disk().fail(op, prefix, times),
        Action::ClearDisk => node.disk().clear_faults(),
        Action::Capacity(bytes) => node.disk().set_capacity(bytes),
        Action::Slow(times) => node.disk().slow(times),
        Action::Stall(duration) => node.disk().stall(duration),
        Action::Jump { client, ms } => clock(client).jump(ms),
        Action::Drift { client, ppm } => clock(client).drift(ppm),
    }
}

/// Makes everything good again.
pub(super) fn heal(cluster: &Cluster, machine: &Machine, clients: &[NodeHandle]) {
    cluster.note(format_args!("heal"));
    cluster.net().heal();
    let node = machine.node();
    for client in clients {
        cluster.net().slow(node.index(), client.index(), Duration::ZERO);
        cluster.net().slow(client.index(), node.index(), Duration::ZERO);
        client.clock().drift(0);
    }
    node.clock().drift(0);
    node.disk().clear_faults();
    node.disk().set_capacity(ROOM);
    machine.resume();
    machine.start();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_lasts_beyond_the_chaos_and_every_family_occurs() {
        let mut rng = Stream::new(1, "test", "faults", 0);
        let mut plan = Plan::draw(&mut rng);
        plan.families = Family::ALL.to_vec();
        let mut drawn = String::new();
        for _ in 0..50 {
            let schedule = draw(&plan, 3, &mut rng);
            assert!(schedule.iter().all(|(time, _)| *time <= plan.chaos));
            assert!(schedule.is_sorted_by_key(|(time, _)| *time));
            drawn.push_str(&format!("{schedule:?}"));
        }
        for word in ["PowerFail", "Crash", "Stop", "Pause", "Reset", "CutTo", "Latency", "Sync", "Names"] {
            assert!(drawn.contains(word), "{word}");
        }
    }
}
