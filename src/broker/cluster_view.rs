//! The cluster as a client of one listener sees it: brokers without that listener do not exist for it.
use super::Context;
use crate::metadata::{BrokerImage, Endpoint, MetadataImage, PartitionImage};
use crate::partition::PartitionStats;
use crate::types::{LeaderEpoch, NodeId, PartitionId};

/// A broker that the client can reach.
pub(super) struct VisibleBroker<'a> {
    pub(super) node: NodeId,
    pub(super) endpoint: &'a Endpoint,
    pub(super) rack: Option<&'a str>,
}

/// How this node's partitions stand; the metadata says only where they are.
pub(super) struct Standings {
    node: NodeId,
    /// Sorted by id; `None` while the node shuts down, when what the metadata says has to do.
    stats: Option<Vec<PartitionStats>>,
}

impl Standings {
    /// Asks for the partitions (`None`: for all).
    pub(super) async fn of(context: &Context, ids: Option<Vec<PartitionId>>) -> Standings {
        let stats = context.partitions.stats(ids).await.ok();
        Standings { node: context.config().node_id, stats }
    }

    fn of_partition(&self, id: PartitionId) -> Standing<'_> {
        match &self.stats {
            None => Standing::NotAsked,
            Some(stats) => match stats.binary_search_by_key(&id, |one| one.id) {
                Ok(at) => Standing::Here(&stats[at]),
                Err(_) => Standing::Missing,
            },
        }
    }
}

enum Standing<'a> {
    NotAsked,
    Missing,
    Here(&'a PartitionStats),
}

/// A partition as the client may know it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct PartitionView {
    /// The leader, if there is one and the client can reach it.
    pub(super) leader: Result<NodeId, NoLeader>,
    pub(super) leader_epoch: LeaderEpoch,
    pub(super) replicas: Vec<NodeId>,
    /// Those that have caught up, as the leader told last.
    pub(super) isr: Vec<NodeId>,
    pub(super) offline: Vec<NodeId>,
}

/// Why a partition has no leader for the client.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum NoLeader {
    /// Nobody leads it now.
    Unavailable,
    /// Its leader does not have the client's listener.
    NoListener,
}

/// The metadata through one listener.
#[derive(Clone, Copy)]
pub(super) struct ClusterView<'a> {
    pub(super) image: &'a MetadataImage,
    pub(super) listener: &'a str,
}

impl<'a> ClusterView<'a> {
    pub(super) fn brokers(self) -> impl Iterator<Item = VisibleBroker<'a>> {
        self.with_endpoints(|broker| !broker.fenced)
    }

    /// Those that are registered but fenced: they serve nobody until they are heard of again.
    pub(super) fn fenced_brokers(self) -> impl Iterator<Item = VisibleBroker<'a>> {
        self.with_endpoints(|broker| broker.fenced)
    }

    fn with_endpoints(
        self,
        wanted: impl Fn(&BrokerImage) -> bool,
    ) -> impl Iterator<Item = VisibleBroker<'a>> {
        let brokers = self.image.brokers.iter().filter(move |(_, broker)| wanted(broker));
        brokers.filter_map(move |(&node, broker)| {
            let endpoint = self.endpoint(broker)?;
            Some(VisibleBroker { node, endpoint, rack: broker.rack.as_deref() })
        })
    }

    fn endpoint(self, broker: &'a BrokerImage) -> Option<&'a Endpoint> {
        broker.endpoints.iter().find(|endpoint| endpoint.listener == self.listener)
    }

    /// Whether the client can reach the broker.
    pub(super) fn reaches(self, node: NodeId) -> bool {
        let broker = self.image.brokers.get(&node).filter(|broker| !broker.fenced);
        broker.is_some_and(|broker| self.endpoint(broker).is_some())
    }

    /// The broker that takes administrative requests: `node`, as every broker does, if the client sees it; while that is spared another
    /// one that is not, if there is one.
    pub(super) fn controller(self, node: NodeId, is_spared: impl Fn(NodeId) -> bool) -> NodeId {
        if !self.reaches(node) {
            return NodeId(-1);
        }
        if !is_spared(node) {
            return node;
        }
        let mut others = self.image.brokers.keys().copied();
        others.find(|&other| self.reaches(other) && !is_spared(other)).unwrap_or(node)
    }

    pub(super) fn partition(
        self,
        id: PartitionId,
        partition: &PartitionImage,
        standings: &Standings,
    ) -> PartitionView {
        let Known { leader, leader_epoch, serves_here } =
            Known::of(partition, standings.node, standings.of_partition(id));
        let mut offline: Vec<NodeId> =
            partition.replicas.iter().copied().filter(|&node| !self.reaches(node)).collect();
        let lost = partition.lost.iter().copied().filter(|_| leader.is_none());
        for node in lost.chain((!serves_here).then_some(standings.node)) {
            if !offline.contains(&node) {
                offline.push(node);
            }
        }
        let leader = match leader {
            Some(node) if self.reaches(node) => Ok(node),
            // It is there, through another listener.
            Some(node) if self.image.is_up(node) => Err(NoLeader::NoListener),
            Some(_) | None => Err(NoLeader::Unavailable),
        };
        // Whoever is not there is in sync with nobody; the last ones stay named, as in Kafka.
        let mut isr: Vec<NodeId> =
            partition.isr.iter().copied().filter(|&node| self.image.is_up(node)).collect();
        if isr.is_empty() {
            isr.clone_from(&partition.isr);
        }
        if let Ok(leader) = leader
            && !isr.contains(&leader)
            && partition.replicas.contains(&leader)
        {
            isr.push(leader);
        }
        PartitionView { leader, leader_epoch, replicas: partition.replicas.clone(), isr, offline }
    }
}

/// What is known of a partition's leadership: what was told last, or what the replica here knows, if that is newer.
struct Known {
    leader: Option<NodeId>,
    leader_epoch: LeaderEpoch,
    /// There is a replica here that holds what it should, or none has to be.
    serves_here: bool,
}

impl Known {
    fn of(partition: &PartitionImage, own: NodeId, standing: Standing<'_>) -> Known {
        let mut known =
            Known { leader: partition.leader, leader_epoch: partition.leader_epoch, serves_here: true };
        if !partition.replicas.contains(&own) {
            return known;
        }
        let leads = match standing {
            Standing::NotAsked => true,
            Standing::Missing => {
                known.serves_here = false;
                false
            }
            Standing::Here(stats) => {
                if stats.epoch >= known.leader_epoch {
                    // What was told last is older than what the replica knows.
                    known.leader = stats.leader_node;
                }
                known.leader_epoch = known.leader_epoch.max(stats.epoch);
                known.serves_here =
                    !stats.damaged && (known.leader.is_some_and(|node| node != own) || !stats.has_lost());
                stats.leader
            }
        };
        if known.leader == Some(own) && !(known.serves_here && leads) {
            known.leader = None;
        }
        known
    }
}

/// The broker that leads a partition and is there, as far as this node knows; `stats`: of the replica here, if there is one.
#[must_use]
pub fn leader_there(
    image: &MetadataImage,
    partition: &PartitionImage,
    own: NodeId,
    stats: Option<&PartitionStats>,
) -> Option<NodeId> {
    let leader = Known::of(partition, own, stats.map_or(Standing::Missing, Standing::Here)).leader?;
    image.is_up(leader).then_some(leader)
}

/// Who leads a partition, and in which epoch: as the replica here knows, if it knows more than what was told last.
pub(super) fn leader_of(
    context: &Context,
    image: &MetadataImage,
    id: PartitionId,
) -> Option<(NodeId, LeaderEpoch)> {
    let partition = image.partition(id)?;
    match context.partitions.leaderships().of(id) {
        Some(here) if here.epoch >= partition.leader_epoch => Some((here.leader?, here.epoch)),
        Some(_) | None => Some((partition.leader?, partition.leader_epoch)),
    }
}

/// Node ids as messages carry them.
pub(super) fn numbers(nodes: &[NodeId]) -> Vec<i32> {
    nodes.iter().map(|node| node.0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{PartitionIndex, TopicId, Uuid};

    const HERE: NodeId = NodeId(1);

    fn image(listeners: &[(i32, &str)]) -> MetadataImage {
        let mut image = MetadataImage::default();
        for &(node, listener) in listeners {
            let endpoint = Endpoint { listener: listener.to_owned(), host: "h".to_owned(), port: 9092 };
            let broker = BrokerImage {
                incarnation: TopicId::ZERO,
                directory: Uuid::ZERO,
                epoch: 0,
                fenced: false,
                draining: false,
                endpoints: vec![endpoint],
                rack: None,
                roles: crate::types::Roles::Both,
                features: Default::default(),
            };
            image.brokers.insert(NodeId(node), broker);
        }
        image
    }

    fn id() -> PartitionId {
        PartitionId { topic: TopicId([7; 16]), index: PartitionIndex(0) }
    }

    fn partition(leader: i32) -> PartitionImage {
        PartitionImage {
            replicas: vec![NodeId(1), NodeId(2)],
            adding: Vec::new(),
            removing: Vec::new(),
            departed: Vec::new(),
            lost: Vec::new(),
            founders: Vec::new(),
            isr: vec![NodeId(1), NodeId(2)],
            leader: Some(NodeId(leader)),
            leader_epoch: LeaderEpoch(0),
            partition_epoch: 0,
        }
    }

    fn standings(leader: bool, damaged: bool) -> Standings {
        use crate::types::Offset;
        let stats = PartitionStats {
            id: id(),
            epoch: LeaderEpoch(4),
            leader,
            serving: leader && !damaged,
            leader_node: leader.then_some(HERE),
            role: if leader { "leader" } else { "unattached" },
            voters: crate::raft::VoterSet::new([HERE]),
            voters_committed: true,
            key: crate::raft::ReplicaKey { node: HERE, directory: Uuid::ZERO },
            damaged,
            wounded: false,
            log_start: Offset::ZERO,
            durable_start: Offset::ZERO,
            high_watermark: Offset::ZERO,
            log_end: Offset::ZERO,
            durable_end: Offset::ZERO,
            acknowledged: Vec::new(),
            followers: Vec::new(),
            observers: Vec::new(),
            size_bytes: 0,
            segments: 0,
        };
        Standings { node: HERE, stats: Some(vec![stats]) }
    }

    #[test]
    fn the_epoch_is_the_replicas_own() {
        let image = image(&[(1, "A"), (2, "A")]);
        let view = ClusterView { image: &image, listener: "A" };
        let seen = view.partition(id(), &partition(1), &standings(true, false));
        assert_eq!((seen.leader, seen.leader_epoch), (Ok(HERE), LeaderEpoch(4)));
        assert_eq!(seen.offline, []);
    }

    #[test]
    fn who_is_spared_names_another_one_for_administrative_requests() {
        let image = image(&[(1, "A"), (2, "B"), (3, "A")]);
        let view = ClusterView { image: &image, listener: "A" };
        assert_eq!(view.controller(HERE, |_| false), HERE);
        assert_eq!(view.controller(HERE, |node| node == HERE), NodeId(3), "the client does not reach 2");
        assert_eq!(view.controller(HERE, |_| true), HERE, "there is nobody else");
    }

    #[test]
    fn brokers_without_the_listener_are_offline() {
        let image = image(&[(1, "A"), (2, "B")]);
        let view = ClusterView { image: &image, listener: "A" };
        assert_eq!(view.brokers().map(|broker| broker.node).collect::<Vec<_>>(), [HERE]);
        assert_eq!(view.controller(NodeId(2), |_| false), NodeId(-1));
        let mut followed = standings(false, false);
        followed.stats.iter_mut().flatten().for_each(|stats| stats.leader_node = Some(NodeId(2)));
        let seen = view.partition(id(), &partition(2), &followed);
        assert_eq!((seen.leader, seen.offline), (Err(NoLeader::NoListener), vec![NodeId(2)]));
        let seen = view.partition(id(), &partition(9), &standings(false, false));
        assert_eq!(seen.leader, Err(NoLeader::Unavailable));
    }

    #[test]
    fn a_replica_that_has_lost_what_it_held_is_offline_to_all() {
        let image = image(&[(1, "A"), (2, "A")]);
        let view = ClusterView { image: &image, listener: "A" };
        let told = PartitionImage { leader: None, isr: Vec::new(), lost: vec![NodeId(2)], ..partition(2) };
        let elsewhere = Standings { node: NodeId(3), stats: Some(Vec::new()) };
        let seen = view.partition(id(), &told, &elsewhere);
        assert_eq!((seen.leader, seen.isr), (Err(NoLeader::Unavailable), vec![]));
        assert_eq!(seen.offline, [NodeId(2)]);
        assert_eq!(leader_there(&image, &told, NodeId(3), None), None);

        // Its own node knows before anybody was told.
        let mut fresh = standings(false, false);
        fresh.stats.iter_mut().flatten().for_each(|stats| {
            stats.epoch = LeaderEpoch::NONE;
            stats.key.directory = Uuid([1; 16]);
        });
        let seen = view.partition(id(), &partition(1), &fresh);
        assert_eq!((seen.leader, seen.offline), (Err(NoLeader::Unavailable), vec![HERE]));
        let stats = fresh.stats.as_ref().and_then(|stats| stats.first());
        assert_eq!(leader_there(&image, &partition(1), HERE, stats), None);
        assert_eq!(leader_there(&image, &partition(2), HERE, stats), Some(NodeId(2)), "as was told last");
    }

    #[test]
    fn whoever_is_fenced_is_in_sync_with_nobody() {
        let mut image = image(&[(1, "A"), (2, "A")]);
        let fence = |image: &mut MetadataImage, node| {
            image.brokers.get_mut(&NodeId(node)).expect("it is there").fenced = true;
        };
        let isr = |image: &MetadataImage| {
            let view = ClusterView { image, listener: "A" };
            view.partition(id(), &partition(2), &Standings { node: NodeId(3), stats: None }).isr
        };
        fence(&mut image, 1);
        assert_eq!(isr(&image), [NodeId(2)]);
        fence(&mut image, 2);
        assert_eq!(isr(&image), [NodeId(1), NodeId(2)], "the last ones stay named");
    }

    #[test]
    fn fenced_brokers_are_told_apart() {
        let mut image = image(&[(1, "A"), (2, "A"), (3, "B")]);
        for node in [2, 3] {
            image.brokers.get_mut(&NodeId(node)).expect("it is registered").fenced = true;
        }
        let view = ClusterView { image: &image, listener: "A" };
        let nodes = |brokers: &mut dyn Iterator<Item = VisibleBroker<'_>>| {
            brokers.map(|broker| broker.node.0).collect::<Vec<_>>()
        };
        assert_eq!(nodes(&mut view.brokers()), [1]);
        assert_eq!(nodes(&mut view.fenced_brokers()), [2], "one without the listener is not there");
    }

    #[test]
    fn a_damaged_partition_has_no_leader() {
        let image = image(&[(1, "A"), (2, "A")]);
        let view = ClusterView { image: &image, listener: "A" };
        for standings in [standings(true, true), Standings { node: HERE, stats: Some(Vec::new()) }] {
            let seen = view.partition(id(), &partition(1), &standings);
            assert_eq!((seen.leader, seen.offline), (Err(NoLeader::Unavailable), vec![HERE]));
        }
    }
}
