use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use ordain::io::{Access, Connection, File, Io, OpenOptions, read_exact, timeout, write_all};

use super::{Scenario, Violation};
use crate::case::{Case, ClientCase};
use crate::cluster::Cluster;
use crate::net::NetOptions;
use crate::rng::Stream;
use crate::trace::content_hash;

mod faults;

use faults::Troubled;

/// A server appends what its clients send to a file and answers once it is synced, while the power fails, the
/// process dies, the network is cut and the disk stalls. Whatever was answered must be there at the end, once,
/// and in each client's order. It is built from the twins alone, and shows that they lose what they should.
pub struct StorageAndNet {
    /// False plants the classic bug: the answer comes before the sync.
    pub sync_before_answer: bool,
}

const SERVER: &str = "server";
const PORT: u16 = 7000;
const CLIENTS: u64 = 3;
const REQUESTS: u64 = 25;
const LOG: &str = "log/records";
/// Client, number, checksum.
const RECORD_BYTES: usize = 24;
const PATIENCE: Duration = Duration::from_secs(2);

/// What each client was told is safe: the number of its request, in order.
type Answered = Arc<Mutex<BTreeMap<u64, Vec<u64>>>>;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Record {
    client: u64,
    number: u64,
}

impl Record {
    fn encode(self) -> [u8; RECORD_BYTES] {
        let mut bytes = [0; RECORD_BYTES];
        bytes[..8].copy_from_slice(&self.client.to_be_bytes());
        bytes[8..16].copy_from_slice(&self.number.to_be_bytes());
        let checksum = content_hash(&bytes[..16]);
        bytes[16..].copy_from_slice(&checksum.to_be_bytes());
        bytes
    }

    /// `None` if the bytes are not a whole, sound record.
    fn decode(bytes: &[u8]) -> Option<Record> {
        let word = |at: usize| Some(u64::from_be_bytes(bytes.get(at..at + 8)?.try_into().ok()?));
        let record = Record { client: word(0)?, number: word(8)? };
        (record.encode() == bytes).then_some(record)
    }
}

/// The records of a log, up to the first that is torn.
fn decode_all(bytes: &[u8]) -> Vec<Record> {
    bytes.chunks_exact(RECORD_BYTES).map_while(Record::decode).collect()
}

struct Log {
    file: Arc<dyn File>,
    end: u64,
    /// The last number of each client: a request that is sent again is not written again.
    last: BTreeMap<u64, u64>,
    /// After a failed sync nothing more is answered.
    poisoned: bool,
}

impl Log {
    async fn recover(io: &Io) -> io::Result<Log> {
        io.disk.create_dir_all("log").await?;
        let options =
            OpenOptions { write: true, create: true, access: Access::Buffered, ..OpenOptions::default() };
        let file = io.disk.open(LOG, options).await?;
        let length = usize::try_from(file.size().await?).unwrap_or(usize::MAX);
        let bytes = file.read_at(0, length).await?;
        let records = decode_all(&bytes);
        let end = (records.len() * RECORD_BYTES) as u64;
        file.set_len(end).await?;
        file.sync().await?;
        io.disk.sync_dir("").await?;
        io.disk.sync_dir("log").await?;
        let last = records.iter().map(|record| (record.client, record.number)).collect();
        Ok(Log { file, end, last, poisoned: false })
    }

    /// Makes a request durable; false if it never will be.
    async fn append(&mut self, record: Record, sync_before_answer: bool) -> bool {
        if self.poisoned {
            return false;
        }
        if self.last.get(&record.client).is_some_and(|last| *last >= record.number) {
            return true;
        }
        let bytes = Bytes::copy_from_slice(&record.encode());
        let mut result = self.file.write_at(self.end, vec![bytes]).await;
        if result.is_ok() && sync_before_answer {
            result = self.file.sync().await;
        }
        self.poisoned = result.is_err();
        self.end += RECORD_BYTES as u64;
        self.last.insert(record.client, record.number);
        !self.poisoned
    }
}

async fn serve(io: Io, sync_before_answer: bool) {
    // A disk that fails at the start leaves nothing to do until the next restart.
    let Ok(log) = Log::recover(&io).await else { return };
    let log = Arc::new(tokio::sync::Mutex::new(log));
    let address = SocketAddr::new(IpAddr::from([0, 0, 0, 0]), PORT);
    let Ok(mut listener) = io.net.listen(address).await else { return };
    while let Ok(connection) = poll_fn(|context| listener.poll_accept(context)).await {
        let log = log.clone();
        let session = async move {
            // A client that goes away ends its session, whatever the reason.
            let _ = serve_one(connection, &log, sync_before_answer).await;
        };
        drop(io.spawn.spawn("session", Box::pin(session)));
    }
}

async fn serve_one(
    mut connection: Connection,
    log: &tokio::sync::Mutex<Log>,
    sync_before_answer: bool,
) -> io::Result<()> {
    let mut buffer = BytesMut::new();
    loop {
        read_exact(connection.read.as_mut(), &mut buffer, RECORD_BYTES).await?;
        let request = buffer.split_to(RECORD_BYTES);
        let record = Record::decode(&request).ok_or(io::ErrorKind::InvalidData)?;
        if !log.lock().await.append(record, sync_before_answer).await {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        write_all(connection.write.as_mut(), &record.number.to_be_bytes()).await?;
    }
}

async fn request(io: &Io, connection: &mut Option<Connection>, record: Record) -> io::Result<()> {
    let mut open = match connection.take() {
        Some(open) => open,
        None => io.net.connect(SERVER, PORT).await?,
    };
    write_all(open.write.as_mut(), &record.encode()).await?;
    let mut buffer = BytesMut::new();
    read_exact(open.read.as_mut(), &mut buffer, 8).await?;
    if buffer[..] != record.number.to_be_bytes() {
        return Err(io::ErrorKind::InvalidData.into());
    }
    *connection = Some(open);
    Ok(())
}

/// The name of a client's machine.
fn client_name(client: u64) -> String {
    format!("client-{client}")
}

/// Sends its requests one after another, each again and again until it is answered.
async fn be_client(io: Io, client: u64, requests: u64, answered: Answered) {
    let mut connection = None;
    for number in 1..=requests {
        loop {
            let deadline = io.clock.now().after(PATIENCE);
            let attempt = request(&io, &mut connection, Record { client, number });
            if let Ok(Ok(())) = timeout(io.clock.as_ref(), deadline, attempt).await {
                break;
            }
            io.clock.sleep(Duration::from_millis(20)).await;
        }
        answered.lock().unwrap_or_else(PoisonError::into_inner).entry(client).or_default().push(number);
    }
}

fn check(answered: &Answered, log: &[u8]) -> Result<(), Violation> {
    let records = decode_all(log);
    if records.len() * RECORD_BYTES != log.len() {
        return Err(Violation::new(
            "torn-record",
            format!("the log ends in a torn record after {}", records.len()),
        ));
    }
    let mut found: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
    for record in records {
        found.entry(record.client).or_default().push(record.number);
    }
    for (client, numbers) in answered.lock().unwrap_or_else(PoisonError::into_inner).iter() {
        let found = found.get(client).map(Vec::as_slice).unwrap_or_default();
        if found != &numbers[..] {
            return Err(Violation::new(
                "I1-lost-record",
                format!("client {client} was answered {numbers:?}, and the log has {found:?}"),
            ));
        }
    }
    Ok(())
}

impl Scenario for StorageAndNet {
    fn name(&self) -> &'static str {
        if self.sync_before_answer { "storage-and-net" } else { "storage-and-net-careless" }
    }

    fn about(&self) -> &'static str {
        if self.sync_before_answer {
            "a server that syncs before it answers, under crashes, cuts and disk faults (no broker)"
        } else {
            "the same with a mistake on purpose: it answers first"
        }
    }

    fn without_mistake(&self) -> Option<&'static str> {
        (!self.sync_before_answer).then_some("storage-and-net")
    }

    fn draw(&self, seed: u64) -> Case {
        let rng = &mut Stream::new(seed, "scenario", "net options", 0);
        let loss_per_mille = u32::try_from(rng.between(0, 1) * rng.between(0, 100)).unwrap_or(0);
        let window = usize::try_from(rng.between(1, 65_536)).unwrap_or(1);
        let net = NetOptions { loss_per_mille, window, ..NetOptions::default() };
        let faults = faults::draw(&mut Stream::new(seed, "scenario", "faults", 0));
        let duration_us = faults.last().map_or(0, |last| last.at_us);
        let client = |client| ClientCase {
            operations_max: Some(REQUESTS),
            ..ClientCase::new(client_name(client), &client)
        };
        let clients = (0..CLIENTS).map(client).collect();
        Case { net, clients, duration_us, faults, ..Case::new(self.name(), seed) }
    }

    fn run<'a>(
        &'a self,
        cluster: Cluster,
        case: Case,
    ) -> Pin<Box<dyn Future<Output = Result<(), Violation>> + 'a>> {
        Box::pin(async move {
            let answered = Answered::default();
            let sync_before_answer = self.sync_before_answer;
            let server = cluster.add_node(SERVER);
            server.start(move |io| serve(io, sync_before_answer));
            let (mut clients, mut expected) = (Vec::new(), 0);
            for client in &case.clients {
                let (number, requests) = (client.work_as()?, client.operations_max.unwrap_or(REQUESTS));
                expected += requests;
                let node = cluster.add_node(&client.name);
                let answered = answered.clone();
                node.start(move |io| be_client(io, number, requests, answered.clone()));
                clients.push(node);
            }
            for fault in &case.faults {
                cluster.note(format_args!("planned after {} us: {:?}", fault.at_us, fault.fault));
            }
            let troubled = Troubled { cluster: &cluster, server: &server, clients: &clients };
            troubled.run(&case.faults, case.duration()).await?;
            troubled.heal(&case.faults);
            let all_answered = || {
                let answered = answered.lock().unwrap_or_else(PoisonError::into_inner);
                answered.values().map(|numbers| numbers.len() as u64).sum::<u64>() == expected
            };
            // After the last fault every client comes to its end.
            for _ in 0..600 {
                if all_answered() {
                    break;
                }
                cluster.sleep(Duration::from_secs(1)).await;
            }
            if !all_answered() {
                return Err(Violation::new("I16-stuck", format!("no progress: answered only {answered:?}")));
            }
            server.power_fail();
            server.restart();
            // Recovery cuts a torn tail.
            cluster.sleep(Duration::from_secs(1)).await;
            let log = server
                .disk()
                .peek(LOG)
                .map_err(|error| Violation::new("no-log", format!("no log: {error}")))?;
            check(&answered, &log)
        })
    }
}
