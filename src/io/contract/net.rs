use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::net::{IpAddr, SocketAddr};
use std::task::Poll;

use bytes::{Bytes, BytesMut};

use super::{Stage, WATCH, both, pattern, soon};
use crate::io::{
    Connection, Listener, ReadHalf, WriteHalf, read_exact, read_some, timeout, write_all, write_all_vectored,
};

/// A listener on a free port of the server.
pub(super) async fn listen(stage: &Stage) -> Box<dyn Listener> {
    let address = SocketAddr::new(stage.server_ip, 0);
    soon(&stage.server, "listening", stage.server.net.listen(address)).await.unwrap()
}

pub(super) async fn accept(listener: &mut dyn Listener) -> Connection {
    poll_fn(|context| listener.poll_accept(context)).await.unwrap()
}

/// The two ends of a fresh stream: the client's, the server's.
pub(super) async fn connected(stage: &Stage) -> (Connection, Connection) {
    let mut listener = listen(stage).await;
    let port = listener.local_addr().port();
    let ends = both(stage.client.net.connect(&stage.server_host, port), accept(listener.as_mut()));
    let (client, server) = soon(&stage.client, "a connection", ends).await;
    (client.unwrap(), server)
}

/// Reads to the end of the stream.
pub(super) async fn read_to_end(read: &mut dyn ReadHalf) -> io::Result<BytesMut> {
    let mut all = BytesMut::new();
    while read_some(read, &mut all, 8192).await? > 0 {}
    Ok(all)
}

pub(super) async fn shutdown(write: &mut dyn WriteHalf) -> io::Result<()> {
    poll_fn(|context| write.poll_shutdown(context)).await
}

pub(super) async fn the_stream_keeps_every_byte(stage: &Stage) {
    let (mut client, mut server) = connected(stage).await;
    let sent = pattern(1 << 20, 1);
    let echo = async {
        let mut buffer = BytesMut::new();
        // Odd limits, so that reads and writes never line up.
        while read_some(server.read.as_mut(), &mut buffer, 30_011).await.unwrap() > 0 {
            write_all(server.write.as_mut(), &buffer.split()).await.unwrap();
        }
        shutdown(server.write.as_mut()).await.unwrap();
    };
    let (mut write, read) = (client.write, client.read.as_mut());
    let send = async {
        for (index, chunk) in sent.chunks(7_919).enumerate() {
            let (head, tail) = chunk.split_at(index % chunk.len());
            write_all(write.as_mut(), head).await.unwrap();
            write_all(write.as_mut(), tail).await.unwrap();
        }
        shutdown(write.as_mut()).await.unwrap();
    };
    let exchange = both(both(echo, send), read_to_end(&mut *read));
    let (_, received) = soon(&stage.client, "an echo of 1 MiB", exchange).await;
    assert!(received.unwrap() == sent, "the echo differs from what was sent");
    assert_eq!(read_some(read, &mut BytesMut::new(), 1).await.unwrap(), 0, "the end is read again");
}

pub(super) async fn vectored_writes_keep_their_order(stage: &Stage) {
    let (mut client, mut server) = connected(stage).await;
    let sent = pattern(200_000, 2);
    let mut segments = Vec::new();
    let mut rest = Bytes::copy_from_slice(&sent);
    while !rest.is_empty() {
        segments.push(Bytes::new());
        let length = (segments.len() * 37 % 4001).clamp(1, rest.len());
        segments.push(rest.split_to(length));
    }
    segments.push(Bytes::new());
    let send = async {
        write_all_vectored(client.write.as_mut(), &mut segments).await.unwrap();
        // No bytes at all: ready, and nothing is sent.
        let none =
            poll_fn(|context| client.write.poll_write_vectored(context, &[IoSlice::new(&[])])).await.unwrap();
        assert_eq!(none, 0);
        shutdown(client.write.as_mut()).await.unwrap();
    };
    let ((), received) =
        soon(&stage.client, "a vectored write", both(send, read_to_end(server.read.as_mut()))).await;
    assert!(received.unwrap() == sent, "segments arrived otherwise than sent");
}

pub(super) async fn reads_append_and_keep_the_limit(stage: &Stage) {
    let (mut client, mut server) = connected(stage).await;
    let exchange = async {
        write_all(client.write.as_mut(), b"0123456789").await.unwrap();
        let mut buffer = BytesMut::from(&b"before "[..]);
        let mut total = 0;
        while total < 10 {
            let count = read_some(server.read.as_mut(), &mut buffer, 3).await.unwrap();
            assert!((1..=3).contains(&count), "a read of {count} bytes with a limit of 3");
            total += count;
            assert_eq!(buffer.len(), 7 + total);
        }
        assert_eq!(&buffer[..], b"before 0123456789");
        write_all(client.write.as_mut(), b"abc").await.unwrap();
        read_exact(server.read.as_mut(), &mut buffer, 20).await.unwrap();
        assert_eq!(&buffer[..], b"before 0123456789abc");
        drop(client);
        let error = read_exact(server.read.as_mut(), &mut buffer, 21).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    };
    soon(&stage.client, "small reads", exchange).await;
}

pub(super) async fn addresses_agree(stage: &Stage) {
    let (client, server) = connected(stage).await;
    assert_eq!(client.local, server.peer);
    assert_eq!(client.peer, server.local);
    assert_eq!(client.peer.ip(), stage.server_ip);
}

pub(super) async fn port_zero_takes_free_ports(stage: &Stage) {
    let (one, two) = (listen(stage).await, listen(stage).await);
    assert_ne!(one.local_addr().port(), 0);
    assert_ne!(one.local_addr(), two.local_addr());
}

pub(super) async fn a_second_listener_is_refused(stage: &Stage) {
    let listener = listen(stage).await;
    let address = listener.local_addr();
    let Err(error) = stage.server.net.listen(address).await else { panic!("{address} was bound twice") };
    assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    drop(listener);
    let again = stage.server.net.listen(address).await.unwrap();
    assert_eq!(again.local_addr(), address);
}

pub(super) async fn a_foreign_address_cannot_be_bound(stage: &Stage) {
    // A documentation address (RFC 5737): nobody's.
    let address = SocketAddr::new(IpAddr::from([203, 0, 113, 7]), 0);
    let Err(error) = stage.server.net.listen(address).await else { panic!("{address} was bound") };
    assert_eq!(error.kind(), io::ErrorKind::AddrNotAvailable);
}

pub(super) async fn nobody_listens_is_refused(stage: &Stage) {
    let listener = listen(stage).await;
    let port = listener.local_addr().port();
    drop(listener);
    let connect = stage.client.net.connect(&stage.server_host, port);
    let Err(error) = soon(&stage.client, "a refusal", connect).await else {
        panic!("connected where nobody listens")
    };
    assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
}

pub(super) async fn accept_waits_and_takes_many(stage: &Stage) {
    let mut listener = listen(stage).await;
    let port = listener.local_addr().port();
    let nobody = poll_fn(|context| Poll::Ready(listener.poll_accept(context).is_pending())).await;
    assert!(nobody, "a connection was accepted that nobody made");
    for round in 0..20_u8 {
        let connect = async {
            let mut client = stage.client.net.connect(&stage.server_host, port).await.unwrap();
            write_all(client.write.as_mut(), &[round]).await.unwrap();
            client
        };
        let serve = async {
            let mut server = accept(listener.as_mut()).await;
            let mut buffer = BytesMut::new();
            read_exact(server.read.as_mut(), &mut buffer, 1).await.unwrap();
            assert_eq!(buffer[0], round);
        };
        soon(&stage.client, "an accepted connection", both(connect, serve)).await;
    }
}

pub(super) async fn a_full_window_blocks_the_writer(stage: &Stage) {
    let (mut client, mut server) = connected(stage).await;
    let chunk = pattern(1 << 16, 3);
    let mut written = 0_usize;
    // More than any window or socket buffer holds.
    let bound = 256 << 20;
    loop {
        assert!(written < bound, "{bound} bytes went to a peer that does not read");
        let offset = written % chunk.len();
        let slice = &chunk[offset..];
        let write = poll_fn(|context| client.write.poll_write_vectored(context, &[IoSlice::new(slice)]));
        let deadline = stage.client.clock.now().after(WATCH);
        match timeout(stage.client.clock.as_ref(), deadline, write).await {
            Ok(count) => {
                let count = count.unwrap();
                assert!((1..=slice.len()).contains(&count));
                written += count;
            }
            Err(_) => break,
        }
    }
    assert!(written > 0);
    let finish = async {
        let rest = chunk[written % chunk.len()..].to_vec();
        write_all(client.write.as_mut(), &rest).await.unwrap();
        shutdown(client.write.as_mut()).await.unwrap();
        written + rest.len()
    };
    let drain = async {
        let mut buffer = BytesMut::new();
        let mut read = 0;
        while read_some(server.read.as_mut(), &mut buffer, 1 << 16).await.unwrap() > 0 {
            for byte in buffer.split() {
                assert_eq!(byte, chunk[read % chunk.len()], "at byte {read}");
                read += 1;
            }
        }
        read
    };
    let (written, read) = soon(&stage.client, "room after reading", both(finish, drain)).await;
    assert_eq!(written, read);
}
