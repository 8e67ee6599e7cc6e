//! What must hold of registrations: the number of one is never given to another, or a node that is no more would speak for one that is.
use std::collections::BTreeMap;

use ordain::metadata::MetadataImage;
use ordain::types::{NodeId, TopicId};

use crate::scenarios::Violation;

/// All registrations that were seen, by their broker epochs; with the node its process.
#[derive(Default)]
pub(super) struct Registrations {
    known: BTreeMap<i64, (NodeId, TopicId)>,
}

impl Registrations {
    /// Looks at all that are registered.
    ///
    /// # Errors
    /// If two had one number.
    pub(super) fn look(&mut self, image: &MetadataImage) -> Result<(), Violation> {
        for (node, broker) in image.registrations() {
            let whose = (node, broker.incarnation);
            let known = *self.known.entry(broker.epoch).or_insert(whose);
            if known != whose {
                let text = format!(
                    "process {} of node {node} is registered with the broker epoch {}, which process {} of node {} had",
                    broker.incarnation, broker.epoch, known.1, known.0
                );
                return Err(Violation::new("I11-broker-epoch-twice", text));
            }
        }
        Ok(())
    }
}
