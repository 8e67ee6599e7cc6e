//! No sound node sends what another one finds malformed: who is refused so is refused again when it has connected anew, and what the two
//! replicate stands still. Left out are nodes whose disks may give them what nobody wrote, whatever they send or find, and whoever is no
//! node of the fleet.
//!
//! Looked at is what the owner of connections finds (`src/partition/replication/hub.rs`): frames that can be read, and rows in them. Bytes
//! that are no frame only the hostile client sends.
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use ordain::io::Shutdown;
use ordain::probe::{self, Malformed};
use ordain::types::NodeId;

use crate::cluster::Cluster;
use crate::scenarios::Violation;
use crate::world::lock;

/// Looks at what all nodes of this process find malformed, and keeps the first thing that must not be. Cheap to clone.
#[derive(Clone, Default)]
pub(in crate::scenarios) struct MalformedWatch {
    shared: Arc<Mutex<Shared>>,
    /// Begun when something is wrong.
    wrong: Shutdown,
}

#[derive(Default)]
struct Shared {
    sound: BTreeSet<NodeId>,
    wrong: Option<Violation>,
}

impl MalformedWatch {
    /// Looks at these nodes from now on; says what is wrong in the trace, at once.
    pub(in crate::scenarios) fn begin(
        cluster: &Cluster,
        sound: impl Iterator<Item = NodeId>,
    ) -> MalformedWatch {
        let watch = MalformedWatch::of(sound);
        let (looks, notes) = (watch.clone(), cluster.clone());
        probe::watch_malformed(move |found| {
            if let Err(wrong) = looks.look(&found) {
                notes.note(format_args!("WRONG: {wrong}"));
            }
        });
        watch
    }

    fn of(sound: impl Iterator<Item = NodeId>) -> MalformedWatch {
        let watch = MalformedWatch::default();
        lock(&watch.shared).sound.extend(sound);
        watch
    }

    /// What this node has on its disk is not what it had.
    pub(in crate::scenarios) fn doubt(&self, node: NodeId) {
        lock(&self.shared).sound.remove(&node);
    }

    /// Looks at what a node has found.
    ///
    /// # Errors
    /// If it must not be; nothing more once that was told.
    fn look(&self, found: &Malformed) -> Result<(), Violation> {
        let Malformed { node, from, what } = found;
        let mut shared = lock(&self.shared);
        let are_sound = [node, from].into_iter().all(|one| shared.sound.contains(&NodeId(*one)));
        if !are_sound || shared.wrong.is_some() {
            return Ok(());
        }
        let text = format!("node {node} closes its connections with node {from}: {what}");
        let wrong = Violation::new("sound-node-malformed", text);
        shared.wrong = Some(wrong.clone());
        self.wrong.begin();
        Err(wrong)
    }

    /// What was wrong first, as soon as something is.
    pub(in crate::scenarios) async fn is_wrong(&self) -> Violation {
        self.wrong.begun().await;
        lock(&self.shared).wrong.clone().expect("it is begun by the first")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(node: i32, from: i32) -> Malformed {
        Malformed { node, from, what: "entries that nobody has".to_owned() }
    }

    #[test]
    fn what_a_sound_node_finds_of_a_sound_node_is_wrong_and_nothing_else() {
        let watch = MalformedWatch::of([1, 2, 3].map(NodeId).into_iter());
        assert_eq!(watch.look(&found(1, 9)), Ok(()), "it is none of the nodes");
        watch.doubt(NodeId(3));
        assert_eq!(watch.look(&found(1, 3)), Ok(()));
        assert_eq!(watch.look(&found(3, 1)), Ok(()));
        let wrong = watch.look(&found(1, 2)).unwrap_err();
        assert_eq!(wrong.checker, "sound-node-malformed");
        assert!(wrong.text.contains("node 1 closes its connections with node 2: entries"), "{wrong}");
        assert_eq!(watch.look(&found(2, 1)), Ok(()), "one is enough");
    }
}
