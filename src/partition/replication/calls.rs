//! Requests that one node has another one answer, on the connections that they have anyway. `docs/peers.md`, Calls.
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use bytes::{Buf, Bytes};
use tokio::sync::{Notify, oneshot};

use crate::io::{Clock, timeout};
use crate::peers::{Direction, LinkId};
use crate::types::{CorrelationId, Instant, NodeId};
use crate::wire::messages::{PeerRequest, PeerResponse};
use crate::wire::{
    ApiRequest, DecodeError, EncodeError, LENGTH_BYTES, Text, decode_response, encode_request,
};

/// The most calls of a connection that are not answered: those that wait to be sent among them.
const CALLS_MAX: usize = 256;
/// The most that the acceptor works on at a time, for each connection; it refuses others.
const UNDER_WAY_MAX: usize = 64;
/// While so many bytes of answers wait to be sent on a connection it begins with no more: the peer may read none.
const ANSWERS_BYTES_MAX: usize = 16 << 20;
/// What a frame has besides the request or response and the listener's name, in bytes, and some more.
const FRAME_BYTES: usize = 256;

const ANSWERED: i8 = 0;
const REFUSED: i8 = 1;
const TOO_LARGE: i8 = 2;
const LOST: i8 = 3;

/// A client's request that another node is to answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PeerCall {
    /// On which the client asked.
    pub listener: Text,
    pub client: SocketAddr,
    /// Header and body, without the length.
    pub request: Bytes,
}

impl PeerCall {
    /// A node's own request.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn own<R: ApiRequest>(version: i16, request: &R) -> Result<PeerCall, EncodeError> {
        let frame = encode_request(version, CorrelationId(0), None, request)?;
        let mut frame = Bytes::from(frame.concat());
        frame.advance(LENGTH_BYTES);
        let client = SocketAddr::from(([0, 0, 0, 0], 0));
        Ok(PeerCall { listener: Text::new(), client, request: frame })
    }
}

/// What every node puts before its answer: up to where it has applied the metadata log.
pub const METADATA_END_BYTES: usize = 8;

/// Why another node did not answer a node's own request.
#[derive(Debug, thiserror::Error)]
pub enum AskFailed {
    #[error("there was no answer in time")]
    TimedOut,
    #[error(transparent)]
    Failed(#[from] CallFailed),
    #[error("the answer cannot be read: {0}")]
    Malformed(#[from] DecodeError),
    #[error("the request cannot be written: {0}")]
    Encode(#[from] EncodeError),
}

/// Who answers the calls of other nodes.
pub trait CallService: Send + Sync {
    /// The response to the call of node `from`, header and body, or nothing at all, if there is none and will be none; `None`
    /// refuses it: nothing was done. It has to end by itself: nobody else limits its time.
    fn call(&self, from: NodeId, call: PeerCall) -> Pin<Box<dyn Future<Output = Option<Bytes>> + Send>>;
}

/// A service that is made later than the connections; until it is set, all is refused.
#[derive(Clone, Default)]
pub struct LateService {
    service: Arc<OnceLock<Arc<dyn CallService>>>,
}

impl LateService {
    /// From now on this one answers. The first one stays.
    pub fn set(&self, service: Arc<dyn CallService>) {
        drop(self.service.set(service));
    }
}

impl CallService for LateService {
    fn call(&self, from: NodeId, call: PeerCall) -> Pin<Box<dyn Future<Output = Option<Bytes>> + Send>> {
        match self.service.get() {
            Some(service) => service.call(from, call),
            None => Box::pin(async { None }),
        }
    }
}

/// Why a call has no response.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CallFailed {
    #[error("there is no connection to node {0}")]
    NoConnection(NodeId),
    #[error("node {0} refuses it for now")]
    Refused(NodeId),
    #[error("{CALLS_MAX} calls of node {0} are not answered yet")]
    Busy(NodeId),
    #[error("the request is too large: node {node} takes {max} bytes; raise socket.request.max.bytes there")]
    TooLarge { node: NodeId, max: usize },
    #[error("node {0} may have done it; its response is too large: raise socket.request.max.bytes here")]
    ResponseTooLarge(NodeId),
    #[error("node {0} may have done it; the connection ended, or the node failed in it")]
    Lost(NodeId),
    #[error("this node stops")]
    Closed,
}

impl CallFailed {
    /// Whether the other node may have done what it was asked to.
    #[must_use]
    pub fn may_be_done(&self) -> bool {
        match self {
            CallFailed::ResponseTooLarge(_) | CallFailed::Lost(_) | CallFailed::Closed => true,
            CallFailed::NoConnection(_)
            | CallFailed::Refused(_)
            | CallFailed::Busy(_)
            | CallFailed::TooLarge { .. } => false,
        }
    }

    /// Whether the same call would fail in the same way again.
    #[must_use]
    pub fn is_lasting(&self) -> bool {
        match self {
            CallFailed::TooLarge { .. } | CallFailed::ResponseTooLarge(_) => true,
            CallFailed::NoConnection(_)
            | CallFailed::Refused(_)
            | CallFailed::Busy(_)
            | CallFailed::Lost(_)
            | CallFailed::Closed => false,
        }
    }
}

/// Calls of other nodes. Cheap to clone.
#[derive(Clone)]
pub struct PeerCalls {
    desk: Arc<Desk>,
}

impl PeerCalls {
    pub(super) fn new(desk: Arc<Desk>) -> PeerCalls {
        PeerCalls { desk }
    }

    /// Those of a node that is connected to nobody.
    #[cfg(any(test, feature = "testing"))]
    #[must_use]
    pub fn unconnected() -> PeerCalls {
        PeerCalls::new(Arc::new(Desk::default()))
    }

    /// Has `node` answer a request: its response, header and body. Waits as long as the connection lives: limit it. A
    /// call that is dropped may still be done.
    ///
    /// # Errors
    /// If there is no response; see [`CallFailed::may_be_done`].
    pub async fn call(&self, node: NodeId, call: PeerCall) -> Result<Bytes, CallFailed> {
        let (waiting, outcome) = self.desk.begin(node, call)?;
        let outcome = outcome.await.unwrap_or(Err(CallFailed::Closed));
        drop(waiting);
        outcome
    }

    /// Has `node` answer a request of this node's own.
    ///
    /// # Errors
    /// If there is no answer until `deadline`, or none that can be read: it may have been done all the same.
    pub async fn ask<R: ApiRequest>(
        &self,
        clock: &dyn Clock,
        (node, deadline): (NodeId, Instant),
        version: i16,
        request: &R,
    ) -> Result<R::Response, AskFailed> {
        let asking = self.call(node, PeerCall::own(version, request)?);
        let answered = timeout(clock, deadline, asking).await;
        let mut answer = answered.map_err(|_| AskFailed::TimedOut)??;
        answer.advance((METADATA_END_BYTES + LENGTH_BYTES).min(answer.len()));
        let (_, response) = decode_response::<R>(version, answer)?;
        Ok(response)
    }
}

/// What the hub and the callers, and the tasks that answer, share.
#[derive(Default)]
pub(super) struct Desk {
    state: Mutex<State>,
    wake: Notify,
}

#[derive(Default)]
struct State {
    closed: bool,
    last: i64,
    lanes: BTreeMap<NodeId, Lane>,
    counters: BTreeMap<LinkId, Counter>,
}

/// The calls of a node, on the connection that was dialled.
struct Lane {
    link: LinkId,
    /// The largest frame that the other node takes.
    bytes_max: usize,
    queue: VecDeque<(i64, PeerCall)>,
    /// All that are not answered, with who waits for it still.
    open: BTreeMap<i64, Option<oneshot::Sender<Result<Bytes, CallFailed>>>>,
}

/// The calls that a node made, on the connection that was accepted.
struct Counter {
    bytes_max: usize,
    last: i64,
    under_way: usize,
    /// To be sent.
    endings: VecDeque<(i64, Ending)>,
    /// Of the answers among them.
    answers_bytes: usize,
}

impl Counter {
    fn new(bytes_max: usize) -> Counter {
        Counter { bytes_max, last: 0, under_way: 0, endings: VecDeque::new(), answers_bytes: 0 }
    }

    fn end(&mut self, call: i64, ending: Ending) {
        self.answers_bytes += ending.bytes();
        self.endings.push_back((call, ending));
    }

    fn next_ending(&mut self) -> Option<(i64, Ending)> {
        let (call, ending) = self.endings.pop_front()?;
        self.answers_bytes -= ending.bytes();
        Some((call, ending))
    }
}

enum Ending {
    Answered(Bytes),
    Refused,
    Lost,
}

impl Ending {
    fn bytes(&self) -> usize {
        match self {
            Ending::Answered(response) => response.len(),
            Ending::Refused | Ending::Lost => 0,
        }
    }
}

/// A caller that waits; dropped, it does not any more.
struct Waiting {
    desk: Arc<Desk>,
    node: NodeId,
    call: i64,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let mut state = self.desk.state();
        // On another connection there is no such call.
        let Some(lane) = state.lanes.get_mut(&self.node) else { return };
        if let Some(at) = lane.queue.iter().position(|(call, _)| *call == self.call) {
            lane.queue.remove(at);
            lane.open.remove(&self.call);
        } else if let Some(caller) = lane.open.get_mut(&self.call) {
            *caller = None;
        }
    }
}

/// A call that is worked on; dropped without [`Due::done`], it is lost.
pub(super) struct Due {
    desk: Arc<Desk>,
    link: LinkId,
    call: i64,
    ending: Option<Ending>,
}

impl Due {
    pub(super) fn done(mut self, response: Option<Bytes>) {
        self.ending = Some(response.map_or(Ending::Refused, Ending::Answered));
    }
}

impl Drop for Due {
    fn drop(&mut self) {
        let ending = self.ending.take().unwrap_or(Ending::Lost);
        let mut state = self.desk.state();
        // Nobody wants the answer of a connection that is gone.
        let Some(counter) = state.counters.get_mut(&self.link) else { return };
        counter.under_way -= 1;
        counter.end(self.call, ending);
        drop(state);
        self.desk.wake.notify_one();
    }
}

impl Desk {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Completes when there is something to send since it was asked last. For the hub alone.
    pub(super) async fn arrived(&self) {
        self.wake.notified().await;
    }

    fn begin(
        self: &Arc<Desk>,
        node: NodeId,
        call: PeerCall,
    ) -> Result<(Waiting, oneshot::Receiver<Result<Bytes, CallFailed>>), CallFailed> {
        let mut state = self.state();
        if state.closed {
            return Err(CallFailed::Closed);
        }
        let id = state.last + 1;
        let lane = state.lanes.get_mut(&node).ok_or(CallFailed::NoConnection(node))?;
        let max = lane.bytes_max.saturating_sub(FRAME_BYTES);
        if call.request.len() + call.listener.len() > max {
            return Err(CallFailed::TooLarge { node, max });
        }
        if lane.open.len() >= CALLS_MAX {
            return Err(CallFailed::Busy(node));
        }
        let (caller, outcome) = oneshot::channel();
        lane.open.insert(id, Some(caller));
        lane.queue.push_back((id, call));
        state.last = id;
        drop(state);
        self.wake.notify_one();
        Ok((Waiting { desk: Arc::clone(self), node, call: id }, outcome))
    }

    /// A connection is there, in the place of an earlier one.
    pub(super) fn up(&self, link: LinkId, bytes_max: usize) {
        match link.direction {
            Direction::Dialled => {
                let lane = Lane { link, bytes_max, queue: VecDeque::new(), open: BTreeMap::new() };
                let before = self.state().lanes.insert(link.peer, lane);
                before.into_iter().for_each(Lane::end);
            }
            Direction::Accepted => {
                let mut state = self.state();
                state.counters.retain(|known, _| known.peer != link.peer);
                state.counters.insert(link, Counter::new(bytes_max));
            }
        }
    }

    /// A connection is gone.
    pub(super) fn down(&self, link: LinkId) {
        let mut state = self.state();
        state.counters.remove(&link);
        if state.lanes.get(&link.peer).is_some_and(|lane| lane.link == link) {
            let lane = state.lanes.remove(&link.peer);
            drop(state);
            lane.into_iter().for_each(Lane::end);
        }
    }

    /// No call is made or answered any more.
    pub(super) fn close(&self) {
        let mut state = self.state();
        state.closed = true;
        state.counters.clear();
        // Who waits finds its sender gone.
        let lanes = std::mem::take(&mut state.lanes);
        drop(state);
        drop(lanes);
    }

    /// The next call for the node at the other end, which is sent now.
    pub(super) fn next_request(&self, link: LinkId) -> Option<PeerRequest> {
        let mut state = self.state();
        let lane = state.lanes.get_mut(&link.peer).filter(|lane| lane.link == link)?;
        let (call_id, PeerCall { listener, client, request }) = lane.queue.pop_front()?;
        let client_address = Text::from(client.to_string());
        Some(PeerRequest { call_id, listener, client_address, request, ..PeerRequest::default() })
    }

    /// A response to one of this node's calls. `Err` says what about it is malformed.
    pub(super) fn take_response(&self, link: LinkId, response: PeerResponse) -> Result<(), String> {
        let mut state = self.state();
        let Some(lane) = state.lanes.get_mut(&link.peer).filter(|lane| lane.link == link) else {
            return Ok(());
        };
        let call = response.call_id;
        let is_queued = lane.queue.front().is_some_and(|(first, _)| call >= *first);
        let caller = lane.open.remove(&call).filter(|_| !is_queued);
        let Some(caller) = caller else {
            return Err(format!("a response to call {call}, which is not open"));
        };
        let node = link.peer;
        let outcome = match response.outcome {
            ANSWERED => Ok(response.response),
            REFUSED => Err(CallFailed::Refused(node)),
            TOO_LARGE => Err(CallFailed::ResponseTooLarge(node)),
            LOST => Err(CallFailed::Lost(node)),
            other => return Err(format!("a response with the outcome {other}")),
        };
        drop(state);
        if let Some(caller) = caller {
            // Who waited may have gone at this moment.
            drop(caller.send(outcome));
        }
        Ok(())
    }

    /// A call of the node at the other end: what is to be worked on, or nothing if it is refused. `Err` says what about
    /// it is malformed.
    pub(super) fn take_request(
        self: &Arc<Desk>,
        link: LinkId,
        request: PeerRequest,
    ) -> Result<Option<(Due, PeerCall)>, String> {
        let PeerRequest { call_id, listener, client_address, request, .. } = request;
        let client = client_address.parse();
        let client = client.map_err(|_| format!("a call of the client {client_address:?}"))?;
        let mut state = self.state();
        let Some(counter) = state.counters.get_mut(&link) else { return Ok(None) };
        if call_id <= counter.last {
            return Err(format!("call {call_id} after call {}", counter.last));
        }
        if counter.under_way + counter.endings.len() >= CALLS_MAX {
            return Err(format!("more than {CALLS_MAX} calls that are not answered"));
        }
        counter.last = call_id;
        if counter.under_way >= UNDER_WAY_MAX || counter.answers_bytes >= ANSWERS_BYTES_MAX {
            counter.end(call_id, Ending::Refused);
            return Ok(None);
        }
        counter.under_way += 1;
        drop(state);
        let due = Due { desk: Arc::clone(self), link, call: call_id, ending: None };
        Ok(Some((due, PeerCall { listener, client, request })))
    }

    /// The next response for the node at the other end, which is sent now.
    pub(super) fn next_response(&self, link: LinkId) -> Option<PeerResponse> {
        let mut state = self.state();
        let counter = state.counters.get_mut(&link)?;
        let (call_id, ending) = counter.next_ending()?;
        let (outcome, response) = match ending {
            Ending::Answered(response) if response.len() + FRAME_BYTES > counter.bytes_max => {
                (TOO_LARGE, Bytes::new())
            }
            Ending::Answered(response) => (ANSWERED, response),
            Ending::Refused => (REFUSED, Bytes::new()),
            Ending::Lost => (LOST, Bytes::new()),
        };
        Some(PeerResponse { call_id, outcome, response, ..PeerResponse::default() })
    }
}

impl Lane {
    /// The connection has ended: what was sent may have been done.
    fn end(self) {
        let node = self.link.peer;
        for (call, caller) in self.open {
            let is_queued = self.queue.iter().any(|(queued, _)| *queued == call);
            let failed = if is_queued { CallFailed::NoConnection(node) } else { CallFailed::Lost(node) };
            if let Some(caller) = caller {
                drop(caller.send(Err(failed)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::task::Poll;

    use super::*;
    use crate::log::testing::TestRuntime;

    const PEER: NodeId = NodeId(2);
    const BYTES_MAX: usize = 1000;

    fn link(direction: Direction, serial: u64) -> LinkId {
        LinkId { peer: PEER, direction, serial }
    }

    fn call(request: &'static [u8]) -> PeerCall {
        let client = SocketAddr::from(([10, 0, 0, 9], 5000));
        PeerCall { listener: "PLAINTEXT".into(), client, request: Bytes::from_static(request) }
    }

    /// Two desks whose frames are carried by hand.
    struct Pair {
        runtime: TestRuntime,
        asks: Arc<Desk>,
        answers: Arc<Desk>,
    }

    impl Pair {
        fn new() -> Pair {
            let (asks, answers) = (Arc::<Desk>::default(), Arc::<Desk>::default());
            asks.up(link(Direction::Dialled, 1), BYTES_MAX);
            answers.up(link(Direction::Accepted, 1), BYTES_MAX);
            Pair { runtime: TestRuntime::new(), asks, answers }
        }

        fn begin(&self) -> Pin<Box<dyn Future<Output = Result<Bytes, CallFailed>>>> {
            let calls = PeerCalls::new(Arc::clone(&self.asks));
            let mut calling: Pin<Box<dyn Future<Output = _>>> =
                Box::pin(async move { calls.call(PEER, call(b"ask")).await });
            let pending = self
                .runtime
                .block_on(poll_fn(|context| Poll::Ready(calling.as_mut().poll(context).is_pending())));
            assert!(pending, "nobody has answered");
            calling
        }

        /// What the acceptor makes of the next request.
        fn carry(&self) -> Option<(Due, PeerCall)> {
            let request = self.asks.next_request(link(Direction::Dialled, 1)).expect("a request");
            self.answers.take_request(link(Direction::Accepted, 1), request).expect("it is sound")
        }

        fn carry_back(&self) -> Result<(), String> {
            let response = self.answers.next_response(link(Direction::Accepted, 1)).expect("a response");
            self.asks.take_response(link(Direction::Dialled, 1), response)
        }
    }

    #[test]
    fn a_call_is_answered() {
        let pair = Pair::new();
        let calling = pair.begin();
        let (due, asked) = pair.carry().expect("it is taken");
        assert_eq!(asked, call(b"ask"));
        due.done(Some(Bytes::from_static(b"told")));
        pair.carry_back().expect("it is open");
        assert_eq!(pair.runtime.block_on(calling), Ok(Bytes::from_static(b"told")));
    }

    #[test]
    fn a_call_that_is_not_answered_says_why() {
        let pair = Pair::new();
        let (refused, failed, large) = (pair.begin(), pair.begin(), pair.begin());
        pair.carry().expect("it is taken").0.done(None);
        drop(pair.carry().expect("it is taken"));
        pair.carry().expect("it is taken").0.done(Some(Bytes::from(vec![0; BYTES_MAX])));
        for _ in 0..3 {
            pair.carry_back().expect("it is open");
        }
        assert_eq!(pair.runtime.block_on(refused), Err(CallFailed::Refused(PEER)));
        assert_eq!(pair.runtime.block_on(failed), Err(CallFailed::Lost(PEER)));
        assert_eq!(pair.runtime.block_on(large), Err(CallFailed::ResponseTooLarge(PEER)));
        let calls = PeerCalls::new(Arc::clone(&pair.asks));
        let elsewhere = pair.runtime.block_on(calls.call(NodeId(3), call(b"ask")));
        assert_eq!(elsewhere, Err(CallFailed::NoConnection(NodeId(3))));
        let huge = PeerCall { request: Bytes::from(vec![0; BYTES_MAX]), ..call(b"") };
        let huge = pair.runtime.block_on(calls.call(PEER, huge));
        assert_eq!(huge, Err(CallFailed::TooLarge { node: PEER, max: BYTES_MAX - FRAME_BYTES }));
    }

    #[test]
    fn the_end_of_a_connection_ends_its_calls() {
        let pair = Pair::new();
        let (sent, waits) = (pair.begin(), pair.begin());
        let (due, _) = pair.carry().expect("it is taken");
        pair.asks.down(link(Direction::Dialled, 7));
        pair.asks.up(link(Direction::Dialled, 2), BYTES_MAX);
        assert_eq!(pair.runtime.block_on(sent), Err(CallFailed::Lost(PEER)));
        assert_eq!(pair.runtime.block_on(waits), Err(CallFailed::NoConnection(PEER)));
        let next = pair.begin();
        pair.asks.down(link(Direction::Dialled, 1));
        pair.answers.down(link(Direction::Accepted, 1));
        due.done(Some(Bytes::new()));
        assert_eq!(pair.answers.next_response(link(Direction::Accepted, 1)), None);
        assert!(pair.asks.next_request(link(Direction::Dialled, 1)).is_none(), "it is another connection's");
        assert!(pair.asks.next_request(link(Direction::Dialled, 2)).is_some());
        pair.asks.close();
        assert_eq!(pair.runtime.block_on(next), Err(CallFailed::Closed));
    }

    #[test]
    fn calls_are_bounded_and_dropped_ones_are_forgotten() {
        let pair = Pair::new();
        drop(pair.begin());
        assert!(pair.asks.next_request(link(Direction::Dialled, 1)).is_none(), "it was not sent");
        let mut open: Vec<_> = (0..CALLS_MAX).map(|_| pair.begin()).collect();
        let busy = pair.asks.begin(PEER, call(b"ask")).map(|_| ());
        assert_eq!(busy, Err(CallFailed::Busy(PEER)));
        let taken: Vec<_> = (0..CALLS_MAX).map(|_| pair.carry()).collect();
        assert_eq!(taken.iter().flatten().count(), UNDER_WAY_MAX, "others are refused");
        drop(open.pop());
        let busy = pair.asks.begin(PEER, call(b"ask")).map(|_| ());
        assert_eq!(busy, Err(CallFailed::Busy(PEER)), "the acceptor has not answered it");
        let more =
            PeerRequest { call_id: 10_000, client_address: "[::1]:1".into(), ..PeerRequest::default() };
        let more = pair.answers.take_request(link(Direction::Accepted, 1), more).map(|_| ());
        assert_eq!(more, Err("more than 256 calls that are not answered".to_owned()));
        drop(taken);
        for _ in 0..CALLS_MAX {
            pair.carry_back().expect("it is open");
        }
        let (refused, lost): (Vec<_>, Vec<_>) = open
            .into_iter()
            .map(|call| pair.runtime.block_on(call))
            .partition(|end| *end == Err(CallFailed::Refused(PEER)));
        assert_eq!((refused.len(), lost.len()), (CALLS_MAX - UNDER_WAY_MAX - 1, UNDER_WAY_MAX));
        assert!(pair.asks.state().lanes[&PEER].open.is_empty());
    }

    #[test]
    fn while_much_waits_to_be_sent_calls_are_refused() {
        let pair = Pair::new();
        let (first, second) = (pair.begin(), pair.begin());
        pair.carry().expect("it is taken").0.done(Some(Bytes::from(vec![0; ANSWERS_BYTES_MAX])));
        assert!(pair.carry().is_none(), "it is refused");
        for _ in 0..2 {
            pair.carry_back().expect("it is open");
        }
        assert_eq!(pair.runtime.block_on(first), Err(CallFailed::ResponseTooLarge(PEER)));
        assert_eq!(pair.runtime.block_on(second), Err(CallFailed::Refused(PEER)));
        let _third = pair.begin();
        assert!(pair.carry().is_some(), "nothing waits any more");
    }

    #[test]
    fn what_was_not_called_cannot_be_answered() {
        let pair = Pair::new();
        let _calling = pair.begin();
        let respond = |call_id, outcome| {
            let response = PeerResponse { call_id, outcome, ..PeerResponse::default() };
            pair.asks.take_response(link(Direction::Dialled, 1), response).expect_err("it is malformed")
        };
        assert_eq!(respond(9, 0), "a response to call 9, which is not open");
        let ask = |call_id, client: &'static str| {
            let request =
                PeerRequest { call_id, client_address: Text::from_static(client), ..PeerRequest::default() };
            pair.answers.take_request(link(Direction::Accepted, 1), request).map(|_| ())
        };
        assert_eq!(ask(1, "nobody"), Err("a call of the client \"nobody\"".to_owned()));
        assert_eq!(ask(1, "10.0.0.1:1"), Ok(()));
        assert_eq!(ask(1, "10.0.0.1:1"), Err("call 1 after call 1".to_owned()));
        pair.asks.next_request(link(Direction::Dialled, 1)).expect("a request");
        assert_eq!(respond(1, 4), "a response with the outcome 4");
    }

    #[test]
    fn a_service_that_is_not_there_yet_refuses() {
        struct Echo;
        impl CallService for Echo {
            fn call(&self, _: NodeId, call: PeerCall) -> Pin<Box<dyn Future<Output = Option<Bytes>> + Send>> {
                Box::pin(async move { Some(call.request) })
            }
        }
        let (runtime, late) = (TestRuntime::new(), LateService::default());
        assert_eq!(runtime.block_on(late.call(PEER, call(b"ask"))), None);
        late.set(Arc::new(Echo));
        assert_eq!(runtime.block_on(late.call(PEER, call(b"ask"))), Some(Bytes::from_static(b"ask")));
    }
}
