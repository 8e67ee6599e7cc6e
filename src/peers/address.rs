use std::fmt;
use std::net::IpAddr;

/// Where a node listens for nodes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct NodeAddress {
    /// A name or an address; one of IPv6 without brackets.
    pub host: String,
    pub port: u16,
}

/// The most bytes of a host's name.
pub(super) const HOST_BYTES_MAX: usize = 255;

impl NodeAddress {
    /// What another node says, if it is an address.
    pub(super) fn said(host: Option<&str>, port: i32) -> Option<NodeAddress> {
        let is_one = |host: &&str| {
            (1..=HOST_BYTES_MAX).contains(&host.len()) && host.bytes().all(|byte| byte.is_ascii_graphic())
        };
        let port = u16::try_from(port).ok().filter(|port| *port > 0)?;
        Some(NodeAddress { host: host.filter(is_one)?.to_owned(), port })
    }

    /// Whether both may stand for one node: only a resolver knows which address a name has.
    #[must_use]
    pub fn may_be(&self, other: &NodeAddress) -> bool {
        let is_address = |one: &NodeAddress| one.host.parse::<IpAddr>().is_ok();
        self.port == other.port
            && (is_address(self) != is_address(other) || self.host.eq_ignore_ascii_case(&other.host))
    }

    /// Reads `host:port`, an IPv6 address in brackets; `None` where it is not one.
    #[must_use]
    pub fn parse(text: &str) -> Option<NodeAddress> {
        let (host, port) = text.rsplit_once(':')?;
        let host = match host.strip_prefix('[') {
            Some(rest) => rest.strip_suffix(']')?,
            None if host.contains(':') => return None,
            None => host,
        };
        let port = port.parse().ok().filter(|&port| port > 0)?;
        (!host.is_empty()).then(|| NodeAddress { host: host.to_owned(), port })
    }
}

impl fmt::Display for NodeAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let NodeAddress { host, port } = self;
        if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_and_an_address_may_stand_for_one_node() {
        let may_be = |one: &str, other: &str| {
            let [one, other] = [one, other].map(|text| NodeAddress::parse(text).expect("an address"));
            one.may_be(&other)
        };
        assert!(may_be("n2:1", "10.0.0.2:1") && may_be("[::1]:1", "N2:1") && may_be("n2:1", "N2:1"));
        assert!(
            !may_be("n2:1", "10.0.0.2:2") && !may_be("n2:1", "n3:1") && !may_be("10.0.0.2:1", "10.0.0.3:1")
        );
    }

    #[test]
    fn addresses_are_read_as_they_are_written() {
        for text in ["a:1", "node-2.local:9093", "10.0.0.1:65535", "[::1]:9093"] {
            assert_eq!(NodeAddress::parse(text).map(|address| address.to_string()).as_deref(), Some(text));
        }
        for text in ["", "a", ":1", "a:", "a:0", "a:65536", "::1:9093", "[::1:9093", "a:b"] {
            assert_eq!(NodeAddress::parse(text), None, "{text}");
        }
    }
}
