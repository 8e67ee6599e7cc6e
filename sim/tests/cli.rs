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

/// A scenario with a mistake that nearly every seed shows, and a seed that shows it.
const MISTAKEN: [&str; 2] = ["--scenario", "storage-and-net-careless"];

fn mistaken_seed() -> String {
    let fails =
        |seed: &u64| sim(&[&["seed", &seed.to_string()], &MISTAKEN[..]].concat()).status.code() == Some(1);
    (0..50).find(fails).unwrap().to_string()
}

#[test]
fn a_replay_writes_the_folder_of_any_seed_and_runs_a_case_with_another() {
    let folder = folder("cli-replay-folder");
    let path = folder.to_str().unwrap();
    let told = sim(&[&["replay", "3", "--folder", path], &SCENARIO[..]].concat());
    assert!(told.status.success());
    let printed = text(&sim(&[&["replay", "3"], &SCENARIO[..]].concat()));
    let report = folder.join("report.html");
    let hash = printed.lines().last().unwrap();
    assert_eq!(text(&told), format!("open {}\n{hash}\n", report.display()), "the trace stands in the folder");
    assert!(
        std::fs::read_to_string(&report).unwrap().contains("cargo sim replay 3 --scenario storage-and-net")
    );
    let case = folder.join("case.json");
    let with = |words: &[&str]| text(&sim(&[words, &["--case", case.to_str().unwrap()]].concat()));
    assert_eq!(with(&["replay", "3", "--no-logs"]), with(&["replay", "--no-logs"]));
    let other = with(&["replay", "4", "--no-logs"]);
    assert_ne!(other.lines().last(), Some(hash));
    assert_eq!(other, with(&["replay", "4", "--no-logs"]));
}

#[test]
fn a_replay_reports_to_machines() {
    let printed = text(&sim(&[&["replay", "3"], &SCENARIO[..]].concat()));
    let folder = folder("cli-replay-json");
    let path = folder.to_str().unwrap();
    for words in [&["replay", "3", "--json"][..], &["replay", "3", "--json", "--folder", path]] {
        let told = text(&sim(&[words, &SCENARIO[..]].concat()));
        let line: Value = serde_json::from_str(&told).unwrap();
        assert_eq!(line["hash"].as_str(), printed.lines().last(), "one line: {told}");
        assert_eq!((line["seed"].as_u64(), line["scenario"].as_str()), (Some(3), Some(SCENARIO[1])));
        assert_eq!(line["folder"].as_str(), words.get(4).copied());
    }
    let seed = mistaken_seed();
    let failed = sim(&[&["replay", &seed, "--json"], &MISTAKEN[..]].concat());
    assert_eq!(failed.status.code(), Some(1));
    let line: Value = serde_json::from_str(&text(&failed)).unwrap();
    assert!(line["violation"]["checker"].is_string(), "{line}");
}

#[test]
fn what_is_shrunk_is_kept_when_it_is_interrupted() {
    let folder = folder("cli-shrink-interrupt");
    let (seed, path) = (mistaken_seed(), folder.to_str().unwrap());
    let words = ["shrink", &seed, "--schedules", path, "--name", "so-far", "--json", "--jobs", "1"];
    let mut shrinking = Command::new(env!("CARGO_BIN_EXE_ordain-sim"))
        .args([&words[..], &MISTAKEN[..]].concat())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(shrinking.stdout.take().unwrap()).lines();
    let first: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
    let killed = Command::new("kill").args(["-INT", &shrinking.id().to_string()]).status().unwrap();
    assert!(killed.success());
    let last: Value = serde_json::from_str(&lines.last().unwrap().unwrap()).unwrap();
    assert_eq!(shrinking.wait().unwrap().code(), Some(130));
    assert_eq!((last["interrupted"].as_bool(), last["finished"].as_bool()), (Some(true), Some(false)));
    assert!(first["step"].is_string() && last["runs"].as_u64() >= first["runs"].as_u64(), "{first} {last}");
    let kept = std::fs::read_to_string(folder.join("so-far.json")).unwrap();
    let kept = ordain_sim::schedules::Schedule::from_json(&kept).unwrap();
    assert_eq!(last["after"]["duration_us"].as_u64(), Some(kept.case.duration_us));
    assert!(kept.case.duration_us <= first["duration_us"].as_u64().unwrap());
}

#[test]
fn a_search_for_mistakes_tells_ci_which_were_missed() {
    let junit = folder("cli-mutants").join("junit.xml");
    let name = "acknowledge-before-sync";
    let search = |seeds: &str| {
        sim(&["mutants", name, "--starts", "1", "--seeds", seeds, "--junit", junit.to_str().unwrap()])
    };
    assert!(search("16").status.success());
    let told = std::fs::read_to_string(&junit).unwrap();
    assert!(told.contains("tests=\"1\" failures=\"0\"") && told.contains(name), "{told}");
    // From a place at which the first seed does not show it.
    let shows = |seed: &u64| {
        let scenario = format!("mutant-{name}");
        !sim(&["seed", &seed.to_string(), "--scenario", &scenario]).status.success()
    };
    let quiet = (0..50).find(|seed| !shows(seed)).unwrap().to_string();
    let words = ["mutants", name, "--starts", "1", "--seeds", "1", "--start", &quiet];
    let missed = sim(&[&words[..], &["--junit", junit.to_str().unwrap()]].concat());
    assert_eq!(missed.status.code(), Some(1));
    let told = std::fs::read_to_string(&junit).unwrap();
    assert!(told.contains("type=\"not-found\"") && told.contains("cargo sim mutants"), "{told}");
}

#[test]
fn an_expectation_that_does_not_hold_is_shown_and_kept() {
    let folder = folder("cli-schedules");
    let [kept, failures] = ["kept", "failures"].map(|name| folder.join(name));
    std::fs::create_dir_all(&kept).unwrap();
    let seed = mistaken_seed();
    let at = folder.join("run");
    sim(&[&["seed", &seed, "--folder", at.to_str().unwrap()], &MISTAKEN[..]].concat());
    let case: Value = serde_json::from_str(&std::fs::read_to_string(at.join("case.json")).unwrap()).unwrap();
    let write = |expect: Value| {
        let schedule = serde_json::json!({ "about": "a test", "expect": [expect], "case": case });
        std::fs::write(kept.join("small.json"), schedule.to_string()).unwrap();
    };
    let junit = folder.join("junit.xml");
    let paths = [&kept, &failures, &junit].map(|path| path.to_str().unwrap());
    let words =
        ["schedules", paths[0], "--only", "small", "--json", "--failures", paths[1], "--junit", paths[2]];
    write(serde_json::json!({ "scenario": MISTAKEN[1] }));
    let wrong = sim(&words);
    assert_eq!(wrong.status.code(), Some(1));
    let lines: Vec<Value> = text(&wrong).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(
        (lines.len(), lines[1]["expectations"].as_u64(), lines[1]["hold"].as_u64()),
        (2, Some(1), Some(0))
    );
    assert_eq!((lines[0]["holds"].as_bool(), lines[0]["seed"].to_string()), (Some(false), seed.clone()));
    let replay = lines[0]["replay"].as_str().unwrap();
    assert_eq!(replay, format!("cargo sim replay --case {}", kept.join("small.json").display()));
    let again: Vec<&str> = replay.split(' ').skip(2).collect();
    assert_eq!(sim(&again).status.code(), Some(1), "the line that is printed shows it");
    assert!(std::fs::read_to_string(&junit).unwrap().contains(&format!("{replay}</failure>")));
    let shown = Path::new(lines[0]["folder"].as_str().unwrap());
    for file in ["report.html", "case.json", "violation.txt", "trace.txt", "history.jsonl"] {
        assert!(shown.join(file).exists(), "{file}");
    }

    // With the right expectation it holds, and nothing is kept.
    let checker = lines[0]["violation"]["checker"].clone();
    write(serde_json::json!({ "scenario": MISTAKEN[1], "found_by": checker }));
    let right = sim(&words);
    assert!(right.status.success());
    assert!(text(&right).lines().next().unwrap().contains("\"holds\":true"), "{}", text(&right));

    // What cannot be run is said before anything runs.
    let refused = |words: &[&str]| {
        let output = sim(words);
        assert_eq!((output.status.code(), text(&output).as_str()), (Some(2), ""), "{words:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    assert!(refused(&["schedules", paths[0], "--only", "zzz"]).contains("\"zzz\""));
    write(serde_json::json!({ "scenario": "nowhere" }));
    let why = refused(&words);
    assert!(why.contains("small.json: there is no scenario \"nowhere\""), "{why}");
    write(serde_json::json!({ "scenario": MISTAKEN[1], "mutant": "perfect" }));
    assert!(refused(&words).contains("small.json: there is no such mistake"));
}

#[test]
fn a_failure_in_a_sweep_tells_ci_how_to_see_it() {
    let folder = folder("cli-junit");
    let (junit, failures) = (folder.join("junit.xml"), folder.join("failures"));
    let (seed, paths) = (mistaken_seed(), [&junit, &failures].map(|path| path.to_str().unwrap()));
    let words = ["run", "--seeds", "1", "--start", &seed, "--junit", paths[0], "--failures", paths[1]];
    let swept = sim(&[&words[..], &MISTAKEN[..]].concat());
    assert_eq!(swept.status.code(), Some(1));
    let told = format!("cargo sim replay {seed} --scenario {}</failure>", MISTAKEN[1]);
    assert!(std::fs::read_to_string(&junit).unwrap().contains(&told));
}

#[test]
fn the_scenarios_stand_below_each_other() {
    let listed = text(&sim(&["list"]));
    let begins = |line: &str| line.len() - line.split_once("  ").unwrap().1.trim_start().len();
    let first = begins(listed.lines().next().unwrap());
    assert!(listed.lines().all(|line| begins(line) == first), "{listed}");
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
