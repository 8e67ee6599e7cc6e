//! What the client makes of brokers that are of no use to it: whoever asks again asks another one.
#![allow(clippy::unwrap_used, reason = "a test")]
use std::future::poll_fn;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::BytesMut;
use ordain::client::{AutoCreate, BrokerAddress, Client, ClientError, ClientOptions};
use ordain::io::{Connection, Io, read_exact, write_all};
use ordain::types::{ErrorCode, NodeId};
use ordain::wire::messages::api_versions_response::ApiVersion;
use ordain::wire::messages::metadata_response::MetadataResponseBroker;
use ordain::wire::messages::{ApiVersionsResponse, ListPartitionReassignmentsResponse, MetadataResponse};
use ordain::wire::{ApiKey, RequestFrame, Text, encode_response};
use ordain_sim::{Cluster, Simulation};

const PORT: u16 = 9092;
/// How long the client waits for an answer.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(2);

/// What a broker does with what is asked of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Does {
    /// It answers all.
    Answers,
    /// It tells its versions, and falls silent.
    TellsVersions,
    /// It tells how the cluster was, and falls silent.
    TellsMetadata,
    /// It tells how the cluster was, and that it has heard nothing of the active controller.
    TimesOut,
}

/// The answer to one request, if there is one. Each names itself as the controller, as brokers do.
fn answer(node: i32, does: Does, request: &RequestFrame) -> Option<Vec<bytes::Bytes>> {
    let (version, id) = (request.version, request.correlation_id);
    let encoded = match request.api {
        ApiKey::ApiVersions => {
            let api = |api: ApiKey| {
                let versions = api.served().unwrap();
                ApiVersion {
                    api_key: api.key(),
                    min_version: versions.min,
                    max_version: versions.max,
                    ..ApiVersion::default()
                }
            };
            let apis = [ApiKey::ApiVersions, ApiKey::Metadata, ApiKey::ListPartitionReassignments];
            let answer =
                ApiVersionsResponse { api_keys: apis.map(api).into(), ..ApiVersionsResponse::default() };
            encode_response(version, id, &answer)
        }
        _ if does == Does::TellsVersions => return None,
        ApiKey::Metadata => {
            let broker = |node_id| MetadataResponseBroker {
                node_id,
                host: Text::from(format!("n{node_id}")),
                port: PORT.into(),
                ..MetadataResponseBroker::default()
            };
            let brokers = vec![broker(1), broker(2)];
            encode_response(
                version,
                id,
                &MetadataResponse { brokers, controller_id: node, ..MetadataResponse::default() },
            )
        }
        _ if does == Does::TellsMetadata => return None,
        _ => {
            let code = if does == Does::TimesOut { ErrorCode::RequestTimedOut } else { ErrorCode::None };
            let answer = ListPartitionReassignmentsResponse {
                error_code: code.code(),
                ..ListPartitionReassignmentsResponse::default()
            };
            encode_response(version, id, &answer)
        }
    };
    Some(encoded.unwrap())
}

async fn converse(mut connection: Connection, node: i32, does: Does) -> std::io::Result<()> {
    loop {
        let mut length = BytesMut::new();
        read_exact(connection.read.as_mut(), &mut length, 4).await?;
        let length = u32::from_be_bytes(length[..].try_into().unwrap());
        let mut frame = BytesMut::new();
        read_exact(connection.read.as_mut(), &mut frame, length as usize).await?;
        for part in answer(node, does, &RequestFrame::parse(frame.freeze()).unwrap()).unwrap_or_default() {
            write_all(connection.write.as_mut(), &part).await?;
        }
    }
}

async fn serve(io: Io, node: i32, does: Does) {
    let mut listener = io.net.listen(SocketAddr::from(([0, 0, 0, 0], PORT))).await.unwrap();
    loop {
        let connection = poll_fn(|context| listener.poll_accept(context)).await.unwrap();
        io.spawn.spawn(
            "conversation",
            Box::pin(async move {
                let _closed = converse(connection, node, does).await;
            }),
        );
    }
}

/// A client of two brokers, the first of which does this, that tries nothing a second time.
fn client(cluster: &Cluster, first: Does) -> Client {
    for (node, does) in [(1, first), (2, Does::Answers)] {
        cluster.add_node(&format!("n{node}")).start(move |io| serve(io, node, does));
    }
    let address = |node| BrokerAddress { host: format!("n{node}"), port: PORT };
    let mut options = ClientOptions::new([1, 2].map(address).into());
    options.request_timeout = REQUEST_TIMEOUT;
    options.retry_timeout = Duration::ZERO;
    Client::new((&cluster.add_node("client").io()).into(), options)
}

/// How the attempts end that are made until one succeeds, over seeds in which either broker is asked first.
fn attempts<F>(first: Does, attempt: impl Fn(Client) -> F + Copy) -> Vec<Vec<ClientError>>
where
    F: Future<Output = Result<(), ClientError>>,
{
    let of = |seed| {
        Simulation::new(seed).run(|cluster| async move {
            let client = client(&cluster, first);
            let mut failed = Vec::new();
            while let Err(error) = attempt(client.clone()).await {
                failed.push(error);
                assert!(failed.len() < 4, "it asks the same one again and again: {failed:?}");
            }
            failed
        })
    };
    let failed: Vec<_> = (0..8).map(|seed| of(seed).value).collect();
    assert!(failed.iter().any(Vec::is_empty) && !failed.iter().all(Vec::is_empty), "{failed:?}");
    assert!(failed.iter().all(|failed| failed.len() < 2), "{failed:?}");
    failed
}

async fn describe(client: Client) -> Result<(), ClientError> {
    let described = client.describe(None, AutoCreate::No).await?;
    assert_eq!(described.controller, Some(NodeId(2)));
    Ok(())
}

async fn reassignments(client: Client) -> Result<(), ClientError> {
    assert!(client.reassignments().await?.is_empty());
    Ok(())
}

#[test]
fn another_is_asked_how_the_cluster_is_after_one_that_did_not_answer() {
    for failed in attempts(Does::TellsVersions, describe).iter().flatten() {
        assert!(matches!(failed, ClientError::Timeout { .. }), "{failed}");
    }
}

#[test]
fn another_takes_what_the_controller_is_asked_after_one_that_did_not_answer() {
    for failed in attempts(Does::TellsMetadata, reassignments).iter().flatten() {
        assert!(matches!(failed, ClientError::Timeout { .. }), "{failed}");
    }
}

#[test]
fn another_takes_what_the_controller_is_asked_after_one_that_is_cut_off_from_it() {
    for failed in attempts(Does::TimesOut, reassignments).iter().flatten() {
        assert_eq!(failed.code(), Some(ErrorCode::RequestTimedOut), "{failed}");
    }
}
