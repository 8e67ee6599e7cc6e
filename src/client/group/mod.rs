//! Membership in a classic consumer group: joining, the range assignor, heartbeats, leaving.
mod assignor;
mod member;
pub(super) mod protocol;

pub use assignor::{MemberSubscription, assign_ranges};
pub use member::{GroupOptions, GroupSession, Joined};
