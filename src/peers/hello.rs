use super::frame::FRAME_BYTES_LEAST;
use crate::types::{NodeId, Uuid};
use crate::wire::messages::{PeerHello, PeerHelloReply};
use crate::wire::peer::PEER_VERSIONS;
use crate::wire::{Text, VersionRange};

/// Who a node says it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Identity {
    /// `None` for a new node that has joined no cluster yet.
    pub cluster: Option<Text>,
    pub node: NodeId,
    /// Of its data directory.
    pub directory: Uuid,
    /// Drawn at each start of the process.
    pub incarnation: Uuid,
    /// The largest frame that it takes, in bytes without the length.
    pub frame_bytes_max: usize,
}

/// What is known of the node at the other end once the handshake is done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Greeting {
    pub peer: Identity,
    /// In which both write.
    pub version: i16,
}

/// Why an acceptor refuses a hello, by its number on the wire.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(i8)]
pub enum Refusal {
    Version = 1,
    WrongCluster = 2,
    WrongNode = 3,
    SameNode = 4,
    DuplicateNode = 5,
    Superseded = 6,
    TooManyNodes = 7,
    Forgot = 8,
}

impl Refusal {
    const ALL: [Refusal; 8] = [
        Refusal::Version,
        Refusal::WrongCluster,
        Refusal::WrongNode,
        Refusal::SameNode,
        Refusal::DuplicateNode,
        Refusal::Superseded,
        Refusal::TooManyNodes,
        Refusal::Forgot,
    ];

    fn from_wire(number: i8) -> Option<Refusal> {
        Refusal::ALL.into_iter().find(|&refusal| refusal as i8 == number)
    }
}

/// A hello that this node refused.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the hello of node {node} was refused: {refusal:?}")]
pub struct RefusedHello {
    pub refusal: Refusal,
    /// Who it says it is.
    pub node: NodeId,
    /// The cluster that it names; `None`: none.
    pub theirs: Option<Text>,
    /// This node's.
    pub ours: Option<Text>,
}

impl RefusedHello {
    /// What is wrong and what to change, for whoever runs this node; `None` if it ends by itself, or who dialled alone can tell.
    #[must_use]
    pub fn mistake(&self) -> Option<String> {
        let node = self.node;
        let cluster =
            |id: &Option<Text>| id.as_ref().map_or_else(|| "(none)".to_owned(), ToString::to_string);
        match self.refusal {
            Refusal::WrongCluster => Some(format!(
                "node {node} of cluster {} dials this node, which belongs to cluster {}: correct controller.quorum.bootstrap.servers \
                 there, or start it with an empty data directory if it is to join this cluster",
                cluster(&self.theirs),
                cluster(&self.ours)
            )),
            Refusal::SameNode => Some(format!(
                "another node that is configured with node.id={node} as this one is dials it: give one of the two another number"
            )),
            Refusal::DuplicateNode => Some(format!(
                "a second node with node.id={node} and another data directory dials this node while the first one is connected: \
                 give one of the two another number, or stop the one that is to be replaced"
            )),
            Refusal::Superseded => Some(format!(
                "a process of node {node} dials this node that a later one with the same data directory has replaced: two \
                 processes run on copies of one data directory, stop one"
            )),
            Refusal::Forgot => Some(format!(
                "node {node} dials this node without what its data directory had told that it holds durably: its disk has lost \
                 that, or an older state was put back; start it with an empty data directory"
            )),
            Refusal::Version | Refusal::WrongNode | Refusal::TooManyNodes => None,
        }
    }
}

/// Why a handshake came to nothing, for whoever dialled or runs the nodes.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum HelloError {
    #[error(
        "node {peer} speaks versions {theirs} of the protocol between nodes, this one {ours}: upgrade the older node first"
    )]
    Version { peer: NodeId, theirs: VersionRange, ours: VersionRange },
    #[error(
        "node {peer} belongs to cluster {theirs}, this node to {ours}: the address or the data directory is another cluster's"
    )]
    WrongCluster { peer: NodeId, theirs: Text, ours: Text },
    #[error(
        "this is the address of node {found}, not of node {wanted}: correct controller.quorum.bootstrap.servers or that node's listeners"
    )]
    WrongNode { found: NodeId, wanted: NodeId },
    #[error("two nodes are configured with node.id={node}: give this one or that one another number")]
    SameNode { node: NodeId },
    #[error(
        "node {peer} is connected to another node with node.id={node} and another data directory: stop one of the two, or wait until the one that is replaced counts as silent"
    )]
    DuplicateNode { peer: NodeId, node: NodeId },
    #[error(
        "node {peer} has seen a later process of node {node}: two processes run on copies of one data directory, stop this one"
    )]
    Superseded { peer: NodeId, node: NodeId },
    #[error("node {peer} knows too many nodes to take another")]
    TooManyNodes { peer: NodeId },
    #[error("node {peer} was told that this node's journal was durable up to commit {told}, and it is not")]
    Forgot { peer: NodeId, told: u64 },
    #[error("its {field} is {value}")]
    OutOfRange { field: &'static str, value: i64 },
}

impl Identity {
    /// What this node says to `receiver` first.
    #[must_use]
    pub fn hello(&self, receiver: NodeId) -> PeerHello {
        PeerHello {
            min_version: PEER_VERSIONS.min,
            max_version: PEER_VERSIONS.max,
            cluster_id: self.cluster.clone(),
            node_id: self.node.0,
            directory_id: self.directory,
            incarnation_id: self.incarnation,
            receiver_id: receiver.0,
            frame_bytes_max: frame_bytes_to_wire(self.frame_bytes_max),
            ..PeerHello::default()
        }
    }

    /// What an acceptor makes of a hello; whether there is such a node already is for [`super::Admissions`] to say.
    ///
    /// # Errors
    /// The refusal to be answered, or a value that no node has.
    pub fn meet(&self, hello: &PeerHello) -> Result<Result<Greeting, Refusal>, HelloError> {
        let theirs = VersionRange { min: hello.min_version, max: hello.max_version };
        let peer = read_identity(
            hello.cluster_id.clone(),
            hello.node_id,
            (hello.directory_id, hello.incarnation_id),
            hello.frame_bytes_max,
        )?;
        let Some(version) = common_version(theirs) else { return Ok(Err(Refusal::Version)) };
        if let (Some(theirs), Some(ours)) = (&peer.cluster, &self.cluster)
            && theirs != ours
        {
            return Ok(Err(Refusal::WrongCluster));
        }
        if hello.receiver_id != self.node.0 {
            return Ok(Err(Refusal::WrongNode));
        }
        if peer.node == self.node {
            return Ok(Err(Refusal::SameNode));
        }
        Ok(Ok(Greeting { peer, version }))
    }

    /// The answer to a hello; of version 0 if it is refused.
    #[must_use]
    pub fn reply(&self, outcome: Result<i16, Refusal>) -> PeerHelloReply {
        PeerHelloReply {
            refusal: outcome.err().map_or(0, |refusal| refusal as i8),
            version: outcome.unwrap_or_default(),
            min_version: PEER_VERSIONS.min,
            max_version: PEER_VERSIONS.max,
            cluster_id: self.cluster.clone(),
            node_id: self.node.0,
            directory_id: self.directory,
            incarnation_id: self.incarnation,
            frame_bytes_max: frame_bytes_to_wire(self.frame_bytes_max),
            ..PeerHelloReply::default()
        }
    }

    /// What the dialler of `receiver` makes of the answer.
    ///
    /// # Errors
    /// The refusal, or what is wrong with the node that answered.
    pub fn greeted(&self, receiver: NodeId, reply: &PeerHelloReply) -> Result<Greeting, HelloError> {
        let theirs = VersionRange { min: reply.min_version, max: reply.max_version };
        let peer = read_identity(
            reply.cluster_id.clone(),
            reply.node_id,
            (reply.directory_id, reply.incarnation_id),
            reply.frame_bytes_max,
        )?;
        if reply.refusal != 0 {
            let unknown = HelloError::OutOfRange { field: "Refusal", value: reply.refusal.into() };
            let refusal = Refusal::from_wire(reply.refusal).ok_or(unknown)?;
            if refusal == Refusal::Forgot {
                let value = reply.told_commit;
                let told =
                    commit_from_wire(value).ok_or(HelloError::OutOfRange { field: "ToldCommit", value })?;
                return Err(HelloError::Forgot { peer: peer.node, told });
            }
            return Err(self.refused(receiver, &peer, theirs, refusal));
        }
        if peer.node != receiver {
            return Err(HelloError::WrongNode { found: peer.node, wanted: receiver });
        }
        if let (Some(theirs), Some(ours)) = (&peer.cluster, &self.cluster)
            && theirs != ours
        {
            return Err(self.refused(receiver, &peer, PEER_VERSIONS, Refusal::WrongCluster));
        }
        if !PEER_VERSIONS.contains(reply.version) {
            return Err(HelloError::OutOfRange { field: "Version", value: reply.version.into() });
        }
        Ok(Greeting { peer, version: reply.version })
    }

    fn refused(&self, receiver: NodeId, by: &Identity, theirs: VersionRange, refusal: Refusal) -> HelloError {
        let none = || Text::from_static("(none)");
        let (peer, node) = (by.node, self.node);
        match refusal {
            Refusal::Version => HelloError::Version { peer, theirs, ours: PEER_VERSIONS },
            Refusal::WrongCluster => HelloError::WrongCluster {
                peer,
                theirs: by.cluster.clone().unwrap_or_else(none),
                ours: self.cluster.clone().unwrap_or_else(none),
            },
            Refusal::WrongNode => HelloError::WrongNode { found: peer, wanted: receiver },
            Refusal::SameNode => HelloError::SameNode { node },
            Refusal::DuplicateNode => HelloError::DuplicateNode { peer, node },
            Refusal::Superseded => HelloError::Superseded { peer, node },
            Refusal::TooManyNodes => HelloError::TooManyNodes { peer },
            // What was told stands in the reply.
            Refusal::Forgot => HelloError::Forgot { peer, told: 0 },
        }
    }
}

/// The greatest version of both.
pub(super) fn common_version(theirs: VersionRange) -> Option<i16> {
    let version = theirs.max.min(PEER_VERSIONS.max);
    (PEER_VERSIONS.contains(version) && theirs.contains(version)).then_some(version)
}

fn read_identity(
    cluster: Option<Text>,
    node: i32,
    (directory, incarnation): (Uuid, Uuid),
    frame_bytes_max: i32,
) -> Result<Identity, HelloError> {
    if node < 0 {
        return Err(HelloError::OutOfRange { field: "NodeId", value: node.into() });
    }
    let value = frame_bytes_max.into();
    let out_of_range = HelloError::OutOfRange { field: "FrameBytesMax", value };
    match usize::try_from(frame_bytes_max) {
        Ok(frame_bytes_max) if frame_bytes_max >= FRAME_BYTES_LEAST => {
            Ok(Identity { cluster, node: NodeId(node), directory, incarnation, frame_bytes_max })
        }
        _ => Err(out_of_range),
    }
}

/// A commit's number as messages carry it; -1 is none.
#[must_use]
pub fn commit_to_wire(commit: Option<u64>) -> i64 {
    commit.and_then(|commit| i64::try_from(commit).ok()).unwrap_or(-1)
}

pub(super) fn commit_from_wire(commit: i64) -> Option<u64> {
    u64::try_from(commit).ok()
}

fn frame_bytes_to_wire(bytes: usize) -> i32 {
    i32::try_from(bytes).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(node: i32) -> Identity {
        Identity {
            cluster: Some("one".into()),
            node: NodeId(node),
            directory: Uuid([1; 16]),
            incarnation: Uuid([2; 16]),
            frame_bytes_max: FRAME_BYTES_LEAST,
        }
    }

    /// What node 1 gets from node 2, which it dials as `receiver` after `change`.
    fn dial(receiver: i32, change: impl FnOnce(&mut PeerHello)) -> Result<Greeting, String> {
        let (dialler, acceptor) = (identity(1), identity(2));
        let mut hello = dialler.hello(NodeId(receiver));
        change(&mut hello);
        let met = acceptor.meet(&hello).map_err(|error| error.to_string())?;
        let reply = acceptor.reply(met.map(|greeting| greeting.version));
        dialler.greeted(NodeId(receiver), &reply).map_err(|error| error.to_string())
    }

    #[test]
    fn two_nodes_of_one_cluster_greet() {
        assert_eq!(dial(2, |_| {}), Ok(Greeting { peer: identity(2), version: 0 }));
        assert!(dial(2, |hello| hello.cluster_id = None).is_ok(), "it is new, and joins");
        assert!(dial(2, |hello| hello.max_version = 9).is_ok());
    }

    #[test]
    fn refusals_say_what_to_change() {
        let cluster = dial(2, |hello| hello.cluster_id = Some("two".into()));
        assert!(cluster.is_err_and(|error| error.starts_with("node 2 belongs to cluster one")));
        let wrong = dial(3, |_| {});
        assert!(wrong.is_err_and(|error| error.starts_with("this is the address of node 2, not of node 3")));
        let same = dial(2, |hello| hello.node_id = 2);
        assert!(same.is_err_and(|error| error.starts_with("two nodes are configured with node.id=1")));
        let version = dial(2, |hello| (hello.min_version, hello.max_version) = (4, 9));
        assert!(version.is_err_and(|error| error.contains("upgrade the older node first")));
        let backwards = dial(2, |hello| (hello.min_version, hello.max_version) = (1, 0));
        assert!(backwards.is_err());
        assert_eq!(dial(2, |hello| hello.node_id = -1), Err("its NodeId is -1".to_owned()));
        assert_eq!(dial(2, |hello| hello.frame_bytes_max = 9), Err("its FrameBytesMax is 9".to_owned()));
    }

    #[test]
    fn who_refuses_says_what_to_change() {
        let mistake = |refusal| {
            let (theirs, ours) = (Some("two".into()), Some("one".into()));
            RefusedHello { refusal, node: NodeId(4), theirs, ours }.mistake()
        };
        let table = [
            (
                Refusal::WrongCluster,
                "node 4 of cluster two dials this node, which belongs to cluster one: correct",
            ),
            (
                Refusal::SameNode,
                "another node that is configured with node.id=4 as this one is dials it: give",
            ),
            (
                Refusal::DuplicateNode,
                "a second node with node.id=4 and another data directory dials this node",
            ),
            (Refusal::Superseded, "a process of node 4 dials this node that a later one with the same data"),
            (
                Refusal::Forgot,
                "node 4 dials this node without what its data directory had told that it holds",
            ),
        ];
        for (refusal, wanted) in table {
            assert!(mistake(refusal).is_some_and(|told| told.starts_with(wanted)), "{refusal:?}");
        }
        let passing = Refusal::ALL.into_iter().filter(|&refusal| mistake(refusal).is_none());
        let wanted = [Refusal::Version, Refusal::WrongNode, Refusal::TooManyNodes];
        assert_eq!(passing.collect::<Vec<_>>(), wanted);
    }

    #[test]
    fn the_dialler_looks_for_itself_too() {
        let (dialler, other) = (identity(1), identity(2));
        let greeted = |change: fn(&mut PeerHelloReply)| {
            let mut reply = other.reply(Ok(0));
            change(&mut reply);
            dialler.greeted(NodeId(2), &reply)
        };
        assert!(greeted(|_| {}).is_ok());
        let wrong = HelloError::WrongNode { found: NodeId(3), wanted: NodeId(2) };
        assert_eq!(greeted(|reply| reply.node_id = 3), Err(wrong));
        let other_cluster = greeted(|reply| reply.cluster_id = Some("two".into()));
        assert!(matches!(other_cluster, Err(HelloError::WrongCluster { .. })));
        let version = HelloError::OutOfRange { field: "Version", value: 7 };
        assert_eq!(greeted(|reply| reply.version = 7), Err(version));
        let refusal = HelloError::OutOfRange { field: "Refusal", value: 9 };
        assert_eq!(greeted(|reply| reply.refusal = 9), Err(refusal));
        let forgot = greeted(|reply| (reply.refusal, reply.told_commit) = (Refusal::Forgot as i8, 7));
        assert_eq!(forgot, Err(HelloError::Forgot { peer: NodeId(2), told: 7 }));
        for refusal in Refusal::ALL {
            assert_eq!(Refusal::from_wire(refusal as i8), Some(refusal));
            assert!(dialler.greeted(NodeId(2), &other.reply(Err(refusal))).is_err());
        }
    }
}
