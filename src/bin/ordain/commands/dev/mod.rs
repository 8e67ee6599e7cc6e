//! A cluster on this machine: each node is a process of this binary. Starts them, waits until they know each
//! other, tells what happens to them, and stops them; restarts nothing.
mod children;
mod plan;

use std::path::PathBuf;
use std::time::Duration;

use ordain::client::{AutoCreate, BrokerAddress, Client, ClientIo, ClientOptions};
use ordain::io::real;
use tokio::time::Instant;

use self::children::{Children, say};
use self::plan::{NodePlan, Plan};
use super::serve;
use crate::failure::Failure;
use crate::signals::Signals;
use crate::{connect, output};

/// How long a start may take before it is said what it waits for, and how often that is said again.
const WAIT_TOLD_AFTER: Duration = Duration::from_secs(5);
const ASK_EVERY: Duration = Duration::from_millis(200);
/// How long a node that starts may take to answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);

#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// How many nodes: 1, 3 or 5.
    #[arg(long, default_value = "3", value_parser = node_count, value_name = "N")]
    nodes: u16,
    /// The directory of the nodes' data directories.
    #[arg(long, default_value = "./ordain-dev-cluster", value_name = "DIR")]
    data: PathBuf,
    /// The first node's port for clients; further ones follow, also from 1000 and from 2000 ports higher on.
    #[arg(long, default_value_t = 9092)]
    port: u16,
    /// Set one key for every node; may be repeated.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
}

fn node_count(text: &str) -> Result<u16, String> {
    match text {
        "1" => Ok(1),
        "3" => Ok(3),
        "5" => Ok(5),
        _ => Err("a majority decides, so the cluster has 1, 3 or 5 nodes".to_owned()),
    }
}

pub fn run(arguments: Arguments) -> Result<(), Failure> {
    let plan = Plan::new(arguments.nodes, arguments.port, &arguments.data, &arguments.set)?;
    plan.check()?;
    connect::run(async {
        let mut signals = Signals::install()?;
        let mut children = Children::new()?;
        let lived = live(&plan, &mut children, &mut signals).await;
        if let Err(failure) = &lived
            && !children.is_empty()
        {
            say(format_args!("stopping the nodes, since {failure}"));
        }
        let stopped = children.stop(&mut signals).await;
        lived.and(stopped)
    })
}

/// Ends at a signal, or with the last node.
async fn live(plan: &Plan, children: &mut Children, signals: &mut Signals) -> Result<(), Failure> {
    for node in &plan.nodes {
        children.start(node)?;
    }
    tokio::select! {
        biased;
        name = signals.next() => {
            say(format_args!("{name} while starting: stopping the nodes; a second signal kills them"));
            return Ok(());
        }
        ended = children.ended() => {
            let (id, status) = (ended.id, ended.status);
            return Err(Failure::Message(format!(
                "node-{id} has ended with {status} before the cluster was up; its own lines say why"
            )));
        }
        () = all_up(&plan.nodes) => {}
    }
    announce(plan, children)?;
    loop {
        tokio::select! {
            biased;
            name = signals.next() => {
                say(format_args!("{name}: stopping the nodes; a second signal kills them"));
                return Ok(());
            }
            ended = children.ended() => {
                let node = plan.nodes.iter().find(|node| node.id == ended.id).expect("it was planned");
                say(format_args!("{} has ended with {}", node.name(), ended.status));
                if children.is_empty() {
                    return Err(Failure::Message("no node is left".to_owned()));
                }
                say(format_args!("the others go on; in another terminal, this starts it again: {}", command(node)));
            }
        }
    }
}

/// Waits until every node serves, and knows as many brokers as there are nodes.
async fn all_up(nodes: &[NodePlan]) {
    let mut waiting: Vec<&NodePlan> = nodes.iter().collect();
    let mut tell_at = Instant::now() + WAIT_TOLD_AFTER;
    loop {
        let mut reasons = Vec::new();
        let mut missing = Vec::new();
        for node in waiting {
            if let Err(reason) = is_up(node, nodes.len()).await {
                reasons.push(format!("{}: {reason}", node.name()));
                missing.push(node);
            }
        }
        if missing.is_empty() {
            return;
        }
        waiting = missing;
        if Instant::now() >= tell_at {
            say(format_args!(
                "waiting for {} of {} nodes: {}",
                waiting.len(),
                nodes.len(),
                reasons.join("; ")
            ));
            tell_at = Instant::now() + WAIT_TOLD_AFTER;
        }
        tokio::time::sleep(ASK_EVERY).await;
    }
}

/// Asks this node itself, or says why it does not count yet.
async fn is_up(node: &NodePlan, count: usize) -> Result<(), String> {
    let address = BrokerAddress { host: node.for_clients.ip().to_string(), port: node.for_clients.port() };
    let mut options = ClientOptions::new(vec![address]);
    options.client_id = "ordain-dev".to_owned();
    options.request_timeout = ANSWER_WITHIN;
    options.connect_timeout = ANSWER_WITHIN;
    let io = ClientIo { clock: real::clock(), net: real::net(), rng: real::rng(), spawn: real::spawn() };
    let metadata = Client::new(io, options).describe(Some(&[]), AutoCreate::No).await;
    match metadata.map(|metadata| metadata.brokers.len()) {
        Ok(known) if known == count => Ok(()),
        Ok(known) => Err(format!("it knows {} of {count}", output::plural(known, "broker"))),
        Err(error) => Err(error.to_string()),
    }
}

/// What a person who has just started a cluster wants to know.
fn announce(plan: &Plan, children: &Children) -> Result<(), Failure> {
    let data = std::path::absolute(&plan.data).unwrap_or_else(|_| plan.data.clone());
    output::line(format_args!("Listening on {}", plan.bootstrap()))?;
    for node in &plan.nodes {
        let process =
            children.process_id(node.id).map_or_else(|| "gone".to_owned(), |id| format!("process {id}"));
        output::line(format_args!(
            "  {}: {process}, other nodes: {}, metrics: http://{}/metrics",
            node.name(),
            node.for_nodes,
            node.for_metrics
        ))?;
    }
    output::line(format_args!("Data in {}", data.display()))?;
    output::line(serve::first_steps(&plan.bootstrap()))
}

/// The node's command for a shell.
fn command(node: &NodePlan) -> String {
    let words = std::iter::once(serve::called_as()).chain(node.arguments());
    words.map(|word| quoted(&word)).collect::<Vec<_>>().join(" ")
}

fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@%+".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_can_be_pasted_into_a_shell() {
        assert_eq!(quoted("log.dirs=/d/node-1"), "log.dirs=/d/node-1");
        assert_eq!(quoted("a b"), "'a b'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
        assert_eq!(quoted("$HOME;"), "'$HOME;'");
        assert_eq!(quoted(""), "''");
    }

    #[test]
    fn an_even_number_of_nodes_is_refused() {
        assert_eq!(node_count("5"), Ok(5));
        for wrong in ["2", "0", "-1", "x", "7"] {
            assert!(node_count(wrong).is_err(), "{wrong}");
        }
    }
}
