//! What clients ask for and this release does not serve: the operator is told of each once a minute, with what to set.
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::types::Instant;
use crate::wire::{ApiKey, Text};

/// A client that goes on asking is not told of again for so long.
const TOLD_EVERY: Duration = Duration::from_secs(60);
/// How much of a client's id is told, in characters: it may be 32 KiB long.
const CLIENT_ID_MAX: usize = 100;

const TRANSACTIONS: &str = "there are no transactions in this release; leave transactional.id unset (Kafka Streams: processing.guarantee=at_least_once)";
const SHARE_GROUPS: &str = "there are no share groups in this release; use consumer groups";
const NEW_GROUPS: &str =
    "there are no groups of the new protocol in this release; set group.protocol=classic (the default)";
const AUTHENTICATION: &str =
    "nobody is authenticated in this release; set security.protocol=PLAINTEXT (the default)";
const TELEMETRY: &str = "clients' metrics are not taken in this release; set enable.metrics.push=false";
const OTHER: &str = "ApiVersions tells clients what is";

/// What is not served.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Unserved {
    Api(ApiKey),
    TransactionalProducer,
    TransactionCoordinator,
    ShareCoordinator,
}

impl Unserved {
    fn name(self) -> &'static str {
        match self {
            Unserved::Api(api) => api.name(),
            Unserved::TransactionalProducer => "InitProducerId with a transactional.id",
            Unserved::TransactionCoordinator => "the coordinator of transactions (FindCoordinator)",
            Unserved::ShareCoordinator => "the coordinator of share groups (FindCoordinator)",
        }
    }

    /// Why, and what to set in the client.
    fn way_out(self) -> &'static str {
        use ApiKey as A;
        let api = match self {
            Unserved::TransactionalProducer | Unserved::TransactionCoordinator => return TRANSACTIONS,
            Unserved::ShareCoordinator => return SHARE_GROUPS,
            Unserved::Api(api) => api,
        };
        let groups: [(&[ApiKey], &str); 5] = [
            (
                &[
                    A::AddPartitionsToTxn,
                    A::AddOffsetsToTxn,
                    A::EndTxn,
                    A::TxnOffsetCommit,
                    A::WriteTxnMarkers,
                    A::DescribeTransactions,
                    A::ListTransactions,
                ],
                TRANSACTIONS,
            ),
            (
                &[
                    A::ConsumerGroupHeartbeat,
                    A::ConsumerGroupDescribe,
                    A::StreamsGroupHeartbeat,
                    A::StreamsGroupDescribe,
                ],
                NEW_GROUPS,
            ),
            (
                &[
                    A::ShareGroupHeartbeat,
                    A::ShareGroupDescribe,
                    A::ShareFetch,
                    A::ShareAcknowledge,
                    A::DescribeShareGroupOffsets,
                    A::AlterShareGroupOffsets,
                    A::DeleteShareGroupOffsets,
                ],
                SHARE_GROUPS,
            ),
            (&[A::SaslHandshake, A::SaslAuthenticate], AUTHENTICATION),
            (&[A::GetTelemetrySubscriptions, A::PushTelemetry], TELEMETRY),
        ];
        groups.into_iter().find(|(apis, _)| apis.contains(&api)).map_or(OTHER, |(_, way_out)| way_out)
    }
}

/// When each was told of last. Bounded by how many there are.
#[derive(Default)]
pub(super) struct NotServed(Mutex<BTreeMap<&'static str, Instant>>);

impl NotServed {
    pub(super) fn tell(&self, now: Instant, client: SocketAddr, client_id: Option<&Text>, what: Unserved) {
        if !self.is_due(now, what) {
            return;
        }
        let client_id: String =
            client_id.map(|id| id.chars().take(CLIENT_ID_MAX).collect()).unwrap_or_default();
        let (name, way_out) = (what.name(), what.way_out());
        tracing::warn!(%client, ?client_id, "a client asks for {name}, which is not served: {way_out}");
    }

    fn is_due(&self, now: Instant, what: Unserved) -> bool {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = told.get(what.name()).is_none_or(|last| now.since(*last) >= TOLD_EVERY);
        if is_due {
            told.insert(what.name(), now);
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_told_of_once_a_minute() {
        let told = NotServed::default();
        let (heartbeat, end) = (Unserved::Api(ApiKey::ConsumerGroupHeartbeat), Unserved::Api(ApiKey::EndTxn));
        let at = |seconds| Instant(0).after(Duration::from_secs(seconds));
        assert!(told.is_due(at(5), heartbeat));
        assert!(!told.is_due(at(6), heartbeat) && !told.is_due(at(64), heartbeat));
        assert!(told.is_due(at(64), end), "another one is another matter");
        assert!(told.is_due(at(65), heartbeat));
        assert!(!told.is_due(at(124), heartbeat));
    }

    #[test]
    fn what_to_set_is_told() {
        let way_out = |api| Unserved::Api(api).way_out();
        assert!(way_out(ApiKey::ConsumerGroupHeartbeat).contains("group.protocol=classic"));
        assert!(way_out(ApiKey::AddPartitionsToTxn).contains("transactional.id"));
        assert!(Unserved::TransactionalProducer.way_out().contains("transactional.id"));
        assert!(way_out(ApiKey::ShareFetch).contains("consumer groups"));
        assert!(way_out(ApiKey::SaslHandshake).contains("security.protocol=PLAINTEXT"));
        assert_eq!(way_out(ApiKey::Vote), OTHER);
    }
}
