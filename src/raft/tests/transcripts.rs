//! Conversations between replicas as golden prose: one file for each in `src/raft/transcripts/`. To write them anew,
//! `UPDATE_TRANSCRIPTS=1 cargo test --lib raft::`, and read the difference.
#![allow(clippy::disallowed_methods, reason = "a test reads its golden files")]
use std::fmt::Write as _;
use std::path::PathBuf;

use crate::raft::Event;
use crate::raft::cluster::{Action, Cluster, Packet};
use crate::types::NodeId;

const A: NodeId = NodeId(1);
const B: NodeId = NodeId(2);
const C: NodeId = NodeId(3);
const D: NodeId = NodeId(4);

/// A cluster, and what happened to it.
struct Story {
    cluster: Cluster,
    text: String,
    /// Nodes that no packet reaches or leaves.
    cut_off: Vec<NodeId>,
}

impl Story {
    fn begin(title: &str, nodes: i32, voters: i32) -> Story {
        let mut story =
            Story { cluster: Cluster::new(nodes, voters, None), text: String::new(), cut_off: Vec::new() };
        writeln!(story.text, "# {title}").expect("a string takes all");
        story
    }

    fn say(&mut self, what: &str) {
        writeln!(self.text, "\n{what}").expect("a string takes all");
    }

    fn act(&mut self, action: Action) {
        self.cluster.act(action).unwrap_or_else(|violation| panic!("{violation}\n{}", self.text));
        self.hear();
    }

    fn event(&mut self, node: NodeId, event: Event) {
        self.cluster.step(node, event, &[]).unwrap_or_else(|violation| panic!("{violation}\n{}", self.text));
        self.hear();
    }

    fn hear(&mut self) {
        for (node, said) in std::mem::take(&mut self.cluster.said) {
            writeln!(self.text, "  node {node} {said}").expect("a string takes all");
        }
    }

    fn sync_all(&mut self) {
        for node in self.cluster.all() {
            self.act(Action::Sync(node, usize::MAX));
        }
    }

    /// Delivers everything that is under way once, in order, and syncs, until nothing is left.
    fn talk(&mut self) {
        self.sync_all();
        for _ in 0..1_000 {
            if self.cluster.network.is_empty() {
                return;
            }
            let packet = self.cluster.network.remove(0);
            self.arrive(&packet);
        }
        panic!("they talk for ever\n{}", self.text);
    }

    fn arrive(&mut self, packet: &Packet) {
        let Packet { from, to, message, .. } = packet;
        if self.cut_off.contains(from) || self.cut_off.contains(to) {
            return;
        }
        writeln!(self.text, "  {from} → {to}: {message}").expect("a string takes all");
        self.cluster.deliver(packet).unwrap_or_else(|violation| panic!("{violation}\n{}", self.text));
        self.hear();
        self.act(Action::Sync(*to, usize::MAX));
    }

    /// Node `a` leads, and all know it.
    fn elect(&mut self, node: NodeId) {
        self.event(node, Event::Campaign);
        self.talk();
    }

    fn cut(&mut self, node: NodeId) {
        self.cut_off.push(node);
        for other in self.cluster.others(node) {
            self.act(Action::Silent(other, node));
            self.act(Action::Silent(node, other));
        }
    }

    fn heal(&mut self) {
        self.cut_off.clear();
        for node in self.cluster.all() {
            for other in self.cluster.others(node) {
                self.act(Action::Heard(node, other));
            }
        }
    }

    fn refetch(&mut self) {
        for node in self.cluster.all() {
            self.act(Action::Refetch(node));
        }
        self.talk();
    }

    fn end(mut self, name: &str) {
        self.say("In the end:");
        for node in &self.cluster.nodes {
            let replica = &node.replica;
            writeln!(
                self.text,
                "  node {}: {}, epoch {}, log {} to {}, committed {}, voters {}",
                node.key.node,
                replica.role_name(),
                replica.epoch(),
                replica.log_start(),
                replica.log_end(),
                replica.committed(),
                replica.voters(),
            )
            .expect("a string takes all");
        }
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
            .join("src/raft/transcripts")
            .join(format!("{name}.txt"));
        if std::env::var_os("UPDATE_TRANSCRIPTS").is_some() {
            std::fs::create_dir_all(path.parent().expect("it has one")).expect("a directory");
            std::fs::write(&path, &self.text).expect("a file");
        }
        let golden = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(self.text, golden, "{name}: UPDATE_TRANSCRIPTS=1 writes it anew");
    }
}

#[test]
fn an_election() {
    let mut story = Story::begin("An election", 3, 3);
    story.say("Node 1 campaigns.");
    story.elect(A);
    story.end("election");
}

#[test]
fn replication_among_three() {
    let mut story = Story::begin("Replication among three", 3, 3);
    story.say("Node 1 is elected.");
    story.elect(A);
    story.say("It takes two records.");
    story.act(Action::Append(A));
    story.act(Action::Append(A));
    story.talk();
    story.say("The followers' sessions ask again.");
    story.refetch();
    story.say("Now they know what is committed.");
    story.refetch();
    story.end("replication");
}

#[test]
fn an_isolated_leader_is_deposed() {
    let mut story = Story::begin("An isolated leader is deposed (Kafka 2013)", 3, 3);
    story.say("Node 1 is elected and commits a record.");
    story.elect(A);
    story.act(Action::Append(A));
    story.talk();
    story.refetch();
    story.say("It takes another record, and is cut off before anybody fetches it.");
    story.act(Action::Append(A));
    story.sync_all();
    story.cut(A);
    story.say("Node 2 finds its leader silent, and campaigns.");
    story.act(Action::Timer(B));
    story.talk();
    story.act(Action::Append(B));
    story.talk();
    story.refetch();
    story.say("The network heals. What node 1 never committed goes.");
    story.heal();
    story.act(Action::Timer(A));
    story.talk();
    story.refetch();
    story.end("isolated_leader");
}

#[test]
fn a_double_failover() {
    let mut story = Story::begin("A double failover (KIP-101, KIP-279)", 3, 3);
    story.say("Node 1 is elected and commits a record.");
    story.elect(A);
    story.act(Action::Append(A));
    story.refetch();
    story.say("Node 2 restarts and knows of nothing that it is committed. Cut to what it knows, it would lose the record.");
    story.act(Action::Crash(B, 0));
    story.say(
        "At once node 1 dies. Node 2 leads; it takes another record and dies before anybody fetches it.",
    );
    story.cut(A);
    story.act(Action::Timer(B));
    story.talk();
    story.act(Action::Append(B));
    story.sync_all();
    story.heal();
    story.cut(B);
    story.say("Node 1 is back. Its log is shorter than node 3's by the start of an epoch.");
    story.act(Action::Timer(A));
    story.talk();
    story.say("Node 3 leads and takes a record where node 2 has its own.");
    story.act(Action::Timer(C));
    story.talk();
    story.act(Action::Append(C));
    story.refetch();
    story.say("Node 2 is back.");
    story.heal();
    story.talk();
    story.refetch();
    story.refetch();
    story.end("double_failover");
}

#[test]
fn a_zombie_leader_after_a_pause() {
    let mut story = Story::begin("A zombie leader after a pause", 3, 3);
    story.say("Node 1 is elected, and paused.");
    story.elect(A);
    story.cut_off.push(A);
    story.act(Action::Silent(B, A));
    story.act(Action::Silent(C, A));
    story.say("Node 3 takes over and commits a record.");
    story.act(Action::Timer(C));
    story.talk();
    story.act(Action::Append(C));
    story.talk();
    story.refetch();
    story.say("Node 1 wakes. Before anything else it finds that its contacts are old.");
    story.act(Action::Isolate(A));
    story.say("Then it is told the rest.");
    story.heal();
    story.act(Action::Timer(A));
    story.talk();
    story.refetch();
    story.end("zombie_leader");
}

#[test]
fn an_amnesiac_voter() {
    let mut story = Story::begin("An amnesiac voter", 3, 3);
    story.say("Node 1 is elected and commits a record with node 3; node 2 hears nothing of it.");
    story.elect(A);
    story.cut_off.push(B);
    story.act(Action::Append(A));
    story.talk();
    story.refetch();
    story.say(
        "Node 3 loses its disk, then node 1 dies. Only node 3 could make node 2 leader, without the record.",
    );
    story.act(Action::Wipe(C));
    story.cut_off.clear();
    story.cut(A);
    story.act(Action::Timer(B));
    story.talk();
    story.say("Node 1 is back, and is elected: it has the record.");
    story.heal();
    story.talk();
    story.act(Action::Timer(A));
    story.talk();
    story.say("Node 3 looks for the leader, which finds that it has forgotten.");
    story.act(Action::Timer(C));
    story.act(Action::Timer(C));
    story.talk();
    story.refetch();
    story.end("amnesiac_voter");
}

#[test]
fn leadership_is_transferred() {
    let mut story = Story::begin("Leadership is transferred", 3, 3);
    story.say("Node 1 is elected and takes a record.");
    story.elect(A);
    story.act(Action::Append(A));
    story.say("It shall hand over to node 2, which has to fetch the record first.");
    story.act(Action::Transfer(A, B));
    story.talk();
    story.refetch();
    story.end("transfer");
}

#[test]
fn a_voter_is_added_and_the_leader_removes_itself() {
    let mut story = Story::begin("A voter is added, and the leader removes itself", 4, 3);
    story.say("Node 1 is elected and commits a record.");
    story.elect(A);
    story.act(Action::Append(A));
    story.talk();
    story.refetch();
    story.say("Node 4 shall become a voter. A second change is refused meanwhile.");
    story.act(Action::Add(A, D));
    story.act(Action::Remove(A, C));
    story.act(Action::Timer(D));
    story.talk();
    story.refetch();
    story.refetch();
    story.say("The leader removes itself.");
    story.act(Action::Remove(A, A));
    story.talk();
    story.refetch();
    story.end("voters");
}

#[test]
fn a_damaged_replica_catches_up() {
    let mut story = Story::begin("A damaged replica catches up", 3, 3);
    story.say("Node 1 is elected and commits a record.");
    story.elect(A);
    story.act(Action::Append(A));
    story.talk();
    story.refetch();
    story.say("Node 2 loses its disk. It is an observer, and looks for the leader.");
    story.act(Action::Wipe(B));
    story.act(Action::Timer(B));
    story.talk();
    story.say("The controller has the old voter removed.");
    story.act(Action::Remove(A, B));
    story.talk();
    story.refetch();
    story.say("And the new one added, once it has caught up.");
    story.act(Action::Add(A, B));
    story.refetch();
    story.refetch();
    story.end("damaged_replica");
}

#[test]
fn a_majority_that_forgot_halts() {
    let mut story = Story::begin("A majority that forgot halts", 3, 3);
    story.say("Node 1 is elected and commits a record.");
    story.elect(A);
    story.act(Action::Append(A));
    story.talk();
    story.say("Nodes 2 and 3 lose their disks, and node 1 restarts.");
    story.act(Action::Wipe(B));
    story.act(Action::Wipe(C));
    story.act(Action::Crash(A, 0));
    story.act(Action::Timer(A));
    story.talk();
    story.end("forgetful_majority");
}

#[test]
fn a_follower_is_reset_to_the_log_start() {
    let mut story = Story::begin("A follower is reset to the leader's log start", 3, 3);
    story.say("Node 1 is elected; node 3 is cut off while two records are committed.");
    story.elect(A);
    story.cut_off.push(C);
    story.act(Action::Append(A));
    story.act(Action::Append(A));
    story.talk();
    story.refetch();
    story.say("Retention moves the log's start; a third record comes.");
    story.act(Action::MoveStart(A));
    story.act(Action::Append(A));
    story.talk();
    story.refetch();
    story.say("Node 3 is back.");
    story.cut_off.clear();
    story.refetch();
    story.refetch();
    story.end("reset");
}
