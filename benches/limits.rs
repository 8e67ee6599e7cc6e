//! What this machine can do, as JSON on standard output: the yardstick beside each comparison of brokers.
//!
//! - `limits all --dir DIR [--quick]`: direct sequential write, durable 4 KiB append, loopback stream and round
//!   trip, CRC-32C.
//! - `limits durable --dir DIR [--seconds S]`: the durable append alone, to run it beside a load.
//! - `limits writer --dir DIR [--rate MB]`: a load: a buffered writer of so many MB/s, until it is killed.
//! - `limits reader --file FILE [--rate MB]`: a load: reads the file by direct I/O again and again, at this rate or
//!   as fast as it comes, until it is killed.
#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "it measures the system itself")]
use std::fs::{File, OpenOptions};
use std::hint::black_box;
use std::io::{Error, Read, Result, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use ordain::io::AlignedBuffer;
use ordain::wire::batch::crc32c;
use serde_json::{Value, json};

const BLOCK_BYTES: usize = 4096;
const CHUNK_BYTES: usize = 1 << 20;
/// Where durable appends go round, so that they are over blocks that have been written before.
const RING_BYTES: usize = 64 << 20;
const WRITER_FILE_BYTES: u64 = 2 << 30;

/// A file that goes when it is dropped.
struct Scratch {
    file: File,
    path: PathBuf,
}

impl Scratch {
    fn open(dir: &Path, flags: libc::c_int) -> Result<Scratch> {
        let path = dir.join(format!("limits-{}-{flags}.tmp", std::process::id()));
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create(true).custom_flags(flags).open(&path)?;
        Ok(Scratch { file, path })
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.path) {
            eprintln!("{} stays behind: {error}", self.path.display());
        }
    }
}

/// Writes the whole file in chunks by direct I/O; gives MB/s, the final sync included.
fn sequential(file: &File, bytes: usize) -> Result<f64> {
    let mut buffer = AlignedBuffer::zeroed(CHUNK_BYTES);
    buffer.fill(0x5a);
    let began = Instant::now();
    for at in (0..bytes).step_by(CHUNK_BYTES) {
        file.write_all_at(&buffer, at as u64)?;
    }
    file.sync_data()?;
    Ok(bytes as f64 / 1e6 / began.elapsed().as_secs_f64())
}

/// Times durable 4 KiB writes, one after the other, over blocks that have been written before.
fn durable(dir: &Path, within: Duration) -> Result<Value> {
    let scratch = Scratch::open(dir, libc::O_DIRECT)?;
    sequential(&scratch.file, RING_BYTES)?;
    let mut buffer = AlignedBuffer::zeroed(BLOCK_BYTES);
    buffer.fill(0xa5);
    let mut took = Vec::new();
    let began = Instant::now();
    while began.elapsed() < within {
        let at = took.len() * BLOCK_BYTES % RING_BYTES;
        let vector = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: BLOCK_BYTES };
        let sent = Instant::now();
        let at = libc::off_t::try_from(at).map_err(Error::other)?;
        // SAFETY: the vector points into the buffer, which lives on and is that long.
        let written =
            unsafe { libc::pwritev2(scratch.file.as_raw_fd(), &raw const vector, 1, at, libc::RWF_DSYNC) };
        if usize::try_from(written) != Ok(BLOCK_BYTES) {
            return Err(Error::last_os_error());
        }
        took.push(sent.elapsed());
    }
    Ok(quantiles(took))
}

fn quantiles(mut took: Vec<Duration>) -> Value {
    took.sort_unstable();
    let at = |quantile: f64| {
        let index = (took.len() as f64 * quantile) as usize;
        took.get(index.min(took.len().saturating_sub(1))).map_or(0.0, |took| took.as_secs_f64() * 1e3)
    };
    json!({ "count": took.len(), "p50_ms": at(0.5), "p99_ms": at(0.99), "max_ms": at(1.0) })
}

/// Two sockets on loopback.
fn pair() -> Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let client = TcpStream::connect(listener.local_addr()?)?;
    let (server, _) = listener.accept()?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    Ok((client, server))
}

/// MB/s through one socket, from and to memory that is used again.
fn stream(within: Duration) -> Result<f64> {
    let (mut sender, mut receiver) = pair()?;
    let sending = std::thread::spawn(move || {
        let chunk = vec![0x5a; CHUNK_BYTES];
        // It ends when the receiver goes.
        while sender.write_all(&chunk).is_ok() {}
    });
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut bytes = 0;
    let began = Instant::now();
    while began.elapsed() < within {
        bytes += receiver.read(&mut chunk)?;
    }
    let rate = bytes as f64 / 1e6 / began.elapsed().as_secs_f64();
    drop(receiver);
    sending.join().map_err(|_| Error::other("the sending thread panicked"))?;
    Ok(rate)
}

/// Times 1 KiB there and back.
fn round_trip(within: Duration) -> Result<Value> {
    let (mut client, mut server) = pair()?;
    let echoing = std::thread::spawn(move || {
        let mut message = [0; 1024];
        while server.read_exact(&mut message).is_ok() && server.write_all(&message).is_ok() {}
    });
    let mut message = [0x5a; 1024];
    let mut took = Vec::new();
    let began = Instant::now();
    while began.elapsed() < within {
        let sent = Instant::now();
        client.write_all(&message)?;
        client.read_exact(&mut message)?;
        took.push(sent.elapsed());
    }
    drop(client);
    echoing.join().map_err(|_| Error::other("the echoing thread panicked"))?;
    Ok(quantiles(took))
}

/// GB/s of the checksum over so many bytes at a time.
fn checksum(bytes: usize, within: Duration) -> f64 {
    let data = vec![0x5a; bytes];
    let mut done = 0_usize;
    let began = Instant::now();
    while began.elapsed() < within {
        for _ in 0..(1 << 20) / bytes {
            black_box(crc32c(black_box(&data)));
            done += bytes;
        }
    }
    done as f64 / 1e9 / began.elapsed().as_secs_f64()
}

fn all(dir: &Path, quick: bool) -> Result<Value> {
    let each = Duration::from_millis(if quick { 500 } else { 3000 });
    let bytes = if quick { 512 << 20 } else { 4 << 30 };
    let scratch = Scratch::open(dir, libc::O_DIRECT)?;
    let first = sequential(&scratch.file, bytes)?;
    let again = sequential(&scratch.file, bytes)?;
    drop(scratch);
    Ok(json!({
        "direct_write_new_mb_per_second": first,
        "direct_write_mb_per_second": again,
        "durable_4k": durable(dir, each)?,
        "loopback_stream_mb_per_second": stream(each)?,
        "loopback_round_trip": round_trip(each)?,
        "crc32c_gb_per_second": { "1k": checksum(1 << 10, each / 4), "16k": checksum(16 << 10, each / 4) },
    }))
}

/// Writes at this rate through the page cache for ever, round a file of 2 GiB.
fn writer(dir: &Path, mb_per_second: f64) -> Result<Value> {
    let scratch = Scratch::open(dir, 0)?;
    let chunk = vec![0x5a; CHUNK_BYTES];
    let every = chunk_time(mb_per_second);
    let mut due = Instant::now();
    let mut at = 0;
    loop {
        scratch.file.write_all_at(&chunk, at)?;
        at = (at + CHUNK_BYTES as u64) % WRITER_FILE_BYTES;
        due += every;
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
    }
}

/// How long a chunk takes at this rate.
fn chunk_time(mb_per_second: f64) -> Duration {
    Duration::from_secs_f64(CHUNK_BYTES as f64 / 1e6 / mb_per_second.max(0.001))
}

fn reader(path: &Path, mb_per_second: Option<f64>) -> Result<Value> {
    let file = OpenOptions::new().read(true).custom_flags(libc::O_DIRECT).open(path)?;
    let mut buffer = AlignedBuffer::zeroed(CHUNK_BYTES);
    let every = mb_per_second.map(chunk_time);
    let mut due = Instant::now();
    let mut at = 0;
    loop {
        if let Some(every) = every {
            due += every;
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
        }
        let read = file.read_at(&mut buffer, at)?;
        at = if read < CHUNK_BYTES { 0 } else { at + read as u64 };
        if read == 0 && file.metadata()?.len() == 0 {
            return Err(Error::other(format!("{} is empty", path.display())));
        }
    }
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let value = |name: &str| arguments.iter().position(|a| a == name).and_then(|at| arguments.get(at + 1));
    let number = |name: &str| value(name).and_then(|text| text.parse::<f64>().ok());
    let (dir, quick) = (value("--dir").map(Path::new), arguments.iter().any(|a| a == "--quick"));
    let result = match (arguments.first().map(String::as_str), dir, value("--file")) {
        (Some("all"), Some(dir), _) => all(dir, quick)?,
        (Some("durable"), Some(dir), _) => {
            durable(dir, Duration::from_secs_f64(number("--seconds").unwrap_or(3.0)))?
        }
        (Some("writer"), Some(dir), _) => writer(dir, number("--rate").unwrap_or(200.0))?,
        (Some("reader"), _, Some(file)) => reader(Path::new(file), number("--rate"))?,
        (_, _, _) => json!("limits all|durable|writer --dir DIR, or limits reader --file FILE"),
    };
    println!("{result}");
    Ok(())
}
