use super::PartitionLog;
use crate::probe::{Mutant, mutant};
use crate::types::{Offset, Timestamp};

impl PartitionLog {
    /// Where the log should begin by `retention.ms` and `retention.bytes`, if that is beyond where it does:
    /// whole segments go, oldest first, and only what is committed. The active segment, with what is in
    /// memory, goes as a whole when all of it has expired. `now` is the wall clock.
    #[must_use]
    pub fn retention_start(&self, now: Timestamp) -> Option<Offset> {
        if !self.config.delete || self.damage.is_some() {
            return None;
        }
        let parts = self.retention_parts();
        let by_time = self.expired_up_to(&parts, now);
        let by_size = self.oversized_up_to(&parts);
        let start = by_time.max(by_size)?;
        (start > self.log_start && start <= self.high_watermark).then_some(start)
    }

    /// Segments as (end, newest timestamp, bytes), the tail being part of the last.
    fn retention_parts(&self) -> Vec<(Offset, Timestamp, u64)> {
        let mut parts: Vec<(Offset, Timestamp, u64)> = self
            .segments
            .iter()
            .map(|held| (held.state.end, held.state.newest(), held.state.bytes))
            .collect();
        for batch in self.tail.unflushed() {
            let header = batch.header();
            // A batch without a time is as new as the log: it waits for the flush.
            let newest = if header.max_timestamp.0 >= 0 { header.max_timestamp } else { Timestamp(i64::MAX) };
            let bytes = batch.batch.len() as u64;
            let sealed = self.segments.last().is_none_or(|held| held.sealed);
            match parts.last_mut() {
                Some(last) if !(sealed && parts_of_segments(&self.segments, last.0)) => {
                    *last = (header.next_offset(), last.1.max(newest), last.2 + bytes);
                }
                Some(_) | None => parts.push((header.next_offset(), newest, bytes)),
            }
        }
        parts
    }

    fn expired_up_to(&self, parts: &[(Offset, Timestamp, u64)], now: Timestamp) -> Option<Offset> {
        if self.config.retention_ms < 0 && !mutant(Mutant::RetentionForgetsForever) {
            return None;
        }
        parts
            .iter()
            .take_while(|(end, newest, _)| {
                *end <= self.high_watermark && now.0.saturating_sub(newest.0) > self.config.retention_ms
            })
            .last()
            .map(|part| part.0)
    }

    fn oversized_up_to(&self, parts: &[(Offset, Timestamp, u64)]) -> Option<Offset> {
        let limit = u64::try_from(self.config.retention_bytes).ok()?;
        let total: u64 = parts.iter().map(|part| part.2).sum();
        let mut excess = total.checked_sub(limit)?;
        let mut start = None;
        for &(end, _, bytes) in parts {
            let one_more = mutant(Mutant::RetentionTakesOneMore) && excess > 0;
            match excess.checked_sub(if one_more { bytes.min(excess) } else { bytes }) {
                Some(rest) if end <= self.high_watermark => {
                    excess = rest;
                    start = Some(end);
                }
                Some(_) | None => break,
            }
        }
        start
    }
}

/// Whether a part that ends at `end` is still a segment alone.
fn parts_of_segments(segments: &[super::Held], end: Offset) -> bool {
    segments.last().is_some_and(|held| held.state.end == end)
}
