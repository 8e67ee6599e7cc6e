//! The tools against a running broker, as a person and as a script use them: tables, JSON, errors, and how they end.
#![cfg(all(feature = "runtime", unix))]
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a test runs the real binary"
)]
mod common;

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Output, Stdio};

use common::{Served, eventually};
use serde_json::{Value, json};

struct Tools(Served);

impl Tools {
    fn start(directory: &tempfile::TempDir) -> Tools {
        Tools(Served::start(&directory.path().join("data"), &["offsets.topic.num.partitions=2"]))
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ordain"));
        command.args(arguments).env_clear().env("ORDAIN_BOOTSTRAP", self.0.address.to_string());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs a tool with lines on its standard input.
    fn fed(&self, arguments: &[&str], input: &str) -> Output {
        let mut child = self.command(arguments).spawn().unwrap();
        // A tool that reads nothing may be gone already.
        drop(child.stdin.take().unwrap().write_all(input.as_bytes()));
        child.wait_with_output().unwrap()
    }

    /// What a tool prints, having succeeded.
    fn told(&self, arguments: &[&str]) -> String {
        let output = self.fed(arguments, "");
        let errors = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{arguments:?}: {errors}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// The document that a tool prints with `--json`.
    fn document(&self, arguments: &[&str]) -> Value {
        let told = self.told(&[arguments, &["--json"]].concat());
        serde_json::from_str(&told).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {told}"))
    }

    /// What a tool says having failed, for people, and its code for programs.
    fn failure(&self, arguments: &[&str]) -> (String, Value) {
        let output = self.fed(arguments, "");
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        let document = self.fed(&[arguments, &["--json"]].concat(), "");
        assert_eq!(document.status.code(), Some(1), "{arguments:?}");
        let document: Value = serde_json::from_slice(&document.stderr).unwrap();
        let words = String::from_utf8(output.stderr).unwrap();
        assert_eq!(format!("ordain: {}\n", document["error"]["message"].as_str().unwrap()), words);
        (words, document["error"]["code"].clone())
    }
}

/// The names of a document's fields.
fn fields(document: &Value) -> Vec<&str> {
    document.as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn every_tool_prints_one_document_of_json_and_a_table_for_people() {
    let directory = tempfile::tempdir().unwrap();
    let tools = Tools::start(&directory);
    let created = tools.document(&["topic", "create", "orders", "-p", "2", "-c", "retention.ms=86400000"]);
    assert_eq!((&created[0]["created"], &created[0]["partitions"]), (&json!(true), &json!(2)));
    let exists = tools.document(&["topic", "create", "orders", "--if-not-exists"]);
    assert_eq!((&exists[0]["exists"], fields(&exists[0])), (&json!(true), fields(&created[0])));
    let fed = tools.fed(&["produce", "orders", "-K", ":", "--json"], "k1:one\nk2:two\nk1:three\n");
    let delivered: Value = serde_json::from_slice(&fed.stdout).unwrap();
    assert_eq!(
        delivered,
        json!({
            "topic": "orders", "sent": 3, "delivered": 3, "failed": 0, "unknown": 0, "bytes": 20,
        })
    );
    let records = tools.told(&["consume", "orders", "-e", "--json"]);
    let mut values = Vec::new();
    for line in records.lines() {
        let record: Value = serde_json::from_str(line).unwrap();
        assert_eq!(fields(&record), ["headers", "key", "offset", "partition", "timestamp", "topic", "value"]);
        values.push(record["value"].as_str().unwrap().to_owned());
    }
    values.sort();
    assert_eq!(values, ["one", "three", "two"]);
    assert_eq!(tools.told(&["consume", "orders", "-e", "-g", "readers"]).lines().count(), 3);

    let listed = tools.document(&["topic", "list"]);
    assert_eq!(fields(&listed[0]), ["error", "id", "internal", "partitions", "topic"]);
    let described = tools.document(&["topic", "describe", "orders"]);
    assert_eq!(described[0]["configs"][0]["name"], "retention.ms");
    let ends: i64 = described[0]["partitions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|partition| partition["high_watermark"].as_i64().unwrap())
        .sum();
    assert_eq!(ends, 3);
    assert_eq!(tools.document(&["topic", "alter", "orders", "-p", "3"])["partitions"], 3);
    let groups = tools.document(&["group", "list"]);
    assert_eq!((&groups[0]["group"], &groups[0]["state"]), (&json!("readers"), &json!("Empty")));
    let group = tools.document(&["group", "describe", "readers"]);
    assert_eq!(group[0]["lag"], 0);
    let committed: i64 =
        group[0]["offsets"].as_array().unwrap().iter().map(|one| one["committed"].as_i64().unwrap()).sum();
    assert_eq!(committed, 3);
    let reset = tools.document(&["group", "reset-offsets", "readers", "--to", "beginning"]);
    assert!(reset.as_array().unwrap().iter().all(|one| one["executed"] == false));
    let reset = tools.document(&["group", "reset-offsets", "readers", "--to", "beginning", "--execute"]);
    assert!(reset.as_array().unwrap().iter().all(|one| one["executed"] == true && one["to"] == 0));
    assert_eq!(tools.told(&["consume", "orders", "-e", "-g", "readers"]).lines().count(), 3);
    let some = ["--partitions", "0-1"];
    let reset = ["group", "reset-offsets", "readers", "--to", "end", "-t", "orders"];
    assert_eq!(tools.document(&[&reset[..], &some].concat()).as_array().unwrap().len(), 2);
    tools.document(&[&["group", "delete-offsets", "readers", "-t", "orders"][..], &some].concat());
    let all = tools.told(&["consume", "orders", "-e", "-p", "0-2"]).lines().count();
    let one_by_one =
        ["0", "1", "2"].map(|at| tools.told(&["consume", "orders", "-e", "-p", at]).lines().count());
    assert_eq!((all, one_by_one.iter().sum::<usize>()), (3, 3));
    tools.document(&[&["topic", "trim", "orders", "--before", "end"][..], &some].concat());
    tools.document(&["topic", "trim", "orders", "--before", "end"]);
    assert_eq!(tools.told(&["consume", "orders", "-e"]), "");

    let moved = tools.document(&["topic", "reassign", "orders", "--to", "1", "--dry-run"]);
    assert_eq!((&moved["dry_run"], moved["partitions"].as_array().unwrap().len()), (&true.into(), 0));
    let cancelled = tools.document(&["topic", "reassign", "orders", "--cancel"]);
    assert_eq!(cancelled["cancelled"].as_array().unwrap().len(), 0);
    let cluster = tools.document(&["cluster"]);
    assert_eq!(cluster["brokers"].as_array().unwrap().len(), 1);
    let apis = tools.document(&["cluster", "apis"]);
    assert!(apis.as_array().unwrap().iter().any(|api| api["name"] == "Fetch" && api["max"] == 18));
    let directories = tools.document(&["cluster", "log-dirs"]);
    assert!(directories[0]["total_bytes"].as_u64().unwrap() > 0);
    for table in [
        &["topic", "list"] as &[&str],
        &["topic", "describe", "orders"],
        &["group", "list"],
        &["group", "describe", "readers"],
        &["cluster"],
        &["cluster", "apis"],
        &["cluster", "log-dirs", "--partitions"],
        &["cluster", "configs", "--all"],
    ] {
        let told = tools.told(table);
        assert!(told.lines().count() >= 2 && !told.contains('{'), "{table:?}: {told}");
        assert!(told.lines().all(|line| line == line.trim_end()), "{table:?}: {told}");
    }
    tools.document(&["group", "delete", "readers"]);
    assert_eq!(tools.document(&["topic", "delete", "orders"])[0]["deleted"], true);
    tools.0.stop();
}

#[test]
fn the_configuration_of_brokers_is_shown_and_changed() {
    let directory = tempfile::tempdir().unwrap();
    let tools = Tools::start(&directory);
    let nothing = tools.document(&["cluster", "configs"]);
    assert_eq!(nothing, json!([{ "broker": null, "configs": [] }, { "broker": 1, "configs": [] }]));
    let key = "log.retention.ms";
    let changed = tools.document(&["cluster", "alter", "--default", "-c", "log.retention.ms=86400000"]);
    assert_eq!(changed, json!({ "broker": null, "changed": true, "config_changes": 1 }));
    let told =
        tools.told(&["cluster", "alter", "--entity-name", "1", "--add-config", "log.retention.ms=3600000"]);
    assert_eq!(told, "broker 1: changed\n");
    // The broker follows the metadata a moment later.
    let shown = eventually("the change is there", || {
        let shown = tools.document(&["cluster", "configs", "--broker", "1"]);
        (shown[0]["configs"][0]["value"] == "3600000").then_some(shown)
    });
    let entry = &shown[0]["configs"][0];
    assert_eq!(
        (&entry["name"], &entry["source"], &entry["read_only"]),
        (&json!(key), &json!("broker"), &json!(false))
    );
    let sources: Vec<_> = entry["synonyms"].as_array().unwrap().iter().map(|one| &one["source"]).collect();
    assert_eq!(sources[..2], ["broker", "cluster"]);
    let told = tools.told(&["cluster", "configs", "--default"]);
    assert!(told.contains("log.retention.ms") && told.contains("86400000"), "{told}");
    let told = tools.told(&["cluster", "configs", "--broker", "1", "node.id"]);
    assert!(told.contains("fixed at the start"), "{told}");
    assert_eq!(
        tools.document(&["cluster", "alter", "--broker", "1", "--unset", key, "--dry-run"])["changed"],
        false
    );
    tools.document(&["cluster", "alter", "--broker", "1", "--unset", key]);
    tools.document(&["cluster", "alter", "--entity-default", "--delete-config", key]);
    eventually("nothing is set", || (tools.document(&["cluster", "configs"]) == nothing).then_some(()));
    for (arguments, part, code) in [
        (&["cluster", "alter", "--broker", "1", "-c", "node.id=7"] as &[&str], "node.id", "INVALID_REQUEST"),
        (
            &["cluster", "alter", "--default", "-c", "log.retention.ms=x"],
            "log.retention.ms",
            "INVALID_REQUEST",
        ),
    ] {
        let (words, told) = tools.failure(arguments);
        assert!(words.contains(part) && told == code, "{arguments:?}: {words} {told}");
    }
    let (words, code) = tools.failure(&["cluster", "configs", "--broker", "9"]);
    assert_eq!((words.as_str(), code), ("ordain: there is no broker 9; the cluster has 1\n", Value::Null));
    assert_eq!(tools.fed(&["cluster", "alter", "-c", "a=b"], "").status.code(), Some(2));
    assert_eq!(tools.fed(&["cluster", "alter", "--default"], "").status.code(), Some(2));
    tools.0.stop();
}

#[test]
fn errors_name_the_value_and_the_way_out() {
    let directory = tempfile::tempdir().unwrap();
    let settings = ["socket.request.max.bytes=8388608"];
    let tools = Tools(Served::start(&directory.path().join("data"), &settings));
    tools.told(&["topic", "create", "t"]);
    for (arguments, parts, code) in [
        (&["topic", "create", "t"] as &[&str], ["t", "exists"], json!("TOPIC_ALREADY_EXISTS")),
        (&["topic", "create", "a/b"], ["a/b", "letters"], json!("INVALID_TOPIC_EXCEPTION")),
        (&["topic", "create", "n", "-r", "3"], ["3", "1 broker"], json!("INVALID_REPLICATION_FACTOR")),
        (
            &["topic", "create", "n", "-c", "retention=1"],
            ["retention", "Unknown topic config"],
            json!("INVALID_CONFIG"),
        ),
        (&["topic", "describe", "nope"], ["nope", "ordain topic list"], Value::Null),
        (&["topic", "delete", "nope"], ["nope", "ordain topic list"], Value::Null),
        (&["topic", "alter", "t", "-p", "1"], ["t", "already has 1 partition"], json!("INVALID_PARTITIONS")),
        (&["consume", "nope"], ["nope", "ordain topic list"], Value::Null),
        (&["consume", "t", "-p", "7"], ["7", "1 partition"], Value::Null),
        (&["produce", "t", "-p", "7"], ["7", "partition"], Value::Null),
        (&["produce", "nope", "--no-create"], ["nope", "topic"], Value::Null),
        (&["group", "describe", "nope"], ["nope", "ordain group list"], Value::Null),
        (&["group", "delete", "nope"], ["nope", "ordain group list"], Value::Null),
    ] {
        let (words, told) = tools.failure(arguments);
        assert!(parts.iter().all(|part| words.contains(part)), "{arguments:?}: {words}");
        assert_eq!(told, code, "{arguments:?}: {words}");
    }
    let line = format!("{}\n", "v".repeat(3_000_000));
    let refused = tools.fed(&["produce", "t"], &line);
    let told = String::from_utf8(refused.stderr).unwrap();
    assert!(told.contains("a record of 3000") && told.contains("--batch-size 4M"), "{told}");
    assert!(told.contains("max.message.bytes"), "{told}");
    tools.told(&["topic", "create", "large", "-c", "max.message.bytes=4194304"]);
    let taken = tools.fed(&["produce", "large", "--batch-size", "4M"], &line);
    assert!(taken.status.success(), "{}", String::from_utf8_lossy(&taken.stderr));
    let taken = tools.fed(&["produce", "large", "-"], "one\ntwo\n");
    let told = String::from_utf8(taken.stderr).unwrap();
    assert_eq!((taken.status.success(), &*told), (true, "2 records delivered to large\n"));
    let (words, told) = tools.failure(&["topic", "trim", "large", "--before", "5"]);
    assert!(words.contains("large-0 ends at offset 3; --before is at most that, or end"), "{words}");
    assert_eq!(told, "OFFSET_OUT_OF_RANGE");
    // What can be seen without a broker is.
    for (arguments, parts) in [
        (&["topic", "trim", "t", "--before", "-1"] as &[&str], ["--before -1", "0 or more"]),
        (&["produce", "a b"], ["'a b' has ' ' in it", "letters"]),
        (&["consume", "a b"], ["'a b' has ' ' in it", "letters"]),
        (&["consume", "t", "-g", ""], ["--group \"\"", "has a name"]),
        (&["perf", "produce", "--record-size", "2G"], ["2147483648 bytes", "at most 2147418026"]),
        (&["perf", "latency", "--record-size", "2G"], ["2147483648 bytes", "at most 2147418026"]),
        (&["perf", "first", "--record-size", "2G"], ["2147483648 bytes", "at most 2147418026"]),
    ] {
        let output = tools.fed(arguments, "");
        let words = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {words}");
        assert!(parts.iter().all(|part| words.contains(part)), "{arguments:?}: {words}");
    }
    // A request that the broker does not take at all.
    let arguments = ["perf", "produce", "--topic", "t", "--record-size", "9M", "--records", "1"];
    let (words, _) = tools.failure(&arguments);
    assert!(words.contains("a request has 9437") && words.contains("socket.request.max.bytes"), "{words}");
    tools.0.stop();
}

#[test]
fn of_several_topics_each_is_told_of() {
    let directory = tempfile::tempdir().unwrap();
    let tools = Tools::start(&directory);
    let output = tools.fed(&["topic", "create", "a1", "a2", "a1", "a3", "--json"], "");
    assert_eq!(output.status.code(), Some(1));
    let results: Value = serde_json::from_slice(&output.stdout).unwrap();
    let made =
        |at: usize| (results[at]["topic"].as_str().unwrap(), results[at]["created"].as_bool().unwrap());
    assert_eq!([0, 1, 2, 3].map(made), [("a1", true), ("a2", true), ("a1", false), ("a3", true)]);
    assert_eq!((&results[0]["error"], &results[2]["exists"]), (&Value::Null, &json!(true)));
    assert_eq!(results[2]["error"]["code"], "TOPIC_ALREADY_EXISTS");
    let told: Value = serde_json::from_slice(&output.stderr).unwrap();
    assert_eq!(told["error"], results[2]["error"]);

    let output = tools.fed(&["topic", "delete", "a1", "n1", "n2", "a2"], "");
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "a1: deleted\na2: deleted\n");
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(told.lines().count(), 2, "{told}");
    for (line, name) in told.lines().zip(["n1", "n2"]) {
        let expected = format!("ordain: there is no topic {name}; `ordain topic list` names those there are");
        assert_eq!(line, expected, "to make what is to be deleted is no way out");
    }
    for arguments in [
        &["topic", "alter", "n1", "-p", "2"] as &[&str],
        &["topic", "trim", "n1", "--before", "end"],
        &["topic", "reassign", "n1", "--to", "1"],
    ] {
        let (words, _) = tools.failure(arguments);
        assert!(words.contains("there is no topic n1") && !words.contains("topic create"), "{words}");
    }
    tools.0.stop();
}

#[test]
fn the_clusters_own_topics_are_deleted_only_when_said_so() {
    let directory = tempfile::tempdir().unwrap();
    let tools = Tools::start(&directory);
    tools.told(&["topic", "create", "t"]);
    assert!(tools.fed(&["produce", "t"], "one\n").status.success());
    tools.told(&["consume", "t", "-e", "-g", "readers"]);
    let (words, code) = tools.failure(&["topic", "delete", "t", "__consumer_offsets"]);
    assert!(words.contains("the offsets that all consumer groups have committed"), "{words}");
    assert!(words.contains("Nothing was deleted; --internal deletes it all the same"), "{words}");
    assert_eq!(code, Value::Null);
    let listed = tools.document(&["topic", "list", "--internal"]);
    assert_eq!(listed.as_array().unwrap().len(), 2, "nothing was deleted: {listed}");
    let deleted = tools.document(&["topic", "delete", "__consumer_offsets", "--internal"]);
    assert_eq!(deleted[0]["deleted"], true);
    tools.0.stop();
}

#[test]
fn as_many_records_are_produced_as_were_asked_for() {
    let directory = tempfile::tempdir().unwrap();
    let tools = Tools::start(&directory);
    let ask =
        ["perf", "produce", "--record-size", "100", "--connections", "3", "--partitions", "2", "--topic"];
    for (topic, more) in [
        ("stamped", &["--records", "20000", "--batch-size", "16k"] as &[&str]),
        ("plain", &["--records", "20001", "--batch-size", "16k", "--idempotent", "false"]),
        ("few", &["--records", "3"]),
        ("built", &["--records", "1001", "--pre-encoded", "false"]),
    ] {
        let arguments = [&ask[..], &[topic], more].concat();
        let figures = tools.document(&arguments);
        let wanted: i64 = more[1].parse().unwrap();
        let described = tools.document(&["topic", "describe", topic]);
        let ends = described[0]["partitions"].as_array().unwrap().iter();
        let ends: i64 = ends.map(|partition| partition["high_watermark"].as_i64().unwrap()).sum();
        assert_eq!((ends, figures["records"].as_i64()), (wanted, Some(wanted)), "{arguments:?}");
    }
    for what in ["produce", "consume"] {
        let refused = tools.fed(&["perf", what, "--records", "0"], "");
        let words = String::from_utf8(refused.stderr).unwrap();
        assert_eq!(refused.status.code(), Some(2), "{words}");
        assert!(words.contains("--records") && words.contains("at least 1"), "{words}");
    }
    tools.0.stop();
}

/// A consumer that has printed `lines` lines.
fn consumer(tools: &Tools, arguments: &[&str], lines: usize) -> Child {
    let mut child = tools.command(arguments).spawn().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    for _ in 0..lines {
        let mut line = String::new();
        assert!(out.read_line(&mut line).unwrap() > 0, "it prints what there is");
    }
    child.stdout = Some(out.into_inner());
    child
}

#[test]
fn a_consumer_that_is_interrupted_commits_and_leaves_its_group() {
    let directory = tempfile::tempdir().unwrap();
    let tools = Tools::start(&directory);
    tools.told(&["topic", "create", "t"]);
    assert!(tools.fed(&["produce", "t"], "one\ntwo\n").status.success());
    for signal in [libc::SIGINT, libc::SIGTERM] {
        let group = format!("g{signal}");
        let mut child = consumer(&tools, &["consume", "t", "-g", &group, "--from", "beginning"], 2);
        let pid = libc::pid_t::try_from(child.id()).unwrap();
        // SAFETY: the child is ours and not yet waited for, so that its id is its own.
        assert_eq!(unsafe { libc::kill(pid, signal) }, 0);
        assert_eq!(child.wait().unwrap().code(), Some(130));
        let told = tools.document(&["group", "describe", &group]);
        assert_eq!(
            (&told[0]["state"], &told[0]["lag"]),
            (&json!("Empty"), &json!(0)),
            "it left at once: {told}"
        );
    }
    tools.0.stop();
}

/// Whoever waits for records writes nothing, and is not told by a write that nobody reads.
#[test]
fn a_consumer_whose_reader_is_gone_ends_while_it_waits() {
    let directory = tempfile::tempdir().unwrap();
    let tools = Tools::start(&directory);
    tools.told(&["topic", "create", "t"]);
    assert!(tools.fed(&["produce", "t"], "one\ntwo\n").status.success());
    for more in [&[] as &[&str], &["-g", "readers"]] {
        let arguments = [&["consume", "t", "--from", "beginning"], more].concat();
        let mut child = consumer(&tools, &arguments, 2);
        drop(child.stdout.take());
        let status = eventually("it ends", || child.try_wait().unwrap());
        assert_eq!(status.code(), Some(141), "{arguments:?}");
        let mut told = String::new();
        std::io::Read::read_to_string(&mut child.stderr.take().unwrap(), &mut told).unwrap();
        assert_eq!(told, "", "{arguments:?}");
    }
    tools.0.stop();
}

/// The coordinator waits 3 s for a group's first members: whoever goes in that time must not be waited for by the next.
#[test]
fn a_consumer_that_is_interrupted_while_it_joins_leaves_no_member_behind() {
    let directory = tempfile::tempdir().unwrap();
    let tools = Tools::start(&directory);
    tools.told(&["topic", "create", "t"]);
    assert!(tools.fed(&["produce", "t"], "one\ntwo\n").status.success());
    let mut child = tools.command(&["consume", "t", "-g", "g", "--from", "beginning"]).spawn().unwrap();
    let group = eventually("it is joining", || {
        let told = tools.fed(&["group", "describe", "g", "--json"], "");
        let told: Value = serde_json::from_slice(&told.stdout).ok()?;
        (told[0]["state"] != "Empty" && told[0]["state"] != "Dead").then(|| told[0].clone())
    });
    assert_eq!(group["state"], "PreparingRebalance", "{group}");
    let pid = libc::pid_t::try_from(child.id()).unwrap();
    // SAFETY: the child is ours and not yet waited for, so that its id is its own.
    assert_eq!(unsafe { libc::kill(pid, libc::SIGINT) }, 0);
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let before = std::time::Instant::now();
    assert_eq!(tools.told(&["consume", "t", "-g", "g", "-e"]), "one\ntwo\n");
    // A member's session is 45 s.
    assert!(before.elapsed().as_secs() < 30, "the next waited {:?} for it", before.elapsed());
    tools.0.stop();
}

#[test]
fn a_number_with_a_unit_is_refused_with_how_to_write_it() {
    let directory = tempfile::tempdir().unwrap();
    let tools = Tools::start(&directory);
    let written = "write retention.ms=864000000";
    for arguments in [
        &["topic", "create", "new", "-c", "retention.ms=10d"][..],
        &["topic", "alter", "old", "-c", "retention.ms=10d"],
    ] {
        tools.fed(&["topic", "create", "old", "--if-not-exists"], "");
        let (words, code) = tools.failure(arguments);
        assert!(words.contains("retention.ms") && words.contains(written), "{words}");
        assert_eq!(code, json!("INVALID_CONFIG"));
    }
    let arguments = ["cluster", "alter", "--default", "--config", "log.segment.bytes=1GiB"];
    let (words, _) = tools.failure(&arguments);
    assert!(words.contains("write log.segment.bytes=1073741824"), "{words}");
}
