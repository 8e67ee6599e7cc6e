//! What happens to segments, window updates and resets on their way, and what a kernel does when its process
//! or its machine ends.
use std::fmt;
use std::io::ErrorKind;
use std::task::Waker;
use std::time::Duration;

use bytes::Bytes;

use super::state::{Body, NetState, Segment, Side, StreamId};
use crate::time::SimTime;
use crate::timers::Action;
use crate::trace::{Part, content_hash};
use crate::world::{Node, NodeIndex, World, lock};

/// What follows from a change of the network: events are told and put in line at once, wakers are kept until
/// the network's lock is free again.
pub(super) struct After<'a> {
    world: &'a World,
    /// Seldom more than one is woken.
    waker: Option<Waker>,
    wakers: Vec<Waker>,
}

/// What comes to pass on the network at some time.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Event {
    /// The first segment from that side arrives, if it is due.
    Deliver(StreamId, Side),
    /// What that side has read is told to its peer.
    Tell(StreamId, Side),
    /// A reset from that side arrives.
    Reset(StreamId, Side),
    /// That side has waited since then: it gives up.
    GiveUp(StreamId, Side, SimTime),
}

impl After<'_> {
    pub(super) fn wake(&mut self, wakers: impl IntoIterator<Item = Waker>) {
        for waker in wakers {
            if self.waker.is_none() {
                self.waker = Some(waker);
            } else {
                self.wakers.push(waker);
            }
        }
    }

    pub(super) fn event(&mut self, what: fmt::Arguments<'_>) {
        self.world.event("net", what);
    }

    fn at(&mut self, time: SimTime, event: Event) {
        self.world.timers.at(time, Action::Net(event));
    }
}

/// Runs `job` under the network's lock, and what it puts off after that.
pub(super) fn with_net<T>(world: &World, job: impl FnOnce(&mut NetState, &mut After, SimTime) -> T) -> T {
    let mut after = After { world, waker: None, wakers: Vec::new() };
    let result = job(&mut lock(&world.net), &mut after, world.now());
    for waker in after.waker.into_iter().chain(after.wakers) {
        waker.wake();
    }
    result
}

/// An event's time has come.
pub(crate) fn happen(world: &World, event: Event) {
    with_net(world, |net, after, now| event.run(net, after, now));
}

impl Event {
    fn run(self, net: &mut NetState, after: &mut After, now: SimTime) {
        match self {
            Event::Deliver(id, side) => net.deliver(id, side, after, now),
            Event::Tell(id, side) => net.tell(id, side, after),
            Event::Reset(id, side) => net.reset_arrives(id, side, after),
            Event::GiveUp(id, side, since) => net.give_up(id, side, since, after),
        }
        if let Event::Deliver(id, _) | Event::Reset(id, _) | Event::GiveUp(id, _, _) = self {
            net.forget_if_over(id);
        }
    }
}

impl NetState {
    /// Puts a segment on the way.
    pub(super) fn send(&mut self, id: StreamId, side: Side, body: Body, after: &mut After, now: SimTime) {
        let Some((from, to)) = self.nodes_of(id, side) else { return };
        let latency = self.latency_with_losses(from, to);
        if matches!(body, Body::Data(_)) {
            *self.writes.entry((from, to)).or_default() += 1;
        }
        let Some(stream) = self.streams.get_mut(&id) else { return };
        let end = stream.end(side);
        let due = now.after(latency).max(end.last_due);
        end.last_due = due;
        let is_first = end.outgoing.is_empty();
        end.outgoing.push_back(Segment { due, body });
        if is_first {
            after.at(due, Event::Deliver(id, side));
        }
    }

    /// The nodes from which and to which that side sends.
    fn nodes_of(&mut self, id: StreamId, side: Side) -> Option<(NodeIndex, NodeIndex)> {
        let stream = self.streams.get_mut(&id)?;
        Some((stream.end(side).node, stream.end(side.other()).node))
    }

    /// The first segments from that side arrive, as far as they are due and the way is free.
    fn deliver(&mut self, id: StreamId, side: Side, after: &mut After, now: SimTime) {
        let Some((from, to)) = self.nodes_of(id, side) else { return };
        let passes = self.passes(from, to);
        let sender_lives = self.is_powered(from);
        loop {
            let Some(stream) = self.streams.get_mut(&id) else { return };
            let end = stream.end(side);
            let Some(segment) = end.outgoing.front() else { return };
            if segment.due > now {
                after.at(segment.due, Event::Deliver(id, side));
                return;
            }
            if !passes {
                if !sender_lives {
                    // Nobody is left to send it again.
                    end.outgoing.clear();
                } else if end.stalled_since.is_none() {
                    end.stalled_since = Some(now);
                    after.at(now.after(self.options.give_up), Event::GiveUp(id, side, now));
                }
                return;
            }
            end.stalled_since = None;
            let Some(segment) = end.outgoing.pop_front() else { return };
            self.arrive(id, side, segment.body, after, now);
        }
    }

    fn arrive(&mut self, id: StreamId, side: Side, body: Body, after: &mut After, now: SimTime) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        let target = stream.end(side.other());
        let (gone, to) = (target.gone, target.node);
        let from = stream.end(side).node;
        self.tell_segment((id, side), (from, to), &body, after.world);
        match body {
            Body::Open => self.open_arrives(id, after, now),
            Body::End if gone => {}
            Body::Data(_) if gone => self.send_reset(id, side.other(), after, now),
            Body::End => {
                let Some(stream) = self.streams.get_mut(&id) else { return };
                let target = stream.end(side.other());
                target.end_received = true;
                after.wake(target.reader.take());
            }
            Body::Data(bytes) => {
                self.heard.insert((to, from), now);
                let Some(stream) = self.streams.get_mut(&id) else { return };
                let target = stream.end(side.other());
                target.inbox_bytes += bytes.len();
                target.inbox.push_back(bytes);
                after.wake(target.reader.take());
            }
        }
    }

    fn tell_segment(
        &mut self,
        (id, side): (StreamId, Side),
        (from, to): (NodeIndex, NodeIndex),
        body: &Body,
        world: &World,
    ) {
        let frames = match body {
            Body::Data(bytes) if world.trace.is_read() => self.frames.take(id, side, bytes),
            Body::Data(_) | Body::Open | Body::End => String::new(),
        };
        let (sender, receiver) = (self.host_name(from), self.host_name(to));
        match body {
            Body::Open => world.event("net", format_args!("{sender} > {receiver} s{id} open")),
            Body::End => world.event("net", format_args!("{sender} > {receiver} s{id} end")),
            Body::Data(bytes) => {
                let (length, hash) = (bytes.len(), content_hash(bytes));
                let parts = [
                    Part::Text(sender),
                    Part::Text(receiver),
                    Part::Number(id),
                    Part::Number(length as u64),
                    Part::Number(hash),
                ];
                let line = format_args!("{sender} > {receiver} s{id} +{length} {hash:016x}{frames}");
                world.frequent_event("net", &parts, line);
            }
        }
    }

    /// The handshake is over: the server's process may accept.
    fn open_arrives(&mut self, id: StreamId, after: &mut After, now: SimTime) {
        let backlog = self.options.backlog;
        let Some(stream) = self.streams.get_mut(&id) else { return };
        let (node, address) = (stream.server.node, stream.server.address);
        let listener = self.listener_at(node, address);
        match listener.and_then(|listener| self.listeners.get_mut(&listener)) {
            Some(listener) if listener.backlog.len() < backlog => {
                listener.backlog.push_back(id);
                after.wake(listener.waker.take());
                let incarnation = listener.incarnation;
                if let Some(stream) = self.streams.get_mut(&id) {
                    stream.server.incarnation = incarnation;
                    stream.server.gone = false;
                    (stream.server.read_open, stream.server.write_open) = (true, true);
                }
            }
            Some(_) | None => self.send_reset(id, Side::Server, after, now),
        }
    }

    /// That side resets the stream: at once for itself, and for its peer if the reset gets through.
    fn send_reset(&mut self, id: StreamId, side: Side, after: &mut After, now: SimTime) {
        let Some((from, to)) = self.nodes_of(id, side) else { return };
        let latency = self.latency(from, to);
        let Some(stream) = self.streams.get_mut(&id) else { return };
        let end = stream.end(side);
        end.gone = true;
        end.outgoing.clear();
        end.stalled_since = None;
        after.at(now.after(latency), Event::Reset(id, side));
    }

    fn reset_arrives(&mut self, id: StreamId, side: Side, after: &mut After) {
        let Some((from, to)) = self.nodes_of(id, side) else { return };
        if !self.passes(from, to) {
            return;
        }
        let unread_survives = self.rng.chance(500);
        let (sender, receiver) = (self.host_name(from).to_owned(), self.host_name(to).to_owned());
        let Some(stream) = self.streams.get_mut(&id) else { return };
        let target = stream.end(side.other());
        target.outgoing.clear();
        if target.gone {
            return;
        }
        after.event(format_args!("{sender} > {receiver} s{id} reset"));
        target.fail(ErrorKind::ConnectionReset, unread_survives);
        after.wake(target.wakers());
    }

    fn give_up(&mut self, id: StreamId, side: Side, since: SimTime, after: &mut After) {
        let Some((from, to)) = self.nodes_of(id, side) else { return };
        let (sender, receiver) = (self.host_name(from).to_owned(), self.host_name(to).to_owned());
        let Some(stream) = self.streams.get_mut(&id) else { return };
        let end = stream.end(side);
        if end.stalled_since != Some(since) {
            return;
        }
        after.event(format_args!("{sender} > {receiver} s{id} given up"));
        end.outgoing.clear();
        end.stalled_since = None;
        if !end.gone {
            end.fail(ErrorKind::TimedOut, true);
            after.wake(end.wakers());
        }
    }

    /// That side has read: its peer may send more.
    pub(super) fn has_read(&mut self, id: StreamId, side: Side, after: &mut After, now: SimTime) {
        let Some((from, to)) = self.nodes_of(id, side) else { return };
        let window = self.options.window;
        let Some(stream) = self.streams.get_mut(&id) else { return };
        let end = stream.end(side);
        if end.telling || (end.read_untold < window / 4 && end.inbox_bytes > 0) {
            return;
        }
        end.telling = true;
        let latency = self.latency(from, to);
        after.at(now.after(latency), Event::Tell(id, side));
    }

    fn tell(&mut self, id: StreamId, side: Side, after: &mut After) {
        let Some((from, to)) = self.nodes_of(id, side) else { return };
        let passes = self.passes(from, to);
        let Some(stream) = self.streams.get_mut(&id) else { return };
        let end = stream.end(side);
        end.telling = false;
        if !passes {
            return;
        }
        let read = std::mem::take(&mut end.read_untold);
        let peer = stream.end(side.other());
        peer.credit += read;
        after.wake(peer.writer.take());
    }

    /// The process holds neither half any more.
    pub(super) fn close(&mut self, id: StreamId, side: Side, after: &mut After, now: SimTime) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        let end = stream.end(side);
        (end.read_open, end.write_open) = (false, false);
        if !std::mem::replace(&mut end.gone, true) {
            let unread = end.inbox_bytes > 0;
            end.inbox.clear();
            end.inbox_bytes = 0;
            if unread {
                self.send_reset(id, side, after, now);
            } else {
                self.send_end(id, side, after, now);
                // A peer that waits for room learns at its next write that nobody reads any more.
                after.at(now, Event::Tell(id, side));
            }
        }
        self.forget_if_over(id);
    }

    /// Half-closes, once.
    pub(super) fn send_end(&mut self, id: StreamId, side: Side, after: &mut After, now: SimTime) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        let end = stream.end(side);
        if end.end_sent || end.failed.is_some() {
            return;
        }
        end.end_sent = true;
        self.send(id, side, Body::End, after, now);
    }

    /// The listener is gone before this stream was accepted.
    pub(super) fn refuse_waiting(&mut self, id: StreamId, after: &mut After, now: SimTime) {
        if let Some(stream) = self.streams.get_mut(&id) {
            (stream.server.read_open, stream.server.write_open) = (false, false);
        }
        self.send_reset(id, Side::Server, after, now);
    }

    /// Resets a stream from the middle, as a firewall does: both ends fail.
    pub(super) fn break_stream(&mut self, id: StreamId, after: &mut After) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        for side in [Side::Client, Side::Server] {
            let end = stream.end(side);
            end.outgoing.clear();
            if !end.gone {
                end.fail(ErrorKind::ConnectionReset, true);
                after.wake(end.wakers());
            }
        }
        after.event(format_args!("s{id} broken"));
        self.forget_if_over(id);
    }

    /// After a way has become free: what waited is sent again, some time later.
    pub(super) fn resume(
        &mut self,
        is_free: impl Fn(NodeIndex, NodeIndex) -> bool,
        after: &mut After,
        now: SimTime,
    ) {
        let ids: Vec<StreamId> = self.streams.keys().copied().collect();
        for (id, side) in ids.into_iter().flat_map(|id| [(id, Side::Client), (id, Side::Server)]) {
            let Some((from, to)) = self.nodes_of(id, side) else { continue };
            if !is_free(from, to) {
                continue;
            }
            let Some(stream) = self.streams.get_mut(&id) else { continue };
            let end = stream.end(side);
            let (stalled, untold) = (end.stalled_since.take(), end.read_untold > 0 && !end.telling);
            if let Some(since) = stalled {
                // The pauses between tries double: the next one comes within the time already waited.
                let most = now.since(since).min(Duration::from_secs(5)).max(self.options.resend);
                let wait = self.rng.duration(Duration::from_millis(1), most);
                after.at(now.after(wait), Event::Deliver(id, side));
            }
            if untold {
                let latency = self.latency(from, to);
                if let Some(stream) = self.streams.get_mut(&id) {
                    stream.end(side).telling = true;
                }
                after.at(now.after(latency), Event::Tell(id, side));
            }
        }
    }

    fn ends_of(&self, node: NodeIndex) -> Vec<(StreamId, Side)> {
        let mut ends = Vec::new();
        for (id, stream) in &self.streams {
            for (side, end) in [(Side::Client, &stream.client), (Side::Server, &stream.server)] {
                if end.node == node {
                    ends.push((*id, side));
                }
            }
        }
        ends
    }
}

impl super::state::End {
    fn fail(&mut self, kind: ErrorKind, unread_survives: bool) {
        self.gone = true;
        self.failed = Some(kind);
        if !unread_survives {
            self.inbox.clear();
            self.inbox_bytes = 0;
        }
    }

    /// Takes up to `limit` bytes of the inbox's first segment.
    pub(super) fn take(&mut self, limit: usize) -> Option<Bytes> {
        let first = self.inbox.front_mut()?;
        let bytes = first.split_to(first.len().min(limit));
        if first.is_empty() {
            self.inbox.pop_front();
        }
        self.inbox_bytes -= bytes.len();
        self.read_untold += bytes.len();
        Some(bytes)
    }
}

/// The process has ended: its kernel closes what it held.
pub(crate) fn node_crashed(world: &World, node: &Node) {
    with_net(world, |net, after, now| {
        net.listeners.retain(|_, listener| listener.node != node.index);
        for (id, side) in net.ends_of(node.index) {
            net.close(id, side, after, now);
        }
    });
}

/// The machine has lost its power: nothing is said to anybody.
pub(crate) fn node_lost_power(world: &World, node: &Node) {
    with_net(world, |net, _, _| {
        net.listeners.retain(|_, listener| listener.node != node.index);
        for (id, side) in net.ends_of(node.index) {
            if let Some(stream) = net.streams.get_mut(&id) {
                let end = stream.end(side);
                (end.gone, end.read_open, end.write_open) = (true, false, false);
                end.inbox.clear();
                end.inbox_bytes = 0;
                end.read_untold = 0;
                if end.stalled_since.is_some() {
                    end.outgoing.clear();
                }
            }
        }
        if let Some(host) = net.hosts.get_mut(&node.index) {
            host.powered = false;
        }
        let ids: Vec<StreamId> = net.streams.keys().copied().collect();
        for id in ids {
            net.forget_if_over(id);
        }
    });
}

/// The machine has power again: it answers what it does not know.
pub(crate) fn node_powered_on(world: &World, node: &Node) {
    with_net(world, |net, after, now| {
        let Some(host) = net.hosts.get_mut(&node.index) else { return };
        if std::mem::replace(&mut host.powered, true) {
            return;
        }
        net.resume(|_, to| to == node.index, after, now);
        // Peers whose window the lost machine had filled ask whether there is room, and learn that nobody
        // knows the stream.
        let ids: Vec<StreamId> = net.streams.keys().copied().collect();
        for (id, side) in ids.into_iter().flat_map(|id| [(id, Side::Client), (id, Side::Server)]) {
            let Some(stream) = net.streams.get_mut(&id) else { continue };
            let is_lost = stream.end(side).node == node.index && stream.end(side).gone;
            let peer = stream.end(side.other());
            if is_lost && !peer.gone && peer.credit == 0 && peer.outgoing.is_empty() {
                net.send_reset(id, side, after, now);
            }
        }
    });
}
