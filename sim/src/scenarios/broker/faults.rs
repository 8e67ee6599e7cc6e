//! What goes wrong, as data: a list of times and actions, drawn from the seed. After none of them may a record
//! be lost that was acknowledged.
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::machine::Machine;
use super::plan::{BROKER, index};
use crate::cluster::{Cluster, NodeHandle};
use crate::disk::FaultyOp;
use crate::faults::{Fault, TimedFault};
use crate::rng::Stream;
use crate::world::NodeIndex;

/// A kind of faults that is on or off for a whole run.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
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

/// What the disk holds when it is not full.
const ROOM: u64 = 1 << 30;

/// Draws a schedule in which nothing lasts beyond `chaos`.
pub(super) fn draw(
    families: &[Family],
    chaos: Duration,
    clients: &[String],
    rng: &mut Stream,
) -> Vec<TimedFault> {
    let mut schedule = Vec::new();
    if families.is_empty() {
        return schedule;
    }
    let mut add = |at: Duration, fault: Fault| {
        schedule.push(TimedFault { at_us: u64::try_from(at.as_micros()).unwrap_or(u64::MAX), fault });
    };
    // From one fault in five seconds to ten in a second.
    let between = rng.duration(Duration::from_millis(100), Duration::from_secs(5));
    let mut time = rng.duration(Duration::ZERO, between);
    while time < chaos {
        let family = families[index(rng, families.len())];
        let lasts = rng.duration(Duration::from_millis(1), Duration::from_millis(4000));
        let end = (time + lasts).min(chaos);
        for (when, fault) in draw_one(family, clients, rng) {
            add(if when == When::Now { time } else { end }, fault);
        }
        time += rng.duration(Duration::from_micros(10), between * 2);
    }
    schedule.sort_by_key(|fault| fault.at_us);
    schedule
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum When {
    Now,
    Later,
}

fn draw_one(family: Family, clients: &[String], rng: &mut Stream) -> Vec<(When, Fault)> {
    use When::{Later, Now};
    let node = || BROKER.to_owned();
    let client = clients[index(rng, clients.len())].clone();
    let times = u32::try_from(rng.between(1, 3)).unwrap_or(1);
    match family {
        Family::Power => {
            vec![(Now, Fault::PowerFail { node: node() }), (Later, Fault::Start { node: node() })]
        }
        Family::Crash => vec![(Now, Fault::Crash { node: node() }), (Later, Fault::Start { node: node() })],
        Family::Stop => vec![(Now, Fault::Stop { node: node() })],
        Family::Pause => vec![(Now, Fault::Pause { node: node() }), (Later, Fault::Resume { node: node() })],
        Family::Reset => vec![(Now, Fault::Reset { a: node(), b: client })],
        Family::Partition => draw_partition(client, rng),
        Family::Latency => {
            let by = rng.duration(Duration::from_millis(1), Duration::from_millis(1500));
            let by_us = u64::try_from(by.as_micros()).unwrap_or(0);
            let late = |by_us| Fault::Latency { a: node(), b: client.clone(), by_us };
            vec![(Now, late(by_us)), (Later, late(0))]
        }
        Family::FailedSync => {
            let prefix = ["journal/", "journal/", "logs/", "checkpoint", ""][index(rng, 5)].to_owned();
            let fault = Fault::Disk { node: node(), op: FaultyOp::Sync, prefix, times };
            vec![(Now, fault), (Later, Fault::ClearDisk { node: node() })]
        }
        Family::DiskErrors => {
            let op = [FaultyOp::Read, FaultyOp::Write, FaultyOp::Names][index(rng, 3)];
            let prefix = ["journal/", "logs/", "checkpoint", ""][index(rng, 4)].to_owned();
            let fault = Fault::Disk { node: node(), op, prefix, times };
            vec![(Now, fault), (Later, Fault::ClearDisk { node: node() })]
        }
        Family::Full => {
            let room = |bytes| Fault::Capacity { node: node(), bytes };
            vec![(Now, room(rng.between(0, 3 << 20))), (Later, room(ROOM))]
        }
        Family::SlowDisk => draw_slow_disk(rng),
        Family::Clock => {
            let node = if rng.chance(300) { client } else { node() };
            draw_clock(&node, rng)
        }
    }
}

fn draw_partition(client: String, rng: &mut Stream) -> Vec<(When, Fault)> {
    let broker = || BROKER.to_owned();
    let directions = rng.between(1, 3);
    let mut faults = Vec::new();
    if directions & 1 != 0 {
        faults.push((When::Now, Fault::Cut { from: broker(), to: client.clone() }));
    }
    if directions & 2 != 0 {
        faults.push((When::Now, Fault::Cut { from: client.clone(), to: broker() }));
    }
    faults.push((When::Later, Fault::Mend { a: broker(), b: client }));
    faults
}

fn draw_slow_disk(rng: &mut Stream) -> Vec<(When, Fault)> {
    let node = || BROKER.to_owned();
    let times = u32::try_from(rng.between(2, 200)).unwrap_or(2);
    let stall = rng.duration(Duration::from_millis(1), Duration::from_millis(3000));
    let for_us = u64::try_from(stall.as_micros()).unwrap_or(0);
    let worse = if rng.chance(500) {
        Fault::Slow { node: node(), times }
    } else {
        Fault::Stall { node: node(), for_us }
    };
    vec![(When::Now, worse), (When::Later, Fault::Slow { node: node(), times: 1 })]
}

fn draw_clock(node: &str, rng: &mut Stream) -> Vec<(When, Fault)> {
    let signed = |rng: &mut Stream, most: u64| {
        i64::try_from(rng.between(0, 2 * most)).unwrap_or(0) - i64::try_from(most).unwrap_or(0)
    };
    let node = || node.to_owned();
    let far = [100, 20_000, 10 * 86_400_000][index(rng, 3)];
    let ms = signed(rng, far);
    let ppm = i32::try_from(signed(rng, 200_000)).unwrap_or(0);
    vec![
        (When::Now, Fault::Jump { node: node(), ms }),
        (When::Now, Fault::Drift { node: node(), ppm }),
        (When::Later, Fault::Drift { node: node(), ppm: 0 }),
    ]
}

/// Lets a schedule happen, and waits until `duration` is over.
pub(super) async fn run(
    cluster: &Cluster,
    machine: &Machine,
    clients: &[NodeHandle],
    schedule: &[TimedFault],
    duration: Duration,
) {
    let began = cluster.now();
    for timed in schedule {
        let wait = Duration::from_micros(timed.at_us).saturating_sub(cluster.now().since(began));
        cluster.sleep(wait).await;
        apply(cluster, machine, clients, &timed.fault);
    }
    cluster.sleep(duration.saturating_sub(cluster.now().since(began))).await;
}

fn apply(cluster: &Cluster, machine: &Machine, clients: &[NodeHandle], fault: &Fault) {
    let broker = machine.node();
    let find = |name: &str| std::iter::once(broker).chain(clients).find(|node| node.name() == name);
    let on = |name: &str, job: &dyn Fn(&NodeHandle)| {
        if let Some(node) = find(name) {
            job(node);
        }
    };
    let between = |a: &str, b: &str, job: &dyn Fn(NodeIndex, NodeIndex)| {
        if let (Some(a), Some(b)) = (find(a), find(b)) {
            job(a.index(), b.index());
        }
    };
    let net = cluster.net();
    match fault {
        Fault::PowerFail { node } if node == BROKER => machine.power_fail(),
        Fault::Crash { node } if node == BROKER => machine.crash(),
        Fault::Stop { node } if node == BROKER => machine.stop(),
        Fault::Start { node } if node == BROKER => machine.start(),
        Fault::Pause { node } if node == BROKER => machine.pause(),
        Fault::Resume { node } if node == BROKER => machine.resume(),
        Fault::PowerFail { node } => on(node, &|node| {
            if node.is_running() {
                node.power_fail();
            }
        }),
        Fault::Crash { node } => on(node, &|node| {
            if node.is_running() {
                node.crash();
            }
        }),
        Fault::Start { node } => on(node, &|node| {
            if !node.is_running() {
                node.restart();
            }
        }),
        // Of the broker alone.
        Fault::Stop { .. } | Fault::Pause { .. } | Fault::Resume { .. } => {}
        Fault::Reset { a, b } => between(a, b, &|a, b| net.reset_streams(a, b)),
        Fault::Cut { from, to } => between(from, to, &|from, to| net.cut(from, to)),
        Fault::Mend { a, b } => between(a, b, &|a, b| {
            net.mend(a, b);
            net.mend(b, a);
        }),
        Fault::Latency { a, b, by_us } => between(a, b, &|a, b| {
            net.slow(a, b, Duration::from_micros(*by_us));
            net.slow(b, a, Duration::from_micros(*by_us));
        }),
        Fault::Disk { node, op, prefix, times } => on(node, &|node| node.disk().fail(*op, prefix, *times)),
        Fault::ClearDisk { node } => on(node, &|node| node.disk().clear_faults()),
        Fault::Capacity { node, bytes } => on(node, &|node| node.disk().set_capacity(*bytes)),
        Fault::Slow { node, times } => on(node, &|node| node.disk().slow(*times)),
        Fault::Stall { node, for_us } => {
            on(node, &|node| node.disk().stall(Duration::from_micros(*for_us)));
        }
        Fault::Jump { node, ms } => on(node, &|node| node.clock().jump(*ms)),
        Fault::Drift { node, ppm } => on(node, &|node| node.clock().drift(*ppm)),
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
        if !client.is_running() {
            client.restart();
        }
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
        let chaos = Duration::from_secs(20);
        let clients = ["reader-0".to_owned(), "admin".to_owned()];
        let mut drawn = String::new();
        for _ in 0..50 {
            let schedule = draw(&Family::ALL, chaos, &clients, &mut rng);
            assert!(schedule.iter().all(|fault| fault.at_us <= 20_000_000));
            assert!(schedule.is_sorted_by_key(|fault| fault.at_us));
            drawn.push_str(&format!("{schedule:?}"));
        }
        for word in ["PowerFail", "Crash", "Stop", "Pause", "Reset", "Cut", "Latency", "Sync", "Names"] {
            assert!(drawn.contains(word), "{word}");
        }
    }
}
