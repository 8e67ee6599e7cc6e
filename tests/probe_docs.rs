//! The documented mistakes and conditions are those that there are, and each mistake is planted somewhere in the core, each condition
//! there or in the simulator.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "a test reads the source tree")]
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The values of a list in `src/probe`, with their names.
fn listed(file: &str) -> Vec<(String, String)> {
    let text = fs::read_to_string(root().join("src/probe").join(file)).unwrap();
    let value = |line: &str| {
        let (value, name) = line.trim().strip_suffix("\",")?.split_once(" = \"")?;
        Some((value.to_owned(), name.to_owned()))
    };
    let found: Vec<_> = text.lines().filter_map(value).collect();
    assert!(found.len() >= 25, "{file} was read: {} values", found.len());
    found
}

/// The names in the first column of a page's tables.
fn documented(page: &str) -> BTreeSet<String> {
    let text = fs::read_to_string(root().join("docs").join(page)).unwrap();
    let name = |line: &str| Some(line.strip_prefix("| `")?.split_once('`')?.0.to_owned());
    text.lines().filter_map(name).collect()
}

fn sources(directory: &Path, text: &mut String) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            if !path.ends_with("probe") {
                sources(&path, text);
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            text.push_str(&fs::read_to_string(&path).unwrap());
        }
    }
}

#[test]
fn pages_and_planted_places_match_the_lists() {
    let mut core = String::new();
    sources(&root().join("src"), &mut core);
    // Some conditions are states of the world.
    let mut with_world = core.clone();
    sources(&root().join("sim/src"), &mut with_world);
    for (file, page, list, places) in [
        ("mutant.rs", "mutants.md", "Mutant", &core),
        ("condition.rs", "conditions.md", "Condition", &with_world),
    ] {
        let values = listed(file);
        let names: BTreeSet<String> = values.iter().map(|(_, name)| name.clone()).collect();
        assert_eq!(names, documented(page), "docs/{page} tells what src/probe/{file} has");
        for (value, _) in values {
            let used = format!("{list}::{value}");
            assert!(places.contains(&used), "{used} is planted nowhere");
        }
    }
}

/// What all kept schedules expect.
fn expected_of_schedules() -> String {
    let mut expected = String::new();
    for entry in fs::read_dir(root().join("sim/schedules")).unwrap() {
        let text = fs::read_to_string(entry.unwrap().path()).unwrap();
        // What comes before the case says what is expected.
        expected.push_str(text.split_once("\"case\"").unwrap().0);
    }
    expected
}

/// A row that says that a mistake is found by its schedule is right: there is one that expects that.
#[test]
fn every_schedule_of_a_row_is_there() {
    let kept = expected_of_schedules();
    let text = fs::read_to_string(root().join("docs/mutants.md")).unwrap();
    let is_meant = |line: &&str| line.contains("its schedule") && !line.contains("0 of 16 in its schedule");
    let name = |line: &str| Some(line.strip_prefix("| `")?.split_once('`')?.0.to_owned());
    let names: Vec<String> = text.lines().filter(is_meant).filter_map(name).collect();
    assert!(names.len() >= 5, "docs/mutants.md was read: {names:?}");
    let is_kept = |name: &String| {
        // As a scenario of its own, or as a mistake in one.
        kept.contains(&format!("\"mutant-{name}\"")) || kept.contains(&format!("\"mutant\": \"{name}\""))
    };
    let free: Vec<String> = names.into_iter().filter(|name| !is_kept(name)).collect();
    assert!(
        free.is_empty(),
        "docs/mutants.md says that their schedules find them, and none in sim/schedules does: {free:?}"
    );
}

/// The planted mistakes of one broker are held by a seed that finds each, by a kept schedule whose checker does, or by the model of the log
/// or a test beside it.
#[test]
fn every_mistake_of_one_broker_is_held() {
    let seeds = fs::read_to_string(root().join("sim/mutants.json")).unwrap();
    let kept = expected_of_schedules();
    let model = fs::read_to_string(root().join("src/log/tests/model.rs")).unwrap();
    let names_of = |list: &str| model.split_once(list).unwrap().1.split_once("];").unwrap().0.to_owned();
    let by_tests = names_of("FOUND_BY_THE_MODEL") + &names_of("FOUND_BY_A_TEST");
    let is_held = |name: &str| {
        let expected = format!("\"mutant-{name}\",\n      \"found_by\"");
        seeds.contains(&format!("\"{name}\":"))
            || kept.contains(&expected)
            || by_tests.contains(&format!("\"{name}\""))
    };
    let of_several = ["replica-", "cluster-", "reassign-"];
    let is_of_one = |name: &String| !of_several.iter().any(|prefix| name.starts_with(prefix));
    let names = listed("mutant.rs").into_iter().map(|(_, name)| name).filter(is_of_one);
    let free: Vec<String> = names.filter(|name| !is_held(name)).collect();
    assert!(
        free.is_empty(),
        "held neither in sim/mutants.json, nor in sim/schedules, nor by a test of the log: {free:?}"
    );
}
