use std::sync::Arc;

use super::BoxFuture;

/// Starts tasks. A task that panics ends alone: its handle reports it, the node lives on.
pub trait Spawn: Send + Sync + 'static {
    /// Starts `future` as a task. `name` is for people. The task runs on if the handle is dropped.
    fn spawn(&self, name: &'static str, future: BoxFuture<()>) -> TaskHandle;
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
