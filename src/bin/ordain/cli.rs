use clap::{Parser, Subcommand};

use crate::commands::{cluster, completions, config, consume, dev, group, perf, produce, serve, topic};

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
    /// Run a cluster of several brokers on this machine, in the foreground, to try things out.
    Dev(dev::Arguments),
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
    /// Show a cluster's health, brokers, features and directories; show and change brokers' configuration; balance leaders.
    Cluster(cluster::Arguments),
    /// Measure a broker.
    Perf(perf::Arguments),
    /// Print a completion script for a shell.
    Completions(completions::Arguments),
}

#[cfg(test)]
mod tests {
    use clap::{Arg, Command, CommandFactory, Parser};

    use super::Arguments;

    /// Values for options: each takes at least one of them.
    const SAMPLES: [&str; 9] = ["1", "1s", "1k", "k=v", "beginning", "127.0.0.1:9092", ":", "none", "all"];

    #[test]
    fn options_do_not_clash() {
        Arguments::command().debug_assert();
    }

    /// A value of another type than its field is found only when it is read.
    #[test]
    fn every_option_takes_a_value_of_its_type() {
        let mut command = Arguments::command();
        command.build();
        assert!(read_options(&command, &["ordain".to_owned()]) > 80);
    }

    fn read_options(command: &Command, path: &[String]) -> usize {
        if command.get_name() == "help" {
            return 0;
        }
        let inner = command
            .get_subcommands()
            .map(|one| read_options(one, &[path, &[one.get_name().to_owned()]].concat()));
        let read = inner.sum();
        if command.is_subcommand_required_set() {
            return read;
        }
        let value = |arg: &Arg| {
            arg.get_possible_values().first().map_or("1".to_owned(), |one| one.get_name().to_owned())
        };
        let options: Vec<&Arg> = command
            .get_arguments()
            .filter(|arg| arg.get_long().is_some() && arg.get_action().takes_values())
            .collect();
        for tried in &options {
            let long = tried.get_long().expect("it has one");
            let needed =
                command.get_arguments().filter(|arg| arg.is_required_set() && arg.get_id() != tried.get_id());
            let mut line = path.to_vec();
            line.extend(needed.map(|arg| match arg.get_long() {
                Some(long) => format!("--{long}={}", value(arg)),
                None => value(arg),
            }));
            // Some belong to another option, or to a switch.
            let beside = command.get_arguments().filter(|other| other.get_id() != tried.get_id());
            let beside = beside.filter_map(|other| {
                let long = other.get_long()?;
                let takes = other.get_action().takes_values();
                Some(vec![if takes { format!("--{long}={}", value(other)) } else { format!("--{long}") }])
            });
            let mut beside = std::iter::once(Vec::new()).chain(beside);
            let fits = |beside: &[String], sample: &str| {
                let option = format!("--{long}={sample}");
                Arguments::try_parse_from(line.iter().chain(beside).cloned().chain([option])).is_ok()
            };
            let own = value(tried);
            let read =
                beside.any(|beside| fits(&beside, &own) || SAMPLES.into_iter().any(|one| fits(&beside, one)));
            assert!(read, "{path:?} --{long}");
        }
        read + options.len()
    }
}
