//! The file that keeps a founding, `cluster.founding` in the data directory; `docs/cluster.md` has its format.
use std::fmt::Write as _;
use std::io;
use std::sync::Arc;

use bytes::Bytes;

use crate::io::{Disk, OpenOptions};
use crate::peers::{FOUNDERS_MAX, Founding, Held};
use crate::raft::{ReplicaKey, VoterSet};
use crate::types::{NodeId, TopicId, Uuid};
use crate::wire::Text;
use crate::wire::batch::crc32c;

pub(super) const PATH: &str = "cluster.founding";
const TEMPORARY: &str = "cluster.founding.tmp";
const HEAD: &str = "ordain founding ";
const VERSION: &str = "1";
/// More than any founding takes, in bytes.
const BYTES_MAX: usize = 4096;

/// Why a founding cannot be read or kept.
#[derive(Clone, Debug, thiserror::Error)]
pub enum FoundingError {
    #[error("{action} {path} failed: {source}")]
    Io { action: &'static str, path: &'static str, source: Arc<io::Error> },
    #[error(
        "the file {PATH} is damaged ({what}): take it from a copy of the disk, or, while another node of the cluster runs, remove it and start again: this node then asks that one"
    )]
    Damaged { what: &'static str },
    #[error(
        "the file {PATH} has format version {version}, this release reads {VERSION}: start the newer release again"
    )]
    OtherVersion { version: String },
    #[error("{what}")]
    Servers { what: String },
    #[error("keeping the founding was given up: the node stops")]
    Stopped,
}

fn failed(action: &'static str, path: &'static str) -> impl FnOnce(io::Error) -> FoundingError {
    move |source| FoundingError::Io { action, path, source: Arc::new(source) }
}

/// What the data directory holds, durably.
///
/// # Errors
/// If it cannot be read, or is no such file.
pub async fn load(disk: &dyn Disk) -> Result<Option<Held>, FoundingError> {
    let file = match disk.open(PATH, OpenOptions::default()).await {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed("opening", PATH)(error)),
    };
    let bytes = file.read_at(0, BYTES_MAX).await.map_err(failed("reading", PATH))?;
    let held = decode(&bytes)?;
    // After a crash of the process alone the rename may not be durable, and this node acts on it from here on.
    disk.sync_dir("").await.map_err(failed("syncing", "the data directory"))?;
    Ok(Some(held))
}

/// Keeps it, durably, in the place of what was kept before.
///
/// # Errors
/// If it cannot be written: whether it is kept shows at the next start.
pub async fn store(disk: &dyn Disk, held: &Held) -> Result<(), FoundingError> {
    let options = OpenOptions { write: true, create: true, truncate: true, ..OpenOptions::default() };
    let file = disk.open(TEMPORARY, options).await.map_err(failed("creating", TEMPORARY))?;
    file.write_at(0, vec![encode(held)]).await.map_err(failed("writing", TEMPORARY))?;
    file.sync().await.map_err(failed("syncing", TEMPORARY))?;
    disk.rename(TEMPORARY, PATH).await.map_err(failed("renaming", TEMPORARY))?;
    disk.sync_dir("").await.map_err(failed("syncing", "the data directory"))
}

pub(super) fn encode(held: &Held) -> Bytes {
    let mut text = format!("{HEAD}{VERSION}\ncluster {}\n", held.founding.cluster);
    for key in held.founding.voters.keys() {
        text.push_str("voter ");
        text.push_str(&key.node.to_string());
        text.push(' ');
        text.push_str(&key.directory.to_string());
        text.push('\n');
    }
    text.push_str(if held.complete { "complete\n" } else { "proposed\n" });
    let crc = crc32c(text.as_bytes());
    writeln!(text, "crc32c {crc:08x}").expect("a string takes all");
    text.into()
}

pub(super) fn decode(bytes: &[u8]) -> Result<Held, FoundingError> {
    let damaged = |what| FoundingError::Damaged { what };
    let text = std::str::from_utf8(bytes).map_err(|_| damaged("it is no text"))?;
    let first = text.lines().next().unwrap_or_default();
    let version = first.strip_prefix(HEAD).ok_or_else(|| damaged("its first line is not a founding's"))?;
    let covered = text.rfind("crc32c ").ok_or_else(|| damaged("it has no checksum"))?;
    if text[covered..] != format!("crc32c {:08x}\n", crc32c(&bytes[..covered])) {
        return Err(damaged("its checksum is wrong"));
    }
    if version != VERSION {
        return Err(FoundingError::OtherVersion { version: version.to_owned() });
    }
    let (mut cluster, mut keys, mut complete) = (None, Vec::new(), false);
    for line in text[..covered].lines().skip(1) {
        match line.split_once(' ') {
            Some(("cluster", id)) => cluster = Some(Text::from(id)),
            Some(("voter", key)) => keys.push(parse_key(key).ok_or_else(|| damaged("a voter is none"))?),
            _ => complete = line == "complete",
        }
    }
    let cluster = cluster.ok_or_else(|| damaged("it has no cluster"))?;
    let voters = VoterSet::of(keys).filter(|voters| voters.keys().len() <= FOUNDERS_MAX);
    let voters = voters.ok_or_else(|| damaged("its voters are no set of voters"))?;
    let held = Held { founding: Founding { cluster, voters }, complete };
    // Anything that was not understood, twice there or in another order shows here.
    if encode(&held) != bytes {
        return Err(damaged("its lines are not those of a founding"));
    }
    Ok(held)
}

fn parse_key(text: &str) -> Option<ReplicaKey> {
    let (node, directory) = text.split_once(' ')?;
    let node = node.parse().ok().filter(|&node| node >= 0).map(NodeId)?;
    Some(ReplicaKey { node, directory: Uuid(TopicId::parse(directory)?.0) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::testing::{TestDisk, TestFault, TestRandom, TestRuntime};

    fn held(complete: bool, nodes: i32) -> Held {
        let key = |node: i32| ReplicaKey { node: NodeId(node), directory: Uuid([node as u8; 16]) };
        let voters = VoterSet::of((1..=nodes).map(key)).expect("voters");
        Held { founding: Founding { cluster: "c".into(), voters }, complete }
    }

    #[test]
    fn the_file_is_these_lines() {
        let bytes = encode(&held(false, 2));
        let text = "ordain founding 1\ncluster c\nvoter 1 AQEBAQEBAQEBAQEBAQEBAQ\nvoter 2 AgICAgICAgICAgICAgICAg\nproposed\n";
        let crc = crc32c(text.as_bytes());
        assert_eq!(bytes, format!("{text}crc32c {crc:08x}\n"));
        for held in [held(false, 2), held(true, 7)] {
            assert_eq!(decode(&encode(&held)).expect("it is whole"), held);
        }
    }

    #[test]
    fn every_damage_is_found() {
        let bytes = encode(&held(true, 2));
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut damaged = bytes.to_vec();
                damaged[at] ^= 1 << bit;
                assert!(
                    matches!(decode(&damaged), Err(FoundingError::Damaged { .. })),
                    "byte {at}, bit {bit}"
                );
            }
            assert!(
                matches!(decode(&bytes[..at]), Err(FoundingError::Damaged { .. })),
                "the first {at} bytes"
            );
        }
        let sealed = |text: &str| format!("{text}crc32c {:08x}\n", crc32c(text.as_bytes()));
        let newer = decode(sealed("ordain founding 2\nwhatever\n").as_bytes());
        assert!(matches!(newer, Err(FoundingError::OtherVersion { version }) if version == "2"));
        for text in [
            "ordain founding 1\ncluster c\nproposed\n",
            "ordain founding 1\nvoter 1 AQEBAQEBAQEBAQEBAQEBAQ\nproposed\n",
            "ordain founding 1\ncluster c\nvoter 1 AQEBAQEBAQEBAQEBAQEBAQ\n",
            "ordain founding 1\ncluster c\nvoter -1 AQEBAQEBAQEBAQEBAQEBAQ\nproposed\n",
            "ordain founding 1\ncluster c\nvoter 1 AQEBAQEBAQEBAQEBAQEBAQ\nvoter 1 AgICAgICAgICAgICAgICAg\nproposed\n",
            "ordain founding 1\ncluster c\nwhat\nvoter 1 AQEBAQEBAQEBAQEBAQEBAQ\nproposed\n",
        ] {
            assert!(matches!(decode(sealed(text).as_bytes()), Err(FoundingError::Damaged { .. })), "{text}");
        }
    }

    #[test]
    fn what_is_stored_survives_whatever_happens_to_the_next_one() {
        let (runtime, disk) = (TestRuntime::new(), TestDisk::new());
        assert_eq!(runtime.block_on(load(&disk)).expect("an empty directory"), None);
        let (first, second) = (held(false, 3), held(true, 3));
        runtime.block_on(store(&disk, &first)).expect("it is kept");
        for seed in 0..20 {
            let kept = disk.lose_power(&mut TestRandom(seed));
            assert_eq!(runtime.block_on(load(&kept)).expect("it is whole"), Some(first.clone()));
        }
        let mut seen = [0, 0];
        for change in 1..=8 {
            for seed in 0..8 {
                let again = disk.restart();
                again.inject(TestFault::CrashAt(change));
                let stored = runtime.block_on(store(&again, &second));
                let kept = again.lose_power(&mut TestRandom(seed));
                let kept = runtime.block_on(load(&kept)).expect("one or the other").expect("one of them");
                assert!(kept == first || kept == second, "{kept:?}");
                assert!(stored.is_err() || kept == second, "what was kept durably");
                seen[usize::from(kept == second)] += 1;
            }
        }
        assert!(seen[0] > 0 && seen[1] > 0, "{seen:?}");
        let disk = disk.restart();
        disk.corrupt(PATH, 20);
        let damaged = runtime.block_on(load(&disk)).expect_err("it is damaged").to_string();
        assert!(damaged.starts_with("the file cluster.founding is damaged"), "{damaged}");
    }
}
