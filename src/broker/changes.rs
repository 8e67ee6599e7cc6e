//! Changes of the metadata on behalf of a request.
use std::time::Duration;

use super::Context;
use super::errors::ApiError;
use crate::io::timeout;
use crate::metadata::MetadataImage;
use crate::metadata::controller::Decision;
use crate::types::ErrorCode;

/// Whether a request's change is made, or only examined.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Mode {
    Make,
    Validate,
}

impl Mode {
    pub(super) fn of(validate_only: bool) -> Mode {
        if validate_only { Mode::Validate } else { Mode::Make }
    }
}

/// How long a change that a node asks for may take.
const NODE_TIMEOUT_MS: i32 = 20_000;

/// As [`change`], for what a node asks.
///
/// # Errors
/// As there.
pub(super) async fn change_for_node<R: Send + 'static>(
    context: &Context,
    decide: impl FnOnce(&MetadataImage) -> Decision<R> + Send + 'static,
) -> Result<R, ApiError> {
    change(context, Mode::Make, NODE_TIMEOUT_MS, decide).await
}

/// Lets the controller decide, and waits until the change is committed, at most as long as the request says.
///
/// # Errors
/// What is to be answered when there is no decision: the metadata log takes no records, or the time is up
/// (the change may still be made then).
pub(super) async fn change<R: Send + 'static>(
    context: &Context,
    mode: Mode,
    timeout_ms: i32,
    decide: impl FnOnce(&MetadataImage) -> Decision<R> + Send + 'static,
) -> Result<R, ApiError> {
    let patience = Duration::from_millis(u64::try_from(timeout_ms).unwrap_or(0));
    let deadline = context.io.clock.now().after(patience);
    let decide = move |image: &MetadataImage| {
        let decision = decide(image);
        match mode {
            Mode::Make => decision,
            Mode::Validate => Decision::reply(decision.reply),
        }
    };
    match timeout(&*context.io.clock, deadline, context.controller.change(decide)).await {
        Ok(Ok(reply)) => Ok(reply),
        Ok(Err(unavailable)) => {
            tracing::warn!(%unavailable, "a change of the metadata was not made");
            Err(ApiError::from(&*unavailable))
        }
        Err(_) => Err(ApiError::new(
            ErrorCode::RequestTimedOut,
            format!(
                "the change took longer than the request's timeout of {timeout_ms} ms; it may still be made"
            ),
        )),
    }
}
