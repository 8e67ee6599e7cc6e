//! Lets faults happen to the broker, its clients, and what is between them.
use std::time::Duration;

use super::machine::Machine;
use super::plan::BROKER;
use crate::cluster::{Cluster, NodeHandle};
use crate::disk::PowerLoss;
use crate::faults::{Death, Fault, ROOM, TimedFault, play_all, strike};
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
        // be stopped for. Nobody joins it, or is taken from it.
        Fault::Wipe { .. } | Fault::Stop { .. } | Fault::Join { .. } | Fault::TakeAway { .. } => {}
        Fault::Pause { node } => on(node, &|node| {
            if node.is_running() {
                node.pause();
            }
        }),
        Fault::Resume { node } => on(node, &NodeHandle::resume),
        // It held from the machine's beginning on.
        Fault::Offset { .. } => {}
        Fault::PowerFailAt { node, op, prefix, skip } => on(node, &|node| {
            node.disk().when_next(*op, prefix, *skip, machine.power_failure_of(node, None));
        }),
        Fault::PowerFailAtPoll { node, skip } => on(node, &|node| {
            node.when_polled(*skip, machine.power_failure_of(node, None));
        }),
        Fault::DieBetween { node, first, second, death } => on(node, &|node| {
            let failure = match death {
                Death::Power => machine.power_failure_of(node, None),
                Death::Process => machine.death(),
            };
            let (disk, second) = (node.clone(), second.clone());
            let arm = move || disk.disk().when_next(second.op, &second.prefix, second.skip, failure);
            node.disk().when_next(first.op, &first.prefix, first.skip, Box::new(arm));
        }),
        Fault::PowerFailSoon { node, after, by_us } => on(node, &|node| {
            let (cluster, by) = (cluster.clone(), Duration::from_micros(*by_us));
            let failure = machine.power_failure_of(node, None);
            let arm = move || cluster.after(by, failure);
            node.disk().when_next(after.op, &after.prefix, after.skip, Box::new(arm));
        }),
        Fault::LoseNames { node, op, prefix, skip } => on(node, &|node| {
            let loss = PowerLoss { kept_per_mille: 0 };
            node.disk().when_next(*op, prefix, *skip, machine.power_failure_of(node, Some(loss)));
        }),
        Fault::Rot { .. } | Fault::BadSector { .. } | Fault::Misdirect { .. } => {
            strike(machine.account().atlas(), broker, fault);
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
