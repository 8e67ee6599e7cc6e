use std::collections::BTreeMap;
use std::time::Duration;

use super::Event;
use crate::types::{Instant, NodeId};

/// When each other node was last heard: one failure detector for all replicas of a node, with one deadline.
///
/// There are two instants of a contact. What it *proves*, for a node whose followers this one leads, is that the other lived at the moment at
/// which this node *sent* what the other echoes. So a node that was paused finds its contacts old, whatever waits in its sockets. When
/// anything *came*, for a node that follows the other: the other has what this one says to it, or said in its answer, as a proof of that
/// moment at most. Thus who follows waits at least as long for a leader as that leader counts on it, by clocks that run alike.
#[derive(Debug)]
pub struct Contacts {
    silence: Duration,
    nodes: BTreeMap<NodeId, Contact>,
}

#[derive(Clone, Copy, Debug)]
struct Contact {
    proved: Instant,
    /// Not before `proved`.
    came: Instant,
    state: State,
    /// Its process was found gone then: what it showed before proves nothing.
    gone: Option<Instant>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Heard,
    Unproven,
    Silent,
}

impl Contact {
    /// What it is by now, unless it is heard anew.
    fn state(&self, silence: Duration, now: Instant) -> State {
        let is_over = |since: Instant| now.since(since) >= silence;
        match self.state {
            State::Silent => State::Silent,
            _ if is_over(self.proved) && is_over(self.came) => State::Silent,
            State::Unproven => State::Unproven,
            State::Heard if is_over(self.proved) => State::Unproven,
            State::Heard => State::Heard,
        }
    }
}

impl Contacts {
    /// A node counts as silent that was not heard for `silence`.
    #[must_use]
    pub fn new(silence: Duration) -> Contacts {
        Contacts { silence, nodes: BTreeMap::new() }
    }

    /// Watches a node from now on; it counts as heard now.
    pub fn watch(&mut self, node: NodeId, now: Instant) {
        let contact = Contact { proved: now, came: now, state: State::Heard, gone: None };
        self.nodes.entry(node).or_insert(contact);
    }

    pub fn forget(&mut self, node: NodeId) {
        self.nodes.remove(&node);
    }

    /// Something came from the node. One that is silent is not heard again by that alone.
    pub fn came(&mut self, node: NodeId, now: Instant) {
        if let Some(contact) = self.nodes.get_mut(&node) {
            contact.came = contact.came.max(now);
        }
    }

    /// The node proved that it lived at `as_of`. The event for its replicas, if that was not so before and is now.
    pub fn heard(&mut self, node: NodeId, as_of: Instant, now: Instant) -> Option<Event> {
        let contact = self.nodes.get_mut(&node)?;
        if contact.gone.is_some_and(|gone| as_of < gone) {
            return None;
        }
        contact.gone = None;
        contact.proved = contact.proved.max(as_of);
        contact.came = contact.came.max(contact.proved);
        let back = contact.state != State::Heard && now.since(contact.proved) < self.silence;
        if back {
            contact.state = State::Heard;
        }
        back.then_some(Event::NodeHeard { node })
    }

    /// The node's process is gone, as far as can be told: nothing listens where it did, and no connection to it is left. It counts as
    /// silent at once, until it is heard as of a later instant. The event for its replicas, if it was not silent before.
    pub fn gone(&mut self, node: NodeId, now: Instant) -> Option<Event> {
        let contact = self.nodes.get_mut(&node)?;
        contact.gone = Some(now);
        let newly = std::mem::replace(&mut contact.state, State::Silent) != State::Silent;
        newly.then_some(Event::NodeSilent { node })
    }

    /// When [`Contacts::expired`] has something to say next.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        let next = |contact: &Contact| match contact.state {
            State::Heard => Some(contact.proved.after(self.silence)),
            State::Unproven => Some(contact.came.after(self.silence)),
            State::Silent => None,
        };
        self.nodes.values().filter_map(next).min()
    }

    /// The nodes that have become unproven or silent by now, each told once. To be asked before anything else that a turn does.
    pub fn expired(&mut self, now: Instant) -> impl Iterator<Item = Event> + '_ {
        let silence = self.silence;
        self.nodes.iter_mut().filter_map(move |(&node, contact)| {
            let state = contact.state(silence, now);
            if std::mem::replace(&mut contact.state, state) == state {
                return None;
            }
            match state {
                State::Heard => None,
                State::Unproven => Some(Event::NodeUnproven { node }),
                State::Silent => Some(Event::NodeSilent { node }),
            }
        })
    }

    #[must_use]
    pub fn is_heard(&self, node: NodeId) -> bool {
        self.nodes.get(&node).is_none_or(|contact| contact.state == State::Heard)
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
        assert!(!contacts.is_heard(node));
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
        assert_eq!((contacts.is_heard(node), contacts.deadline()), (false, None));
        assert_eq!(
            contacts.heard(node, Instant(29 * MS), Instant(32 * MS)),
            None,
            "an echo of its last life"
        );
        assert!(!contacts.is_heard(node));
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
        assert!(!contacts.is_heard(node));
        assert_eq!(contacts.heard(NodeId(9), now, now), None, "not watched");
    }

    #[test]
    fn who_follows_a_node_waits_as_long_as_that_node_counts_on_it() {
        let node = NodeId(2);
        let at = |ms: u64| Instant(ms * MS);
        let mut contacts = Contacts::new(Duration::from_millis(100));
        contacts.watch(node, at(0));
        // What came echoes something older: the other one has been proved to have an answer only since.
        contacts.came(node, at(43));
        assert_eq!(contacts.heard(node, at(2), at(43)), None);
        let expired = |contacts: &mut Contacts, ms| contacts.expired(at(ms)).collect::<Vec<_>>();
        assert_eq!(contacts.deadline(), Some(at(102)));
        assert_eq!(expired(&mut contacts, 102), [Event::NodeUnproven { node }]);
        assert!(!contacts.is_heard(node));
        assert_eq!(contacts.deadline(), Some(at(143)));
        assert_eq!(expired(&mut contacts, 142), []);
        contacts.came(node, at(142));
        assert_eq!(expired(&mut contacts, 241), [], "it came again");
        assert_eq!(expired(&mut contacts, 242), [Event::NodeSilent { node }]);
        contacts.came(node, at(250));
        assert_eq!((expired(&mut contacts, 251), contacts.deadline()), (vec![], None), "proves nothing");
        assert_eq!(contacts.heard(node, at(251), at(252)), Some(Event::NodeHeard { node }));
        assert_eq!(expired(&mut contacts, 400), [Event::NodeSilent { node }], "both at once");
    }
}
