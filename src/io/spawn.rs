use std::any::Any;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::Poll;

use super::BoxFuture;

/// Starts tasks. A task that panics ends alone: its handle reports it, the node lives on.
pub trait Spawn: Send + Sync + 'static {
    /// Starts `future` as a task. `name` is for people. The task runs on if the handle is dropped.
    fn spawn(&self, name: &'static str, future: BoxFuture<()>) -> TaskHandle;

    /// Runs work that may keep a core busy for long, here and now; other tasks need not wait for it.
    fn busy(&self, work: &mut dyn FnMut()) {
        work();
    }
}

/// How a task ended that did not run to its end.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum JoinError {
    #[error("the task was aborted")]
    Aborted,
    #[error("the task panicked: {0}")]
    Panicked(String),
}

/// A running task: may be aborted, and awaited.
pub struct TaskHandle {
    abort: Arc<dyn Fn() + Send + Sync>,
    done: BoxFuture<Result<(), JoinError>>,
}

impl TaskHandle {
    /// For the twins: how to abort the task, and what completes when it has ended.
    #[must_use]
    pub fn new(abort: Arc<dyn Fn() + Send + Sync>, done: BoxFuture<Result<(), JoinError>>) -> TaskHandle {
        TaskHandle { abort, done }
    }

    /// Ends the task at its next await.
    pub fn abort(&self) {
        (self.abort)();
    }

    /// Waits for the task's end.
    ///
    /// # Errors
    /// If it was aborted or panicked.
    pub async fn join(self) -> Result<(), JoinError> {
        self.done.await
    }
}

/// For the twins: drives `future`, and turns its panic into an error.
///
/// # Errors
/// [`JoinError::Panicked`] with the panic's text.
pub async fn catch_panic(future: BoxFuture<()>) -> Result<(), JoinError> {
    let mut future = Some(future);
    poll_fn(move |context| {
        let Some(running) = future.as_mut() else { return Poll::Ready(Ok(())) };
        match catch_unwind(AssertUnwindSafe(|| running.as_mut().poll(context))) {
            Ok(poll) => poll.map(Ok),
            Err(panic) => {
                // What is left of it is dropped here, where a second panic would still be caught.
                let rest = future.take();
                let message = panic_message(panic.as_ref());
                let dropped = catch_unwind(AssertUnwindSafe(|| drop(rest)));
                let message =
                    if dropped.is_ok() { message } else { message + " (and again in a destructor)" };
                Poll::Ready(Err(JoinError::Panicked(message)))
            }
        }
    })
    .await
}

fn panic_message(panic: &(dyn Any + Send)) -> String {
    if let Some(text) = panic.downcast_ref::<&str>() {
        (*text).to_owned()
    } else if let Some(text) = panic.downcast_ref::<String>() {
        text.clone()
    } else {
        "a panic without a text".to_owned()
    }
}
