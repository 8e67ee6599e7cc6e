//! What goes wrong among the nodes, as data, and how it is done to them. Any number of nodes may lose their power or be cut
//! off at once: what they hold durably comes back. Disks are lost for good on as many as the scenario allows. What runs on
//! the clients' machines, and what is between them and the nodes, can suffer, too.
use std::time::Duration;

use ordain::types::NodeId;

use super::{Fleet, links};
use crate::cluster::{Cluster, NodeHandle};
use crate::disk::{FaultyOp, PowerLoss};
use crate::faults::{Death, Fault, ROOM, TimedFault, micros, play_all, strike};
use crate::rng::Stream;
use crate::world::NodeIndex;

/// What a run can suffer from; about half of it is off in each.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Power,
    Crash,
    Pause,
    Isolated,
    OneWay,
    Bridge,
    Reset,
    Latency,
    FailedSync,
    Stall,
    SlowDisk,
    Clock,
    Wipe,
    AllPower,
    PowerAt,
    Blinks,
    StallThenPower,
    Usurped,
}

const KINDS: [Kind; 18] = [
    Kind::Power,
    Kind::Crash,
    Kind::Pause,
    Kind::Isolated,
    Kind::OneWay,
    Kind::Bridge,
    Kind::Reset,
    Kind::Latency,
    Kind::FailedSync,
    Kind::Stall,
    Kind::SlowDisk,
    Kind::Clock,
    Kind::Wipe,
    Kind::AllPower,
    Kind::PowerAt,
    Kind::Blinks,
    Kind::StallThenPower,
    Kind::Usurped,
];

/// What troubles there may be.
#[derive(Clone, Copy)]
pub(in crate::scenarios) struct Troubles<'a> {
    pub(in crate::scenarios) nodes: &'a [String],
    /// Whom of them those befall that befall one.
    pub(in crate::scenarios) struck: &'a [String],
    /// How many there are, at least and at most.
    pub(in crate::scenarios) count: (u64, u64),
    /// How many disks may be lost.
    pub(in crate::scenarios) wipes: usize,
}

/// Draws troubles that begin at any time, last for a while and overlap.
///
/// `wipes` of the disks may be lost.
pub(in crate::scenarios) fn draw(
    rng: &mut Stream,
    nodes: &[String],
    wipes: usize,
    duration: Duration,
) -> Vec<TimedFault> {
    draw_troubles(rng, Troubles { nodes, struck: nodes, count: (2, 24), wipes }, duration)
}

/// The same of some nodes, or of fewer troubles.
pub(in crate::scenarios) fn draw_troubles(
    rng: &mut Stream,
    troubles: Troubles<'_>,
    duration: Duration,
) -> Vec<TimedFault> {
    let Troubles { nodes, struck, count: (fewest, most), mut wipes } = troubles;
    let kinds: Vec<Kind> = KINDS.into_iter().filter(|_| rng.chance(500)).collect();
    if kinds.is_empty() {
        return Vec::new();
    }
    let mut wiped: Vec<String> = Vec::new();
    let mut schedule = Vec::new();
    for _ in 0..rng.between(fewest, most) {
        let at = rng.duration(Duration::from_millis(1), duration);
        let lasts = rng.duration(Duration::from_millis(1), Duration::from_secs(8));
        let kind = *rng.pick(&kinds);
        let node = rng.pick(struck).clone();
        let mut add = |at: Duration, fault| schedule.push(TimedFault { at_us: micros(at), fault });
        let over = at + lasts;
        match kind {
            Kind::Power | Kind::Crash => {
                let down = match kind {
                    Kind::Power => Fault::PowerFail { node: node.clone() },
                    _ => Fault::Crash { node: node.clone() },
                };
                add(at, down);
                add(over, Fault::Start { node });
            }
            Kind::AllPower => {
                for node in nodes {
                    add(at, Fault::PowerFail { node: node.clone() });
                    let later = rng.duration(Duration::ZERO, lasts);
                    add(at + later, Fault::Start { node: node.clone() });
                }
            }
            Kind::Pause => {
                add(at, Fault::Pause { node: node.clone() });
                add(over, Fault::Resume { node });
            }
            Kind::Isolated => {
                for other in nodes.iter().filter(|other| **other != node) {
                    add(at, Fault::Cut { from: node.clone(), to: other.clone() });
                    add(at, Fault::Cut { from: other.clone(), to: node.clone() });
                    add(over, Fault::Mend { a: node.clone(), b: other.clone() });
                }
            }
            Kind::OneWay => {
                let other = rng.pick(nodes).clone();
                add(at, Fault::Cut { from: node.clone(), to: other.clone() });
                add(over, Fault::Mend { a: node, b: other });
            }
            Kind::Bridge => {
                // One node hears all; the others are in two groups.
                let others: Vec<&String> = nodes.iter().filter(|other| **other != node).collect();
                let (left, right) = others.split_at(others.len() / 2);
                for (a, b) in left.iter().flat_map(|a| right.iter().map(move |b| (*a, *b))) {
                    add(at, Fault::Cut { from: a.clone(), to: b.clone() });
                    add(at, Fault::Cut { from: b.clone(), to: a.clone() });
                    add(over, Fault::Mend { a: a.clone(), b: b.clone() });
                }
            }
            Kind::Reset => {
                let other = rng.pick(nodes).clone();
                add(at, Fault::Reset { a: node, b: other });
            }
            Kind::Latency => {
                let by_us = rng.between(1_000, 300_000);
                let other = rng.pick(nodes).clone();
                add(at, Fault::Latency { a: node.clone(), b: other.clone(), by_us });
                add(over, Fault::Latency { a: node, b: other, by_us: 0 });
            }
            Kind::FailedSync => {
                let prefix = "journal/".to_owned();
                add(at, Fault::Disk { node, op: FaultyOp::Sync, prefix, times: 1 });
            }
            Kind::Stall => add(at, Fault::Stall { node, for_us: micros(lasts) }),
            Kind::SlowDisk => {
                let times = u32::try_from(rng.between(2, 200)).unwrap_or(2);
                add(at, Fault::Slow { node: node.clone(), times });
                add(over, Fault::Slow { node, times: 1 });
            }
            Kind::Clock => {
                let ms = i64::try_from(rng.between(0, 200_000)).unwrap_or(0) - 100_000;
                let ppm = i32::try_from(rng.between(0, 100_000)).unwrap_or(0) - 50_000;
                add(at, Fault::Jump { node: node.clone(), ms });
                add(at, Fault::Drift { node: node.clone(), ppm });
                add(over, Fault::Drift { node: node.clone(), ppm: 0 });
                if stands_still(rng) {
                    add(at, Fault::Freeze { node: node.clone(), frozen: true });
                    add(over, Fault::Freeze { node, frozen: false });
                }
            }
            Kind::PowerAt => {
                let op = *rng.pick(&[FaultyOp::Write, FaultyOp::Sync]);
                let skip = u32::try_from(rng.between(0, 40)).unwrap_or(0);
                let prefix = "journal/".to_owned();
                add(at, Fault::PowerFailAt { node: node.clone(), op, prefix, skip });
                add(over, Fault::Start { node });
            }
            // One or all lose their power again and again, for a moment: what was promised last is what is lost.
            Kind::Blinks => {
                let all = rng.chance(500);
                let mut then = at;
                for _ in 0..rng.between(2, 8) {
                    let down = rng.duration(Duration::from_millis(1), Duration::from_millis(300));
                    for other in nodes.iter().filter(|other| all || **other == node) {
                        add(then, Fault::PowerFail { node: other.clone() });
                        add(then + down, Fault::Start { node: other.clone() });
                    }
                    then += down + rng.duration(Duration::from_millis(50), Duration::from_millis(1500));
                }
            }
            // A majority has something in memory that its disks do not have, and loses it.
            Kind::StallThenPower => {
                let spared = rng.chance(700).then_some(node);
                let stalled = rng.duration(Duration::from_millis(200), Duration::from_secs(3));
                for other in nodes.iter().filter(|other| Some(*other) != spared.as_ref()) {
                    add(at, Fault::Stall { node: other.clone(), for_us: micros(stalled) });
                    let dies = at + rng.duration(Duration::from_millis(100), stalled);
                    add(dies, Fault::PowerFail { node: other.clone() });
                    add(
                        dies + rng.duration(Duration::from_millis(1), lasts),
                        Fault::Start { node: other.clone() },
                    );
                }
            }
            // One is cut off, perhaps a leader, and comes back after the others have gone on and lost their power, too.
            Kind::Usurped => {
                for other in nodes.iter().filter(|other| **other != node) {
                    add(at, Fault::Cut { from: node.clone(), to: other.clone() });
                    add(at, Fault::Cut { from: other.clone(), to: node.clone() });
                    add(over, Fault::Mend { a: node.clone(), b: other.clone() });
                }
                let second = rng.pick(nodes).clone();
                for other in nodes.iter().filter(|other| **other != node && **other != second) {
                    let dies = at + rng.duration(Duration::from_millis(600), Duration::from_secs(4));
                    add(dies, Fault::PowerFail { node: other.clone() });
                    add(
                        dies + rng.duration(Duration::from_millis(1), lasts),
                        Fault::Start { node: other.clone() },
                    );
                }
            }
            Kind::Wipe => {
                if wipes == 0 || wiped.contains(&node) {
                    continue;
                }
                wipes -= 1;
                wiped.push(node.clone());
                add(at, Fault::Wipe { node: node.clone() });
                add(over, Fault::Start { node });
            }
        }
    }
    schedule.sort_by_key(|timed| timed.at_us);
    schedule
}

/// When something begins to go wrong, and when it is over, at most so much later.
pub(super) fn draw_times(rng: &mut Stream, duration: Duration, longest: Duration) -> (Duration, Duration) {
    let at = rng.duration(Duration::from_millis(1), duration);
    (at, at + rng.duration(Duration::from_millis(1), longest))
}

/// How many runs have rings.
const RINGS_PER_MILLE: u32 = 250;

/// Draws rings in some runs: each node reaches its neighbours alone, or only the next one. Everybody may then hear of a majority
/// that is none.
pub(in crate::scenarios) fn draw_rings(
    rng: &mut Stream,
    nodes: &[String],
    duration: Duration,
) -> Vec<TimedFault> {
    let mut schedule = Vec::new();
    if !rng.chance(RINGS_PER_MILLE) {
        return schedule;
    }
    for _ in 0..rng.between(1, 4) {
        let (at, over) = draw_times(rng, duration, Duration::from_secs(8));
        // Of three, all are neighbours.
        let one_way = nodes.len() <= 3 || rng.chance(500);
        let order = rng.shuffled(nodes);
        let mut add = |at: Duration, fault| schedule.push(TimedFault { at_us: micros(at), fault });
        for (place, from) in order.iter().enumerate() {
            for (other, to) in order.iter().enumerate().filter(|(other, _)| *other != place) {
                let ahead = (other + order.len() - place) % order.len();
                if ahead == 1 || (!one_way && ahead == order.len() - 1) {
                    continue;
                }
                add(at, Fault::Cut { from: (*from).clone(), to: (*to).clone() });
                if place < other {
                    add(over, Fault::Mend { a: (*from).clone(), b: (*to).clone() });
                }
            }
        }
    }
    schedule.sort_by_key(|timed| timed.at_us);
    schedule
}

/// In how many runs something fails in the middle of what is written beside the journal.
const BESIDE_JOURNAL_PER_MILLE: u32 = 300;
/// Segments, checkpoints, the metadata's snapshots, and whatever comes next.
const BESIDE_JOURNAL: [&str; 4] = ["logs/", "checkpoint", "metadata/", ""];

/// Draws syncs that fail, and losses of power within operations, where files beside the journal are written: what is not durable there
/// the journal still has, and the metadata's log what a snapshot was to stand for.
pub(in crate::scenarios) fn draw_beside_journal(
    rng: &mut Stream,
    nodes: &[String],
    duration: Duration,
) -> Vec<TimedFault> {
    let mut schedule = Vec::new();
    if !rng.chance(BESIDE_JOURNAL_PER_MILLE) {
        return schedule;
    }
    for _ in 0..rng.between(1, 8) {
        let (at, over) = draw_times(rng, duration, Duration::from_secs(8));
        let (node, prefix) = (rng.pick(nodes).clone(), (*rng.pick(&BESIDE_JOURNAL)).to_owned());
        let mut add = |at: Duration, fault| schedule.push(TimedFault { at_us: micros(at), fault });
        if rng.chance(500) {
            let times = u32::try_from(rng.between(1, 3)).unwrap_or(1);
            add(at, Fault::Disk { node, op: FaultyOp::Sync, prefix, times });
        } else {
            let op = *rng.pick(&[FaultyOp::Write, FaultyOp::Sync, FaultyOp::Names]);
            let skip = u32::try_from(rng.between(0, 8)).unwrap_or(0);
            add(at, Fault::PowerFailAt { node: node.clone(), op, prefix, skip });
            add(over, Fault::Start { node });
        }
    }
    schedule.sort_by_key(|timed| timed.at_us);
    schedule
}

/// Whether a clock that goes wrong stands still instead. From a copy, and some way into it: the rest of the schedule is the same.
fn stands_still(rng: &Stream) -> bool {
    rng.aside(3).chance(300)
}

/// Draws what goes wrong with clients and between them and the nodes, and orderly stops of nodes.
pub(in crate::scenarios) fn draw_beside(
    rng: &mut Stream,
    nodes: &[String],
    clients: &[String],
    duration: Duration,
) -> Vec<TimedFault> {
    let kinds: Vec<Beside> = BESIDE.into_iter().filter(|_| rng.chance(500)).collect();
    let mut schedule = Vec::new();
    if kinds.is_empty() || clients.is_empty() {
        return schedule;
    }
    for _ in 0..rng.between(1, 16) {
        let (at, over) = draw_times(rng, duration, Duration::from_secs(6));
        let (a, b) = (rng.pick(nodes).clone(), rng.pick(clients).clone());
        let mut add = |at: Duration, fault| schedule.push(TimedFault { at_us: micros(at), fault });
        match *rng.pick(&kinds) {
            Beside::Cut => {
                let directions = rng.between(1, 3);
                if directions & 1 != 0 {
                    add(at, Fault::Cut { from: a.clone(), to: b.clone() });
                }
                if directions & 2 != 0 {
                    add(at, Fault::Cut { from: b.clone(), to: a.clone() });
                }
                add(over, Fault::Mend { a, b });
            }
            Beside::Reset => add(at, Fault::Reset { a, b }),
            Beside::Latency => {
                let by_us = rng.between(1_000, 1_500_000);
                add(at, Fault::Latency { a: a.clone(), b: b.clone(), by_us });
                add(over, Fault::Latency { a, b, by_us: 0 });
            }
            Beside::ClientDies => {
                let dies = match rng.chance(500) {
                    true => Fault::Crash { node: b.clone() },
                    false => Fault::PowerFail { node: b.clone() },
                };
                add(at, dies);
                add(over, Fault::Start { node: b });
            }
            Beside::Stop => add(at, Fault::Stop { node: a }),
        }
    }
    schedule.sort_by_key(|timed| timed.at_us);
    schedule
}

/// What [`draw_beside`] draws from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Beside {
    Cut,
    Reset,
    Latency,
    ClientDies,
    Stop,
}

const BESIDE: [Beside; 5] = [Beside::Cut, Beside::Reset, Beside::Latency, Beside::ClientDies, Beside::Stop];

/// Lets a schedule happen, and waits until `duration` is over.
pub(in crate::scenarios) async fn run(
    cluster: &Cluster,
    fleet: &Fleet,
    clients: &[NodeHandle],
    schedule: &[TimedFault],
    duration: Duration,
) {
    play_all(cluster, schedule, duration, |fault| apply(cluster, fleet, clients, fault)).await;
}

fn apply(cluster: &Cluster, fleet: &Fleet, clients: &[NodeHandle], fault: &Fault) {
    let net = cluster.net();
    let find =
        |name: &str| fleet.nodes().map(|(_, node)| node).chain(clients).find(|node| node.name() == name);
    let between = |a: &str, b: &str, job: &dyn Fn(NodeIndex, NodeIndex)| {
        if let (Some(a), Some(b)) = (find(a), find(b))
            && a.index() != b.index()
        {
            job(a.index(), b.index());
        }
    };
    let on = |name: &str, job: &dyn Fn(&NodeHandle)| {
        if let Some(node) = find(name) {
            job(node);
        }
    };
    let machine = |name: &str| fleet.named(name).map(|(id, _)| id);
    match fault {
        Fault::PowerFail { node } => match machine(node) {
            Some(id) => fleet.down(id, |node| {
                let _lost = node.power_fail();
            }),
            None => on(node, &|node| {
                if node.is_running() {
                    let _lost = node.power_fail();
                }
            }),
        },
        Fault::PowerFailAt { node, op, prefix, skip } => {
            if let Some((id, handle)) = fleet.named(node) {
                handle.disk().when_next(*op, prefix, *skip, fleet.power_failure(id, None));
            }
        }
        Fault::PowerFailAtPoll { node, skip } => {
            if let Some((id, handle)) = fleet.named(node) {
                handle.when_polled(*skip, fleet.power_failure(id, None));
            }
        }
        Fault::DieBetween { node, first, second, death } => {
            if let Some((id, handle)) = fleet.named(node) {
                let ends = match death {
                    Death::Power => fleet.power_failure(id, None),
                    Death::Process => fleet.death(id),
                };
                let (machine, second) = (handle.clone(), second.clone());
                let arm = move || machine.disk().when_next(second.op, &second.prefix, second.skip, ends);
                handle.disk().when_next(first.op, &first.prefix, first.skip, Box::new(arm));
            }
        }
        Fault::LoseNames { node, op, prefix, skip } => {
            if let Some((id, handle)) = fleet.named(node) {
                let loss = PowerLoss { kept_per_mille: 0 };
                handle.disk().when_next(*op, prefix, *skip, fleet.power_failure(id, Some(loss)));
            }
        }
        Fault::Rot { node, .. } | Fault::BadSector { node, .. } | Fault::Misdirect { node, .. } => {
            let weak = machine(node).and_then(|id| fleet.weak_disk(id));
            let weak = weak.expect("a disk is weak if bytes of it are destroyed");
            strike(&weak.atlas, fleet.node(weak.node), fault);
            fleet.note_damage();
        }
        Fault::Hold { node, op, prefix, times, every, for_us } => on(node, &|node| {
            node.disk().hold(*op, prefix, (*times, *every), Duration::from_micros(*for_us));
        }),
        Fault::Capacity { node, bytes } => on(node, &|node| node.disk().set_capacity(*bytes)),
        Fault::Crash { node } => match machine(node) {
            Some(id) => fleet.down(id, NodeHandle::crash),
            None => on(node, &|node| {
                if node.is_running() {
                    node.crash();
                }
            }),
        },
        Fault::Wipe { node } => {
            if let Some(id) = machine(node) {
                fleet.down(id, |node| {
                    let _lost = node.power_fail();
                });
                fleet.wipe(id);
            }
        }
        Fault::Join { node } => machine(node).into_iter().for_each(|id| fleet.up(id)),
        // Whoever does it knows the moment.
        Fault::TakeAway { .. } => {}
        Fault::Start { node } => match machine(node) {
            Some(id) => fleet.up(id),
            None => on(node, &|node| {
                if !node.is_running() {
                    node.restart();
                }
            }),
        },
        Fault::Stop { node } => machine(node).into_iter().for_each(|id| fleet.stop(id)),
        Fault::Pause { node } => machine(node).into_iter().for_each(|id| fleet.pause(id)),
        Fault::Resume { node } => machine(node).into_iter().for_each(|id| fleet.resume(id)),
        Fault::Reset { a, b } => between(a, b, &|a, b| net.reset_streams(a, b)),
        Fault::Cut { from, to } => {
            between(from, to, &|from, to| net.cut(from, to));
            links::note_reached(&net.cuts(), fleet);
        }
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
        Fault::Slow { node, times } => on(node, &|node| node.disk().slow(*times)),
        Fault::Stall { node, for_us } => {
            on(node, &|node| node.disk().stall(Duration::from_micros(*for_us)));
        }
        Fault::Jump { node, ms } => on(node, &|node| node.clock().jump(*ms)),
        Fault::Drift { node, ppm } => on(node, &|node| node.clock().drift(*ppm)),
        Fault::Freeze { node, frozen } => on(node, &|node| node.clock().freeze(*frozen)),
        // It held from the machine's beginning on.
        Fault::Offset { .. } => {}
        other => panic!("this scenario has no such fault: {other:?}"),
    }
}

/// Makes everything good again, but for the processes on machines that are `left` as they are.
pub(in crate::scenarios) fn heal(cluster: &Cluster, fleet: &Fleet, clients: &[NodeHandle], left: &[NodeId]) {
    let net = cluster.net();
    net.heal();
    fleet.calm();
    fleet.note_damage();
    let all: Vec<&NodeHandle> = fleet.nodes().map(|(_, node)| node).chain(clients).collect();
    for a in &all {
        for b in all.iter().filter(|b| b.index() != a.index()) {
            net.slow(a.index(), b.index(), Duration::ZERO);
        }
        a.clock().drift(0);
        a.clock().freeze(false);
    }
    for client in clients.iter().filter(|client| !client.is_running()) {
        client.restart();
    }
    for (id, node) in fleet.nodes() {
        node.disk().clear_faults();
        node.disk().slow(1);
        if fleet.weak_disk(id).is_some() {
            node.disk().set_capacity(ROOM);
        }
        if !left.contains(&id) {
            fleet.resume(id);
            fleet.up(id);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use bytes::Bytes;
    use ordain::io::OpenOptions;

    use super::super::End;
    use super::*;
    use crate::Simulation;
    use crate::faults::Moment;

    const BYTES: u64 = 8;

    /// Writes again and again, and counts the writes that it has been told to be done.
    fn writer(cluster: &Cluster, told: &Arc<AtomicU64>) -> Fleet {
        let told = Arc::clone(told);
        Fleet::start_up(cluster, std::iter::once(NodeId(1)), Arc::new(|_: NodeId| {}), move |_, io, _, _| {
            let told = Arc::clone(&told);
            async move {
                io.disk.create_dir_all("journal").await.unwrap();
                let options = OpenOptions { write: true, create: true, ..OpenOptions::default() };
                let file = io.disk.open("journal/file", options).await.unwrap();
                for number in 0..1_000 {
                    let bytes = Bytes::from_static(&[1; BYTES as usize]);
                    file.write_at(BYTES * number, vec![bytes]).await.unwrap();
                    told.fetch_add(1, Ordering::Relaxed);
                }
                Ok(End::Over("all is written".to_owned()))
            }
        })
    }

    #[test]
    fn a_process_dies_inside_a_write_behind_another_one() {
        let outcome = Simulation::new(1).run(|cluster| async move {
            let told = Arc::new(AtomicU64::new(0));
            let fleet = writer(&cluster, &told);
            let write = |skip| Moment { op: FaultyOp::Write, prefix: "journal/".to_owned(), skip };
            let (node, first, second) = ("n1".to_owned(), write(3), write(0));
            let fault = Fault::DieBetween { node, first, second, death: Death::Process };
            apply(&cluster, &fleet, &[], &fault);
            cluster.sleep(Duration::from_secs(1)).await;
            let node = fleet.node(NodeId(1));
            let written = node.disk().peek("journal/file").unwrap().len() as u64 / BYTES;
            (node.is_running(), written, told.load(Ordering::Relaxed))
        });
        assert_eq!(outcome.value, (false, 5, 4), "the last write is in the page cache, and nobody was told");
    }
}
