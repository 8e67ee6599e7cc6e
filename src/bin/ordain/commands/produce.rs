use std::collections::VecDeque;
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use ordain::client::producer::{Acks, Delivery, Idempotence, Producer, ProducerOptions, ProducerRecord};
use ordain::client::{AutoCreate, ClientError};
use ordain::config::validate_topic_name;
use ordain::types::PartitionIndex;
use ordain::wire::batch::RecordHeader;
use ordain::wire::compression::Codec;
use serde_json::json;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, BufReader};

use crate::connect::{self, Connect};
use crate::failure::Failure;
use crate::output::{self, Format};
use crate::{parse, progress};

/// What stands for standard input among the files.
const STDIN: &str = "-";
/// The longest line that is read as a record, in bytes.
const LINE_BYTES_MAX: usize = 64 << 20;
/// How many deliveries are waited for at once before more lines are read.
const DELIVERIES_MAX: usize = 100_000;
/// How many errors are told one by one.
const ERRORS_TOLD_MAX: u64 = 10;

#[derive(clap::Args, Debug)]
pub struct Arguments {
    #[command(flatten)]
    connect: Connect,
    topic: String,
    /// Files to read, - for standard input; without any, that alone. Each line is a record.
    files: Vec<PathBuf>,
    /// What stands between key and value in each line, for example : or '\t'.
    #[arg(long, short = 'K', value_name = "SEPARATOR", value_parser = separator)]
    key_separator: Option<String>,
    /// A header of every record; may be repeated.
    #[arg(long = "header", short = 'H', value_name = "NAME=VALUE", value_parser = parse::assignment)]
    headers: Vec<(String, String)>,
    /// All records go here.
    #[arg(long, short)]
    partition: Option<i32>,
    /// An empty value becomes null: a tombstone.
    #[arg(long)]
    empty_is_null: bool,
    #[command(flatten)]
    batching: Batching,
    /// Refuse to have a topic created that does not exist.
    #[arg(long)]
    no_create: bool,
}

impl Arguments {
    fn reads_stdin(&self) -> bool {
        self.files.is_empty() || self.files.iter().any(|path| path.as_os_str() == STDIN)
    }
}

/// How records are gathered and sent; shared with `perf`.
#[derive(clap::Args, Clone, Debug)]
pub struct Batching {
    #[arg(long, short = 'z', default_value = "none", value_parser = codec)]
    pub compression: Codec,
    /// 0: do not wait; 1: the leader has it; all: every in-sync replica has it.
    #[arg(long, default_value = "all", value_parser = acks)]
    pub acks: Acks,
    /// Write nothing twice when sending again; needs --acks all.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    pub idempotent: Option<bool>,
    /// When a batch is full, in bytes before compression.
    #[arg(long, default_value = "64k", value_parser = parse::size, value_name = "SIZE")]
    pub batch_size: usize,
    /// How long a batch waits to fill up.
    #[arg(long, default_value = "5ms", value_parser = parse::duration, value_name = "TIME")]
    pub linger: Duration,
}

impl Batching {
    /// Whether batches are idempotent: as asked for, else as the acknowledgements allow.
    pub fn idempotence(&self) -> Result<Idempotence, Failure> {
        match (self.idempotent, self.acks) {
            (Some(true), Acks::None | Acks::Leader) => Err(Failure::Usage(
                "--idempotent needs --acks all: without it the broker could forget what it has".to_owned(),
            )),
            (Some(true) | None, Acks::All) => Ok(Idempotence::On),
            (Some(false), _) | (None, Acks::None | Acks::Leader) => Ok(Idempotence::Off),
        }
    }

    pub fn options(&self) -> Result<ProducerOptions, Failure> {
        let defaults = ProducerOptions::default();
        Ok(ProducerOptions {
            acks: self.acks,
            idempotence: self.idempotence()?,
            codec: self.compression,
            batch_bytes: self.batch_size.clamp(128, 512 << 20),
            linger: self.linger,
            request_bytes_max: defaults.request_bytes_max.max(self.batch_size),
            memory_bytes: defaults.memory_bytes.max(self.batch_size.saturating_mul(8)),
            ..defaults
        })
    }
}

/// How a record that does not fit a batch is told, with the options that let it through. It has a MiB or more: less fits a
/// batch of its own, whatever --batch-size is.
fn too_large(bytes: usize, bytes_max: usize) -> String {
    let error = ClientError::RecordTooLarge { bytes, bytes_max };
    // The next power of two, with room for what a batch has beside it.
    let enough = (bytes + (1 << 10)).next_power_of_two().max(1 << 20) >> 20;
    format!("{error}: --batch-size {enough}M, if the topic's max.message.bytes allows as much")
}

fn codec(text: &str) -> Result<Codec, String> {
    Codec::from_name(text)
        .ok_or_else(|| format!("{text:?} is no compression; there are none, gzip, snappy, lz4 and zstd"))
}

fn acks(text: &str) -> Result<Acks, String> {
    match text {
        "0" | "none" => Ok(Acks::None),
        "1" | "leader" => Ok(Acks::Leader),
        "-1" | "all" => Ok(Acks::All),
        _ => Err(format!("{text:?} is none of 0, 1 and all")),
    }
}

fn separator(text: &str) -> Result<String, String> {
    let text = text.replace("\\t", "\t").replace("\\0", "\0");
    if text.is_empty() { Err("a separator is not empty".to_owned()) } else { Ok(text) }
}

pub fn run(arguments: Arguments) -> Result<(), Failure> {
    validate_topic_name(&arguments.topic).map_err(|error| Failure::Usage(error.to_string()))?;
    connect::run(async move {
        let client = arguments.connect.client()?;
        let mut options = arguments.batching.options()?;
        options.delivery_timeout = arguments.connect.timeout.unwrap_or(options.delivery_timeout);
        options.auto_create = if arguments.no_create { AutoCreate::No } else { AutoCreate::Yes };
        // Before anything is read: is there a broker, and can there be the topic and its partition?
        let topic = &arguments.topic;
        let known = client.partitions(topic, options.auto_create).await;
        let known = known.map_err(|error| super::topic::unknown(topic, error))?;
        if let Some(index) = arguments.partition
            && !known.iter().any(|partition| partition.index.0 == index)
        {
            let count = output::plural(known.len(), "partition");
            return Err(Failure::Message(format!("topic {topic} has no partition {index}; it has {count}")));
        }
        let producer = Producer::start(&client, options);
        let mut run = Run::new(&arguments, &producer);
        let ended = tokio::select! {
            biased;
            ended = run.read_all() => ended,
            () = connect::interrupted() => Err(Failure::Interrupted),
        };
        // Whatever ended the reading: what was read is sent and counted.
        let settled = tokio::select! {
            biased;
            settled = run.settle() => settled,
            () = connect::interrupted() => Err(Failure::Interrupted),
        };
        run.bar.finish_and_clear();
        run.report(Format::from_flag(arguments.connect.json))?;
        ended.and(settled)?;
        if run.failed > 0 {
            return Err(Failure::Message(format!(
                "{} failed",
                output::plural(run.failed as usize, "record")
            )));
        }
        Ok(())
    })
}

struct Run<'a> {
    arguments: &'a Arguments,
    producer: &'a Producer,
    headers: Vec<RecordHeader>,
    deliveries: VecDeque<Delivery>,
    sent: u64,
    bytes: u64,
    delivered: u64,
    failed: u64,
    bar: indicatif::ProgressBar,
}

impl<'a> Run<'a> {
    fn new(arguments: &'a Arguments, producer: &'a Producer) -> Run<'a> {
        let header = |(key, value): &(String, String)| RecordHeader {
            key: Bytes::from(key.clone().into_bytes()),
            value: Some(Bytes::from(value.clone().into_bytes())),
        };
        let typed = arguments.reads_stdin() && std::io::IsTerminal::is_terminal(&std::io::stdin());
        if typed {
            eprintln!("Each line becomes a record; Ctrl-D ends.");
        }
        Run {
            arguments,
            producer,
            headers: arguments.headers.iter().map(header).collect(),
            deliveries: VecDeque::new(),
            sent: 0,
            bytes: 0,
            delivered: 0,
            failed: 0,
            bar: if typed { indicatif::ProgressBar::hidden() } else { progress::bar(None, "records") },
        }
    }

    async fn read_all(&mut self) -> Result<(), Failure> {
        if self.arguments.files.is_empty() {
            return self.read_stdin().await;
        }
        for path in &self.arguments.files {
            if path.as_os_str() == STDIN {
                self.read_stdin().await?;
                continue;
            }
            let name = path.display().to_string();
            let file = tokio::fs::File::open(path)
                .await
                .map_err(|error| Failure::Message(format!("cannot open {name}: {error}")))?;
            self.read(BufReader::with_capacity(256 << 10, file), &name).await?;
        }
        Ok(())
    }

    async fn read_stdin(&mut self) -> Result<(), Failure> {
        self.read(BufReader::with_capacity(256 << 10, tokio::io::stdin()), "standard input").await
    }

    async fn read(&mut self, mut lines: impl AsyncBufRead + Unpin, name: &str) -> Result<(), Failure> {
        let mut line = Vec::new();
        loop {
            line.clear();
            let read = lines
                .read_until(b'\n', &mut line)
                .await
                .map_err(|error| Failure::Message(format!("cannot read {name}: {error}")))?;
            if read == 0 {
                return Ok(());
            }
            if line.len() > LINE_BYTES_MAX {
                return Err(Failure::Message(format!(
                    "a line of {name} has {} bytes; {LINE_BYTES_MAX} are allowed",
                    line.len()
                )));
            }
            if line.last() == Some(&b'\n') {
                line.pop();
                if line.last() == Some(&b'\r') {
                    line.pop();
                }
            }
            self.send(&line, name).await?;
        }
    }

    async fn send(&mut self, line: &[u8], name: &str) -> Result<(), Failure> {
        let (key, value) = match &self.arguments.key_separator {
            None => (None, line),
            Some(separator) => {
                let at = line.windows(separator.len()).position(|part| part == separator.as_bytes());
                let Some(at) = at else {
                    return Err(Failure::Message(format!(
                        "line {} of {name} has no key separator {separator:?}: {:?}",
                        self.sent + 1,
                        String::from_utf8_lossy(&line[..line.len().min(80)])
                    )));
                };
                (Some(&line[..at]), &line[at + separator.len()..])
            }
        };
        let is_null = value.is_empty() && self.arguments.empty_is_null;
        let record = ProducerRecord {
            topic: &self.arguments.topic,
            partition: self.arguments.partition.map(PartitionIndex),
            timestamp: None,
            key,
            value: if is_null { None } else { Some(value) },
            headers: &self.headers,
        };
        match self.producer.send(record).await {
            Ok(delivery) => self.deliveries.push_back(delivery),
            Err(ClientError::RecordTooLarge { bytes, bytes_max }) => {
                self.count_failure(&too_large(bytes, bytes_max));
            }
            Err(error) => return Err(error.into()),
        }
        self.sent += 1;
        self.bytes += line.len() as u64;
        self.bar.set_position(self.sent);
        while self.deliveries.front().is_some_and(Delivery::is_known)
            || self.deliveries.len() > DELIVERIES_MAX
        {
            self.count_next().await;
        }
        Ok(())
    }

    async fn count_next(&mut self) {
        if let Some(delivery) = self.deliveries.pop_front() {
            match delivery.wait().await {
                Ok(_) => self.delivered += 1,
                Err(error) => self.count_failure(&error.to_string()),
            }
        }
    }

    fn count_failure(&mut self, error: &str) {
        self.failed += 1;
        if self.failed <= ERRORS_TOLD_MAX {
            self.bar.suspend(|| eprintln!("ordain: {error}"));
        }
    }

    async fn settle(&mut self) -> Result<(), Failure> {
        self.producer.flush().await?;
        while !self.deliveries.is_empty() {
            self.count_next().await;
        }
        Ok(())
    }

    fn report(&self, format: Format) -> Result<(), Failure> {
        let unknown = self.deliveries.len() as u64;
        if format == Format::Json {
            return output::json(&json!({
                "topic": self.arguments.topic, "sent": self.sent, "delivered": self.delivered,
                "failed": self.failed, "unknown": unknown, "bytes": self.bytes,
            }));
        }
        let mut text = format!(
            "{} delivered to {}",
            output::plural(self.delivered as usize, "record"),
            self.arguments.topic
        );
        if self.failed > 0 {
            text.push_str(&format!(", {} failed", output::count(self.failed)));
        }
        if unknown > 0 {
            text.push_str(&format!(", {} not known", output::count(unknown)));
        }
        // On standard error, as for a command that writes elsewhere.
        eprintln!("{text}");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_options() {
        assert_eq!(acks("all"), Ok(Acks::All));
        assert_eq!(acks("0"), Ok(Acks::None));
        assert!(acks("2").is_err());
        assert_eq!(separator("\\t"), Ok("\t".to_owned()));
        assert!(separator("").is_err());
        assert_eq!(codec("zstd"), Ok(Codec::Zstd));
        assert!(codec("brotli").unwrap_err().contains("snappy"));
    }
}
