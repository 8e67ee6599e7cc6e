//! The names a group is made of, and the partition that holds a group.
use std::fmt;
use std::sync::Arc;

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident,)*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }

            #[must_use]
            pub fn is_empty(&self) -> bool {
                self.0.is_empty()
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                $name(Arc::from(text))
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                $name(Arc::from(text))
            }
        }

        impl Default for $name {
            fn default() -> Self {
                $name(Arc::from(""))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&*self.0, f)
            }
        }
    )*};
}

names! {
    /// A group's name (`group.id`). May be empty only where offsets are stored without membership.
    GroupId,
    /// A member's name, given by the coordinator; empty stands for "none yet".
    MemberId,
    /// A static member's name, given by its owner (`group.instance.id`, KIP-345).
    InstanceId,
    /// A topic's name.
    TopicName,
    /// The kind of embedded protocol a group runs: `consumer`, `connect`, `sr`.
    ProtocolType,
    /// One protocol of that kind, for consumers an assignor: `range`.
    ProtocolName,
}

impl MemberId {
    /// A new member's name, as Kafka forms it: the instance id or client id, a dash, and a version 4 UUID
    /// from 16 random bytes.
    #[must_use]
    pub fn fresh(prefix: &str, random: [u8; 16]) -> MemberId {
        let mut bytes = random;
        bytes[6] = (bytes[6] & 0x0f) | 0x40;
        bytes[8] = (bytes[8] & 0x3f) | 0x80;
        let n = u128::from_be_bytes(bytes);
        MemberId::from(format!(
            "{prefix}-{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
            n >> 96,
            (n >> 80) & 0xffff,
            (n >> 64) & 0xffff,
            (n >> 48) & 0xffff,
            n & 0xffff_ffff_ffff
        ))
    }
}

/// The partition of `__consumer_offsets` that holds `group_id`, out of `partitions`: Java's
/// `String.hashCode` (over UTF-16 code units), made non-negative as Kafka's `Utils.abs` does.
///
/// # Panics
/// If `partitions` is not positive.
#[must_use]
pub fn partition_for(group_id: &str, partitions: i32) -> i32 {
    assert!(partitions > 0, "a topic has at least one partition, not {partitions}");
    let hash =
        group_id.encode_utf16().fold(0i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)));
    // The least integer has no positive counterpart; Kafka maps it to 0.
    hash.checked_abs().unwrap_or(0) % partitions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_are_kafkas() {
        // The hashes are Java's.
        assert_eq!(partition_for("", 50), 0);
        assert_eq!(partition_for("a", 50), 97 % 50);
        assert_eq!(partition_for("hello", 50), 99_162_322 % 50);
        // A hash of exactly Integer.MIN_VALUE.
        assert_eq!(partition_for("polygenelubricants", 50), 0);
        // Outside the basic plane: a surrogate pair, 0xd83d * 31 + 0xde00.
        assert_eq!(partition_for("😀", 1_000_000_007), 0xd83d * 31 + 0xde00);
    }

    #[test]
    fn member_ids_end_in_a_uuid_of_version_4() {
        assert_eq!(
            MemberId::fresh("client", [0xff; 16]).as_str(),
            "client-ffffffff-ffff-4fff-bfff-ffffffffffff"
        );
        assert_eq!(MemberId::fresh("c", [0; 16]).as_str(), "c-00000000-0000-4000-8000-000000000000");
    }
}
