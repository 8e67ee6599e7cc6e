//! The binary as a person or a script meets it where no broker is needed: configuration, completions, help,
//! arguments, and what it says when nobody answers.
#![cfg(feature = "runtime")]
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a test runs the real binary"
)]
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

fn ordain(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ordain"));
    command.args(arguments).env_clear().stdin(Stdio::null());
    command
}

fn output(arguments: &[&str]) -> Output {
    ordain(arguments).output().expect("the binary runs")
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("all output is UTF-8")
}

/// Its output, having succeeded.
fn succeeds(arguments: &[&str]) -> String {
    let output = output(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
    text(&output.stdout).to_owned()
}

/// What it says on standard error, having ended with this code.
fn fails(arguments: &[&str], code: i32) -> String {
    let output = output(arguments);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", text(&output.stderr));
    text(&output.stderr).to_owned()
}

/// A port that nobody listens on: it was free a moment ago.
fn dead_address() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("it is bound").to_string()
}

/// A file that is removed at the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str, contents: &str) -> Scratch {
        let path = std::env::temp_dir().join(format!("ordain-cli-{}-{name}", std::process::id()));
        std::fs::write(&path, contents).expect("the temporary directory can be written");
        Scratch(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().expect("the temporary directory's name is UTF-8")
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        drop(std::fs::remove_file(&self.0));
    }
}

#[test]
fn config_lists_every_key_with_its_source() {
    let all: Value = serde_json::from_str(&succeeds(&["config", "--json"])).unwrap();
    let all = all.as_array().unwrap();
    assert!(all.len() > 200, "Kafka has more keys than {}", all.len());
    assert!(
        all.iter()
            .all(|key| key["source"] == "default" && !key["documentation"].as_str().unwrap().is_empty())
    );

    let file = Scratch::new("server.properties", "# comment\nlog.retention.hours=5\n");
    let set =
        ordain(&["config", "--json", "--set-only", "--config", file.path(), "--set", "num.partitions=7"])
            .env("KAFKA_LOG_SEGMENT_BYTES", "1048576")
            .output()
            .unwrap();
    let set: Value = serde_json::from_slice(&set.stdout).unwrap();
    let found: Vec<_> = set
        .as_array()
        .unwrap()
        .iter()
        .map(|key| {
            let source = key["source"].as_str().unwrap();
            (
                key["name"].as_str().unwrap(),
                key["value"].as_str().unwrap(),
                source.contains(file.path()),
                source,
            )
        })
        .map(|(name, value, from_file, source)| (name, value, if from_file { "file" } else { source }))
        .collect();
    assert_eq!(
        found,
        [
            ("log.retention.hours", "5", "file"),
            ("log.segment.bytes", "1048576", "environment variable KAFKA_LOG_SEGMENT_BYTES"),
            ("num.partitions", "7", "--set"),
        ]
    );
    let some = succeeds(&["config", "num.partitions"]);
    assert!(some.lines().skip(1).all(|line| line.contains("num.partitions")), "{some}");
    assert!(some.lines().any(|line| line.starts_with("num.partitions ")), "{some}");
}

#[test]
fn config_names_every_mistake() {
    let told = fails(&["config", "--set", "num.partition=1", "--set", "num.partitions=many"], 1);
    assert!(told.contains("num.partitions?"), "{told}");
    assert!(told.contains("many"), "{told}");
    let told = fails(&["config", "--set", "log.retention.ms=10d", "--set", "log.segment.bytes=512MiB"], 1);
    assert!(
        told.contains("a number of milliseconds in digits alone: write log.retention.ms=864000000"),
        "{told}"
    );
    assert!(told.contains("write log.segment.bytes=536870912"), "{told}");
    let told = fails(&["config", "--config", "/nonexistent/server.properties"], 1);
    assert!(told.contains("/nonexistent/server.properties"), "{told}");
    let told = fails(&["config", "no.such.key"], 1);
    assert!(told.contains("no.such.key") && told.contains("`ordain config` lists them all"), "{told}");
    let told = fails(&["config", "segment.index"], 1);
    assert!(
        told.contains("segment.index.bytes") && told.contains("ordain topic describe TOPIC --all-configs"),
        "{told}"
    );
}

#[test]
fn serve_refuses_what_is_unsafe_or_taken() {
    let data = std::env::temp_dir().join(format!("ordain-cli-{}-data", std::process::id()));
    let data_dir = data.to_str().unwrap();
    let told = fails(&["serve", "--data", data_dir, "--set", "listeners=PLAINTEXT://0.0.0.0:0"], 1);
    assert!(told.contains("--insecure"), "{told}");

    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let admin = format!("ordain.admin.listener={address}");
    let listeners = "listeners=PLAINTEXT://127.0.0.1:0";
    let told = fails(&["serve", "--data", data_dir, "--set", listeners, "--set", &admin], 1);
    assert!(told.contains("ordain.admin.listener") && told.contains(&address.to_string()), "{told}");

    let listeners = format!("listeners=PLAINTEXT://{address}");
    let told =
        fails(&["serve", "--data", data_dir, "--set", &listeners, "--set", "ordain.admin.listener="], 1);
    assert!(told.contains(&address.to_string()) && told.contains("listeners"), "{told}");
    drop(std::fs::remove_dir_all(data));
}

#[test]
fn completions_know_the_commands() {
    for shell in ["bash", "zsh", "fish"] {
        let script = succeeds(&["completions", shell]);
        for command in ["serve", "topic", "produce", "consume", "group", "cluster", "perf"] {
            assert!(script.contains(command), "{shell} does not know {command}");
        }
    }
    fails(&["completions", "dos"], 2);
}

#[test]
fn nobody_there_is_told_with_address_and_remedy() {
    let address = dead_address();
    for command in [
        &["topic", "list"] as &[&str],
        &["topic", "create", "t"],
        &["produce", "t"],
        &["consume", "t"],
        &["consume", "t", "--group", "g"],
        &["group", "list"],
        &["group", "describe", "g"],
        &["cluster"],
        &["perf", "produce", "--duration", "1s"],
        &["perf", "consume"],
        &["perf", "latency", "--duration", "1s"],
    ] {
        let arguments = [command, &["--bootstrap", &address]].concat();
        let told = fails(&arguments, 1);
        assert!(told.contains(&address) && told.contains("connection refused"), "{arguments:?}: {told}");
        assert!(told.contains("ordain serve"), "{arguments:?}: {told}");
    }
}

#[test]
fn a_port_that_is_no_broker_is_told() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = [0; 16];
        stream.read_exact(&mut request).unwrap();
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
        // Until the client has had enough.
        drop(stream.read_to_end(&mut Vec::new()));
    });
    let told = fails(&["topic", "list", "--bootstrap", &address], 1);
    assert!(told.contains(&address) && told.contains("is this a Kafka broker"), "{told}");
    server.join().unwrap();
}

#[test]
fn wrong_arguments_end_with_two() {
    for (arguments, part) in [
        (&["topic", "list", "--bootstrap", "host:port"] as &[&str], "host:port"),
        (&["consume", "t", "--from", "soon"], "beginning"),
        (&["consume", "t", "--format", "%x"], "%s"),
        (&["consume", "t", "--partitions", "a"], "0,2,5-7"),
        (&["produce", "t", "--compression", "brotli"], "zstd"),
        (&["produce", "t", "--acks", "1", "--idempotent"], "--acks all"),
        (&["perf", "produce", "--in-flight", "6"], "--idempotent false"),
        (&["perf", "produce", "--record-size", "big"], "16k"),
        (&["topic", "create", "t", "--config", "novalue"], "key=value"),
        (&["topic", "remove", "t"], "remove"),
    ] {
        // Where the broker is asked before the arguments are read, nobody answers: keep them apart.
        let told = fails(arguments, 2);
        assert!(told.contains(part), "{arguments:?}: {told}");
    }
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let mut child = ordain(&["config"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let mut told = String::new();
    child.stderr.take().unwrap().read_to_string(&mut told).unwrap();
    assert_eq!((child.wait().unwrap().code(), told.as_str()), (Some(141), ""));
}

#[test]
fn with_json_an_error_is_a_document() {
    let address = dead_address();
    let told = fails(&["topic", "list", "--json", "--bootstrap", &address], 1);
    let told: Value = serde_json::from_str(&told).unwrap();
    assert!(told["error"]["message"].as_str().unwrap().contains(&address), "{told}");
    assert_eq!(told["error"]["code"], Value::Null);
    let told = fails(&["config", "--json", "no.such.key"], 1);
    let told: Value = serde_json::from_str(&told).unwrap();
    assert!(told["error"]["message"].as_str().unwrap().contains("no.such.key"), "{told}");
}
