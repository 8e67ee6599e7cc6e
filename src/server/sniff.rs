//! Tells other protocols from Kafka's by the first bytes of a connection, so that a client with the wrong
//! settings gets a sentence in the log instead of "frame of 369,296,128 bytes" (KIP-498's lesson).
use crate::wire::peer::MAGIC;

/// What the first four bytes of a connection turned out to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Foreign {
    Tls,
    Http,
    Ssh,
    Node,
}

impl Foreign {
    pub(super) fn describe(self) -> &'static str {
        match self {
            Foreign::Tls => {
                "the client began a TLS handshake, but this listener speaks plain text: \
                 set security.protocol=PLAINTEXT in the client"
            }
            Foreign::Http => {
                "the client sent an HTTP request, but this port speaks the Kafka protocol: \
                 metrics and health are on the admin listener (ordain.admin.listener)"
            }
            Foreign::Ssh => {
                "the client speaks SSH, but this port speaks the Kafka protocol: \
                 an SSH server is on another port, and a tunnel ends at this one (ssh -L)"
            }
            Foreign::Node => {
                "another node dialled this listener, which is for clients: what it has in \
                 controller.quorum.bootstrap.servers (or controller.quorum.voters) has to be this node's listener of \
                 controller.listener.names"
            }
        }
    }
}

/// Recognises TLS records, the hello by which old clients offer TLS in SSLv2's shape, HTTP methods, SSH and other nodes. None of them is
/// a frame length below 300 MB.
pub(super) fn foreign(first: [u8; 4]) -> Option<Foreign> {
    match &first {
        [0x16, 0x03, 0..=4, _] | [0x15, 0x03, 0..=4, _] => Some(Foreign::Tls),
        // A length of 15 bits, CLIENT-HELLO, and the version's first byte.
        [0x80..=0xff, _, 0x01, 0x00 | 0x03] => Some(Foreign::Tls),
        b"SSH-" => Some(Foreign::Ssh),
        b"GET " | b"POST" | b"PUT " | b"HEAD" | b"DELE" | b"OPTI" | b"PATC" | b"CONN" | b"PRI " => {
            Some(Foreign::Http)
        }
        first if MAGIC.starts_with(first) => Some(Foreign::Node),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_tls_http_ssh_and_nodes_from_frames() {
        assert_eq!(foreign([0x16, 0x03, 0x01, 0x02]), Some(Foreign::Tls));
        assert_eq!(foreign([0x80, 0x2e, 0x01, 0x03]), Some(Foreign::Tls));
        assert_eq!(foreign(*b"GET "), Some(Foreign::Http));
        assert_eq!(foreign(*b"SSH-"), Some(Foreign::Ssh));
        let (node, _) = MAGIC.split_first_chunk().expect("the magic has four bytes or more");
        assert_eq!(foreign(*node), Some(Foreign::Node));
        assert_eq!(foreign(100_000_000_i32.to_be_bytes()), None);
        assert_eq!(foreign([0, 0, 0, 30]), None);
        assert_eq!(foreign((-2_i32).to_be_bytes()), None);
    }
}
