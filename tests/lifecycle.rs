//! The life of the process: starting, stopping, being killed, and the reasons for which it does not start,
//! each in words that say what to do.
#![cfg(all(feature = "runtime", unix))]
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a test of the binary"
)]
mod common;

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use common::{Client, PATIENCE, Served, eventually, fetch, refused, run_to_failure, serve_command};
use ordain::wire::messages::ProduceRequest;

const NOT_LEADER_OR_FOLLOWER: i16 = 6;
const KAFKA_STORAGE_ERROR: i16 = 56;

#[test]
fn a_fresh_directory_serves_and_sigterm_ends_it_step_by_step() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("new").join("data");
    fs::create_dir(directory.path().join("new")).unwrap();
    let mut served = Served::start(&data, &[]);
    println!("{}", served.announced.join("\n"));
    assert_eq!(served.announced[0], format!("Listening on {}", served.address));
    assert_eq!(served.announced[1], format!("Data in {}", data.display()));
    let called = env!("CARGO_BIN_EXE_ordain");
    assert!(
        served.announced[2].starts_with(&format!("Try: echo hello | {called} produce")),
        "as it was called"
    );
    assert!(served.announced[2].contains(&served.address.to_string()), "the line works as it stands");
    let mut client = served.client();
    client.create_topic("orders", 1, &[]);
    client.append("orders", 0, &["a"]);
    served.signal(libc::SIGTERM);
    // As `timeout` does it, which signals the process and then its group: that is no second wish.
    served.signal(libc::SIGTERM);
    let status = served.wait();
    assert_eq!(status.code(), Some(0));
    client.assert_closed("the node is gone");
    let log = served.log();
    println!("{log}");
    let steps = [
        "SIGTERM: shutting down",
        "stopping: no new connections",
        "stopping: connections have been answered and closed",
        "stopping: everything is in the segments",
        "stopped",
    ];
    let mut rest = log.as_str();
    for step in steps {
        let at = rest.find(step).unwrap_or_else(|| panic!("{step:?} comes next in {rest}"));
        rest = &rest[at + step.len()..];
    }
    assert!(!log.contains("WARN") && !log.contains("ERROR"), "nothing to worry about: {log}");
}

#[test]
fn the_line_to_try_works_as_it_stands() {
    let directory = tempfile::tempdir().unwrap();
    let served = Served::start(&directory.path().join("data"), &[]);
    let binary = Path::new(env!("CARGO_BIN_EXE_ordain"));
    let line = served.announced[2].strip_prefix("Try: ").unwrap();
    let mut child = Command::new("sh")
        .args(["-c", &format!("{line} --count 1")])
        .env("PATH", format!("{}:{}", binary.parent().unwrap().display(), std::env::var("PATH").unwrap()))
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = String::new();
    let end = Instant::now() + PATIENCE;
    while child.try_wait().unwrap().is_none() {
        if Instant::now() > end {
            child.kill().unwrap();
            panic!("{line} does not come back");
        }
        std::thread::yield_now();
    }
    child.stdout.take().unwrap().read_to_string(&mut said).unwrap();
    println!("{line}\n{said}");
    assert!(said.contains("hello"), "{said}");
    served.stop();
}

#[test]
fn a_taken_port_is_named_with_the_way_out() {
    let directory = tempfile::tempdir().unwrap();
    let holder = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = holder.local_addr().unwrap().to_string();
    let listeners = format!("listeners=PLAINTEXT://{address}");
    let (code, said) = refused(&directory.path().join("data"), &[&listeners]);
    assert_eq!(code, Some(1));
    assert!(said.contains(&format!("{address} is taken by another program")), "{said}");
    assert!(said.contains("set listeners to another port"), "{said}");
}

#[test]
fn an_address_of_another_machine_is_named_with_the_way_out() {
    let directory = tempfile::tempdir().unwrap();
    // Of a network for documentation (RFC 5737): nobody has it.
    let listeners = "listeners=PLAINTEXT://192.0.2.1:9092";
    let (code, said) = refused(&directory.path().join("data"), &[listeners, "ordain.insecure=true"]);
    assert_eq!(code, Some(1));
    assert!(said.contains("cannot listen on 192.0.2.1:9092"), "{said}");
    assert!(said.contains("advertised.listeners"), "{said}");
}

#[test]
fn a_data_directory_has_one_process() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let served = Served::start(&data, &[]);
    let (code, said) = refused(&data, &[]);
    assert_eq!(code, Some(1));
    let holder = format!("{} is in use by process {}", data.display(), served.child.id());
    assert!(said.contains(&holder), "{said}");
    assert!(said.contains("another data directory"), "{said}");
    served.client().assert_served();
    // The lock goes with the process, however it went.
    served.kill();
    Served::start(&data, &[]).stop();
}

#[test]
fn mistakes_in_the_configuration_are_all_named_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let settings = ["log.retention.hour=3", "num.partitions=many", "listeners=PLAINTEXT://0.0.0.0:0"];
    let (code, said) = refused(&directory.path().join("data"), &settings);
    assert_eq!(code, Some(1));
    assert!(said.contains("did you mean log.retention.hours?"), "{said}");
    assert!(said.contains("num.partitions"), "{said}");
    assert!(!directory.path().join("data").exists(), "nothing was made for a node that does not start");
}

#[test]
fn an_advertised_name_that_nobody_knows_is_told_with_the_way_out() {
    let directory = tempfile::tempdir().unwrap();
    let unknown = ["advertised.listeners=PLAINTEXT://no-such-host.invalid:9092"];
    let served = Served::start(&directory.path().join("data"), &unknown);
    let line = eventually("it is told", || {
        served.log().lines().find(|line| line.contains("no-such-host.invalid")).map(str::to_owned)
    });
    assert!(line.contains("cannot find an address for no-such-host.invalid"), "{line}");
    assert!(line.contains("advertised.listeners=PLAINTEXT://HOST:9092"), "{line}");
    served.stop();
    let known = ["advertised.listeners=PLAINTEXT://localhost:9092"];
    let served = Served::start(&directory.path().join("other"), &known);
    served.client().create_topic("served", 1, &[]);
    assert!(!served.log().contains("cannot find an address"), "{}", served.log());
    served.stop();
}

#[test]
fn a_data_directory_that_cannot_be_used_is_named() {
    let directory = tempfile::tempdir().unwrap();
    // Root may write anywhere, but nobody makes a directory of a file.
    let file = directory.path().join("file");
    fs::write(&file, "not a directory").unwrap();
    for data in [file.clone(), file.join("data")] {
        let log = directory.path().join("log");
        let (code, said) = run_to_failure(&mut serve_command(&data, &log, &[]), &log);
        assert_eq!(code, Some(1));
        assert!(said.contains(&format!("the data directory {}", data.display())), "{said}");
        assert!(said.contains("directory this user may write"), "{said}");
    }
}

/// Produces numbers one after the other until the connection ends; how many were acknowledged.
fn produce_until_the_end(client: &mut Client, partition: i32, acknowledged: &AtomicUsize) {
    for number in 0.. {
        let records = common::batch(&[&number.to_string()]);
        client.send_unwanted(&common::frame(
            common::PRODUCE,
            number,
            &common::produce("orders", partition, -1, records),
        ));
        let Some(frame) = client.receive() else { return };
        let (_, response) = ordain::wire::decode_response::<ProduceRequest>(common::PRODUCE, frame).unwrap();
        assert_eq!(response.responses[0].partition_responses[0].error_code, 0);
        acknowledged.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn what_was_acknowledged_survives_kill_minus_nine() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let mut served = Served::start(&data, &[]);
    served.client().create_topic("orders", 3, &[]);
    let acknowledged = [const { AtomicUsize::new(0) }; 3];
    std::thread::scope(|scope| {
        for (partition, count) in (0..).zip(&acknowledged) {
            let mut client = served.client();
            scope.spawn(move || produce_until_the_end(&mut client, partition, count));
        }
        eventually("some are acknowledged", || {
            acknowledged.iter().all(|count| count.load(Ordering::SeqCst) > 100).then_some(())
        });
        served.signal(libc::SIGKILL);
    });
    served.wait();
    let served = Served::start(&data, &[]);
    let mut client = served.client();
    for (partition, count) in (0..).zip(&acknowledged) {
        let count = count.load(Ordering::SeqCst);
        let values = client.values("orders", partition);
        println!("partition {partition}: {count} acknowledged, {} there", values.len());
        assert!(values.len() == count || values.len() == count + 1, "one was in flight: {}", values.len());
        assert!(values.iter().enumerate().all(|(at, value)| *value == at.to_string()), "in order, once");
        assert_eq!(client.append("orders", partition, &["after"]), i64::try_from(values.len()).unwrap());
    }
    served.stop();
}

fn files(directory: &Path, suffix: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, suffix));
        } else if path.to_str().unwrap().ends_with(suffix) {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Where `text` stands in one of the files, first in their order.
fn find(files: &[PathBuf], text: &str) -> Option<(PathBuf, usize)> {
    files.iter().find_map(|path| {
        let bytes = fs::read(path).unwrap();
        let at = bytes.windows(text.len()).position(|window| window == text.as_bytes())?;
        Some((path.clone(), at))
    })
}

fn overwrite(path: &Path, at: usize, bytes: &[u8]) {
    let file = fs::OpenOptions::new().write(true).open(path).unwrap();
    file.write_all_at(bytes, at as u64).unwrap();
    file.sync_all().unwrap();
}

#[test]
fn a_flipped_byte_in_a_segment_takes_one_partition_down() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let settings = ["ordain.tail.memory.bytes=1048576"];
    let served = Served::start(&data, &settings);
    let mut client = served.client();
    client.create_topic("orders", 2, &[]);
    for partition in 0..2 {
        for at in 0..5 {
            let value = format!("<{partition}/{at}>{}", "v".repeat(100_000));
            client.append("orders", partition, &[&value]);
        }
    }
    drop(client);
    served.stop();
    let (path, at) = find(&files(&data.join("logs"), ".log"), "<0/2>").expect("it is in a segment");
    println!("flipping {} at {at}", path.display());
    overwrite(&path, at, b"?");

    let served = Served::start(&data, &settings);
    let mut client = served.client();
    assert_eq!(client.fetch("orders", 0, 2).error_code, KAFKA_STORAGE_ERROR, "damage is not served");
    // As in Kafka, clients that may not know that error are told one that they do.
    for (version, code) in
        [(4, NOT_LEADER_OR_FOLLOWER), (5, NOT_LEADER_OR_FOLLOWER), (6, KAFKA_STORAGE_ERROR)]
    {
        let fetched = client.ask(version, &fetch("orders", 0, 2));
        let of_partition = fetched.responses[0].partitions[0].error_code;
        assert_eq!((fetched.error_code, of_partition), (0, code), "version {version}");
    }
    assert_eq!(client.values("orders", 1).len(), 5, "the other partition is");
    let name = path.file_name().unwrap().to_str().unwrap();
    let line = served.logged(name);
    println!("{line}");
    assert!(line.contains("damaged"), "{line}");
    assert_eq!(client.append("orders", 1, &["goes on"]), 5);
    a_consumer_says_that_it_cannot_be_read(&served, "orders-0 at offset 2");
    served.stop();
}

/// The second record of partition 0 is damaged: who wants an end is told in time, who follows is told once.
fn a_consumer_says_that_it_cannot_be_read(served: &Served, place: &str) {
    let consume = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ordain"));
        command.args(["consume", "orders", "-p", "0", "--timeout", "1s", "-b", &served.address.to_string()]);
        command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    };
    for arguments in [&["--from", "2", "--until-end"][..], &["--from", "2", "--count", "1"]] {
        let output = consume(arguments).output().unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), told.lines().count()), (Some(1), 1), "{told}");
        for part in [place, "KAFKA_STORAGE_ERROR", "the broker's log", "--from an offset behind it"] {
            assert!(told.contains(part), "{part}: {told}");
        }
    }
    let output = consume(&["--from", "3", "--until-end", "--format", "%o,"]).output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "3,4,", "that is a way out");
    let mut perf = Command::new(env!("CARGO_BIN_EXE_ordain"));
    perf.args(["perf", "consume", "--topic", "orders", "-b", &served.address.to_string()]);
    let told = String::from_utf8(perf.output().unwrap().stderr).unwrap();
    assert!(told.contains("orders-0 at offset ") && told.contains("KAFKA_STORAGE_ERROR"), "{told}");
    let mut child = consume(&["--from", "2", "--follow"]).spawn().unwrap();
    let mut told = String::new();
    let mut errors = BufReader::new(child.stderr.take().unwrap());
    errors.read_line(&mut told).unwrap();
    assert!(told.contains(place) && told.contains("KAFKA_STORAGE_ERROR"), "{told}");
    assert!(child.try_wait().unwrap().is_none(), "it waits");
    child.kill().unwrap();
    child.wait().unwrap();
    let mut more = String::new();
    errors.read_to_string(&mut more).unwrap();
    assert_eq!(more, "", "it is told once");
}

/// A node that was killed with records in its journal only; three partitions of one topic.
fn killed_with_a_journal(data: &Path) {
    let served = Served::start(data, &[]);
    let mut client = served.client();
    client.create_topic("orders", 2, &[]);
    for at in 0..20 {
        client.append("orders", at % 2, &[&format!("<record {at}>")]);
    }
    served.kill();
}

#[test]
fn a_lost_record_in_the_journal_takes_its_partition_down() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    killed_with_a_journal(&data);
    let (path, at) = find(&files(&data.join("journal"), ".journal"), "<record 10>").expect("it is there");
    overwrite(&path, at, b"?");
    let served = Served::start(&data, &[]);
    let line = served.logged("partition orders-0 is damaged and not served");
    println!("{line}");
    let mut client = served.client();
    assert_eq!(client.fetch("orders", 0, 0).error_code, KAFKA_STORAGE_ERROR);
    assert_eq!(client.values("orders", 1).len(), 10, "the other partition has all of its records");
    // A member of a group that is to read both is not held by the one that nobody leads.
    let mut command = Command::new(env!("CARGO_BIN_EXE_ordain"));
    command.args(["consume", "orders", "--group", "readers", "--from", "beginning", "--count", "10"]);
    command.args(["--bootstrap", &served.address.to_string()]);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8_lossy(&output.stdout).lines().count(), 10);
    served.stop();
}

#[test]
fn damaged_metadata_is_not_started_from_and_its_files_are_named() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let served = Served::start(&data, &[]);
    served.client().create_topic("orders", 1, &[]);
    served.stop();
    let metadata = data.join("logs/AAAAAAAAAAAAAAAAAAAAAQ-0");
    let path = files(&metadata, ".log").remove(0);
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() - 1]).unwrap();
    let (status, told) = refused(&data, &[]);
    println!("{told}");
    assert_eq!(status, Some(1));
    let name = path.file_name().unwrap().to_str().unwrap();
    for part in ["metadata is damaged", "logs/AAAAAAAAAAAAAAAAAAAAAQ-0", name, "restore"] {
        assert!(told.contains(part), "{part}: {told}");
    }
    // With the file back it starts, and has lost nothing.
    fs::write(&path, &whole).unwrap();
    let served = Served::start(&data, &[]);
    assert_eq!(served.client().append("orders", 0, &["goes on"]), 0);
    served.stop();
}

#[test]
fn a_journal_that_cannot_be_trusted_is_not_started_from() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    killed_with_a_journal(&data);
    let (path, at) = find(&files(&data.join("journal"), ".journal"), "<record 10>").expect("it is there");
    let before = fs::read(&path).unwrap();
    // The whole block of that commit is gone, its header among it; later commits prove that it was there.
    overwrite(&path, at & !4095, &[0; 4096]);
    let (code, said) = refused(&data, &[]);
    assert_eq!(code, Some(1));
    assert!(said.contains(path.file_name().unwrap().to_str().unwrap()), "the file is named: {said}");
    assert!(said.contains("Restore the journal's files"), "a way out is named: {said}");
    assert!(said.contains(&data.display().to_string()), "the data directory is named: {said}");
    // Restoring it is enough: nothing was changed.
    overwrite(&path, 0, &before);
    // So it is where the whole directory is gone.
    let aside = directory.path().join("aside");
    fs::rename(data.join("journal"), &aside).unwrap();
    let (code, said) = refused(&data, &[]);
    assert_eq!(code, Some(1));
    for part in [".journal is missing although the checkpoint", "Restore the journal's files"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(!data.join("journal").exists());
    fs::rename(&aside, data.join("journal")).unwrap();
    let served = Served::start(&data, &[]);
    assert_eq!(served.client().values("orders", 0).len(), 10);
    served.stop();
}
