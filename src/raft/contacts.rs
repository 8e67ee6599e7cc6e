use std::collections::BTreeMap;
use std::time::Duration;

use super::Event;
use crate::types::{Instant, NodeId};

/// When each other node was last heard: one failure detector for all replicas of a node, with one deadline.
///
/// The instant of a contact is what it proves: for a node whose followers this one leads, the moment at which this node
/// *sent* what the other echoes. So a node that was paused finds its contacts old, whatever waits in its sockets.
#[derive(Debug)]
pub struct Contacts {
    silence: Duration,
    nodes: BTreeMap<NodeId, Contact>,
}

#[derive(Clone, Copy, Debug)]
struct Contact {
    heard: Instant,
    silent: bool,
    /// Its process was found gone then: what it showed before proves nothing.
    gone: Option<Instant>,
}

impl Contacts {
    /// A node counts as silent that was not heard for `silence`.
    #[must_use]
    pub fn new(silence: Duration) -> Contacts {
        Contacts { silence, nodes: BTreeMap::new() }
    }

    /// Watches a node from now on; it counts as heard now.
    pub fn watch(&mut self, node: NodeId, now: Instant) {
        self.nodes.entry(node).or_insert(Contact { heard: now, silent: false, gone: None });
    }

    pub fn forget(&mut self, node: NodeId) {
        self.nodes.remove(&node);
    }

    /// The node showed that it lived at `as_of`. The event for its replicas, if it was silent before and is not any
    /// more.
    pub fn heard(&mut self, node: NodeId, as_of: Instant, now: Instant) -> Option<Event> {
        let contact = self.nodes.get_mut(&node)?;
        if contact.gone.is_some_and(|gone| as_of < gone) {
            return None;
        }
        contact.gone = None;
        contact.heard = contact.heard.max(as_of);
        let back = contact.silent && now.since(contact.heard) < self.silence;
        contact.silent &= !back;
        back.then_some(Event::NodeHeard { node })
    }

    /// The node's process is gone, as far as can be told: nothing listens where it did, and no connection to it is left. It counts as
    /// silent at once, until it is heard as of a later instant. The event for its replicas, if it was not silent before.
    pub fn gone(&mut self, node: NodeId, now: Instant) -> Option<Event> {
        let contact = self.nodes.get_mut(&node)?;
        contact.gone = Some(now);
        let newly = !std::mem::replace(&mut contact.silent, true);
        newly.then_some(Event::NodeSilent { node })
    }

    /// When [`Contacts::expired`] has something to say next.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        let watched = self.nodes.values().filter(|contact| !contact.silent);
        watched.map(|contact| contact.heard.after(self.silence)).min()
    }

    /// The nodes that have become silent by now, each told once. To be asked before anything else that a turn does.
    pub fn expired(&mut self, now: Instant) -> impl Iterator<Item = Event> + '_ {
        let silence = self.silence;
        let newly = move |contact: &Contact| !contact.silent && now.since(contact.heard) >= silence;
        self.nodes.iter_mut().filter(move |(_, contact)| newly(contact)).map(|(&node, contact)| {
            contact.silent = true;
            Event::NodeSilent { node }
        })
    }

    #[must_use]
    pub fn is_silent(&self, node: NodeId) -> bool {
        self.nodes.get(&node).is_some_and(|contact| contact.silent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    #[test]
    fn silence_and_return_are_told_once_each() {
        let node = NodeId(2);
        let mut contacts = Contacts::new(Duration::from_millis(100));
        contacts.watch(node, Instant(0));
        assert_eq!(contacts.deadline(), Some(Instant(100 * MS)));
        assert_eq!(contacts.expired(Instant(99 * MS)).count(), 0);
        assert_eq!(contacts.heard(node, Instant(50 * MS), Instant(60 * MS)), None);
        assert_eq!(contacts.expired(Instant(149 * MS)).count(), 0);
        let expired: Vec<Event> = contacts.expired(Instant(150 * MS)).collect();
        assert_eq!(expired, [Event::NodeSilent { node }]);
        assert_eq!(contacts.expired(Instant(200 * MS)).count(), 0);
        assert!(contacts.is_silent(node));
        assert_eq!(contacts.deadline(), None);
        let heard = contacts.heard(node, Instant(290 * MS), Instant(300 * MS));
        assert_eq!(heard, Some(Event::NodeHeard { node }));
        assert_eq!(contacts.deadline(), Some(Instant(390 * MS)));
    }

    #[test]
    fn a_node_that_is_gone_is_silent_at_once_until_it_shows_itself_anew() {
        let node = NodeId(2);
        let mut contacts = Contacts::new(Duration::from_millis(100));
        contacts.watch(node, Instant(0));
        assert_eq!(contacts.gone(node, Instant(30 * MS)), Some(Event::NodeSilent { node }));
        assert_eq!(contacts.gone(node, Instant(31 * MS)), None, "told once");
        assert_eq!((contacts.is_silent(node), contacts.deadline()), (true, None));
        assert_eq!(
            contacts.heard(node, Instant(29 * MS), Instant(32 * MS)),
            None,
            "an echo of its last life"
        );
        assert!(contacts.is_silent(node));
        let back = contacts.heard(node, Instant(40 * MS), Instant(41 * MS));
        assert_eq!(back, Some(Event::NodeHeard { node }));
        assert_eq!(contacts.deadline(), Some(Instant(140 * MS)));
        assert_eq!(contacts.gone(NodeId(9), Instant(0)), None, "not watched");
    }

    #[test]
    fn what_was_sent_before_a_pause_proves_nothing_after_it() {
        let node = NodeId(2);
        let mut contacts = Contacts::new(Duration::from_millis(100));
        contacts.watch(node, Instant(0));
        // The node was stopped from 10 to 500 ms; a request that echoes 10 ms has waited in the socket.
        let now = Instant(500 * MS);
        assert_eq!(contacts.expired(now).count(), 1);
        assert_eq!(contacts.heard(node, Instant(10 * MS), now), None, "still silent");
        assert!(contacts.is_silent(node));
        assert_eq!(contacts.heard(NodeId(9), now, now), None, "not watched");
    }
}
