//! Lets faults happen to the broker, its clients, and what is between them.
use std::ops::Range;
use std::time::Duration;

use super::account::Account;
use super::machine::Machine;
use super::plan::BROKER;
use crate::cluster::{Cluster, NodeHandle};
use crate::disk::PowerLoss;
use crate::fault_atlas::{Aim, Target};
use crate::faults::{Death, Fault, ROOM, TimedFault, play_all};
use crate::world::NodeIndex;

/// Lets a schedule happen, and waits until `duration` is over.
pub(super) async fn run(
    cluster: &Cluster,
    machine: &Machine,
    clients: &[NodeHandle],
    schedule: &[TimedFault],
    duration: Duration,
) {
    play_all(cluster, schedule, duration, |fault| apply(cluster, machine, clients, fault)).await;
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
        // A broker that is alone loses everything with its disk: no run of this scenario draws it. Clients have nothing to
        // be stopped for.
        Fault::Wipe { .. } | Fault::Stop { .. } => {}
        Fault::Pause { node } => on(node, &|node| {
            if node.is_running() {
                node.pause();
            }
        }),
        Fault::Resume { node } => on(node, &NodeHandle::resume),
        // It held from the machine's beginning on.
        Fault::Offset { .. } => {}
        Fault::PowerFailAt { node, op, prefix, skip } => on(node, &|node| {
            node.disk().when_next(*op, prefix, *skip, machine.power_failure(None));
        }),
        Fault::DieBetween { node, first, second, death } => on(node, &|node| {
            let failure = match death {
                Death::Power => machine.power_failure(None),
                Death::Process => machine.death(),
            };
            let (disk, second) = (node.clone(), second.clone());
            let arm = move || disk.disk().when_next(second.op, &second.prefix, second.skip, failure);
            node.disk().when_next(first.op, &first.prefix, first.skip, Box::new(arm));
        }),
        Fault::PowerFailSoon { node, after, by_us } => on(node, &|node| {
            let (cluster, by) = (cluster.clone(), Duration::from_micros(*by_us));
            let failure = machine.power_failure(None);
            let arm = move || cluster.after(by, failure);
            node.disk().when_next(after.op, &after.prefix, after.skip, Box::new(arm));
        }),
        Fault::LoseNames { node, op, prefix, skip } => on(node, &|node| {
            let loss = PowerLoss { kept_per_mille: 0 };
            node.disk().when_next(*op, prefix, *skip, machine.power_failure(Some(loss)));
        }),
        Fault::Rot { aim, pick, .. } => strike(machine.account(), broker, *aim, *pick, |path, place| {
            drop(broker.disk().flip_bit(path, place.start * 8 + pick % 8));
        }),
        Fault::BadSector { aim, pick, .. } => {
            strike(machine.account(), broker, *aim, *pick, |path, place| {
                drop(broker.disk().bad_sector(path, place.start / SECTOR));
            })
        }
        Fault::Misdirect { aim: Aim::Journal, by_sectors, .. } => {
            if let Some(path) = machine.account().atlas().next_journal(broker) {
                drop(broker.disk().misdirect_next_write(&path, *by_sectors));
            }
        }
        Fault::Misdirect { aim, pick, by_sectors, .. } => {
            strike(machine.account(), broker, *aim, *pick, |path, _| {
                drop(broker.disk().misdirect_next_write(path, *by_sectors));
            });
        }
        Fault::TakeImage { .. } => machine.take_image(),
        Fault::RestoreImage { .. } => restore_image(machine, clients),
        Fault::Freeze { node, frozen } => on(node, &|node| node.clock().freeze(*frozen)),
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
        Fault::Hold { node, op, prefix, times, every, for_us } => on(node, &|node| {
            node.disk().hold(*op, prefix, (*times, *every), Duration::from_micros(*for_us));
        }),
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

/// The machine is rolled back to its last image, if there is one, and whoever remembers what came later begins anew: what they
/// know of offsets, generations and ids is of a log that is no more. A producer whose id the older disk knows goes on.
fn restore_image(machine: &Machine, clients: &[NodeHandle]) {
    let history = machine.history();
    history.judge_so_far();
    let Some(time) = machine.start_from_image() else { return };
    let live_on = history.living_on(time);
    let lives_on = |client: &&NodeHandle| {
        live_on.iter().any(|(producer, _)| client.name() == format!("producer-{producer}"))
    };
    for client in clients.iter().filter(|client| client.is_running() && !lives_on(client)) {
        client.crash();
        client.restart();
    }
    history.goes_on_from(time, &live_on);
}

const SECTOR: u64 = crate::disk::SECTOR_BYTES as u64;

/// Does something to one byte of a file that such a fault may strike; nothing if there is none.
fn strike(account: &Account, node: &NodeHandle, aim: Aim, pick: u64, job: impl Fn(&str, Range<u64>)) {
    let targets = account.atlas().targets(node, aim);
    if let Some((path, at)) = choose(&targets, pick) {
        job(path, at..at + 1);
    }
    let _remembered = account.atlas().look(node);
}

/// A file, and a place in it.
fn choose(targets: &[Target], pick: u64) -> Option<(&str, u64)> {
    let target = targets.get(usize::try_from(pick.checked_rem(targets.len() as u64)?).ok()?)?;
    let bytes: u64 = target.places.iter().map(|place| place.end - place.start).sum();
    let mut at = (pick >> 20).checked_rem(bytes)?;
    for place in &target.places {
        let length = place.end - place.start;
        if at < length {
            return Some((&target.path, place.start + at));
        }
        at -= length;
    }
    None
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
        client.clock().freeze(false);
        client.disk().clear_faults();
        client.disk().set_capacity(ROOM);
        client.resume();
        if !client.is_running() {
            client.restart();
        }
    }
    node.clock().drift(0);
    node.clock().freeze(false);
    node.disk().clear_faults();
    node.disk().set_capacity(ROOM);
    machine.calm();
    machine.resume();
    machine.start();
}

#[cfg(test)]
#[allow(clippy::single_range_in_vec_init, reason = "lists of ranges")]
mod tests {
    use super::*;

    #[test]
    fn every_place_of_every_target_can_be_chosen() {
        let target = |path: &str, places: Vec<Range<u64>>| Target { path: path.to_owned(), places };
        let targets = [target("a", vec![5..7, 20..21]), target("b", vec![0..1])];
        let chosen: Vec<_> = (0..6).map(|n| choose(&targets, ((n / 2) << 20) | (n % 2)).unwrap()).collect();
        assert_eq!(chosen, [("a", 5), ("b", 0), ("a", 6), ("b", 0), ("a", 20), ("b", 0)]);
        assert_eq!(choose(&[], 7), None);
    }
}
