//! Two of the three nodes that hold a partition lose their disks at one moment, and with that what they had acknowledged. In half of the
//! runs it is the metadata, too: they are two of those that found the cluster. A majority that has forgotten, or whose logs are damaged, elects
//! nobody (NATS #7549 and #7567, KIP-966; docs/replication.md, Damaged replicas); what is left goes on when a person says so, who is told what is
//! lost by that (docs/cluster.md, Lost majority).
//!
//! Of five nodes three found the cluster. Another partition keeps its majority, and goes on meanwhile.
use ordain::probe::Mutant;

use super::{MOMENT, Script, Stage, WIDE};

mod attempts;
mod halts;
mod loss;
mod recovered;
mod told;

pub(super) const HALTS: Script = Script {
    name: "directed-lost-majority-halts",
    about: "two of three replicas lose what they held, at times the metadata's, too: nobody goes on with them",
    nodes: 5,
    late: 0,
    window: WIDE,
    finds: &[(Mutant::ReplicaAmnesiacVotes, GOES_ON), (Mutant::ReplicaDamagedVotes, "two-leaders")],
    play: |stage| Box::pin(halts::play(stage)),
};

pub(super) const RECOVERED: Script = Script {
    name: "directed-lost-majority-recovered",
    about: "two of three replicas lose what they held, and the third goes on by a plan that says what is lost",
    nodes: 5,
    late: 0,
    window: WIDE,
    finds: &[],
    play: |stage| Box::pin(recovered::play(stage)),
};

/// So many of the nodes, the first ones, found the cluster.
const FOUNDERS: usize = 3;
/// The topic whose partition loses its majority, and the one whose partition keeps it.
const HALTED: &str = "halted";
const STANDS: &str = "stands";
const RECORDS: u32 = 20;
/// Somebody goes on with what has lost its majority.
const GOES_ON: &str = "I14-lost-majority-goes-on";
