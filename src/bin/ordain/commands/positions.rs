use std::collections::BTreeMap;

use ordain::client::admin::OffsetSpec;
use ordain::client::{Client, TopicPartition};
use ordain::types::{Offset, Timestamp};

use crate::failure::Failure;
use crate::parse::Start;

/// The offset in each partition that a user's words stand for, within what the partition holds.
pub async fn positions(
    client: &Client,
    partitions: &[TopicPartition],
    start: Start,
) -> Result<BTreeMap<TopicPartition, Offset>, Failure> {
    let first = client.list_offsets_at(partitions, OffsetSpec::Earliest).await?;
    let end = client.list_offsets_at(partitions, OffsetSpec::Latest).await?;
    let time = match start {
        Start::Beginning | Start::End | Start::Offset(_) | Start::FromEnd(_) => None,
        Start::Time(time) => Some(time),
        Start::Ago(ago) => {
            let ms = i64::try_from(ago.as_millis()).unwrap_or(i64::MAX);
            Some(Timestamp(client.io().clock.wall().plus_ms(-ms).0.max(0)))
        }
    };
    let at_time = match time {
        Some(time) => client.list_offsets_at(partitions, OffsetSpec::At(time)).await?,
        None => BTreeMap::new(),
    };
    let place = |at: &TopicPartition| {
        let (first, end) = (first[at].offset, end[at].offset);
        let wanted = match start {
            Start::Beginning => first,
            Start::End => end,
            Start::Offset(offset) => Offset(offset),
            Start::FromEnd(records) => Offset(end.0.saturating_sub(records)),
            // No record is that young: go on with what comes.
            Start::Time(_) | Start::Ago(_) if at_time[at].offset == Offset::NONE => end,
            Start::Time(_) | Start::Ago(_) => at_time[at].offset,
        };
        (at.clone(), wanted.clamp(first, end))
    };
    Ok(partitions.iter().map(place).collect())
}
