//! How nodes that belong to no cluster become one: a cluster is founded by all whom the list of servers names, or not at
//! all. `docs/cluster.md`, Forming, has the rules and why they are safe.
//!
//! ```text
//!            all answered, all empty, this one has the least id: Found      all voters hold it: Take(complete)
//!  nothing ──────────────────────────────────────────────────────▶ proposed ─────────────────────────────────▶ complete
//!     │ └── was told, or found by asking, a proposal with its own key: Take ──▲                                     ▲
//!     └── found by asking a complete founding: Take ──────────────────────────────────────────────────────────────┘
//! ```
//!
//! [`Forming`] is the pure state machine, [`Founder`] drives it, [`load`] and [`store`] keep what is held.
//!
//! Invariants: what a node says that it holds is durable; a node that holds a founding never holds another one; one that
//! is complete is held by all its voters.
mod file;
mod founder;
#[cfg(test)]
mod tests;
mod unanswered;
mod waiting;

use std::collections::{BTreeMap, BTreeSet};

pub use file::{FoundingError, load, store};
pub use founder::{Acquaintance, Founder, Joined, LeaderLook, Member};

use super::{FOUNDERS_MAX, Held, Introduction, NodeAddress};
use crate::raft::{ReplicaKey, VoterSet};
use crate::types::NodeId;
use crate::wire::Text;

/// One of those who may found a cluster, as this node is configured.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Server {
    pub address: NodeAddress,
    /// Who has to answer there; `None` if only the address is configured.
    pub node: Option<NodeId>,
}

impl Server {
    /// The setting that names it.
    fn key(&self) -> &'static str {
        match self.node {
            Some(_) => "controller.quorum.voters",
            None => "controller.quorum.bootstrap.servers",
        }
    }
}

/// What follows from what is known.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Nothing yet; `what` says whom this node waits for.
    Wait { what: String },
    /// Nothing, and nothing by itself: `what` says what contradicts, and what to change.
    Blocked { what: String },
    /// This node is to found a cluster of these: to draw its id, and to hold it as a proposal.
    Found(VoterSet),
    /// This is to be held from now on.
    Take(Held),
    /// It holds a founding that is complete: there is such a cluster, and the node belongs to it.
    Joined,
}

/// What this node knows of the servers, and what it holds.
#[derive(Debug)]
pub struct Forming {
    own: ReplicaKey,
    /// Whether this node may be one of the founders.
    votes: bool,
    servers: Vec<Server>,
    /// Of this round, by server.
    answers: Vec<Answer>,
    held: Option<Held>,
    /// The voters of what is held that are known to hold it, too.
    confirmed: BTreeSet<ReplicaKey>,
    /// Who answered where, in any round.
    addresses: BTreeMap<NodeId, NodeAddress>,
}

/// What is wrong if another node answers than the configuration names.
fn misnamed(server: &Server, node: NodeId) -> Option<String> {
    let named = server.node.filter(|&named| named != node)?;
    let address = &server.address;
    Some(format!(
        "controller.quorum.voters names node {named} at {address}, where node {node} answers: correct the one or the \
         other"
    ))
}

#[derive(Clone, Debug)]
enum Answer {
    Pending,
    Failed(String),
    From(Introduction),
}

impl Forming {
    /// A server that is named twice counts once. `held` is what the node's directory has.
    #[must_use]
    pub fn new(own: ReplicaKey, servers: Vec<Server>, held: Option<Held>) -> Forming {
        let mut once: Vec<Server> = Vec::new();
        for server in servers {
            if !once.contains(&server) {
                once.push(server);
            }
        }
        let answers = vec![Answer::Pending; once.len()];
        let mut forming = Forming {
            own,
            votes: true,
            servers: once,
            answers,
            held: None,
            confirmed: BTreeSet::new(),
            addresses: BTreeMap::new(),
        };
        if let Some(held) = held {
            forming.stored(held);
        }
        forming
    }

    /// This node is no controller: it founds no cluster, and takes no proposal that counts on its vote.
    #[must_use]
    pub fn without_vote(self) -> Forming {
        Forming { votes: false, ..self }
    }

    #[must_use]
    pub fn servers(&self) -> &[Server] {
        &self.servers
    }

    #[must_use]
    pub fn held(&self) -> Option<&Held> {
        self.held.as_ref()
    }

    /// Where other nodes answered.
    #[must_use]
    pub fn addresses(&self) -> &BTreeMap<NodeId, NodeAddress> {
        &self.addresses
    }

    /// All servers are asked anew: who is empty has to say so after that, not before.
    pub fn begin_round(&mut self) {
        self.answers.fill(Answer::Pending);
    }

    /// The server with this index answered.
    pub fn answered(&mut self, server: usize, theirs: Introduction) {
        self.confirm(&theirs);
        if theirs.key() != self.own {
            self.addresses.insert(theirs.node, self.servers[server].address.clone());
        }
        self.answers[server] = Answer::From(theirs);
    }

    /// The server with this index could not be asked.
    pub fn failed(&mut self, server: usize, why: String) {
        self.answers[server] = Answer::Failed(why);
    }

    /// Another node introduced itself. Gives what has to be held, durably, before it is answered.
    #[must_use]
    pub fn introduced(&mut self, theirs: &Introduction) -> Option<Held> {
        self.confirm(theirs);
        let told = theirs.founding.as_ref()?;
        let takes = match &self.held {
            None => self.votes && told.founding.voters.contains(self.own),
            Some(held) => !held.complete && told.complete && told.founding == held.founding,
        };
        takes.then(|| told.clone())
    }

    /// This is durable.
    ///
    /// # Panics
    /// If another founding was held before: none is taken while one is held.
    pub fn stored(&mut self, held: Held) {
        if let Some(before) = &self.held {
            assert_eq!(before.founding, held.founding, "a node holds one founding for ever");
            assert!(held.complete || !before.complete, "what is complete stays so");
        }
        if held.founding.voters.contains(self.own) {
            self.confirmed.insert(self.own);
        }
        self.held = Some(held);
    }

    /// What is to be done now.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        match &self.held {
            Some(held) if held.complete => Verdict::Joined,
            Some(held) => self.await_completion(held),
            None => self.await_founding(),
        }
    }

    fn confirm(&mut self, theirs: &Introduction) {
        let Some(held) = &self.held else { return };
        let same = theirs.founding.as_ref().is_some_and(|told| told.founding == held.founding);
        if same && held.founding.voters.contains(theirs.key()) {
            self.confirmed.insert(theirs.key());
        }
    }

    fn heard(&self) -> impl Iterator<Item = (&Server, &Introduction)> {
        self.servers.iter().zip(&self.answers).filter_map(|(server, answer)| match answer {
            Answer::From(theirs) => Some((server, theirs)),
            Answer::Pending | Answer::Failed(_) => None,
        })
    }

    fn await_completion(&self, held: &Held) -> Verdict {
        let mut told = self.heard().filter_map(|(_, theirs)| theirs.founding.as_ref());
        let complete = told.any(|told| told.complete && told.founding == held.founding);
        let missing: Vec<ReplicaKey> = {
            let keys = held.founding.voters.keys().iter();
            keys.copied().filter(|key| !self.confirmed.contains(key)).collect()
        };
        if complete || missing.is_empty() {
            return Verdict::Take(Held { complete: true, ..held.clone() });
        }
        let cluster = &held.founding.cluster;
        let other = self.heard().find_map(|(_, theirs)| {
            let told = theirs.founding.as_ref().filter(|told| told.founding != held.founding)?;
            Some((theirs.key(), &told.founding.cluster))
        });
        if let Some((key, other)) = other {
            let what = if held.founding.voters.contains(key) {
                format!(
                    "node {} holds the founding of cluster {other} and not that of {cluster}, which this node holds: so \
                     {cluster} never comes about; stop this node, remove the file {} from its data directory and start \
                     it again",
                    key.node,
                    file::PATH
                )
            } else {
                self.several_clusters(Some(cluster))
            };
            return Verdict::Blocked { what };
        }
        for key in &missing {
            let replaced =
                self.heard().find(|(_, theirs)| theirs.node == key.node && theirs.directory != key.directory);
            if let Some((server, theirs)) = replaced {
                let what = format!(
                    "the founding of cluster {cluster} names data directory {} of node {}, and {} answers with {}: start \
                     that node with the directory that it had; if that is lost, and no node belongs to {cluster} yet, stop \
                     the nodes that say this, remove the file {} from their data directories and start them again",
                    key.directory,
                    key.node,
                    server.address,
                    theirs.directory,
                    file::PATH
                );
                return Verdict::Blocked { what };
            }
        }
        let mut what = format!("cluster {cluster} is founded once all its voters hold that: it waits for");
        list(&mut what, missing.iter().map(|key| format!("node {}", key.node)));
        if let Some(failures) = self.failures() {
            what.push_str("; no answer from ");
            what.push_str(&failures);
        }
        Verdict::Wait { what }
    }

    fn await_founding(&self) -> Verdict {
        let told: BTreeSet<&Held> = self.heard().filter_map(|(_, theirs)| theirs.founding.as_ref()).collect();
        let complete: Vec<&Held> = told.iter().copied().filter(|held| held.complete).collect();
        match (&complete[..], told.len()) {
            ([one], _) => Verdict::Take((*one).clone()),
            ([_, _, ..], _) => Verdict::Blocked { what: self.several_clusters(None) },
            ([], 0) => self.await_founders(),
            ([], _) => self.await_proposal(&told),
        }
    }

    /// Which server leads to which cluster, and to which one this node's data directory does, if to any.
    fn several_clusters(&self, own: Option<&Text>) -> String {
        let key = self.servers.first().expect("one of them has answered").key();
        let mut what = "the servers lead to more than one cluster:".to_owned();
        let told = self.heard().filter_map(|(server, theirs)| {
            let cluster = &theirs.founding.as_ref()?.founding.cluster;
            Some(format!("{} to {cluster}", server.address))
        });
        let own = own.map(|cluster| format!("this node's data directory to {cluster}"));
        list(&mut what, told.chain(own));
        what.push_str("; name the servers of one only in ");
        what.push_str(key);
        what
    }

    /// Nobody knows a cluster, but of one that is being founded.
    fn await_proposal(&self, told: &BTreeSet<&Held>) -> Verdict {
        let mut told = told.iter();
        let (first, second) = (told.next(), told.next());
        let what = match (first, second) {
            (Some(one), None) if one.founding.voters.contains(self.own) => {
                if self.votes {
                    return Verdict::Take((*one).clone());
                }
                let what = format!(
                    "cluster {} is being founded with this node's vote, and its process.roles is broker: so that cluster \
                     never comes about; name controllers only in controller.quorum.bootstrap.servers of all nodes, then \
                     remove the file {} from the data directories of those that hold it and start them again",
                    one.founding.cluster,
                    file::PATH
                );
                return Verdict::Blocked { what };
            }
            (Some(one), None) => format!(
                "cluster {} is being founded without this node (its id and data directory are not among the voters): \
                 it waits until that is done",
                one.founding.cluster
            ),
            (Some(one), Some(other)) => format!(
                "two clusters are being founded, {} and {}: their nodes say what to do",
                one.founding.cluster, other.founding.cluster
            ),
            (None, _) => "nobody knows a cluster".to_owned(),
        };
        Verdict::Wait { what }
    }

    /// Nobody who answered knows a founding: all that the list names found a cluster, if they have answered and agree.
    fn await_founders(&self) -> Verdict {
        if !self.votes {
            return self.await_controllers();
        }
        if let Some(what) = self.contradiction() {
            return Verdict::Blocked { what };
        }
        if let Some(failures) = self.failures() {
            let (answered, all) = (self.heard().count(), self.servers.len());
            let what = format!(
                "{answered} of {all} servers have answered; no answer from {failures}: start the nodes that are not there, or \
                 correct controller.quorum.bootstrap.servers on all; it names their listeners of \
                 controller.listener.names"
            );
            return Verdict::Wait { what };
        }
        // It may be meant to join what they are about to found.
        if !self.heard().any(|(_, theirs)| theirs.key() == self.own) {
            let what = format!(
                "none of the servers is this node ({}), so it founds no cluster, and they have none yet: add its address \
                 to controller.quorum.bootstrap.servers of all, or wait until they have founded it",
                self.own.node
            );
            return Verdict::Wait { what };
        }
        let count = self.servers.len();
        if count > FOUNDERS_MAX {
            let what = format!(
                "{count} servers are named, and {FOUNDERS_MAX} found a cluster at most: name fewer; the others join \
                 later by the same list"
            );
            return Verdict::Blocked { what };
        }
        let voters = VoterSet::of(self.heard().map(|(_, theirs)| theirs.key()));
        let voters = voters.expect("no more than may vote, this node among them, and none twice");
        let least = voters.keys()[0];
        if least == self.own {
            return Verdict::Found(voters);
        }
        let what = format!(
            "all {count} servers have answered; it waits for node {}, which founds the cluster",
            least.node
        );
        Verdict::Wait { what }
    }

    /// A node that is no controller waits until those have founded a cluster.
    fn await_controllers(&self) -> Verdict {
        if let Some((server, _)) = self.heard().find(|(_, theirs)| theirs.key() == self.own) {
            let what = format!(
                "controller.quorum.bootstrap.servers names {}, which is this node, and its process.roles is broker: name \
                 controllers only, on all nodes",
                server.address
            );
            return Verdict::Blocked { what };
        }
        let failures =
            self.failures().map_or_else(String::new, |failures| format!("; no answer from {failures}"));
        let what = format!(
            "the controllers have founded no cluster yet, and this node (process.roles=broker) waits for that{failures}"
        );
        Verdict::Wait { what }
    }

    /// What a person has to change before anything can be founded, among those who have answered.
    fn contradiction(&self) -> Option<String> {
        let own_list: BTreeSet<String> =
            self.servers.iter().map(|server| server.address.to_string()).collect();
        let mut seen: BTreeMap<NodeId, (&Server, &Introduction)> = BTreeMap::new();
        for (server, theirs) in self.heard() {
            let (node, address) = (theirs.node, &server.address);
            if let Some(what) = misnamed(server, node) {
                return Some(what);
            }
            if node == self.own.node && theirs.key() != self.own {
                return Some(format!(
                    "the node at {address} has node.id={node} as this one has: give one of them another number"
                ));
            }
            if let Some((first, before)) = seen.insert(node, (server, theirs)) {
                let first = &first.address;
                return Some(if before.directory == theirs.directory {
                    format!("{first} and {address} both are node {node}: name each node once")
                } else {
                    format!(
                        "the nodes at {first} and {address} both have node.id={node}: give one of them another number"
                    )
                });
            }
            let list: BTreeSet<String> = theirs.servers.iter().cloned().collect();
            if list != own_list {
                let join = |list: BTreeSet<String>| list.into_iter().collect::<Vec<_>>().join(",");
                return Some(format!(
                    "node {node} at {address} is configured with the servers {}, this node with {}: make \
                     controller.quorum.bootstrap.servers the same on all",
                    join(list),
                    join(own_list)
                ));
            }
        }
        None
    }

    /// The servers that have not answered in this round.
    fn failures(&self) -> Option<String> {
        let failed = self.servers.iter().zip(&self.answers).filter_map(|(server, answer)| match answer {
            Answer::Pending => Some(server.address.to_string()),
            Answer::Failed(why) => Some(format!("{} ({why})", server.address)),
            Answer::From(_) => None,
        });
        let failed: Vec<String> = failed.collect();
        (!failed.is_empty()).then(|| failed.join(", "))
    }
}

fn list(text: &mut String, items: impl Iterator<Item = String>) {
    for (at, item) in items.enumerate() {
        text.push_str(if at > 0 { ", " } else { " " });
        text.push_str(&item);
    }
}
