//! What stands in a journal file, by `docs/journal-format.md`.
use std::ops::Range;

use ordain::types::{PartitionId, PartitionIndex, TopicId};
use ordain::wire::batch::BatchHeader;

const MAGIC: &[u8] = b"ORDNJRNL";
const HEADER_BYTES: u64 = 80;
const ROW_BYTES: u64 = 48;
const BLOCK: u64 = 4096;
/// The kind of an entry that names a batch in its segment.
const PLACED: u8 = 11;

/// A commit of the file's present use.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Commit {
    pub(super) number: u64,
    /// All its bytes, padding included.
    pub(super) place: Range<u64>,
    /// Its entries.
    pub(super) payloads: Vec<Payload>,
    /// Which blocks of which segment files they name, and which of them does.
    pub(super) named: Vec<(String, Range<u64>, Payload)>,
    pub(super) directory: Range<u64>,
}

/// An entry's payload, and what the directory says of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Payload {
    pub(super) place: Range<u64>,
    pub(super) whose: PartitionId,
    pub(super) log: u64,
    pub(super) number: u64,
    pub(super) kind: u8,
}

/// What a change of some bytes does to a journal.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Hit {
    /// These entries are lost.
    Payloads(Vec<Payload>),
    /// Nobody can tell whose entries are lost.
    Structure,
}

/// The sequence number in a journal file's path.
pub(super) fn sequence(path: &str) -> Option<u64> {
    path.strip_prefix("journal/")?.strip_suffix(".journal")?.parse().ok()
}

/// The commits of one file, in order. `content` is as it should be, so nothing is checked.
pub(super) fn commits(content: &[u8], sequence: u64) -> Vec<Commit> {
    let mut commits: Vec<Commit> = Vec::new();
    let mut at = 0;
    while let Some(commit) = commit(content, sequence, at) {
        if commits.last().is_some_and(|last| last.number + 1 != commit.number) {
            break;
        }
        at = commit.place.end;
        commits.push(commit);
    }
    commits
}

fn commit(content: &[u8], sequence: u64, at: u64) -> Option<Commit> {
    let start = usize::try_from(at).ok()?;
    let bytes = content.get(start..)?;
    let header = bytes.get(..usize::try_from(HEADER_BYTES).ok()?)?;
    let number = |from: usize| u64::from_be_bytes(header[from..from + 8].try_into().expect("eight bytes"));
    if !header.starts_with(MAGIC) || number(32) != sequence || number(40) != at {
        return None;
    }
    let rows = u64::from(u32::from_be_bytes(header[60..64].try_into().expect("four bytes")));
    let payload_bytes = number(64);
    let directory = at + HEADER_BYTES + payload_bytes..at + HEADER_BYTES + payload_bytes + rows * ROW_BYTES;
    let (mut payloads, mut named) = (Vec::new(), Vec::new());
    let mut from = at + HEADER_BYTES;
    for row in 0..rows {
        let row = usize::try_from(directory.start + row * ROW_BYTES).ok()?;
        let row = content.get(row..row + usize::try_from(ROW_BYTES).ok()?)?;
        let topic = TopicId(row[8..24].try_into().expect("sixteen bytes"));
        let index = PartitionIndex(i32::from_be_bytes(row[4..8].try_into().expect("four bytes")));
        let length = u64::from(u32::from_be_bytes(row[40..44].try_into().expect("four bytes")));
        let number = |at: usize| u64::from_be_bytes(row[at..at + 8].try_into().expect("eight bytes"));
        let payload = Payload {
            place: from..from + length,
            whose: PartitionId { topic, index },
            log: number(24),
            number: number(32),
            kind: row[0],
        };
        if payload.kind == PLACED {
            let bytes = usize::try_from(from).ok()?..usize::try_from(from + length).ok()?;
            let (path, blocks) = placed(content.get(bytes)?, payload.whose)?;
            named.push((path, blocks, payload.clone()));
        }
        payloads.push(payload);
        from += length;
    }
    let end = directory.end.next_multiple_of(BLOCK);
    Some(Commit { number: number(48), place: at..end, payloads, named, directory })
}

/// The segment file of a batch that an entry only names, and its blocks there.
fn placed(payload: &[u8], whose: PartitionId) -> Option<(String, Range<u64>)> {
    let number = |at: usize| Some(u64::from_be_bytes(payload.get(at..at + 8)?.try_into().ok()?));
    let cleaning = u32::from_be_bytes(payload.get(8..12)?.try_into().ok()?);
    let (base, position) = (number(0)?, number(12)?);
    let bytes = BatchHeader::parse(payload.get(20..)?).ok()?.total_bytes()? as u64;
    let name = match cleaning {
        0 => format!("{base:020}.log"),
        _ => format!("{base:020}.{cleaning}.log"),
    };
    let blocks = position.next_multiple_of(BLOCK)..(position + bytes) / BLOCK * BLOCK;
    Some((format!("logs/{whose}/{name}"), blocks))
}

impl Commit {
    /// What a change of these bytes does to the commit; `None` if it does not concern it, or only its padding.
    pub(super) fn hit(&self, range: &Range<u64>) -> Option<Hit> {
        let touches = |other: &Range<u64>| range.start < other.end && other.start < range.end;
        let header = self.place.start..self.place.start + HEADER_BYTES;
        if touches(&header) || touches(&self.directory) {
            return Some(Hit::Structure);
        }
        let lost: Vec<Payload> =
            self.payloads.iter().filter(|payload| touches(&payload.place)).cloned().collect();
        (!lost.is_empty()).then_some(Hit::Payloads(lost))
    }
}

/// Where a fault may strike so that the journal can tell: a commit that a later one in the same file vouches for
/// (`docs/journal-format.md` states that the very last one alone cannot be told from a torn one).
pub(super) fn targets(content: &[u8], sequence: u64, metadata: Metadata) -> Vec<Range<u64>> {
    let commits = commits(content, sequence);
    let vouched = commits.len().saturating_sub(1);
    let may = |commit: &&Commit| may_be_hit(commit, metadata);
    commits[..vouched].iter().filter(may).map(|commit| commit.place.clone()).collect()
}

/// Whether anybody has the metadata log's entries but the node itself. Where nobody has they are spared: without them there
/// is no broker to look at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Metadata {
    OnlyHere,
    ElsewhereToo,
}

fn may_be_hit(commit: &Commit, metadata: Metadata) -> bool {
    metadata == Metadata::ElsewhereToo
        || !commit.payloads.iter().any(|payload| payload.whose.topic == TopicId::METADATA)
}

/// Whether each commit that these ranges hit is followed, in the same file, by one that they do not.
pub(super) fn is_vouched(content: &[u8], sequence: u64, ranges: &[Range<u64>]) -> bool {
    let commits = commits(content, sequence);
    let is_hit = |commit: &Commit| ranges.iter().any(|range| commit.hit(range).is_some());
    !commits.last().is_some_and(is_hit)
}

/// The commits that a start replays, from `from` on, and that a later one in the same file vouches for.
pub(super) fn vouched_from(content: &[u8], sequence: u64, from: (u64, u64)) -> Vec<Commit> {
    let mut commits = commits(content, sequence);
    commits.pop();
    commits.retain(|commit| (sequence, commit.place.start) >= from);
    commits
}

/// Where a fault may strike so that the next start comes to it: payloads alone.
pub(super) fn replayed_targets(
    content: &[u8],
    sequence: u64,
    from: (u64, u64),
    metadata: Metadata,
) -> Vec<Range<u64>> {
    let may = |commit: &&Commit| may_be_hit(commit, metadata);
    let vouched = vouched_from(content, sequence, from);
    let payloads = vouched.iter().filter(may).flat_map(|commit| &commit.payloads);
    payloads.map(|payload| payload.place.clone()).filter(|place| !place.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partition(index: i32) -> PartitionId {
        PartitionId { topic: TopicId([7; 16]), index: PartitionIndex(index) }
    }

    /// A commit as the page describes it, without checksums.
    fn put(content: &mut Vec<u8>, sequence: u64, number: u64, payloads: &[(i32, usize)]) {
        let at = content.len();
        content.extend_from_slice(MAGIC);
        content.extend_from_slice(&[0; 24]);
        for value in [sequence, at as u64, number] {
            content.extend_from_slice(&value.to_be_bytes());
        }
        content.extend_from_slice(&[0; 4]);
        content.extend_from_slice(&u32::try_from(payloads.len()).unwrap().to_be_bytes());
        let bytes: usize = payloads.iter().map(|(_, bytes)| bytes).sum();
        content.extend_from_slice(&(bytes as u64).to_be_bytes());
        content.resize(at + 80 + bytes, 0xaa);
        for (index, bytes) in payloads {
            content.extend_from_slice(&[1, 0, 0, 0]);
            content.extend_from_slice(&index.to_be_bytes());
            content.extend_from_slice(&[7; 16]);
            content.extend_from_slice(&[0; 16]);
            content.extend_from_slice(&u32::try_from(*bytes).unwrap().to_be_bytes());
            content.extend_from_slice(&[0; 4]);
        }
        content.resize(content.len().next_multiple_of(4096), 0);
    }

    #[test]
    fn a_hit_is_laid_to_those_whose_bytes_it_is() {
        let mut content = Vec::new();
        put(&mut content, 3, 11, &[(0, 100), (1, 5000)]);
        put(&mut content, 3, 12, &[(2, 10)]);
        put(&mut content, 2, 9, &[(0, 10)]);
        let commits = commits(&content, 3);
        assert_eq!(commits.iter().map(|commit| commit.number).collect::<Vec<_>>(), [11, 12], "not the stale");
        let first = &commits[0];
        assert_eq!(first.place, 0..8192);
        assert_eq!(first.hit(&(79..81)), Some(Hit::Structure));
        let lost = |range: Range<u64>| match first.hit(&range) {
            Some(Hit::Payloads(lost)) => lost.iter().map(|payload| payload.whose).collect(),
            other => panic!("{other:?}"),
        };
        let lost: [Vec<PartitionId>; 2] = [lost(80..81), lost(179..181)];
        assert_eq!(lost, [vec![partition(0)], vec![partition(0), partition(1)]]);
        assert_eq!(first.hit(&(5180..5181)), Some(Hit::Structure), "the directory");
        assert_eq!(first.hit(&(5276..8192)), None, "the padding");
        assert_eq!(first.hit(&(8192..9000)), None, "the next one's");
        assert_eq!(
            targets(&content, 3, Metadata::OnlyHere),
            std::slice::from_ref(&first.place),
            "none vouches for the last"
        );
    }

    #[test]
    fn a_start_comes_to_what_lies_behind_its_checkpoint() {
        let mut content = Vec::new();
        for number in 11..14 {
            put(&mut content, 3, number, &[(0, 100), (1, 50)]);
        }
        let numbers =
            |from| vouched_from(&content, 3, from).iter().map(|commit| commit.number).collect::<Vec<_>>();
        assert_eq!(numbers((2, 99_999)), [11, 12], "an earlier file");
        assert_eq!(numbers((3, 4096)), [12]);
        assert!(numbers((4, 0)).is_empty());
        assert_eq!(replayed_targets(&content, 3, (3, 4096), Metadata::OnlyHere), [4176..4276, 4276..4326]);
    }

    #[test]
    fn what_follows_a_commit_vouches_for_it() {
        let mut content = Vec::new();
        for number in 11..13 {
            put(&mut content, 3, number, &[(0, 100)]);
        }
        let is_vouched = |range: Range<u64>| is_vouched(&content, 3, &[range]);
        assert!(is_vouched(0..10) && is_vouched(81..82));
        assert!(!is_vouched(4096..4097) && !is_vouched(4100..4200));
        assert!(is_vouched(8000..8192), "padding concerns nobody");
    }

    #[test]
    fn only_journal_files_have_a_number() {
        assert_eq!(sequence("journal/00000000000000000012.journal"), Some(12));
        assert_eq!(sequence("journal/vouch"), None);
        assert_eq!(sequence("logs/x/00000000000000000012.journal"), None);
    }
}
