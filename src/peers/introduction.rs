//! The first frames between nodes that may belong to no cluster yet: who are you, and what do you know?
use std::pin::Pin;
use std::time::Duration;

use super::address::HOST_BYTES_MAX;
use super::frame::{FrameLimits, FrameReader, HELLO_BYTES_MAX, LinkError, write_frame};
use super::hello::common_version;
use super::{HelloError, NodeAddress};
use crate::io::{Connection, Elapsed, Io, timeout, write_all};
use crate::raft::{ReplicaKey, VoterSet};
use crate::types::{NodeId, Uuid};
use crate::wire::messages::PeerIntroduction;
use crate::wire::messages::peer_introduction::{FounderRow, FoundingRow};
use crate::wire::peer::{MAGIC, PEER_VERSIONS};
use crate::wire::{PeerFrame, Text, VersionRange};

/// The most nodes that found a cluster.
pub const FOUNDERS_MAX: usize = 7;
/// The most servers that a node names, and the most bytes of each.
pub const SERVERS_MAX: usize = 16;
pub const SERVER_BYTES_MAX: usize = 255 + 6;
/// The most bytes of a cluster's id.
pub const CLUSTER_BYTES_MAX: usize = 64;

const _: () = assert!(FOUNDERS_MAX <= VoterSet::MAX);
const _: () = assert!(
    SERVERS_MAX * (SERVER_BYTES_MAX + 2) + CLUSTER_BYTES_MAX + FOUNDERS_MAX * 32 + HOST_BYTES_MAX + 160
        <= HELLO_BYTES_MAX,
    "the largest introduction"
);

/// How a cluster begins: its id, and who decides first. Never changed once made.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Founding {
    pub cluster: Text,
    pub voters: VoterSet,
}

/// A founding that a node holds durably.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Held {
    pub founding: Founding,
    /// All its voters are known to hold it, and so will never hold another one: there is such a cluster.
    pub complete: bool,
}

/// What a node says of itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Introduction {
    pub node: NodeId,
    /// Of its data directory.
    pub directory: Uuid,
    /// Drawn at each start of the process.
    pub incarnation: Uuid,
    /// Those who may found a cluster, as it is configured: `host:port`.
    pub servers: Vec<String>,
    /// `None`: it belongs to no cluster.
    pub founding: Option<Held>,
    /// In an answer to a node of the same cluster: who leads the metadata, and where that node listens for nodes.
    pub leader: Option<(NodeId, NodeAddress)>,
}

/// Who answers an introduction.
pub trait Introductions: Send + Sync {
    /// Takes what another node says, and says what this one is then: what of it is to be kept is durable before.
    fn introduced(&self, theirs: Introduction) -> Pin<Box<dyn Future<Output = Introduction> + Send + '_>>;
}

impl Introduction {
    #[must_use]
    pub fn key(&self) -> ReplicaKey {
        ReplicaKey { node: self.node, directory: self.directory }
    }

    /// As a frame; what is over the bounds is the other node's to refuse.
    #[must_use]
    pub fn to_wire(&self) -> PeerIntroduction {
        let founder = |key: &ReplicaKey| FounderRow {
            node_id: key.node.0,
            directory_id: key.directory,
            ..FounderRow::default()
        };
        PeerIntroduction {
            min_version: PEER_VERSIONS.min,
            max_version: PEER_VERSIONS.max,
            node_id: self.node.0,
            directory_id: self.directory,
            incarnation_id: self.incarnation,
            servers: self.servers.iter().map(|server| Text::from(server.as_str())).collect(),
            cluster: self.founding.as_ref().map(|held| FoundingRow {
                cluster_id: held.founding.cluster.clone(),
                complete: held.complete,
                voters: held.founding.voters.keys().iter().map(founder).collect(),
                ..FoundingRow::default()
            }),
            leader_id: self.leader.as_ref().map_or(-1, |(node, _)| node.0),
            leader_host: self.leader.as_ref().map(|(_, address)| Text::from(address.host.as_str())),
            leader_port: self.leader.as_ref().map_or(0, |(_, address)| address.port.into()),
            ..PeerIntroduction::default()
        }
    }

    /// What another node said.
    ///
    /// # Errors
    /// A value that no node says.
    pub fn from_wire(wire: &PeerIntroduction) -> Result<Introduction, HelloError> {
        count("count of Servers", wire.servers.len(), 0..=SERVERS_MAX)?;
        for server in &wire.servers {
            count("length of a server", server.len(), 1..=SERVER_BYTES_MAX)?;
            if let Some(odd) = server.bytes().find(|byte| !byte.is_ascii_graphic()) {
                return Err(HelloError::OutOfRange { field: "byte in a server", value: odd.into() });
            }
        }
        Ok(Introduction {
            node: node("NodeId", wire.node_id)?,
            directory: wire.directory_id,
            incarnation: wire.incarnation_id,
            servers: wire.servers.iter().map(ToString::to_string).collect(),
            founding: wire.cluster.as_ref().map(read_held).transpose()?,
            leader: read_leader(wire),
        })
    }
}

/// Nobody, if it is not said well: to know no leader is no mistake.
fn read_leader(wire: &PeerIntroduction) -> Option<(NodeId, NodeAddress)> {
    let address = NodeAddress::said(wire.leader_host.as_deref(), wire.leader_port)?;
    Some((node("LeaderId", wire.leader_id).ok()?, address))
}

fn read_held(row: &FoundingRow) -> Result<Held, HelloError> {
    count("length of ClusterId", row.cluster_id.len(), 1..=CLUSTER_BYTES_MAX)?;
    if let Some(odd) = row.cluster_id.bytes().find(|byte| !byte.is_ascii_graphic()) {
        return Err(HelloError::OutOfRange { field: "byte in ClusterId", value: odd.into() });
    }
    count("count of Voters", row.voters.len(), 1..=FOUNDERS_MAX)?;
    let mut keys = Vec::new();
    for voter in &row.voters {
        keys.push(ReplicaKey { node: node("voter", voter.node_id)?, directory: voter.directory_id });
    }
    let twice = keys.iter().enumerate().find(|(at, key)| keys[..*at].iter().any(|k| k.node == key.node));
    let value = twice.map_or(0, |(_, key)| key.node.0.into());
    let voters =
        VoterSet::of(keys).ok_or(HelloError::OutOfRange { field: "second voter of a node", value })?;
    Ok(Held { founding: Founding { cluster: row.cluster_id.clone(), voters }, complete: row.complete })
}

fn node(field: &'static str, value: i32) -> Result<NodeId, HelloError> {
    if value < 0 { Err(HelloError::OutOfRange { field, value: value.into() }) } else { Ok(NodeId(value)) }
}

fn count(
    field: &'static str,
    found: usize,
    allowed: std::ops::RangeInclusive<usize>,
) -> Result<(), HelloError> {
    if allowed.contains(&found) {
        return Ok(());
    }
    Err(HelloError::OutOfRange { field, value: i64::try_from(found).unwrap_or(i64::MAX) })
}

/// Says `own` to whoever listens there, and gives what it says. One attempt, which takes `patience` at most.
///
/// # Errors
/// If there is nobody, or it is no node that this one could talk with.
pub async fn introduce(
    io: &Io,
    host: &str,
    port: u16,
    own: &Introduction,
    patience: Duration,
) -> Result<Introduction, LinkError> {
    let exchange = async {
        let Connection { read, mut write, .. } = io.net.connect(host, port).await?;
        write_all(&mut *write, &MAGIC).await?;
        let frame = PeerFrame::Introduction(own.to_wire());
        write_frame(&mut *write, &frame, PEER_VERSIONS.min, HELLO_BYTES_MAX).await?;
        let limits = FrameLimits { bytes_max: HELLO_BYTES_MAX, silence: patience, transfer: patience };
        let frame = FrameReader::new(read).next(&*io.clock, limits).await?;
        let answer = match PeerFrame::decode(frame, PEER_VERSIONS.min)? {
            PeerFrame::Introduction(answer) => answer,
            other => return Err(LinkError::Unexpected(other.name())),
        };
        let theirs = Introduction::from_wire(&answer)?;
        let versions = VersionRange { min: answer.min_version, max: answer.max_version };
        if common_version(versions).is_none() {
            let error = HelloError::Version { peer: theirs.node, theirs: versions, ours: PEER_VERSIONS };
            return Err(error.into());
        }
        Ok(theirs)
    };
    let deadline = io.clock.now().after(patience);
    timeout(&*io.clock, deadline, exchange)
        .await
        .unwrap_or_else(|Elapsed| Err(LinkError::NoHandshake(patience)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(node: i32, directory: u8) -> ReplicaKey {
        ReplicaKey { node: NodeId(node), directory: Uuid([directory; 16]) }
    }

    fn introduction(founders: i32) -> Introduction {
        let voters = VoterSet::of((1..=founders).map(|node| key(node, 9)));
        let founding = voters.map(|voters| Founding { cluster: "c".into(), voters });
        Introduction {
            node: NodeId(1),
            directory: Uuid([9; 16]),
            incarnation: Uuid([8; 16]),
            servers: vec!["a:1".to_owned(), "b:1".to_owned()],
            founding: founding.map(|founding| Held { founding, complete: true }),
            leader: Some((NodeId(4), NodeAddress { host: "d".to_owned(), port: 9 })),
        }
    }

    fn refused(change: impl FnOnce(&mut PeerIntroduction)) -> String {
        let mut wire = introduction(3).to_wire();
        change(&mut wire);
        Introduction::from_wire(&wire).expect_err("no node says that").to_string()
    }

    #[test]
    fn an_introduction_reads_back() {
        for founders in [0, 1, 7] {
            let said = introduction(founders);
            assert_eq!(Introduction::from_wire(&said.to_wire()), Ok(said));
        }
    }

    #[test]
    fn the_largest_one_fits_into_a_frame() {
        let mut largest = introduction(7);
        largest.servers = vec!["s".repeat(SERVER_BYTES_MAX); SERVERS_MAX];
        let held = largest.founding.as_mut().expect("it has one");
        held.founding.cluster = "c".repeat(CLUSTER_BYTES_MAX).into();
        largest.leader =
            Some((NodeId(i32::MAX), NodeAddress { host: "h".repeat(HOST_BYTES_MAX), port: u16::MAX }));
        assert_eq!(Introduction::from_wire(&largest.to_wire()), Ok(largest.clone()));
        let frame = PeerFrame::Introduction(largest.to_wire()).encode(0).expect("it can be written");
        assert!(frame.iter().map(bytes::Bytes::len).sum::<usize>() <= HELLO_BYTES_MAX);
    }

    #[test]
    fn a_leader_without_an_address_is_none() {
        let read = |change: &dyn Fn(&mut PeerIntroduction)| {
            let mut wire = introduction(3).to_wire();
            change(&mut wire);
            Introduction::from_wire(&wire).expect("it is read").leader
        };
        assert_eq!(
            read(&|_| ()).map(|(node, address)| (node.0, address.to_string())),
            Some((4, "d:9".to_owned()))
        );
        assert_eq!(read(&|wire| wire.leader_id = -2), None);
        assert_eq!(read(&|wire| wire.leader_host = None), None);
        assert_eq!(read(&|wire| wire.leader_host = Some("h".repeat(HOST_BYTES_MAX + 1).into())), None);
        assert_eq!(read(&|wire| wire.leader_host = Some("two words".into())), None);
        assert_eq!(read(&|wire| wire.leader_port = 0), None);
        assert_eq!(read(&|wire| wire.leader_port = 65_536), None);
    }

    #[test]
    fn what_no_node_says_is_refused() {
        assert_eq!(refused(|wire| wire.node_id = -1), "its NodeId is -1");
        let servers = refused(|wire| wire.servers = vec!["a:1".into(); 17]);
        assert_eq!(servers, "its count of Servers is 17");
        let long = refused(|wire| wire.servers = vec!["a".repeat(262).into()]);
        assert_eq!(long, "its length of a server is 262");
        assert_eq!(refused(|wire| wire.servers = vec!["a\n".into()]), "its byte in a server is 10");
        fn row(wire: &mut PeerIntroduction) -> &mut FoundingRow {
            wire.cluster.as_mut().expect("it has one")
        }
        let none = refused(|wire| row(wire).voters.clear());
        assert_eq!(none, "its count of Voters is 0");
        let many = refused(|wire| row(wire).voters = vec![FounderRow::default(); 8]);
        assert_eq!(many, "its count of Voters is 8");
        let twice = refused(|wire| row(wire).voters[2].node_id = 1);
        assert_eq!(twice, "its second voter of a node is 1");
        assert_eq!(refused(|wire| row(wire).voters[2].node_id = -7), "its voter is -7");
        let long = refused(|wire| row(wire).cluster_id = "c".repeat(65).into());
        assert_eq!(long, "its length of ClusterId is 65");
        let empty = refused(|wire| row(wire).cluster_id = "".into());
        assert_eq!(empty, "its length of ClusterId is 0");
    }
}
