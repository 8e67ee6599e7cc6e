//! Holds the house rules that no compiler checks: which module may import which, how long a file may be,
//! which names only the real twins may use, and what the text of the project must not say.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "a test reads the source tree")]
use std::fs;
use std::path::{Path, PathBuf};

/// What each top module of the library may import of the others: the arrows of docs/architecture.md.
const IMPORTS: &[(&str, &[&str])] = &[
    ("types", &[]),
    ("probe", &[]),
    ("io", &["types"]),
    ("config", &["types"]),
    ("metrics", &["types"]),
    ("wire", &["types", "probe"]),
    ("raft", &["types"]),
    ("peers", &["types", "io", "wire", "raft"]),
    ("log", &["types", "probe", "io", "wire", "metrics", "raft"]),
    ("partition", &["types", "probe", "io", "wire", "metrics", "log", "raft", "peers", "config"]),
    ("metadata", &["types", "probe", "io", "wire", "config", "partition", "raft", "log"]),
    ("coordinator", &["types", "probe", "io", "wire", "config", "metrics", "partition", "metadata"]),
    (
        "broker",
        &["types", "probe", "io", "wire", "config", "metrics", "partition", "metadata", "coordinator", "log"],
    ),
    (
        "server",
        &[
            "types",
            "probe",
            "io",
            "wire",
            "config",
            "metrics",
            "broker",
            "metadata",
            "partition",
            "coordinator",
            "peers",
            "log",
        ],
    ),
    ("client", &["types", "io", "wire"]),
];

/// The longest a file may be, without its tests.
const LINES_MAX: usize = 800;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn rust_files(directory: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<_> = fs::read_dir(directory)
        .unwrap_or_else(|error| panic!("{} cannot be read: {error}", directory.display()))
        .map(|entry| entry.unwrap().path())
        .collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            if path.file_name().is_some_and(|name| name != "target") {
                rust_files(&path, found);
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn source() -> Vec<(String, String)> {
    let mut files = Vec::new();
    for directory in ["src", "sim", "tests", "benches", "examples", "fuzz"] {
        let directory = root().join(directory);
        if directory.is_dir() {
            rust_files(&directory, &mut files);
        }
    }
    assert!(files.len() > 50, "the source tree was found: {} files", files.len());
    let relative = |path: &PathBuf| path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
    files.iter().map(|path| (relative(path), fs::read_to_string(path).unwrap())).collect()
}

/// The part of a file before its unit tests.
fn without_tests(text: &str) -> &str {
    text.find("#[cfg(test)]\nmod ").map_or(text, |at| &text[..at])
}

fn is_generated(path: &str) -> bool {
    path.starts_with("src/wire/messages/")
}

fn report(what: &str, violations: &[String]) {
    assert!(violations.is_empty(), "{what}:\n  {}", violations.join("\n  "));
}

#[test]
fn imports_point_down() {
    let mut violations = Vec::new();
    for (path, text) in source() {
        let Some(module) = path.strip_prefix("src/").and_then(|rest| rest.split(['/', '.']).next()) else {
            continue;
        };
        if module == "lib" || module == "bin" {
            continue;
        }
        let Some((_, allowed)) = IMPORTS.iter().find(|(name, _)| *name == module) else {
            violations.push(format!("{path}: module {module} is not in the table of imports"));
            continue;
        };
        for (number, line) in without_tests(&text).lines().enumerate() {
            for used in imported_modules(line) {
                if used != module && !allowed.contains(&used) && IMPORTS.iter().any(|(name, _)| *name == used)
                {
                    violations.push(format!("{path}:{}: {module} may not import {used}", number + 1));
                }
            }
            if path.starts_with("src/") && line.contains("ordain_sim") {
                violations.push(format!("{path}:{}: nothing imports the simulator", number + 1));
            }
        }
    }
    report("imports against the arrows", &violations);
}

/// The top modules that a line names as `crate::module`.
fn imported_modules(line: &str) -> Vec<&str> {
    let code = line.split("//").next().unwrap_or("");
    code.match_indices("crate::")
        .filter(|(at, _)| !code[..*at].ends_with('$'))
        .map(|(at, found)| {
            let rest = &code[at + found.len()..];
            &rest[..rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len())]
        })
        .collect()
}

#[test]
fn files_are_short() {
    let mut violations = Vec::new();
    for (path, text) in source() {
        let lines = without_tests(&text).lines().count();
        if lines > LINES_MAX && !is_generated(&path) {
            violations.push(format!("{path}: {lines} lines, {LINES_MAX} at most"));
        }
    }
    report("files with more than one job", &violations);
}

#[test]
fn the_world_is_reached_through_io_alone() {
    const BANNED: &[&str] = &[
        "std::fs",
        "std::net::Tcp",
        "std::net::Udp",
        "std::thread",
        "Instant::now",
        "SystemTime",
        "tokio::net",
        "tokio::time",
        "tokio::fs",
        "tokio::spawn",
        "sync::watch",
        "getrandom",
        "thread_rng",
        "RandomState",
    ];
    let mut violations = Vec::new();
    for (path, text) in source() {
        // Tests may read their golden files, as those beside the code may.
        let pure = path.starts_with("src/")
            && !path.starts_with("src/io/real")
            && !path.starts_with("src/bin")
            && !path.contains("/tests/");
        if !pure || path.contains("/generator/") {
            continue;
        }
        for (number, line) in without_tests(&text).lines().enumerate() {
            let code = line.split("//").next().unwrap_or("");
            for name in BANNED.iter().filter(|name| code.contains(**name)) {
                violations.push(format!("{path}:{}: {name} belongs to io::real", number + 1));
            }
        }
    }
    report("the world named outside io::real", &violations);
}

#[test]
fn selects_are_biased() {
    let mut violations = Vec::new();
    for (path, text) in source() {
        if path == "tests/tidy.rs" {
            continue;
        }
        for (at, found) in text.match_indices("select! {") {
            let body = text[at + found.len()..].trim_start();
            if !body.starts_with("biased;") {
                let line = text[..at].lines().count();
                violations.push(format!("{path}:{line}: a select without `biased;` is not deterministic"));
            }
        }
    }
    report("selects that draw lots", &violations);
}

#[test]
fn error_codes_are_decided_in_broker() {
    let allowed =
        ["src/types/", "src/broker/", "src/client/", "src/bin/", "sim/", "tests/", "fuzz/", "benches/"];
    let mut violations = Vec::new();
    for (path, text) in source() {
        if allowed.iter().any(|prefix| path.starts_with(prefix)) {
            continue;
        }
        for (number, line) in without_tests(&text).lines().enumerate() {
            if line.split("//").next().unwrap_or("").contains("ErrorCode::") {
                violations.push(format!("{path}:{}: ErrorCode belongs to broker", number + 1));
            }
        }
    }
    report("error codes outside broker", &violations);
}

#[test]
fn the_real_world_is_named_by_the_binary_alone() {
    let allowed = ["src/io/", "src/bin/", "tests/", "benches/", "examples/"];
    let mut violations = Vec::new();
    for (path, text) in source() {
        if allowed.iter().any(|prefix| path.starts_with(prefix)) {
            continue;
        }
        for (number, line) in without_tests(&text).lines().enumerate() {
            if line.split("//").next().unwrap_or("").contains("io::real") {
                violations.push(format!("{path}:{}: io::real is for the binary", number + 1));
            }
        }
    }
    report("the real twins outside the binary", &violations);
}

#[test]
fn errors_have_types_and_ignored_tests_reasons() {
    let mut violations = Vec::new();
    for (path, text) in source() {
        if path == "tests/tidy.rs" {
            continue;
        }
        for (number, line) in text.lines().enumerate() {
            let code = line.split("//").next().unwrap_or("");
            if path.starts_with("src/") && code.contains("anyhow") {
                violations.push(format!("{path}:{}: a library error has a type", number + 1));
            }
            if code.trim() == "#[ignore]" {
                violations.push(format!("{path}:{}: an ignored test says why", number + 1));
            }
        }
    }
    report("what hides a cause", &violations);
}

/// The longest a function may be: a screen.
const FUNCTION_LINES_MAX: usize = 70;

#[test]
fn functions_fit_on_a_screen() {
    let mut violations = Vec::new();
    for (path, text) in source() {
        if !path.starts_with("src/")
            || is_generated(&path)
            || path.contains("/tests/")
            || path.ends_with("tests.rs")
        {
            continue;
        }
        let lines: Vec<&str> = without_tests(&text).lines().collect();
        for (start, line) in lines.iter().enumerate() {
            if let Some(length) = function_length(line, &lines[start..])
                && length > FUNCTION_LINES_MAX
            {
                violations
                    .push(format!("{path}:{}: {length} lines, {FUNCTION_LINES_MAX} at most", start + 1));
            }
        }
    }
    report("functions that do not fit on a screen", &violations);
}

/// How many lines the function takes that begins with the first of `lines`; `None` if none does, or it has no body.
fn function_length(line: &str, lines: &[&str]) -> Option<usize> {
    let code = line.trim_start();
    let declares = code.starts_with("fn ")
        || [" fn ", "async fn ", "const fn "].iter().any(|word| {
            code.find(word).is_some_and(|at| {
                code[..at].split(' ').all(|part| {
                    part.is_empty() || part.starts_with("pub") || ["async", "const", "unsafe"].contains(&part)
                })
            })
        });
    if !declares || line.trim_end().ends_with('}') {
        return None;
    }
    let indent = &line[..line.len() - code.len()];
    let opens = lines.iter().position(|line| line.trim_end().ends_with('{'))?;
    if lines[..opens].iter().any(|line| line.trim_end().ends_with(';')) {
        return None;
    }
    let closing = format!("{indent}}}");
    lines.iter().position(|line| *line == closing).map(|end| end + 1)
}

#[test]
fn no_hash_order_reaches_the_core() {
    // A table that is only looked up, and the visited set of an exhaustive search with a fixed hasher.
    const ALLOWED: &[&str] =
        &["src/log/compaction/offset_map.rs", "src/raft/cluster/search.rs", "src/wire/generator/"];
    let mut violations = Vec::new();
    for (path, text) in source() {
        let simulated = path.starts_with("src/") || path.starts_with("sim/src/");
        if !simulated || ALLOWED.iter().any(|allowed| path.starts_with(allowed)) {
            continue;
        }
        for (number, line) in text.lines().enumerate() {
            let code = line.split("//").next().unwrap_or("");
            if ["HashMap", "HashSet", "HashTable"].iter().any(|name| code.contains(name)) {
                violations.push(format!("{path}:{}: hash order is not deterministic", number + 1));
            }
        }
    }
    report("hash tables where order could show", &violations);
}

/// Time that is simulated may pass; the real one is only let pass between two looks at a condition.
#[test]
fn tests_wait_for_conditions() {
    // `eventually` and its siblings, which look again and again until a deadline.
    const LOOKS_AGAIN: &str = "tests/common/mod.rs";
    let mut violations = Vec::new();
    for (path, text) in source() {
        let unit_tests = &text[without_tests(&text).len()..];
        let tests = if path.starts_with("tests/") { &text[..] } else { unit_tests };
        if path == LOOKS_AGAIN || path == "tests/tidy.rs" {
            continue;
        }
        let before = text.lines().count() - tests.lines().count();
        for (number, line) in tests.lines().enumerate() {
            let code = line.split("//").next().unwrap_or("");
            if code.contains("thread::sleep(") || code.contains("time::sleep(") {
                violations.push(format!("{path}:{}: wait for a condition", before + number + 1));
            }
        }
    }
    report("tests that sleep", &violations);
}

#[test]
fn the_text_speaks_of_no_machine() {
    // Put together here, so that this file does not say them.
    let banned = [["/wo", "rk/"].concat(), ["/ro", "ot/"].concat(), ["/ho", "me/"].concat()];
    let mut texts = source();
    for name in ["README.md", "Cargo.toml", "deny.toml", "clippy.toml", ".ci/run"] {
        texts.push((name.to_owned(), fs::read_to_string(root().join(name)).unwrap()));
    }
    for entry in fs::read_dir(root().join("docs")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "md") {
            texts.push((path.display().to_string(), fs::read_to_string(&path).unwrap()));
        }
    }
    let mut violations = Vec::new();
    for (path, text) in texts {
        for (number, line) in text.lines().enumerate() {
            for word in banned.iter().filter(|word| line.contains(word.as_str())) {
                violations.push(format!("{path}:{}: {word} is one machine's", number + 1));
            }
        }
    }
    report("paths of one machine", &violations);
}
