use std::collections::BTreeMap;

use ordain::client::admin::{ListedOffset, OffsetSpec};
use ordain::client::{Client, ClientError, TopicPartition};
use ordain::types::{Offset, Timestamp};

use crate::failure::Failure;
use crate::parse::Start;

/// The offset in each partition that a user's words stand for, within what the partition holds.
pub async fn positions(
    client: &Client,
    partitions: &[TopicPartition],
    start: Start,
) -> Result<BTreeMap<TopicPartition, Offset>, Failure> {
    let mut listed = Vec::new();
    for spec in specs(client, start) {
        listed.push(client.list_offsets_at(partitions, spec).await?);
    }
    let place = |at: &TopicPartition| (at.clone(), place(start, |nth: usize| listed[nth][at].offset));
    Ok(partitions.iter().map(place).collect())
}

/// As [`positions`], of those partitions whose leaders can tell now; the others with the reason.
pub async fn positions_known_now(
    client: &Client,
    partitions: &[TopicPartition],
    start: Start,
) -> Result<(BTreeMap<TopicPartition, Offset>, BTreeMap<TopicPartition, ClientError>), Failure> {
    let mut listed: BTreeMap<TopicPartition, Vec<ListedOffset>> = BTreeMap::new();
    let mut waiting = BTreeMap::new();
    for spec in specs(client, start) {
        let wanted = partitions.iter().filter(|at| !waiting.contains_key(*at));
        let wanted = wanted.map(|at| (at.clone(), spec)).collect();
        for (at, told) in client.try_list_offsets(&wanted).await {
            match told {
                Ok(told) => listed.entry(at).or_default().push(told),
                Err(error) if error.is_retriable() => drop(waiting.insert(at, error)),
                Err(error) => return Err(error.into()),
            }
        }
    }
    listed.retain(|at, _| !waiting.contains_key(at));
    let place = |(at, told): (TopicPartition, Vec<ListedOffset>)| (at, place(start, |nth| told[nth].offset));
    Ok((listed.into_iter().map(place).collect(), waiting))
}

/// What must be asked for to place `start`: always the first offset and the end, and what is at a time.
fn specs(client: &Client, start: Start) -> Vec<OffsetSpec> {
    let time = match start {
        Start::Beginning | Start::End | Start::Offset(_) | Start::FromEnd(_) => None,
        Start::Time(time) => Some(time),
        Start::Ago(ago) => {
            let ms = i64::try_from(ago.as_millis()).unwrap_or(i64::MAX);
            Some(Timestamp(client.io().clock.wall().plus_ms(-ms).0.max(0)))
        }
    };
    [OffsetSpec::Earliest, OffsetSpec::Latest].into_iter().chain(time.map(OffsetSpec::At)).collect()
}

/// The offset for `start`, by the answers to [`specs`], of which `listed` gives the nth.
fn place(start: Start, listed: impl Fn(usize) -> Offset) -> Offset {
    let (first, end) = (listed(0), listed(1));
    let wanted = match start {
        Start::Beginning => first,
        Start::End => end,
        Start::Offset(offset) => Offset(offset),
        Start::FromEnd(records) => Offset(end.0.saturating_sub(records)),
        // No record is that young: go on with what comes.
        Start::Time(_) | Start::Ago(_) if listed(2) == Offset::NONE => end,
        Start::Time(_) | Start::Ago(_) => listed(2),
    };
    // Two answers, two moments: retention may have moved the first offset past the end that was told before.
    wanted.clamp(first, end.max(first))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stand_for_offsets_within_the_partition() {
        let at = |start, told: &[i64]| place(start, |nth| Offset(told[nth])).0;
        assert_eq!(at(Start::Beginning, &[5, 9]), 5);
        assert_eq!(at(Start::End, &[5, 9]), 9);
        assert_eq!(at(Start::Offset(7), &[5, 9]), 7);
        assert_eq!(at(Start::Offset(3), &[5, 9]), 5);
        assert_eq!(at(Start::Offset(30), &[5, 9]), 9);
        assert_eq!(at(Start::FromEnd(2), &[5, 9]), 7);
        assert_eq!(at(Start::FromEnd(200), &[5, 9]), 5);
        assert_eq!(at(Start::Time(Timestamp(1)), &[5, 9, 8]), 8);
        assert_eq!(at(Start::Time(Timestamp(1)), &[5, 9, -1]), 9);
        // The start moved between the two answers.
        assert_eq!(at(Start::End, &[5, 4]), 5);
    }
}
