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
    let started = Node::start_with(io, Arc::new(config.broker), Arc::new(config.settings), loggers).await;
    let node = started.map_err(|error| match error {
        // What storage says names files below the data directory.
        StartError::Storage(error) => {
            Failure::Message(format!("in the data directory {}: {error}", data_dir.display()))
        }
        other => Failure::Message(other.to_string()),
    })?;
    report(&node);
    Ok(node)
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
