use std::fmt;

/// What a node does in its cluster, as Kafka's `process.roles` (KIP-500, KIP-631): it serves clients and holds partitions (broker), it
/// may vote on the metadata and be the active controller (controller), or both. Every node follows the metadata, whatever its roles.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub enum Roles {
    Broker,
    Controller,
    /// Nodes that do not say, and registrations of releases before this one.
    #[default]
    Both,
}

impl Roles {
    /// Whether it serves clients, and partitions may be placed on it.
    #[must_use]
    pub fn is_broker(self) -> bool {
        self != Roles::Controller
    }

    /// Whether it may vote on the metadata.
    #[must_use]
    pub fn is_controller(self) -> bool {
        self != Roles::Broker
    }

    /// As it stands on the wire and in records: 1 for a broker, 2 for a controller, 3 for both.
    #[must_use]
    pub fn code(self) -> i8 {
        match self {
            Roles::Broker => 1,
            Roles::Controller => 2,
            Roles::Both => 3,
        }
    }

    /// `None`: a number that stands for nothing.
    #[must_use]
    pub fn from_code(code: i8) -> Option<Roles> {
        [Roles::Broker, Roles::Controller, Roles::Both].into_iter().find(|roles| roles.code() == code)
    }
}

/// As in `process.roles`.
impl fmt::Display for Roles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Roles::Broker => "broker",
            Roles::Controller => "controller",
            Roles::Both => "broker,controller",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_number_stands_for_its_roles() {
        for roles in [Roles::Broker, Roles::Controller, Roles::Both] {
            assert_eq!(Roles::from_code(roles.code()), Some(roles));
            assert!(roles.is_broker() || roles.is_controller());
        }
        assert_eq!([Roles::from_code(0), Roles::from_code(4), Roles::from_code(-1)], [None; 3]);
    }
}
