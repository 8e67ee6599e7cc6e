//! What only a simulated network can be made to do.
#![allow(clippy::unwrap_used, reason = "a test")]
use std::future::poll_fn;
use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bytes::BytesMut;
use ordain::io::{Connection, Io, Listener, read_exact, read_some, write_all};
use ordain_sim::net::NetOptions;
use ordain_sim::{Cluster, NodeHandle, Simulation};

const PORT: u16 = 9000;

async fn listen(io: &Io) -> Box<dyn Listener> {
    io.net.listen(SocketAddr::new(IpAddr::from([0, 0, 0, 0]), PORT)).await.unwrap()
}

/// A stream between the two nodes: the client's end, the server's, and the listener.
async fn connected(client: &NodeHandle, server: &NodeHandle) -> (Connection, Connection, Box<dyn Listener>) {
    let mut listener = listen(&server.io()).await;
    let one = client.io().net.connect(server.name(), PORT).await.unwrap();
    let other = poll_fn(|context| listener.poll_accept(context)).await.unwrap();
    (one, other, listener)
}

async fn send(connection: &mut Connection, bytes: &[u8]) -> std::io::Result<()> {
    write_all(connection.write.as_mut(), bytes).await
}

/// The next bytes, the end (empty), or why not; `None` if nothing comes for 5 seconds.
async fn receive(cluster: &Cluster, connection: &mut Connection) -> Option<Result<Vec<u8>, ErrorKind>> {
    let mut buffer = BytesMut::new();
    let read = read_some(connection.read.as_mut(), &mut buffer, 1000);
    let result = cluster.within(Duration::from_secs(5), read).await?;
    Some(result.map(|_| buffer.to_vec()).map_err(|error| error.kind()))
}

fn run<F: Future<Output = ()>>(seed: u64, scenario: impl FnOnce(Cluster, NodeHandle, NodeHandle) -> F) {
    let net = NetOptions { partial_per_mille: 0, ..NetOptions::default() };
    Simulation::new(seed).net(net).run(|cluster| {
        let (client, server) = (cluster.add_node("client"), cluster.add_node("server"));
        scenario(cluster, client, server)
    });
}

#[test]
fn a_partition_delays_and_healing_delivers() {
    run(1, |cluster, client, server| async move {
        let (mut one, mut other, _listener) = connected(&client, &server).await;
        cluster.net().partition(&[client.index()], &[server.index()]);
        send(&mut one, b"late").await.unwrap();
        assert_eq!(receive(&cluster, &mut other).await, None);
        cluster.net().heal();
        assert_eq!(receive(&cluster, &mut other).await, Some(Ok(b"late".to_vec())));
        send(&mut other, b"back").await.unwrap();
        assert_eq!(receive(&cluster, &mut one).await, Some(Ok(b"back".to_vec())));
    });
}

#[test]
fn a_one_way_cut_lets_the_other_way_through() {
    run(2, |cluster, client, server| async move {
        let (mut one, mut other, _listener) = connected(&client, &server).await;
        cluster.net().cut(server.index(), client.index());
        send(&mut one, b"there").await.unwrap();
        assert_eq!(receive(&cluster, &mut other).await, Some(Ok(b"there".to_vec())));
        send(&mut other, b"back").await.unwrap();
        assert_eq!(receive(&cluster, &mut one).await, None);
        // No window update comes back either: the window fills, and the writer stands still.
        let flood = async {
            loop {
                send(&mut one, &[0; 1000]).await.unwrap();
                assert!(receive(&cluster, &mut other).await.is_some());
            }
        };
        let stuck: Option<()> = cluster.within(Duration::from_secs(60), flood).await;
        assert!(stuck.is_none());
        // A new connection gets no answer.
        let io = client.io();
        let connect = io.net.connect("server", PORT);
        assert!(cluster.within(Duration::from_secs(30), connect).await.is_none());
    });
}

#[test]
fn connecting_into_a_partition_hangs_until_it_heals() {
    run(3, |cluster, client, server| async move {
        let mut listener = listen(&server.io()).await;
        cluster.net().partition(&[client.index()], &[server.index()]);
        let io = client.io();
        let mut connect = io.net.connect("server", PORT);
        assert!(cluster.within(Duration::from_secs(20), &mut connect).await.is_none());
        cluster.net().heal();
        let mut one = cluster.within(Duration::from_secs(60), connect).await.unwrap().unwrap();
        let mut other = poll_fn(|context| listener.poll_accept(context)).await.unwrap();
        send(&mut one, b"at last").await.unwrap();
        assert_eq!(receive(&cluster, &mut other).await, Some(Ok(b"at last".to_vec())));
        cluster.net().partition(&[client.index()], &[server.index()]);
        let Err(error) = io.net.connect("server", PORT).await else { panic!("connected through a cut") };
        assert_eq!(error.kind(), ErrorKind::TimedOut);
    });
}

#[test]
fn a_crashed_process_ends_its_streams_and_refuses() {
    run(4, |cluster, client, server| async move {
        let (mut one, other, _listener) = connected(&client, &server).await;
        server.crash();
        assert_eq!(receive(&cluster, &mut one).await, Some(Ok(Vec::new())), "its kernel closes");
        let Err(error) = client.io().net.connect("server", PORT).await else { panic!("connected") };
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        drop(other);
    });
}

#[test]
fn a_crash_behind_a_partition_is_silent() {
    run(5, |cluster, client, server| async move {
        let (mut one, _other, _listener) = connected(&client, &server).await;
        cluster.net().partition(&[client.index()], &[server.index()]);
        server.crash();
        assert_eq!(receive(&cluster, &mut one).await, None);
        cluster.net().heal();
        assert_eq!(receive(&cluster, &mut one).await, Some(Ok(Vec::new())));
    });
}

#[test]
fn a_power_failure_is_silent_and_later_traffic_is_reset() {
    run(6, |cluster, client, server| async move {
        let (mut one, _other, _listener) = connected(&client, &server).await;
        server.power_fail();
        assert_eq!(receive(&cluster, &mut one).await, None, "a dead machine says nothing");
        send(&mut one, b"hello?").await.unwrap();
        assert_eq!(receive(&cluster, &mut one).await, None);
        let io = client.io();
        let connect = io.net.connect("server", PORT);
        assert!(cluster.within(Duration::from_secs(10), connect).await.is_none(), "not even a refusal");
        server.restart();
        let reset = cluster.within(Duration::from_secs(60), receive(&cluster, &mut one)).await;
        assert_eq!(reset, Some(Some(Err(ErrorKind::ConnectionReset))));
        let Err(error) = send(&mut one, b"more").await else { panic!("written to a reset stream") };
        assert!(matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe));
    });
}

#[test]
fn a_half_open_peer_stays_until_it_is_spoken_to() {
    run(7, |cluster, client, server| async move {
        let (mut one, _other, _listener) = connected(&client, &server).await;
        server.power_fail();
        server.restart();
        // The client has heard nothing, and would wait for ever.
        assert_eq!(receive(&cluster, &mut one).await, None);
        send(&mut one, b"still there?").await.unwrap();
        assert_eq!(receive(&cluster, &mut one).await, Some(Err(ErrorKind::ConnectionReset)));
    });
}

#[test]
fn what_was_on_the_way_arrives_after_a_power_failure() {
    run(8, |cluster, client, server| async move {
        let (mut one, mut other, _listener) = connected(&client, &server).await;
        send(&mut other, b"last words").await.unwrap();
        server.power_fail();
        assert_eq!(receive(&cluster, &mut one).await, Some(Ok(b"last words".to_vec())));
        assert_eq!(receive(&cluster, &mut one).await, None);
    });
}

#[test]
fn a_paused_process_keeps_its_kernel() {
    run(9, |cluster, client, server| async move {
        server.start(|io| async move {
            let mut listener = listen(&io).await;
            let mut connection = poll_fn(|context| listener.poll_accept(context)).await.unwrap();
            let mut buffer = BytesMut::new();
            read_exact(connection.read.as_mut(), &mut buffer, 4).await.unwrap();
            send(&mut connection, &buffer).await.unwrap();
            io.clock.sleep(Duration::from_secs(60)).await;
        });
        cluster.sleep(Duration::from_millis(10)).await;
        server.pause();
        // The kernel shakes hands and takes the bytes; nobody answers.
        let mut one = client.io().net.connect("server", PORT).await.unwrap();
        send(&mut one, b"ping").await.unwrap();
        assert_eq!(receive(&cluster, &mut one).await, None);
        server.resume();
        assert_eq!(receive(&cluster, &mut one).await, Some(Ok(b"ping".to_vec())));
    });
}

#[test]
fn resets_from_the_middle_reach_both() {
    run(10, |cluster, client, server| async move {
        let (mut one, mut other, _listener) = connected(&client, &server).await;
        cluster.net().reset_streams(client.index(), server.index());
        assert_eq!(receive(&cluster, &mut one).await, Some(Err(ErrorKind::ConnectionReset)));
        assert_eq!(receive(&cluster, &mut other).await, Some(Err(ErrorKind::ConnectionReset)));
    });
}

#[test]
fn a_sender_gives_up_in_the_end() {
    run(11, |cluster, client, server| async move {
        cluster.net().set_options(|options| options.give_up = Duration::from_secs(3));
        let (mut one, _other, _listener) = connected(&client, &server).await;
        cluster.net().cut(client.index(), server.index());
        send(&mut one, b"into the void").await.unwrap();
        assert_eq!(receive(&cluster, &mut one).await, Some(Err(ErrorKind::TimedOut)));
    });
}

#[test]
fn names_and_addresses_lead_to_nodes() {
    run(12, |_, client, server| async move {
        let _listener = listen(&server.io()).await;
        let net = client.io().net;
        assert_eq!(net.connect("server", PORT).await.unwrap().peer.ip(), server.ip());
        assert!(net.connect(&server.ip().to_string(), PORT).await.is_ok());
        let Err(error) = net.connect("nobody", PORT).await else { panic!("connected to nobody") };
        assert_eq!(error.kind(), ErrorKind::NotFound);
        let Err(error) = net.connect("localhost", PORT).await else { panic!("the wrong host") };
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    });
}
