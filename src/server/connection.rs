use std::net::SocketAddr;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use tokio::sync::mpsc;
use tracing::{debug, info, warn};

use super::memory::{MemoryShare, RequestMemory};
use super::pipeline::{Pending, Reply, write_replies};
use super::sniff::foreign;
use super::{Answer, ServerContext, Session};
use crate::io::{Alarm, Connection, Elapsed, ReadHalf, read_some, timeout};

/// Bytes asked of the socket at once while frames are small.
const READ_BYTES: usize = 64 * 1024;
/// A frame at least this long gets memory of its own, so that small ones do not pin it.
const OWN_BUFFER_BYTES: usize = 32 * 1024;
/// Bytes asked at the beginning of a frame where the one before was such a large one: what is read before the frame
/// has its memory is copied there.
const LARGE_BEGIN_BYTES: usize = 4 * 1024;
/// The most that is reserved on the word of a length prefix; beyond it room grows as bytes arrive.
const RESERVE_BYTES_MAX: usize = 1024 * 1024;

/// Replies that were ready at once and wait for the client to take them, in bytes: a client that asks for much
/// and reads little is not read until it has taken some.
const UNSENT_BYTES_MAX: usize = 1024 * 1024;

/// Serves one connection to its end.
pub(super) async fn run(context: ServerContext, connection: Connection) {
    let Connection { read, mut write, peer, .. } = connection;
    let session = context.service.session(peer);
    let (replies, queue) = mpsc::channel(context.limits.pipelined_max);
    let clock = Arc::clone(&context.io.clock);
    let limits = context.limits.clone();
    let ended = crate::io::Shutdown::new();
    let writer_ended = ended.clone();
    let writer = context.io.spawn.spawn(
        "connection-writer",
        Box::pin(async move {
            if let Err(error) = write_replies(queue, &mut *write, clock, &limits).await {
                debug!(%peer, %error, "connection closed");
            }
            writer_ended.begin();
        }),
    );
    let unsent = RequestMemory::new(UNSENT_BYTES_MAX);
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
    Refused(String),
    Foreign(&'static str),
}

struct Reader {
    context: ServerContext,
    read: Box<dyn ReadHalf>,
    peer: SocketAddr,
    session: Box<dyn Session>,
    replies: mpsc::Sender<Reply>,
    unsent: RequestMemory,
    buffer: BytesMut,
    seen_any: bool,
    /// Bytes asked of the socket where a frame begins.
    begin_bytes: usize,
    /// For the reads, which have a deadline each.
    patience: Alarm,
}

impl Reader {
    async fn run(mut self) -> End {
        loop {
            let (frame, memory) = match self.next_frame().await {
                Ok(next) => next,
                Err(end) => return end,
            };
            let (frame, unsent) = match self.session.call(frame).await {
                Answer::Now(frame) => {
                    let bytes = frame.iter().map(Bytes::len).sum();
                    (Pending::Ready(frame), Some(self.unsent.take(bytes).await))
                }
                Answer::Later(receiver) => (Pending::Later(receiver), None),
                Answer::Nothing => continue,
                Answer::Close(reason) => return End::Refused(reason),
            };
            if self.replies.send(Reply { frame, memory, unsent }).await.is_err() {
                return End::Closed;
            }
        }
    }

    /// The next request frame without its length prefix, and its share of memory.
    async fn next_frame(&mut self) -> Result<(Bytes, MemoryShare), End> {
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
        // A length is a promise: memory is counted as the bytes arrive, not on a peer's word.
        let mut memory = self.context.memory.take(length.min(RESERVE_BYTES_MAX)).await;
        let _prefix = self.buffer.split_to(4);
        self.begin_bytes = if length >= OWN_BUFFER_BYTES { LARGE_BEGIN_BYTES } else { READ_BYTES };
        if length >= OWN_BUFFER_BYTES && self.buffer.len() < length {
            let mut own = BytesMut::with_capacity(length.min(RESERVE_BYTES_MAX));
            own.extend_from_slice(&self.buffer);
            self.buffer = own;
            self.fill_exactly(length, &mut memory).await?;
            return Ok((std::mem::take(&mut self.buffer).freeze(), memory));
        }
        self.fill(length, false).await?;
        Ok((self.buffer.split_to(length).freeze(), memory))
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

    /// Reads exactly up to `total` bytes into the buffer that will be the frame, counting them in steps.
    async fn fill_exactly(&mut self, total: usize, memory: &mut MemoryShare) -> Result<(), End> {
        let mut counted = total.min(RESERVE_BYTES_MAX);
        while self.buffer.len() < total {
            if self.buffer.len() == counted {
                let step = (total - counted).min(RESERVE_BYTES_MAX);
                let deadline = self.context.io.clock.now().after(self.context.limits.transfer);
                let more = timeout(&*self.context.io.clock, deadline, self.context.memory.take(step)).await;
                memory.add(more.map_err(|Elapsed| {
                    End::Refused(
                        "no memory for the rest of a large frame (queued.max.request.bytes)".to_owned(),
                    )
                })?);
                counted += step;
            }
            let missing = counted - self.buffer.len();
            self.read_more(missing, false).await?;
        }
        Ok(())
    }

    async fn read_more(&mut self, limit: usize, idle: bool) -> Result<(), End> {
        let Reader { context, read, buffer, patience: alarm, .. } = self;
        let patience = if idle { context.limits.idle } else { context.limits.transfer };
        let deadline = context.io.clock.now().after(patience);
        let reading = alarm.limit(&*context.io.clock, deadline, read_some(&mut **read, buffer, limit));
        let result = if idle {
            tokio::select! {
                biased;
                result = reading => result,
                () = context.shutdown.begun() => return Err(End::ShuttingDown),
            }
        } else {
            reading.await
        };
        match result {
            Ok(Ok(0)) => Err(End::Closed),
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(End::Broken(error)),
            Err(Elapsed) if idle => Err(End::Idle),
            Err(Elapsed) => {
                Err(End::Refused(format!("a frame did not arrive within {} ms", patience.as_millis())))
            }
        }
    }
}
