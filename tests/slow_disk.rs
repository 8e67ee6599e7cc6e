//! A node whose disk takes its time: what waits for it, and for how long.
#![cfg(all(feature = "runtime", unix))]
#![allow(clippy::unwrap_used, reason = "a test over real sockets")]
mod common;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use common::{Client, FETCH, PRODUCE, TestNode, batch, eventually, fetch, frame, produce};
use ordain::io::{AlignedBuffer, BoxFuture, DirEntry, Disk, DiskSpace, Durability, File, Io, OpenOptions};
use ordain::wire::messages::{FetchRequest, MetadataRequest, ProduceRequest};
use tokio::sync::Notify;

/// Lets writes to the journal through, or not.
#[derive(Default)]
struct Gate {
    closed: AtomicBool,
    opened: Notify,
}

impl Gate {
    fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
    }

    fn open(&self) {
        self.closed.store(false, Ordering::SeqCst);
        self.opened.notify_waiters();
    }

    async fn pass(&self) {
        loop {
            let opened = self.opened.notified();
            tokio::pin!(opened);
            opened.as_mut().enable();
            if !self.closed.load(Ordering::SeqCst) {
                return;
            }
            opened.await;
        }
    }
}

struct SlowDisk {
    disk: Arc<dyn Disk>,
    gate: Arc<Gate>,
}

struct SlowFile {
    file: Arc<dyn File>,
    gate: Arc<Gate>,
}

impl Disk for SlowDisk {
    fn open(&self, path: &str, options: OpenOptions) -> BoxFuture<io::Result<Arc<dyn File>>> {
        let (opening, gate) = (self.disk.open(path, options), Arc::clone(&self.gate));
        let is_journal = path.starts_with("journal/");
        Box::pin(async move {
            let file = opening.await?;
            Ok(if is_journal { Arc::new(SlowFile { file, gate }) as Arc<dyn File> } else { file })
        })
    }

    fn rename(&self, from: &str, to: &str) -> BoxFuture<io::Result<()>> {
        self.disk.rename(from, to)
    }

    fn remove(&self, path: &str) -> BoxFuture<io::Result<()>> {
        self.disk.remove(path)
    }

    fn create_dir_all(&self, path: &str) -> BoxFuture<io::Result<()>> {
        self.disk.create_dir_all(path)
    }

    fn remove_dir_all(&self, path: &str) -> BoxFuture<io::Result<()>> {
        self.disk.remove_dir_all(path)
    }

    fn list(&self, path: &str) -> BoxFuture<io::Result<Vec<DirEntry>>> {
        self.disk.list(path)
    }

    fn sync_dir(&self, path: &str) -> BoxFuture<io::Result<()>> {
        self.disk.sync_dir(path)
    }

    fn sync_files(&self, files: Vec<Arc<dyn File>>) -> BoxFuture<io::Result<()>> {
        Box::pin(async move { ordain::io::sync_each(&files).await })
    }

    fn space(&self) -> BoxFuture<io::Result<DiskSpace>> {
        self.disk.space()
    }
}

impl File for SlowFile {
    fn size(&self) -> BoxFuture<io::Result<u64>> {
        self.file.size()
    }

    fn read_at(&self, offset: u64, length: usize) -> BoxFuture<io::Result<Bytes>> {
        self.file.read_at(offset, length)
    }

    fn write_at(&self, offset: u64, segments: Vec<Bytes>) -> BoxFuture<io::Result<()>> {
        let (file, gate) = (Arc::clone(&self.file), Arc::clone(&self.gate));
        Box::pin(async move {
            gate.pass().await;
            file.write_at(offset, segments).await
        })
    }

    fn write_aligned_at(
        &self,
        offset: u64,
        buffer: AlignedBuffer,
        length: usize,
        durable: Durability,
    ) -> BoxFuture<(io::Result<()>, AlignedBuffer)> {
        let (file, gate) = (Arc::clone(&self.file), Arc::clone(&self.gate));
        Box::pin(async move {
            gate.pass().await;
            file.write_aligned_at(offset, buffer, length, durable).await
        })
    }

    fn sync(&self) -> BoxFuture<io::Result<()>> {
        self.file.sync()
    }

    fn set_len(&self, length: u64) -> BoxFuture<io::Result<()>> {
        self.file.set_len(length)
    }
}

/// A node with a topic, its client, and the gate before its journal.
fn with_gate(test: impl FnOnce(&TestNode, &mut Client, &Gate)) {
    let directory = tempfile::tempdir().unwrap();
    let gate = Arc::new(Gate::default());
    let of_disk = Arc::clone(&gate);
    let node = TestNode::start_on(directory.path(), &[], |io| {
        let disk = Arc::new(SlowDisk { disk: Arc::clone(&io.disk), gate: of_disk });
        Io { disk, ..io }
    });
    let mut client = node.client();
    client.create_topic("t", 1, &[]);
    test(&node, &mut client, &gate);
    gate.open();
    node.stop();
}

#[test]
fn a_produce_that_takes_longer_than_its_timeout_is_told_so_and_may_still_be_made() {
    with_gate(|_, client, gate| {
        for acks in [1, -1] {
            gate.close();
            let request = ProduceRequest { timeout_ms: 20, ..produce("t", 0, acks, batch(&["late"])) };
            let answer = client.ask(PRODUCE, &request);
            let partition = &answer.responses[0].partition_responses[0];
            assert_eq!((partition.error_code, partition.base_offset), (7, -1), "REQUEST_TIMED_OUT");
            // The connection goes on, although the record is still on its way.
            let all = MetadataRequest { topics: None, ..MetadataRequest::default() };
            assert_eq!(client.ask(12, &all).topics.len(), 1);
            gate.open();
            let kept = usize::from(acks == -1) + 1;
            eventually("the record is kept", || (client.values("t", 0).len() == kept).then_some(()));
        }
    });
}

#[test]
fn what_follows_a_produce_on_its_connection_sees_its_effect() {
    with_gate(|node, client, gate| {
        gate.close();
        // No answer comes for acks=0, and the fetch has to wait for it all the same.
        client.send_bytes(&frame(PRODUCE, 1, &produce("t", 0, 0, batch(&["first"]))));
        client.send(PRODUCE, 2, &produce("t", 0, 1, batch(&["second"])));
        client.send(FETCH, 3, &fetch("t", 0, 0));
        // What comes on another connection does not wait.
        node.client().assert_served();
        gate.open();
        let produced = client.answer::<ProduceRequest>(PRODUCE, 2);
        assert_eq!(produced.responses[0].partition_responses[0].base_offset, 1);
        let fetched = client.answer::<FetchRequest>(FETCH, 3);
        assert_eq!(fetched.responses[0].partitions[0].high_watermark, 2);
    });
}
