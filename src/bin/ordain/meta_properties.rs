//! Writes `meta.properties` into the data directory, as Kafka's tools expect it there: `kafka-metadata-quorum.sh add-controller`
//! reads the node's ids from it. Nothing of Ordain reads it; the checkpoint is what counts.
use std::path::{Path, PathBuf};
use std::{fmt, fs, io};

use ordain::server::Node;
use ordain::types::{NodeId, Uuid};

const NAME: &str = "meta.properties";
/// What this program's file begins with: another one, such as Kafka's own, is left alone.
const FIRST_LINE: &str = "# For Kafka's tools. Ordain writes this file and goes by its checkpoint.";

/// What Kafka keeps in that file, version 1 of it (KIP-858).
struct MetaProperties {
    cluster: String,
    node: NodeId,
    directory: Uuid,
}

impl fmt::Display for MetaProperties {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let MetaProperties { cluster, node, directory } = self;
        writeln!(f, "{FIRST_LINE}\nversion=1\ncluster.id={cluster}\nnode.id={node}\ndirectory.id={directory}")
    }
}

/// Writes the file, if it does not say the same already. The node runs without it, too: that it cannot be written is told, no more.
pub fn keep(node: &Node, id: NodeId, data_dir: &Path) {
    let Some(cluster) = node.cluster_id() else { return };
    let properties = MetaProperties { cluster, node: id, directory: node.storage().directory_id() };
    let (content, path) = (properties.to_string(), data_dir.join(NAME));
    // A disk may take its time, and nobody waits for this.
    drop(tokio::task::spawn_blocking(move || {
        if let Err(error) = write(&path, &content) {
            let path = path.display();
            tracing::warn!(
                "{path} was not written: {error}; the node does without, but kafka-metadata-quorum.sh add-controller reads this \
                 node's ids from there (ordain cluster add-voter does not)"
            );
        }
    }));
}

/// Replaces the file by a whole one: whoever reads it meanwhile finds the one or the other.
///
/// # Errors
/// As well if a file is there that this program did not write.
fn write(path: &Path, content: &str) -> io::Result<()> {
    match fs::read(path) {
        Ok(there) if there == content.as_bytes() => return Ok(()),
        Ok(there) if !there.starts_with(FIRST_LINE.as_bytes()) => {
            return Err(io::Error::other(
                "it is there, and Ordain did not write it: remove it if nothing else needs it",
            ));
        }
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let mut temporary = PathBuf::from(path).into_os_string();
    temporary.push(".tmp");
    fs::write(&temporary, content)?;
    fs::rename(&temporary, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_what_kafkas_tools_ask_for() {
        let directory = Uuid([0xfb; 16]);
        let properties = MetaProperties { cluster: "aB-_".to_owned(), node: NodeId(4), directory };
        let lines: Vec<String> = properties.to_string().lines().skip(1).map(str::to_owned).collect();
        assert_eq!(
            lines,
            ["version=1", "cluster.id=aB-_", "node.id=4", "directory.id=-_v7-_v7-_v7-_v7-_v7-w"]
        );
    }

    #[test]
    fn what_says_the_same_is_left_alone() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join(NAME);
        let [one, two] = ["one", "two"].map(|what| format!("{FIRST_LINE}\n{what}"));
        write(&path, &one).expect("written");
        let of_first = fs::metadata(&path).expect("it is there").modified().expect("a time");
        // A read-only temporary file would fail a second writing.
        let temporary = directory.path().join("meta.properties.tmp");
        fs::create_dir(&temporary).expect("a directory in the way");
        write(&path, &one).expect("nothing to do");
        assert_eq!(fs::metadata(&path).expect("it is there").modified().expect("a time"), of_first);
        assert!(write(&path, &two).is_err(), "the temporary file cannot be made");
        assert_eq!(fs::read_to_string(&path).expect("it is there"), one);
        fs::remove_dir(&temporary).expect("out of the way");
        write(&path, &two).expect("written");
        assert_eq!(fs::read_to_string(&path).expect("it is there"), two);
        assert!(!temporary.exists());
    }

    #[test]
    fn a_file_of_somebody_else_is_left_alone() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join(NAME);
        fs::write(&path, "version=1\nnode.id=7\n").expect("written");
        let error = write(&path, "anything").expect_err("it is somebody else's");
        assert!(error.to_string().contains("Ordain did not write it"), "{error}");
        assert_eq!(fs::read_to_string(&path).expect("it is there"), "version=1\nnode.id=7\n");
    }
}
