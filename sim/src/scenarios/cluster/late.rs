//! In some runs one more node joins while faults last, with an empty disk, no founder of the cluster; in half of these it is taken away
//! again for good (`taken_away`). Both are faults of the case, which can be left out of it like others.
use std::ops::RangeInclusive;
use std::slice;
use std::time::Duration;

use ordain::types::NodeId;

use super::lossy;
use super::plan::Plan;
use crate::case::{Case, ClientCase};
use crate::faults::{Fault, TimedFault, draw_clock_offsets, micros};
use crate::rng::Stream;
use crate::scenarios::Violation;
use crate::scenarios::broker::plan::Work;
use crate::scenarios::fleet::{faults, machine_name};

/// How many runs have such a node, of those with so many others.
const JOINS_PER_MILLE: u32 = 250;
const OTHERS: RangeInclusive<i32> = 3..=6;
/// How many of these nodes are taken away.
const LEAVES_PER_MILLE: u32 = 500;
/// How many troubles befall it alone at most: it is to be there, too.
const TROUBLES_MAX: u64 = 6;

impl Plan {
    /// With the node that joins late, if the faults have one.
    ///
    /// # Errors
    /// If the faults say what cannot be.
    pub(super) fn with_late(self, schedule: &[TimedFault]) -> Result<Plan, Violation> {
        let late = self.next_node();
        let wrong = |text: String| Err(Violation::new(Violation::CASE, text));
        let mut taken = schedule.iter().filter_map(|timed| match &timed.fault {
            Fault::TakeAway { node } => Some(node.as_str()),
            _ => None,
        });
        let is_taken = taken.clone().next().is_some();
        if let Some(other) = taken.find(|node| *node != machine_name(late)) {
            return wrong(format!("{other} is taken away, and {} alone may be", machine_name(late)));
        }
        let mut joining = schedule.iter().filter_map(|timed| match &timed.fault {
            Fault::Join { node } => Some(node.as_str()),
            _ => None,
        });
        let Some(first) = joining.next() else { return Ok(self) };
        if joining.next().is_some() || first != machine_name(late) {
            return wrong(format!("one node may join late, and its name is {}", machine_name(late)));
        }
        if is_taken && !lossy::named(schedule).is_empty() {
            return wrong("a node is taken away, and another disk loses what it holds".to_owned());
        }
        let mut plan = self;
        plan.late = Some(late);
        Ok(plan)
    }

    /// The same once that node is gone.
    pub(super) fn without_late(&self) -> Plan {
        let mut plan = self.clone();
        plan.late = None;
        plan
    }

    /// The one whose number comes after all others.
    fn next_node(&self) -> NodeId {
        NodeId(self.nodes + 1)
    }
}

/// The node that is taken away, and when, from the start of the faults on.
pub(super) fn taken_away(schedule: &[TimedFault], plan: &Plan) -> Option<(NodeId, Duration)> {
    let node = plan.late?;
    let moment = schedule.iter().find_map(|timed| match &timed.fault {
        Fault::TakeAway { node: name } if *name == machine_name(node) => Some(timed.at_us),
        _ => None,
    });
    moment.map(|at_us| (node, Duration::from_micros(at_us)))
}

/// Adds a late node to some cases; the others stay as they are.
pub(super) fn add(case: &mut Case, plan: &Plan, rng: &mut Stream) {
    if !rng.chance(JOINS_PER_MILLE) || !OTHERS.contains(&plan.nodes) {
        return;
    }
    // Where two disks may be lost, nobody may remove a voter: of one node more somebody would.
    if lossy::named(&case.faults).len() > 1 {
        return;
    }
    let (late, duration) = (machine_name(plan.next_node()), case.duration());
    let joins = rng.duration(Duration::from_millis(1), duration / 2);
    let stays = rng.duration(duration / 8, duration / 2);
    let leaves = rng.chance(LEAVES_PER_MILLE).then(|| joins + stays);
    let mut schedule = std::mem::take(&mut case.faults);
    if leaves.is_some() {
        // One disk may be lost: its own.
        schedule.retain(|timed| lossy::named(slice::from_ref(timed)).is_empty());
    }
    let wipes = usize::from(leaves.is_none() && lossy::named(&schedule).is_empty());
    let names: Vec<String> = case.clients.iter().map(|client| client.name.clone()).collect();
    let mut drawn = draw_troubles(&late, (&plan.machine_names(), &names), wipes, duration - joins, rng);
    drawn.iter_mut().for_each(|timed| timed.at_us += micros(joins));
    schedule.extend(drawn);
    let timed = |at: Duration, fault: Fault| TimedFault { at_us: micros(at), fault };
    schedule.push(timed(joins, Fault::Join { node: late.clone() }));
    schedule.extend(leaves.map(|at| timed(at, Fault::TakeAway { node: late.clone() })));
    schedule.sort_by_key(|timed| timed.at_us);
    schedule.splice(0..0, draw_clock_offsets(&[late], rng));
    case.faults = schedule;
    tell_clients(&mut case.clients, plan);
}

/// What goes wrong with the late node from the moment on at which it joins, and what it shares with others.
fn draw_troubles(
    late: &str,
    (others, clients): (&[String], &[String]),
    wipes: usize,
    duration: Duration,
    rng: &mut Stream,
) -> Vec<TimedFault> {
    let own = [late.to_owned()];
    let all: Vec<String> = others.iter().chain(&own).cloned().collect();
    let troubles = faults::Troubles { nodes: &all, struck: &own, count: (0, TROUBLES_MAX), wipes };
    let mut drawn = faults::draw_troubles(rng, troubles, duration);
    drawn.extend(faults::draw_beside(rng, &own, clients, duration));
    drawn.extend(faults::draw_beside_journal(rng, &own, duration));
    drawn
}

/// Somebody moves partitions, among all nodes that there are, and who reads nearby does so from its rack, too.
fn tell_clients(clients: &mut Vec<ClientCase>, plan: &Plan) {
    let (nodes, first) = (plan.nodes, plan.apart + 1);
    let mover = |replicas_most| Work::Mover { nodes, first, replicas_most, among_living: true };
    let mut is_moved = false;
    for client in clients.iter_mut() {
        let work = match client.work_as() {
            Ok(Work::Mover { replicas_most, .. }) => mover(replicas_most),
            Ok(Work::Near { reader, topic, racks }) => Work::Near { reader, topic, racks: racks + 1 },
            Ok(_) | Err(_) => continue,
        };
        is_moved |= matches!(work, Work::Mover { .. });
        *client = ClientCase::new(client.name.clone(), &work);
    }
    if !is_moved {
        clients.push(ClientCase::new("mover".to_owned(), &mover(0)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenarios::cluster::plan;

    /// Of a case the plan with its late node, if it has one.
    fn plan_of(case: &Case) -> Plan {
        case.world_as::<Plan>().unwrap().with_late(&case.faults).unwrap()
    }

    #[test]
    fn a_quarter_of_the_clusters_gets_a_late_node_and_half_of_these_lose_it() {
        let plans: Vec<(Case, Plan)> = (0..400)
            .map(|seed| plan::draw("cluster", seed))
            .map(|case| {
                let plan = plan_of(&case);
                (case, plan)
            })
            .collect();
        let joined: Vec<_> = plans.iter().filter(|(_, plan)| plan.late.is_some()).collect();
        assert!((60..140).contains(&joined.len()), "{} of 400", joined.len());
        let left = joined.iter().filter(|(case, plan)| taken_away(&case.faults, plan).is_some()).count();
        assert!((joined.len() / 4..joined.len() * 3 / 4).contains(&left), "{left} of {}", joined.len());
    }

    #[test]
    fn nothing_befalls_a_late_node_before_it_joins_and_one_disk_is_lost_at_most() {
        for seed in 0..400 {
            let case = plan::draw("cluster", seed);
            let plan = plan_of(&case);
            let Some(late) = plan.late else { continue };
            assert!(OTHERS.contains(&plan.nodes), "seed {seed}: {plan:?}");
            assert_eq!(late, NodeId(plan.nodes + 1), "seed {seed}");
            assert_eq!(plan.node_ids().last(), Some(late), "seed {seed}");
            assert!(plan.founders().all(|founder| founder != late), "seed {seed}");
            let name = format!("\"{}\"", machine_name(late));
            let is_meant = |timed: &&TimedFault| format!("{:?}", timed.fault).contains(&name);
            let happens = |timed: &&TimedFault| !matches!(timed.fault, Fault::Offset { .. });
            let first = case.faults.iter().filter(happens).find(is_meant);
            assert!(matches!(first.unwrap().fault, Fault::Join { .. }), "seed {seed}: {first:?}");
            let lost = lossy::named(&case.faults);
            let most = usize::from(taken_away(&case.faults, &plan).is_none());
            assert!(lost.len() <= most, "seed {seed}: {lost:?}");
            let moves =
                |client: &ClientCase| matches!(client.work_as(), Ok(Work::Mover { among_living: true, .. }));
            assert!(case.clients.iter().any(moves), "seed {seed}");
            assert_eq!(Case::from_json(&case.to_json()).unwrap(), case);
            assert_eq!(plan.without_late().node_ids().count() + 1, plan.node_ids().count());
        }
    }

    #[test]
    fn without_a_late_node_a_plan_says_what_it_always_did_and_one_that_cannot_be_is_told() {
        let drawn = |is_late: bool| {
            let mut cases = (0..400).map(|seed| plan::draw("cluster", seed));
            cases.find(|case| plan_of(case).late.is_some() == is_late).unwrap()
        };
        let told = format!("{:?}", plan_of(&drawn(false)));
        assert!(told.starts_with("Plan { nodes: ") && told.ends_with("] } }"), "{told}");
        assert!(!told.contains("late:"), "{told}");
        let case = drawn(true);
        assert!(format!("{:?}", plan_of(&case)).contains("late: Some("));
        let plan = || case.world_as::<Plan>().unwrap();
        let join = |name: &str| TimedFault { at_us: 1, fault: Fault::Join { node: name.to_owned() } };
        let late = machine_name(plan().next_node());
        assert_eq!(plan().with_late(&[join(&late)]).unwrap().late, Some(plan().next_node()));
        assert_eq!(plan().with_late(&[join("n1")]).unwrap_err().checker, Violation::CASE);
        assert_eq!(plan().with_late(&[join(&late), join(&late)]).unwrap_err().checker, Violation::CASE);
        let take_away =
            |name: &str| TimedFault { at_us: 2, fault: Fault::TakeAway { node: name.to_owned() } };
        let away = take_away(&late);
        let others = [vec![join(&late), take_away("n1")], vec![take_away("n1")]];
        let mut told = others.iter().map(|schedule| plan().with_late(schedule).unwrap_err().checker);
        assert!(told.all(|checker| checker == Violation::CASE), "another one is taken away");
        assert_eq!(plan().with_late(slice::from_ref(&away)).unwrap().late, None, "it does not come at all");
        let wiped = TimedFault { at_us: 3, fault: Fault::Wipe { node: "n1".to_owned() } };
        let both = plan().with_late(&[join(&late), away.clone(), wiped]).unwrap_err();
        assert_eq!(both.checker, Violation::CASE);
        let schedule = [join(&late), away];
        let plan = plan().with_late(&schedule).unwrap();
        assert_eq!(taken_away(&schedule, &plan), Some((plan.next_node(), Duration::from_micros(2))));
    }
}
