//! Which disks of a cluster may lose what they hold, and how many. Whatever becomes of these disks, a majority of the voters of each
//! partition, and of the metadata, must keep what it has: then nothing that was acknowledged is lost, and nothing stands still for ever.
//!
//! Why so many are not too many ([`most`]): each partition begins with all of the nodes that it shall be on as voters. A voter leaves
//! because its disk was lost, for the one in its place, or at the end of a reassignment, once *all* that shall hold the partition vote, of
//! which there are never fewer than at first. So of `2f + 1` replicas at least `f + 1` whose disks are sound always vote, and of the voters
//! `f` at most are on other disks: the sound ones are a majority of whatever set there is, also in the middle of a reassignment. Of the
//! metadata's voters the same is true where none leaves but for its disk. Requests to remove a voter, of which one may be carried out late,
//! and beside another one, can leave fewer of them than a partition has replicas: there one disk is all that may be lost.
use std::collections::BTreeSet;
use std::time::Duration;

use ordain::types::NodeId;

use super::plan::Plan;
use crate::case::{Case, ClientCase};
use crate::faults::{Fault, TimedFault, draw_weak_disk, micros, weak_disk};
use crate::rng::Stream;
use crate::scenarios::Violation;
use crate::scenarios::fleet::machine_name;

/// How many runs in which two disks may be lost lose a second one. There are few clusters of that size.
const SECOND_PER_MILLE: u32 = 500;
/// How many of those that lose both as a whole lose them at about the same time.
const TOGETHER_PER_MILLE: u32 = 500;
/// So long after the first one the second one is lost then, at most: the replicas in the place of the first are not voters yet, or just.
const TOGETHER: Duration = Duration::from_secs(2);

/// The disks of a case that may lose what they hold.
#[derive(Debug)]
pub(super) struct LossyDisks {
    /// Those that are lost as a whole come first.
    nodes: Vec<NodeId>,
    /// Those of them that are weak.
    weak: Vec<NodeId>,
}

impl LossyDisks {
    /// As the faults have it.
    ///
    /// # Errors
    /// If there are more than may be, or a weak one is on no node.
    pub(super) fn of(case: &Case, plan: &Plan) -> Result<LossyDisks, Violation> {
        let id_of = |name: &str| plan.node_ids().find(|&id| machine_name(id) == name);
        let named: BTreeSet<&str> = weak_disk(&case.faults).collect();
        let weak: Vec<NodeId> = named.iter().copied().filter_map(id_of).collect();
        let mut nodes: Vec<NodeId> = Vec::new();
        for node in wiped(&case.faults).filter_map(|(name, _)| id_of(name)).chain(weak.iter().copied()) {
            if !nodes.contains(&node) {
                nodes.push(node);
            }
        }
        let most = most(plan, &case.clients);
        if weak.len() < named.len() || nodes.len() > most {
            let text = format!("{nodes:?} lose what they hold, {most} may; or one of {named:?} is no node");
            return Err(Violation::new("case", text));
        }
        Ok(LossyDisks { nodes, weak })
    }

    pub(super) fn nodes(&self) -> &[NodeId] {
        &self.nodes
    }

    pub(super) fn weak(&self) -> &[NodeId] {
        &self.weak
    }

    /// How many voters a partition may be without at once because their disks are lost: if none is, one is put back at the end.
    pub(super) fn count(&self) -> usize {
        self.nodes.len().max(1)
    }
}

/// How many disks may lose what they hold.
pub(super) fn most(plan: &Plan, clients: &[ClientCase]) -> usize {
    let replicas = usize::from(plan.replicas().unsigned_abs());
    // Voters of the metadata are only removed while there are more of them than a partition has replicas.
    let removes_voters = clients.iter().any(|client| client.name == "voters");
    if removes_voters && plan.node_ids().count() > replicas {
        return 1;
    }
    let fewest_voters = replicas.min(plan.founders().count());
    (fewest_voters.saturating_sub(1) / 2).max(1)
}

/// The nodes whose disks are lost as a whole, and when.
fn wiped(faults: &[TimedFault]) -> impl Iterator<Item = (&str, u64)> {
    faults.iter().filter_map(|timed| match &timed.fault {
        Fault::Wipe { node } => Some((node.as_str(), timed.at_us)),
        _ => None,
    })
}

/// The nodes whose disks may lose what they hold.
pub(super) fn named(faults: &[TimedFault]) -> BTreeSet<&str> {
    wiped(faults).map(|(node, _)| node).chain(weak_disk(faults)).collect()
}

/// In some runs in which a disk is lost or weak already, another one is lost, or weak, or both.
pub(super) fn draw_second(
    rng: &mut Stream,
    nodes: &[String],
    faults: &[TimedFault],
    duration: Duration,
) -> Vec<TimedFault> {
    let mut schedule = Vec::new();
    let first_wiped = wiped(faults).next();
    let first = first_wiped.map(|(node, _)| node).or_else(|| weak_disk(faults).next());
    let Some(first) = first.filter(|_| rng.chance(SECOND_PER_MILLE)) else { return schedule };
    let others: Vec<&String> = nodes.iter().filter(|node| *node != first).collect();
    let node = *rng.pick(&others);
    let (is_wiped, is_weak) = *rng.pick(&[(true, false), (false, true), (true, true)]);
    if is_wiped {
        let any_time = rng.duration(Duration::from_millis(1), duration);
        let (soon, together) = (rng.duration(Duration::ZERO, TOGETHER), rng.chance(TOGETHER_PER_MILLE));
        let at = match first_wiped {
            Some((_, at_us)) if together => (Duration::from_micros(at_us) + soon).min(duration),
            Some(_) | None => any_time,
        };
        let over = at + rng.duration(Duration::from_millis(1), Duration::from_secs(8));
        let mut add = |at: Duration, fault| schedule.push(TimedFault { at_us: micros(at), fault });
        add(at, Fault::Wipe { node: node.clone() });
        add(over, Fault::Start { node: node.clone() });
    }
    if is_weak {
        schedule.extend(draw_weak_disk(node, duration, rng));
    }
    schedule.sort_by_key(|timed| timed.at_us);
    schedule
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault_atlas::Aim;

    fn wipe(node: &str) -> TimedFault {
        TimedFault { at_us: 3_000_000, fault: Fault::Wipe { node: node.to_owned() } }
    }

    fn rot(node: &str) -> TimedFault {
        let fault = Fault::Rot { node: node.to_owned(), aim: Aim::Journal, pick: 7 };
        TimedFault { at_us: 4_000_000, fault }
    }

    /// A case of so many nodes, all of which found the cluster, whose partitions have so many replicas.
    fn case(nodes: i32, replicas: i16, faults: Vec<TimedFault>) -> (Case, Plan) {
        let plan = Plan::of_founders(nodes, replicas);
        (Case { faults, ..Case::new("cluster", 1) }, plan)
    }

    #[test]
    fn two_disks_of_five_replicas_may_be_lossy_and_one_of_three() {
        let lossy = |nodes, replicas, faults| {
            let (case, plan) = case(nodes, replicas, faults);
            LossyDisks::of(&case, &plan)
        };
        let one = lossy(3, 3, vec![wipe("n2"), rot("n2")]).unwrap();
        assert_eq!((one.nodes(), one.weak(), one.count()), (&[NodeId(2)][..], &[NodeId(2)][..], 1));
        let none = lossy(3, 3, Vec::new()).unwrap();
        assert!(none.nodes().is_empty() && none.weak().is_empty());
        assert_eq!(none.count(), 1);
        assert_eq!(lossy(3, 3, vec![wipe("n2"), rot("n3")]).unwrap_err().checker, "case");
        assert_eq!(lossy(5, 3, vec![wipe("n2"), wipe("n3")]).unwrap_err().checker, "case");
        assert_eq!(lossy(5, 5, vec![rot("n9")]).unwrap_err().checker, "case", "it is no node");
        let two = lossy(5, 5, vec![wipe("n4"), rot("n1")]).unwrap();
        assert_eq!((two.nodes(), two.weak()), (&[NodeId(4), NodeId(1)][..], &[NodeId(1)][..]));
        assert_eq!(lossy(5, 5, vec![rot("n4"), rot("n1")]).unwrap().weak(), [NodeId(1), NodeId(4)]);
        assert_eq!(lossy(5, 5, vec![wipe("n4"), rot("n1"), wipe("n2")]).unwrap_err().checker, "case");
    }

    #[test]
    fn where_voters_of_the_metadata_may_be_removed_one_disk_is_lossy() {
        let voters = [ClientCase::new("voters".to_owned(), &"removes some")];
        let of = |nodes, replicas, clients: &[ClientCase]| most(&Plan::of_founders(nodes, replicas), clients);
        assert_eq!(of(5, 5, &voters), 2, "there are no more of them than a partition has replicas");
        assert_eq!(of(6, 5, &voters), 1);
        assert_eq!(of(6, 5, &[]), 2);
        assert_eq!(of(7, 3, &[]), 1);
    }

    #[test]
    fn a_second_disk_is_lost_only_beside_a_first_one_and_is_another() {
        let nodes: Vec<String> = (1..=5).map(|number| format!("n{number}")).collect();
        let mut rng = Stream::new(1, "test", "second disk", 0);
        let chaos = Duration::from_secs(20);
        let (mut runs, mut wipes, mut weak, mut together) = (0, 0, 0, 0);
        for run in 0..200 {
            assert_eq!(draw_second(&mut rng, &nodes, &[], chaos), [], "nothing is lost");
            let first = if run % 2 == 0 { wipe("n3") } else { rot("n3") };
            let drawn = draw_second(&mut rng, &nodes, std::slice::from_ref(&first), chaos);
            assert!(drawn.is_sorted_by_key(|timed| timed.at_us));
            runs += u32::from(!drawn.is_empty());
            weak += u32::from(weak_disk(&drawn).next().is_some());
            for (node, at_us) in wiped(&drawn) {
                wipes += 1;
                together += u32::from(run % 2 == 0 && (3_000_000..=5_000_000).contains(&at_us));
                assert_ne!(node, "n3");
            }
            let all: Vec<TimedFault> = drawn.into_iter().chain([first]).collect();
            let (case, plan) = case(5, 5, all);
            assert!(LossyDisks::of(&case, &plan).is_ok_and(|lossy| lossy.nodes().len() <= 2));
        }
        assert!((60..140).contains(&runs), "{runs}");
        assert!(wipes > 30 && weak > 30 && together > 5, "{wipes} lost, {weak} weak, {together} together");
    }
}
