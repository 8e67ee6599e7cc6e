use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::sync::mpsc;
use tracing::{debug, info, warn};

use super::memory::{MemoryShare, SMALL_FRAME_BYTES_MAX};
use super::pace::{BYTES_PER_SECOND_MIN, Pace, WINDOW, WINDOW_BYTES_MIN, Window, slowest};
use super::pipeline::{Pending, Reply, WriteError, write_replies};
use super::sniff::foreign;
use super::{Answer, ServerContext, Session};
use crate::broker::ByteBudget;
use crate::io::{Alarm, Connection, Elapsed, ReadHalf, read_some, timeout};
use crate::types::Instant;

/// Bytes asked of the socket at once while frames are small.
const READ_BYTES: usize = 64 * 1024;
/// A frame at least this long gets memory of its own, so that small ones do not pin it.
const OWN_BUFFER_BYTES: usize = 32 * 1024;
/// Bytes asked at the beginning of a frame where the one before was such a large one: what is read before the frame
/// has its memory is copied there.
const LARGE_BEGIN_BYTES: usize = 4 * 1024;
/// The most that is reserved at once for a large frame.
const RESERVE_BYTES_MAX: usize = 1024 * 1024;
/// How long a client that has half-closed still gets the answer to what it asked.
const HALF_CLOSED_MAX: Duration = Duration::from_secs(5);

/// Replies that were ready at once and wait for the client to take them, in bytes: a client that asks for much
/// and reads little is not read until it has taken some.
const UNSENT_BYTES_MAX: usize = 1024 * 1024;

/// Serves one connection to its end.
pub(super) async fn run(context: ServerContext, connection: Connection) {
    let Connection { read, mut write, peer, .. } = connection;
    let session = context.service.session(peer);
    let (replies, queue) = mpsc::channel(context.limits.pipelined_max);
    let clock = Arc::clone(&context.io.clock);
    let pace = Pace { transfer: context.limits.transfer, memory: context.reply_memory.clone() };
    let ended = crate::io::Shutdown::new();
    let writer_ended = ended.clone();
    let writer = context.io.spawn.spawn(
        "connection-writer",
        Box::pin(async move {
            match write_replies(queue, &mut *write, clock, &pace).await {
                Ok(()) => {}
                Err(error @ (WriteError::Slow(_) | WriteError::InTheWay)) => {
                    warn!(%peer, "connection closed: {error}");
                }
                Err(error) => debug!(%peer, %error, "connection closed"),
            }
            writer_ended.begin();
        }),
    );
    let unsent = ByteBudget::new(UNSENT_BYTES_MAX);
    let buffer = BytesMut::new();
    let patience = Alarm::default();
    let begin_bytes = READ_BYTES;
    let reader = Reader {
        context,
        read,
        peer,
        session,
        replies,
        unsent,
        buffer,
        seen_any: false,
        begin_bytes,
        frame_deadline: None,
        window: None,
        patience,
    };
    let end = tokio::select! {
        biased;
        end = reader.run() => end,
        () = ended.begun() => End::Closed,
    };
    match end {
        End::Closed | End::ShuttingDown => {}
        End::Idle => debug!(%peer, "connection closed: idle for too long"),
        End::Broken(error) => debug!(%peer, %error, "connection lost"),
        End::Told(reason) => debug!(%peer, "connection closed: {reason}"),
        End::Refused(reason) => warn!(%peer, "connection closed: {reason}"),
        End::Foreign(reason) => info!(%peer, "connection closed: {reason}"),
    }
    // The reader has dropped its end of the queue: the writer sends what is left and half-closes.
    if let Err(error) = writer.join().await {
        warn!(%peer, %error, "a connection's writer failed");
    }
}

/// Why no further request is read.
enum End {
    Closed,
    ShuttingDown,
    Idle,
    Broken(std::io::Error),
    Told(String),
    Refused(String),
    Foreign(&'static str),
}

struct Reader {
    context: ServerContext,
    read: Box<dyn ReadHalf>,
    peer: SocketAddr,
    session: Box<dyn Session>,
    replies: mpsc::Sender<Reply>,
    unsent: ByteBudget,
    buffer: BytesMut,
    seen_any: bool,
    /// Bytes asked of the socket where a frame begins.
    begin_bytes: usize,
    /// When the frame that has begun must be there.
    frame_deadline: Option<Instant>,
    /// Of a large frame that holds memory.
    window: Option<Window>,
    /// For the reads, which have a deadline each.
    patience: Alarm,
}

impl Reader {
    async fn run(mut self) -> End {
        loop {
            let (frame, mut memory) = match self.next_frame().await {
                Ok(next) => next,
                Err(end) => return end,
            };
            let answer = match self.call(frame, &mut memory).await {
                Ok(answer) => answer,
                Err(end) => return end,
            };
            let (frame, unsent) = match answer {
                Answer::Now(frame) => {
                    let bytes = frame.iter().map(Bytes::len).sum();
                    (Pending::Ready(frame), Some(self.unsent.take(bytes).await))
                }
                Answer::Later(receiver) => (Pending::Later(receiver), None),
                Answer::Nothing => continue,
                Answer::Close(reason) => return End::Refused(reason),
                Answer::CloseTold(reason) => return End::Told(reason),
            };
            if self.replies.send(Reply { frame, memory, unsent }).await.is_err() {
                return End::Closed;
            }
        }
    }

    /// What the session answers. Meanwhile the socket is read on, as far as the connection's buffer goes, so that a client
    /// that is gone is noticed, and what it waited for is let go.
    async fn call(&mut self, frame: Bytes, memory: &mut MemoryShare) -> Result<Answer, End> {
        let Reader { context, read, session, buffer, .. } = self;
        let mut answer = session.call(frame, memory);
        let gone = async {
            while buffer.len() < READ_BYTES {
                let room = READ_BYTES - buffer.len();
                match read_some(&mut **read, buffer, room).await {
                    Ok(0) => break,
                    Ok(_) => {}
                    Err(error) => return End::Broken(error),
                }
            }
            // It may have closed its side alone. A full buffer says nothing of the client, as silence does.
            let patience = if buffer.len() < READ_BYTES { HALF_CLOSED_MAX } else { context.limits.idle };
            context.io.clock.sleep(patience).await;
            End::Closed
        };
        tokio::select! {
            biased;
            answer = &mut answer => Ok(answer),
            end = gone => Err(end),
        }
    }

    /// The next request frame without its length prefix, and its share of memory.
    async fn next_frame(&mut self) -> Result<(Bytes, MemoryShare), End> {
        (self.frame_deadline, self.window) = (None, None);
        self.fill(4, true).await?;
        let prefix: [u8; 4] = self.buffer[..4].try_into().expect("four bytes are there");
        if !self.seen_any {
            if let Some(foreign) = foreign(prefix) {
                return Err(End::Foreign(foreign.describe()));
            }
            self.seen_any = true;
        }
        let length = i32::from_be_bytes(prefix);
        let length_max = self.context.limits.frame_bytes_max;
        let length = match usize::try_from(length) {
            Ok(length) if length <= length_max => length,
            _ => {
                return Err(End::Refused(format!(
                    "a request frame of {length} bytes from {}: the limit is {length_max} \
                     (socket.request.max.bytes)",
                    self.peer
                )));
            }
        };
        let _prefix = self.buffer.split_to(4);
        let longest = self.context.limits.transfer + slowest(length);
        self.frame_deadline = Some(self.context.io.clock.now().after(longest));
        let is_large = length >= OWN_BUFFER_BYTES;
        self.begin_bytes = if is_large { LARGE_BEGIN_BYTES } else { READ_BYTES };
        if is_large && self.buffer.len() < length {
            let mut own = BytesMut::with_capacity(length.min(SMALL_FRAME_BYTES_MAX));
            own.extend_from_slice(&self.buffer);
            self.buffer = own;
            let memory = self.fill_exactly(length).await?;
            return Ok((std::mem::take(&mut self.buffer).freeze(), memory));
        }
        self.fill(length, false).await?;
        let memory = self.count(length).await?;
        Ok((self.buffer.split_to(length).freeze(), memory))
    }

    /// A share of the memory for a frame of `bytes`.
    async fn count(&mut self, bytes: usize) -> Result<MemoryShare, End> {
        let context = &self.context;
        let deadline = context.io.clock.now().after(context.limits.transfer);
        let counted = timeout(&*context.io.clock, deadline, context.memory.take(bytes)).await;
        counted.map_err(|Elapsed| {
            End::Refused(format!(
                "no memory for a request frame of {bytes} bytes within {} ms (queued.max.request.bytes)",
                context.limits.transfer.as_millis()
            ))
        })
    }

    /// Reads until at least `total` bytes are buffered. With `between_frames`, silence is idleness and
    /// shutdown ends the wait.
    async fn fill(&mut self, total: usize, between_frames: bool) -> Result<(), End> {
        while self.buffer.len() < total {
            let idle = between_frames && self.buffer.is_empty();
            let limit = if between_frames { self.begin_bytes } else { READ_BYTES };
            self.read_more(limit, idle).await?;
        }
        Ok(())
    }

    /// Reads exactly up to `total` bytes into the buffer that will be the frame. A length is a promise: its memory is taken
    /// when the first bytes are there, as many as any connection may hold. It is taken at once, so that no two frames wait
    /// for what the other has; who then is slow while others wait is closed.
    async fn fill_exactly(&mut self, total: usize) -> Result<MemoryShare, End> {
        let first = SMALL_FRAME_BYTES_MAX.min(total);
        while self.buffer.len() < first {
            let missing = first - self.buffer.len();
            self.read_more(missing, false).await?;
        }
        let memory = self.count(total).await?;
        self.window = Some(Window::begin(self.context.io.clock.now(), self.buffer.len()));
        while self.buffer.len() < total {
            let missing = (total - self.buffer.len()).min(RESERVE_BYTES_MAX);
            self.buffer.reserve(missing);
            self.read_more(missing, false).await?;
        }
        Ok(memory)
    }

    /// Whether a large frame that holds memory has come too slowly for others who wait for some.
    fn is_too_slow(&mut self) -> bool {
        let Some(window) = &mut self.window else { return false };
        let context = &self.context;
        window.is_too_slow(context.io.clock.now(), self.buffer.len(), || context.memory.is_short())
    }

    /// How long the socket may be silent, from now on.
    fn patience(&self, idle: bool) -> Duration {
        let limits = &self.context.limits;
        let now = self.context.io.clock.now();
        match self.frame_deadline {
            _ if idle => limits.idle,
            Some(deadline) => limits.transfer.min(deadline.since(now)),
            None => limits.transfer,
        }
    }

    async fn read_more(&mut self, limit: usize, idle: bool) -> Result<(), End> {
        let clock = Arc::clone(&self.context.io.clock);
        let deadline = clock.now().after(self.patience(idle));
        loop {
            if self.is_too_slow() {
                return Err(End::Refused(format!(
                    "less than {WINDOW_BYTES_MIN} bytes of a large frame came in {} s while others waited for memory \
                     (queued.max.request.bytes)",
                    WINDOW.as_secs()
                )));
            }
            let until = self.window.as_ref().map_or(deadline, |_| deadline.min(clock.now().after(WINDOW)));
            let Reader { context, read, buffer, patience: alarm, .. } = self;
            let reading = alarm.limit(&*clock, until, read_some(&mut **read, buffer, limit));
            let result = if idle {
                tokio::select! {
                    biased;
                    result = reading => result,
                    () = context.shutdown.begun() => return Err(End::ShuttingDown),
                }
            } else {
                reading.await
            };
            return match result {
                Ok(Ok(0)) => Err(End::Closed),
                Ok(Ok(_)) => Ok(()),
                Ok(Err(error)) => Err(End::Broken(error)),
                Err(Elapsed) if until < deadline => continue,
                Err(Elapsed) if idle => Err(End::Idle),
                Err(Elapsed) => Err(End::Refused(format!(
                    "a frame did not arrive in time: {} ms of silence are the most, and {BYTES_PER_SECOND_MIN} bytes \
                     a second the least after that time",
                    context.limits.transfer.as_millis()
                ))),
            };
        }
    }
}
