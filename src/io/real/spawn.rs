use std::sync::Arc;

use tokio::runtime::{Handle, RuntimeFlavor};

use crate::io::{BoxFuture, JoinError, Spawn, TaskHandle, catch_panic};

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
        let task = self.runtime.spawn(async move {
            let result = catch_panic(future).await;
            if let Err(error) = &result {
                // Here and not at the join: most handles are dropped.
                tracing::error!(task = name, %error, "a task ended early");
            }
            result
        });
        let abort = task.abort_handle();
        TaskHandle::new(
            Arc::new(move || abort.abort()),
            // Its panics are caught inside, so what is left is an abort, or the runtime's end.
            Box::pin(async move { task.await.unwrap_or(Err(JoinError::Aborted)) }),
        )
    }

    fn busy(&self, work: &mut dyn FnMut()) {
        match self.runtime.runtime_flavor() {
            // Another thread takes over the tasks of this worker.
            RuntimeFlavor::MultiThread => tokio::task::block_in_place(work),
            _ => work(),
        }
    }
}
