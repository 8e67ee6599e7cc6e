use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::{Identity, Refusal};
use crate::types::{Instant, NodeId, Uuid};

/// Which connection speaks for each node that dialled this one: one at a time, the last that proved to be alive.
///
/// A hello is only a claim, and may come late from a process that has died. It gets a [`Ticket`]; the first request, which
/// answers this node's reply, confirms it.
#[derive(Debug)]
pub struct Admissions {
    silence: Duration,
    nodes_max: usize,
    next: u64,
    /// Hellos that are not confirmed yet.
    claims: BTreeMap<Ticket, Claim>,
    nodes: BTreeMap<NodeId, Known>,
}

/// A connection, by the order of their hellos.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Ticket(u64);

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Claim {
    node: NodeId,
    directory: Uuid,
    incarnation: Uuid,
}

#[derive(Debug)]
struct Known {
    ticket: Ticket,
    claim: Claim,
    open: bool,
    heard: Instant,
    /// When something with another directory last said that it was this node; or since when the node is known.
    alone_since: Instant,
    /// Earlier processes with the same directory, the newest last.
    superseded: VecDeque<Uuid>,
    /// The commit of its directory's journal that came next when it said so last: all before it had been durable.
    told_commit: Option<u64>,
}

/// How many earlier processes of a node are remembered.
const SUPERSEDED_MAX: usize = 4;

impl Admissions {
    /// At most `nodes_max` nodes are known.
    #[must_use]
    pub fn new(silence: Duration, nodes_max: usize) -> Admissions {
        Admissions { silence, nodes_max, next: 0, claims: BTreeMap::new(), nodes: BTreeMap::new() }
    }

    /// A node says who it is, and which commit of its journal came next when its process started. To be given back with [`Admissions::ended`], whatever becomes of it.
    ///
    /// # Errors
    /// The refusal to be answered.
    pub fn hello(
        &mut self,
        now: Instant,
        peer: &Identity,
        found_commit: Option<u64>,
    ) -> Result<Ticket, Refusal> {
        let claim = Claim { node: peer.node, directory: peer.directory, incarnation: peer.incarnation };
        if let Some(known) =
            self.nodes.get_mut(&claim.node).filter(|known| known.claim.directory != claim.directory)
        {
            known.alone_since = now;
        }
        self.check(now, claim)?;
        // A process has more by now than it found when it started; one that started later has to find that.
        let same_disk = |known: &&Known| {
            known.claim.directory == claim.directory && known.claim.incarnation != claim.incarnation
        };
        let told = self.nodes.get(&claim.node).filter(same_disk).and_then(|known| known.told_commit);
        if let Some((told, found)) = told.zip(found_commit)
            && found < told
        {
            return Err(Refusal::Forgot);
        }
        let ticket = Ticket(self.next);
        self.next += 1;
        self.claims.insert(ticket, claim);
        Ok(ticket)
    }

    /// The connection's first request has come: it speaks for its node. Gives the connection that did so before and is to
    /// be closed.
    ///
    /// # Errors
    /// Another has taken its place meanwhile: it is to be closed.
    pub fn confirm(&mut self, now: Instant, ticket: Ticket) -> Result<Option<Ticket>, Refusal> {
        let claim = self.claims.remove(&ticket).ok_or(Refusal::Superseded)?;
        self.check(now, claim)?;
        let Some(known) = self.nodes.get_mut(&claim.node) else {
            let known = Known {
                ticket,
                claim,
                open: true,
                heard: now,
                alone_since: now,
                superseded: VecDeque::new(),
                told_commit: None,
            };
            self.nodes.insert(claim.node, known);
            return Ok(None);
        };
        if ticket < known.ticket {
            return Err(Refusal::Superseded);
        }
        if known.claim.directory != claim.directory {
            known.alone_since = now;
            known.told_commit = None;
        }
        if known.claim.directory == claim.directory && known.claim.incarnation != claim.incarnation {
            known.superseded.push_back(known.claim.incarnation);
            if known.superseded.len() > SUPERSEDED_MAX {
                known.superseded.pop_front();
            }
        }
        let replaced = known.open.then_some(known.ticket);
        (known.ticket, known.claim, known.open, known.heard) = (ticket, claim, true, now);
        Ok(replaced)
    }

    /// The directory of the process that speaks for a node, or did last, and since when nothing else has claimed to be that node.
    #[must_use]
    pub fn alone(&self, node: NodeId) -> Option<(Uuid, Instant)> {
        self.nodes.get(&node).map(|known| (known.claim.directory, known.alone_since))
    }

    /// A frame came on this connection; one that says which commit of the node's journal comes next says that all before are durable.
    pub fn heard(&mut self, now: Instant, node: NodeId, ticket: Ticket, next_commit: Option<u64>) {
        if let Some(known) = self.nodes.get_mut(&node).filter(|known| known.ticket == ticket) {
            known.heard = known.heard.max(now);
            known.told_commit = known.told_commit.max(next_commit);
        }
    }

    /// What a node told of its journal last.
    #[must_use]
    pub fn told_commit(&self, node: NodeId) -> Option<u64> {
        self.nodes.get(&node).and_then(|known| known.told_commit)
    }

    /// The connection has ended.
    pub fn ended(&mut self, node: NodeId, ticket: Ticket) {
        self.claims.remove(&ticket);
        if let Some(known) = self.nodes.get_mut(&node).filter(|known| known.ticket == ticket) {
            known.open = false;
        }
    }

    fn check(&self, now: Instant, claim: Claim) -> Result<(), Refusal> {
        let Some(known) = self.nodes.get(&claim.node) else {
            return if self.nodes.len() < self.nodes_max { Ok(()) } else { Err(Refusal::TooManyNodes) };
        };
        if known.claim.directory != claim.directory {
            let alive = known.open && now.since(known.heard) < self.silence;
            return if alive { Err(Refusal::DuplicateNode) } else { Ok(()) };
        }
        if known.superseded.contains(&claim.incarnation) {
            return Err(Refusal::Superseded);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NODE: NodeId = NodeId(2);

    fn ms(at: u64) -> Instant {
        Instant(at * 1_000_000)
    }

    fn process(directory: u8, incarnation: u8) -> Identity {
        Identity {
            cluster: None,
            node: NODE,
            directory: Uuid([directory; 16]),
            incarnation: Uuid([incarnation; 16]),
            frame_bytes_max: 1 << 20,
        }
    }

    fn admissions() -> Admissions {
        Admissions::new(Duration::from_millis(500), 2)
    }

    #[test]
    fn a_process_that_started_anew_takes_its_predecessors_place() {
        let mut nodes = admissions();
        let first = nodes.hello(ms(0), &process(1, 1), None).expect("a new node");
        assert_eq!(nodes.confirm(ms(1), first), Ok(None));
        let again = nodes.hello(ms(2), &process(1, 1), None).expect("it connects again");
        assert_eq!(nodes.confirm(ms(3), again), Ok(Some(first)));
        let restarted = nodes.hello(ms(4), &process(1, 2), None).expect("it restarted");
        assert_eq!(nodes.confirm(ms(5), restarted), Ok(Some(again)));
        assert_eq!(
            nodes.hello(ms(6), &process(1, 1), None),
            Err(Refusal::Superseded),
            "a copy is still running"
        );
        nodes.ended(NODE, again);
        nodes.ended(NODE, restarted);
        let third = nodes.hello(ms(7), &process(1, 3), None).expect("it restarted again");
        assert_eq!(nodes.confirm(ms(8), third), Ok(None), "nothing is open");
        assert_eq!(nodes.hello(ms(9), &process(1, 2), None), Err(Refusal::Superseded));
    }

    #[test]
    fn a_hello_of_the_dead_changes_nothing() {
        let mut nodes = admissions();
        let old = nodes.hello(ms(0), &process(1, 1), None).expect("it is taken for what it says");
        let new = nodes.hello(ms(1), &process(1, 2), None).expect("the same");
        assert_eq!(nodes.confirm(ms(2), new), Ok(None));
        let late = nodes.hello(ms(3), &process(1, 1), None).expect("it has not been here");
        assert_eq!(nodes.confirm(ms(4), old), Err(Refusal::Superseded), "its request was under way");
        assert_eq!(nodes.confirm(ms(4), old), Err(Refusal::Superseded));
        nodes.ended(NODE, late);
        let again = nodes.hello(ms(5), &process(1, 2), None).expect("the living one is still welcome");
        assert_eq!(nodes.confirm(ms(6), again), Ok(Some(new)));
    }

    #[test]
    fn a_process_is_alone_since_nothing_else_claims_to_be_its_node() {
        let mut nodes = admissions();
        let alone = |nodes: &Admissions| nodes.alone(NODE).expect("a node that spoke");
        assert_eq!(nodes.alone(NODE), None);
        let old = nodes.hello(ms(0), &process(1, 1), None).expect("a new node");
        assert_eq!(nodes.confirm(ms(1), old), Ok(None));
        assert_eq!(alone(&nodes), (Uuid([1; 16]), ms(1)));
        let again = nodes.hello(ms(10), &process(1, 2), None).expect("it restarted");
        assert_eq!(nodes.confirm(ms(11), again), Ok(Some(old)));
        assert_eq!(alone(&nodes), (Uuid([1; 16]), ms(1)), "with the same memory");
        assert_eq!(nodes.hello(ms(20), &process(2, 3), None), Err(Refusal::DuplicateNode));
        assert_eq!(alone(&nodes), (Uuid([1; 16]), ms(20)), "another one knocked");
        nodes.ended(NODE, again);
        let new = nodes.hello(ms(30), &process(2, 3), None).expect("the first one is gone");
        assert_eq!(nodes.confirm(ms(31), new), Ok(None));
        assert_eq!(alone(&nodes), (Uuid([2; 16]), ms(31)));
        assert_eq!(nodes.hello(ms(40), &process(1, 4), None), Err(Refusal::DuplicateNode));
        assert_eq!(alone(&nodes), (Uuid([2; 16]), ms(40)), "it was not gone");
    }

    #[test]
    fn two_nodes_with_one_number_are_told_apart_by_their_directories() {
        let mut nodes = admissions();
        let first = nodes.hello(ms(0), &process(1, 1), None).expect("the first one");
        let second = nodes.hello(ms(0), &process(2, 2), None).expect("neither has spoken");
        assert_eq!(nodes.confirm(ms(1), first), Ok(None));
        assert_eq!(nodes.confirm(ms(1), second), Err(Refusal::DuplicateNode));
        nodes.heard(ms(300), NODE, first, None);
        nodes.heard(ms(600), NODE, second, None);
        assert_eq!(nodes.hello(ms(799), &process(2, 2), None), Err(Refusal::DuplicateNode));
        let replaced = nodes.hello(ms(800), &process(2, 2), None).expect("the first one is silent");
        assert_eq!(nodes.confirm(ms(801), replaced), Ok(Some(first)));
        nodes.ended(NODE, replaced);
        assert!(nodes.hello(ms(802), &process(1, 1), None).is_ok(), "and the other way round");
    }

    #[test]
    fn a_directory_that_holds_less_than_it_said_is_refused() {
        let mut nodes = admissions();
        let first = nodes.hello(ms(0), &process(1, 1), Some(5)).expect("a new node");
        assert_eq!(nodes.confirm(ms(1), first), Ok(None));
        for commit in [7, 6] {
            nodes.heard(ms(2), NODE, first, Some(commit));
        }
        nodes.heard(ms(2), NODE, first, None);
        assert_eq!(nodes.told_commit(NODE), Some(7));
        assert!(nodes.hello(ms(3), &process(1, 1), Some(5)).is_ok(), "the same process connects again");
        assert_eq!(nodes.hello(ms(3), &process(1, 2), Some(6)), Err(Refusal::Forgot));
        assert!(nodes.hello(ms(3), &process(1, 2), None).is_ok(), "an older release does not say");
        nodes.ended(NODE, first);
        let same = nodes.hello(ms(4), &process(1, 2), Some(7)).expect("it lost nothing");
        assert_eq!(nodes.confirm(ms(5), same), Ok(None));
        nodes.ended(NODE, same);
        let empty = nodes.hello(ms(6), &process(2, 3), Some(1)).expect("another directory promised nothing");
        assert_eq!(nodes.confirm(ms(7), empty), Ok(None));
        assert_eq!(nodes.told_commit(NODE), None);
    }

    #[test]
    fn there_is_an_end_to_nodes() {
        let mut nodes = admissions();
        for node in 0..3 {
            let peer = Identity { node: NodeId(node), ..process(1, 1) };
            let ticket = nodes.hello(ms(0), &peer, None);
            let confirmed = ticket.and_then(|ticket| nodes.confirm(ms(0), ticket));
            assert_eq!(confirmed, if node < 2 { Ok(None) } else { Err(Refusal::TooManyNodes) });
        }
    }
}
