use std::io;

use bytes::BytesMut;

use super::net::{connected, read_to_end, shutdown};
use super::{Stage, soon};
use crate::io::{read_exact, read_some, write_all};

pub(super) async fn half_close_lets_the_answer_through(stage: &Stage) {
    let (mut client, mut server) = connected(stage).await;
    let exchange = async {
        write_all(client.write.as_mut(), b"question").await.unwrap();
        shutdown(client.write.as_mut()).await.unwrap();
        assert_eq!(&read_to_end(server.read.as_mut()).await.unwrap()[..], b"question");
        write_all(server.write.as_mut(), b"answer").await.unwrap();
        drop(server);
        assert_eq!(&read_to_end(client.read.as_mut()).await.unwrap()[..], b"answer");
    };
    soon(&stage.client, "an answer after a half-close", exchange).await;
}

pub(super) async fn dropping_a_half_keeps_the_other(stage: &Stage) {
    let (client, server) = connected(stage).await;
    let exchange = async {
        let (mut client_read, mut client_write) = (client.read, client.write);
        let (mut server_read, mut server_write) = (server.read, server.write);
        write_all(client_write.as_mut(), b"last").await.unwrap();
        drop(client_write);
        assert_eq!(&read_to_end(server_read.as_mut()).await.unwrap()[..], b"last");
        drop(server_read);
        // Only one direction of each end is left.
        write_all(server_write.as_mut(), b"still here").await.unwrap();
        let mut buffer = BytesMut::new();
        read_exact(client_read.as_mut(), &mut buffer, 10).await.unwrap();
        assert_eq!(&buffer[..], b"still here");
        drop(server_write);
        assert_eq!(read_some(client_read.as_mut(), &mut buffer, 1).await.unwrap(), 0);
    };
    soon(&stage.client, "traffic over half a stream", exchange).await;
}

pub(super) async fn a_clean_close_is_an_end(stage: &Stage) {
    let (mut client, server) = connected(stage).await;
    drop(server);
    let mut buffer = BytesMut::new();
    let end = read_some(client.read.as_mut(), &mut buffer, 1);
    assert_eq!(soon(&stage.client, "the end of a stream", end).await.unwrap(), 0);
}

pub(super) async fn closing_over_unread_bytes_resets(stage: &Stage) {
    let (mut client, mut server) = connected(stage).await;
    let exchange = async {
        write_all(client.write.as_mut(), b"never read to the end").await.unwrap();
        read_some(server.read.as_mut(), &mut BytesMut::new(), 1).await.unwrap();
        drop(server);
        read_some(client.read.as_mut(), &mut BytesMut::new(), 1).await
    };
    let Err(error) = soon(&stage.client, "a reset", exchange).await else {
        panic!("a reset was read as a clean end")
    };
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
}

pub(super) async fn writing_to_a_closed_peer_fails(stage: &Stage) {
    let (mut client, server) = connected(stage).await;
    drop(server);
    let write = async {
        loop {
            if let Err(error) = write_all(client.write.as_mut(), &[7; 100]).await {
                return error;
            }
            stage.client.clock.sleep(std::time::Duration::from_millis(1)).await;
        }
    };
    let error = soon(&stage.client, "a failed write", write).await;
    assert!(matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset), "{error:?}");
}

pub(super) async fn writing_after_shutdown_fails(stage: &Stage) {
    let (mut client, server) = connected(stage).await;
    shutdown(client.write.as_mut()).await.unwrap();
    let error = write_all(client.write.as_mut(), b"late").await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    drop(server);
}
