//! What fetches hold until their clients have taken it comes out of one budget: `ordain.fetch.memory.bytes`.
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::{Answer, FetchKey, FetchWant, Limits, Results, read};
use crate::broker::dispatch::Frame;
use crate::broker::{Context, MemoryShare};
use crate::io::timeout;
use crate::partition::{FetchWaiter, ReadData};

/// What a fetch asks for where memory is short, in bytes; at least one batch is read in any case.
const LITTLE_BYTES: usize = 1 << 20;
/// How long it waits for that before it is answered with nothing: longer than a client that takes nothing keeps its own
/// while others wait.
const PATIENCE: Duration = Duration::from_secs(5);

/// One pass over the partitions, with memory for what it found: less where that is short, and nothing if there is none in time.
pub(super) async fn read_counted(
    context: &Context,
    wants: &[(FetchKey, FetchWant)],
    limits: &Limits,
    waiter: Option<&Arc<FetchWaiter>>,
) -> (Results, Option<MemoryShare>) {
    let results = read(context, wants, limits, Some(limits.max_bytes), waiter).await;
    let bytes = expected_bytes(&results);
    if bytes == 0 {
        return (results, None);
    }
    if let Some(share) = context.fetch_memory.try_take(bytes) {
        return (results, Some(share));
    }
    // What is in memory must not be held meanwhile.
    drop(results);
    let little = bytes.min(LITTLE_BYTES);
    let deadline = context.io.clock.now().after(PATIENCE);
    match timeout(&*context.io.clock, deadline, context.fetch_memory.take(little)).await {
        Ok(share) => (read(context, wants, limits, Some(little), None).await, Some(share)),
        Err(_elapsed) => (read(context, wants, limits, None, None).await, None),
    }
}

fn expected_bytes(results: &Results) -> usize {
    let data = results.iter().flatten().filter_map(|(_, result)| result.data.as_ref().ok());
    data.map(ReadData::expected_bytes).sum()
}

/// Counts as much of it as there are records.
pub(super) fn fit(share: Option<MemoryShare>, answers: &[Answer]) -> Option<MemoryShare> {
    let bytes = answers.iter().map(|answer| answer.records.len()).sum();
    let mut share = share.filter(|_| bytes > 0)?;
    share.shrink_to(bytes);
    Some(share)
}

/// Keeps the share until the last of the frame has left.
pub(in crate::broker) fn hold(frame: &mut Frame, share: Option<MemoryShare>) {
    if let (Some(last), Some(share)) = (frame.last_mut(), share) {
        *last = Bytes::from_owner(Counted { bytes: std::mem::take(last), _share: share });
    }
}

/// Bytes that are counted.
struct Counted {
    bytes: Bytes,
    _share: MemoryShare,
}

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}
