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

/// What can move now, and what cannot since the preferred replica is not in sync, or not there. Partitions without leader are
/// in neither: their replicas elect one.
pub fn moves(look: &Look) -> (Vec<Move>, Vec<Move>) {
    let moves = look.partitions().filter_map(|(at, p)| {
        let (from, to) = (look.leader(p)?, *p.replicas.first()?);
        (from != to).then(|| (Move { at, from, to }, look.in_sync(p).contains(&to)))
    });
    let (ready, waiting): (Vec<_>, Vec<_>) = moves.partition(|(_, ready)| *ready);
    let plain = |list: Vec<(Move, bool)>| list.into_iter().map(|(one, _)| one).collect();
    (plain(ready), plain(waiting))
}

type Outcomes = BTreeMap<TopicPartition, Result<(), ClientError>>;

/// A partition that did not move ends it with [`Failure::Told`].
pub async fn run(client: &Client, format: Format, mode: Mode) -> Result<(), Failure> {
    let (ready, waiting) = moves(&look_at_brokers(client).await?);
    let outcomes = match mode {
        Mode::Execute if !ready.is_empty() => {
            let partitions: Vec<_> = ready.iter().map(|one| one.at.clone()).collect();
            client.elect_preferred(&partitions).await?
        }
        Mode::Execute | Mode::DryRun => Outcomes::new(),
    };
    match format {
        Format::Json => output::json(&document(mode, &ready, &waiting, &outcomes))?,
        Format::Human => print(mode, &ready, &waiting, &outcomes)?,
    }
    if outcomes.values().all(Result::is_ok) { Ok(()) } else { Err(Failure::Told) }
}

fn print(mode: Mode, ready: &[Move], waiting: &[Move], outcomes: &Outcomes) -> Result<(), Failure> {
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
        (_, 0) if waiting.is_empty() => output::line("Every partition is led by its preferred replica.")?,
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
    Ok(())
}

/// The broker's words, without the partition that stands in the row.
fn refusal(error: &ClientError) -> String {
    match error {
        ClientError::Refused { code, message: Some(message), .. } => format!("{}: {message}", code.name()),
        other => other.code().map_or_else(|| other.to_string(), |code| ErrorCode::name(code).to_owned()),
    }
}

fn document(mode: Mode, ready: &[Move], waiting: &[Move], outcomes: &Outcomes) -> serde_json::Value {
    let moves = ready.iter().map(|one| {
        let outcome = outcomes.get(&one.at);
        json!({
            "topic": one.at.topic, "partition": one.at.partition.0, "from": one.from.0, "to": one.to.0,
            "moved": outcome.is_some_and(Result::is_ok),
            "error": outcome.and_then(|outcome| outcome.as_ref().err()).map(refusal),
        })
    });
    let waiting = waiting.iter().map(|one| {
        json!({ "topic": one.at.topic, "partition": one.at.partition.0, "from": one.from.0, "to": one.to.0 })
    });
    json!({
        "dry_run": mode == Mode::DryRun,
        "moves": moves.collect::<Vec<_>>(), "waiting": waiting.collect::<Vec<_>>(),
    })
}
