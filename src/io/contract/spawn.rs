use std::future::pending;

use tokio::sync::oneshot;

use super::{Stage, soon};
use crate::io::JoinError;

pub(super) async fn runs_to_the_end(stage: &Stage) {
    let (sender, receiver) = oneshot::channel();
    let task = stage.client.spawn.spawn("contract", Box::pin(async move { sender.send(7).unwrap() }));
    assert_eq!(soon(&stage.client, "the task's word", receiver).await, Ok(7));
    assert_eq!(soon(&stage.client, "the task's end", task.join()).await, Ok(()));
}

/// Tells its drop.
struct Guard(Option<oneshot::Sender<()>>);

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(sender) = self.0.take() {
            // Nobody listens if the test has failed already.
            let _ = sender.send(());
        }
    }
}

pub(super) async fn abort_ends_it(stage: &Stage) {
    let (started, has_started) = oneshot::channel();
    let (dropped, was_dropped) = oneshot::channel();
    let guard = Guard(Some(dropped));
    let task = stage.client.spawn.spawn(
        "contract",
        Box::pin(async move {
            let _guard = guard;
            started.send(()).unwrap();
            pending::<()>().await;
        }),
    );
    soon(&stage.client, "the task's start", has_started).await.unwrap();
    task.abort();
    soon(&stage.client, "the drop of an aborted task", was_dropped).await.unwrap();
    assert_eq!(soon(&stage.client, "the task's end", task.join()).await, Err(JoinError::Aborted));
}

pub(super) async fn a_panic_is_reported(stage: &Stage) {
    let spawn = &stage.client.spawn;
    let plain = spawn.spawn("contract", Box::pin(async { panic!("a planted panic") }));
    let result = soon(&stage.client, "the task's end", plain.join()).await;
    assert_eq!(result, Err(JoinError::Panicked("a planted panic".to_owned())));
    let formatted = spawn.spawn("contract", Box::pin(async { panic!("planted panic number {}", 2) }));
    let result = soon(&stage.client, "the task's end", formatted.join()).await;
    assert_eq!(result, Err(JoinError::Panicked("planted panic number 2".to_owned())));
}

pub(super) async fn a_dropped_handle_lets_it_run(stage: &Stage) {
    let (go, may_go) = oneshot::channel();
    let (sender, receiver) = oneshot::channel();
    drop(stage.client.spawn.spawn(
        "contract",
        Box::pin(async move {
            let word: u32 = may_go.await.unwrap();
            sender.send(word + 1).unwrap();
        }),
    ));
    go.send(1).unwrap();
    assert_eq!(soon(&stage.client, "the task's word", receiver).await, Ok(2));
}

pub(super) async fn busy_work_is_done_when_it_returns(stage: &Stage) {
    let (sender, receiver) = oneshot::channel();
    let spawn = stage.client.spawn.clone();
    drop(stage.client.spawn.spawn(
        "contract",
        Box::pin(async move {
            let mut times = 0;
            spawn.busy(&mut || times += 1);
            sender.send(times).unwrap();
        }),
    ));
    assert_eq!(soon(&stage.client, "the task's word", receiver).await, Ok(1));
}
