//! Starts the library's node and tells what recovery found.
use std::path::Path;
use std::sync::Arc;

use ordain::broker::Loggers;
use ordain::config::LoadedConfig;
use ordain::io::Io;
use ordain::server::{Node, StartError};

use crate::failure::Failure;

/// Starts a node and says in the log what recovery found.
pub async fn start(io: Io, config: LoadedConfig, data_dir: &Path, loggers: Loggers) -> Result<Node, Failure> {
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    let storage = &config.broker.storage;
    let journal_bytes = storage.journal_file_bytes * storage.journal_files as u64;
    let started = Node::start_with(io, Arc::new(config.broker), Arc::new(config.settings), loggers).await;
    let node = started.map_err(|error| match error {
        // What storage says names files below the data directory.
        StartError::Storage(error) => {
            let mut message = format!("in the data directory {}: {error}", data_dir.display());
            if is_full(&error) {
                message.push_str(&format!(
                    "; the journal alone takes {} MiB: free some space, name another disk with --data, or set \
                     ordain.journal.files or ordain.journal.file.bytes lower",
                    journal_bytes >> 20
                ));
            }
            Failure::Message(message)
        }
        other => Failure::Message(other.to_string()),
    })?;
    report(&node);
    Ok(node)
}

/// Whether a lack of space is what an error goes back to.
fn is_full(error: &(dyn std::error::Error + 'static)) -> bool {
    let of_system = error.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
    of_system == Some(std::io::ErrorKind::StorageFull) || error.source().is_some_and(is_full)
}

fn report(node: &Node) {
    let report = node.recovery();
    if let Some(what) = &report.checkpoint_copy {
        tracing::warn!("one of the two copies of the checkpoint was not usable ({what}); the other was");
    }
    let image = node.context().metadata();
    for damage in &report.damaged {
        let topic = image.topic_by_id(damage.partition.topic).map(|topic| topic.name.to_string());
        let topic = topic.unwrap_or_else(|| "of an unknown topic".to_owned());
        let index = damage.partition.index.0;
        tracing::error!(directory = %damage.partition,
            "partition {topic}-{index} is damaged and not served, all others are: {}", damage.what);
    }
    if report.files_cut > 0 {
        tracing::info!(files = report.files_cut, "segment files cut back to the checkpoint");
    }
    for name in &report.removed {
        tracing::info!("removed {name}, which nothing names");
    }
    for name in &report.indexes_short {
        tracing::warn!("the index {name} is shorter than it should be: look-ups there are slower");
    }
    for name in &report.ignored {
        tracing::warn!("{name} in the data directory is not Ordain's; left alone");
    }
}
