//! What the simulator asks of the core beyond the seam: mistakes planted on purpose ([`Mutant`]), which its
//! checkers must find, and rare states ([`Condition`]), which a sweep of seeds must have reached.
//!
//! Owns one switch and one counter for each condition, for the whole process: one process runs one seed. There
//! only with the feature `simulation` *and* debug assertions, so that no release build holds any of it, whatever
//! package it was built together with; elsewhere [`mutant()`] is `false` and [`sometimes`] nothing, both at compile time.
//!
//! Invariants: a leaf, it imports nothing; unless a mutant is armed, nothing here changes what the core does; what was
//! armed once stays armed.
mod condition;
mod mutant;

pub use condition::Condition;
pub use mutant::Mutant;

#[cfg(all(feature = "simulation", debug_assertions))]
mod live;
#[cfg(all(feature = "simulation", debug_assertions))]
pub use live::{IS_BUILT_IN, arm, armed, mutant, reached, sometimes};

#[cfg(not(all(feature = "simulation", debug_assertions)))]
mod absent;
#[cfg(all(feature = "simulation", not(debug_assertions)))]
pub use absent::{IS_BUILT_IN, arm, armed, reached};
#[cfg(not(all(feature = "simulation", debug_assertions)))]
pub use absent::{mutant, sometimes};

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
