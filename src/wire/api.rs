//! THE table: every API of Kafka 4.3.1, which versions the schema has and which of them are served. What
//! `ApiVersions` tells clients and what the broker decodes both follow from it. From 20000 on are requests that only
//! nodes of Ordain send each other.
//!
//! A row is: key, name, the schema's versions, the first flexible version, the served versions. `served` is
//! edited by hand when a handler is written (`none`, or a range within the schema's); the rest is asserted
//! against the generated messages.
use std::fmt;

use super::codec::VersionRange;

macro_rules! served {
    (none) => {
        None
    };
    (($min:literal..=$max:literal)) => {
        Some(VersionRange { min: $min, max: $max })
    };
}

macro_rules! flexible {
    (never) => {
        None
    };
    ($from:literal) => {
        Some($from)
    };
}

macro_rules! api_table {
    ($($key:literal $name:ident $min:literal ..= $max:literal flexible $flexible:tt served $served:tt)*) => {
        /// An API of the protocol, by its key.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(i16)]
        pub enum ApiKey {
            $($name = $key,)*
        }

        impl ApiKey {
            /// Every API, in the order of their keys.
            pub const ALL: &'static [ApiKey] = &[$(ApiKey::$name),*];

            /// The API that `key` stands for; `None` for a key that this release does not know.
            #[must_use]
            pub fn from_key(key: i16) -> Option<ApiKey> {
                match key {
                    $($key => Some(ApiKey::$name),)*
                    _ => None,
                }
            }

            fn row(self) -> Row {
                match self {
                    $(ApiKey::$name => Row {
                        name: stringify!($name),
                        schema: VersionRange { min: $min, max: $max },
                        flexible_from: flexible!($flexible),
                        served: served!($served),
                    },)*
                }
            }
        }
    };
}

struct Row {
    name: &'static str,
    schema: VersionRange,
    flexible_from: Option<i16>,
    served: Option<VersionRange>,
}

#[rustfmt::skip]
api_table! {
     0 Produce 3..=13 flexible 9 served (3..=13)
     1 Fetch 4..=18 flexible 12 served (4..=18)
     2 ListOffsets 1..=11 flexible 6 served (1..=11)
     3 Metadata 0..=13 flexible 9 served (0..=13)
     8 OffsetCommit 2..=10 flexible 8 served (2..=10)
     9 OffsetFetch 1..=10 flexible 6 served (1..=10)
    10 FindCoordinator 0..=6 flexible 3 served (0..=6)
    11 JoinGroup 0..=9 flexible 6 served (0..=9)
    12 Heartbeat 0..=4 flexible 4 served (0..=4)
    13 LeaveGroup 0..=5 flexible 4 served (0..=5)
    14 SyncGroup 0..=5 flexible 4 served (0..=5)
    15 DescribeGroups 0..=6 flexible 5 served (0..=6)
    16 ListGroups 0..=5 flexible 3 served (0..=5)
    17 SaslHandshake 0..=1 flexible never served none
    18 ApiVersions 0..=4 flexible 3 served (0..=4)
    19 CreateTopics 2..=7 flexible 5 served (2..=7)
    20 DeleteTopics 1..=6 flexible 4 served (1..=6)
    21 DeleteRecords 0..=2 flexible 2 served (0..=2)
    22 InitProducerId 0..=6 flexible 2 served (0..=5)
    23 OffsetForLeaderEpoch 2..=4 flexible 4 served (2..=4)
    24 AddPartitionsToTxn 0..=5 flexible 3 served none
    25 AddOffsetsToTxn 0..=4 flexible 3 served none
    26 EndTxn 0..=5 flexible 3 served none
    27 WriteTxnMarkers 1..=2 flexible 1 served none
    28 TxnOffsetCommit 0..=5 flexible 3 served none
    29 DescribeAcls 1..=3 flexible 2 served (1..=3)
    30 CreateAcls 1..=3 flexible 2 served (1..=3)
    31 DeleteAcls 1..=3 flexible 2 served (1..=3)
    32 DescribeConfigs 1..=4 flexible 4 served (1..=4)
    33 AlterConfigs 0..=2 flexible 2 served (0..=2)
    34 AlterReplicaLogDirs 1..=2 flexible 2 served (1..=2)
    35 DescribeLogDirs 1..=5 flexible 2 served (1..=5)
    36 SaslAuthenticate 0..=2 flexible 2 served none
    37 CreatePartitions 0..=3 flexible 2 served (0..=3)
    38 CreateDelegationToken 1..=3 flexible 2 served none
    39 RenewDelegationToken 1..=2 flexible 2 served none
    40 ExpireDelegationToken 1..=2 flexible 2 served none
    41 DescribeDelegationToken 1..=3 flexible 2 served none
    42 DeleteGroups 0..=2 flexible 2 served (0..=2)
    43 ElectLeaders 0..=2 flexible 2 served (0..=2)
    44 IncrementalAlterConfigs 0..=1 flexible 1 served (0..=1)
    45 AlterPartitionReassignments 0..=1 flexible 0 served (0..=1)
    46 ListPartitionReassignments 0..=0 flexible 0 served (0..=0)
    47 OffsetDelete 0..=0 flexible never served (0..=0)
    48 DescribeClientQuotas 0..=1 flexible 1 served (0..=1)
    49 AlterClientQuotas 0..=1 flexible 1 served none
    50 DescribeUserScramCredentials 0..=0 flexible 0 served none
    51 AlterUserScramCredentials 0..=0 flexible 0 served none
    52 Vote 0..=2 flexible 0 served none
    53 BeginQuorumEpoch 0..=1 flexible 1 served none
    54 EndQuorumEpoch 0..=1 flexible 1 served none
    55 DescribeQuorum 0..=2 flexible 0 served (0..=2)
    56 AlterPartition 2..=3 flexible 2 served none
    57 UpdateFeatures 0..=2 flexible 0 served (0..=2)
    58 Envelope 0..=0 flexible 0 served none
    59 FetchSnapshot 0..=1 flexible 0 served none
    60 DescribeCluster 0..=2 flexible 0 served (0..=2)
    61 DescribeProducers 0..=0 flexible 0 served (0..=0)
    62 BrokerRegistration 0..=4 flexible 0 served none
    63 BrokerHeartbeat 0..=2 flexible 0 served none
    64 UnregisterBroker 0..=0 flexible 0 served (0..=0)
    65 DescribeTransactions 0..=0 flexible 0 served none
    66 ListTransactions 0..=2 flexible 0 served none
    67 AllocateProducerIds 0..=0 flexible 0 served none
    68 ConsumerGroupHeartbeat 0..=1 flexible 0 served none
    69 ConsumerGroupDescribe 0..=1 flexible 0 served none
    70 ControllerRegistration 0..=0 flexible 0 served none
    71 GetTelemetrySubscriptions 0..=0 flexible 0 served none
    72 PushTelemetry 0..=0 flexible 0 served none
    73 AssignReplicasToDirs 0..=0 flexible 0 served none
    74 ListConfigResources 0..=1 flexible 0 served (0..=1)
    75 DescribeTopicPartitions 0..=0 flexible 0 served (0..=0)
    76 ShareGroupHeartbeat 1..=1 flexible 1 served none
    77 ShareGroupDescribe 1..=1 flexible 1 served none
    78 ShareFetch 1..=2 flexible 1 served none
    79 ShareAcknowledge 1..=2 flexible 1 served none
    80 AddRaftVoter 0..=1 flexible 0 served (0..=1)
    81 RemoveRaftVoter 0..=0 flexible 0 served (0..=0)
    82 UpdateRaftVoter 0..=0 flexible 0 served none
    83 InitializeShareGroupState 0..=0 flexible 0 served none
    84 ReadShareGroupState 0..=0 flexible 0 served none
    85 WriteShareGroupState 0..=1 flexible 0 served none
    86 DeleteShareGroupState 0..=0 flexible 0 served none
    87 ReadShareGroupStateSummary 0..=1 flexible 0 served none
    88 StreamsGroupHeartbeat 0..=0 flexible 0 served none
    89 StreamsGroupDescribe 0..=0 flexible 0 served none
    90 DescribeShareGroupOffsets 0..=1 flexible 0 served none
    91 AlterShareGroupOffsets 0..=0 flexible 0 served none
    92 DeleteShareGroupOffsets 0..=0 flexible 0 served none
 20010 ReportVoters 0..=0 flexible 0 served none
 20011 LeavePartitions 0..=0 flexible 0 served none
 20012 ReadRecords 0..=0 flexible 0 served none
}

impl ApiKey {
    /// The number on the wire.
    #[must_use]
    pub fn key(self) -> i16 {
        self as i16
    }

    /// The name in Kafka's documentation.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// The versions that can be decoded and encoded.
    #[must_use]
    pub fn schema(self) -> VersionRange {
        self.row().schema
    }

    /// The versions that the broker answers; `None` where it does not answer at all.
    #[must_use]
    pub fn served(self) -> Option<VersionRange> {
        self.row().served
    }

    /// The versions that `ApiVersions` names to clients: those served, but Produce from 0 on, because
    /// librdkafka switches features off otherwise (KAFKA-18659).
    #[must_use]
    pub fn advertised(self) -> Option<VersionRange> {
        let served = self.served()?;
        match self {
            ApiKey::Produce => Some(VersionRange { min: 0, ..served }),
            _ => Some(served),
        }
    }

    /// Whether `version` has compact lengths and tagged fields.
    #[must_use]
    pub fn is_flexible(self, version: i16) -> bool {
        self.row().flexible_from.is_some_and(|from| version >= from)
    }

    /// The version of the header before a request of `version`.
    #[must_use]
    pub fn request_header_version(self, version: i16) -> i16 {
        if self.is_flexible(version) { 2 } else { 1 }
    }

    /// The version of the header before a response of `version`. That of `ApiVersions` is always 0, so that
    /// a client can read it before it knows what the broker speaks.
    #[must_use]
    pub fn response_header_version(self, version: i16) -> i16 {
        i16::from(self.is_flexible(version) && self != ApiKey::ApiVersions)
    }
}

impl fmt::Display for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::codec::Message;
    use crate::wire::frame::{ApiRequest, ApiResponse};
    use crate::wire::messages::*;

    #[test]
    fn the_table_agrees_with_the_messages() {
        let mut checked = 0;
        macro_rules! agree {
            ($($api:ident($request:ty, $response:ty),)*) => {$(
                let row = ApiKey::$api.row();
                assert_eq!(<$request>::API, ApiKey::$api);
                assert_eq!(<$response>::API, ApiKey::$api);
                assert_eq!(<$request>::VERSIONS, row.schema, "{}", row.name);
                assert_eq!(<$response>::VERSIONS, row.schema, "{}", row.name);
                assert_eq!(<$request>::FLEXIBLE_FROM, row.flexible_from, "{}", row.name);
                assert_eq!(<$response>::FLEXIBLE_FROM, row.flexible_from, "{}", row.name);
                checked += 1;
            )*};
        }
        for_each_api!(agree);
        assert_eq!(checked, ApiKey::ALL.len());
    }

    #[test]
    fn all_of_kafka_4_3_is_in_the_table() {
        let of_kafka = ApiKey::ALL.iter().filter(|api| api.key() < 20_000);
        assert_eq!(of_kafka.clone().count(), 89);
        let pairs: i32 = of_kafka.map(|a| i32::from(a.schema().max) - i32::from(a.schema().min) + 1).sum();
        assert_eq!(pairs, 302);
    }

    #[test]
    fn what_is_served_is_in_the_schema() {
        for api in ApiKey::ALL {
            assert_eq!(ApiKey::from_key(api.key()), Some(*api));
            let Some(served) = api.served() else { continue };
            assert!(served.min <= served.max, "{api}");
            assert!(api.schema().contains(served.min) && api.schema().contains(served.max), "{api}");
        }
        // Transactional clients speak version 6 only to a broker that says so much more (KIP-939).
        assert!(ApiKey::InitProducerId.served().is_none_or(|served| served.max <= 5));
    }

    #[test]
    fn headers_follow_flexibility() {
        assert_eq!(ApiKey::Metadata.request_header_version(8), 1);
        assert_eq!(ApiKey::Metadata.request_header_version(9), 2);
        assert_eq!(ApiKey::Metadata.response_header_version(9), 1);
        assert_eq!(ApiKey::ApiVersions.request_header_version(3), 2);
        assert_eq!(ApiKey::ApiVersions.response_header_version(4), 0);
        assert_eq!(ApiKey::SaslHandshake.request_header_version(1), 1);
    }
}
