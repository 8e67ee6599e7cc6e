//! `wiregen [--check]`: writes `src/wire/messages` from `src/wire/schema`, or says what is stale.
#![allow(clippy::disallowed_methods, reason = "a build tool reads and writes the source tree")]
use std::collections::BTreeSet;
use std::path::Path;
use std::process::ExitCode;

use ordain_wiregen::{emit, load};

fn main() -> ExitCode {
    let check = match std::env::args().nth(1).as_deref() {
        None => false,
        Some("--check") => true,
        Some(other) => {
            eprintln!("wiregen: unknown argument {other}; usage: wiregen [--check]");
            return ExitCode::from(2);
        }
    };
    match run(check) {
        Ok(stale) if check && !stale.is_empty() => {
            eprintln!("wiregen: stale: {}; run `cargo run -p ordain-wiregen`", stale.join(", "));
            ExitCode::FAILURE
        }
        Ok(stale) => {
            println!("wiregen: {} files {}", stale.len(), if check { "stale" } else { "written" });
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("wiregen: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The names of the files that differ from the schema; writes them unless only checking.
fn run(check: bool) -> Result<Vec<String>, Box<dyn std::error::Error>> {
    let wire = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let target = wire.join("messages");
    let files = emit::files(&load(&wire.join("schema"))?);
    let names: BTreeSet<&str> = files.iter().map(|f| f.name.as_str()).collect();
    let mut stale = Vec::new();
    if !check {
        std::fs::create_dir_all(&target)?;
    }
    for file in &files {
        let path = target.join(&file.name);
        if std::fs::read_to_string(&path).is_ok_and(|text| text == file.text) {
            continue;
        }
        stale.push(file.name.clone());
        if !check {
            std::fs::write(&path, &file.text)?;
        }
    }
    for entry in std::fs::read_dir(&target)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if !names.contains(name.as_str()) {
            if !check {
                std::fs::remove_file(entry.path())?;
            }
            stale.push(name);
        }
    }
    Ok(stale)
}
