use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};

use super::Frame;
use super::memory::MemoryShare;
use super::pace::{BYTES_PER_SECOND_MIN, Pace, WINDOW, WINDOW_BYTES_MIN};
use crate::io::{Clock, WriteHalf};

/// One reply in its place in the order, with the memory of the request it answers.
pub(super) struct Reply {
    pub(super) frame: Pending,
    pub(super) memory: MemoryShare,
    /// Its place among the bytes that wait for a slow client; what comes later is small.
    pub(super) unsent: Option<MemoryShare>,
}

/// A reply that is there, or will be.
pub(super) enum Pending {
    Ready(Frame),
    Later(oneshot::Receiver<Frame>),
}

/// Why a connection's writer ended early.
#[derive(Debug, thiserror::Error)]
pub(super) enum WriteError {
    #[error(
        "the client was too slow to take a reply: {0} ms without taking anything are the most, and {BYTES_PER_SECOND_MIN} bytes a second the least after that time"
    )]
    Slow(u128),
    #[error(
        "the client took less than {WINDOW_BYTES_MIN} bytes of a large reply in {} s while others waited for memory (ordain.fetch.memory.bytes)",
        WINDOW.as_secs()
    )]
    InTheWay,
    #[error("writing a reply failed: {0}")]
    Io(#[from] std::io::Error),
    #[error("a request was dropped without a reply")]
    Dropped,
}

/// Bytes that one vectored write gathers at most, from several small replies.
const GATHER_BYTES_MAX: usize = 256 * 1024;

/// Writes the replies of one connection in order until the queue closes, then half-closes.
pub(super) async fn write_replies(
    mut queue: mpsc::Receiver<Reply>,
    write: &mut dyn WriteHalf,
    clock: Arc<dyn Clock>,
    pace: &Pace,
) -> Result<(), WriteError> {
    let mut waiting: Option<Reply> = None;
    loop {
        let reply = match waiting.take() {
            Some(reply) => reply,
            None => match queue.recv().await {
                Some(reply) => reply,
                None => break,
            },
        };
        let mut held = vec![(reply.memory, reply.unsent)];
        let mut segments: Vec<Bytes> = match reply.frame {
            Pending::Ready(frame) => frame,
            Pending::Later(receiver) => receiver.await.map_err(|_| WriteError::Dropped)?,
        };
        let mut bytes: usize = segments.iter().map(Bytes::len).sum();
        let mut dropped = false;
        // Replies that are ready as well go out with the same system call.
        while bytes < GATHER_BYTES_MAX {
            let Ok(mut next) = queue.try_recv() else { break };
            match look(&mut next.frame) {
                Looked::Ready(frame) => {
                    bytes += frame.iter().map(Bytes::len).sum::<usize>();
                    segments.extend(frame);
                    held.push((next.memory, next.unsent));
                }
                Looked::NotYet => {
                    waiting = Some(next);
                    break;
                }
                Looked::Dropped => {
                    dropped = true;
                    break;
                }
            }
        }
        pace.write(write, &clock, &mut segments).await?;
        drop(held);
        if dropped {
            return Err(WriteError::Dropped);
        }
    }
    std::future::poll_fn(|context| write.poll_shutdown(context)).await?;
    Ok(())
}

/// What a look at a reply found.
enum Looked {
    Ready(Frame),
    NotYet,
    /// It will never come; it must not be waited for again.
    Dropped,
}

fn look(pending: &mut Pending) -> Looked {
    match pending {
        Pending::Ready(frame) => Looked::Ready(std::mem::take(frame)),
        Pending::Later(receiver) => match receiver.try_recv() {
            Ok(frame) => Looked::Ready(frame),
            Err(oneshot::error::TryRecvError::Empty) => Looked::NotYet,
            Err(oneshot::error::TryRecvError::Closed) => Looked::Dropped,
        },
    }
}
