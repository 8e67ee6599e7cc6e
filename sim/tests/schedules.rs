//! What was found once and made small is found for ever: the kept schedules of `sim/schedules/`.
#![allow(clippy::unwrap_used, reason = "a test")]
use std::path::Path;
use std::process::Command;

#[test]
fn every_kept_schedule_does_what_is_expected_of_it() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("schedules");
    let output = Command::new(env!("CARGO_BIN_EXE_ordain-sim"))
        .arg("schedules")
        .arg(&folder)
        .args(["--timeout", "600"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("expectations of kept schedules hold"), "{said}");
}
