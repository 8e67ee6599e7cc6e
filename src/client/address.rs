use std::fmt;

/// Where a broker listens.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct BrokerAddress {
    /// A name or an address, without brackets.
    pub host: String,
    pub port: u16,
}

impl fmt::Display for BrokerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// A text that is no address of a broker.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{text:?} is no broker address; write host:port, for example 127.0.0.1:9092")]
pub struct AddressError {
    pub text: String,
}

/// Reads `host:port,host:port`; a port that is missing is 9092, an IPv6 address stands in brackets.
///
/// # Errors
/// The first part that is no address.
pub fn parse_addresses(text: &str) -> Result<Vec<BrokerAddress>, AddressError> {
    text.split(',').map(|part| parse(part.trim())).collect()
}

fn parse(text: &str) -> Result<BrokerAddress, AddressError> {
    let failed = || AddressError { text: text.to_owned() };
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, after) = rest.split_once(']').ok_or_else(failed)?;
            match after.strip_prefix(':') {
                Some(port) => (host, Some(port)),
                None if after.is_empty() => (host, None),
                None => return Err(failed()),
            }
        }
        None => match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    let port = match port {
        Some(port) => port.parse().ok().filter(|port| *port > 0).ok_or_else(failed)?,
        None => 9092,
    };
    if host.is_empty() || host.contains(['/', ' ', '@']) {
        return Err(failed());
    }
    Ok(BrokerAddress { host: host.to_owned(), port })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_written() {
        let read = |text: &str| {
            parse_addresses(text).map(|all| all.iter().map(ToString::to_string).collect::<Vec<_>>())
        };
        assert_eq!(read("a:1, b"), Ok(vec!["a:1".to_owned(), "b:9092".to_owned()]));
        assert_eq!(read("[::1]:5"), Ok(vec!["[::1]:5".to_owned()]));
        for wrong in ["", "a:", "a:0", "a:70000", "::1", "[::1", "[::1]5", "http://a:1", "a:1,"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
