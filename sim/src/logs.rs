//! What the nodes' own programs log, as lines of the trace that are not part of its hash: they may say what
//! differs between processes, and nothing depends on them.
//!
//! Only where somebody reads the trace; a run that is only hashed never looks at a log.
use std::cell::RefCell;
use std::fmt::{self, Write as _};
use std::sync::Arc;

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::SetGlobalDefaultError;
use tracing::{Event, Metadata, Subscriber};

use crate::world::{Node, World};

thread_local! {
    /// Whose task runs.
    static RUNNING: RefCell<Option<(Arc<World>, Arc<Node>)>> = const { RefCell::new(None) };
}

/// Programs whose logs are of interest: not the executor's.
const TARGET: &str = "ordain";

/// From now on, for the whole process, logs become lines of the trace of the simulation that runs.
///
/// # Errors
/// If the process has another subscriber already.
pub fn install() -> Result<(), SetGlobalDefaultError> {
    tracing::subscriber::set_global_default(Logs)
}

/// Runs `job` as a part of a node's program.
pub(crate) fn on_node<T>(world: &Arc<World>, node: &Arc<Node>, job: impl FnOnce() -> T) -> T {
    RUNNING.set(Some((world.clone(), node.clone())));
    let result = job();
    // What it was is dropped after the cell is free again.
    drop(RUNNING.take());
    result
}

struct Logs;

impl Subscriber for Logs {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && metadata.target().starts_with(TARGET)
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let running = RUNNING.with_borrow(Clone::clone);
        let Some((world, node)) = running else { return };
        let (mut words, metadata) = (Words::default(), event.metadata());
        event.record(&mut words);
        let (level, target) = (metadata.level(), metadata.target());
        let what = format_args!("log {level} {target}: {}{}", words.message, words.fields);
        world.trace.aside(world.now(), &node.name, what);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[derive(Default)]
struct Words {
    message: String,
    fields: String,
}

impl Visit for Words {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let written = if field.name() == "message" {
            write!(self.message, "{value:?}")
        } else {
            write!(self.fields, " {}={value:?}", field.name())
        };
        written.expect("a string takes all text");
    }
}
