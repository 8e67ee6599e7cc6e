use super::format::HeaderFound;
use super::recovery::Replayed;
use super::*;
use crate::io::{Disk, RngStream};
use crate::log::config::{StorageOptions, UnattributedDamage};
use crate::log::testing::{TestDisk, TestFault, TestRandom, TestRuntime, test_io};
use crate::types::{LeaderEpoch, Offset, PartitionId, PartitionIndex, TopicId};
use std::sync::Arc;

const INCARNATION: Incarnation = Incarnation([7; 16]);

fn options() -> StorageOptions {
    StorageOptions {
        journal_file_bytes: 16_384,
        journal_files: 4,
        journal_fill_bytes: 8192,
        journal_vouch_bytes: 8192,
        ..StorageOptions::default()
    }
}

fn log(index: i32) -> LogKey {
    LogKey {
        id: LogId(index as u64),
        partition: PartitionId { topic: TopicId([1; 16]), index: PartitionIndex(index) },
    }
}

fn entry(index: i32, number: u64) -> Entry {
    let body =
        EntryBody::EpochStart { epoch: LeaderEpoch(number as i32), start_offset: Offset(number as i64) };
    Entry { log: log(index), number: EntryNumber(number), body }
}

struct Opened {
    runtime: TestRuntime,
    handle: JournalHandle,
    report: JournalReport,
    commits: Vec<Replayed>,
    all_damaged: bool,
}

/// Makes an empty journal as a node's storage does.
async fn create(disk: &dyn Disk) {
    let before = before(disk).await.unwrap();
    disk.sync_files(begin(disk, &options(), before).await.unwrap()).await.unwrap();
    name(disk).await.unwrap();
}

fn open_at(disk: &TestDisk, position: Position, policy: UnattributedDamage) -> Result<Opened, JournalError> {
    let runtime = TestRuntime::new();
    let io = test_io(&runtime, disk, 1);
    let (mut commits, mut all_damaged) = (Vec::new(), false);
    let (handle, report) = runtime.block_on(async {
        let options = StorageOptions { unattributed_damage: policy, ..options() };
        let mut reader =
            JournalReader::open(Arc::clone(&io.disk), INCARNATION, position, Origin::Found, &options).await?;
        loop {
            match reader.next().await? {
                Step::Commit(commit) => commits.push(commit),
                Step::AllDamaged => all_damaged = true,
                Step::End => break,
            }
        }
        reader.settle().await?;
        reader.finish(&io, &options, budget()).await
    })?;
    Ok(Opened { runtime, handle, report, commits, all_damaged })
}

fn budget() -> Arc<crate::log::TailBudget> {
    crate::log::TailBudget::new(1 << 20, usize::MAX)
}

fn open(disk: &TestDisk) -> Result<Opened, JournalError> {
    open_at(disk, Position::START, UnattributedDamage::Refuse)
}

fn new_disk() -> TestDisk {
    let disk = TestDisk::new();
    let runtime = TestRuntime::new();
    runtime.block_on(create(&disk));
    disk
}

fn numbers(commits: &[Replayed]) -> Vec<u64> {
    commits.iter().flat_map(|commit| &commit.entries).map(|entry| entry.number.0).collect()
}

/// A journal with one entry in each of three commits, not vouched for unless `vouch`.
fn three_commits(vouch: bool) -> TestDisk {
    let disk = new_disk();
    let opened = open(&disk).unwrap();
    opened.runtime.block_on(async {
        for number in 1..=3 {
            opened.handle.append(vec![entry(number as i32, number)]).await.unwrap();
        }
        if vouch {
            opened.handle.vouch().await.unwrap();
        }
    });
    opened.runtime.kill();
    disk.restart()
}

const FIRST: &str = "journal/00000000000000000001.journal";

#[test]
fn what_was_committed_is_replayed_in_order() {
    let disk = three_commits(true);
    let opened = open(&disk).unwrap();
    assert_eq!(numbers(&opened.commits), [1, 2, 3]);
    assert_eq!(opened.report.torn_tail, None);
    assert_eq!(opened.handle.durable_position().next, CommitNumber(4));
}

#[test]
fn appends_during_a_write_share_the_next_commit() {
    let disk = new_disk();
    let opened = open(&disk).unwrap();
    let tickets: Vec<CommitTicket> =
        (1..=10).map(|number| opened.handle.append(vec![entry(1, number)])).collect();
    let late = opened.handle.barrier();
    opened.runtime.block_on(async {
        for ticket in tickets {
            ticket.await.unwrap();
        }
        late.await.unwrap();
    });
    assert_eq!(opened.handle.statistics().commits, 1);
    assert_eq!(opened.handle.statistics().queued_bytes, 0);
}

#[test]
fn a_torn_last_commit_is_cut_and_its_place_used_again() {
    for offset in [8192, 8192 + 81, 8192 + 93] {
        let disk = three_commits(false);
        disk.corrupt(FIRST, offset);
        let opened = open(&disk).unwrap();
        assert_eq!(numbers(&opened.commits), [1, 2], "offset {offset}");
        let cut = opened.report.torn_tail.is_some();
        assert_eq!(cut, offset > 8192, "without its magic it cannot be told from nothing");
        opened.runtime.block_on(opened.handle.append(vec![entry(9, 9)])).unwrap();
        opened.runtime.kill();
        let again = open(&disk.restart()).unwrap();
        assert_eq!(numbers(&again.commits), [1, 2, 9]);
    }
}

#[test]
fn a_vouched_last_commit_is_never_cut() {
    let disk = three_commits(true);
    disk.corrupt(FIRST, 8192 + 20);
    let error = open(&disk).map(|_| ()).unwrap_err();
    let JournalError::Damaged(damage) = &error else { panic!("{error}") };
    assert_eq!((damage.offset, damage.commit), (8192, CommitNumber(3)));
    assert!(error.to_string().contains("vouches for commit 3"), "{error}");
}

#[test]
fn damage_in_the_middle_is_found_by_what_follows() {
    let disk = three_commits(false);
    disk.corrupt(FIRST, 4096 + 20);
    let error = open(&disk).map(|_| ()).unwrap_err();
    assert!(matches!(&error, JournalError::Damaged(d) if d.commit == CommitNumber(2)), "{error}");

    let opened = open_at(&disk, Position::START, UnattributedDamage::DamageAllLogs).unwrap();
    assert!(opened.all_damaged);
    assert_eq!(numbers(&opened.commits), [1, 3], "what can be read is read");
}

#[test]
fn a_damaged_payload_is_laid_to_its_log() {
    let disk = three_commits(false);
    disk.corrupt(FIRST, 4096 + 80);
    let opened = open(&disk).unwrap();
    assert_eq!(numbers(&opened.commits), [1, 3]);
    assert_eq!(opened.commits[1].lost.iter().map(|lost| lost.log).collect::<Vec<_>>(), [log(2)]);
    assert_eq!(opened.report.attributed.len(), 1);
}

#[test]
fn a_block_that_cannot_be_read_is_damage_and_no_end() {
    let disk = three_commits(true);
    disk.inject(TestFault::FailReads("0001.journal".to_owned()));
    let error = open(&disk).map(|_| ()).unwrap_err();
    assert!(matches!(&error, JournalError::Damaged(d) if d.commit == CommitNumber(1)), "{error}");
}

/// Without anything that vouches, an unreadable block may be the last commit: that is no end either.
#[test]
fn a_block_that_cannot_be_read_is_not_where_the_journal_ends() {
    let disk = three_commits(false);
    disk.delete_file("journal/vouch");
    disk.inject(TestFault::FailReads("0001.journal".to_owned()));
    let error = open(&disk).map(|_| ()).unwrap_err();
    assert!(matches!(&error, JournalError::Unreadable { offset: 0, .. }), "{error}");
    disk.heal();
    assert_eq!(numbers(&open(&disk).unwrap().commits), [1, 2, 3], "nothing was changed");
}

#[test]
fn a_failed_write_poisons() {
    let disk = new_disk();
    let opened = open(&disk).unwrap();
    opened.runtime.block_on(async {
        opened.handle.append(vec![entry(1, 1)]).await.unwrap();
        disk.inject(TestFault::FailSync("0001.journal".to_owned()));
        let failing = opened.handle.append(vec![entry(1, 2)]);
        let waiting = opened.handle.append(vec![entry(1, 3)]);
        assert!(matches!(failing.await, Err(JournalFailed::Write { offset: 4096, .. })));
        assert!(waiting.await.is_err());
        disk.heal();
        assert!(opened.handle.append(vec![entry(1, 4)]).await.is_err(), "nothing is tried again");
        assert!(opened.handle.close().await.is_err());
    });
    assert_eq!(numbers(&open(&disk.restart()).unwrap().commits), [1]);
}

#[test]
fn files_are_recycled_and_stale_commits_not_taken_for_new_ones() {
    let disk = new_disk();
    let opened = open(&disk).unwrap();
    let mut kept = Position::START;
    opened.runtime.block_on(async {
        for number in 1..=40 {
            opened.handle.append(vec![entry(1, number)]).await.unwrap();
            if number % 5 == 0 {
                kept = opened.handle.durable_position();
                opened.handle.trim(kept).await.unwrap();
            }
        }
    });
    assert_eq!(kept.file, FileSequence(10), "four commits a file");
    let statistics = opened.handle.statistics();
    assert_eq!((statistics.files_total, statistics.full_waits), (4, 0));
    opened.runtime.kill();
    let disk = disk.restart();
    let again = open_at(&disk, kept, UnattributedDamage::Refuse).unwrap();
    assert!(again.commits.is_empty());
    assert_eq!(again.report.torn_tail, None);
    assert_eq!(disk.paths().len(), 5, "{:?}", disk.paths());
    let error = open(&disk).map(|_| ()).unwrap_err();
    assert!(matches!(error, JournalError::FileMissing { .. }), "{error}");
}

#[test]
fn a_full_journal_waits_for_a_trim() {
    let disk = new_disk();
    let opened = open(&disk).unwrap();
    let handle = opened.handle.clone();
    opened.runtime.block_on(async {
        for number in 1..=16 {
            handle.append(vec![entry(1, number)]).await.unwrap();
        }
        let blocked = handle.append(vec![entry(1, 17)]);
        let position = handle.durable_position();
        assert_eq!(position.file, FileSequence(4));
        // Let the task find that there is no file.
        for _ in 0..3 {
            let _ = disk_turn(&disk).await;
        }
        assert_eq!(handle.statistics().full_waits, 1);
        assert_eq!(handle.trim(Position { file: FileSequence(2), ..Position::START }).await.unwrap(), 1);
        blocked.await.unwrap();
    });
}

async fn disk_turn(disk: &TestDisk) -> std::io::Result<crate::io::DiskSpace> {
    crate::io::Disk::space(disk).await
}

#[test]
fn a_missing_file_in_the_middle_and_a_foreign_one_are_refused() {
    let disk = new_disk();
    let opened = open(&disk).unwrap();
    opened.runtime.block_on(async {
        for number in 1..=12 {
            opened.handle.append(vec![entry(1, number)]).await.unwrap();
        }
    });
    let disk = disk.restart();
    let second = "journal/00000000000000000002.journal";
    let bytes = disk.bytes(second).unwrap();
    disk.delete_file(second);
    let error = open(&disk).map(|_| ()).unwrap_err();
    assert!(matches!(error, JournalError::FileMissing { .. }), "{error}");

    let mut foreign = bytes;
    // Another incarnation with a right checksum.
    foreign[16] ^= 1;
    crate::log::checksum::seal_header(&mut foreign[..80]);
    assert!(matches!(format::CommitHeader::parse(&foreign), HeaderFound::Whole(_)));
    disk.set_bytes(second, foreign);
    let error = open(&disk).map(|_| ()).unwrap_err();
    assert!(matches!(error, JournalError::Foreign { .. } | JournalError::Damaged(_)), "{error}");
}

#[test]
fn each_flipped_bit_of_a_header_is_damage_and_headers_of_version_1_are_read() {
    let disk = new_disk();
    let opened = open(&disk).unwrap();
    opened.runtime.block_on(opened.handle.append(vec![entry(1, 1)])).unwrap();
    let mut header = disk.restart().bytes("journal/00000000000000000001.journal").unwrap()[..80].to_vec();
    let HeaderFound::Whole(found) = format::CommitHeader::parse(&header) else { panic!("no header") };
    for bit in 0..header.len() * 8 {
        let mut flipped = header.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(format::CommitHeader::parse(&flipped), HeaderFound::None, "bit {bit}");
    }
    let former = |header: &mut [u8], version: u8| {
        header[11] = version;
        let crc = crate::log::checksum::crc32c(&header[16..80]);
        header[12..16].copy_from_slice(&crc.to_be_bytes());
        crc
    };
    let crc = former(&mut header, 1);
    assert_eq!(
        format::CommitHeader::parse(&header),
        HeaderFound::Whole(format::CommitHeader { crc, ..found })
    );
    former(&mut header, 2);
    assert_eq!(format::CommitHeader::parse(&header), HeaderFound::None, "only version 1 was covered in part");
}

#[test]
fn a_busy_journal_is_vouched_for_so_often_that_a_bounded_search_finds_damage() {
    let disk = new_disk();
    let opened = open(&disk).unwrap();
    for number in 1..=7 {
        opened.runtime.block_on(opened.handle.append(vec![entry(1, number)])).unwrap();
    }
    let vouches = opened.handle.statistics().vouches;
    assert!(vouches >= 2, "{vouches} vouchings of seven commits, two commits' bytes apart at most");
    opened.runtime.kill();
    for slot in 0..2 {
        let disk = disk.restart();
        disk.corrupt(vouch::PATH, slot * 4096 + 20);
        // The fifth commit's header, at the beginning of the second file.
        disk.corrupt("journal/00000000000000000002.journal", 20);
        let error = open(&disk).map(|_| ()).unwrap_err();
        let JournalError::Damaged(damage) = &error else { panic!("slot {slot}: {error}") };
        // The first file is full: the commit cannot stand in it.
        let place = (damage.file.as_str(), damage.offset, damage.or_begins.as_deref());
        assert_eq!(place, ("journal/00000000000000000002.journal", 0, None), "slot {slot}");
    }
}

#[test]
fn a_commit_that_may_stand_in_either_of_two_files_is_said_to() {
    let disk = three_commits(true);
    disk.corrupt(FIRST, 8192);
    let error = open(&disk).map(|_| ()).unwrap_err();
    let text = error.to_string();
    let places = "journal/00000000000000000001.journal, offset 8192, or journal/00000000000000000002.journal, offset 0";
    assert!(text.contains(places), "{text}");
}

#[test]
fn a_new_journal_takes_its_first_commit_before_its_files_are_made() {
    let disk = new_disk();
    assert_eq!(disk.bytes(FIRST).unwrap().len(), 8192, "one piece of one file");
    let opened = open(&disk).unwrap();
    opened.runtime.block_on(opened.handle.append(vec![entry(1, 1)])).unwrap();
    assert!(disk.paths().len() < 5, "{:?}", disk.paths());
    // All files are filled ahead of use; the first commits do not wait for that.
    let clock = opened.runtime.clock();
    opened.runtime.block_on(clock.sleep(std::time::Duration::from_secs(1)));
    let lengths: Vec<usize> =
        (1..=4).map(|n| disk.bytes(&FileSequence(n).path()).map_or(0, |bytes| bytes.len())).collect();
    assert_eq!(lengths, [16_384; 4]);
    assert_eq!(opened.handle.statistics().full_waits, 0);
}

#[test]
fn a_file_that_was_being_filled_goes_on_behind_what_is_committed() {
    let disk = three_commits(true);
    let mut bytes = disk.bytes(FIRST).unwrap();
    // The power failed while the last piece was on its way.
    bytes.truncate(12_288);
    disk.set_bytes(FIRST, bytes);
    let opened = open(&disk).unwrap();
    assert_eq!(numbers(&opened.commits), [1, 2, 3]);
    opened.runtime.block_on(async {
        for number in 4..=6 {
            opened.handle.append(vec![entry(1, number)]).await.unwrap();
        }
    });
    opened.runtime.kill();
    let disk = disk.restart();
    assert_eq!(disk.bytes(FIRST).unwrap().len(), 16_384);
    assert_eq!(numbers(&open(&disk).unwrap().commits), [1, 2, 3, 4, 5, 6]);
}

/// So many that files can be let go of; gives where the journal ends.
async fn nine_commits(disk: &TestDisk, opened: &Opened) -> Position {
    for number in 1..=9 {
        opened.handle.append(vec![entry(1, number)]).await.unwrap();
    }
    for _ in 0..64 {
        let _ = disk_turn(disk).await;
    }
    opened.handle.durable_position()
}

#[test]
fn names_that_could_not_be_made_durable_poison_the_journal() {
    let disk = new_disk();
    let opened = open(&disk).unwrap();
    opened.runtime.block_on(async {
        let end = nine_commits(&disk, &opened).await;
        disk.inject(TestFault::FailSyncDir(DIRECTORY.to_owned()));
        assert!(opened.handle.trim(end).await.is_err());
        // A sync that succeeds now would prove nothing about the names.
        let failed = opened.handle.append(vec![entry(1, 10)]).await.unwrap_err();
        assert!(matches!(failed, JournalFailed::Names { .. }), "{failed}");
        assert!(opened.handle.close().await.is_err());
    });
    let disk = disk.lose_power(&mut TestRandom(5));
    assert_eq!(numbers(&open(&disk).unwrap().commits), [1, 2, 3, 4, 5, 6, 7, 8, 9]);
}

/// The directory could not even be opened: the names are as they were, and the next round makes them durable.
#[test]
fn a_lack_of_descriptors_for_a_sync_of_names_passes() {
    let disk = new_disk();
    let opened = open(&disk).unwrap();
    opened.runtime.block_on(async {
        let end = nine_commits(&disk, &opened).await;
        disk.inject(TestFault::LackDescriptors(DIRECTORY.to_owned()));
        let error = opened.handle.trim(end).await.unwrap_err();
        assert!(crate::io::lacks_descriptors(&error), "{error}");
        opened.handle.append(vec![entry(1, 10)]).await.unwrap();
        assert!(opened.handle.trim(end).await.unwrap() > 0, "what was renamed is of use now");
        opened.handle.append(vec![entry(1, 11)]).await.unwrap();
        opened.handle.close().await.unwrap();
    });
}

#[test]
fn what_a_start_would_replay_is_bounded() {
    let disk = new_disk();
    let runtime = TestRuntime::new();
    let io = test_io(&runtime, &disk, 1);
    let bounded = StorageOptions { journal_replay_bytes: 0, ..options() };
    let handle = runtime.block_on(async {
        let mut reader =
            JournalReader::open(Arc::clone(&io.disk), INCARNATION, Position::START, Origin::Found, &bounded)
                .await
                .unwrap();
        assert!(matches!(reader.next().await.unwrap(), Step::End));
        reader.finish(&io, &bounded, budget()).await.unwrap().0
    });
    // The bound itself is below what a start needs to get going: the reserve counts.
    assert_eq!(handle.statistics().replay_bytes_max, 16 << 20);
    runtime.block_on(async {
        for number in 1..=6 {
            handle.append(vec![entry(1, number)]).await.unwrap();
        }
        let statistics = handle.statistics();
        assert_eq!((statistics.replay_bytes, handle.has_room()), (6 * 4096, true));
        handle.trim(handle.durable_position()).await.unwrap();
        assert_eq!(handle.statistics().replay_bytes, 0);
    });
}

#[test]
fn a_refused_entry_is_refused_before_it_is_queued() {
    let disk = new_disk();
    let opened = open(&disk).unwrap();
    assert_eq!(opened.handle.entry_bytes_max(), 16_384 - 128);
}

#[test]
fn whatever_the_crash_acknowledged_entries_survive() {
    for seed in 0..300_u64 {
        let mut random = TestRandom(seed);
        let disk = new_disk();
        disk.inject(TestFault::CrashAt(1 + random.below(60)));
        let mut acknowledged = 0;
        let mut disk = disk;
        for _ in 0..3 {
            let Ok(opened) = open(&disk) else {
                assert!(disk.has_crashed(), "seed {seed}: refused without a crash");
                disk = disk.lose_power(&mut random);
                continue;
            };
            let found = numbers(&opened.commits);
            assert!(found.len() as u64 >= acknowledged, "seed {seed}: lost what was acknowledged");
            assert_eq!(found, (1..=found.len() as u64).collect::<Vec<_>>(), "seed {seed}");
            let mut next = found.len() as u64 + 1;
            opened.runtime.block_on(async {
                // The journal takes 16 of these commits; nothing trims it here.
                for _ in 0..random.below(5) {
                    if opened.handle.append(vec![entry(1, next)]).await.is_err() {
                        break;
                    }
                    acknowledged = next;
                    next += 1;
                    if random.below(3) == 0 {
                        let _ = opened.handle.vouch().await;
                    }
                }
            });
            opened.runtime.kill();
            disk = if random.below(2) == 0 { disk.lose_power(&mut random) } else { disk.restart() };
            disk.inject(TestFault::CrashAt(1 + random.below(30)));
        }
        disk.heal();
        let last = disk.restart();
        let found = numbers(&open(&last).unwrap().commits);
        assert!(found.len() as u64 >= acknowledged, "seed {seed}");
    }
}
