use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ordain::io::{BoxFuture, Connection, Listener, Net};

use super::deliver::with_net;
use super::halves::{Holder, SimListener};
use super::state::{Body, End, NetState, Side, StreamId, StreamState};
use crate::timers::WorldSleep;
use crate::world::{Incarnation, Node, NodeIndex, World};

/// The network as one run of a node's process uses it.
#[derive(Clone)]
pub(crate) struct SimNet {
    world: Arc<World>,
    node: Arc<Node>,
    incarnation: Incarnation,
}

/// How long the first try of a connection waits for an answer; each further one twice as long.
const FIRST_TRY: Duration = Duration::from_secs(1);
/// Linux's `tcp_syn_retries`: the last try ends after 127 seconds.
const TRIES: u32 = 7;

impl SimNet {
    pub(crate) fn new(world: Arc<World>, node: Arc<Node>) -> SimNet {
        let incarnation = node.incarnation();
        SimNet { world, node, incarnation }
    }

    fn is_alive(&self) -> bool {
        self.node.is_alive(self.incarnation)
    }

    async fn sleep(&self, duration: Duration) {
        WorldSleep::new(self.world.clone(), duration).await;
        if !self.is_alive() {
            // The code of a process that has ended: it goes no further.
            pending::<()>().await;
        }
    }

    fn event(&self, what: std::fmt::Arguments<'_>) {
        self.world.event(&self.node.name, what);
    }

    async fn connect_to(self, host: String, port: u16) -> io::Result<Connection> {
        self.sleep(Duration::from_micros(1)).await;
        let from = self.node.index;
        let found = with_net(&self.world, |net, _, _| net.resolve(from, &host));
        let Some((to, ip)) = found else {
            self.event(format_args!("net connect {host}:{port}: no such host"));
            return Err(io::Error::new(io::ErrorKind::NotFound, format!("no host is named {host:?}")));
        };
        let address = SocketAddr::new(ip, port);
        let mut wait = FIRST_TRY;
        for _ in 0..TRIES {
            let there = with_net(&self.world, |net, _, _| {
                net.passes(from, to).then(|| net.latency_with_losses(from, to))
            });
            // Silence: nothing tells a cut way or a dead machine from a slow one.
            let Some(there) = there else {
                self.sleep(wait).await;
                wait *= 2;
                continue;
            };
            self.sleep(there).await;
            let answer = with_net(&self.world, |net, _, _| net.answer(from, to, address));
            match answer {
                Answer::None => {
                    self.sleep(wait).await;
                    wait *= 2;
                }
                Answer::Refused(back) => {
                    self.sleep(back).await;
                    self.event(format_args!("net connect {host}:{port}: refused"));
                    return Err(io::ErrorKind::ConnectionRefused.into());
                }
                Answer::Welcome(back) => {
                    self.sleep(back).await;
                    return self.establish(to, address);
                }
            }
        }
        self.event(format_args!("net connect {host}:{port}: timed out"));
        Err(io::ErrorKind::TimedOut.into())
    }

    fn establish(&self, to: NodeIndex, peer: SocketAddr) -> io::Result<Connection> {
        let (stream, local) = with_net(&self.world, |net, after, now| {
            let opened = net.open_stream(self.node.index, self.incarnation, to, peer)?;
            net.send(opened.0, Side::Client, Body::Open, after, now);
            Ok::<_, io::Error>(opened)
        })?;
        self.event(format_args!("net connected s{stream} {local} > {peer}"));
        let holder = Holder {
            world: self.world.clone(),
            node: self.node.clone(),
            incarnation: self.incarnation,
            stream,
            side: Side::Client,
        };
        Ok(holder.connection(local, peer))
    }
}

/// What a host says to a first segment, and how long the answer travels.
enum Answer {
    None,
    Refused(Duration),
    Welcome(Duration),
}

impl NetState {
    fn answer(&mut self, from: NodeIndex, to: NodeIndex, address: SocketAddr) -> Answer {
        // Both ways at this moment: the segment arrives, and the answer leaves.
        if !self.passes(from, to) || !self.passes(to, from) {
            return Answer::None;
        }
        let back = self.latency_with_losses(to, from);
        match self.listener_at(to, address).and_then(|id| self.listeners.get(&id)) {
            None => Answer::Refused(back),
            Some(listener) if listener.backlog.len() >= self.options.backlog => Answer::None,
            Some(_) => Answer::Welcome(back),
        }
    }

    fn open_stream(
        &mut self,
        from: NodeIndex,
        incarnation: Incarnation,
        to: NodeIndex,
        peer: SocketAddr,
    ) -> io::Result<(StreamId, SocketAddr)> {
        let port = self.free_port(from)?;
        let ip = if peer.ip().is_loopback() { peer.ip() } else { crate::world::ip_of(from) };
        let local = SocketAddr::new(ip, port);
        let id = self.next_id();
        let window = self.options.window;
        let client = End::new(from, incarnation, local, window);
        let mut server = End::new(to, incarnation, peer, window);
        // Nobody's until the handshake's last step arrives.
        (server.gone, server.read_open, server.write_open) = (true, false, false);
        self.streams.insert(id, StreamState { client, server });
        Ok((id, local))
    }
}

impl Net for SimNet {
    fn listen(&self, address: SocketAddr) -> BoxFuture<io::Result<Box<dyn Listener>>> {
        let this = self.clone();
        Box::pin(async move {
            if !this.is_alive() {
                return pending().await;
            }
            let bound =
                with_net(&this.world, |net, _, _| net.bind(this.node.index, this.incarnation, address));
            match &bound {
                Ok((_, address)) => this.event(format_args!("net listen {address}")),
                Err(error) => this.event(format_args!("net listen {address}: {:?}", error.kind())),
            }
            let (id, address) = bound?;
            let (world, node, incarnation) = (this.world, this.node, this.incarnation);
            Ok(Box::new(SimListener { world, node, incarnation, id, address }) as Box<dyn Listener>)
        })
    }

    fn connect(&self, host: &str, port: u16) -> BoxFuture<io::Result<Connection>> {
        Box::pin(self.clone().connect_to(host.to_owned(), port))
    }
}
