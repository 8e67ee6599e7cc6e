use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use tokio::sync::{Mutex as AsyncMutex, Notify, oneshot};
use tracing::{info, warn};

use super::unanswered::Unanswered;
use super::waiting::{Loudness, Waiting};
use super::{Forming, FoundingError, Server, Verdict, load, misnamed, store};
use crate::io::{BoxFuture, Io, join_all};
use crate::peers::pace::{Backoff, Throttle};
use crate::peers::{
    Founding, Held, Introduction, Introductions, LinkError, NodeAddress, SERVER_BYTES_MAX, SERVERS_MAX,
    introduce,
};
use crate::raft::ReplicaKey;
use crate::types::{Instant, NodeId, Roles, TopicId, Uuid};
use crate::wire::Text;

/// Between two rounds, doubled up to the longest one, less a random half.
const PAUSE_LEAST: Duration = Duration::from_millis(200);
const PAUSE_MOST: Duration = Duration::from_secs(2);
/// For one server to answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// A sentence that stays the same is logged once in this time.
pub(super) const LOG_EVERY: Duration = Duration::from_secs(60);
/// Whoever waits longer than that for others waits for somebody to do something.
pub(super) const LASTS: Duration = Duration::from_secs(30);
/// The most nodes whose coming is noticed at once; others are found a pause later.
const NOTICED_MAX: usize = 64;

/// Who this node is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Member {
    pub node: NodeId,
    /// Of its data directory.
    pub directory: Uuid,
    /// Drawn at this start of the process.
    pub incarnation: Uuid,
    pub roles: Roles,
}

/// The cluster that a node belongs to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Joined {
    pub founding: Founding,
    /// Where other nodes answered so far; more are told by [`Founder::keep_introducing`].
    pub addresses: BTreeMap<NodeId, NodeAddress>,
}

/// What a node that has joined hears of others from [`Founder::keep_introducing`].
pub trait Acquaintance: Send {
    /// A node answered at an address that is configured.
    fn answered(&mut self, node: NodeId, address: &NodeAddress);

    /// A node of the cluster says that the metadata's leader is there.
    fn leader_is_at(&mut self, _node: NodeId, _address: &NodeAddress) {}

    /// Whether the metadata's leader can be reached: until then all who are configured are asked for it again.
    fn knows_leader(&self) -> bool {
        true
    }

    /// Whether a node of the cluster is known that this may be: if it does not answer, it is away, and that is told elsewhere.
    fn knows_node(&self, _server: &Server) -> bool {
        false
    }
}

impl<F: FnMut(NodeId, &NodeAddress) + Send> Acquaintance for F {
    fn answered(&mut self, node: NodeId, address: &NodeAddress) {
        self(node, address);
    }
}

/// Says who leads the metadata, and where that node listens for nodes.
pub type LeaderLook = Box<dyn Fn() -> Option<(NodeId, NodeAddress)> + Send + Sync>;

/// Finds or founds a node's cluster, and answers others that look for theirs. Cheap to clone.
#[derive(Clone)]
pub struct Founder {
    shared: Arc<Shared>,
}

struct Shared {
    io: Io,
    own: Member,
    servers: Vec<Server>,
    /// Locked for as long as something is written: what is decided is durable before the next is.
    keeping: Arc<AsyncMutex<Keeping>>,
    /// The processes that introduced themselves.
    noticed: Mutex<BTreeMap<NodeId, Uuid>>,
    /// What those of this cluster are told who ask.
    leader: OnceLock<LeaderLook>,
    /// There is something new: not to wait for the next round.
    wake: Notify,
}

struct Keeping {
    forming: Forming,
    /// Why nothing can be kept any more.
    failure: Option<FoundingError>,
}

impl Founder {
    /// Reads what the data directory holds.
    ///
    /// # Errors
    /// If that cannot be read, or the servers are too many or too long to be told to others.
    pub async fn open(io: &Io, own: Member, servers: Vec<Server>) -> Result<Founder, FoundingError> {
        let held = load(&*io.disk).await?;
        let key = ReplicaKey { node: own.node, directory: own.directory };
        let forming = Forming::new(key, servers, held);
        let forming = if own.roles.is_controller() { forming } else { forming.without_vote() };
        let servers = forming.servers().to_vec();
        if servers.len() > SERVERS_MAX {
            let what = format!(
                "controller.quorum.bootstrap.servers has {} addresses: name {SERVERS_MAX} at most, any of them leads to \
                 the cluster",
                servers.len()
            );
            return Err(FoundingError::Servers { what });
        }
        for server in &servers {
            let address = server.address.to_string();
            if address.len() > SERVER_BYTES_MAX || !address.bytes().all(|byte| byte.is_ascii_graphic()) {
                let what = format!(
                    "{address:?} in controller.quorum.bootstrap.servers is no address: a name of {SERVER_BYTES_MAX} \
                     bytes at most, in ASCII"
                );
                return Err(FoundingError::Servers { what });
            }
        }
        let keeping = Arc::new(AsyncMutex::new(Keeping { forming, failure: None }));
        let noticed = Mutex::default();
        let (leader, wake) = (OnceLock::new(), Notify::new());
        let shared = Shared { io: io.clone(), own, servers, keeping, noticed, leader, wake };
        Ok(Founder { shared: Arc::new(shared) })
    }

    /// Waits until the node belongs to a cluster; at once if it did before. May be dropped and asked again.
    ///
    /// # Errors
    /// If what is found cannot be kept: the node has to stop.
    pub async fn form(&self) -> Result<Joined, FoundingError> {
        let shared = &self.shared;
        let clock = &*shared.io.clock;
        let mut random = shared.io.rng.stream("forming");
        let mut backoff = Backoff::new(PAUSE_LEAST, PAUSE_MOST);
        let mut waiting = Waiting::new();
        loop {
            // Of a cluster that was joined before, nobody has to be asked.
            if let Some(joined) = self.joined().await {
                return Ok(joined);
            }
            self.round().await?;
            let id = TopicId(random.identity()).to_string();
            let verdict = self
                .keep(move |forming| {
                    let verdict = forming.verdict();
                    let held = match &verdict {
                        Verdict::Found(voters) => {
                            let founding = Founding { cluster: Text::from(id), voters: voters.clone() };
                            Some(Held { complete: voters.keys().len() == 1, founding })
                        }
                        Verdict::Take(held) => Some(held.clone()),
                        Verdict::Wait { .. } | Verdict::Blocked { .. } | Verdict::Joined => None,
                    };
                    (verdict, held)
                })
                .await?;
            let (what, least) = match verdict {
                Verdict::Found(voters) => {
                    info!(%voters, "this node proposes a founding of the cluster");
                    continue;
                }
                Verdict::Take(held) => {
                    info!(cluster = %held.founding.cluster, complete = held.complete, "holds the founding of a cluster");
                    continue;
                }
                Verdict::Joined => continue,
                Verdict::Wait { what } => (what, Loudness::Info),
                Verdict::Blocked { what } => (what, Loudness::Warning),
            };
            match waiting.told(clock.now(), &what, least) {
                Some(Loudness::Warning) => warn!("this node belongs to no cluster yet: {what}"),
                Some(Loudness::Info) => info!("this node belongs to no cluster yet: {what}"),
                None => {}
            }
            tokio::select! {
                biased;
                () = shared.wake.notified() => backoff.reset(),
                () = clock.sleep(backoff.wait(random.next_u64())) => {}
            }
        }
    }

    /// Whom this node tells others of its cluster that lead the metadata: a new node may have a list without it.
    pub fn tell_leader(&self, look: LeaderLook) {
        // The first one stays: a node joins once.
        let _first = self.shared.leader.set(look);
    }

    /// Goes on asking the servers that have not answered yet, until all have and the metadata's leader can be reached, and tells
    /// where other nodes are.
    pub async fn keep_introducing(&self, mut known: impl Acquaintance) {
        let shared = &self.shared;
        let mut random = shared.io.rng.stream("introducing");
        let mut backoff = Backoff::new(PAUSE_LEAST, PAUSE_MOST);
        let answered = shared.keeping.lock().await.forming.addresses().clone();
        let mut logs: Vec<Throttle> = shared.servers.iter().map(|_| Throttle::new(LOG_EVERY)).collect();
        let mut silent: Vec<Unanswered> = shared.servers.iter().map(|_| Unanswered::default()).collect();
        let mut left = Vec::new();
        for (at, server) in shared.servers.iter().enumerate() {
            match answered.iter().find(|(_, address)| **address == server.address) {
                Some((&node, _)) => tell(&mut logs[at], shared.io.clock.now(), misnamed(server, node)),
                None => left.push(at),
            }
        }
        if left.is_empty() {
            shared.io.clock.sleep(backoff.wait(random.next_u64())).await;
        }
        while !left.is_empty() || !known.knows_leader() {
            let own = self.introduction().await;
            let asked = if left.is_empty() { (0..shared.servers.len()).collect() } else { left.clone() };
            let servers: Vec<&Server> = asked.iter().map(|&at| &shared.servers[at]).collect();
            for (&at, (server, answer)) in asked.iter().zip(self.ask(&own, &servers).await) {
                let now = shared.io.clock.now();
                let theirs = match answer {
                    Ok(theirs) => theirs,
                    Err(error) => {
                        if left.contains(&at)
                            && !known.knows_node(server)
                            && let Some(what) = silent[at].failed(now, server, &error.to_string())
                        {
                            warn!("{what}");
                        }
                        continue;
                    }
                };
                silent[at].answered();
                if let Some(what) = foreign(&own, server, &theirs) {
                    tell(&mut logs[at], now, Some(what));
                    continue;
                }
                tell(&mut logs[at], now, misnamed(server, theirs.node));
                left.retain(|other| *other != at);
                if theirs.key() != own.key() {
                    known.answered(theirs.node, &server.address);
                }
                if let Some((node, address)) = theirs.leader.filter(|(node, _)| *node != own.node) {
                    known.leader_is_at(node, &address);
                }
            }
            if !left.is_empty() || !known.knows_leader() {
                shared.io.clock.sleep(backoff.wait(random.next_u64())).await;
            }
        }
    }

    async fn joined(&self) -> Option<Joined> {
        let keeping = self.shared.keeping.lock().await;
        let held = keeping.forming.held().filter(|held| held.complete)?;
        Some(Joined { founding: held.founding.clone(), addresses: keeping.forming.addresses().clone() })
    }

    async fn introduction(&self) -> Introduction {
        let keeping = self.shared.keeping.lock().await;
        let Member { node, directory, incarnation, .. } = self.shared.own;
        let servers = self.shared.servers.iter().map(|server| server.address.to_string()).collect();
        let founding = keeping.forming.held().cloned();
        Introduction { node, directory, incarnation, servers, founding, leader: None }
    }

    /// Asks every server once.
    async fn round(&self) -> Result<(), FoundingError> {
        self.keep(|forming| (forming.begin_round(), None)).await?;
        let own = self.introduction().await;
        let all: Vec<&Server> = self.shared.servers.iter().collect();
        let answers: Vec<Result<Introduction, LinkError>> =
            self.ask(&own, &all).await.into_iter().map(|(_, answer)| answer).collect();
        self.keep(move |forming| {
            for (server, answer) in answers.into_iter().enumerate() {
                match answer {
                    Ok(theirs) => forming.answered(server, theirs),
                    Err(error) => forming.failed(server, error.to_string()),
                }
            }
            ((), None)
        })
        .await
    }

    async fn ask<'s>(
        &self,
        own: &Introduction,
        servers: &[&'s Server],
    ) -> Vec<(&'s Server, Result<Introduction, LinkError>)> {
        let mut asking = Vec::new();
        for server in servers {
            let (io, own) = (self.shared.io.clone(), own.clone());
            let NodeAddress { host, port } = server.address.clone();
            let answer: BoxFuture<Result<Introduction, LinkError>> =
                Box::pin(async move { introduce(&io, &host, port, &own, PATIENCE).await });
            asking.push(answer);
        }
        let answers = join_all(asking).await;
        servers.iter().copied().zip(answers).collect()
    }

    /// Decides, and makes durable what is to be held by that. Goes on to its end even if the caller does not: a write
    /// that was begun is in nobody's way.
    async fn keep<R: Send + 'static>(
        &self,
        decide: impl FnOnce(&mut Forming) -> (R, Option<Held>) + Send + 'static,
    ) -> Result<R, FoundingError> {
        let (keeping, disk) = (Arc::clone(&self.shared.keeping), Arc::clone(&self.shared.io.disk));
        let (done, outcome) = oneshot::channel();
        let task = async move {
            let mut keeping = keeping.lock().await;
            if let Some(failure) = &keeping.failure {
                return drop(done.send(Err(failure.clone())));
            }
            let (result, held) = decide(&mut keeping.forming);
            if let Some(held) = held {
                if let Err(error) = store(&*disk, &held).await {
                    keeping.failure = Some(error.clone());
                    return drop(done.send(Err(error)));
                }
                keeping.forming.stored(held);
            }
            drop(done.send(Ok(result)));
        };
        drop(self.shared.io.spawn.spawn("founding", Box::pin(task)));
        outcome.await.unwrap_or(Err(FoundingError::Stopped))
    }

    fn noticed(&self) -> MutexGuard<'_, BTreeMap<NodeId, Uuid>> {
        self.shared.noticed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn tell(log: &mut Throttle, now: Instant, what: Option<String>) {
    if let Some(what) = what
        && log.permit(now, &what).is_some()
    {
        warn!("{what}");
    }
}

/// What is wrong if the node that answered belongs to another cluster, or founds one: it is not where this one's nodes are.
fn foreign(own: &Introduction, server: &Server, theirs: &Introduction) -> Option<String> {
    let other = &theirs.founding.as_ref()?.founding.cluster;
    let ours = own.founding.as_ref().map(|held| &held.founding.cluster);
    if ours == Some(other) {
        return None;
    }
    let (node, address) = (theirs.node, &server.address);
    let ours = ours.map_or_else(|| "none".to_owned(), ToString::to_string);
    Some(format!(
        "controller.quorum.bootstrap.servers names {address}, where node {node} of cluster {other} answers, and this node's data \
         directory belongs to cluster {ours}: name that cluster's nodes, or, to join {other}, start this node with an empty data \
         directory"
    ))
}

impl Introductions for Founder {
    fn introduced(&self, theirs: Introduction) -> Pin<Box<dyn Future<Output = Introduction> + Send + '_>> {
        Box::pin(async move {
            let cluster = theirs.founding.as_ref().map(in_cluster).cloned();
            let is_new = {
                let mut noticed = self.noticed();
                let has_room = noticed.len() < NOTICED_MAX || noticed.contains_key(&theirs.node);
                let own = theirs.node == self.shared.own.node;
                !own && has_room
                    && noticed.insert(theirs.node, theirs.incarnation) != Some(theirs.incarnation)
            };
            let taken = self.keep(move |forming| {
                let held = forming.introduced(&theirs);
                (held.is_some(), held)
            });
            match taken.await {
                Ok(has_taken) => {
                    if has_taken || is_new {
                        self.shared.wake.notify_one();
                    }
                }
                // It holds nothing that it did not hold before, and says so; whoever forms finds the failure.
                Err(error) => {
                    tracing::error!(%error, "what another node proposed cannot be kept");
                    self.shared.wake.notify_one();
                }
            }
            let mut own = self.introduction().await;
            let is_of_this_one =
                cluster.is_some_and(|cluster| own.founding.as_ref().map(in_cluster) == Some(&cluster));
            own.leader = self.shared.leader.get().filter(|_| is_of_this_one).and_then(|look| look());
            own
        })
    }
}

fn in_cluster(held: &Held) -> &Text {
    &held.founding.cluster
}
