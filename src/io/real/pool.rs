use std::collections::VecDeque;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use super::precedence::Precedence;
use super::quick::Quickness;
use super::recycled::Recycled;
use crate::io::BoxFuture;

/// Pools of their own, so that what somebody waits for does not queue behind what nobody does: one for durable
/// aligned writes, which are the journal's; one for large writes that are synced later, which are the segments' and
/// the filling of journal files; one for large reads, which are those of old records; one for everything else.
#[derive(Clone)]
pub(super) struct Lanes {
    pub(super) direct: Pool,
    pub(super) bulk: Pool,
    pub(super) read: Pool,
    pub(super) common: Pool,
    /// Tells when a durable write need not go to a thread.
    pub(super) quickness: Arc<Quickness>,
    /// Lets them go before large reads.
    pub(super) precedence: Arc<Precedence>,
    /// Memory of reads.
    pub(super) recycled: Arc<Recycled>,
}

/// Group commit keeps about one write under way, and the vouch file's beside it.
const DIRECT_THREADS: usize = 2;
/// As many large writes as keep a disk busy. More would only lengthen the queue that durable writes stand in.
const BULK_THREADS: usize = 2;
/// The same for large reads.
const READ_THREADS: usize = 2;

impl Lanes {
    /// # Errors
    /// If the system refuses a thread.
    pub(super) fn start(common_threads: usize) -> io::Result<Lanes> {
        Ok(Lanes {
            direct: Pool::start("ordain-direct", DIRECT_THREADS)?,
            bulk: Pool::start("ordain-bulk", BULK_THREADS)?,
            read: Pool::start("ordain-read", READ_THREADS)?,
            common: Pool::start("ordain-io", common_threads)?,
            quickness: Arc::new(Quickness::new()),
            precedence: Arc::default(),
            recycled: Recycled::new(),
        })
    }
}

type Job = Box<dyn FnOnce() + Send>;

/// Threads for blocking disk operations. The jobs are taken in the order in which they came. Their number
/// is bounded by the callers, each of which waits for its own. When the last handle is dropped, the threads
/// finish what was handed in and end.
///
/// Why not tokio's `spawn_blocking`: on two cores under load a bare hop there and back took 3 µs here (p99 9) and
/// 5 to 9 µs there (p99 16 to 75); a durable append of 4 KiB took 104 µs through either. And a queue of our own keeps
/// name look-ups, which tokio runs on its blocking threads, out of the disk's way. `examples/io_hop.rs` measures
/// it again.
#[derive(Clone)]
pub(super) struct Pool {
    shared: Arc<Shared>,
    _closer: Arc<Closer>,
}

struct Shared {
    queue: Mutex<Queue>,
    arrived: Condvar,
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Job>,
    closed: bool,
}

struct Closer(Arc<Shared>);

impl Drop for Closer {
    fn drop(&mut self) {
        self.0.lock().closed = true;
        self.0.arrived.notify_all();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        // No code of a job runs under the lock, so a poisoned queue is a whole queue.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self) {
        loop {
            let mut queue = self.lock();
            let job = loop {
                if let Some(job) = queue.jobs.pop_front() {
                    break job;
                }
                if queue.closed {
                    return;
                }
                queue = self.arrived.wait(queue).unwrap_or_else(PoisonError::into_inner);
            };
            drop(queue);
            // The waiting side sees a panic as an answer that never comes; the thread lives on.
            if catch_unwind(AssertUnwindSafe(job)).is_err() {
                tracing::error!("a disk operation panicked");
            }
        }
    }
}

impl Pool {
    /// Threads that are called `name` and a number (15 bytes at most are shown).
    ///
    /// # Errors
    /// If the system refuses a thread.
    pub(super) fn start(name: &str, threads: usize) -> io::Result<Pool> {
        let shared = Arc::new(Shared { queue: Mutex::default(), arrived: Condvar::new() });
        let pool = Pool { shared: shared.clone(), _closer: Arc::new(Closer(shared)) };
        for index in 0..threads.max(1) {
            let shared = pool.shared.clone();
            std::thread::Builder::new().name(format!("{name}-{index}")).spawn(move || shared.work())?;
        }
        Ok(pool)
    }

    /// Runs `job` on one of the threads. It is handed in at the first poll, and from then on runs to its end
    /// even if the future is dropped.
    pub(super) fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> BoxFuture<Result<T, JobLost>> {
        let pool = self.clone();
        Box::pin(async move {
            let (answer, answered) = oneshot::channel();
            pool.submit(Box::new(move || {
                // Nobody waits any more: the work is done all the same.
                let _ = answer.send(job());
            }));
            answered.await.map_err(|_| JobLost)
        })
    }

    /// Like [`Pool::run`] for a job that can itself fail.
    pub(super) fn run_io<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> io::Result<T> + Send + 'static,
    ) -> BoxFuture<io::Result<T>> {
        let done = self.run(job);
        Box::pin(async move { done.await? })
    }

    fn submit(&self, job: Job) {
        self.shared.lock().jobs.push_back(job);
        self.shared.arrived.notify_one();
    }
}

/// A job ended without an answer.
#[derive(Debug)]
pub(super) struct JobLost;

impl From<JobLost> for io::Error {
    fn from(_: JobLost) -> io::Error {
        io::Error::other("a disk operation panicked")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_an_error_and_the_thread_lives_on() {
        let pool = Pool::start("test", 1).unwrap();
        let lost = pool.run_io::<()>(|| panic!("planted")).await;
        assert_eq!(lost.unwrap_err().to_string(), "a disk operation panicked");
        assert_eq!(pool.run_io(|| Ok(7)).await.unwrap(), 7);
    }
}
