//! A person lets what is left go on, as `ordain cluster recover` does: a survey of each data directory, a plan, and the plan carried out, with
//! all nodes stopped. What was acknowledged is there afterwards, or the plan has named it as lost.
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use ordain::metadata::controller::METADATA_PARTITION;
use ordain::server::recovery::{
    Choice, METADATA_NAME, Plan, RecoveryError, Survey, SurveyedLog, apply, plan, survey,
};
use ordain::types::{NodeId, Offset};

use super::loss::{Loss, Of};
use super::told::Read;
use super::{HALTED, RECORDS, Stage};
use crate::rng::Stream;
use crate::scenarios::Violation;

/// In so many of a thousand runs the nodes start again before anybody looks at them, and in so many those that have lost what they held are
/// looked at, too.
const STARTED_PER_MILLE: u32 = 700;
const ALL_SURVEYED_PER_MILLE: u32 = 500;
/// How long they run then, at least and at most: that is long enough to be known with another data directory.
const RUN_LEAST: Duration = Duration::from_secs(1);
const RUN_MOST: Duration = Duration::from_secs(25);

/// What the data directories hold.
struct Surveyed {
    surveys: Vec<Survey>,
    /// The nodes that were not looked at.
    lost: BTreeSet<i32>,
}

pub(super) async fn play(stage: &Stage) -> Result<(), Violation> {
    let mut rng = stage.rng("recovery");
    let (loss, mut stands) = Loss::happens(stage, &mut rng).await?;
    // Whoever judges what starts report of damage has to have seen it.
    if rng.chance(STARTED_PER_MILLE) || !loss.is_undone_by_old_disks() {
        loss.start_again(stage, &mut rng).await;
        let running = stage.wait(rng.duration(RUN_LEAST, RUN_MOST));
        tokio::select! {
            biased;
            wrong = loss.goes_on(stage) => return Err(wrong),
            () = running => {}
        }
    }
    stage.note("all nodes are stopped");
    stage.nodes().into_iter().for_each(|node| stage.power_fails(node));
    let surveyed = all_surveys(stage, &loss, &mut rng).await?;
    let plan = planned(stage, &loss, &surveyed)?;
    carried_out(stage, &surveyed, &plan).await?;
    for &node in &surveyed.lost {
        stage.machine(NodeId(node)).disk().wipe();
    }
    stage.goes_on_alone(loss.id);
    if loss.of == Of::MetadataToo {
        stage.goes_on_alone(METADATA_PARTITION);
    }
    stage.note("all nodes start");
    stage.nodes().into_iter().for_each(|node| stage.fleet().up(node));
    stage.settled().await?;
    let read = loss.halted.read(stage).await?;
    for choice in plan.chosen.iter().filter(|choice| choice.topic == HALTED) {
        what_is_lost_was_told(stage, &loss, (&surveyed, choice), &read)?;
    }
    let mut later = loss.halted.for_later();
    later.write(stage, RECORDS).await?;
    later.is_whole(stage).await?;
    stands.write(stage, RECORDS).await?;
    stands.is_whole(stage).await
}

/// Looks at what each node holds; at those that have lost what they held, too, or they are named as lost.
async fn all_surveys(stage: &Stage, loss: &Loss, rng: &mut Stream) -> Result<Surveyed, Violation> {
    let are_all_surveyed = rng.chance(ALL_SURVEYED_PER_MILLE);
    let mut surveyed = Surveyed { surveys: Vec::new(), lost: BTreeSet::new() };
    for node in stage.nodes() {
        let has_lost = loss.lost.iter().any(|lost| lost.node == node);
        if has_lost && !are_all_surveyed {
            surveyed.lost.insert(node.0);
            continue;
        }
        let looking = stage.offline(node, |io, config| async move {
            match Box::pin(survey(&io, &config)).await {
                Ok(survey) => Ok(Some(survey)),
                Err(RecoveryError::NoCluster) => Ok(None),
                Err(error) => Err(error.to_string()),
            }
        });
        match looking.await? {
            Ok(Some(survey)) => surveyed.surveys.push(survey),
            // It has not run since its disk was lost, or not for long enough.
            Ok(None) if has_lost => {
                surveyed.lost.insert(node.0);
            }
            Ok(None) => return Err(failed(format!("node {node} belongs to no cluster"))),
            Err(why) => return Err(failed(format!("the survey of node {node}: {why}"))),
        }
    }
    Ok(surveyed)
}

fn failed(text: String) -> Violation {
    Violation::new("recovery-failed", text)
}

/// The plan; what has its majority is none of its business, and what has none goes on.
fn planned(stage: &Stage, loss: &Loss, surveyed: &Surveyed) -> Result<Arc<Plan>, Violation> {
    let made = plan(&surveyed.surveys, &surveyed.lost).map_err(|error| failed(error.to_string()))?;
    stage.note(&format!("{made:?}"));
    let metadata = (loss.of == Of::MetadataToo).then_some(METADATA_NAME);
    let wanted: BTreeSet<&str> = std::iter::once(HALTED).chain(metadata).collect();
    let chosen: BTreeSet<&str> = made.chosen.iter().map(|choice| choice.topic.as_str()).collect();
    if chosen != wanted || !made.gone.is_empty() {
        return Err(failed(format!("{wanted:?} shall go on, and the plan is {made:?}")));
    }
    let is_anothers = |choice: &&Choice| choice.topic == HALTED && choice.node != loss.survivor.0;
    match made.chosen.iter().find(is_anothers) {
        Some(choice) => {
            let text = format!("only node {} holds the partition; the choice is {choice:?}", loss.survivor);
            Err(failed(text))
        }
        None => Ok(Arc::new(made)),
    }
}

/// Tells each node that was looked at, and once more, after its power has failed: then there is nothing left to be done.
async fn carried_out(stage: &Stage, surveyed: &Surveyed, plan: &Arc<Plan>) -> Result<(), Violation> {
    for node in surveyed.surveys.iter().map(|survey| NodeId(survey.node)) {
        for wanted in [plan.of_node(node.0).count(), 0] {
            let plan = Arc::clone(plan);
            let telling = stage.offline(node, |io, config| async move {
                let now = io.clock.wall();
                let applied = Box::pin(apply(&io, &config, &plan, now)).await;
                applied.map(|(_, changed)| changed).map_err(|error| error.to_string())
            });
            let changed = telling.await?;
            if changed != Ok(wanted) {
                let text = format!("{wanted} logs of node {node} are to be changed; it comes to {changed:?}");
                return Err(failed(text));
            }
        }
    }
    Ok(())
}

/// What the plan keeps is there; of what was acknowledged and is not there it says that it is lost, or may be; and what it says is lost for
/// certain is not there.
fn what_is_lost_was_told(
    stage: &Stage,
    loss: &Loss,
    (surveyed, choice): (&Surveyed, &Choice),
    read: &Read,
) -> Result<(), Violation> {
    let is_chosen = |log: &&SurveyedLog| log.replica.node == choice.node && log.topic_id == choice.topic_id;
    let log = surveyed.surveys.iter().flat_map(|survey| &survey.logs).find(is_chosen);
    let log = log.ok_or_else(|| failed(format!("nobody has surveyed what {choice:?} is about")))?;
    let kept = choice.log_start..choice.log_end;
    if let Some(offset) = kept.clone().find(|&at| !read.contains_key(&Offset(at))) {
        let text = format!("{kept:?} are kept, says the plan, and nothing is at {offset}");
        return Err(Violation::new("I1-lost-record", text));
    }
    // Then the lost nodes may have held other records behind what is known as committed.
    let missed_an_election = log.last_epoch < loss.epoch.0;
    let is_told = |at: i64| {
        let ranges = [choice.lost, choice.before_start].into_iter().flatten();
        at >= choice.log_end
            || (missed_an_election && at >= choice.committed)
            || ranges.into_iter().any(|range| (range.first..=range.last).contains(&at))
    };
    let missing = loss.halted.missing(read);
    stage.note(&format!("{} of {} acknowledged records are lost", missing.len(), loss.halted.count()));
    match missing.iter().find(|(offset, _)| !is_told(offset.0)) {
        Some((offset, number)) => {
            let text = format!("record {number}, acknowledged at {offset}, is lost; the plan: {choice:?}");
            Err(Violation::new("I1-loss-not-told", text))
        }
        None => is_lost_as_told(loss, (surveyed, choice, log), read),
    }
}

/// No acknowledged record is at its place that the plan says is lost for certain. (One that was sent twice may stand where the other one
/// stood, as another entry: of another epoch than in a log that knows it as committed.)
fn is_lost_as_told(
    loss: &Loss,
    (surveyed, choice, chosen): (&Surveyed, &Choice, &SurveyedLog),
    read: &Read,
) -> Result<(), Violation> {
    let Some(lost) = choice.lost else { return Ok(()) };
    let is_of_it = |log: &&SurveyedLog| log.topic_id == choice.topic_id && log.partition == choice.partition;
    let logs: Vec<&SurveyedLog> =
        surveyed.surveys.iter().flat_map(|survey| &survey.logs).filter(is_of_it).collect();
    let is_another_entry = |at: i64| {
        let has_it = |log: &SurveyedLog| log.log_start <= at && at < log.committed.min(log.log_end);
        logs.iter().any(|&log| has_it(log) && epoch_at(log, at) != epoch_at(chosen, at))
    };
    let is_named = |at: i64| (lost.first..=lost.last).contains(&at);
    let there = loss.halted.there(read);
    match there.iter().find(|(offset, _)| is_named(offset.0) && !is_another_entry(offset.0)) {
        Some((offset, number)) => {
            let text = format!(
                "record {number} is there, at {offset}, where it was acknowledged; the plan: {choice:?}"
            );
            Err(Violation::new("I1-loss-not-real", text))
        }
        None => Ok(()),
    }
}

/// The epoch of an entry.
fn epoch_at(log: &SurveyedLog, at: i64) -> Option<i32> {
    log.epochs.iter().rev().find(|begin| begin.start <= at).map(|begin| begin.epoch)
}
