//! Starts the library's node and tells what recovery found.
use std::sync::Arc;

use ordain::config::LoadedConfig;
use ordain::io::Io;
use ordain::server::Node;

use crate::failure::Failure;

/// Starts a node and says in the log what recovery found.
pub async fn start(io: Io, config: LoadedConfig) -> Result<Node, Failure> {
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    let node = Node::start(io, Arc::new(config.broker), Arc::new(config.settings))
        .await
        .map_err(|error| Failure::Message(error.to_string()))?;
    report(&node);
    Ok(node)
}

fn report(node: &Node) {
    let report = node.recovery();
    if let Some(what) = &report.checkpoint_copy {
        tracing::warn!("one of the two copies of the checkpoint was not usable ({what}); the other was");
    }
    for damage in &report.damaged {
        tracing::error!(partition = %damage.partition, "damaged, and not served: {}", damage.what);
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
