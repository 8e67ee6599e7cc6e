use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes, BytesMut};

use super::BoxFuture;

/// Byte streams between hosts, as TCP gives them.
pub trait Net: Send + Sync + 'static {
    /// Binds a listening socket. Port 0 takes a free one, see [`Listener::local_addr`].
    ///
    /// The future fails with `AddrInUse` if another socket listens there, `AddrNotAvailable` if the address
    /// is not this host's.
    fn listen(&self, address: SocketAddr) -> BoxFuture<io::Result<Box<dyn Listener>>>;

    /// Connects to `host` (a name or an address) and `port`. It may hang as long as the network does:
    /// give it a deadline.
    fn connect(&self, host: &str, port: u16) -> BoxFuture<io::Result<Connection>>;

    /// How many connections the system leaves room for beside the process's files; `None` if it sets no bound.
    fn connections_max(&self) -> Option<usize> {
        None
    }
}

/// A bound socket that takes connections.
pub trait Listener: Send + 'static {
    /// The address it is bound to.
    fn local_addr(&self) -> SocketAddr;

    /// The next connection. An error concerns that one connection (or a passing lack of descriptors): the
    /// listener lives on.
    fn poll_accept(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Connection>>;
}

/// An established stream, in two halves that may be driven by two tasks. Dropping the read half alone keeps
/// the stream; dropping the write half alone half-closes it; dropping both closes it, with a reset if bytes
/// lie unread.
pub struct Connection {
    pub read: Box<dyn ReadHalf>,
    pub write: Box<dyn WriteHalf>,
    pub peer: SocketAddr,
    pub local: SocketAddr,
}

/// The receiving half of a stream.
pub trait ReadHalf: Send + 'static {
    /// Appends up to `limit` bytes to `buffer`, reserving room itself; `Ok(0)` means that the peer has
    /// closed its sending half (`limit` must not be 0).
    fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut BytesMut,
        limit: usize,
    ) -> Poll<io::Result<usize>>;
}

/// The sending half of a stream.
pub trait WriteHalf: Send + 'static {
    /// Takes some of the bytes, from the first slice on, and says how many (at least 1 unless all slices
    /// are empty). Waits while the peer's window is full. What was taken is sent without a flush.
    fn poll_write_vectored(
        &mut self,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>>;

    /// Half-closes: the peer reads the end of the stream after what was written.
    fn poll_shutdown(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>>;
}

/// Reads up to `limit` bytes onto the end of `buffer`; 0 at the end of the stream.
///
/// # Errors
/// Those of the stream: a reset, a broken network.
pub async fn read_some(read: &mut dyn ReadHalf, buffer: &mut BytesMut, limit: usize) -> io::Result<usize> {
    poll_fn(|context| read.poll_read(context, buffer, limit)).await
}

/// Reads until `buffer` holds at least `total` bytes.
///
/// # Errors
/// `UnexpectedEof` if the stream ends before, else those of the stream.
pub async fn read_exact(read: &mut dyn ReadHalf, buffer: &mut BytesMut, total: usize) -> io::Result<()> {
    while buffer.len() < total {
        let missing = total - buffer.len();
        if read_some(read, buffer, missing).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(())
}

/// Writes all of `bytes`.
///
/// # Errors
/// `WriteZero` if the stream takes no more, else those of the stream.
pub async fn write_all(write: &mut dyn WriteHalf, bytes: &[u8]) -> io::Result<()> {
    let mut rest = bytes;
    while !rest.is_empty() {
        let written = poll_fn(|context| write.poll_write_vectored(context, &[IoSlice::new(rest)])).await?;
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        rest = &rest[written..];
    }
    Ok(())
}

/// How many segments one vectored write carries at most (the usual IOV_MAX is 1,024).
const SLICES_PER_WRITE_MAX: usize = 64;

/// Writes all of `segments`, in order, without joining them.
///
/// # Errors
/// `WriteZero` if the stream takes no more, else those of the stream.
pub async fn write_all_vectored(write: &mut dyn WriteHalf, segments: &mut [Bytes]) -> io::Result<()> {
    let mut first = 0;
    while first < segments.len() {
        if segments[first].is_empty() {
            first += 1;
            continue;
        }
        let mut written = poll_fn(|context| {
            let mut slices = [IoSlice::new(&[]); SLICES_PER_WRITE_MAX];
            let mut count = 0;
            for (slice, segment) in slices.iter_mut().zip(&segments[first..]) {
                *slice = IoSlice::new(segment);
                count += 1;
            }
            write.poll_write_vectored(context, &slices[..count])
        })
        .await?;
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        while written > 0 {
            let taken = written.min(segments[first].len());
            segments[first].advance(taken);
            written -= taken;
            if segments[first].is_empty() {
                // What has been written is not kept until the last of them has.
                segments[first] = Bytes::new();
                first += 1;
            }
        }
    }
    Ok(())
}
