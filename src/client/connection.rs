//! One connection: requests go out in the order they are given, answers come back in the same order.
//!
//! Two tasks drive it, one per direction, so that a broker that reads nothing does not keep this side from
//! reading. What is under way stands in `pending`, oldest first.
use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use tokio::sync::{mpsc, oneshot};

use super::address::BrokerAddress;
use super::error::ClientError;
use super::options::{ClientIo, ClientOptions};
use crate::io::{ReadHalf, TaskHandle, WriteHalf, read_some, timeout, write_all_vectored};
use crate::types::{CorrelationId, Instant};
use crate::wire::ApiKey;
use crate::wire::frame::{LENGTH_BYTES, response_correlation_id};

/// How many requests may wait to be written.
const OUTGOING_MAX: usize = 64;
/// How many requests one write carries at most.
const REQUESTS_PER_WRITE_MAX: usize = 16;
/// What one read asks for, in bytes.
const READ_BYTES_MIN: usize = 64 << 10;
const READ_BYTES_MAX: usize = 1 << 20;
/// What is reserved on the word of an answer's length, in bytes.
const RESERVE_BYTES_MAX: usize = 16 << 20;

pub(super) struct Connection {
    pub(super) address: BrokerAddress,
    io: ClientIo,
    outgoing: mpsc::Sender<Outgoing>,
    pending: Arc<Pending>,
    next_correlation: AtomicI32,
    tasks: Mutex<Vec<TaskHandle>>,
}

struct Outgoing {
    frame: Vec<Bytes>,
    correlation: CorrelationId,
    reply: Reply,
}

type Answer = Result<Bytes, String>;

enum Reply {
    /// The answer's frame, without its length.
    Frame(oneshot::Sender<Answer>),
    /// There is no answer; tells that the request has been written.
    Written(oneshot::Sender<Answer>),
}

/// The requests under way, oldest first, or why there can be no more.
struct Pending(Mutex<State>);

enum State {
    Open(VecDeque<(CorrelationId, oneshot::Sender<Answer>)>),
    Closed(String),
}

impl Connection {
    pub(super) async fn open(
        io: &ClientIo,
        address: &BrokerAddress,
        options: &ClientOptions,
    ) -> Result<Connection, ClientError> {
        let failed = |error| ClientError::Connect { address: address.clone(), source: Arc::new(error) };
        let deadline = io.clock.now().after(options.connect_timeout);
        let connecting = io.net.connect(&address.host, address.port);
        let stream = timeout(&*io.clock, deadline, connecting)
            .await
            .map_err(|_| failed(io::ErrorKind::TimedOut.into()))?
            .map_err(failed)?;
        let pending = Arc::new(Pending(Mutex::new(State::Open(VecDeque::new()))));
        let (outgoing, queue) = mpsc::channel(OUTGOING_MAX);
        let (read, write) = (stream.read, stream.write);
        let (for_writer, for_reader) = (Arc::clone(&pending), Arc::clone(&pending));
        let frame_bytes_max = options.response_bytes_max;
        let writer = io.spawn.spawn(
            "client-write",
            Box::pin(async move { for_writer.close(write_requests(write, queue, &for_writer).await) }),
        );
        let reader = io.spawn.spawn(
            "client-read",
            Box::pin(async move { for_reader.close(read_answers(read, frame_bytes_max, &for_reader).await) }),
        );
        Ok(Connection {
            address: address.clone(),
            io: io.clone(),
            outgoing,
            pending,
            next_correlation: AtomicI32::new(0),
            tasks: Mutex::new(vec![writer, reader]),
        })
    }

    pub(super) fn is_open(&self) -> bool {
        matches!(*self.pending.lock(), State::Open(_))
    }

    pub(super) fn correlation_id(&self) -> CorrelationId {
        CorrelationId(self.next_correlation.fetch_add(1, Ordering::Relaxed) & i32::MAX)
    }

    /// Puts a frame in line to be written. What is put in line first is written first.
    pub(super) async fn enqueue(
        &self,
        api: ApiKey,
        correlation: CorrelationId,
        frame: Vec<Bytes>,
        answered: Answered,
        within: Duration,
    ) -> Result<Enqueued, ClientError> {
        let (sender, receiver) = oneshot::channel();
        let reply = match answered {
            Answered::Yes => Reply::Frame(sender),
            Answered::No => Reply::Written(sender),
        };
        let deadline = self.io.clock.now().after(within);
        let enqueued = self.outgoing.send(Outgoing { frame, correlation, reply });
        match timeout(&*self.io.clock, deadline, enqueued).await {
            Ok(Ok(())) => Ok(Enqueued { api, receiver, deadline, within }),
            Ok(Err(_)) => Err(self.disconnected(api, self.pending.reason())),
            Err(_) => Err(self.timed_out(api, within)),
        }
    }

    /// Waits for the answer to what was put in line, or for its being written if it has none.
    pub(super) async fn answer(&self, enqueued: Enqueued) -> Result<Bytes, ClientError> {
        let Enqueued { api, receiver, deadline, within } = enqueued;
        match timeout(&*self.io.clock, deadline, receiver).await {
            Ok(Ok(answer)) => answer.map_err(|reason| self.disconnected(api, reason)),
            Ok(Err(_)) => Err(self.disconnected(api, self.pending.reason())),
            Err(_) => Err(self.timed_out(api, within)),
        }
    }

    fn disconnected(&self, api: ApiKey, reason: String) -> ClientError {
        ClientError::Disconnected { address: self.address.clone(), api, reason }
    }

    /// The answers behind this one would wait for it: the connection is of no more use.
    fn timed_out(&self, api: ApiKey, within: Duration) -> ClientError {
        self.close(format!("{api} was not answered within {within:?}"));
        ClientError::Timeout { address: self.address.clone(), api, after: within }
    }

    pub(super) fn close(&self, reason: String) {
        self.pending.close(reason);
        for task in self.tasks.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            task.abort();
        }
    }
}

/// A request in line or under way.
pub(super) struct Enqueued {
    api: ApiKey,
    receiver: oneshot::Receiver<Answer>,
    deadline: Instant,
    within: Duration,
}

/// Whether the broker answers a request: not a Produce with `acks=0`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Answered {
    Yes,
    No,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.close("this side closed it".to_owned());
    }
}

impl Pending {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn reason(&self) -> String {
        match &*self.lock() {
            State::Open(_) => "the connection broke".to_owned(),
            State::Closed(reason) => reason.clone(),
        }
    }

    fn push(&self, correlation: CorrelationId, reply: oneshot::Sender<Answer>) {
        match &mut *self.lock() {
            State::Open(waiting) => waiting.push_back((correlation, reply)),
            // Whoever asked has gone, or learns it here.
            State::Closed(reason) => drop(reply.send(Err(reason.clone()))),
        }
    }

    fn pop(&self) -> Option<(CorrelationId, oneshot::Sender<Answer>)> {
        match &mut *self.lock() {
            State::Open(waiting) => waiting.pop_front(),
            State::Closed(_) => None,
        }
    }

    /// Fails everything under way; the first reason stands.
    fn close(&self, reason: String) {
        let mut state = self.lock();
        if let State::Open(waiting) = &mut *state {
            for (_, reply) in waiting.drain(..) {
                drop(reply.send(Err(reason.clone())));
            }
            *state = State::Closed(reason);
        }
    }
}

/// Writes what is queued until the stream or the queue ends; gives the reason.
async fn write_requests(
    mut write: Box<dyn WriteHalf>,
    mut queue: mpsc::Receiver<Outgoing>,
    pending: &Pending,
) -> String {
    let mut segments: Vec<Bytes> = Vec::new();
    let mut written: Vec<oneshot::Sender<Answer>> = Vec::new();
    while let Some(first) = queue.recv().await {
        let mut next = Some(first);
        let mut count = 0;
        while let Some(outgoing) = next {
            segments.extend(outgoing.frame);
            match outgoing.reply {
                Reply::Frame(reply) => pending.push(outgoing.correlation, reply),
                Reply::Written(reply) => written.push(reply),
            }
            count += 1;
            next = if count < REQUESTS_PER_WRITE_MAX { queue.try_recv().ok() } else { None };
        }
        let outcome = write_all_vectored(&mut *write, &mut segments).await;
        segments.clear();
        for reply in written.drain(..) {
            let answer = outcome.as_ref().map(|()| Bytes::new()).map_err(ToString::to_string);
            drop(reply.send(answer));
        }
        if let Err(error) = outcome {
            return error.to_string();
        }
    }
    "this side closed it".to_owned()
}

/// Hands answers to who asked until the stream ends; gives the reason.
async fn read_answers(mut read: Box<dyn ReadHalf>, frame_bytes_max: usize, pending: &Pending) -> String {
    let mut buffer = BytesMut::new();
    loop {
        let frame = match read_frame(&mut *read, &mut buffer, frame_bytes_max).await {
            Ok(Some(frame)) => frame,
            Ok(None) => return "the broker ended the connection".to_owned(),
            Err(error) => return error.to_string(),
        };
        let Some((asked, reply)) = pending.pop() else {
            return "the broker answered what nobody asked".to_owned();
        };
        match response_correlation_id(&frame) {
            // Whoever asked may have gone: then nobody needs the answer.
            Ok(found) if found == asked => drop(reply.send(Ok(frame))),
            Ok(found) => {
                let reason = format!("the broker answered request {found} instead of {asked}");
                drop(reply.send(Err(reason.clone())));
                return reason;
            }
            Err(error) => {
                drop(reply.send(Err(error.to_string())));
                return error.to_string();
            }
        }
    }
}

/// The next frame without its length; `None` at the end of the stream between frames.
async fn read_frame(
    read: &mut dyn ReadHalf,
    buffer: &mut BytesMut,
    frame_bytes_max: usize,
) -> io::Result<Option<Bytes>> {
    loop {
        let mut missing = LENGTH_BYTES.saturating_sub(buffer.len());
        if missing == 0 {
            let length = (&buffer[..LENGTH_BYTES]).get_u32() as usize;
            if length > frame_bytes_max {
                return Err(io::Error::other(format!(
                    "an answer of {length} bytes, {frame_bytes_max} are allowed; is this a Kafka broker's port?"
                )));
            }
            if buffer.len() >= LENGTH_BYTES + length {
                buffer.advance(LENGTH_BYTES);
                return Ok(Some(buffer.split_to(length).freeze()));
            }
            missing = LENGTH_BYTES + length - buffer.len();
            buffer.reserve(missing.min(RESERVE_BYTES_MAX));
        }
        if read_some(read, buffer, missing.clamp(READ_BYTES_MIN, READ_BYTES_MAX)).await? == 0 {
            return if buffer.is_empty() { Ok(None) } else { Err(io::ErrorKind::UnexpectedEof.into()) };
        }
    }
}
