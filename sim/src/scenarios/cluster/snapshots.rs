//! The snapshots of the metadata on a node's disk, seen from outside.
use bytes::Bytes;
use ordain::metadata::{SnapshotId, decode_snapshot};
use ordain::types::NodeId;

use crate::cluster::NodeHandle;
use crate::scenarios::Violation;

/// Where they lie.
const DIRECTORY: &str = "metadata/";

/// The paths of those that have their names.
pub(super) fn named(machine: &NodeHandle) -> impl Iterator<Item = (String, SnapshotId)> {
    machine.disk().files().into_iter().filter_map(|(path, _)| {
        let id = path.strip_prefix(DIRECTORY).and_then(SnapshotId::parse)?;
        Some((path, id))
    })
}

/// Each that has its name is whole on the medium, whatever becomes of the page cache; not to be asked of a disk that destroys what is durable.
///
/// Why that is so whenever a process begins: all bytes of a file are synced before it gets the name of a snapshot, and it is not written to
/// afterwards. A sync that fails gives no name, and the next attempt writes the whole file anew. A loss of power, a death of the process, a
/// name that is not durable yet, or an image of the disk that is put back leave the name away, or lead it to such a file.
///
/// # Errors
/// One of which that is not true.
pub(super) fn are_durable(node: NodeId, machine: &NodeHandle) -> Result<(), Violation> {
    let disk = machine.disk();
    for (path, id) in named(machine) {
        let wrong = match disk.peek_durable(&path) {
            Ok(bytes) => decode_snapshot(&Bytes::from(bytes), id).err().map(|invalid| invalid.to_string()),
            Err(error) => Some(error.to_string()),
        };
        if let Some(why) = wrong {
            let text =
                format!("{path} has its name on the disk of node {node}, and is not whole there: {why}");
            return Err(Violation::new("I13-snapshot-not-durable", text));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use ordain::io::OpenOptions;
    use ordain::metadata::{MetadataImage, Snapshots};
    use ordain::types::{LeaderEpoch, Offset, Timestamp};

    use super::*;
    use crate::Simulation;

    #[test]
    fn what_has_its_name_and_is_not_synced_is_found() {
        let outcome = Simulation::new(1).run(|cluster| async move {
            let machine = cluster.add_node("n1");
            let check = || are_durable(NodeId(1), &machine).map_err(|wrong| wrong.text);
            assert_eq!(check(), Ok(()), "there is none");
            let disk = machine.io().disk;
            let (mut snapshots, _) = Snapshots::open(disk.clone()).await.unwrap();
            let id = SnapshotId { end: Offset(7), epoch: LeaderEpoch(1) };
            snapshots.write(&MetadataImage::default(), id, Timestamp(0)).await.unwrap();
            assert_eq!(check(), Ok(()));
            let path = format!("{DIRECTORY}{}", id.file_name());
            let bytes = machine.disk().peek(&path).unwrap();
            disk.remove(&path).await.unwrap();
            let options = OpenOptions { write: true, create: true, ..OpenOptions::default() };
            let file = disk.open(&path, options).await.unwrap();
            file.write_at(0, vec![Bytes::from(bytes)]).await.unwrap();
            assert!(check().unwrap_err().contains("is not whole there"), "the page cache alone has it");
            file.sync().await.unwrap();
            assert_eq!(check(), Ok(()));
        });
        assert_eq!(outcome.panics, []);
    }
}
