//! Which protocols a group's members support, counted by name: what all have in common is found without asking each of
//! them, however many protocols they name.
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use super::command::Protocol;
use super::names::ProtocolName;

/// How many members support each protocol. One that nobody supports is not in it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct ProtocolCounts {
    supporters: BTreeMap<ProtocolName, usize>,
}

impl ProtocolCounts {
    /// Counts a member in.
    pub fn add(&mut self, protocols: &[Protocol]) {
        for name in names(protocols) {
            *self.supporters.entry(name.clone()).or_default() += 1;
        }
    }

    /// Counts a member out.
    ///
    /// # Panics
    /// If no member was counted in with one of these protocols.
    pub fn remove(&mut self, protocols: &[Protocol]) {
        for name in names(protocols) {
            let Entry::Occupied(mut supporters) = self.supporters.entry(name.clone()) else {
                panic!("protocol {name:?} was counted for no member")
            };
            *supporters.get_mut() -= 1;
            if *supporters.get() == 0 {
                supporters.remove();
            }
        }
    }

    /// How many members support a protocol.
    pub fn supporters(&self, name: &ProtocolName) -> usize {
        self.supporters.get(name).copied().unwrap_or(0)
    }
}

/// A member may name a protocol twice; it supports it once.
fn names(protocols: &[Protocol]) -> BTreeSet<&ProtocolName> {
    protocols.iter().map(|protocol| &protocol.name).collect()
}
