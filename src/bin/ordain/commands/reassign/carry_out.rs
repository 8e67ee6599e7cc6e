//! A plan is shown, asked for and waited for.
use std::collections::{BTreeMap, BTreeSet};

use comfy_table::Cell;
use ordain::client::admin::Target;
use ordain::client::{Client, ClientError, PartitionMetadata, TopicPartition};
use ordain::types::NodeId;
use serde_json::json;

use super::waiting::{Hindrance, Left, hindrance, wait};
use super::{Manner, Move, Plan, Present};
use crate::failure::Failure;
use crate::output::{self, Format};

/// How many partitions that did not move a person is shown.
const SHOWN_MAX: usize = 10;

type Outcomes = BTreeMap<TopicPartition, Result<(), ClientError>>;

/// What is refused, or has not moved in time, ends it with [`Failure::Told`].
pub async fn carry_out(
    client: &Client,
    format: Format,
    present: &Present,
    plan: &Plan,
    manner: Manner,
) -> Result<(), Failure> {
    let hindered = hindered(present, plan);
    if format == Format::Human {
        print_plan(plan, &hindered, manner)?;
    }
    let mut outcomes = Outcomes::new();
    if !manner.dry_run && !plan.moves.is_empty() {
        let targets: BTreeMap<TopicPartition, Target> =
            plan.moves.iter().map(|one| (one.at.clone(), Some(one.to.clone()))).collect();
        outcomes = client.reassign(&targets).await?;
    }
    let taken = outcomes.iter().filter(|(_, outcome)| outcome.is_ok()).map(|(at, _)| at);
    let moving: BTreeSet<TopicPartition> =
        taken.chain(plan.under_way.iter().map(|one| &one.at)).cloned().collect();
    let waits = !manner.dry_run && !manner.no_wait;
    let left = if waits { Some(wait(client, &moving, manner.wait).await?) } else { None };
    match format {
        Format::Json => output::json(&document(plan, &outcomes, &hindered, left.as_ref(), manner))?,
        Format::Human if manner.dry_run => {}
        Format::Human => print_end(&outcomes, &moving, left.as_ref(), manner)?,
    }
    let all_moved = left.is_none_or(|left| left.partitions.is_empty());
    if all_moved && outcomes.values().all(Result::is_ok) { Ok(()) } else { Err(Failure::Told) }
}

/// What of the plan cannot be done as the cluster is now.
fn hindered(present: &Present, plan: &Plan) -> BTreeMap<TopicPartition, Hindrance> {
    let known: BTreeMap<TopicPartition, &PartitionMetadata> = present.look.partitions().collect();
    let of = |one: &Move| {
        let adding = present.ongoing.get(&one.at).map_or(&[][..], |ongoing| &ongoing.adding);
        let why = known.get(&one.at).and_then(|partition| hindrance(&present.look, partition, adding));
        Some((one.at.clone(), why?))
    };
    plan.moves.iter().chain(&plan.under_way).filter_map(of).collect()
}

fn print_plan(
    plan: &Plan,
    hindered: &BTreeMap<TopicPartition, Hindrance>,
    manner: Manner,
) -> Result<(), Failure> {
    if plan.moves.is_empty() && plan.under_way.is_empty() {
        return output::line("Every partition is where it shall be.");
    }
    let mut table = output::table(&["PARTITION", "FROM", "TO", ""]);
    let new = plan.moves.iter().map(|one| (one, if manner.dry_run { "would move" } else { "" }));
    for (one, state) in new.chain(plan.under_way.iter().map(|one| (one, "is moving already"))) {
        let why = hindered.get(&one.at).map(Hindrance::text);
        table.add_row([
            Cell::new(&one.at),
            Cell::new(ids(&one.from)),
            Cell::new(ids(&one.to)),
            Cell::new(why.as_deref().unwrap_or(state)),
        ]);
    }
    output::print_table(&table)
}

fn print_end(
    outcomes: &Outcomes,
    moving: &BTreeSet<TopicPartition>,
    left: Option<&Left>,
    manner: Manner,
) -> Result<(), Failure> {
    if moving.is_empty() && outcomes.is_empty() {
        return Ok(());
    }
    output::line("")?;
    for (at, outcome) in outcomes {
        if let Err(error) = outcome {
            output::line(format_args!("{at} does not move: {error}"))?;
        }
    }
    let all = output::plural(moving.len(), "partition");
    let Some(Left { partitions, stuck }) = left else {
        let one = moving.len() == 1;
        return output::line(format_args!(
            "{all} {}; the same command without --no-wait waits until {}.",
            if one { "moves" } else { "move" },
            if one { "it has moved" } else { "they have" },
        ));
    };
    if partitions.is_empty() {
        let have = if moving.len() == 1 { "has" } else { "have" };
        return output::line(format_args!("{all} {have} moved."));
    }
    let within =
        if *stuck { "; nothing else can move now".to_owned() } else { format!(" within {} s", manner.wait) };
    output::line(format_args!("Moved: {} of {all}{within}. Left:", moving.len() - partitions.len()))?;
    for (at, why) in partitions.iter().take(SHOWN_MAX) {
        let why = why.as_ref().map_or_else(|| "is on its way".to_owned(), Hindrance::text);
        output::line(format_args!("  {at}  {why}"))?;
    }
    let more = partitions.len().saturating_sub(SHOWN_MAX);
    if more > 0 {
        output::line(format_args!("  and {more} more"))?;
    }
    output::line(
        "What is left goes on by itself as soon as it can; the same command waits for it again, and `ordain topic reassign TOPIC \
         --cancel` takes it back.",
    )
}

fn document(
    plan: &Plan,
    outcomes: &Outcomes,
    hindered: &BTreeMap<TopicPartition, Hindrance>,
    left: Option<&Left>,
    manner: Manner,
) -> serde_json::Value {
    let numbers = |nodes: &[NodeId]| nodes.iter().map(|node| node.0).collect::<Vec<_>>();
    let one = |one: &Move, under_way: bool| {
        let error = outcomes.get(&one.at).and_then(|outcome| outcome.as_ref().err());
        let still = left.and_then(|left| left.partitions.get(&one.at));
        let state = match (manner.dry_run, error, left, still) {
            (_, Some(_), _, _) => "refused",
            (true, None, _, _) if !under_way => "would_move",
            (false, None, Some(_), None) => "moved",
            (_, None, _, _) => "moving",
        };
        let hindrance = match left {
            Some(_) => still.and_then(Option::as_ref),
            None => hindered.get(&one.at),
        };
        json!({
            "topic": one.at.topic, "partition": one.at.partition.0, "from": numbers(&one.from),
            "to": numbers(&one.to), "error": error.map(ToString::to_string), "state": state,
            "hindrance": hindrance.map(Hindrance::text),
        })
    };
    let moves = plan.moves.iter().map(|step| one(step, false));
    let partitions: Vec<_> = moves.chain(plan.under_way.iter().map(|step| one(step, true))).collect();
    json!({
        "dry_run": manner.dry_run, "waited": left.is_some(),
        "left": left.map(|left| left.partitions.len()), "partitions": partitions,
    })
}

fn ids(nodes: &[NodeId]) -> String {
    nodes.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}
