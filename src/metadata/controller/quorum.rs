use std::collections::BTreeSet;

use super::Decision;
use crate::metadata::MetadataImage;
use crate::types::NodeId;
use crate::wire::messages::QuorumRecord;

/// Whether a node shall vote on the metadata.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Suffrage {
    Votes,
    Observes,
}

/// The nodes that shall vote on the metadata.
#[must_use]
pub fn quorum_nodes(image: &MetadataImage, founders: &[NodeId]) -> BTreeSet<NodeId> {
    image.quorum.clone().unwrap_or_else(|| founders.iter().copied().collect())
}

/// Notes that a node shall vote on the metadata, or shall not; the reply tells whether that is news.
#[must_use]
pub fn note_voter(
    image: &MetadataImage,
    founders: &[NodeId],
    node: NodeId,
    suffrage: Suffrage,
) -> Decision<bool> {
    let mut nodes = quorum_nodes(image, founders);
    let is_news = match suffrage {
        Suffrage::Votes => nodes.insert(node),
        Suffrage::Observes => nodes.remove(&node),
    };
    if !is_news {
        return Decision::reply(false);
    }
    let nodes = nodes.iter().map(|node| node.0).collect();
    let record = QuorumRecord { nodes, ..QuorumRecord::default() };
    Decision { records: vec![record.into()], reply: true }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_founders_vote_until_something_else_is_noted() {
        let founders = [1, 2, 3].map(NodeId);
        let mut image = MetadataImage::default();
        assert_eq!(note_voter(&image, &founders, NodeId(2), Suffrage::Votes), Decision::reply(false));
        let decision = note_voter(&image, &founders, NodeId(4), Suffrage::Votes);
        assert!(decision.reply);
        for record in &decision.records {
            image.apply(record).expect("it fits");
        }
        assert_eq!(quorum_nodes(&image, &founders), [1, 2, 3, 4].map(NodeId).into());
        let decision = note_voter(&image, &founders, NodeId(1), Suffrage::Observes);
        for record in &decision.records {
            image.apply(record).expect("it fits");
        }
        assert_eq!(quorum_nodes(&image, &founders), [2, 3, 4].map(NodeId).into());
        assert_eq!(note_voter(&image, &founders, NodeId(1), Suffrage::Observes), Decision::reply(false));
    }
}
