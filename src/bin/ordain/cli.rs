use clap::{Parser, Subcommand};

use crate::commands::{cluster, completions, config, consume, group, perf, produce, serve, topic};

/// A replicated message broker that Kafka clients use, and tools for any Kafka broker.
#[derive(Parser, Debug)]
#[command(
    name = "ordain",
    version,
    max_term_width = 100,
    subcommand_required = true,
    arg_required_else_help = true
)]
pub struct Arguments {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand, Debug)]
pub enum Command {
    /// Run a broker in the foreground.
    Serve(serve::Arguments),
    /// Show every configuration key of the broker with its value, source and meaning.
    Config(config::Arguments),
    /// List, describe, create, change and delete topics.
    Topic(topic::Arguments),
    /// Write lines of standard input or of files as records.
    Produce(produce::Arguments),
    /// Print the records of a topic.
    Consume(consume::Arguments),
    /// List, describe and delete consumer groups and their offsets.
    Group(group::Arguments),
    /// Show brokers, features, API versions and log directories of a cluster.
    Cluster(cluster::Arguments),
    /// Measure a broker.
    Perf(perf::Arguments),
    /// Print a completion script for a shell.
    Completions(completions::Arguments),
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn options_do_not_clash() {
        super::Arguments::command().debug_assert();
    }
}
