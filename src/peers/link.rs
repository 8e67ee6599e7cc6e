use std::convert::Infallible;
use std::future::poll_fn;
use std::time::Duration;

use tokio::sync::mpsc;

use super::frame::{FrameLimits, FrameReader, LinkError, Moved, write_frame};
use super::{Greeting, PeerOptions};
use crate::io::{Elapsed, Io, Shutdown, WriteHalf, timeout};
use crate::types::NodeId;
use crate::wire::PeerFrame;

/// How often replies tell the wall clock of who writes them, after the one to the hello: a clock that is set wrong, or drifts, while nodes
/// stay connected is noticed so.
const CLOCK_EVERY: Duration = Duration::from_secs(300);

/// A connection between this node and another; two have never the same.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct LinkId {
    pub peer: NodeId,
    pub direction: Direction,
    pub serial: u64,
}

/// Who dialled.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Direction {
    /// This node: it asks, and sends messages.
    Dialled,
    /// The other: it is answered.
    Accepted,
}

/// What the owner of the state machines learns, in this order for each link: up, then frames and writable, then down. One
/// that ended at once may be down without having been up.
#[derive(Debug)]
pub enum LinkEvent {
    /// The handshake is done, and one frame may be given.
    Up {
        link: LinkId,
        greeting: Greeting,
        /// Takes one frame, and another after each [`LinkEvent::Writable`]. Dropped, it closes the connection.
        frames: mpsc::Sender<PeerFrame>,
        moved: Moved,
    },
    Frame {
        link: LinkId,
        frame: PeerFrame,
    },
    /// The frame that was given has been written: the next may be.
    Writable {
        link: LinkId,
    },
    Down {
        link: LinkId,
    },
    /// Nothing listens where the node did: the host lives, and its process does not.
    Refused {
        peer: NodeId,
    },
    /// The node was told that this one's journal is durable up to the commit before this one, and it is not.
    Forgot {
        peer: NodeId,
        told: u64,
    },
}

/// An established connection, and what it needs.
pub(super) struct Link {
    pub(super) io: Io,
    pub(super) options: PeerOptions,
    pub(super) id: LinkId,
    pub(super) greeting: Greeting,
    pub(super) reader: FrameReader,
    pub(super) write: Box<dyn WriteHalf>,
    pub(super) events: mpsc::Sender<LinkEvent>,
    /// The node stops.
    pub(super) shutdown: Shutdown,
    /// This connection is to be closed.
    pub(super) closing: Shutdown,
}

/// How a connection went.
pub(super) struct Ended {
    pub(super) reason: LinkError,
    /// At least one frame came.
    pub(super) was_answered: bool,
}

impl Link {
    /// Moves frames until the connection ends. `first` has been read already; `heard` is told of each.
    pub(super) async fn run(
        self,
        first: Option<PeerFrame>,
        mut heard: impl FnMut(&PeerFrame) + Send,
    ) -> Ended {
        let Link { io, options, id, greeting, mut reader, write, events, shutdown, closing } = self;
        let (frames, queue) = mpsc::channel(1);
        let version = greeting.version;
        let writer = Writer {
            io: io.clone(),
            options,
            id,
            version,
            bytes_max: greeting.peer.frame_bytes_max,
            events: events.clone(),
            closing: closing.clone(),
        };
        let writer = io.spawn.spawn("peer-writer", Box::pin(writer.run(write, queue)));
        let limits = FrameLimits {
            bytes_max: options.frame_bytes_max,
            silence: options.timing.silence,
            transfer: options.transfer,
        };
        let mut was_answered = first.is_some();
        let moved = reader.moved();
        let moving = async {
            let up = LinkEvent::Up { link: id, greeting, frames, moved };
            let mut took = |frame: &PeerFrame| {
                was_answered = true;
                heard(frame);
            };
            let opening = Opening { up, first };
            let link = (&io, id, version);
            match move_frames(link, limits, opening, &mut reader, &events, &mut took).await {
                Ok(never) => match never {},
                Err(reason) => reason,
            }
        };
        let reason = tokio::select! {
            biased;
            () = shutdown.begun() => LinkError::Ours,
            () = closing.begun() => LinkError::Ours,
            reason = moving => reason,
        };
        closing.begin();
        tokio::select! {
            biased;
            () = shutdown.begun() => {}
            told = tell(&events, LinkEvent::Down { link: id }) => drop(told),
        }
        let reason = match writer.join().await {
            Ok(()) => reason,
            Err(error) => LinkError::Broken(std::io::Error::other(error)),
        };
        Ended { reason, was_answered }
    }
}

/// What is told before the first frame is read.
struct Opening {
    up: LinkEvent,
    first: Option<PeerFrame>,
}

/// From the stream to the owner, for as long as both go on.
async fn move_frames(
    link: (&Io, LinkId, i16),
    limits: FrameLimits,
    opening: Opening,
    reader: &mut FrameReader,
    events: &mpsc::Sender<LinkEvent>,
    moved: &mut (dyn FnMut(&PeerFrame) + Send),
) -> Result<Infallible, LinkError> {
    let (io, id, version) = link;
    tell(events, opening.up).await?;
    if let Some(frame) = opening.first {
        tell(events, LinkEvent::Frame { link: id, frame }).await?;
    }
    loop {
        let frame = PeerFrame::decode(reader.next(&*io.clock, limits).await?, version)?;
        expected(id.direction, &frame)?;
        moved(&frame);
        tell(events, LinkEvent::Frame { link: id, frame }).await?;
    }
}

async fn tell(events: &mpsc::Sender<LinkEvent>, event: LinkEvent) -> Result<(), LinkError> {
    events.send(event).await.map_err(|_| LinkError::Ours)
}

/// Whether a frame goes in this direction, once the handshake is done.
pub(super) fn expected(direction: Direction, frame: &PeerFrame) -> Result<(), LinkError> {
    match (direction, frame) {
        (Direction::Dialled, PeerFrame::FetchReply(_) | PeerFrame::Response(_))
        | (Direction::Accepted, PeerFrame::Fetch(_) | PeerFrame::Messages(_) | PeerFrame::Request(_)) => {
            Ok(())
        }
        (Direction::Dialled | Direction::Accepted, other) => Err(LinkError::Unexpected(other.name())),
    }
}

struct Writer {
    io: Io,
    options: PeerOptions,
    id: LinkId,
    version: i16,
    bytes_max: usize,
    events: mpsc::Sender<LinkEvent>,
    closing: Shutdown,
}

impl Writer {
    /// Writes what is given until the owner drops its end, the stream breaks or the connection is closed.
    async fn run(self, mut write: Box<dyn WriteHalf>, mut queue: mpsc::Receiver<PeerFrame>) {
        let closing = self.closing.clone();
        let writing = async {
            let mut told_clock = self.io.clock.now();
            while let Some(mut frame) = queue.recv().await {
                let now = self.io.clock.now();
                if let PeerFrame::FetchReply(reply) = &mut frame
                    && now.since(told_clock) >= CLOCK_EVERY
                {
                    (reply.wall_clock, told_clock) = (self.io.clock.wall().0, now);
                }
                let deadline = now.after(self.options.transfer);
                let written = write_frame(&mut *write, &frame, self.version, self.bytes_max);
                timeout(&*self.io.clock, deadline, written)
                    .await
                    .map_err(|Elapsed| LinkError::Slow(self.options.transfer))??;
                tell(&self.events, LinkEvent::Writable { link: self.id }).await?;
            }
            Ok::<(), LinkError>(())
        };
        let end = tokio::select! {
            biased;
            () = closing.begun() => Ok(()),
            end = writing => end,
        };
        match end {
            // The next one will be as large: somebody has to raise what the other node takes.
            Err(error @ LinkError::TooLarge { .. }) => {
                tracing::warn!(peer = %self.id.peer, %error, "a frame was not written");
            }
            Err(error) => tracing::debug!(peer = %self.id.peer, %error, "a frame was not written"),
            Ok(()) => {}
        }
        let deadline = self.io.clock.now().after(self.options.transfer);
        let half_closed = timeout(&*self.io.clock, deadline, poll_fn(|context| write.poll_shutdown(context)));
        if let Ok(Err(error)) = half_closed.await {
            tracing::debug!(peer = %self.id.peer, %error, "the connection could not be half-closed");
        }
        self.closing.begin();
    }
}
