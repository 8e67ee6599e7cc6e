//! The numbers of a log's entries: none stands in the journal twice.
use bytes::Bytes;

use super::node::{Node, batch};
use crate::log::testing::TestDisk;
use crate::raft::{Position, ReplicaKey, VoterSet};
use crate::types::{LeaderEpoch, NodeId, Offset, Uuid};

const BATCHES: u64 = 10;

/// A checkpoint that knows what log 0 is, while all that the journal holds of log 1 is still needed.
fn checkpoint_of_log_0(node: &mut Node) {
    let mut round = node.storage.begin_checkpoint();
    let now = node.runtime.clock().wall();
    let work = node.log(0).take_flush(now).expect("there is something to tell");
    let done = node.runtime.block_on(node.storage.flush(vec![work])).remove(0).unwrap();
    node.log(0).flushed(&done);
    for log in node.logs.values() {
        round.require(log.needs_from());
    }
    node.runtime.block_on(node.storage.checkpoint(round)).unwrap();
}

/// What stands behind a lost entry of a log is not followed, but a checkpoint goes by its numbers: were they given out again, a start
/// would replay what the log held before it was reset into what it has held since.
#[test]
fn what_is_not_followed_behind_damage_keeps_its_numbers() {
    // Of the batches of log 0 each time another one is lost, the last one, too.
    for lost in 1..=BATCHES {
        let disk = TestDisk::new();
        let mut node = Node::open(&disk);
        node.create(0).unwrap();
        node.create(1).unwrap();
        node.append(1, 100).unwrap();
        for _ in 0..BATCHES {
            node.append(0, 100).unwrap();
        }
        // The journal's last commit would pass for a torn one.
        node.append(1, 100).unwrap();
        let end = node.position();
        let mut disk = node.stop(&disk);
        disk.corrupt(&end.file.path(), usize::try_from(end.offset - (lost + 1) * 4096 + 90).unwrap());
        let mut node = Node::open(&disk);
        assert_eq!(node.report.damaged.len(), 1, "{:?}", node.report);
        let (position, to) = (node.position(), Position { epoch: LeaderEpoch(0), end: Offset(3) });
        let voters = VoterSet::of([ReplicaKey { node: NodeId(1), directory: Uuid([8; 16]) }]).unwrap();
        let log = node.log(0);
        let renewed = log.renew_directory(Uuid([7; 16]), position);
        let reset = log.reset(to, voters, Bytes::new(), position).unwrap();
        assert_eq!(renewed.number.0, 2 + BATCHES, "the creation has the first, and then each batch one");
        node.commit(0, vec![renewed, reset]).unwrap();
        checkpoint_of_log_0(&mut node);
        for base in [3, 6, 9] {
            let position = node.position();
            let entry = node.log(0).append(batch(base, 3, 0, 1_000 + base, 50), position).unwrap();
            node.commit(0, vec![entry]).unwrap();
        }
        let (wanted, epochs) = (node.contents(0).unwrap(), node.logs[&0].epochs().clone());
        for _ in 0..2 {
            disk = node.stop(&disk);
            node = Node::open(&disk);
            assert!(node.report.damaged.is_empty(), "{lost}: {:?}", node.report.damaged);
            let log = &node.logs[&0];
            log.assert_invariants();
            assert_eq!((log.log_start(), log.log_end()), (Offset(3), Offset(12)), "{lost}");
            assert_eq!((node.contents(0).unwrap(), log.epochs()), (wanted.clone(), &epochs), "{lost}");
            assert_eq!(log.directory(), Some(Uuid([7; 16])), "{lost}");
        }
    }
}
