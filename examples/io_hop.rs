//! What a disk operation costs beyond the operation itself: 4 KiB durable appends (direct, over preallocated
//! blocks, RWF_DSYNC) called in place, handed to a thread of `io::real`'s pool, and through tokio's
//! `spawn_blocking`; and the bare hop of each with nothing to do at its end.
//!
//! `cargo run --release --example io_hop -- <directory on the disk to measure>`
#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "a measurement of the real twins")]
use std::fs::{File, OpenOptions};
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ordain::io::real::{self, Options};
use ordain::io::{Access, AlignedBuffer, Durability};

const BLOCK: usize = 4096;
const FILE_BLOCKS: u64 = 4096;
const ROUNDS: u64 = 2000;

fn report(what: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let at = |percent: usize| times[(times.len() - 1) * percent / 100].as_nanos() as f64 / 1000.0;
    println!("{what:<44} median {:>7.1} us   p90 {:>7.1}   p99 {:>7.1}", at(50), at(90), at(99));
}

fn open_direct(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).custom_flags(libc::O_DIRECT).open(path)
}

fn write(file: &File, block: &AlignedBuffer, index: u64) {
    let vector = libc::iovec { iov_base: block.as_ptr().cast_mut().cast(), iov_len: BLOCK };
    let offset = libc::off_t::try_from(index % FILE_BLOCKS * BLOCK as u64).expect("a small file");
    // SAFETY: the vector points to a whole block that lives on; pwritev2 only reads it.
    let written = unsafe { libc::pwritev2(file.as_raw_fd(), &raw const vector, 1, offset, libc::RWF_DSYNC) };
    assert_eq!(usize::try_from(written).ok(), Some(BLOCK), "{}", std::io::Error::last_os_error());
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() -> Result<(), Failure> {
    let directory = std::env::args().nth(1).ok_or("give a directory on the disk to measure")?;
    let directory = Path::new(&directory).join("ordain-io-hop");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let result = runtime.block_on(async {
        // On a worker thread, as the broker's tasks are.
        let path = directory.clone();
        tokio::spawn(async move { measure(&path).await }).await
    });
    std::fs::remove_dir_all(&directory)?;
    result?
}

async fn measure(directory: &Path) -> Result<(), Failure> {
    let io = real::io(Options::new(directory))?;
    let path = directory.join("file");
    let file = Arc::new(open_direct(&path)?);
    let block = Arc::new(AlignedBuffer::zeroed(BLOCK));
    for index in 0..FILE_BLOCKS {
        write(&file, &block, index);
    }

    let mut times = Vec::new();
    for index in 0..ROUNDS {
        let began = Instant::now();
        write(&file, &block, index);
        times.push(began.elapsed());
    }
    report("durable append in place", times);

    let twin = io
        .disk
        .open("file", ordain::io::OpenOptions { write: true, access: Access::Direct, ..Default::default() })
        .await?;
    let mut buffer = AlignedBuffer::zeroed(BLOCK);
    let mut times = Vec::new();
    for index in 0..ROUNDS {
        let began = Instant::now();
        let offset = index % FILE_BLOCKS * BLOCK as u64;
        let (result, back) = twin.write_aligned_at(offset, buffer, BLOCK, Durability::Now).await;
        result?;
        buffer = back;
        times.push(began.elapsed());
    }
    report("durable append through io::real", times);

    let mut times = Vec::new();
    for index in 0..ROUNDS {
        let began = Instant::now();
        let (file, block) = (file.clone(), block.clone());
        tokio::task::spawn_blocking(move || write(&file, &block, index)).await?;
        times.push(began.elapsed());
    }
    report("durable append through spawn_blocking", times);

    let mut times = Vec::new();
    for index in 0..ROUNDS {
        let began = Instant::now();
        tokio::task::block_in_place(|| write(&file, &block, index));
        times.push(began.elapsed());
    }
    report("durable append through block_in_place", times);

    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        let began = Instant::now();
        twin.size().await?;
        times.push(began.elapsed());
    }
    report("bare hop through io::real (fstat)", times);

    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        let began = Instant::now();
        let file = file.clone();
        tokio::task::spawn_blocking(move || file.metadata()).await??;
        times.push(began.elapsed());
    }
    report("bare hop through spawn_blocking (fstat)", times);
    Ok(())
}
