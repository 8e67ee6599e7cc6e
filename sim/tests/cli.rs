//! The commands, as a person or a CI server meets them.
#![allow(clippy::unwrap_used, reason = "a test")]
#![allow(
    clippy::disallowed_methods,
    reason = "commands are started, and their files read, outside of every simulation"
)]
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use ordain_sim::case::Case;
use serde_json::Value;

const SCENARIO: [&str; 2] = ["--scenario", "storage-and-net"];

fn sim(words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ordain-sim")).args(words).output().unwrap()
}

fn text(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// A folder of this test's own.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    drop(std::fs::remove_dir_all(&folder));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

#[test]
fn a_replay_is_the_run_and_the_folder_tells_it() {
    let folder = folder("cli-replay");
    let seed = sim(&[&["seed", "3"], &SCENARIO[..]].concat());
    let report: Value = serde_json::from_str(&text(&seed)).unwrap();
    let hash = report["hash"].as_str().unwrap();
    let replay = text(&sim(&[&["replay", "3"], &SCENARIO[..]].concat()));
    assert_eq!(replay.lines().last(), Some(hash), "printing changes nothing");
    let path = folder.to_str().unwrap();
    sim(&[&["seed", "3", "--folder", path, "--replay", "cargo sim replay 3"], &SCENARIO[..]].concat());
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    assert_eq!(read("trace.txt").lines().last(), Some(hash), "keeping changes nothing");
    let case = Case::from_json(&read("case.json")).unwrap();
    assert_eq!((case.seed, case.scenario.as_str()), (3, SCENARIO[1]));
    assert!(read("violation.txt").contains("cargo sim replay 3\n"));
    assert!(read("report.html").contains("storage-and-net, seed 3"));
    read("history.jsonl");
    let from_case = sim(&["seed", "--case", folder.join("case.json").to_str().unwrap()]);
    assert_eq!(text(&from_case), text(&seed), "the case is all of it");
}

#[test]
fn a_sweep_reports_to_machines() {
    let junit = folder("cli-sweep").join("junit.xml");
    let words =
        ["run", "--seeds", "2", "--json", "--check-determinism", "100%", "--junit", junit.to_str().unwrap()];
    let sweep = sim(&[&words[..], &SCENARIO[..]].concat());
    assert!(sweep.status.success());
    let lines: Vec<Value> = text(&sweep).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let seeds: Vec<u64> = lines.iter().filter_map(|line| line["seed"].as_u64()).collect();
    assert_eq!((seeds.len(), lines.len()), (2, 3));
    let total = &lines[2];
    assert_eq!((total["passed"].as_u64(), total["compared"].as_u64()), (Some(2), Some(2)));
    assert!(std::fs::read_to_string(junit).unwrap().contains("tests=\"2\" failures=\"0\""));
}

#[test]
fn a_short_sweep_compares_its_share() {
    let sweep = sim(&[&["run", "--seeds", "60", "--json"], &SCENARIO[..]].concat());
    assert!(sweep.status.success());
    let total: Value = serde_json::from_str(text(&sweep).lines().last().unwrap()).unwrap();
    assert_eq!(total["compared"].as_u64(), Some(3), "five of a hundred");
}

#[test]
fn an_interrupted_sweep_is_concluded() {
    let junit = folder("cli-interrupt").join("junit.xml");
    let words = ["run", "--seeds", "100000", "--json", "--junit", junit.to_str().unwrap()];
    let mut sweep = Command::new(env!("CARGO_BIN_EXE_ordain-sim"))
        .args([&words[..], &SCENARIO[..]].concat())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(sweep.stdout.take().unwrap()).lines();
    lines.next().unwrap().unwrap();
    let killed = Command::new("kill").args(["-INT", &sweep.id().to_string()]).status().unwrap();
    assert!(killed.success());
    let last = lines.last().unwrap().unwrap();
    assert_eq!(sweep.wait().unwrap().code(), Some(130));
    let total: Value = serde_json::from_str(&last).unwrap();
    let ran = total["seeds"].as_u64().unwrap();
    assert!((1..100_000).contains(&ran) && total["passed"].as_u64() == Some(ran), "{total}");
    assert!(std::fs::read_to_string(junit).unwrap().contains(&format!("tests=\"{ran}\"")));
}

#[test]
fn statuses_tell_what_is_broken_from_what_is_mistyped() {
    let folder = folder("cli-status");
    assert_eq!(sim(&["run", "--scenario", "none"]).status.code(), Some(2));
    assert_eq!(sim(&["replay", "--case", "/does/not/exist"]).status.code(), Some(2));
    for none in [["run", "--jobs", "0"], ["run", "--timeout", "0"], ["speed", "--seeds", "0"]] {
        assert_eq!(sim(&none).status.code(), Some(2), "{none:?}");
    }
    let junit = ["run", "--seeds", "1", "--junit", "/proc/none/junit.xml"];
    let refused = sim(&[&junit[..], &SCENARIO[..]].concat());
    assert_eq!((refused.status.code(), text(&refused).as_str()), (Some(2), ""), "before anything runs");
    // A case that its scenario cannot run.
    let file = folder.join("case.json");
    std::fs::write(&file, Case::new("broker", 1).to_json()).unwrap();
    let failed = sim(&["seed", "--case", file.to_str().unwrap()]);
    assert_eq!(failed.status.code(), Some(1));
    let report: Value = serde_json::from_str(&text(&failed)).unwrap();
    assert_eq!(report["violation"]["checker"], "case");
}

#[test]
fn a_failure_is_made_small_and_kept() {
    let folder = folder("cli-shrink");
    let file = folder.join("case.json");
    let mut case = Case::new("broker", 1);
    case.duration_us = 5_000_000;
    std::fs::write(&file, case.to_json()).unwrap();
    let path = folder.to_str().unwrap();
    let words = ["shrink", "--case", file.to_str().unwrap(), "--schedules", path, "--name", "small"];
    let shrunk = sim(&words);
    assert!(shrunk.status.success(), "{}", String::from_utf8_lossy(&shrunk.stderr));
    assert!(text(&shrunk).contains("before: 0 faults") && text(&shrunk).contains("kept as"));
    let kept = std::fs::read_to_string(folder.join("small.json")).unwrap();
    let kept = ordain_sim::schedules::Schedule::from_json(&kept).unwrap();
    assert_eq!((kept.case.duration_us, kept.expect.len()), (0, 1));

    // What is kept is not written over by chance, and no name leaves the folder; both are said before anything runs.
    let refused = |words: &[&str]| {
        let output = sim(words);
        let why = String::from_utf8(output.stderr.clone()).unwrap();
        assert_eq!((output.status.code(), text(&output).as_str()), (Some(2), ""), "{why}");
        why
    };
    assert!(refused(&words).contains("there is a schedule"));
    for name in ["a/b", "..", ""] {
        let words = ["shrink", "--case", file.to_str().unwrap(), "--schedules", path, "--name", name];
        assert!(refused(&words).contains("is no name of a schedule"), "{name}");
    }
    let no_folder = ["shrink", "--case", file.to_str().unwrap(), "--schedules", "/proc/none", "--name", "x"];
    assert!(refused(&no_folder).contains("cannot create the folder /proc/none"));
    assert!(sim(&[&words[..], &["--replace"]].concat()).status.success());
}
