use std::any::Any;
use std::sync::Arc;

use tokio::runtime::Handle;

use crate::io::{BoxFuture, JoinError, Spawn, TaskHandle};

/// Tasks of a tokio runtime.
pub(super) struct RealSpawn {
    runtime: Handle,
}

impl RealSpawn {
    pub(super) fn new(runtime: Handle) -> RealSpawn {
        RealSpawn { runtime }
    }
}

impl Spawn for RealSpawn {
    fn spawn(&self, name: &'static str, future: BoxFuture<()>) -> TaskHandle {
        let task = self.runtime.spawn(future);
        let abort = task.abort_handle();
        TaskHandle::new(
            Arc::new(move || abort.abort()),
            Box::pin(async move {
                let error = match task.await {
                    Ok(()) => return Ok(()),
                    Err(error) => error,
                };
                match error.try_into_panic() {
                    Ok(panic) => {
                        let message = panic_message(panic.as_ref());
                        tracing::error!(task = name, message, "a task panicked");
                        Err(JoinError::Panicked(message))
                    }
                    Err(_) => Err(JoinError::Aborted),
                }
            }),
        )
    }
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
