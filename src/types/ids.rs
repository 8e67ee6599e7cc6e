use std::fmt;

/// A broker's number in the cluster (`node.id`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct NodeId(pub i32);

/// A partition's number within its topic, from 0.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct PartitionIndex(pub i32);

/// The number a client gives a request and finds again in its response.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CorrelationId(pub i32);

/// An idempotent producer's number (KIP-98); −1 stands for none.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ProducerId(pub i64);

impl ProducerId {
    pub const NONE: ProducerId = ProducerId(-1);
}

/// A topic's 128-bit identity (KIP-516), in network byte order; survives nothing: a topic that is deleted
/// and created again has another. Its text form is URL-safe base64 without padding, as in Kafka's tools.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct TopicId(pub [u8; 16]);

impl TopicId {
    /// What the protocol calls "no topic id".
    pub const ZERO: TopicId = TopicId([0; 16]);
    /// The metadata log's, as in KRaft.
    pub const METADATA: TopicId = TopicId([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);

    /// Reads the 22-character text form; `None` where it is not one.
    #[must_use]
    pub fn parse(text: &str) -> Option<TopicId> {
        if text.len() != 22 {
            return None;
        }
        let mut bits: u128 = 0;
        for (i, c) in text.bytes().enumerate() {
            let digit = BASE64_URL.iter().position(|&d| d == c)? as u128;
            if i == 21 {
                // The last digit carries two bits; the other four must be zero.
                if digit & 0xf != 0 {
                    return None;
                }
                bits = (bits << 2) | (digit >> 4);
            } else {
                bits = (bits << 6) | digit;
            }
        }
        Some(TopicId(bits.to_be_bytes()))
    }
}

const BASE64_URL: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

impl fmt::Display for TopicId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bits = u128::from_be_bytes(self.0);
        let mut text = [0u8; 22];
        for (i, slot) in text.iter_mut().enumerate() {
            let digit = if i == 21 { (bits & 0x3) << 4 } else { (bits >> (122 - 6 * i)) & 0x3f };
            *slot = BASE64_URL[digit as usize];
        }
        f.write_str(std::str::from_utf8(&text).expect("base64 digits are ASCII"))
    }
}

impl fmt::Debug for TopicId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A partition's identity: its topic's id and its index.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct PartitionId {
    pub topic: TopicId,
    pub index: PartitionIndex,
}

impl fmt::Display for PartitionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.topic, self.index.0)
    }
}

/// Any other 128-bit identity of the protocol (a directory, an incarnation, a client), in network byte order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Uuid(pub [u8; 16]);

impl Uuid {
    pub const ZERO: Uuid = Uuid([0; 16]);
}

impl From<TopicId> for Uuid {
    fn from(id: TopicId) -> Uuid {
        Uuid(id.0)
    }
}

impl From<Uuid> for TopicId {
    fn from(id: Uuid) -> TopicId {
        TopicId(id.0)
    }
}

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&TopicId(self.0), f)
    }
}

impl fmt::Debug for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

macro_rules! display_as_number {
    ($($name:ident),*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )*};
}
display_as_number!(NodeId, PartitionIndex, CorrelationId, ProducerId);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topic_id_text_is_kafkas() {
        assert_eq!(TopicId::METADATA.to_string(), "AAAAAAAAAAAAAAAAAAAAAQ");
        let id = TopicId(*b"\xff\xfe0123456789abc\xfd");
        assert_eq!(TopicId::parse(&id.to_string()), Some(id));
        assert_eq!(TopicId::parse("AAAAAAAAAAAAAAAAAAAAAR"), None, "stray bits in the last digit");
        assert_eq!(TopicId::parse("short"), None);
    }
}
