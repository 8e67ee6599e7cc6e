//! The forms of the values of a history: those of Jepsen's Kafka workload where it has them.
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Range;

use ordain::client::TopicPartition;
use ordain::types::Offset;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::scenarios::broker::history::{RecordId, Spec};

/// What is wrong with a value, for people.
#[derive(Debug)]
pub(super) struct Wrong(String);

impl Wrong {
    pub(super) fn new(what: impl Into<String>) -> Wrong {
        Wrong(what.into())
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn value<T: DeserializeOwned>(value: &Value, form: &str) -> Result<T, Wrong> {
    serde_json::from_value(value.clone())
        .map_err(|error| Wrong(format!("{value} is not of the form {form}: {error}")))
}

/// `events-0`.
fn partition(text: &str) -> Result<TopicPartition, Wrong> {
    let parts = text.rsplit_once('-').and_then(|(topic, index)| Some((topic, index.parse().ok()?)));
    let (topic, index) =
        parts.ok_or_else(|| Wrong(format!("{text:?} is not a topic, a hyphen and a partition")))?;
    Ok(TopicPartition::new(topic, index))
}

/// `1/2/9`: of producer 1, in its session 2, the record 9.
fn record(text: &str) -> Result<RecordId, Wrong> {
    let numbers: Option<Vec<u32>> = text.split('/').map(|part| part.parse().ok()).collect();
    match numbers.as_deref() {
        Some(&[producer, session, number]) => Ok(RecordId { producer, session, number }),
        Some(_) | None => Err(Wrong(format!("{text:?} is not a record: producer/session/number"))),
    }
}

/// `[["send", "events-0", "1/1/9"], …]`
pub(super) fn sends(asked: &Value) -> Result<Vec<(TopicPartition, RecordId)>, Wrong> {
    let sends: Vec<(String, String, String)> = value(asked, r#"[["send", partition, record], …]"#)?;
    sends.iter().map(|(_, at, id)| Ok((partition(at)?, record(id)?))).collect()
}

/// What was told of a record.
pub(super) struct Told {
    pub(super) id: RecordId,
    /// Where it stands, if that was told.
    pub(super) offset: Option<Offset>,
    /// The protocol's code of the error that it ended with, if a broker told one.
    pub(super) code: Option<i16>,
}

/// `[["send", "events-0", [17, "1/1/9"]], …]`, with the error's code as a fourth if there is one.
pub(super) fn told(told: &Value) -> Result<Vec<Told>, Wrong> {
    const FORM: &str = r#"[["send", partition, [offset, record], code or nothing], …]"#;
    let sends: Vec<Vec<Value>> = value(told, FORM)?;
    let one = |parts: &Vec<Value>| {
        let (place, code) = match parts.as_slice() {
            [_, _, place] => (place, None),
            [_, _, place, code] => (place, Some(value(code, "a number")?)),
            _ => return Err(Wrong(format!("{told} is not of the form {FORM}"))),
        };
        let (offset, id): (Option<i64>, String) = value(place, "[offset, record]")?;
        Ok(Told { id: record(&id)?, offset: offset.map(Offset), code })
    };
    sends.iter().map(one).collect()
}

/// Records at their offsets; none where it is none of the history's.
pub(super) type Records = Vec<(Offset, Option<RecordId>)>;

/// `[["poll", {"events-0": [[17, "1/1/9"], …], …}]]`
pub(super) fn polled(told: &Value) -> Result<Vec<(TopicPartition, Records)>, Wrong> {
    type Brought = BTreeMap<String, Vec<(i64, Option<String>)>>;
    let polls: Vec<(String, Brought)> = value(told, r#"[["poll", {partition: [[offset, record], …]}]]"#)?;
    let mut all = Vec::new();
    for (at, records) in polls.iter().flat_map(|(_, brought)| brought) {
        let record = |(offset, id): &(i64, Option<String>)| {
            Ok((Offset(*offset), id.as_deref().map(record).transpose()?))
        };
        let records: Result<Records, Wrong> = records.iter().map(record).collect();
        all.push((partition(at)?, records?));
    }
    Ok(all)
}

/// `{"events-0": 17, …}`
pub(super) fn offsets(told: &Value) -> Result<Vec<(TopicPartition, Offset)>, Wrong> {
    let told: BTreeMap<String, i64> = value(told, "{partition: offset}")?;
    told.iter().map(|(at, offset)| Ok((partition(at)?, Offset(*offset)))).collect()
}

/// `{"events-0": 17, "events-1": null, …}`
pub(super) fn offsets_or_none(told: &Value) -> Result<Vec<(TopicPartition, Option<Offset>)>, Wrong> {
    let told: BTreeMap<String, Option<i64>> = value(told, "{partition: offset or null}")?;
    told.iter().map(|(at, offset)| Ok((partition(at)?, offset.map(Offset)))).collect()
}

/// What a broker cannot serve of a partition; all of it if there are no offsets.
pub(super) struct Unreadable {
    pub(super) at: TopicPartition,
    pub(super) offsets: Option<Range<Offset>>,
}

/// `{"events-0": [5, 9], "events-1": null, …}`: from the first offset to before the second, or all of the partition.
pub(super) fn unreadable(told: &Value) -> Result<Vec<Unreadable>, Wrong> {
    let told: BTreeMap<String, Option<(i64, i64)>> = value(told, "{partition: [offset, offset] or null}")?;
    let range = |(from, to): (i64, i64)| Offset(from)..Offset(to);
    told.iter()
        .map(|(at, offsets)| Ok(Unreadable { at: partition(at)?, offsets: offsets.map(range) }))
        .collect()
}

/// `["producer-0", …]`, or nothing.
pub(super) fn clients(told: &Value) -> Result<Option<BTreeSet<String>>, Wrong> {
    value(told, "[client, …] or null")
}

/// `{"events-0": "Earliest", …}`; nothing for what asks for a time.
pub(super) fn specs(asked: &Value) -> Result<BTreeMap<TopicPartition, Option<Spec>>, Wrong> {
    let asked: BTreeMap<String, String> = value(asked, r#"{partition: "Earliest" or "Latest"}"#)?;
    let spec = |text: &str| match text {
        "Earliest" => Some(Spec::Earliest),
        "Latest" => Some(Spec::Latest),
        _ => None,
    };
    asked.iter().map(|(at, text)| Ok((partition(at)?, spec(text)))).collect()
}

/// `{"producer": "1/1", "idempotent": true}`: the producer and its session.
pub(super) fn producer(told: &Value) -> Result<((u32, u32), bool), Wrong> {
    const FORM: &str = r#"{"producer": "producer/session", "idempotent": true or false}"#;
    #[derive(serde::Deserialize)]
    struct Told {
        producer: String,
        idempotent: bool,
    }
    let Told { producer, idempotent } = value(told, FORM)?;
    let numbers =
        producer.split_once('/').and_then(|(one, two)| Some((one.parse().ok()?, two.parse().ok()?)));
    Ok((numbers.ok_or_else(|| Wrong(format!("{producer:?} is not of the form {FORM}")))?, idempotent))
}

/// What a member was told of a generation.
#[derive(serde::Deserialize)]
pub(super) struct Generation {
    /// Its id, if it is not the one that it asked with.
    pub(super) member: Option<String>,
    pub(super) generation: i32,
    pub(super) assignment: String,
}

/// `{"generation": 3, "assignment": "…", "member": "…"}`
pub(super) fn generation(told: &Value) -> Result<Generation, Wrong> {
    value(told, r#"{"generation": number, "assignment": text, "member": text or nothing}"#)
}

/// `[17, 0]`: a producer's id and epoch.
pub(super) fn producer_id(told: &Value) -> Result<(i64, i16), Wrong> {
    value(told, "[producer id, epoch]")
}
