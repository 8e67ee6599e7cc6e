//! The speed of light: what a produce request costs where nothing but the unavoidable is done.
//!
//! One thread, run to completion: read what has come, check each batch's CRC, write all that waits with one
//! durable direct write, answer. It takes Produce requests of version 12 with one topic, and nothing else: no
//! offsets, no index, no reads, no recovery. A broker is measured against it; see docs/performance.md.
//!
//! `sink --port PORT --file FILE` runs until it is killed; the file is written once over before it listens.
#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "it stands on the system itself")]
use std::io::{Error, ErrorKind, Read, Result, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;

use ordain::io::AlignedBuffer;
use ordain::wire::batch::{UNCOVERED_BYTES, crc32c};
use socket2::{Domain, Socket, Type};

const BLOCK_BYTES: usize = 4096;
const FILE_BYTES: usize = 1 << 30;
/// What one commit takes at most; a frame is below half of it.
const COMMIT_BYTES_MAX: usize = 32 << 20;
const READ_BYTES: usize = 4 << 20;
/// Until a request comes in parts: a thousand connections of small ones need no more.
const READ_BYTES_FIRST: usize = 64 << 10;
/// Connections that wait to be accepted: a thousand come at once.
const BACKLOG: i32 = 4096;
const LISTENER: u64 = u64::MAX;

/// The file that is written round and round, and what waits for its next write.
struct Journal {
    file: std::fs::File,
    at: usize,
    buffer: AlignedBuffer,
    filled: usize,
    commits: u64,
}

impl Journal {
    fn open(path: &str) -> Result<Journal> {
        let mut options = std::fs::OpenOptions::new();
        let file = options.write(true).create(true).custom_flags(libc::O_DIRECT).open(path)?;
        let buffer = AlignedBuffer::zeroed(COMMIT_BYTES_MAX);
        let mut journal = Journal { file, at: 0, buffer, filled: COMMIT_BYTES_MAX, commits: 0 };
        for _ in 0..FILE_BYTES / COMMIT_BYTES_MAX {
            journal.commit()?;
            journal.filled = COMMIT_BYTES_MAX;
        }
        (journal.filled, journal.commits) = (0, 0);
        Ok(journal)
    }

    fn append(&mut self, bytes: &[u8]) -> Result<()> {
        if self.filled + bytes.len() > COMMIT_BYTES_MAX {
            self.commit()?;
        }
        self.buffer[self.filled..self.filled + bytes.len()].copy_from_slice(bytes);
        self.filled += bytes.len();
        Ok(())
    }

    /// One durable write of all that was appended.
    fn commit(&mut self) -> Result<()> {
        let length = self.filled.next_multiple_of(BLOCK_BYTES);
        if length == 0 {
            return Ok(());
        }
        self.at = if self.at + length > FILE_BYTES { 0 } else { self.at };
        let vector = libc::iovec { iov_base: self.buffer.as_mut_ptr().cast(), iov_len: length };
        let at = libc::off_t::try_from(self.at).map_err(Error::other)?;
        // SAFETY: the vector points into the buffer, which lives on and is at least that long.
        let written =
            unsafe { libc::pwritev2(self.file.as_raw_fd(), &raw const vector, 1, at, libc::RWF_DSYNC) };
        match usize::try_from(written) {
            Ok(written) if written == length => {}
            Ok(written) => return Err(Error::other(format!("{written} of {length} bytes were written"))),
            Err(_) => return Err(Error::last_os_error()),
        }
        (self.at, self.filled, self.commits) = (self.at + length, 0, self.commits + 1);
        Ok(())
    }
}

struct Connection {
    stream: TcpStream,
    read: Vec<u8>,
    filled: usize,
    answers: Vec<u8>,
}

impl Connection {
    /// Reads what has come and appends each whole request's batches; false at the end of the stream.
    fn receive(&mut self, journal: &mut Journal) -> Result<bool> {
        if self.read.is_empty() {
            self.read.resize(READ_BYTES_FIRST, 0);
        } else if self.filled > 0 && self.read.len() - self.filled < READ_BYTES / 2 {
            self.read.resize(self.read.len() + READ_BYTES, 0);
        }
        match self.stream.read(&mut self.read[self.filled..]) {
            Ok(0) => return Ok(false),
            Ok(count) => self.filled += count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(true),
            Err(error) => return Err(error),
        }
        let mut at = 0;
        while let Some(length) = self.read[at..self.filled].first_chunk() {
            let end = at + 4 + u32::from_be_bytes(*length) as usize;
            if end > self.filled {
                break;
            }
            take(&mut Cursor(&self.read[at + 4..end]), journal, &mut self.answers)?;
            at = end;
        }
        self.read.copy_within(at..self.filled, 0);
        self.filled -= at;
        Ok(true)
    }
}

struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn bytes(&mut self, count: usize) -> Result<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(count).ok_or(ErrorKind::UnexpectedEof)?;
        self.0 = rest;
        Ok(bytes)
    }

    fn i16(&mut self) -> Result<i16> {
        Ok(i16::from_be_bytes(self.bytes(2)?.try_into().map_err(Error::other)?))
    }

    /// A compact length or count: what it counts, plus one.
    fn length(&mut self) -> Result<usize> {
        let (mut value, mut shift) = (0, 0);
        loop {
            let byte = self.bytes(1)?[0];
            value |= usize::from(byte & 0x7f) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                return Ok(value.saturating_sub(1));
            }
        }
    }
}

/// One request: appends its batches, and writes its answer behind the others.
fn take(request: &mut Cursor<'_>, journal: &mut Journal, answers: &mut Vec<u8>) -> Result<()> {
    let api = (request.i16()?, request.i16()?);
    if api != (0, 12) {
        return Err(Error::other(format!("API {} version {}: only Produce 12 is taken", api.0, api.1)));
    }
    let correlation = request.bytes(4)?;
    let client_id = usize::try_from(request.i16()?).unwrap_or(0);
    // Client id, tags, no transactional id, acks, timeout; then one topic with its partitions.
    request.bytes(client_id + 1 + 1 + 2 + 4 + 1)?;
    let name_bytes = request.length()?;
    let name = request.bytes(name_bytes)?;
    let partitions = request.length()?;
    let begun = answers.len();
    answers.extend_from_slice(&[0; 4]);
    answers.extend_from_slice(correlation);
    answers.extend_from_slice(&[0, 2, u8::try_from(name_bytes + 1).map_err(Error::other)?]);
    answers.extend_from_slice(name);
    answers.push(u8::try_from(partitions + 1).map_err(Error::other)?);
    for _ in 0..partitions {
        answers.extend_from_slice(request.bytes(4)?);
        let records_bytes = request.length()?;
        let batch = request.bytes(records_bytes)?;
        request.bytes(1)?;
        let crc = batch.get(UNCOVERED_BYTES - 4..UNCOVERED_BYTES).ok_or(ErrorKind::UnexpectedEof)?;
        if crc != crc32c(&batch[UNCOVERED_BYTES..]).to_be_bytes() {
            return Err(Error::other("a batch's CRC does not hold"));
        }
        journal.append(batch)?;
        // No error, offset 0, no append time, log start 0, no errors of records, no message, no tags.
        answers.extend_from_slice(&[0; 10]);
        answers.extend_from_slice(&[0xff; 8]);
        answers.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0]);
    }
    // Tags of the topic, throttle time, tags.
    answers.extend_from_slice(&[0; 6]);
    let length = u32::try_from(answers.len() - begun - 4).map_err(Error::other)?;
    answers[begun..begun + 4].copy_from_slice(&length.to_be_bytes());
    Ok(())
}

/// Watches `descriptor` for something to read.
fn watch(epoll: &OwnedFd, descriptor: &impl AsRawFd, token: u64) -> Result<()> {
    let mut event = libc::epoll_event { events: libc::EPOLLIN.cast_unsigned(), u64: token };
    let (epoll, descriptor) = (epoll.as_raw_fd(), descriptor.as_raw_fd());
    // SAFETY: both descriptors are open, the event is a live one.
    let done = unsafe { libc::epoll_ctl(epoll, libc::EPOLL_CTL_ADD, descriptor, &raw mut event) };
    if done < 0 { Err(Error::last_os_error()) } else { Ok(()) }
}

fn serve(port: u16, path: &str) -> Result<()> {
    let mut journal = Journal::open(path)?;
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)).into())?;
    socket.listen(BACKLOG)?;
    let listener = TcpListener::from(socket);
    listener.set_nonblocking(true)?;
    // SAFETY: a plain number; the result is a new descriptor or -1, which is told before it is owned.
    let epoll = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
    if epoll < 0 {
        return Err(Error::last_os_error());
    }
    // SAFETY: the descriptor is new and nobody else's.
    let epoll = unsafe { OwnedFd::from_raw_fd(epoll) };
    watch(&epoll, &listener, LISTENER)?;
    let mut connections: Vec<Option<Connection>> = Vec::new();
    let mut events = vec![libc::epoll_event { events: 0, u64: 0 }; 1024];
    loop {
        // SAFETY: the events are a live slice of the told length.
        let count = unsafe { libc::epoll_wait(epoll.as_raw_fd(), events.as_mut_ptr(), 1024, -1) };
        for event in &events[..usize::try_from(count).unwrap_or(0)] {
            let (token, at) = (event.u64, usize::try_from(event.u64).unwrap_or(usize::MAX));
            if token == LISTENER {
                accept(&listener, &epoll, &mut connections)?;
            } else if let Some(Some(connection)) = connections.get_mut(at)
                && !connection.receive(&mut journal)?
            {
                connections[at] = None;
            }
        }
        journal.commit()?;
        for connection in connections.iter_mut().flatten().filter(|c| !c.answers.is_empty()) {
            connection.stream.write_all(&connection.answers)?;
            connection.answers.clear();
        }
    }
}

/// Takes all connections that wait.
fn accept(listener: &TcpListener, epoll: &OwnedFd, connections: &mut Vec<Option<Connection>>) -> Result<()> {
    loop {
        let stream = match listener.accept() {
            Ok((stream, _)) => stream,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        };
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        watch(epoll, &stream, connections.len() as u64)?;
        let (read, answers) = (Vec::new(), Vec::new());
        connections.push(Some(Connection { stream, read, filled: 0, answers }));
    }
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let value = |name: &str| arguments.iter().position(|a| a == name).and_then(|at| arguments.get(at + 1));
    match (value("--port").and_then(|port| port.parse().ok()), value("--file")) {
        (Some(port), Some(path)) => serve(port, path),
        (_, _) => {
            println!("sink --port PORT --file FILE: a sink of Produce requests; benches/compare runs it");
            Ok(())
        }
    }
}
