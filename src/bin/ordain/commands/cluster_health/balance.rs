//! Leadership back to the preferred replicas.
use std::collections::BTreeMap;

use comfy_table::Cell;
use ordain::client::{Client, ClientError, TopicPartition};
use ordain::types::{ErrorCode, NodeId};
use serde_json::json;

use super::findings::named;
use super::look::{Look, look_at_brokers};
use crate::failure::Failure;
use crate::output::{self, Format};

/// Whether anything is changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    Execute,
    DryRun,
}

/// A partition that another replica than the preferred one leads.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Move {
    pub at: TopicPartition,
    pub from: NodeId,
    pub to: NodeId,
}

/// Every partition that the preferred replica does not lead.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Plan {
    pub ready: Vec<Move>,
    /// The preferred replica is not in sync, or not there.
    pub waiting: Vec<Move>,
    /// Nobody can hand over: the replicas elect a leader.
    pub leaderless: Vec<TopicPartition>,
}

pub fn plan(look: &Look) -> Plan {
    let mut plan = Plan::default();
    for (at, p) in look.partitions() {
        match (look.leader(p), p.replicas.first()) {
            (None, _) => plan.leaderless.push(at),
            (Some(from), Some(&to)) if from != to => {
                let moves = if look.in_sync(p).contains(&to) { &mut plan.ready } else { &mut plan.waiting };
                moves.push(Move { at, from, to });
            }
            (Some(_), _) => {}
        }
    }
    plan
}

type Outcomes = BTreeMap<TopicPartition, Result<(), ClientError>>;

/// A partition that did not move ends it with [`Failure::Told`].
pub async fn run(client: &Client, format: Format, mode: Mode) -> Result<(), Failure> {
    let plan = plan(&look_at_brokers(client).await?);
    let outcomes = match mode {
        Mode::Execute if !plan.ready.is_empty() => {
            let partitions: Vec<_> = plan.ready.iter().map(|one| one.at.clone()).collect();
            client.elect_preferred(&partitions).await?
        }
        Mode::Execute | Mode::DryRun => Outcomes::new(),
    };
    match format {
        Format::Json => output::json(&document(mode, &plan, &outcomes))?,
        Format::Human => print(mode, &plan, &outcomes)?,
    }
    if outcomes.values().all(Result::is_ok) { Ok(()) } else { Err(Failure::Told) }
}

fn print(mode: Mode, plan: &Plan, outcomes: &Outcomes) -> Result<(), Failure> {
    let Plan { ready, waiting, leaderless } = plan;
    if !ready.is_empty() {
        let mut table = output::table(&["PARTITION", "FROM", "TO", ""]);
        output::numbers(&mut table, &[1, 2]);
        for one in ready {
            let outcome = match outcomes.get(&one.at) {
                None => "would move".to_owned(),
                Some(Ok(())) => "moved".to_owned(),
                Some(Err(error)) => refusal(error),
            };
            table.add_row([Cell::new(&one.at), Cell::new(one.from), Cell::new(one.to), Cell::new(outcome)]);
        }
        output::print_table(&table)?;
    }
    let moved = outcomes.values().filter(|outcome| outcome.is_ok()).count();
    match (mode, ready.len()) {
        (_, 0) if waiting.is_empty() && leaderless.is_empty() => {
            output::line("Every partition is led by its preferred replica.")?
        }
        (_, 0) => {}
        (Mode::DryRun, _) => output::line("Nothing was changed; without --dry-run it is.")?,
        (Mode::Execute, all) if moved == all => output::line("Done.")?,
        (Mode::Execute, all) => output::line(format_args!(
            "{moved} of {} moved; `ordain cluster health` shows what is wrong.",
            output::plural(all, "partition")
        ))?,
    }
    if !waiting.is_empty() {
        let names: Vec<_> = waiting.iter().map(|one| one.at.clone()).collect();
        let text = format!(
            "{} cannot move yet, since the preferred replica is not in sync: {}",
            output::plural(waiting.len(), "partition"),
            named(&names)
        );
        super::print_wrapped("", &text)?;
    }
    if !leaderless.is_empty() {
        let count = output::plural(leaderless.len(), "partition");
        let text =
            format!("{count} without leader: {}; `ordain cluster health` says what to do", named(leaderless));
        super::print_wrapped("", &text)?;
    }
    Ok(())
}

/// The broker's words, without the partition that stands in the row.
fn refusal(error: &ClientError) -> String {
    match error {
        ClientError::Refused { code, message: Some(message), .. } => format!("{}: {message}", code.name()),
        other => other.code().map_or_else(|| other.to_string(), |code| ErrorCode::name(code).to_owned()),
    }
}

fn document(mode: Mode, plan: &Plan, outcomes: &Outcomes) -> serde_json::Value {
    let moves = plan.ready.iter().map(|one| {
        let outcome = outcomes.get(&one.at);
        json!({
            "topic": one.at.topic, "partition": one.at.partition.0, "from": one.from.0, "to": one.to.0,
            "moved": outcome.is_some_and(Result::is_ok),
            "error": outcome.and_then(|outcome| outcome.as_ref().err()).map(refusal),
        })
    });
    let waiting = plan.waiting.iter().map(|one| {
        json!({ "topic": one.at.topic, "partition": one.at.partition.0, "from": one.from.0, "to": one.to.0 })
    });
    let leaderless =
        plan.leaderless.iter().map(|at| json!({ "topic": at.topic, "partition": at.partition.0 }));
    json!({
        "dry_run": mode == Mode::DryRun,
        "moves": moves.collect::<Vec<_>>(), "waiting": waiting.collect::<Vec<_>>(),
        "leaderless": leaderless.collect::<Vec<_>>(),
    })
}
