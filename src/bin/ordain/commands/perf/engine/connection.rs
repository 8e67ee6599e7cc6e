use std::collections::VecDeque;
use std::io::{self, IoSlice, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use ordain::types::CorrelationId;
use ordain::wire::frame::encode_request;
use ordain::wire::messages::ApiVersionsRequest;
use socket2::SockRef;

use super::poller::Poller;
use super::route::Route;

/// Payloads below this size are copied behind each other, larger ones stand in the write as they are.
const COPIED_BYTES_MAX: usize = 16 << 10;
const READ_BYTES_MIN: usize = 64 << 10;
const LENGTH_BYTES: usize = 4;
/// A broker that closes the connection is thought to do so for its length if a frame was longer than this.
const LONG_FRAME_BYTES: usize = 1 << 20;
const SEGMENTS_PER_WRITE_MAX: usize = 64;
const CONNECT_WITHIN: Duration = Duration::from_secs(10);
/// The longest answer to a greeting that is believed.
const GREETING_BYTES_MAX: usize = 1 << 20;

/// One bare connection: frames out, frames in, nothing blocks.
pub struct Connection {
    stream: TcpStream,
    /// Whole segments that wait to be written, and what is still being gathered behind them.
    out: VecDeque<Bytes>,
    gathered: BytesMut,
    read: BytesMut,
    /// The length of the longest frame.
    longest: usize,
}

impl Connection {
    /// A connection that its broker has taken: it has answered on it, unless nobody is to be asked. A system calls
    /// a connection made that still waits for its broker, and lets it wait for seconds once too many do.
    pub fn open(route: &Route, poller: &Poller, token: usize) -> io::Result<Connection> {
        let address = &route.address;
        let resolved = (address.host.as_str(), address.port).to_socket_addrs()?.next();
        let resolved = resolved.ok_or_else(|| io::Error::other("the name has no address"))?;
        let mut stream = TcpStream::connect_timeout(&resolved, CONNECT_WITHIN)?;
        stream.set_nodelay(true)?;
        if route.asked {
            stream.set_read_timeout(Some(CONNECT_WITHIN))?;
            greet(&mut stream)?;
        }
        stream.set_nonblocking(true)?;
        poller.add(&stream, token)?;
        Ok(Connection {
            stream,
            out: VecDeque::new(),
            gathered: BytesMut::with_capacity(READ_BYTES_MIN),
            read: BytesMut::with_capacity(READ_BYTES_MIN),
            longest: 0,
        })
    }

    /// Puts a frame in line: its small part, then its payload, then what follows it.
    pub fn push(&mut self, head: &[&[u8]], payload: &Bytes, tail: &[u8]) {
        let copied = payload.len() <= COPIED_BYTES_MAX;
        let bytes: usize = head.iter().map(|part| part.len()).sum::<usize>() + tail.len();
        self.longest = self.longest.max(bytes + payload.len());
        self.gathered.reserve(bytes + if copied { payload.len() } else { 0 });
        head.iter().for_each(|part| self.gathered.put_slice(part));
        if copied {
            self.gathered.put_slice(payload);
        } else {
            self.out.push_back(self.gathered.split().freeze());
            self.out.push_back(payload.clone());
        }
        self.gathered.put_slice(tail);
    }

    /// Writes what is in line, as far as the socket takes it.
    pub fn flush(&mut self) -> Result<(), String> {
        self.write().map_err(|error| self.failure("cannot send", &error))
    }

    /// What became of the connection. Whether a write or a read meets its end first is chance: it is told in one way.
    fn failure(&self, doing: &str, error: &io::Error) -> String {
        match error.kind() {
            io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset => self.closed(),
            _ => format!("{doing}: {error}"),
        }
    }

    /// That the broker closed the connection, and why, if that is likely.
    fn closed(&self) -> String {
        let hint = match self.longest {
            ..LONG_FRAME_BYTES => String::new(),
            longest => format!(
                "; a request has {longest} bytes, and a broker closes the connection on one longer than its \
                 socket.request.max.bytes (104857600 unless set)"
            ),
        };
        format!("the broker closed the connection{hint}")
    }

    fn write(&mut self) -> io::Result<()> {
        if !self.gathered.is_empty() {
            self.out.push_back(self.gathered.split().freeze());
        }
        while !self.out.is_empty() {
            let slices: Vec<IoSlice<'_>> =
                self.out.iter().take(SEGMENTS_PER_WRITE_MAX).map(|bytes| IoSlice::new(bytes)).collect();
            let mut written = match (&self.stream).write_vectored(&slices) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => written,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            while written > 0 {
                let Some(front) = self.out.front_mut() else { break };
                let step = written.min(front.len());
                front.advance(step);
                written -= step;
                if front.is_empty() {
                    self.out.pop_front();
                }
            }
        }
        Ok(())
    }

    /// Reads all that is there and gives each whole frame, without its length, to `take`. What `take` keeps of a
    /// frame costs fresh memory; what it drops is read into again.
    pub fn receive(&mut self, mut take: impl FnMut(Bytes) -> Result<(), String>) -> Result<(), String> {
        loop {
            self.read.reserve(self.missing().max(READ_BYTES_MIN));
            let room = self.read.spare_capacity_mut();
            let asked = room.len();
            let received = match SockRef::from(&self.stream).recv(room) {
                Ok(0) => return Err(self.closed()),
                Ok(received) => received,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(self.failure("the connection failed", &error)),
            };
            // SAFETY: the system has just written that many bytes to the spare capacity.
            unsafe {
                self.read.advance_mut(received);
            }
            while let Some(frame) = self.whole_frame()? {
                take(frame)?;
            }
            if received < asked {
                return Ok(());
            }
        }
    }

    /// How many bytes the frame that has begun still lacks; 0 if that is not known.
    fn missing(&self) -> usize {
        match self.read.first_chunk::<LENGTH_BYTES>() {
            None => 0,
            Some(length) => {
                (u32::from_be_bytes(*length) as usize + LENGTH_BYTES).saturating_sub(self.read.len())
            }
        }
    }

    fn whole_frame(&mut self) -> Result<Option<Bytes>, String> {
        let Some(length) = self.read.first_chunk::<LENGTH_BYTES>() else { return Ok(None) };
        let length = i32::from_be_bytes(*length);
        let length = usize::try_from(length).map_err(|_| format!("an answer of {length} bytes"))?;
        if self.read.len() < LENGTH_BYTES + length {
            return Ok(None);
        }
        self.read.advance(LENGTH_BYTES);
        Ok(Some(self.read.split_to(length).freeze()))
    }
}

/// Asks for the versions of all APIs, as every client does first, and waits for the answer; what it says is known.
fn greet(stream: &mut TcpStream) -> io::Result<()> {
    let segments = encode_request(0, CorrelationId(0), None, &ApiVersionsRequest::default())
        .map_err(io::Error::other)?;
    for segment in segments {
        stream.write_all(&segment)?;
    }
    let mut length = [0; LENGTH_BYTES];
    stream.read_exact(&mut length)?;
    let length = usize::try_from(i32::from_be_bytes(length)).unwrap_or(usize::MAX);
    if length > GREETING_BYTES_MAX {
        return Err(io::Error::other(format!(
            "the answer to a greeting has {length} bytes: is this a broker?"
        )));
    }
    stream.read_exact(&mut vec![0; length])
}
