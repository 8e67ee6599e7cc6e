//! How a majority is lost.
use std::time::Duration;

use ordain::metadata::controller::METADATA_PARTITION;
use ordain::types::{LeaderEpoch, NodeId, PartitionId};

use super::told::Told;
use super::{FOUNDERS, GOES_ON, HALTED, MOMENT, RECORDS, STANDS, Stage};
use crate::cluster::NodeHandle;
use crate::disk::DiskImage;
use crate::fault_atlas::FaultAtlas;
use crate::rng::Stream;
use crate::scenarios::Violation;
use crate::time::SimTime;

/// In so many of a thousand runs.
const WITH_METADATA_PER_MILLE: u32 = 500;
const DAMAGED_PER_MILLE: u32 = 600;
const LAGS_PER_MILLE: u32 = 500;
/// Commits behind the one that is damaged: they tell that it was durable.
const VOUCHERS: u32 = 3;
/// Of those that start again two may be so much later than the third.
const LATER: Duration = Duration::from_millis(1500);
/// How often is looked who leads.
const LOOK: Duration = Duration::from_millis(10);

/// What loses its majority.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Of {
    Partition,
    /// The nodes that hold it are those that vote on the metadata.
    MetadataToo,
}

/// How a node loses what it held.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum How {
    /// All of it.
    Wiped,
    /// Of the partition a record that its next start replays.
    Damaged,
}

/// A node that has lost what it held.
pub(super) struct Lost {
    pub(super) node: NodeId,
    pub(super) how: How,
    /// What was on its disk.
    image: DiskImage,
}

/// A partition has lost its majority, and the nodes that held it are down.
pub(super) struct Loss {
    pub(super) of: Of,
    pub(super) id: PartitionId,
    /// In which it was led, at most.
    pub(super) epoch: LeaderEpoch,
    pub(super) survivor: NodeId,
    pub(super) lost: Vec<Lost>,
    pub(super) halted: Told,
    since: SimTime,
}

/// Which nodes hold what.
struct Places {
    survivor: NodeId,
    lost: Vec<NodeId>,
    halted: Vec<NodeId>,
    stands: Vec<NodeId>,
}

impl Places {
    fn draw(of: Of, nodes: &[NodeId], rng: &mut Stream) -> Places {
        let (founders, others) = nodes.split_at(FOUNDERS);
        let survivor = *rng.pick(founders);
        let rest: Vec<NodeId> = founders.iter().copied().filter(|&node| node != survivor).collect();
        let (lost, mut stands) = match of {
            Of::Partition => (others.to_vec(), rest),
            Of::MetadataToo => (rest, others.to_vec()),
        };
        stands.push(*rng.pick(&lost));
        let mut halted = lost.clone();
        halted.push(survivor);
        // Any of them may be the preferred one.
        for replicas in [&mut halted, &mut stands] {
            let first = usize::try_from(rng.between(0, 2)).unwrap_or(0);
            replicas.rotate_left(first);
        }
        Places { survivor, lost, halted, stands }
    }
}

impl Loss {
    /// Stages it; with what was told of the partition that keeps its majority.
    pub(super) async fn happens(stage: &Stage, rng: &mut Stream) -> Result<(Loss, Told), Violation> {
        let of = if rng.chance(WITH_METADATA_PER_MILLE) { Of::MetadataToo } else { Of::Partition };
        let how = match of {
            Of::Partition if rng.chance(DAMAGED_PER_MILLE) => How::Damaged,
            Of::Partition | Of::MetadataToo => How::Wiped,
        };
        let places = Places::draw(of, &stage.nodes(), rng);
        let Places { survivor, lost, .. } = &places;
        stage.note(&format!("{of:?}: of {:?} the nodes {lost:?} lose what they held", places.halted));
        stage.create_topic_on(HALTED, &places.halted).await?;
        stage.create_topic_on(STANDS, &places.stands).await?;
        stage.settled().await?;
        let (mut halted, mut stands) = (Told::of(HALTED), Told::of(STANDS));
        halted.write(stage, RECORDS).await?;
        stands.write(stage, RECORDS).await?;
        if rng.chance(LAGS_PER_MILLE) {
            stage.note(&format!("nothing passes between node {survivor} and those"));
            for &node in lost {
                stage.cut(*survivor, node);
                stage.cut(node, *survivor);
            }
            halted.write(stage, RECORDS).await?;
        }
        let hit = halted.last();
        for _ in 0..VOUCHERS {
            halted.write(stage, 1).await?;
        }
        stage.wait(MOMENT).await;
        let (id, _) = stage.first_of(HALTED)?;
        let epoch = stage.epoch_of(id).await;
        places.halted.iter().for_each(|&node| stage.power_fails(node));
        let since = stage.now();
        stage.heal();
        let lost = lost.iter().map(|&node| loses(stage, node, how, (id, &hit[..])));
        let lost = lost.collect::<Result<Vec<Lost>, Violation>>()?;
        Ok((Loss { of, id, epoch, survivor: *survivor, lost, halted, since }, stands))
    }

    /// The nodes that held the partition.
    pub(super) fn holders(&self) -> impl Iterator<Item = NodeId> {
        std::iter::once(self.survivor).chain(self.lost.iter().map(|lost| lost.node))
    }

    /// All three start again.
    pub(super) async fn start_again(&self, stage: &Stage, rng: &mut Stream) {
        stage.note("all start again");
        stage.fleet().up(self.survivor);
        stage.wait(rng.duration(Duration::ZERO, LATER)).await;
        self.lost.iter().for_each(|lost| stage.fleet().up(lost.node));
    }

    /// Completes when somebody leads what has lost its majority, or begins to.
    pub(super) async fn goes_on(&self, stage: &Stage) -> Violation {
        let with_metadata = (self.of == Of::MetadataToo).then_some(METADATA_PARTITION);
        loop {
            for id in std::iter::once(self.id).chain(with_metadata) {
                if let Some(node) = stage.led_after(id, self.since) {
                    let text =
                        format!("node {node} leads {id}, of whose voters two have lost what they held");
                    return Violation::new(GOES_ON, text);
                }
            }
            stage.wait(LOOK).await;
        }
    }

    /// Whether the nodes have nothing but what was on their disks before: a node that was damaged has promised more since.
    pub(super) fn is_undone_by_old_disks(&self) -> bool {
        self.lost.iter().all(|lost| lost.how == How::Wiped)
    }

    /// Their disks are found again, as they were, and the nodes start with them.
    pub(super) fn old_disks_come_back(&self, stage: &Stage) {
        stage.note("the disks are found again");
        for lost in &self.lost {
            stage.power_fails(lost.node);
            stage.machine(lost.node).disk().restore(&lost.image);
            stage.fleet().up(lost.node);
        }
    }
}

/// A node that is down loses what it held of the partition: the record that is `hit`, or everything.
fn loses(stage: &Stage, node: NodeId, how: How, (id, hit): (PartitionId, &[u8])) -> Result<Lost, Violation> {
    let machine = stage.machine(node);
    let image = machine.disk().image();
    let how = match how {
        How::Damaged if is_damaged(&machine, id, hit)? => How::Damaged,
        // What its next start does not come to would not be lost.
        How::Damaged | How::Wiped => {
            machine.disk().wipe();
            How::Wiped
        }
    };
    stage.note(&format!("node {node}: {how:?}"));
    Ok(Lost { node, how, image })
}

/// Flips a bit of a record wherever the journal of a node has it. Whether its next start comes to that, and can tell that it was durable.
fn is_damaged(machine: &NodeHandle, id: PartitionId, value: &[u8]) -> Result<bool, Violation> {
    let disk = machine.disk();
    let cannot = |error: std::io::Error| Violation::new("directed", error.to_string());
    let journals = disk.files().into_iter().map(|(path, _)| path).filter(|path| path.ends_with(".journal"));
    for path in journals {
        let bytes = disk.peek(&path).map_err(cannot)?;
        let places = bytes.windows(value.len()).enumerate().filter(|(_, window)| *window == value);
        for (place, _) in places {
            disk.flip_bit(&path, place as u64 * 8 + 3).map_err(cannot)?;
        }
    }
    let atlas = FaultAtlas::of_several();
    atlas.spare_unvouched(machine);
    Ok(atlas.demands(machine).report.contains(&id))
}
