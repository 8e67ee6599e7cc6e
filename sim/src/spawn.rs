use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use ordain::io::{BoxFuture, JoinError, Spawn, TaskHandle, catch_panic};

use crate::cluster::TaskPanic;
use crate::logs;
use crate::world::{Incarnation, Node, World, lock};

/// Starts the executor's tasks on one node, for one run of its process.
pub(crate) struct SimSpawn {
    world: Arc<World>,
    node: Arc<Node>,
    incarnation: Incarnation,
    executor: madsim::runtime::NodeHandle,
}

/// What a task, its handle and its aborter share.
#[derive(Default)]
struct Shared {
    aborted: bool,
    task: Option<Waker>,
    ended: Option<Result<(), JoinError>>,
    joiner: Option<Waker>,
}

impl SimSpawn {
    pub(crate) fn new(world: Arc<World>, node: Arc<Node>, executor: madsim::runtime::NodeHandle) -> SimSpawn {
        let incarnation = node.incarnation();
        SimSpawn { world, node, incarnation, executor }
    }
}

impl Spawn for SimSpawn {
    fn spawn(&self, name: &'static str, future: BoxFuture<()>) -> TaskHandle {
        let shared = Arc::new(Mutex::new(Shared::default()));
        let task = Task {
            world: self.world.clone(),
            node: self.node.clone(),
            incarnation: self.incarnation,
            name,
            shared: shared.clone(),
            future: Some(Box::pin(catch_panic(future))),
        };
        if self.node.is_alive(self.incarnation) {
            drop(self.executor.spawn(task));
            self.world.prune_tasks();
        } else {
            // Code of a process that has ended, running in a destructor: nothing starts any more.
            drop(task);
        }
        let for_abort = shared.clone();
        let abort = move || {
            let mut shared = lock(&for_abort);
            shared.aborted = true;
            let task = shared.task.take();
            drop(shared);
            if let Some(task) = task {
                task.wake();
            }
        };
        let done = poll_fn(move |context| {
            let mut shared = lock(&shared);
            match &shared.ended {
                Some(result) => Poll::Ready(result.clone()),
                None => {
                    shared.joiner = Some(context.waker().clone());
                    Poll::Pending
                }
            }
        });
        TaskHandle::new(Arc::new(abort), Box::pin(done))
    }
}

struct Task {
    world: Arc<World>,
    node: Arc<Node>,
    incarnation: Incarnation,
    name: &'static str,
    shared: Arc<Mutex<Shared>>,
    future: Option<BoxFuture<Result<(), JoinError>>>,
}

impl Task {
    fn end(&mut self, result: Result<(), JoinError>) {
        self.future = None;
        let mut shared = lock(&self.shared);
        let joiner = if shared.ended.is_none() {
            shared.ended = Some(result);
            shared.joiner.take()
        } else {
            None
        };
        let task = shared.task.take();
        drop(shared);
        drop(task);
        if let Some(joiner) = joiner {
            joiner.wake();
        }
    }

    fn report(&self, message: &str) {
        self.world.event(&self.node.name, format_args!("task {} panicked: {message}", self.name));
        lock(&self.world.panics).push(TaskPanic {
            node: self.node.name.clone(),
            task: self.name.to_owned(),
            message: message.to_owned(),
        });
    }
}

impl Future for Task {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        {
            let mut shared = lock(&self.shared);
            let waker = context.waker();
            if !shared.aborted && !shared.task.as_ref().is_some_and(|task| task.will_wake(waker)) {
                shared.task = Some(waker.clone());
            }
            if shared.aborted {
                drop(shared);
                self.end(Err(JoinError::Aborted));
                return Poll::Ready(());
            }
        }
        if self.node.is_alive(self.incarnation)
            && let Some(trap) = self.node.polls()
        {
            trap();
            if !self.node.is_alive(self.incarnation) {
                // It is dropped with its node.
                return Poll::Pending;
            }
        }
        let this = &mut *self;
        let Some(future) = this.future.as_mut() else { return Poll::Ready(()) };
        let polled = if this.world.trace.is_read() {
            logs::on_node(&this.world, &this.node, || future.as_mut().poll(context))
        } else {
            future.as_mut().poll(context)
        };
        let Poll::Ready(result) = polled else { return Poll::Pending };
        if let Err(JoinError::Panicked(message)) = &result
            && self.node.is_alive(self.incarnation)
        {
            self.report(message);
        }
        self.end(result);
        Poll::Ready(())
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        // Killed with its node, or never started.
        self.end(Err(JoinError::Aborted));
    }
}
