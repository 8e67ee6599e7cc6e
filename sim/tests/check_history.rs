//! `check-history`, as a person or a script meets it: over the history of a simulated cluster, which it has to judge as the
//! simulation did, and over the same one with what makes it wrong.
#![allow(clippy::unwrap_used, reason = "a test")]
#![allow(
    clippy::disallowed_methods,
    reason = "commands are started, and their files read, outside of every simulation"
)]
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};

fn sim(words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ordain-sim")).args(words).output().unwrap()
}

/// A folder of this test's own.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    drop(std::fs::remove_dir_all(&folder));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn write(path: &Path, lines: &[Value]) {
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    std::fs::write(path, text).unwrap();
}

/// The exit code, and who finds something.
fn check(path: &Path) -> (Option<i32>, Vec<String>) {
    let output = sim(&["check-history", "--json", path.to_str().unwrap()]);
    let Ok(verdict) = serde_json::from_slice::<Value>(&output.stdout) else {
        return (output.status.code(), Vec::new());
    };
    let judged = verdict["judged"].as_array().unwrap().iter();
    let found =
        judged.filter(|one| !one["found"].is_null()).map(|one| one["checker"].as_str().unwrap().to_owned());
    (output.status.code(), found.collect())
}

/// The records of a poll that was answered, by partition.
fn brought(line: &mut Value) -> Option<&mut serde_json::Map<String, Value>> {
    let is_answer = line["f"] == "poll" && line["type"] == "ok";
    line["value"].get_mut(0)?.get_mut(1)?.as_object_mut().filter(|_| is_answer)
}

#[test]
fn the_history_of_a_simulated_cluster_is_judged_as_the_simulation_judged_it() {
    let folder = folder("check-history");
    let path = folder.to_str().unwrap();
    assert!(sim(&["seed", "5", "--scenario", "cluster", "--folder", path]).status.success());
    let history = folder.join("history.jsonl");
    assert_eq!(check(&history), (Some(0), vec![]));
    let required = ["check-history", history.to_str().unwrap(), "--require", "I1-lost-record,I8-poll-skip"];
    assert_eq!(sim(&required).status.code(), Some(0));
    let stuck = ["check-history", history.to_str().unwrap(), "--require", "I16-stuck"];
    assert_eq!(sim(&stuck).status.code(), Some(2), "nobody has said that all is healed");

    let text = std::fs::read_to_string(&history).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    // One that was not deleted before the last look, which is nothing lost.
    let mut looks: Vec<Value> = lines.iter().filter(|line| line["client"] == "judge").cloned().collect();
    let last_look: Vec<Value> =
        looks.iter_mut().filter_map(brought).flat_map(|all| all.values().cloned()).collect();
    let is_there = |value: &Value| {
        let mut records = last_look.iter().flat_map(|records| records.as_array().unwrap());
        records.any(|record| record[1] == *value)
    };
    let is_acknowledged = |line: &&Value| {
        let at = line["value"][0][1].as_str();
        line["f"] == "send" && line["type"] == "ok" && at.is_some_and(|at| at.starts_with("events-"))
    };
    let sent = |line: &Value| line["value"][0][2][1].clone();
    let lost = lines.iter().filter(is_acknowledged).map(sent).find(is_there).unwrap();

    // The last look did not bring it.
    let mut wrong = lines.clone();
    for line in wrong.iter_mut().filter(|line| line["client"] == "judge") {
        for records in brought(line).into_iter().flat_map(|all| all.values_mut()) {
            records.as_array_mut().unwrap().retain(|record| record[1] != lost);
        }
    }
    let other = folder.join("lost.jsonl");
    write(&other, &wrong);
    let (code, found) = check(&other);
    assert_eq!((code, found.first().map(String::as_str)), (Some(1), Some("I1-lost-record")), "{found:?}");

    // Somebody was brought another one in its place.
    let mut wrong = lines.clone();
    let mut reads = wrong.iter_mut().filter(|line| line["client"] != "judge").filter_map(brought);
    let mut records = reads.find_map(|all| {
        let mut records = all.values_mut().flat_map(|records| records.as_array_mut().unwrap().iter_mut());
        records.find(|record| record[1] == lost)
    });
    *records.as_mut().unwrap().get_mut(1).unwrap() = json!("1/1/4000000");
    write(&other, &wrong);
    let (code, found) = check(&other);
    assert_eq!(code, Some(1));
    assert!(found.contains(&"I2-inconsistent-offsets".to_owned()), "{found:?}");
}

/// A run that failed before its last look has a history, too.
#[test]
fn without_a_last_look_is_judged_what_can_be() {
    let folder = folder("check-broken-off");
    let path = folder.to_str().unwrap();
    assert!(sim(&["seed", "5", "--scenario", "cluster", "--folder", path]).status.success());
    let text = std::fs::read_to_string(folder.join("history.jsonl")).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let mut lines: Vec<Value> = lines.into_iter().filter(|line| line["client"] != "judge").collect();
    let history = folder.join("broken-off.jsonl");
    let file = history.to_str().unwrap();
    write(&history, &lines);
    assert_eq!(check(&history), (Some(0), vec![]));
    let told = String::from_utf8(sim(&["check-history", file]).stdout).unwrap();
    let of = |checker: &str| told.lines().find(|line| line.starts_with(checker)).unwrap().to_owned();
    assert!(of("I1-lost-record").contains("NOT JUDGED: no client \"judge\""), "{told}");
    assert!(of("I8-poll-skip").contains("holds, of"), "{told}");
    let required = |checker: &str| sim(&["check-history", file, "--require", checker]).status.code();
    assert_eq!([required("I8-poll-skip"), required("I1-lost-record")], [Some(0), Some(2)]);

    // Somebody was brought a record that nobody has sent.
    let mut reads = lines.iter_mut().filter_map(brought);
    let record = reads.find_map(|all| all.values_mut().find_map(|records| records.get_mut(0)));
    *record.unwrap().get_mut(1).unwrap() = json!("1/1/4000000");
    write(&history, &lines);
    let (code, found) = check(&history);
    assert_eq!(code, Some(1));
    assert!(found.contains(&"I2-inconsistent-offsets".to_owned()), "{found:?}");
}

/// Also where the disk has destroyed what was acknowledged: the history says what the broker could not read.
#[test]
fn the_histories_of_one_broker_are_judged_as_the_simulation_judged_them() {
    let folder = folder("check-broker-history");
    let path = folder.to_str().unwrap();
    let mut told = String::new();
    for seed in ["0", "1", "3"] {
        assert!(
            sim(&["seed", seed, "--scenario", "broker", "--folder", path]).status.success(),
            "seed {seed}"
        );
        let history = folder.join("history.jsonl");
        told += &std::fs::read_to_string(&history).unwrap();
        assert_eq!(check(&history), (Some(0), vec![]), "seed {seed}");
    }
    for function in ["\"f\":\"unreadable\"", "\"f\":\"heal\""] {
        assert!(told.contains(function), "{function}");
    }
}

#[test]
fn what_is_no_history_is_refused_and_where() {
    let path = folder("check-no-history").join("history.jsonl");
    let told = |text: &str| {
        std::fs::write(&path, text).unwrap();
        let output = sim(&["check-history", path.to_str().unwrap()]);
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let (code, why) = told("{\"time\": 1}\n");
    assert_eq!(code, Some(2));
    assert!(why.contains("history.jsonl: line 1 is not a line of a history"), "{why}");
    let line = json!({ "time": 1, "process": 0, "client": "a", "type": "invoke", "f": "send", "value": 7 });
    let (code, why) = told(&format!("{line}\n"));
    assert_eq!(code, Some(2));
    assert!(why.contains("history.jsonl:1: 7 is not of the form"), "{why}");
    assert_eq!(sim(&["check-history", "/does/not/exist"]).status.code(), Some(2));
}
