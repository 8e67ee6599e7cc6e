//! What the simulator asks of the core beyond the seam: mistakes planted on purpose ([`Mutant`]), which its
//! checkers must find, rare states ([`Condition`]), which a sweep of seeds must have reached, how each replica stands after
//! each of its steps ([`ReplicaStep`]), what nodes make of the logs whose replay they hold ([`StateStep`]), and what of each
//! other they find malformed ([`Malformed`]).
//!
//! Owns one switch and one counter for each condition, for the whole process: one process runs one seed. There
//! only with the feature `simulation` *and* debug assertions, so that no release build holds any of it, whatever
//! package it was built together with; elsewhere [`mutant()`] is `false` and [`sometimes`] nothing, both at compile time.
//!
//! Invariants: a leaf, it imports nothing; unless a mutant is armed, nothing here changes what the core does; what was
//! armed once stays armed.
mod condition;
mod mutant;

use std::any::Any;
use std::sync::Arc;

pub use condition::Condition;
pub use mutant::Mutant;

#[cfg(all(feature = "simulation", debug_assertions))]
mod live;
#[cfg(all(feature = "simulation", debug_assertions))]
pub use live::{
    IS_BUILT_IN, arm, armed, found_malformed, mutant, reached, replica_stepped, sometimes, state_made,
    watch_malformed, watch_replicas, watch_states,
};

#[cfg(not(all(feature = "simulation", debug_assertions)))]
mod absent;
#[cfg(all(feature = "simulation", not(debug_assertions)))]
pub use absent::{IS_BUILT_IN, arm, armed, reached, watch_malformed, watch_replicas, watch_states};
#[cfg(not(all(feature = "simulation", debug_assertions)))]
pub use absent::{found_malformed, mutant, replica_stepped, sometimes, state_made};

/// A place in a replicated log: the epoch of the last entry before it, and its offset.
pub type LogPosition = (i32, i64);

/// A replica and its memory: its node and its directory.
pub type ReplicaKey = (i32, [u8; 16]);

/// How a replica stands after a step of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReplicaStep {
    /// Topic id and index.
    pub partition: ([u8; 16], i32),
    pub node: i32,
    /// The replica's memory: with another one it is another replica.
    pub directory: [u8; 16],
    pub epoch: i32,
    /// What it is, for people.
    pub role: &'static str,
    pub leads: bool,
    pub log_start: i64,
    pub log_end: LogPosition,
    /// Up to where it holds its log durably, as it says.
    pub durable: LogPosition,
    /// Up to where it knows the log to be committed.
    pub committed: LogPosition,
    /// Which epoch begins at which offset in its log.
    pub epochs: Vec<(i32, i64)>,
    /// Whose majority decides, by its log.
    pub voters: Vec<ReplicaKey>,
    /// For whom it has said in this step that it votes: in which epoch, and on which node the candidate is.
    pub votes: Vec<(i32, i32)>,
    /// Something that its log held is destroyed, and it votes on nothing until it has all of it again.
    pub damaged: bool,
}

/// What a node makes of a log.
pub struct StateStep {
    /// Topic id and index of the log.
    pub partition: ([u8; 16], i32),
    pub node: i32,
    pub made: Made,
}

/// A state that is the replay of a log, or what leads to it. Which types these are follows from the log.
pub enum Made {
    /// What all records before `end` make, and no others: it holds on the node from now on.
    Image { end: i64, state: Arc<dyn Any + Send + Sync> },
    /// What a node that leads the log in that epoch has found in it.
    Loaded { epoch: i32, state: Arc<dyn Any + Send + Sync> },
    /// What such a node has in memory by now, and hands to the log, behind all that it has handed over before.
    Written { epoch: i32, write: u64, records: Arc<dyn Any + Send + Sync> },
    /// That write is committed, and all before it.
    Committed { epoch: i32, write: u64 },
}

/// A node closes its connections with another one, which has sent what no sound node sends.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Malformed {
    pub node: i32,
    pub from: i32,
    /// For people.
    pub what: String,
}

/// An enum without data, with the name of each value and one line about it, which is its documentation.
macro_rules! listed {
    ($(#[$outer:meta])* pub enum $list:ident { $(#[doc = $about:literal] $value:ident = $name:literal,)+ }) => {
        $(#[$outer])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
        pub enum $list { $(#[doc = $about] $value,)+ }

        /// For the simulator alone: its names stand in no other build.
        #[cfg(feature = "simulation")]
        impl $list {
            /// All, in the order in which they are declared.
            pub const ALL: &[$list] = &[$($list::$value,)+];

            /// As it is written on a command line and in reports.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $($list::$value => $name,)+ }
            }

            /// What it is, in one line.
            #[must_use]
            pub fn about(self) -> &'static str {
                match self { $($list::$value => $about,)+ }.trim()
            }

            /// The one of that name.
            #[must_use]
            pub fn named(name: &str) -> Option<$list> {
                $list::ALL.iter().copied().find(|one| one.name() == name)
            }
        }
    };
}
use listed;
