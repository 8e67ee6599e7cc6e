use std::cell::RefCell;
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::net::{Shutdown, SocketAddr};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::BytesMut;
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::io::Interest;
use tokio::net::{TcpListener, TcpStream};

use super::sys;
use crate::io::{BoxFuture, Connection, Listener, Net, ReadHalf, WriteHalf};

/// Connections that wait to be accepted.
const BACKLOG: i32 = 1024;
/// Descriptors that are kept from connections: for the journal, segments, and what the system takes.
const FILES_RESERVED: usize = 1024;
/// What is read at once into a buffer that has no room, in bytes.
const SCRATCH_BYTES: usize = 64 * 1024;
/// Less room than this is not worth a system call, in bytes.
const READ_ROOM_LEAST_BYTES: usize = 4 * 1024;

/// TCP.
pub(super) struct RealNet {
    connections_max: Option<usize>,
}

impl RealNet {
    pub(super) fn new() -> RealNet {
        // Without an answer there is no bound to keep.
        let open_files_max = sys::raise_open_files_max().ok();
        RealNet { connections_max: open_files_max.map(|max| max - FILES_RESERVED.min(max / 2)) }
    }
}

/// Whether this machine finds an address for a name; an address is its own.
///
/// # Errors
/// What the resolver says if it finds none.
pub async fn resolves(host: &str) -> io::Result<()> {
    match tokio::net::lookup_host((host, 0)).await?.next() {
        Some(_) => Ok(()),
        None => Err(io::Error::new(io::ErrorKind::NotFound, "it has no address")),
    }
}

impl Net for RealNet {
    fn connections_max(&self) -> Option<usize> {
        self.connections_max
    }

    fn listen(&self, address: SocketAddr) -> BoxFuture<io::Result<Box<dyn Listener>>> {
        Box::pin(async move {
            let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
            socket.set_reuse_address(true)?;
            socket.set_nonblocking(true)?;
            socket.bind(&address.into())?;
            socket.listen(BACKLOG)?;
            let listener = TcpListener::from_std(socket.into())?;
            let local = listener.local_addr()?;
            Ok(Box::new(RealListener { listener, local }) as Box<dyn Listener>)
        })
    }

    fn connect(&self, host: &str, port: u16) -> BoxFuture<io::Result<Connection>> {
        let host = host.to_owned();
        Box::pin(async move {
            let mut last_error = None;
            for address in tokio::net::lookup_host((host.as_str(), port)).await? {
                match TcpStream::connect(address).await.and_then(connection) {
                    Ok(connection) => return Ok(connection),
                    Err(error) => last_error = Some(error),
                }
            }
            Err(last_error.unwrap_or_else(|| {
                io::Error::new(io::ErrorKind::NotFound, format!("the host {host:?} has no address"))
            }))
        })
    }
}

fn connection(stream: TcpStream) -> io::Result<Connection> {
    stream.set_nodelay(true)?;
    SockRef::from(&stream).set_keepalive(true)?;
    let (peer, local) = (stream.peer_addr()?, stream.local_addr()?);
    let stream = Arc::new(stream);
    let read = Box::new(RealReadHalf(stream.clone()));
    Ok(Connection { read, write: Box::new(RealWriteHalf(stream)), peer, local })
}

struct RealListener {
    listener: TcpListener,
    local: SocketAddr,
}

impl Listener for RealListener {
    fn local_addr(&self) -> SocketAddr {
        self.local
    }

    fn poll_accept(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Connection>> {
        let (stream, _) = ready!(self.listener.poll_accept(context))?;
        Poll::Ready(connection(stream))
    }
}

thread_local! {
    /// Where a worker reads what its connections have no room for: how much memory a connection needs is known once
    /// its bytes are there, and thousands that send little now and then share what stays in the processor's cache.
    static SCRATCH: RefCell<Box<[u8]>> = RefCell::new(vec![0; SCRATCH_BYTES].into());
}

struct RealReadHalf(Arc<TcpStream>);

impl ReadHalf for RealReadHalf {
    fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut BytesMut,
        limit: usize,
    ) -> Poll<io::Result<usize>> {
        assert!(limit > 0, "a read of no bytes cannot be told from the end of the stream");
        loop {
            ready!(self.0.poll_read_ready(context))?;
            let has_room = buffer.capacity() - buffer.len() >= limit.min(READ_ROOM_LEAST_BYTES);
            let result =
                if has_room { self.read_into(buffer, limit) } else { self.read_beside(buffer, limit) };
            if let Some(result) = result {
                return Poll::Ready(result);
            }
        }
    }
}

impl RealReadHalf {
    /// One read into the buffer's room; `None` if there was nothing to read after all.
    fn read_into(&self, buffer: &mut BytesMut, limit: usize) -> Option<io::Result<usize>> {
        let room = buffer.spare_capacity_mut();
        let room_bytes = room.len().min(limit);
        let result = self.receive(&mut room[..room_bytes])?;
        if let Ok(bytes) = result {
            // SAFETY: the system has just written so many bytes behind those that the buffer held.
            unsafe { buffer.set_len(buffer.len() + bytes) };
        }
        Some(result)
    }

    /// One read into memory that all connections of this thread share, and as much room in the buffer as it gave.
    fn read_beside(&self, buffer: &mut BytesMut, limit: usize) -> Option<io::Result<usize>> {
        SCRATCH.with_borrow_mut(|scratch| {
            let scratch_bytes = scratch.len().min(limit);
            let scratch = &mut scratch[..scratch_bytes];
            // SAFETY: bytes that have a value are bytes that may have none, and `receive` only gives them others.
            let room = unsafe { &mut *(std::ptr::from_mut(&mut *scratch) as *mut [MaybeUninit<u8>]) };
            let result = self.receive(room)?;
            if let Ok(bytes) = result {
                buffer.extend_from_slice(&scratch[..bytes]);
            }
            Some(result)
        })
    }

    /// One read from the socket, and how many bytes it wrote; `None` if there was nothing to read after all.
    fn receive(&self, room: &mut [MaybeUninit<u8>]) -> Option<io::Result<usize>> {
        let room_bytes = room.len();
        let mut read = None;
        let result = self.0.try_io(Interest::READABLE, || {
            let bytes = SockRef::from(self.0.as_ref()).recv(room)?;
            read = Some(bytes);
            // A read that leaves room has emptied the socket: said so, the runtime waits for the next bytes instead of
            // a call that finds none. The end of the stream stays known to it.
            if 0 < bytes && bytes < room_bytes { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(()) }
        });
        match (read, result) {
            (Some(bytes), _) => Some(Ok(bytes)),
            (None, Err(error)) if error.kind() == io::ErrorKind::WouldBlock => None,
            (None, Err(error)) => Some(Err(error)),
            (None, Ok(())) => unreachable!("a read that succeeds says how much it read"),
        }
    }
}

struct RealWriteHalf(Arc<TcpStream>);

impl RealWriteHalf {
    fn shutdown(&self) -> io::Result<()> {
        match SockRef::from(self.0.as_ref()).shutdown(Shutdown::Write) {
            // The peer has closed or reset already: there is nothing left to close.
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(()),
            result => result,
        }
    }
}

impl WriteHalf for RealWriteHalf {
    fn poll_write_vectored(
        &mut self,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if slices.iter().all(|slice| slice.is_empty()) {
            return Poll::Ready(Ok(0));
        }
        loop {
            ready!(self.0.poll_write_ready(context))?;
            match self.0.try_write_vectored(slices) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => return Poll::Ready(result),
            }
        }
    }

    fn poll_shutdown(&mut self, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.shutdown())
    }
}

impl Drop for RealWriteHalf {
    fn drop(&mut self) {
        // With the read half gone too, the socket closes by itself: a half-close before that would hide the
        // reset that unread bytes must cause.
        if Arc::strong_count(&self.0) > 1
            && let Err(error) = self.shutdown()
        {
            tracing::debug!(%error, "a half-close failed");
        }
    }
}
