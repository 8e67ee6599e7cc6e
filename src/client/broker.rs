use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::address::BrokerAddress;
use super::connection::{Answered, Connection, Enqueued};
use super::error::ClientError;
use super::options::{ClientIo, ClientOptions};
use crate::types::{CorrelationId, ErrorCode};
use crate::wire::frame::{decode_api_versions, decode_response, encode_request};
use crate::wire::messages::{ApiVersionsRequest, ApiVersionsResponse};
use crate::wire::{ApiKey, ApiRequest, Message, Text, VersionRange};

/// A connection whose other side has said what it speaks.
pub struct Broker {
    connection: Connection,
    client_id: Text,
    versions: BTreeMap<i16, VersionRange>,
    features: Vec<Feature>,
    request_timeout: Duration,
}

/// Whether a request has an answer: not a Produce with `acks=0`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Expects {
    Answer,
    Nothing,
}

/// A request that is in line or under way.
pub struct InFlight<R> {
    broker: Arc<Broker>,
    enqueued: Enqueued,
    version: i16,
    answered: Answered,
    request: PhantomData<fn() -> R>,
}

impl<R: ApiRequest> InFlight<R> {
    /// Waits for the answer; `None`, once it is written, for a request that has none.
    ///
    /// # Errors
    /// As [`Broker::call`].
    pub async fn wait(self) -> Result<Option<R::Response>, ClientError> {
        let frame = self.broker.connection.answer(self.enqueued).await?;
        match self.answered {
            Answered::No => Ok(None),
            Answered::Yes => {
                let answer = decode_response::<R>(self.version, frame);
                let (_, answer) = answer.map_err(|source| self.broker.malformed(R::API, source))?;
                Ok(Some(answer))
            }
        }
    }
}

/// A feature of the cluster, as `ApiVersions` tells it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Feature {
    pub name: String,
    pub supported: VersionRange,
    /// The level in force; `None` if the feature is off.
    pub finalized: Option<i16>,
}

impl Broker {
    /// Connects and negotiates.
    ///
    /// # Errors
    /// [`ClientError::Connect`], or what went wrong with `ApiVersions`.
    pub async fn connect(
        io: &ClientIo,
        address: &BrokerAddress,
        options: &ClientOptions,
    ) -> Result<Broker, ClientError> {
        let mut broker = Broker {
            connection: Connection::open(io, address, options).await?,
            client_id: Text::from(options.client_id.as_str()),
            versions: BTreeMap::new(),
            features: Vec::new(),
            request_timeout: options.request_timeout,
        };
        let answer = broker.negotiate().await?;
        for api in &answer.api_keys {
            let range = VersionRange { min: api.min_version, max: api.max_version };
            broker.versions.insert(api.api_key, range);
        }
        broker.features = features(&answer);
        Ok(broker)
    }

    async fn negotiate(&self) -> Result<ApiVersionsResponse, ClientError> {
        let mut version = ApiVersionsRequest::VERSIONS.max;
        loop {
            let request = ApiVersionsRequest {
                client_software_name: if version >= 3 { Text::from_static("ordain") } else { Text::new() },
                client_software_version: if version >= 3 {
                    Text::from_static(env!("CARGO_PKG_VERSION"))
                } else {
                    Text::new()
                },
                ..ApiVersionsRequest::default()
            };
            let frame = self.exchange(version, &request, Answered::Yes, self.request_timeout).await?;
            let (_, answer) = decode_api_versions(version, frame)
                .map_err(|source| self.malformed(ApiKey::ApiVersions, source))?;
            let unsupported = answer.error_code == ErrorCode::UnsupportedVersion.code();
            if unsupported && version > 0 {
                // The broker has named its own versions, or at least knows the first one.
                let own = answer.api_keys.iter().find(|api| api.api_key == ApiKey::ApiVersions.key());
                version = own.map_or(0, |api| api.max_version).clamp(0, version - 1);
                continue;
            }
            ClientError::check(self.address(), ApiKey::ApiVersions, answer.error_code, "API versions", None)?;
            return Ok(answer);
        }
    }

    #[must_use]
    pub fn address(&self) -> &BrokerAddress {
        &self.connection.address
    }

    #[must_use]
    pub fn is_open(&self) -> bool {
        self.connection.is_open()
    }

    /// The versions this broker serves, by API key, unknown APIs included.
    #[must_use]
    pub fn versions(&self) -> &BTreeMap<i16, VersionRange> {
        &self.versions
    }

    #[must_use]
    pub fn features(&self) -> &[Feature] {
        &self.features
    }

    /// The newest version of `R` that both sides speak.
    ///
    /// # Errors
    /// [`ClientError::UnsupportedApi`] if there is none.
    pub fn version<R: ApiRequest>(&self) -> Result<i16, ClientError> {
        self.version_up_to::<R>(version_max(R::API))
    }

    /// The newest version of `R` that both sides speak, and no newer one than this.
    ///
    /// # Errors
    /// [`ClientError::UnsupportedApi`] if there is none.
    pub fn version_up_to<R: ApiRequest>(&self, newest: i16) -> Result<i16, ClientError> {
        let ours = VersionRange { max: newest.min(R::VERSIONS.max), ..R::VERSIONS };
        let theirs = self.versions.get(&R::API.key()).copied();
        match theirs {
            Some(theirs) if theirs.min <= ours.max && theirs.max >= ours.min => Ok(ours.max.min(theirs.max)),
            Some(_) | None => {
                let address = self.address().clone();
                Err(ClientError::UnsupportedApi { address, api: R::API, ours, theirs })
            }
        }
    }

    /// Sends a request and waits for the answer. Error codes in it are the caller's to check.
    ///
    /// # Errors
    /// No common version, a lost connection, a deadline, bytes that cannot be read.
    pub async fn call<R: ApiRequest>(&self, request: &R) -> Result<R::Response, ClientError> {
        self.call_within(self.version::<R>()?, request, self.request_timeout).await
    }

    /// As [`Broker::call`], with a version that the caller has built the request for and a deadline.
    ///
    /// # Errors
    /// As [`Broker::call`].
    pub async fn call_within<R: ApiRequest>(
        &self,
        version: i16,
        request: &R,
        within: Duration,
    ) -> Result<R::Response, ClientError> {
        let frame = self.exchange(version, request, Answered::Yes, within).await?;
        let (_, answer) =
            decode_response::<R>(version, frame).map_err(|source| self.malformed(R::API, source))?;
        Ok(answer)
    }

    /// Puts a request that was built for `version` in line and returns at once: requests are written in the order of these calls. The
    /// answer is waited for with [`InFlight::wait`].
    ///
    /// # Errors
    /// As [`Broker::call`].
    pub async fn begin<R: ApiRequest>(
        self: &Arc<Self>,
        version: i16,
        request: &R,
        expects: Expects,
    ) -> Result<InFlight<R>, ClientError> {
        let answered = match expects {
            Expects::Answer => Answered::Yes,
            Expects::Nothing => Answered::No,
        };
        let enqueued = self.enqueue(version, request, answered, self.request_timeout).await?;
        Ok(InFlight { broker: Arc::clone(self), enqueued, version, answered, request: PhantomData })
    }

    async fn enqueue<R: ApiRequest>(
        &self,
        version: i16,
        request: &R,
        answered: Answered,
        within: Duration,
    ) -> Result<Enqueued, ClientError> {
        let correlation: CorrelationId = self.connection.correlation_id();
        let frame = encode_request(version, correlation, Some(&self.client_id), request)
            .map_err(|source| ClientError::Encode { api: R::API, source })?;
        self.connection.enqueue(R::API, correlation, frame, answered, within).await
    }

    async fn exchange<R: ApiRequest>(
        &self,
        version: i16,
        request: &R,
        answered: Answered,
        within: Duration,
    ) -> Result<Bytes, ClientError> {
        let enqueued = self.enqueue(version, request, answered, within).await?;
        self.connection.answer(enqueued).await
    }

    fn malformed(&self, api: ApiKey, source: crate::wire::DecodeError) -> ClientError {
        ClientError::Malformed { address: self.address().clone(), api, source }
    }
}

/// The newest version this client uses where it is not the schema's: topics are told by name, not by id.
const VERSIONS_BY_NAME: [(ApiKey, i16); 2] = [(ApiKey::OffsetCommit, 9), (ApiKey::OffsetFetch, 9)];

fn version_max(api: ApiKey) -> i16 {
    VERSIONS_BY_NAME.iter().find(|(key, _)| *key == api).map_or(i16::MAX, |(_, version)| *version)
}

fn features(answer: &ApiVersionsResponse) -> Vec<Feature> {
    let supported = answer.supported_features.iter();
    supported
        .map(|feature| Feature {
            name: feature.name.to_string(),
            supported: VersionRange { min: feature.min_version, max: feature.max_version },
            finalized: answer
                .finalized_features
                .iter()
                .find(|f| f.name == feature.name)
                .map(|f| f.max_version_level),
        })
        .collect()
}
