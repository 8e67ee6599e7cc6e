use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::BytesMut;
use ordain::io::{Connection, Listener, ReadHalf, WriteHalf};

use super::deliver::with_net;
use super::state::{Body, ListenerId, Side, StreamId};
use crate::world::{Incarnation, Node, World, lock};

/// Which end of which stream a half belongs to, and which run of a process holds it.
#[derive(Clone)]
pub(super) struct Holder {
    pub(super) world: Arc<World>,
    pub(super) node: Arc<Node>,
    pub(super) incarnation: Incarnation,
    pub(super) stream: StreamId,
    pub(super) side: Side,
}

impl Holder {
    fn is_alive(&self) -> bool {
        self.node.is_alive(self.incarnation)
    }

    /// The two halves, as the process gets them.
    pub(super) fn connection(self, local: SocketAddr, peer: SocketAddr) -> Connection {
        let read = Box::new(SimReadHalf { holder: self.clone() });
        Connection { read, write: Box::new(SimWriteHalf { holder: self }), peer, local }
    }
}

struct SimReadHalf {
    holder: Holder,
}

impl ReadHalf for SimReadHalf {
    fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut BytesMut,
        limit: usize,
    ) -> Poll<io::Result<usize>> {
        assert!(limit > 0, "a read of no bytes cannot be told from the end of the stream");
        if !self.holder.is_alive() {
            return Poll::Pending;
        }
        let (id, side) = (self.holder.stream, self.holder.side);
        with_net(&self.holder.world, |net, after, now| {
            let Some(stream) = net.streams.get_mut(&id) else {
                return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
            };
            let end = stream.end(side);
            let mut limit = limit.min(end.inbox_bytes);
            if limit > 1 && net.rng.chance(net.options.partial_per_mille) {
                limit = usize::try_from(net.rng.between(1, limit as u64)).unwrap_or(limit);
            }
            let mut read = 0;
            while read < limit
                && let Some(bytes) = end.take(limit - read)
            {
                buffer.extend_from_slice(&bytes);
                read += bytes.len();
            }
            if read > 0 {
                net.has_read(id, side, after, now);
                return Poll::Ready(Ok(read));
            }
            if let Some(kind) = end.failed {
                return Poll::Ready(Err(kind.into()));
            }
            if end.end_received {
                return Poll::Ready(Ok(0));
            }
            end.reader = Some(context.waker().clone());
            Poll::Pending
        })
    }
}

impl Drop for SimReadHalf {
    fn drop(&mut self) {
        if !self.holder.is_alive() {
            return;
        }
        let (id, side) = (self.holder.stream, self.holder.side);
        with_net(&self.holder.world, |net, after, now| {
            let Some(stream) = net.streams.get_mut(&id) else { return };
            let end = stream.end(side);
            end.read_open = false;
            after.wake(end.reader.take());
            if !end.write_open {
                net.close(id, side, after, now);
            }
        });
    }
}

struct SimWriteHalf {
    holder: Holder,
}

impl WriteHalf for SimWriteHalf {
    fn poll_write_vectored(
        &mut self,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let total: usize = slices.iter().map(|slice| slice.len()).sum();
        if total == 0 {
            return Poll::Ready(Ok(0));
        }
        if !self.holder.is_alive() {
            return Poll::Pending;
        }
        let (id, side) = (self.holder.stream, self.holder.side);
        with_net(&self.holder.world, |net, after, now| {
            let Some(stream) = net.streams.get_mut(&id) else {
                return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
            };
            let end = stream.end(side);
            if end.end_sent {
                return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
            }
            if let Some(kind) = end.failed {
                return Poll::Ready(Err(kind.into()));
            }
            let mut count = total.min(end.credit);
            if count == 0 {
                end.writer = Some(context.waker().clone());
                return Poll::Pending;
            }
            if count > 1 && net.rng.chance(net.options.partial_per_mille) {
                count = usize::try_from(net.rng.between(1, count as u64)).unwrap_or(count);
            }
            end.credit -= count;
            let mut bytes = BytesMut::with_capacity(count);
            for slice in slices {
                let taken = slice.len().min(count - bytes.len());
                bytes.extend_from_slice(&slice[..taken]);
            }
            net.send(id, side, Body::Data(bytes.freeze()), after, now);
            Poll::Ready(Ok(count))
        })
    }

    fn poll_shutdown(&mut self, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.holder.is_alive() {
            return Poll::Pending;
        }
        let (id, side) = (self.holder.stream, self.holder.side);
        with_net(&self.holder.world, |net, after, now| net.send_end(id, side, after, now));
        Poll::Ready(Ok(()))
    }
}

impl Drop for SimWriteHalf {
    fn drop(&mut self) {
        if !self.holder.is_alive() {
            return;
        }
        let (id, side) = (self.holder.stream, self.holder.side);
        with_net(&self.holder.world, |net, after, now| {
            let Some(stream) = net.streams.get_mut(&id) else { return };
            let end = stream.end(side);
            end.write_open = false;
            after.wake(end.writer.take());
            if end.read_open {
                net.send_end(id, side, after, now);
            } else {
                net.close(id, side, after, now);
            }
        });
    }
}

pub(super) struct SimListener {
    pub(super) world: Arc<World>,
    pub(super) node: Arc<Node>,
    pub(super) incarnation: Incarnation,
    pub(super) id: ListenerId,
    pub(super) address: SocketAddr,
}

impl Listener for SimListener {
    fn local_addr(&self) -> SocketAddr {
        self.address
    }

    fn poll_accept(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Connection>> {
        if !self.node.is_alive(self.incarnation) {
            return Poll::Pending;
        }
        let mut guard = lock(&self.world.net);
        let net = &mut *guard;
        let Some(listener) = net.listeners.get_mut(&self.id) else {
            return Poll::Ready(Err(io::ErrorKind::NotConnected.into()));
        };
        // A stream that was reset and forgotten while it waited is passed over.
        while let Some(stream) = listener.backlog.pop_front() {
            let Some(state) = net.streams.get(&stream) else { continue };
            let (local, peer) = (state.server.address, state.client.address);
            let holder = Holder {
                world: self.world.clone(),
                node: self.node.clone(),
                incarnation: self.incarnation,
                stream,
                side: Side::Server,
            };
            return Poll::Ready(Ok(holder.connection(local, peer)));
        }
        listener.waker = Some(context.waker().clone());
        Poll::Pending
    }
}

impl Drop for SimListener {
    fn drop(&mut self) {
        if !self.node.is_alive(self.incarnation) {
            return;
        }
        with_net(&self.world, |net, after, now| {
            let Some(listener) = net.listeners.remove(&self.id) else { return };
            after.wake(listener.waker);
            for stream in listener.backlog {
                net.refuse_waiting(stream, after, now);
            }
        });
    }
}
