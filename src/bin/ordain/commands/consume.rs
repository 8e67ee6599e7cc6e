use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufWriter, IsTerminal, Write};
use std::time::Duration;

use ordain::client::consumer::{
    ConsumedRecord, Consumer, ConsumerOptions, Fetched, Isolation, OffsetReset, Refusal,
};
use ordain::client::group::GroupOptions;
use ordain::client::{AutoCreate, Client, ClientError, TopicPartition};
use ordain::config::validate_topic_name;
use ordain::types::{ErrorCode, Offset};
use serde_json::{Value, json};

use super::positions::positions_known_now;
use super::topic::unknown;
use crate::connect::{self, Connect};
use crate::failure::Failure;
use crate::output;
use crate::parse::{self, Start};
use crate::progress;

/// How long one poll waits at most.
const POLL: Duration = Duration::from_millis(500);
/// How often a group's offsets are committed.
const COMMIT_EVERY: Duration = Duration::from_secs(5);
/// A partition that is refused for so long is told of, once.
const WARN_AFTER: Duration = Duration::from_secs(5);
/// How long leaving a group may take when the user wants to go.
const LEAVE_WITHIN: Duration = Duration::from_secs(5);

#[derive(clap::Args, Debug)]
pub struct Arguments {
    #[command(flatten)]
    connect: Connect,
    /// The topics.
    #[arg(required = true)]
    topics: Vec<String>,
    /// Where to begin: beginning, end, an offset, -N before the end, -1h, a date, or @MS. In a group, only where
    /// it has no offset yet (beginning or end) [default: end; beginning with --until-end, and in a group]
    #[arg(long, value_name = "WHERE", value_parser = parse::start, allow_hyphen_values = true)]
    from: Option<Start>,
    /// These partitions, for example 0,2,5-7.
    #[arg(long, short, value_parser = parse::partitions, conflicts_with = "group")]
    partitions: Option<parse::Partitions>,
    /// Consume as a member of this group, and commit.
    #[arg(long, short)]
    group: Option<String>,
    /// The member's name, for a static member of the group.
    #[arg(long, requires = "group")]
    instance: Option<String>,
    /// End after so many records.
    #[arg(long, short = 'n', value_parser = parse::count)]
    count: Option<u64>,
    /// Wait for more at the end (what happens without --count and --until-end when reading from the end).
    #[arg(long, short = 'F', conflicts_with = "until_end")]
    follow: bool,
    /// End when everything there is has been read.
    #[arg(long, short = 'e')]
    until_end: bool,
    /// How a record is printed: %t topic, %p partition, %o offset, %T timestamp (ms), %D date, %k key, %s value,
    /// %h headers, %S value's length, %% percent, \n, \t.
    #[arg(long, short = 'f', default_value = "%s\\n", conflicts_with = "verbose")]
    format: String,
    /// Everything of a record: the same as --format '%t-%p@%o %D %h %k: %s\n'.
    #[arg(long, short)]
    verbose: bool,
    /// Show records of open and aborted transactions too.
    #[arg(long)]
    uncommitted: bool,
    /// The rack this consumer is in: brokers may send it to replicas there (client.rack).
    #[arg(long)]
    rack: Option<String>,
}

impl Arguments {
    /// Whether nobody has said that only new records are wanted, and only those are shown.
    fn may_hide_records(&self) -> bool {
        self.from.is_none() && self.group.is_none() && !self.until_end && !self.follow && !self.connect.json
    }
}

pub fn run(arguments: Arguments) -> Result<(), Failure> {
    for topic in &arguments.topics {
        validate_topic_name(topic).map_err(|error| Failure::Usage(error.to_string()))?;
    }
    if arguments.group.as_deref() == Some("") {
        return Err(Failure::Usage(
            "--group \"\": a group has a name; without --group no offsets are kept".to_owned(),
        ));
    }
    connect::run(async move {
        let client = arguments.connect.client()?;
        let mut session = tokio::select! {
            biased;
            session = Session::begin(&client, &arguments) => session?,
            () = connect::interrupted() => return Err(Failure::Interrupted),
        };
        let outcome = session.run().await;
        session.bar.finish_and_clear();
        // Whatever ended it, the group is left in order; a second Ctrl-C or the time ends that.
        let left = tokio::select! {
            biased;
            left = session.end() => left,
            () = connect::interrupted() => Err(Failure::Interrupted),
            () = tokio::time::sleep(LEAVE_WITHIN) => Err(Failure::Message(
                format!("could not leave the group within {LEAVE_WITHIN:?}; its other members wait for the session to end")
            )),
        };
        outcome.and(left)
    })
}

struct Session<'a> {
    consumer: Consumer,
    printer: Printer,
    /// What has been printed: where each partition goes on.
    printed: BTreeMap<TopicPartition, Offset>,
    uncommitted: bool,
    left: Option<u64>,
    until_end: bool,
    /// Where to begin, and the partitions whose leaders could not tell yet where that is.
    start: Start,
    waiting: BTreeMap<TopicPartition, ClientError>,
    /// The partitions of which the user has been told that they cannot be read.
    warned: BTreeSet<TopicPartition>,
    begun: tokio::time::Instant,
    /// When a record was printed last, or the beginning.
    printed_last: tokio::time::Instant,
    client: Client,
    arguments: &'a Arguments,
    /// Shown where the records themselves are not.
    bar: indicatif::ProgressBar,
}

impl<'a> Session<'a> {
    async fn begin(client: &Client, arguments: &'a Arguments) -> Result<Session<'a>, Failure> {
        let format = if arguments.verbose { "%t-%p@%o %D %h %k: %s\\n" } else { &arguments.format };
        let printer = Printer::new(format, arguments.connect.json)?;
        let mut options = ConsumerOptions { rack: arguments.rack.clone(), ..ConsumerOptions::default() };
        if arguments.uncommitted {
            options.isolation = Isolation::ReadUncommitted;
        }
        for topic in &arguments.topics {
            client.partitions(topic, AutoCreate::No).await.map_err(|error| unknown(topic, error))?;
        }
        let start = match arguments.from {
            Some(start) => start,
            None if arguments.until_end => Start::Beginning,
            None => Start::End,
        };
        let mut wanted = Vec::new();
        let consumer = match &arguments.group {
            Some(group) => {
                options.offset_reset = match arguments.from {
                    None | Some(Start::Beginning) => OffsetReset::Earliest,
                    Some(Start::End) => OffsetReset::Latest,
                    Some(_) => {
                        return Err(Failure::Usage(format!(
                            "in a group, --from is beginning or end; `ordain group reset-offsets {group} --to …` \
                             moves its offsets"
                        )));
                    }
                };
                let mut group = GroupOptions::new(group, arguments.topics.clone());
                group.instance_id.clone_from(&arguments.instance);
                Consumer::subscribe(client, options, group)
            }
            None => {
                options.offset_reset = OffsetReset::Earliest;
                wanted = assigned(client, arguments).await?;
                Consumer::assign(client, options, BTreeMap::new())
            }
        };
        let begun = tokio::time::Instant::now();
        let mut session = Session {
            consumer,
            printer,
            printed: BTreeMap::new(),
            uncommitted: false,
            left: arguments.count,
            until_end: arguments.until_end,
            start,
            waiting: BTreeMap::new(),
            warned: BTreeSet::new(),
            begun,
            printed_last: begun,
            client: client.clone(),
            arguments,
            bar: if goes_to_a_file() {
                progress::bar(arguments.count, "records")
            } else {
                indicatif::ProgressBar::hidden()
            },
        };
        session.find_starts(&wanted).await?;
        if std::io::stderr().is_terminal() && arguments.may_hide_records() {
            eprintln!("ordain: waiting for new records; --from beginning shows the old ones");
        }
        Ok(session)
    }

    /// Begins to read those of the partitions that have a leader now; the others wait.
    async fn find_starts(&mut self, wanted: &[TopicPartition]) -> Result<(), Failure> {
        if wanted.is_empty() {
            return Ok(());
        }
        let (known, waiting) = positions_known_now(&self.client, wanted, self.start).await?;
        if waiting.values().any(ClientError::is_stale_metadata) {
            self.client.doubt();
        }
        self.consumer.add(known.into_iter().map(|(at, offset)| (at, Some(offset))).collect());
        self.waiting = waiting;
        Ok(())
    }

    /// Prints until the end, the count or an interruption.
    async fn run(&mut self) -> Result<(), Failure> {
        let mut interrupted = std::pin::pin!(connect::interrupted());
        let mut last_commit = tokio::time::Instant::now();
        loop {
            if self.left == Some(0) {
                return Ok(());
            }
            if self.consumer.must_rejoin() || last_commit.elapsed() >= COMMIT_EVERY {
                self.commit().await?;
                last_commit = tokio::time::Instant::now();
            }
            let fetched = tokio::select! {
                biased;
                () = &mut interrupted => return Err(Failure::Interrupted),
                fetched = async {
                    let wanted: Vec<TopicPartition> = self.waiting.keys().cloned().collect();
                    self.find_starts(&wanted).await?;
                    Ok::<_, Failure>(self.consumer.poll(POLL).await?)
                } => fetched?,
            };
            for batch in &fetched {
                self.print(batch)?;
                if self.left == Some(0) {
                    break;
                }
            }
            self.printer.flush()?;
            if has_no_reader() {
                return Err(Failure::Output(std::io::ErrorKind::BrokenPipe.into()));
            }
            if self.until_end && self.is_at_end() {
                return Ok(());
            }
            self.look_at_what_is_not_read()?;
        }
    }

    /// What is refused, or has no leader, is asked for again and again, but an end is not waited for longer than --timeout
    /// says. A count is waited for as long as other partitions give.
    fn look_at_what_is_not_read(&mut self) -> Result<(), Failure> {
        let patience = self.client.options().retry_timeout;
        let is_idle = self.printed_last.elapsed() >= patience;
        let has_end = self.until_end || (self.left.is_some() && is_idle);
        if let Some((at, error)) = self.waiting.iter().next()
            && has_end
            && self.begun.elapsed() >= patience
        {
            return Err(Failure::Message(self.told_to_wait(at, error)));
        }
        let mut refused = BTreeSet::new();
        if self.begun.elapsed() >= WARN_AFTER.min(patience) {
            for at in self.waiting.keys() {
                if !self.warned.contains(at) {
                    eprintln!(
                        "ordain: {at} has no leader that answers now; it is read as soon as it has one"
                    );
                }
                refused.insert(at.clone());
            }
        }
        for refusal in self.consumer.refusals() {
            if has_end && refusal.lasts >= patience {
                return Err(Failure::Message(self.told(&refusal)));
            }
            // Of one that waited for a leader the user knows.
            let is_known = self.warned.contains(refusal.at);
            if !is_known && refusal.lasts >= WARN_AFTER.min(patience) {
                eprintln!("ordain: {}", self.told(&refusal));
            }
            if is_known || refusal.lasts >= WARN_AFTER.min(patience) {
                refused.insert(refusal.at.clone());
            }
        }
        self.warned = refused;
        Ok(())
    }

    /// A partition never had a leader that answered.
    fn told_to_wait(&self, at: &TopicPartition, error: &ClientError) -> String {
        let others: Vec<String> = self.consumer.assignment().map(|at| at.partition.to_string()).collect();
        let way_out = match (self.arguments.topics.len(), others.is_empty()) {
            (1, false) => format!("-p {} reads the others", others.join(",")),
            (1, true) => "`ordain cluster health` tells which nodes have to come back".to_owned(),
            _ => "-p with the numbers of those that have one, a topic at a time, reads these".to_owned(),
        };
        format!(
            "{at} has had no leader that answers for {}s ({error}); {way_out}",
            self.begun.elapsed().as_secs()
        )
    }

    fn told(&self, refusal: &Refusal<'_>) -> String {
        let at = refusal.at;
        let place = refusal.next.map_or_else(String::new, |next| format!(" at offset {next}"));
        if refusal.error.code() != Some(ErrorCode::KafkaStorageError) {
            return format!("{at}{place} cannot be read for {}s: {}", refusal.lasts.as_secs(), refusal.error);
        }
        let way_out = match &self.arguments.group {
            None => "--from an offset behind it reads on".to_owned(),
            Some(group) => format!(
                "`ordain group reset-offsets {group} --topic {} --partitions {} --to OFFSET --execute` with an \
                 offset behind it reads on",
                at.topic, at.partition
            ),
        };
        format!(
            "{at}{place}: {}: its leader cannot read it (the broker's log names the file); {way_out}",
            ErrorCode::KafkaStorageError.name()
        )
    }

    fn is_at_end(&self) -> bool {
        self.waiting.is_empty() && self.consumer.is_at_end() && !self.consumer.must_rejoin()
    }

    fn print(&mut self, fetched: &Fetched) -> Result<(), Failure> {
        for record in fetched.records()? {
            if self.left == Some(0) {
                return Ok(());
            }
            self.printer.print(&fetched.at, &record)?;
            self.printed.insert(fetched.at.clone(), record.offset.plus(1));
            self.uncommitted = true;
            self.printed_last = tokio::time::Instant::now();
            self.bar.inc(1);
            if let Some(left) = &mut self.left {
                *left -= 1;
            }
        }
        // All of it: what was hidden at its end counts as read.
        self.printed.insert(fetched.at.clone(), fetched.next);
        Ok(())
    }

    async fn commit(&mut self) -> Result<(), Failure> {
        if self.arguments.group.is_none() || !self.uncommitted {
            return Ok(());
        }
        // Only of partitions that are still this member's.
        let own: BTreeMap<_, _> =
            self.consumer.assignment().filter_map(|at| Some((at.clone(), *self.printed.get(at)?))).collect();
        match self.consumer.commit_offsets(&own).await {
            Ok(()) => {}
            Err(error) if is_lost_membership(&error) => {
                eprintln!("ordain: the group went on without this member; some records will be read again");
            }
            Err(error) => return Err(error.into()),
        }
        self.printed.clear();
        self.uncommitted = false;
        Ok(())
    }

    async fn end(mut self) -> Result<(), Failure> {
        let flushed = self.printer.flush();
        self.commit().await?;
        self.consumer.close().await?;
        flushed
    }
}

/// Whether whoever read the records is gone: one who waits for records writes nothing that would say so.
fn has_no_reader() -> bool {
    let mut output = libc::pollfd { fd: libc::STDOUT_FILENO, events: 0, revents: 0 };
    // SAFETY: the one entry is valid for the call, which does not wait.
    let found = unsafe { libc::poll(&raw mut output, 1, 0) };
    found == 1 && output.revents & (libc::POLLERR | libc::POLLHUP) != 0
}

/// Whether nobody sees the records go by. What goes to another program may be seen behind it.
fn goes_to_a_file() -> bool {
    use std::os::fd::AsFd;
    let output = std::io::stdout().as_fd().try_clone_to_owned().map(std::fs::File::from);
    output.and_then(|file| file.metadata()).is_ok_and(|about| about.is_file())
}

fn is_lost_membership(error: &ClientError) -> bool {
    use ordain::types::ErrorCode as E;
    matches!(error.code(), Some(E::UnknownMemberId | E::IllegalGeneration | E::RebalanceInProgress))
}

/// The partitions that the arguments name, all of which exist.
async fn assigned(client: &Client, arguments: &Arguments) -> Result<Vec<TopicPartition>, Failure> {
    let mut all = Vec::new();
    for topic in &arguments.topics {
        let known = client.partitions(topic, AutoCreate::No).await.map_err(|error| unknown(topic, error))?;
        match &arguments.partitions {
            None => {
                all.extend(known.iter().map(|p| TopicPartition { topic: topic.clone(), partition: p.index }))
            }
            Some(wanted) => {
                for index in &wanted.0 {
                    if !known.iter().any(|p| p.index.0 == *index) {
                        return Err(Failure::Message(format!(
                            "topic {topic} has no partition {index}; it has {}",
                            output::plural(known.len(), "partition")
                        )));
                    }
                    all.push(TopicPartition::new(topic.clone(), *index));
                }
            }
        }
    }
    Ok(all)
}

/// A part of an output format.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Part {
    Text(Vec<u8>),
    Topic,
    Partition,
    Offset,
    Timestamp,
    Date,
    Key,
    Value,
    ValueBytes,
    Headers,
}

/// Writes records to standard output.
struct Printer {
    parts: Option<Vec<Part>>,
    out: BufWriter<std::io::Stdout>,
}

impl Printer {
    fn new(format: &str, json: bool) -> Result<Printer, Failure> {
        let parts = if json { None } else { Some(read_format(format)?) };
        Ok(Printer { parts, out: BufWriter::with_capacity(64 << 10, std::io::stdout()) })
    }

    fn print(&mut self, at: &TopicPartition, record: &ConsumedRecord) -> Result<(), Failure> {
        let Some(parts) = &self.parts else {
            writeln!(self.out, "{}", record_json(at, record))?;
            return Ok(());
        };
        for part in parts {
            match part {
                Part::Text(text) => self.out.write_all(text)?,
                Part::Topic => self.out.write_all(at.topic.as_bytes())?,
                Part::Partition => write!(self.out, "{}", at.partition)?,
                Part::Offset => write!(self.out, "{}", record.offset)?,
                Part::Timestamp => write!(self.out, "{}", record.timestamp)?,
                Part::Date => write!(self.out, "{}", output::timestamp(record.timestamp.0))?,
                Part::Key => self.out.write_all(record.key.as_deref().unwrap_or(b"null"))?,
                Part::Value => self.out.write_all(record.value.as_deref().unwrap_or(b"null"))?,
                Part::ValueBytes => {
                    write!(self.out, "{}", record.value.as_ref().map_or(-1, |v| v.len() as i64))?
                }
                Part::Headers => {
                    for (i, header) in record.headers.iter().enumerate() {
                        self.out.write_all(if i > 0 { b"," } else { b"" })?;
                        self.out.write_all(&header.key)?;
                        self.out.write_all(b"=")?;
                        self.out.write_all(header.value.as_deref().unwrap_or(b"null"))?;
                    }
                }
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Failure> {
        self.out.flush()?;
        Ok(())
    }
}

/// Text where it is UTF-8, else null and base64 under another name, so that nothing is lost.
fn record_json(at: &TopicPartition, record: &ConsumedRecord) -> Value {
    let mut document = json!({
        "topic": at.topic, "partition": at.partition.0, "offset": record.offset.0,
        "timestamp": record.timestamp.0,
    });
    put_bytes(&mut document, "key", record.key.as_deref());
    put_bytes(&mut document, "value", record.value.as_deref());
    let headers = record.headers.iter().map(|header| {
        let mut entry = json!({ "name": String::from_utf8_lossy(&header.key) });
        put_bytes(&mut entry, "value", header.value.as_deref());
        entry
    });
    document["headers"] = headers.collect();
    document
}

fn put_bytes(document: &mut Value, name: &str, bytes: Option<&[u8]>) {
    match bytes.map(std::str::from_utf8) {
        None => document[name] = Value::Null,
        Some(Ok(text)) => document[name] = json!(text),
        Some(Err(_)) => {
            document[name] = Value::Null;
            document[format!("{name}_base64")] = json!(base64(bytes.unwrap_or_default()));
        }
    }
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let word =
            chunk.iter().fold(0u32, |word, byte| (word << 8) | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for i in 0..4 {
            let digit = DIGITS[(word >> (18 - 6 * i)) as usize & 63];
            text.push(if i <= chunk.len() { char::from(digit) } else { '=' });
        }
    }
    text
}

fn read_format(format: &str) -> Result<Vec<Part>, Failure> {
    let mut parts = Vec::new();
    let mut text = Vec::new();
    let mut chars = format.chars();
    while let Some(c) = chars.next() {
        let escaped = |c: Option<char>| match c {
            Some('n') => Some(b'\n'),
            Some('t') => Some(b'\t'),
            Some('0') => Some(0),
            Some('\\') => Some(b'\\'),
            Some(_) | None => None,
        };
        let part = match c {
            '\\' => match escaped(chars.next()) {
                Some(byte) => {
                    text.push(byte);
                    continue;
                }
                None => {
                    return Err(Failure::Usage(format!(
                        "--format {format:?}: there are \\n, \\t, \\0 and \\\\"
                    )));
                }
            },
            '%' => match chars.next() {
                Some('t') => Part::Topic,
                Some('p') => Part::Partition,
                Some('o') => Part::Offset,
                Some('T') => Part::Timestamp,
                Some('D') => Part::Date,
                Some('k') => Part::Key,
                Some('s') => Part::Value,
                Some('S') => Part::ValueBytes,
                Some('h') => Part::Headers,
                Some('%') => {
                    text.push(b'%');
                    continue;
                }
                Some(_) | None => {
                    return Err(Failure::Usage(format!(
                        "--format {format:?}: there are %t %p %o %T %D %k %s %S %h and %%"
                    )));
                }
            },
            other => {
                text.extend_from_slice(other.encode_utf8(&mut [0; 4]).as_bytes());
                continue;
            }
        };
        if !text.is_empty() {
            parts.push(Part::Text(std::mem::take(&mut text)));
        }
        parts.push(part);
    }
    if !text.is_empty() {
        parts.push(Part::Text(text));
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_read() {
        let parts = read_format("%o:\\t%s 100%%\\n").unwrap();
        let text = |text: &str| Part::Text(text.as_bytes().to_vec());
        assert_eq!(parts, [Part::Offset, text(":\t"), Part::Value, text(" 100%\n")]);
        assert!(read_format("%x").is_err());
        assert!(read_format("a\\").is_err());
        assert_eq!(read_format("").unwrap(), []);
    }

    #[test]
    fn whoever_may_miss_records_is_told() {
        #[derive(clap::Parser)]
        struct Line {
            #[command(flatten)]
            arguments: Arguments,
        }
        let told = |line: &str| {
            let line = ["consume"].into_iter().chain(line.split(' '));
            <Line as clap::Parser>::try_parse_from(line).unwrap().arguments.may_hide_records()
        };
        assert!(told("t") && told("t -n 5") && told("t -v"));
        for line in ["t --from end", "t --from beginning", "t -e", "t -g g", "t -F", "t --json"] {
            assert!(!told(line), "{line}");
        }
    }

    #[test]
    fn base64_is_standard() {
        for (plain, text) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")]
        {
            assert_eq!(base64(plain.as_bytes()), text);
        }
    }
}
