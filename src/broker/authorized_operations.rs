//! What a caller may do with a resource, as bits by the numbers of Kafka's `AclOperation`. Without an
//! authorizer everybody may do everything that the resource knows.

/// What is answered where the request does not ask.
pub(super) const NOT_ASKED: i32 = i32::MIN;

/// Create, alter, describe, cluster action, describe and alter configs, idempotent write.
pub(super) const CLUSTER: i32 = 1 << 5 | 1 << 7 | 1 << 8 | 1 << 9 | 1 << 10 | 1 << 11 | 1 << 12;

/// Read, write, create, delete, alter, describe, describe and alter configs.
pub(super) const TOPIC: i32 = 1 << 3 | 1 << 4 | 1 << 5 | 1 << 6 | 1 << 7 | 1 << 8 | 1 << 10 | 1 << 11;

/// Read, delete, describe, describe and alter configs.
pub(super) const GROUP: i32 = 1 << 3 | 1 << 6 | 1 << 8 | 1 << 10 | 1 << 11;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bits_are_what_kafka_answers() {
        assert_eq!((CLUSTER, TOPIC, GROUP), (8096, 3576, 3400));
    }
}
