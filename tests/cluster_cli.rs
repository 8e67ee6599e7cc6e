//! How clusters are started from the command line: `ordain serve` with founders, and `ordain dev`: what it says, what it
//! refuses, and that it leaves nothing running.
#![cfg(all(feature = "runtime", unix))]
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a test runs the real binary"
)]
mod common;

use std::io::{BufRead, BufReader, Read};
use std::net::{Ipv4Addr, TcpListener};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};

use common::{Served, eventually};

/// A port that is free, and so are those 1000 and 2000 above it; no two tests of this file get the same.
fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let from =
        12_000 + u16::try_from(std::process::id() % 8000).unwrap() + NEXT.fetch_add(100, Ordering::Relaxed);
    let is_free = |port: &u16| {
        [0, 1000, 2000].iter().all(|apart| TcpListener::bind((Ipv4Addr::LOCALHOST, port + apart)).is_ok())
    };
    (from..32_000).step_by(7).find(is_free).expect("some port is free")
}

fn dev(directory: &tempfile::TempDir, port: u16) -> Command {
    dev_of(directory, port, 1)
}

fn dev_of(directory: &tempfile::TempDir, port: u16, nodes: usize) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ordain"));
    command.args(["dev", "--nodes", &nodes.to_string(), "--port", &port.to_string()]);
    command.args(["--set", "ordain.journal.files=2"]);
    command.arg("--data").arg(directory.path().join("cluster"));
    command.env_clear().stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// A cluster that has announced itself; killed when dropped.
struct Cluster {
    child: Child,
    announced: Vec<String>,
    port: u16,
}

impl Cluster {
    fn start(directory: &tempfile::TempDir) -> Cluster {
        Cluster::start_of(directory, 1)
    }

    fn start_of(directory: &tempfile::TempDir, nodes: usize) -> Cluster {
        let port = free_port();
        let mut child = dev_of(directory, port, nodes).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let announced: Vec<String> = lines.by_ref().take(3 + nodes).map(Result::unwrap).collect();
        if announced.len() < 3 + nodes {
            let mut errors = String::new();
            child.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
            panic!("it did not start: {announced:?}\n{errors}");
        }
        Cluster { child, announced, port }
    }

    fn node(&self) -> libc::pid_t {
        self.process_of(1)
    }

    fn process_of(&self, node: usize) -> libc::pid_t {
        let line = self.announced[node].strip_prefix(&format!("  node-{node}: process ")).unwrap();
        line.split(',').next().unwrap().parse().unwrap()
    }

    fn signal(process: libc::pid_t, signal: i32) {
        // SAFETY: the process is the test's child, or that one's, and not yet waited for.
        assert_eq!(unsafe { libc::kill(process, signal) }, 0, "it can be signalled");
    }

    /// How it ended, and what it had said on standard error.
    fn end(mut self) -> (ExitStatus, String) {
        let status = eventually("the process ends", || self.child.try_wait().unwrap());
        let mut errors = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
        (status, errors)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn is_there(process: libc::pid_t) -> bool {
    // SAFETY: signal 0 asks, and does nothing.
    unsafe { libc::kill(process, 0) == 0 }
}

#[test]
fn a_cluster_says_how_to_use_it_and_stops_in_order() {
    let directory = tempfile::tempdir().unwrap();
    for signal in [libc::SIGINT, libc::SIGTERM] {
        let cluster = Cluster::start(&directory);
        let (node, port) = (cluster.node(), cluster.port);
        assert_eq!(cluster.announced[0], format!("Listening on 127.0.0.1:{port}"));
        assert!(cluster.announced[1].contains(&format!("other nodes: 127.0.0.1:{}", port + 1000)));
        let data = directory.path().join("cluster");
        assert_eq!(cluster.announced[2], format!("Data in {}", data.display()));
        assert!(cluster.announced[3].contains(&format!("consume greetings --until-end -b 127.0.0.1:{port}")));
        assert!(data.join("node-1").is_dir());
        Cluster::signal(libc::pid_t::try_from(cluster.child.id()).unwrap(), signal);
        let (status, errors) = cluster.end();
        assert_eq!(status.code(), Some(0), "{errors}");
        let told: Vec<&str> = errors.lines().filter(|line| line.starts_with("ordain | ")).collect();
        assert_eq!(told.len(), 2, "{errors}");
        assert!(told[0].ends_with(": stopping the nodes; a second signal kills them"), "{errors}");
        assert_eq!(told[1], "ordain | node-1 has stopped");
        assert!(!is_there(node));
    }
}

#[test]
fn a_node_that_dies_is_told_of_and_nothing_is_left_running() {
    let directory = tempfile::tempdir().unwrap();
    let cluster = Cluster::start(&directory);
    Cluster::signal(cluster.node(), libc::SIGKILL);
    let (status, errors) = cluster.end();
    assert_eq!(status.code(), Some(1));
    assert!(errors.contains("ordain | node-1 has ended with signal: 9 (SIGKILL)\n"), "{errors}");
    assert!(errors.ends_with("ordain: no node is left\n"), "{errors}");
}

/// What `ordain cluster` says with these arguments: exit code, output, errors.
fn asked(port: u16, arguments: &[&str]) -> (Option<i32>, String, String) {
    told(port, &[&["cluster"], arguments].concat())
}

/// The same of any tool.
fn told(port: u16, arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ordain"));
    command.args(arguments).args(["-b", &format!("127.0.0.1:{port}")]).env_clear().stdin(Stdio::null());
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn the_state_of_a_cluster_is_an_exit_code() {
    let directory = tempfile::tempdir().unwrap();
    let cluster = Cluster::start(&directory);
    let port = cluster.port;
    let (code, told, errors) = asked(port, &["health"]);
    assert_eq!((code, &*errors), (Some(0), ""), "{told}");
    assert!(told.lines().next().unwrap().ends_with("  healthy"), "{told}");
    assert!(told.contains("Metadata quorum  leader 1, epoch "), "{told}");
    let (code, told, _) = asked(port, &["health", "--json"]);
    let health: serde_json::Value = serde_json::from_str(&told).unwrap();
    assert_eq!((code, &health["healthy"], &health["quorum"]["leader"]), (Some(0), &true.into(), &1.into()));
    // One voter is too few to go on without it.
    let (code, told, errors) = asked(port, &["safe-to-restart", "1"]);
    assert_eq!((code, &*errors), (Some(1), ""));
    assert!(told.starts_with("no: the metadata quorum could not go on without node 1\n"), "{told}");
    let unknown = "ordain: there is no node 7; the cluster knows 1\n";
    for arguments in [
        &["safe-to-restart", "7"][..],
        &["evacuate", "7"],
        &["evacuate", "7", "--dry-run"],
        &["drain", "7"],
        &["remove-voter", "7"],
        &["unregister", "7"],
    ] {
        assert_eq!(asked(port, arguments), (Some(2), String::new(), unknown.to_owned()), "{arguments:?}");
    }
    let alive =
        "ordain: broker 1 cannot be unregistered: it is there, and would register again. Stop it first\n";
    assert_eq!(asked(port, &["unregister", "1", "--dry-run"]), (Some(1), String::new(), alive.to_owned()));
    let (code, told, _) = asked(port, &["drain", "1", "--undo", "--dry-run"]);
    assert_eq!((code, &*told), (Some(0), "Node 1 is not draining: nothing would change.\n"));
    for arguments in [&["balance"][..], &["balance", "--dry-run"]] {
        let expected = "Every partition is led by its preferred replica.\n";
        assert_eq!(asked(port, arguments), (Some(0), expected.to_owned(), String::new()));
    }
    let (code, told, errors) = asked(port, &["evacuate", "1", "--dry-run"]);
    assert_eq!((code, &*told, &*errors), (Some(0), "Every partition is where it shall be.\n", ""));
    Cluster::signal(libc::pid_t::try_from(cluster.child.id()).unwrap(), libc::SIGINT);
    assert_eq!(cluster.end().0.code(), Some(0));
    let (code, told, errors) = asked(port, &["health"]);
    assert_eq!((code, &*told), (Some(1), ""));
    assert!(errors.contains("connection refused"), "{errors}");
}

#[test]
fn three_nodes_stop_in_order_and_the_metadatas_leader_is_the_controller() {
    let directory = tempfile::tempdir().unwrap();
    let cluster = Cluster::start_of(&directory, 3);
    let port = cluster.port;
    let (code, told, errors) = asked(port, &["health", "--json"]);
    assert_eq!(code, Some(0), "{told}{errors}");
    let leader = serde_json::from_str::<serde_json::Value>(&told).unwrap()["quorum"]["leader"].clone();
    // Whichever node answers, and nodes call themselves the controller to clients.
    for node in 0..3 {
        let (_, told, _) = asked(port + node, &["info", "--json"]);
        let info: serde_json::Value = serde_json::from_str(&told).unwrap();
        assert_eq!(info["controller"], leader);
        let named = info["brokers"].as_array().unwrap().iter().filter(|one| one["controller"] == true);
        assert_eq!(named.map(|one| &one["id"]).collect::<Vec<_>>(), [&leader]);
    }
    Cluster::signal(libc::pid_t::try_from(cluster.child.id()).unwrap(), libc::SIGTERM);
    let (status, errors) = cluster.end();
    assert_eq!(status.code(), Some(0), "{errors}");
    assert!(!errors.contains("the cluster does not know yet that this node stops"), "{errors}");
}

/// Each of three partitions has one replica, and one of these is gone.
#[test]
fn an_end_is_not_waited_for_where_no_leader_comes() {
    let directory = tempfile::tempdir().unwrap();
    let cluster = Cluster::start_of(&directory, 3);
    let port = cluster.port;
    let (code, _, errors) = told(port, &["topic", "create", "orders", "-p", "3", "-r", "1"]);
    assert_eq!((code, &*errors), (Some(0), ""));
    let (code, all, errors) = told(port, &["consume", "orders", "--until-end"]);
    assert_eq!((code, &*all, &*errors), (Some(0), "", ""));
    // As `cluster health` advises of them.
    let more = &["topic", "reassign", "orders", "--replication-factor", "3", "--dry-run"];
    let (code, plan, errors) = told(port, more);
    assert_eq!((code, &*errors), (Some(0), ""));
    assert_eq!(plan.lines().filter(|line| line.starts_with("orders-")).count(), 3, "{plan}");
    let (code, _, errors) = told(port, &["topic", "reassign", "orders", "--replication-factor", "4"]);
    let few = "ordain: --replication-factor: 3 brokers for 4 replicas; start more brokers, or ask for fewer replicas\n";
    assert_eq!((code, &*errors), (Some(2), few));
    Cluster::signal(cluster.process_of(3), libc::SIGKILL);
    let mut ways_out = Vec::new();
    for end in [&["--until-end"][..], &["--count", "1", "--from", "beginning"]] {
        let (code, _, errors) = told(port, &[&["consume", "orders", "--timeout", "2s"], end].concat());
        assert_eq!((code, errors.lines().count()), (Some(1), 1), "{errors}");
        assert!(errors.starts_with("ordain: orders-"), "{errors}");
        let (_, rest) = errors.split_once(" has had no leader that answers for 2s (").expect(&errors);
        let (_, way_out) = rest.split_once("); -p ").expect(&errors);
        ways_out.push(way_out.strip_suffix(" reads the others\n").expect(&errors).to_owned());
    }
    assert_eq!((&ways_out[0], ways_out[0].len()), (&ways_out[1], "0,1".len()));
    let others = &["consume", "orders", "--until-end", "-p", &ways_out[0]];
    assert_eq!(told(port, others), (Some(0), String::new(), String::new()));
    let gone = (0..3).map(|at| at.to_string()).find(|at| !ways_out[0].contains(at)).unwrap();
    let (code, _, errors) = told(port, &["consume", "orders", "-e", "-p", &gone, "--timeout", "1s"]);
    assert_eq!((code, errors.contains("; `ordain cluster health` tells")), (Some(1), true), "{errors}");
}

#[test]
fn the_only_voter_stays_and_who_is_not_there_is_not_added() {
    let directory = tempfile::tempdir().unwrap();
    let cluster = Cluster::start(&directory);
    let port = cluster.port;
    let (code, told, errors) = asked(port, &["voters", "--json"]);
    assert_eq!((code, &*errors), (Some(0), ""), "{told}");
    let voters: serde_json::Value = serde_json::from_str(&told).unwrap();
    let voter = &voters["nodes"][0];
    assert_eq!((&voters["leader"], &voter["id"], &voter["votes"]), (&1.into(), &1.into(), &true.into()));
    assert_eq!(voter["endpoints"][0], format!("CONTROLLER://127.0.0.1:{}", port + 1000));
    let (code, told, _) = asked(port, &["voters"]);
    assert!(code == Some(0) && told.contains("voter, leads"), "{told}");
    let (code, told, errors) = asked(port, &["remove-voter", "1"]);
    assert_eq!((code, &*told), (Some(1), ""));
    assert_eq!(errors, "ordain: node 1 is the only voter: add another one first\n");
    let (code, _, errors) = asked(port, &["add-voter", "7", "--dry-run"]);
    assert!(code == Some(1) && errors.contains("node 7 does not follow the metadata"), "{errors}");
    let expected = "Node 1 is a voter already.\n".to_owned();
    assert_eq!(asked(port, &["add-voter", "1"]), (Some(0), expected, String::new()));
}

#[test]
fn a_second_signal_kills_what_does_not_stop() {
    let directory = tempfile::tempdir().unwrap();
    let mut cluster = Cluster::start(&directory);
    let (node, process) = (cluster.node(), libc::pid_t::try_from(cluster.child.id()).unwrap());
    Cluster::signal(node, libc::SIGSTOP);
    Cluster::signal(process, libc::SIGINT);
    let mut errors = BufReader::new(cluster.child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.ends_with("SIGINT: stopping the nodes; a second signal kills them\n") {
        assert!(errors.read_line(&mut line).unwrap() > 0, "{line}");
    }
    Cluster::signal(process, libc::SIGTERM);
    let mut rest = String::new();
    errors.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "ordain: SIGTERM again: node-1 killed before the shutdown was done\n");
    assert_eq!(cluster.child.wait().unwrap().code(), Some(1));
    assert!(!is_there(node));
}

#[test]
fn a_node_with_founders_says_where_it_listens_for_others() {
    let directory = tempfile::tempdir().unwrap();
    let port = free_port();
    let served = Served::start(
        &directory.path().join("data"),
        &[
            &format!("listeners=PLAINTEXT://127.0.0.1:0,CONTROLLER://127.0.0.1:{port}"),
            "controller.listener.names=CONTROLLER",
            &format!("controller.quorum.voters=1@127.0.0.1:{port}"),
        ],
    );
    assert_eq!(
        served.announced[0],
        format!("Listening on {} (other nodes: 127.0.0.1:{port})", served.address)
    );
    served.stop();
}

#[cfg(target_os = "linux")]
#[test]
fn the_nodes_of_a_killed_cluster_stop() {
    let directory = tempfile::tempdir().unwrap();
    let mut cluster = Cluster::start(&directory);
    let node = cluster.node();
    cluster.child.kill().unwrap();
    cluster.child.wait().unwrap();
    let port = cluster.port;
    eventually("the node has let its port go", || TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok());
    // Whoever inherits it may leave it unburied; its files are then closed all the same.
    eventually("the node has ended", || {
        let is_zombie =
            std::fs::read_to_string(format!("/proc/{node}/stat")).is_ok_and(|s| s.contains(") Z "));
        (is_zombie || !is_there(node)).then_some(())
    });
}

#[test]
fn what_hinders_a_start_is_told_before_anything_starts() {
    let directory = tempfile::tempdir().unwrap();
    let port = free_port();
    let said = |command: &mut Command| {
        let output = command.output().unwrap();
        assert!(output.stdout.is_empty() && !directory.path().join("cluster").exists());
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, port + 1000)).unwrap();
    let (code, told) = said(&mut dev(&directory, port));
    assert_eq!(code, Some(1));
    let address = format!("127.0.0.1:{}", port + 1000);
    assert!(told.starts_with(&format!(
        "ordain: node-1 cannot have {address}, where it would listen for other nodes: "
    )));
    assert!(told.ends_with("choose others with --port\n"), "{told}");
    drop(taken);
    let (code, told) = said(dev(&directory, port).args(["--set", "num.partition=3"]));
    assert_eq!(code, Some(1));
    assert!(told.contains("did you mean num.partitions?"), "{told}");
    let (code, told) = said(dev(&directory, port).args(["--set", "listeners=PLAINTEXT://:1"]));
    assert_eq!(code, Some(2));
    assert!(told.contains("every node of a local cluster is given its own"), "{told}");
    let (code, told) = said(&mut dev(&directory, 65_000));
    assert_eq!(code, Some(2));
    assert!(told.contains("name a port up to 63535"), "{told}");
}
