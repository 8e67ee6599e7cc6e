//! The contract of the seam, over the operating system's twins.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::unwrap_used,
    reason = "a test of the real twins"
)]
#![cfg(feature = "runtime")]
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::sync::Arc;

use ordain::io::contract::{self, Stage};
use ordain::io::real::{self, DirectIo, LockError, Options};

/// A directory of its own for each test, removed at its end.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Scratch {
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Scratch(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // A failing test has left the more important message.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn run_all(name: &str, direct_io: DirectIo) {
    let scratch = Scratch::new(name);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    println!("{:?}", real::probe(&scratch.0, direct_io).unwrap());
    assert!(direct_io == DirectIo::Probe || !real::probe(&scratch.0, direct_io).unwrap().direct);
    runtime.block_on(async {
        let options = Options { direct_io, ..Options::new(&scratch.0) };
        let io = real::io(options.clone()).unwrap();
        let stage = Stage {
            client: io.clone(),
            server: io,
            server_host: "127.0.0.1".to_owned(),
            server_ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
            // Handles and threads of its own, as a process that comes next has them.
            reborn: Arc::new(move || real::io(options.clone()).unwrap()),
        };
        for test in contract::all() {
            println!("{}", test.name);
            (test.run)(stage.clone()).await;
        }
    });
}

#[test]
fn with_direct_io_where_it_works() {
    run_all("direct", DirectIo::Probe);
}

#[test]
fn with_buffered_io() {
    run_all("buffered", DirectIo::Off);
}

#[test]
fn names_resolve() {
    let scratch = Scratch::new("names");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.block_on(async {
        let io = real::io(Options::new(&scratch.0)).unwrap();
        let listener = io.net.listen("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let connection = io.net.connect("localhost", listener.local_addr().port()).await.unwrap();
        assert_eq!(connection.peer, listener.local_addr());
        assert!(io.net.connect("no such host", 1).await.is_err());
    });
}

#[test]
fn one_process_holds_the_data_directory() {
    let scratch = Scratch::new("lock");
    let lock = real::lock_data_dir(&scratch.0).unwrap();
    // A lock belongs to the open file, so a second attempt in this process is as foreign as any.
    let error = real::lock_data_dir(&scratch.0).unwrap_err();
    assert!(matches!(error, LockError::InUse { .. }));
    let text = error.to_string();
    assert!(text.contains(&format!("in use by process {}", std::process::id())), "{text}");
    drop(lock);
    real::lock_data_dir(&scratch.0).unwrap();
    let file = scratch.0.join("plain");
    std::fs::write(&file, "x").unwrap();
    assert!(matches!(real::lock_data_dir(&file), Err(LockError::Io { .. })));
}
