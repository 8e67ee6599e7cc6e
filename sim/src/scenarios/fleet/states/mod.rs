//! State = replay (I11), while nodes run: what they make of the logs whose replay they hold, against all that was made of them before, by
//! themselves or by others. Metadata: one image for each place of the log (`images`). Groups: what a coordinator finds is what its
//! predecessors have handed to the log (`groups`). Seen broken in Redpanda, PR 31483.
//!
//! At the end of a run the disks are held against the same ([`StateWatch::is_shown`], [`StateWatch::may_hold`]).
use std::any::Any;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use ordain::coordinator::group::{Durable, GroupRecord};
use ordain::io::Shutdown;
use ordain::metadata::MetadataImage;
use ordain::probe::{self, Made, StateStep};
use ordain::types::{NodeId, Offset, PartitionId, PartitionIndex, TopicId};

use super::Fleet;
use crate::cluster::{Cluster, NodeHandle};
use crate::scenarios::Violation;
use crate::time::SimTime;
use crate::world::lock;

mod groups;
mod images;

use groups::Groups;
use images::Images;

/// Who finds metadata that are not what their log makes.
const OF_METADATA: &str = "I11-metadata-not-replayed";
/// The same of groups and committed offsets.
const OF_GROUPS: &str = "I11-groups-not-replayed";

/// Looks at what the nodes of this process make of logs, and keeps the first thing that is wrong. Cheap to clone.
#[derive(Clone, Default)]
pub(in crate::scenarios) struct StateWatch {
    machines: Arc<BTreeMap<NodeId, NodeHandle>>,
    shared: Arc<Mutex<Shared>>,
    /// Begun when something is wrong.
    wrong: Shutdown,
}

#[derive(Default)]
struct Shared {
    images: Images,
    /// By the partitions of the offsets topic.
    groups: BTreeMap<PartitionId, Groups>,
    wrong: Option<Violation>,
}

/// Who has shown something: the node, and its run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct By {
    node: NodeId,
    run: u64,
}

impl StateWatch {
    /// Looks at the nodes of the fleet from now on; says what is wrong in the trace, at once.
    pub(in crate::scenarios) fn begin(cluster: &Cluster, fleet: &Fleet) -> StateWatch {
        let machines = fleet.nodes().map(|(id, node)| (id, node.clone())).collect();
        let watch = StateWatch { machines: Arc::new(machines), ..StateWatch::default() };
        let (looks, notes) = (watch.clone(), cluster.clone());
        probe::watch_states(move |step| {
            if let Err(wrong) = looks.look(notes.now(), step) {
                notes.note(format_args!("WRONG: {wrong}"));
            }
        });
        watch
    }

    /// Looks at one step.
    ///
    /// # Errors
    /// What is wrong with it; nothing more once that was told.
    pub(in crate::scenarios) fn look(&self, now: SimTime, step: StateStep) -> Result<(), Violation> {
        let StateStep { partition: (topic, index), node, made } = step;
        let id = PartitionId { topic: TopicId(topic), index: PartitionIndex(index) };
        let node = NodeId(node);
        let by = By { node, run: self.machines.get(&node).map_or(0, NodeHandle::run_number) };
        let mut shared = lock(&self.shared);
        if shared.wrong.is_some() {
            return Ok(());
        }
        let looked = shared.look(now, (id, by), made);
        if let Err(wrong) = &looked {
            shared.wrong = Some(wrong.clone());
            self.wrong.begin();
        }
        looked
    }

    /// What was wrong first, as soon as something is.
    pub(in crate::scenarios) async fn is_wrong(&self) -> Violation {
        self.wrong.begun().await;
        lock(&self.shared).wrong.clone().expect("it is begun by the first")
    }

    /// Up to when all that was acknowledged is in the metadata of a node's present run, as they are now; `None` if it does not run, or has
    /// none yet.
    pub(in crate::scenarios) fn known_by(&self, node: NodeId) -> Option<SimTime> {
        let run = running(self.machines.get(&node)?)?;
        let shared = lock(&self.shared);
        Some(shared.images.has_all_until(shared.images.end_of(By { node, run })?))
    }

    /// The same of whichever node serves clients, now or later: one that does not run, or has no metadata yet, registers before it does, and
    /// has all until then.
    pub(in crate::scenarios) fn known_by_all(&self) -> SimTime {
        let all = self.machines.iter().filter_map(|(&node, at)| Some(By { node, run: running(at)? }));
        let all: Vec<By> = all.collect();
        let shared = lock(&self.shared);
        let least = all.into_iter().filter_map(|by| shared.images.end_of(by)).min();
        least.map_or(SimTime(u64::MAX), |end| shared.images.has_all_until(end))
    }

    /// The places of the metadata log, behind the first and up to the second, up to which somebody's metadata went, each with whether several
    /// nodes have shown the same there.
    pub(in crate::scenarios) fn shown_between(&self, from: Offset, to: Offset) -> BTreeMap<Offset, bool> {
        lock(&self.shared).images.between(from, to)
    }

    /// Metadata that the log makes up to there are those that were shown, if any were.
    ///
    /// # Errors
    /// Where they differ.
    pub(in crate::scenarios) fn is_shown(
        &self,
        what: &str,
        end: Offset,
        image: &MetadataImage,
    ) -> Result<(), Violation> {
        lock(&self.shared).images.is_shown(what, end, image).map_err(Violation::by(OF_METADATA))
    }

    /// Groups and offsets that a disk holds of a partition are what coordinators have handed to its log, all that was committed included.
    ///
    /// # Errors
    /// If they are not.
    pub(in crate::scenarios) fn may_hold(
        &self,
        what: &str,
        id: PartitionId,
        found: &Durable,
    ) -> Result<(), Violation> {
        let shared = lock(&self.shared);
        let held = match shared.groups.get(&id) {
            Some(groups) => groups.may_be(found),
            None => Groups::default().may_be(found),
        };
        held.map_err(|why| Violation::new(OF_GROUPS, format!("{what}: {why}")))
    }
}

impl Shared {
    fn look(&mut self, now: SimTime, (id, by): (PartitionId, By), made: Made) -> Result<(), Violation> {
        let of_groups = |why: String| Violation::new(OF_GROUPS, format!("{id} on node {}: {why}", by.node));
        match made {
            Made::Image { end, state } => {
                let image = of_type::<MetadataImage>(state);
                self.images.shows(now, by, Offset(end), image).map_err(Violation::by(OF_METADATA))
            }
            Made::Loaded { epoch, state } => {
                let found = of_type::<Durable>(state);
                self.groups.entry(id).or_default().loaded(epoch, &found).map_err(of_groups)
            }
            Made::Written { epoch, write, records } => {
                let records = of_type::<Vec<GroupRecord>>(records);
                self.groups.entry(id).or_default().written(epoch, write, records);
                Ok(())
            }
            Made::Committed { epoch, write } => {
                self.groups.entry(id).or_default().committed(epoch, write);
                Ok(())
            }
        }
    }
}

fn of_type<T: Any + Send + Sync>(state: Arc<dyn Any + Send + Sync>) -> Arc<T> {
    match state.downcast::<T>() {
        Ok(state) => state,
        Err(_) => panic!("what is made of a log is no {}", std::any::type_name::<T>()),
    }
}

/// The number of the run, if it runs.
fn running(machine: &NodeHandle) -> Option<u64> {
    machine.is_running().then(|| machine.run_number())
}

/// Where two things that are not the same differ first, as each is written: both wholly would be pages.
pub(in crate::scenarios) fn where_unlike(one: &impl Debug, other: &impl Debug) -> (String, String) {
    let (one, other) = (format!("{one:?}"), format!("{other:?}"));
    let same = one.chars().zip(other.chars()).take_while(|(a, b)| a == b).count();
    let part = |whole: &str| -> String { whole.chars().skip(same.saturating_sub(80)).take(200).collect() };
    (part(&one), part(&other))
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Poll, Waker};

    use ordain::wire::messages::QuorumRecord;

    use super::*;

    pub(super) fn image(nodes: &[i32]) -> Arc<MetadataImage> {
        let mut image = MetadataImage::default();
        let record = QuorumRecord { nodes: nodes.to_vec(), ..QuorumRecord::default() };
        image.apply(&record.into()).expect("it fits");
        Arc::new(image)
    }

    fn shows(node: i32, end: i64, image: &Arc<MetadataImage>) -> StateStep {
        StateStep { partition: ([0; 16], 0), node, made: Made::Image { end, state: image.clone() } }
    }

    #[test]
    fn whoever_waits_is_told_at_once_what_was_wrong_first() {
        let watch = StateWatch::default();
        let mut waiting = std::pin::pin!(watch.is_wrong());
        let mut poll = || waiting.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        let (one, other) = (image(&[1]), image(&[1, 2]));
        assert_eq!(watch.look(SimTime(1), shows(1, 5, &one)), Ok(()));
        assert_eq!(watch.look(SimTime(1), shows(2, 6, &other)), Ok(()), "further on");
        assert!(poll().is_pending());
        let wrong = watch.look(SimTime(2), shows(2, 5, &other)).unwrap_err();
        assert_eq!(wrong.checker, "I11-metadata-not-replayed");
        assert_eq!(watch.look(SimTime(3), shows(3, 5, &other)), Ok(()), "one is enough");
        assert_eq!(poll(), Poll::Ready(wrong));
    }

    #[test]
    fn groups_are_held_against_what_was_handed_over_in_their_partition() {
        let watch = StateWatch::default();
        let id = PartitionId { topic: TopicId([5; 16]), index: PartitionIndex(0) };
        let step = |made: Made| StateStep { partition: (id.topic.0, 0), node: 1, made };
        let empty = || Arc::new(Durable::default());
        assert_eq!(watch.look(SimTime(1), step(Made::Loaded { epoch: 1, state: empty() })), Ok(()));
        let records = Arc::new(groups::testing::commits(&[7]));
        let written = Made::Written { epoch: 1, write: 1, records };
        assert_eq!(watch.look(SimTime(1), step(written)), Ok(()));
        assert_eq!(watch.may_hold("a disk", id, &empty()), Ok(()), "it may not have come");
        assert_eq!(watch.look(SimTime(2), step(Made::Committed { epoch: 1, write: 1 })), Ok(()));
        let wrong = watch.may_hold("a disk", id, &empty()).unwrap_err();
        assert!(wrong.checker == "I11-groups-not-replayed" && wrong.text.starts_with("a disk: "), "{wrong}");
        let wrong = watch.look(SimTime(3), step(Made::Loaded { epoch: 2, state: empty() })).unwrap_err();
        assert_eq!(wrong.checker, "I11-groups-not-replayed");
    }

    #[test]
    fn where_two_things_differ_first_is_shown() {
        let (one, other) = where_unlike(&"x".repeat(300), &format!("{}y{}", "x".repeat(99), "x".repeat(200)));
        assert!(one.starts_with("xxx") && other.contains("xyx"), "{one} {other}");
        assert!(one.len() <= 200 && other.len() <= 200);
    }
}
