use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::deliver::with_net;
use super::state::NetOptions;
use crate::time::SimTime;
use crate::world::{NodeIndex, World};

/// What can go wrong with the network.
pub struct NetControl {
    pub(crate) world: Arc<World>,
}

impl NetControl {
    fn event(&self, what: std::fmt::Arguments<'_>) {
        self.world.event("net", what);
    }

    /// Nothing passes from the first to the second any more; the other direction is as it was.
    pub fn cut(&self, from: NodeIndex, to: NodeIndex) {
        self.event(format_args!("cut {} > {}", from.0, to.0));
        self.world.count_fault();
        with_net(&self.world, |net, _, _| net.cut.insert((from, to)));
    }

    /// Everything passes from the first to the second again.
    pub fn mend(&self, from: NodeIndex, to: NodeIndex) {
        self.event(format_args!("mend {} > {}", from.0, to.0));
        with_net(&self.world, |net, after, now| {
            if net.cut.remove(&(from, to)) {
                net.resume(|a, b| (a, b) == (from, to), after, now);
            }
        });
    }

    /// Cuts both directions between each node of one group and each of the other.
    pub fn partition(&self, one: &[NodeIndex], other: &[NodeIndex]) {
        for a in one {
            for b in other {
                self.cut(*a, *b);
                self.cut(*b, *a);
            }
        }
    }

    /// Mends everything that is cut.
    pub fn heal(&self) {
        for (from, to) in self.cuts() {
            self.mend(from, to);
        }
    }

    /// The directions in which nothing passes.
    #[must_use]
    pub fn cuts(&self) -> BTreeSet<(NodeIndex, NodeIndex)> {
        with_net(&self.world, |net, _, _| net.cut.clone())
    }

    /// How often the first has written something to the second: no fewer than its frames, unless several go in one write.
    #[must_use]
    pub fn writes(&self, from: NodeIndex, to: NodeIndex) -> u64 {
        with_net(&self.world, |net, _, _| net.writes.get(&(from, to)).copied().unwrap_or_default())
    }

    /// Adds to the latency of one direction; zero takes it back.
    pub fn slow(&self, from: NodeIndex, to: NodeIndex, by: Duration) {
        self.event(format_args!("slow {} > {} by {} us", from.0, to.0, by.as_micros()));
        if !by.is_zero() {
            self.world.count_fault();
        }
        with_net(&self.world, |net, _, _| {
            if by.is_zero() {
                net.slow.remove(&(from, to));
            } else {
                net.slow.insert((from, to), by);
            }
        });
    }

    /// From which nodes data have come to a node since then.
    pub(crate) fn heard_by(&self, node: NodeIndex, since: SimTime) -> BTreeSet<NodeIndex> {
        with_net(&self.world, |net, _, _| {
            let all = net.heard.iter().filter(|((to, _), time)| *to == node && **time >= since);
            all.map(|((_, from), _)| *from).collect()
        })
    }

    /// Breaks every stream between two nodes: each end sees a reset.
    pub fn reset_streams(&self, a: NodeIndex, b: NodeIndex) {
        self.event(format_args!("reset streams {} {}", a.0, b.0));
        self.world.count_fault();
        with_net(&self.world, |net, after, _| {
            let between = |stream: &super::state::StreamState| {
                let ends = (stream.client.node, stream.server.node);
                ends == (a, b) || ends == (b, a)
            };
            let ids: Vec<_> =
                net.streams.iter().filter(|(_, stream)| between(stream)).map(|(id, _)| *id).collect();
            for id in ids {
                net.break_stream(id, after);
            }
        });
    }

    /// Changes what the network is like, from now on.
    pub fn set_options(&self, change: impl FnOnce(&mut NetOptions)) {
        with_net(&self.world, |net, _, _| change(&mut net.options));
        self.event(format_args!("options changed"));
    }
}
