use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, Bytes};
use tracing::debug;

use super::{Cluster, active_epoch};
use crate::broker::{Context, dispatch_from_node};
use crate::io::timeout;
use crate::metadata::controller::METADATA_PARTITION;
use crate::partition::{AskFailed, CallFailed, METADATA_END_BYTES, PeerCall};
use crate::probe::{Condition, Mutant, mutant, sometimes};
use crate::types::{Instant, NodeId, Offset};
use crate::wire::{ApiRequest, DecodeError, EncodeError, LENGTH_BYTES, decode_response};

/// How long the active controller may take, or be looked for.
pub(in crate::broker) const ANSWER_PATIENCE: Duration = Duration::from_secs(20);
/// How soon the controller is looked for again.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// The active controller did not answer.
#[derive(Debug, thiserror::Error)]
pub(in crate::broker) enum NoController {
    #[error("no active controller answered in time")]
    TimedOut,
    #[error("the active controller's answer cannot be read: {0}")]
    Malformed(#[from] DecodeError),
    #[error(transparent)]
    Failed(#[from] CallFailed),
    /// It cannot decode the request, or cannot encode the response: it may have been carried out.
    #[error("node {0} would close a connection over the request rather than answer it; its log says why")]
    Closes(NodeId),
    #[error("node {0} cannot be asked: this node is a cluster of its own")]
    Alone(NodeId),
    #[error("the request to the active controller cannot be written: {0}")]
    Encode(#[from] EncodeError),
}

impl From<AskFailed> for NoController {
    fn from(failed: AskFailed) -> NoController {
        match failed {
            AskFailed::TimedOut => NoController::TimedOut,
            AskFailed::Failed(failed) => failed.into(),
            AskFailed::Malformed(error) => error.into(),
            AskFailed::Encode(error) => error.into(),
        }
    }
}

/// Whom a request goes to.
enum Controller {
    Here,
    At(NodeId),
    Unknown,
}

fn controller(context: &Context) -> Controller {
    if active_epoch(context).is_some() {
        return Controller::Here;
    }
    let leadership = context.partitions.leaderships().of(METADATA_PARTITION);
    match leadership.and_then(|leadership| leadership.leader) {
        Some(leader) if leader != context.config().node_id => Controller::At(leader),
        // Its epoch has only begun.
        Some(_) | None => Controller::Unknown,
    }
}

/// What a call of the active controller has led to: an answer; `None`, if it is to be made again.
///
/// # Errors
/// If it is not: it would lead to the same once more, and may have been carried out.
fn outcome(node: NodeId, called: Result<Bytes, CallFailed>) -> Result<Option<Bytes>, NoController> {
    match called {
        Ok(answer) if answer.is_empty() => Err(NoController::Closes(node)),
        Ok(answer) if answer.len() >= METADATA_END_BYTES => Ok(Some(answer)),
        Ok(answer) => {
            debug!(%node, bytes = answer.len(), "an answer without its beginning");
            Ok(None)
        }
        Err(failed) if failed.is_lasting() => Err(NoController::Failed(failed)),
        Err(failed) => {
            debug!(%node, %failed, "the active controller could not be asked");
            Ok(None)
        }
    }
}

/// Lets the active controller answer a client's request (a frame without its length). `None`: this node is the controller.
///
/// # Errors
/// If there is no answer until `deadline`, or none to be had: the request may have been carried out all the same.
pub(in crate::broker) async fn forward(
    context: &Arc<Context>,
    cluster: &Cluster,
    call: PeerCall,
    deadline: Instant,
) -> Result<Option<Bytes>, NoController> {
    let clock = &*context.io.clock;
    let leaderships = context.partitions.leaderships();
    let own = context.config().node_id;
    let asking = async {
        let mut asked = None;
        loop {
            let mut changed = pin!(leaderships.changed());
            changed.as_mut().enable();
            let controller = controller(context);
            let node = match controller {
                Controller::Here => Some(own),
                Controller::At(node) => Some(node),
                Controller::Unknown => None,
            };
            if let Some((before, node)) = asked.zip(node)
                && before != node
            {
                sometimes(Condition::ClusterAskedAnotherController);
            }
            asked = node.or(asked);
            match controller {
                Controller::Here => return Ok(None),
                Controller::At(node) => {
                    let called = cluster.calls.call(node, call.clone()).await;
                    match outcome(node, called) {
                        Ok(None) => {}
                        decided => return decided,
                    }
                }
                Controller::Unknown => {}
            }
            let again = clock.now().after(LOOK_AGAIN);
            let _whichever_came_first = timeout(clock, again, changed).await;
        }
    };
    let Ok(answer) = timeout(clock, deadline, asking).await else { return Err(NoController::TimedOut) };
    let Some(mut answer) = answer? else { return Ok(None) };
    let end = Offset(answer.get_i64());
    if mutant(Mutant::ForwardedBeforeSeen) {
        return Ok(Some(answer));
    }
    // Whoever asks this node next shall find what was changed.
    let seen = timeout(clock, deadline, context.image.once(|_, here| here >= end)).await;
    if seen.is_err() {
        return Err(NoController::TimedOut);
    }
    Ok(Some(answer))
}

/// Asks the active controller, be it this node or another.
///
/// # Errors
/// If there is no answer until `deadline`, or none to be had: the request may have been carried out all the same.
pub(in crate::broker) async fn ask<R: ApiRequest>(
    context: &Arc<Context>,
    cluster: &Cluster,
    version: i16,
    request: &R,
    deadline: Instant,
) -> Result<R::Response, NoController> {
    let call = PeerCall::own(version, request)?;
    let clock = &*context.io.clock;
    loop {
        let mut answer = match forward(context, cluster, call.clone(), deadline).await? {
            Some(answer) => answer,
            None => {
                let own = context.config().node_id;
                let here = dispatch_from_node(context, own, call.clone());
                let answered = timeout(clock, deadline, here).await.map_err(|_| NoController::TimedOut)?;
                // It was the controller a moment ago.
                let Some(mut answer) = answered else { continue };
                if answer.is_empty() {
                    return Err(NoController::Closes(own));
                }
                answer.advance(METADATA_END_BYTES);
                answer
            }
        };
        answer.advance(LENGTH_BYTES.min(answer.len()));
        let (_, response) = decode_response::<R>(version, answer)?;
        return Ok(response);
    }
}

/// Asks a node for what is its own affair.
///
/// # Errors
/// If there is no answer until `deadline`, or the node cannot be asked: the request may have been carried out all the same.
pub(in crate::broker) async fn ask_node<R: ApiRequest>(
    context: &Arc<Context>,
    node: NodeId,
    version: i16,
    request: &R,
    deadline: Instant,
) -> Result<R::Response, NoController> {
    let Some(cluster) = &context.cluster else { return Err(NoController::Alone(node)) };
    Ok(cluster.calls.ask(&*context.io.clock, (node, deadline), version, request).await?)
}

/// An answer for another node: up to where this node has applied the metadata log, then the response's frame.
pub(in crate::broker) fn answer_with_end(context: &Context, frame: &[Bytes]) -> Bytes {
    let end = context.image.end().0.to_be_bytes();
    let mut answer = Vec::with_capacity(METADATA_END_BYTES + frame.iter().map(Bytes::len).sum::<usize>());
    answer.extend_from_slice(&end);
    frame.iter().for_each(|piece| answer.extend_from_slice(piece));
    answer.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NODE: NodeId = NodeId(2);

    #[test]
    fn a_call_is_made_again_where_that_may_lead_to_something_else() {
        let whole = Bytes::from_static(&[0; METADATA_END_BYTES + 4]);
        assert_eq!(outcome(NODE, Ok(whole.clone())).expect("an answer"), Some(whole));
        let again = [
            CallFailed::NoConnection(NODE),
            CallFailed::Refused(NODE),
            CallFailed::Busy(NODE),
            CallFailed::Lost(NODE),
            CallFailed::Closed,
        ];
        for failed in again {
            assert_eq!(outcome(NODE, Err(failed)).expect("it may be answered yet"), None, "{failed}");
        }
        let cut = Bytes::from_static(&[0; METADATA_END_BYTES - 1]);
        assert_eq!(outcome(NODE, Ok(cut)).expect("it may be answered yet"), None);
    }

    #[test]
    fn what_the_controller_cannot_read_take_or_send_is_not_asked_again() {
        let closes = outcome(NODE, Ok(Bytes::new()));
        assert!(matches!(closes, Err(NoController::Closes(NODE))), "{closes:?}");
        for lasting in [CallFailed::TooLarge { node: NODE, max: 9 }, CallFailed::ResponseTooLarge(NODE)] {
            let told = outcome(NODE, Err(lasting));
            assert!(matches!(told, Err(NoController::Failed(failed)) if failed == lasting), "{told:?}");
        }
    }
}
