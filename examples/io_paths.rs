//! Which system calls a node should make, measured: durable direct writes from an I/O thread against io_uring with an
//! eventfd in the runtime's reactor; cold segments to a socket by buffered reads, direct reads and `sendfile`, with
//! and without the check of every batch. `docs/io.md` has figures and what follows from them.
//!
//! `cargo run --release --example io_paths -- <directory on the disk to measure> [rounds]`
//!
//! All ways take turns within each round; the medians are of all rounds. CPU is of this process (for the reads: of
//! the sending thread), so that other load matters little.
#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "a measurement of the real twins")]
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use io_uring::{IoUring, opcode, types};
use ordain::io::real::{self, Options};
use ordain::io::{Access, AlignedBuffer, Durability};
use ordain::wire::batch::crc32c;
use tokio::io::unix::AsyncFd;

type Failure = Box<dyn std::error::Error + Send + Sync>;

const BLOCK: usize = 4096;
const AREA_BYTES: u64 = 64 << 20;
const COLD_BYTES: usize = 256 << 20;
const PIECE_BYTES: usize = 1 << 20;

fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let directory = arguments.next().ok_or("give a directory on the disk to measure")?;
    let rounds = arguments.next().map_or(Ok(7), |text| text.parse())?;
    let directory = Path::new(&directory).join("ordain-io-paths");
    std::fs::create_dir_all(&directory)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let path = directory.clone();
    let result = runtime.block_on(async move {
        // On a worker thread, as the broker's tasks are.
        tokio::spawn(async move { durable_writes(&path, rounds).await }).await
    });
    let result = match result {
        Ok(Ok(())) => cold_reads(&directory, rounds),
        Ok(Err(failure)) => Err(failure),
        Err(lost) => Err(lost.into()),
    };
    std::fs::remove_dir_all(&directory)?;
    result
}

/// Seconds of CPU that this process, or the calling thread, has used.
fn cpu_seconds(clock: libc::clockid_t) -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is writable.
    assert_eq!(unsafe { libc::clock_gettime(clock, &raw mut time) }, 0, "the clock of CPU time");
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// What one way has cost so far.
struct Tally {
    name: &'static str,
    times: Vec<Duration>,
    cpu: Vec<f64>,
}

impl Tally {
    fn new(name: &'static str) -> Tally {
        Tally { name, times: Vec::new(), cpu: Vec::new() }
    }

    fn report(mut self, size: usize) {
        self.times.sort_unstable();
        let at = |percent: usize| self.times[(self.times.len() - 1) * percent / 100].as_secs_f64() * 1e6;
        let cpu = median(&mut self.cpu) * 1e6;
        println!(
            "{:>8} bytes  {:<36} p50 {:>7.1} us  p90 {:>7.1}  p99 {:>8.1}  CPU {cpu:>6.1} us each",
            size,
            self.name,
            at(50),
            at(90),
            at(99)
        );
    }
}

/// One ring whose completions come through an eventfd in the runtime's reactor.
struct Ring {
    ring: IoUring,
    event: AsyncFd<OwnedFd>,
}

impl Ring {
    fn new() -> Result<Ring, Failure> {
        let ring = IoUring::new(8)?;
        // SAFETY: a plain call; the descriptor is owned from here on.
        let event = unsafe { libc::eventfd(0, libc::EFD_NONBLOCK | libc::EFD_CLOEXEC) };
        if event < 0 {
            return Err(std::io::Error::last_os_error().into());
        }
        // SAFETY: eventfd gave a new descriptor that nothing else owns.
        let event = unsafe { OwnedFd::from_raw_fd(event) };
        ring.submitter().register_eventfd(event.as_raw_fd())?;
        // SAFETY: the eventfd is owned by what is returned, which keeps it open as long as it is registered.
        let event = unsafe { AsyncFd::register(event)? };
        Ok(Ring { ring, event })
    }

    async fn write(
        &mut self,
        file: &File,
        buffer: &AlignedBuffer,
        length: usize,
        offset: u64,
    ) -> Result<(), Failure> {
        let bytes = u32::try_from(length)?;
        let entry = opcode::Write::new(types::Fd(file.as_raw_fd()), buffer.as_ptr(), bytes)
            .offset(offset)
            .rw_flags(libc::RWF_DSYNC)
            .build();
        // SAFETY: the buffer and the file live until the completion has been taken below.
        unsafe { self.ring.submission().push(&entry)? };
        self.ring.submit()?;
        loop {
            if let Some(done) = self.ring.completion().next() {
                return if done.result() == i32::try_from(length)? {
                    Ok(())
                } else {
                    Err(std::io::Error::from_raw_os_error(-done.result()).into())
                };
            }
            let mut ready = self.event.readable().await?;
            let mut count = [0_u8; 8];
            // SAFETY: eight writable bytes, as an eventfd wants them.
            unsafe { libc::read(self.event.as_raw_fd(), count.as_mut_ptr().cast(), 8) };
            ready.clear_ready();
        }
    }
}

fn write_in_place(file: &File, buffer: &AlignedBuffer, length: usize, offset: u64) -> Result<(), Failure> {
    let vector = libc::iovec { iov_base: buffer.as_ptr().cast_mut().cast(), iov_len: length };
    let offset = libc::off_t::try_from(offset)?;
    // SAFETY: the vector points to `length` bytes that live on; pwritev2 only reads them.
    let written = unsafe { libc::pwritev2(file.as_raw_fd(), &raw const vector, 1, offset, libc::RWF_DSYNC) };
    if usize::try_from(written) == Ok(length) { Ok(()) } else { Err(std::io::Error::last_os_error().into()) }
}

async fn durable_writes(directory: &Path, rounds: usize) -> Result<(), Failure> {
    let io = real::io(Options::new(directory))?;
    let path = directory.join("area");
    let direct = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .custom_flags(libc::O_DIRECT)
        .open(&path)?;
    let zeros = AlignedBuffer::zeroed(PIECE_BYTES);
    for offset in (0..AREA_BYTES).step_by(PIECE_BYTES) {
        write_in_place(&direct, &zeros, PIECE_BYTES, offset)?;
    }
    let options = ordain::io::OpenOptions { write: true, access: Access::Direct, ..Default::default() };
    let file = io.disk.open("area", options).await?;
    let mut ring = match Ring::new() {
        Ok(ring) => Some(ring),
        Err(error) => {
            println!("io_uring is not available here: {error}");
            None
        }
    };
    println!("durable direct writes over written blocks (RWF_DSYNC), one under way:");
    for (size, count) in [(BLOCK, 400), (64 << 10, 200), (PIECE_BYTES, 40)] {
        let mut ways = [
            Tally::new("in place, blocking"),
            Tally::new("I/O thread and back"),
            Tally::new("io_uring, eventfd"),
        ];
        let mut buffer = AlignedBuffer::zeroed(size);
        let mut next = 0_u64;
        for _ in 0..rounds {
            for (index, way) in ways.iter_mut().enumerate() {
                let before = cpu_seconds(libc::CLOCK_PROCESS_CPUTIME_ID);
                for _ in 0..count {
                    next = (next + size as u64) % AREA_BYTES;
                    let begun = Instant::now();
                    match (index, &mut ring) {
                        (0, _) => write_in_place(&direct, &buffer, size, next)?,
                        (1, _) => {
                            let (result, back) =
                                file.write_aligned_at(next, buffer, size, Durability::Now).await;
                            result?;
                            buffer = back;
                        }
                        (_, Some(ring)) => ring.write(&direct, &buffer, size, next).await?,
                        (_, None) => continue,
                    }
                    way.times.push(begun.elapsed());
                }
                way.cpu.push((cpu_seconds(libc::CLOCK_PROCESS_CPUTIME_ID) - before) / f64::from(count));
            }
        }
        ways.into_iter().filter(|way| !way.times.is_empty()).for_each(|way| way.report(size));
    }
    Ok(())
}

/// How a cold segment gets to a socket.
#[derive(Clone, Copy, Debug)]
enum Way {
    Buffered,
    BufferedChecked,
    Direct,
    DirectChecked,
    Sendfile,
}

fn cold_reads(directory: &Path, rounds: usize) -> Result<(), Failure> {
    let path = directory.join("cold");
    let mut noise = 1_u64;
    let mut piece = vec![0_u8; PIECE_BYTES];
    let mut file = File::create(&path)?;
    for _ in 0..COLD_BYTES / PIECE_BYTES {
        for chunk in piece.chunks_exact_mut(8) {
            noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            chunk.copy_from_slice(&noise.to_le_bytes());
        }
        file.write_all(&piece)?;
    }
    file.sync_all()?;
    drop(file);
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let mut sender = TcpStream::connect(listener.local_addr()?)?;
    let (mut receiver, _) = listener.accept()?;
    let reading = std::thread::spawn(move || {
        let mut buffer = vec![0_u8; PIECE_BYTES];
        while receiver.read(&mut buffer).is_ok_and(|count| count > 0) {}
    });
    let ways = [Way::Buffered, Way::BufferedChecked, Way::Direct, Way::DirectChecked, Way::Sendfile];
    let mut figures: Vec<(Vec<f64>, Vec<f64>, Vec<f64>)> = ways.iter().map(|_| Default::default()).collect();
    for _ in 0..rounds {
        for (way, figures) in ways.iter().zip(&mut figures) {
            let file = open_cold(&path, *way)?;
            let (begun, before) = (Instant::now(), cpu_seconds(libc::CLOCK_THREAD_CPUTIME_ID));
            send(&file, &mut sender, *way)?;
            figures.0.push(COLD_BYTES as f64 / 1e6 / begun.elapsed().as_secs_f64());
            figures.1.push(cpu_seconds(libc::CLOCK_THREAD_CPUTIME_ID) - before);
            figures.2.push(cached_bytes(&file)? as f64 / COLD_BYTES as f64);
        }
    }
    println!("a cold file of {} MiB to a loopback socket:", COLD_BYTES >> 20);
    for (way, (speed, cpu, cached)) in ways.iter().zip(&mut figures) {
        println!(
            "{:<18} {:>7.0} MB/s   {:>5.2} CPU-s per GiB of the sender   {:>4.0} % of it left in the page cache",
            format!("{way:?}"),
            median(speed),
            median(cpu) * (1 << 30) as f64 / COLD_BYTES as f64,
            100.0 * median(cached)
        );
    }
    drop(sender);
    reading.join().map_err(|_| "the receiver panicked")?;
    Ok(())
}

/// Opens the file with none of it in the page cache.
fn open_cold(path: &Path, way: Way) -> Result<File, Failure> {
    let plain = File::open(path)?;
    // SAFETY: a plain call on an open descriptor.
    let result = unsafe { libc::posix_fadvise(plain.as_raw_fd(), 0, 0, libc::POSIX_FADV_DONTNEED) };
    assert_eq!(result, 0, "the page cache lets go of the file");
    Ok(match way {
        Way::Direct | Way::DirectChecked => {
            OpenOptions::new().read(true).custom_flags(libc::O_DIRECT).open(path)?
        }
        Way::Buffered | Way::BufferedChecked | Way::Sendfile => plain,
    })
}

fn send(file: &File, socket: &mut TcpStream, way: Way) -> Result<(), Failure> {
    let mut offset: libc::off_t = 0;
    let mut buffer = AlignedBuffer::zeroed(PIECE_BYTES);
    while usize::try_from(offset)? < COLD_BYTES {
        if matches!(way, Way::Sendfile) {
            // SAFETY: both descriptors are open, and `offset` is writable.
            let sent =
                unsafe { libc::sendfile(socket.as_raw_fd(), file.as_raw_fd(), &raw mut offset, PIECE_BYTES) };
            if sent <= 0 {
                return Err(std::io::Error::last_os_error().into());
            }
            continue;
        }
        // SAFETY: the buffer has `PIECE_BYTES` writable bytes.
        let read = unsafe { libc::pread(file.as_raw_fd(), buffer.as_mut_ptr().cast(), PIECE_BYTES, offset) };
        let bytes = &buffer[..usize::try_from(read).map_err(|_| std::io::Error::last_os_error())?];
        if matches!(way, Way::BufferedChecked | Way::DirectChecked) {
            std::hint::black_box(crc32c(bytes));
        }
        socket.write_all(bytes)?;
        offset += libc::off_t::try_from(bytes.len())?;
    }
    Ok(())
}

/// How much of the file the page cache holds.
fn cached_bytes(file: &File) -> Result<usize, Failure> {
    // SAFETY: a read-only mapping of an open file that nobody cuts; it is unmapped below.
    let map = unsafe {
        libc::mmap(std::ptr::null_mut(), COLD_BYTES, libc::PROT_READ, libc::MAP_SHARED, file.as_raw_fd(), 0)
    };
    if map == libc::MAP_FAILED {
        return Err(std::io::Error::last_os_error().into());
    }
    let mut pages = vec![0_u8; COLD_BYTES / BLOCK];
    // SAFETY: the mapping has one page for each byte of `pages`.
    let result = unsafe { libc::mincore(map, COLD_BYTES, pages.as_mut_ptr()) };
    // SAFETY: the mapping made above, whole.
    unsafe { libc::munmap(map, COLD_BYTES) };
    assert_eq!(result, 0, "mincore answers");
    Ok(pages.iter().filter(|page| **page & 1 == 1).count() * BLOCK)
}
