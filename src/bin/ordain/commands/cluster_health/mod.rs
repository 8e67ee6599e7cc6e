//! How a cluster is: `cluster health`, `cluster safe-to-restart`, `cluster balance`, `cluster drain`. `look` asks, `findings`, `restart`,
//! `balance` and `drain` judge, here it is shown.
pub mod balance;
pub mod drain;
pub mod findings;
pub mod look;
pub mod restart;
#[cfg(test)]
mod tests;

use comfy_table::Cell;
use ordain::client::Client;
use ordain::types::NodeId;
use serde_json::json;

use self::findings::{Finding, findings};
use self::look::{Look, QuorumLook, VoterState, look_with_disks};
use crate::failure::Failure;
use crate::output::{self, Format};

/// Shows the cluster's state; problems end it with [`Failure::Told`].
pub async fn run(client: &Client, format: Format) -> Result<(), Failure> {
    let seen = look_with_disks(client).await?;
    let (problems, notes): (Vec<_>, Vec<_>) =
        findings(&seen).into_iter().partition(|finding| finding.kind.is_problem());
    match format {
        Format::Json => output::json(&document(&seen, &problems, &notes))?,
        Format::Human => print(&seen, &problems, &notes)?,
    }
    if problems.is_empty() { Ok(()) } else { Err(Failure::Told) }
}

fn print(seen: &Look, problems: &[Finding], notes: &[Finding]) -> Result<(), Failure> {
    let state = match problems.len() {
        0 => "healthy".to_owned(),
        count => output::plural(count, "problem"),
    };
    output::line(format_args!(
        "Cluster {}  {state}",
        seen.metadata.cluster_id.as_deref().unwrap_or("(no id)")
    ))?;
    output::line("")?;
    let mut table = output::table(&["BROKER", "ADDRESS", "RACK", "LEADS", "REPLICAS", ""]);
    output::numbers(&mut table, &[0, 3, 4]);
    for node in seen.metadata.brokers.values() {
        let (leads, replicas) = counts(seen, node.id);
        table.add_row([
            Cell::new(node.id),
            Cell::new(&node.address),
            Cell::new(node.rack.as_deref().unwrap_or("-")),
            Cell::new(leads),
            Cell::new(replicas),
            Cell::new(match (seen.is_there(node.id), seen.draining.contains(&node.id)) {
                (false, _) => "does not answer",
                (true, true) => "draining",
                (true, false) if seen.slow_commit_ms(node.id).is_some() => "slow disk",
                (true, false) => "",
            }),
        ]);
    }
    output::print_table(&table)?;
    output::line("")?;
    print_quorum(seen)?;
    for (title, findings) in [("Problems", problems), ("Notes", notes)] {
        if !findings.is_empty() {
            output::line("")?;
            output::line(title)?;
        }
        for finding in findings {
            print_wrapped("  - ", &format!("{}. To do: {}.", finding.what, finding.to_do))?;
        }
    }
    Ok(())
}

fn print_quorum(seen: &Look) -> Result<(), Failure> {
    let (quorum, committed_before) = match &seen.quorum {
        QuorumLook::Told { quorum, committed_before } => (quorum, *committed_before),
        QuorumLook::NotServed => return output::line("Metadata quorum  not told by this broker"),
        QuorumLook::Silent(_) => return output::line("Metadata quorum  no leader answers"),
    };
    output::line(format_args!(
        "Metadata quorum  leader {}, epoch {}, {}, committed up to {}",
        quorum.leader.map_or_else(|| "none".to_owned(), |id| id.to_string()),
        quorum.epoch,
        output::plural(quorum.voters.len(), "voter"),
        quorum.high_watermark,
    ))?;
    let mut table = output::table(&["VOTER", "END", "LAG", ""]);
    output::numbers(&mut table, &[0, 1, 2]);
    for voter in &quorum.voters {
        let state = match seen.voter_state(quorum, committed_before, voter) {
            VoterState::KeepsUp if quorum.leader == Some(voter.id) => "leads",
            VoterState::KeepsUp => "",
            VoterState::Lags => "lags",
            VoterState::NotThere => "not there",
        };
        table.add_row([
            Cell::new(voter.id),
            Cell::new(voter.log_end.map_or_else(|| "-".to_owned(), |end| end.to_string())),
            Cell::new(quorum.lag(voter).map_or_else(|| "-".to_owned(), output::count)),
            Cell::new(state),
        ]);
    }
    output::print_table(&table)
}

/// How many partitions a node leads, and of how many it has a replica.
fn counts(seen: &Look, node: NodeId) -> (usize, usize) {
    let leads = seen.partitions().filter(|(_, p)| seen.leader(p) == Some(node)).count();
    let replicas = seen.partitions().filter(|(_, p)| p.replicas.contains(&node)).count();
    (leads, replicas)
}

/// Prints a sentence after `lead`: for a terminal in lines that fit, else in one.
fn print_wrapped(lead: &str, text: &str) -> Result<(), Failure> {
    let lines = match output::terminal_width() {
        Some(width) => output::wrap(text, width.saturating_sub(lead.len()).max(20)),
        None => vec![text.to_owned()],
    };
    for (i, line) in lines.iter().enumerate() {
        if i == 0 {
            output::line(format_args!("{lead}{line}"))?;
        } else {
            output::line(format_args!("{:width$}{line}", "", width = lead.len()))?;
        }
    }
    Ok(())
}

fn document(seen: &Look, problems: &[Finding], notes: &[Finding]) -> serde_json::Value {
    let brokers = seen.metadata.brokers.values().map(|node| {
        let (leads, replicas) = counts(seen, node.id);
        json!({
            "id": node.id.0, "host": node.address.host, "port": node.address.port, "rack": node.rack,
            "leads": leads, "replicas": replicas, "answers": seen.is_there(node.id),
            "draining": seen.draining.contains(&node.id), "slow_commit_ms": seen.slow_commit_ms(node.id),
        })
    });
    let quorum = match &seen.quorum {
        QuorumLook::Told { quorum, committed_before } => {
            let voters = quorum.voters.iter().map(|voter| {
                let state = match seen.voter_state(quorum, *committed_before, voter) {
                    VoterState::KeepsUp => "keeps_up",
                    VoterState::Lags => "lags",
                    VoterState::NotThere => "not_there",
                };
                json!({
                    "id": voter.id.0, "log_end_offset": voter.log_end.map(|end| end.0),
                    "lag": quorum.lag(voter), "state": state,
                })
            });
            json!({
                "leader": quorum.leader.map(|id| id.0), "epoch": quorum.epoch.0,
                "high_watermark": quorum.high_watermark.0, "voters": voters.collect::<Vec<_>>(),
            })
        }
        QuorumLook::NotServed | QuorumLook::Silent(_) => json!(null),
    };
    let findings = |findings: &[Finding]| {
        let finding = |finding: &Finding| {
            let partitions =
                finding.partitions.iter().map(|at| json!({ "topic": at.topic, "partition": at.partition.0 }));
            json!({
                "kind": finding.kind.name(), "what": finding.what, "to_do": finding.to_do,
                "brokers": finding.brokers.iter().map(|id| id.0).collect::<Vec<_>>(),
                "partitions": partitions.collect::<Vec<_>>(),
            })
        };
        findings.iter().map(finding).collect::<Vec<_>>()
    };
    json!({
        "cluster_id": seen.metadata.cluster_id, "healthy": problems.is_empty(),
        "brokers": brokers.collect::<Vec<_>>(), "quorum": quorum,
        "problems": findings(problems), "notes": findings(notes),
    })
}
