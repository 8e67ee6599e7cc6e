//! What goes wrong in this scenario, as data.
use std::time::Duration;

use super::{CLIENTS, LOG, SERVER, client_name};
use crate::cluster::{Cluster, NodeHandle};
use crate::disk::FaultyOp;
use crate::faults::{Fault, TimedFault, micros, play};
use crate::rng::Stream;
use crate::scenarios::Violation;
use crate::world::NodeIndex;

/// Draws two to eight troubles, one after another, each with its end.
pub(super) fn draw(rng: &mut Stream) -> Vec<TimedFault> {
    let mut schedule = Vec::new();
    let mut time = Duration::ZERO;
    for _ in 0..rng.between(2, 8) {
        time += rng.duration(Duration::from_millis(1), Duration::from_millis(40));
        let lasts = rng.duration(Duration::from_millis(1), Duration::from_millis(3000));
        let (begin, end) = draw_one(lasts, rng);
        let is_over = if end.is_empty() { time } else { time + lasts };
        let begin = begin.into_iter().map(|fault| (time, fault));
        for (at, fault) in begin.chain(end.into_iter().map(|fault| (is_over, fault))) {
            schedule.push(TimedFault { at_us: micros(at), fault });
        }
        time = is_over;
    }
    schedule
}

/// What begins one trouble, and what ends it.
fn draw_one(lasts: Duration, rng: &mut Stream) -> (Vec<Fault>, Vec<Fault>) {
    let server = || SERVER.to_owned();
    let victim = client_name(rng.between(0, CLIENTS - 1));
    let start = vec![Fault::Start { node: server() }];
    let mend = vec![Fault::Mend { a: server(), b: victim.clone() }];
    let there = Fault::Cut { from: server(), to: victim.clone() };
    let back = Fault::Cut { from: victim.clone(), to: server() };
    match rng.between(0, 9) {
        0..=2 => (vec![Fault::PowerFail { node: server() }], start),
        3 => (vec![Fault::Crash { node: server() }], start),
        4 => (vec![there, back], mend),
        5 => (vec![there], mend),
        6 => (vec![Fault::Pause { node: server() }], vec![Fault::Resume { node: server() }]),
        7 => {
            let prefix = LOG.to_owned();
            let failing = Fault::Disk { node: server(), op: FaultyOp::Sync, prefix, times: 1 };
            // The file's state is unknown since: only a restart reads it again.
            let again = [
                Fault::ClearDisk { node: server() },
                Fault::PowerFail { node: server() },
                Fault::Start { node: server() },
            ];
            (vec![failing], again.into())
        }
        8 => (vec![Fault::Stall { node: server(), for_us: micros(lasts) }], Vec::new()),
        _ => {
            let ms = i64::try_from(rng.between(0, 200_000)).unwrap_or(0) - 100_000;
            let ppm = i32::try_from(rng.between(0, 200_000)).unwrap_or(0) - 100_000;
            let jump = Fault::Jump { node: victim.clone(), ms };
            let drift = Fault::Drift { node: victim.clone(), ppm };
            (vec![jump, drift, Fault::Reset { a: server(), b: victim }], Vec::new())
        }
    }
}

/// The nodes that faults may name.
pub(super) struct Troubled<'a> {
    pub(super) cluster: &'a Cluster,
    pub(super) server: &'a NodeHandle,
    pub(super) clients: &'a [NodeHandle],
}

impl Troubled<'_> {
    /// Lets a schedule happen, and waits until `duration` is over.
    ///
    /// # Errors
    /// If it holds a fault that this scenario does not know.
    pub(super) async fn run(&self, schedule: &[TimedFault], duration: Duration) -> Result<(), Violation> {
        play(self.cluster, schedule, duration, |fault| self.apply(fault)).await
    }

    fn find(&self, name: &str) -> Option<&NodeHandle> {
        std::iter::once(self.server).chain(self.clients).find(|node| node.name() == name)
    }

    fn between(&self, a: &str, b: &str, job: impl FnOnce(NodeIndex, NodeIndex)) {
        if let (Some(a), Some(b)) = (self.find(a), self.find(b)) {
            job(a.index(), b.index());
        }
    }

    fn on(&self, name: &str, job: impl FnOnce(&NodeHandle)) {
        if let Some(node) = self.find(name) {
            job(node);
        }
    }

    fn apply(&self, fault: &Fault) -> Result<(), Violation> {
        let net = self.cluster.net();
        match fault {
            Fault::PowerFail { node } => self.on(node, |node| {
                if node.is_running() {
                    node.power_fail();
                }
            }),
            Fault::Crash { node } => self.on(node, |node| {
                if node.is_running() {
                    node.crash();
                }
            }),
            Fault::Start { node } => self.on(node, |node| {
                if !node.is_running() {
                    node.restart();
                }
            }),
            Fault::Pause { node } => self.on(node, |node| {
                if node.is_running() {
                    node.pause();
                }
            }),
            Fault::Resume { node } => self.on(node, NodeHandle::resume),
            Fault::Reset { a, b } => self.between(a, b, |a, b| net.reset_streams(a, b)),
            Fault::Cut { from, to } => self.between(from, to, |from, to| net.cut(from, to)),
            Fault::Mend { a, b } => self.between(a, b, |a, b| {
                net.mend(a, b);
                net.mend(b, a);
            }),
            Fault::Disk { node, op, prefix, times } => {
                self.on(node, |node| node.disk().fail(*op, prefix, *times));
            }
            Fault::ClearDisk { node } => self.on(node, |node| node.disk().clear_faults()),
            Fault::Stall { node, for_us } => {
                self.on(node, |node| node.disk().stall(Duration::from_micros(*for_us)));
            }
            Fault::Jump { node, ms } => self.on(node, |node| node.clock().jump(*ms)),
            Fault::Drift { node, ppm } => self.on(node, |node| node.clock().drift(*ppm)),
            other => {
                let text = format!("this scenario has no such fault: {other:?}");
                return Err(Violation::new(Violation::CASE, text));
            }
        }
        Ok(())
    }

    /// Makes everything good again: of a case that was made smaller, the end of a trouble may be missing.
    pub(super) fn heal(&self, schedule: &[TimedFault]) {
        self.cluster.net().heal();
        self.server.resume();
        self.server.disk().clear_faults();
        let has_failed = schedule.iter().any(|timed| matches!(timed.fault, Fault::Disk { .. }));
        if has_failed && self.server.is_running() {
            self.server.power_fail();
        }
        if !self.server.is_running() {
            self.server.restart();
        }
    }
}
