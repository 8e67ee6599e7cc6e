//! A disk that is full: what clients, operators and tools see of it, and that everything goes on by itself once there is room.
//! A mounted file system of a size is needed; where that may not be had, these tests say so and end.
#![cfg(all(feature = "runtime", unix))]
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a test of the binary"
)]
mod common;

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use common::{Client, PATIENCE, Served, eventually};
use ordain::wire::messages::{DeleteTopicsRequest, ProduceRequest};

/// A file system of a size, unmounted when dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// `None`, with the reason printed, where this user may not mount.
    fn mount(at: &Path, size: &str) -> Option<SmallDisk> {
        fs::create_dir(at).unwrap();
        let options = format!("size={size}");
        let output = Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(at).output();
        match output {
            Ok(output) if output.status.success() => Some(SmallDisk(at.to_path_buf())),
            Ok(output) => {
                println!("skipped: mount says {}", String::from_utf8_lossy(&output.stderr));
                None
            }
            Err(error) => {
                println!("skipped: mount cannot be run: {error}");
                None
            }
        }
    }

    fn resize(&self, size: &str) {
        let options = format!("remount,size={size}");
        let status = Command::new("mount").args(["-o", &options]).arg(&self.0).status().unwrap();
        assert!(status.success());
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let status = Command::new("umount").arg("-l").arg(&self.0).status().unwrap();
        assert!(status.success());
    }
}

#[test]
fn a_full_disk_is_freed_by_deleting_a_topic() {
    let directory = tempfile::tempdir().unwrap();
    let Some(disk) = SmallDisk::mount(&directory.path().join("disk"), "40m") else { return };
    let data = disk.0.join("data");
    let log = directory.path().join("log");
    let served = Served::start_logging_to(&data, &log, &["ordain.tail.memory.bytes=1048576"]);
    let mut producer = served.client();
    for topic in ["large", "small"] {
        producer.create_topic(topic, 1, &[]);
    }
    let value = "v".repeat(500_000);
    producer.stream.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
    loop {
        let records = common::batch(&[&value]);
        producer.send(common::PRODUCE, 7, &common::produce("large", 0, -1, records));
        let mut some = [0; 1];
        if producer.stream.peek(&mut some).is_err() && served.log().contains("the disk is full") {
            break;
        }
        let response = producer.answer::<ProduceRequest>(common::PRODUCE, 7);
        assert_eq!(response.responses[0].partition_responses[0].error_code, 0);
    }
    // The first append waits, and so does one to another topic.
    let mut other = served.client();
    other.send(common::PRODUCE, 8, &common::produce("small", 0, -1, common::batch(&["a"])));
    let mut administrator = served.client();
    let request = DeleteTopicsRequest {
        topic_names: vec!["large".into()],
        timeout_ms: 10_000,
        ..DeleteTopicsRequest::default()
    };
    let deleted = administrator.ask(5, &request);
    assert_eq!(deleted.responses[0].error_code, 0, "{:?}", deleted.responses[0].error_message);
    let response = other.answer::<ProduceRequest>(common::PRODUCE, 8);
    assert_eq!(response.responses[0].partition_responses[0].error_code, 0);
    assert_eq!(served.client().values("small", 0), ["a"]);
    served.stop();
}

#[test]
fn a_full_disk_holds_producers_back_until_there_is_room() {
    const FITTING: usize = 80;
    let directory = tempfile::tempdir().unwrap();
    let Some(disk) = SmallDisk::mount(&directory.path().join("disk"), "40m") else { return };
    let data = disk.0.join("data");
    let log = directory.path().join("log");
    let settings = ["ordain.tail.memory.bytes=1048576"];
    let served = Served::start_logging_to(&data, &log, &settings);
    let mut client = served.client();
    client.create_topic("orders", 1, &[]);
    let padding = "v".repeat(500_000);
    let value = |number: usize| format!("{number} {padding}");
    let send = |client: &mut Client, number: usize| {
        let records = common::batch(&[&value(number)]);
        client.send(common::PRODUCE, 7, &common::produce("orders", 0, -1, records));
    };
    let answered = |client: &mut Client| {
        let response = client.answer::<ProduceRequest>(common::PRODUCE, 7);
        response.responses[0].partition_responses[0].base_offset
    };
    // 100 × 500 kB do not fit into 40 MB.
    let mut number = 0;
    loop {
        assert!(number < FITTING, "more than the disk holds was acknowledged");
        send(&mut client, number);
        let mut some = [0; 1];
        client.stream.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
        let waits = client.stream.peek(&mut some).is_err();
        client.stream.set_read_timeout(Some(PATIENCE)).unwrap();
        if waits && served.log().contains("the disk is full") {
            break;
        }
        assert_eq!(answered(&mut client), i64::try_from(number).unwrap());
        number += 1;
    }
    println!("{number} fit\n{}", served.log());
    assert!(number > 5, "it served while there was room");
    assert!(served.log().lines().count() < 20, "it says so now and then: {}", served.log());
    assert_eq!(served.log().matches("the disk is full").count(), 1, "{}", served.log());
    let line = served.logged("the disk is full");
    assert!(line.contains("free some space"), "{line}");

    disk.resize("200m");
    for number in number..FITTING {
        assert_eq!(answered(&mut client), i64::try_from(number).unwrap());
        send(&mut client, number + 1);
    }
    assert_eq!(answered(&mut client), i64::try_from(FITTING).unwrap());
    served.kill();
    let served = Served::start_logging_to(&data, &log, &settings);
    let values = served.client().values("orders", 0);
    assert_eq!(values.len(), FITTING + 1);
    assert!(values.iter().enumerate().all(|(at, got)| *got == value(at)), "each in its place");
    served.stop();
}

/// What the node's admin port answers.
fn admin(served: &Served, path: &str) -> String {
    let at = served.announced[0].split("http://").nth(1).unwrap().split('/').next().unwrap();
    let mut stream = TcpStream::connect(at).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// The binary as a tool, with some lines to read.
fn tool(served: &Served, arguments: &[&str], input: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ordain"));
    command.args(arguments).args(["--bootstrap", &served.address.to_string()]);
    command.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
    let mut child = command.stderr(std::process::Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn an_operator_is_told_of_a_full_disk_and_tools_end_in_time() {
    let directory = tempfile::tempdir().unwrap();
    let Some(disk) = SmallDisk::mount(&directory.path().join("disk"), "40m") else { return };
    let log = directory.path().join("log");
    let settings = ["ordain.tail.memory.bytes=1048576", "ordain.admin.listener=127.0.0.1:0"];
    let served = Served::start_logging_to(&disk.0.join("data"), &log, &settings);
    assert!(admin(&served, "/readyz").starts_with("HTTP/1.1 200"));
    // Far more than there is room for.
    let lines: String = (0..120).map(|number| format!("{number} {}\n", "v".repeat(500_000))).collect();
    let filled = tool(&served, &["produce", "orders", "--timeout", "3s"], &lines);
    assert!(!filled.status.success(), "{}", said(&filled));
    assert!(said(&filled).contains("the disk is full"), "{}", said(&filled));
    let line = served.logged("the disk is full");
    assert!(line.contains("free some space") && line.contains("MiB at least"), "{line}");

    let ready = admin(&served, "/readyz");
    assert!(ready.starts_with("HTTP/1.1 503") && ready.contains("the disk is full"), "{ready}");
    assert!(admin(&served, "/healthz").starts_with("HTTP/1.1 200"), "restarting it would not help");
    assert!(admin(&served, "/metrics").contains("\nordain_disk_full 1\n"));
    let health = tool(&served, &["cluster", "health"], "");
    assert!(!health.status.success());
    assert!(said(&health).contains("the disk of broker 1 is full"), "{}", said(&health));

    let began = Instant::now();
    let refused = tool(&served, &["produce", "orders", "--timeout", "2s"], "one more\n");
    let took = began.elapsed();
    assert!(!refused.status.success(), "{}", said(&refused));
    assert!(said(&refused).contains("not delivered within 2s"), "{}", said(&refused));
    assert!(said(&refused).contains("the disk is full"), "{}", said(&refused));
    assert!(took < Duration::from_secs(8), "{took:?}");
    let read = tool(&served, &["consume", "orders", "--from", "beginning", "--count", "5"], "");
    assert!(
        read.status.success() && read.stdout.len() > 5 * 500_000,
        "reading goes on: {}",
        said(&read).len()
    );

    disk.resize("300m");
    eventually("the node says that it goes on", || served.log().contains("has room again").then_some(()));
    eventually("it is ready", || admin(&served, "/readyz").starts_with("HTTP/1.1 200").then_some(()));
    let written = tool(&served, &["produce", "orders", "--timeout", "10s"], "the last\n");
    assert!(written.status.success(), "{}", said(&written));
    let healthy = tool(&served, &["cluster", "health"], "");
    assert!(healthy.status.success(), "{}", said(&healthy));
    assert_eq!(served.client().values("orders", 0).pop().unwrap(), "the last");
    served.stop();
}

/// A file system on a device that can be made to fail: its blocks lie in a sparse file, on a file system of a size.
struct FailingDisk {
    device: String,
    at: PathBuf,
    image: PathBuf,
    /// Unmounted last.
    beneath: SmallDisk,
}

/// What a program prints if it succeeds; else the reason is printed.
fn printed(program: &str, arguments: &[&str]) -> Option<String> {
    match Command::new(program).args(arguments).output() {
        Ok(output) if output.status.success() => {
            Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
        }
        Ok(output) => {
            println!("{program} {arguments:?} says {}", String::from_utf8_lossy(&output.stderr));
            None
        }
        Err(error) => {
            println!("{program} cannot be run: {error}");
            None
        }
    }
}

impl FailingDisk {
    /// `None`, with the reason printed, where this user may not have such a device.
    fn mount(directory: &Path) -> Option<FailingDisk> {
        let beneath = SmallDisk::mount(&directory.join("beneath"), "150m")?;
        let (image, at) = (beneath.0.join("image"), directory.join("disk"));
        fs::create_dir(&at).unwrap();
        fs::File::create(&image).unwrap().set_len(128 << 20).unwrap();
        let device = printed("losetup", &["--find", "--show", image.to_str().unwrap()])?;
        let disk = FailingDisk { device, at, image, beneath };
        let at = disk.at.to_str().unwrap();
        printed("mkfs.ext4", &["-q", &disk.device]).and_then(|_| printed("mount", &[&disk.device, at]))?;
        Some(disk)
    }

    /// From now on nothing that is written gets through.
    fn fail(&self) {
        fs::OpenOptions::new().write(true).open(&self.image).unwrap().set_len(1 << 20).unwrap();
        let mut filler = fs::File::create(self.beneath.0.join("filler")).unwrap();
        while filler.write_all(&[0; 1 << 16]).is_ok() {}
    }
}

impl Drop for FailingDisk {
    fn drop(&mut self) {
        // What was not mounted is not unmounted; the device goes in any case.
        drop(Command::new("umount").arg("-l").arg(&self.at).output());
        drop(Command::new("losetup").args(["--detach", &self.device]).output());
    }
}

#[test]
fn a_disk_that_fails_ends_the_node_with_what_to_do() {
    let directory = tempfile::tempdir().unwrap();
    let Some(disk) = FailingDisk::mount(directory.path()) else { return };
    let log = directory.path().join("log");
    let mut served = Served::start_logging_to(&disk.at.join("data"), &log, &[]);
    let written = tool(&served, &["produce", "orders"], "one\n");
    assert!(written.status.success(), "{}", said(&written));
    disk.fail();
    let refused = tool(&served, &["produce", "orders", "--timeout", "3s"], "two\n");
    assert!(!refused.status.success(), "{}", said(&refused));
    assert_eq!(served.wait().code(), Some(1), "{}", served.log());
    let line = served.logged("the node could not go on");
    assert!(line.contains("journal") && line.contains("start the node again"), "{line}");
}
