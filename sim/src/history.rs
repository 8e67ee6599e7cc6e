//! What the clients did, in a form that a Jepsen-style checker can read: one JSON object per line, an `invoke`
//! for each operation and, when it ended, an `ok`, `fail` or `info` of the same process.
//!
//! Each client has processes of its own, as many as it has operations under way at once; the process of an
//! operation whose outcome is unknown is never used again.
use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use crate::time::SimTime;

mod read;

pub use read::{HistoryError, Written, from_json_lines};

/// How an operation ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Completion {
    /// It took effect.
    Ok,
    /// It did not, and never will.
    Fail,
    /// Nobody knows.
    Info,
}

/// What a client did.
#[derive(Clone, PartialEq, Debug)]
pub struct Operation {
    pub(crate) client: String,
    /// The machine on which it works, if that is known.
    pub(crate) machine: Option<String>,
    pub(crate) function: Cow<'static, str>,
    pub(crate) began: SimTime,
    /// What was asked for.
    pub(crate) value: Value,
    /// When and how it ended, and what was told; nothing of one whose client never heard of an answer.
    pub(crate) ended: Option<(SimTime, Completion, Value)>,
}

/// An operation that was begun.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct OperationId(Option<usize>);

impl OperationId {
    /// One that nobody keeps.
    pub const NONE: OperationId = OperationId(None);

    pub(crate) fn of(place: usize) -> OperationId {
        OperationId(Some(place))
    }

    pub(crate) fn get(self, operations: &mut [Operation]) -> Option<&mut Operation> {
        operations.get_mut(self.0?)
    }
}

impl Operation {
    pub(crate) fn new(client: &str, function: &'static str, began: SimTime, value: Value) -> Operation {
        Operation {
            client: client.to_owned(),
            machine: None,
            function: Cow::Borrowed(function),
            began,
            value,
            ended: None,
        }
    }

    pub(crate) fn on(self, machine: Option<&str>) -> Operation {
        Operation { machine: machine.map(str::to_owned), ..self }
    }

    pub(crate) fn end(&mut self, time: SimTime, completion: Completion, value: Value) {
        self.ended = Some((time, completion, value));
    }
}

/// A line.
#[derive(Serialize)]
struct Line<'a> {
    index: usize,
    /// In nanoseconds.
    time: u64,
    process: u64,
    client: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    f: &'a str,
    value: &'a Value,
}

/// The history as JSON lines, ordered by time.
#[must_use]
pub fn to_json_lines(operations: &[Operation]) -> String {
    let mut order: Vec<&Operation> = operations.iter().collect();
    order.sort_by_key(|operation| operation.began);
    let mut processes: BTreeMap<&str, Vec<(u64, Option<SimTime>)>> = BTreeMap::new();
    let mut count = 0;
    let mut lines = Vec::new();
    for operation in order {
        let own = processes.entry(&operation.client).or_default();
        let is_known = |(_, completion, _): &&(SimTime, Completion, Value)| *completion != Completion::Info;
        let free_from = operation.ended.as_ref().filter(is_known).map(|(time, ..)| *time);
        let free = own.iter_mut().find(|(_, free)| free.is_some_and(|free| free <= operation.began));
        let process = match free {
            Some(slot) => {
                slot.1 = free_from;
                slot.0
            }
            None => {
                count += 1;
                own.push((count - 1, free_from));
                count - 1
            }
        };
        let line = |time: SimTime, kind, value| Line {
            index: 0,
            time: time.0,
            process,
            client: &operation.client,
            kind,
            f: &operation.function,
            value,
        };
        lines.push(line(operation.began, "invoke", &operation.value));
        if let Some((time, completion, value)) = &operation.ended {
            let kind = match completion {
                Completion::Ok => "ok",
                Completion::Fail => "fail",
                Completion::Info => "info",
            };
            lines.push(line(*time, kind, value));
        }
    }
    // At one time, what ends comes before what begins, except that nothing ends before it began: what takes no time ends at once,
    // before the next thing begins.
    let begins = lines.iter().map(|line| (line.time, line.process)).collect::<Vec<_>>();
    let is_instant = |place: usize| begins[place.saturating_sub(1)] == begins[place];
    let rank: Vec<u8> = lines
        .iter()
        .enumerate()
        .map(|(place, line)| u8::from(line.kind == "invoke" || is_instant(place)))
        .collect();
    let mut places: Vec<usize> = (0..lines.len()).collect();
    places.sort_by_key(|place| (lines[*place].time, rank[*place], *place));
    let mut text = String::new();
    for (index, place) in places.into_iter().enumerate() {
        lines[place].index = index;
        text.push_str(&serde_json::to_string(&lines[place]).expect("plain data"));
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn operation(client: &str, began: u64, ended: Option<(u64, Completion)>) -> Operation {
        let mut operation = Operation::new(client, "send", SimTime(began), json!(began));
        if let Some((time, completion)) = ended {
            operation.end(SimTime(time), completion, json!([began, time]));
        }
        operation
    }

    /// (time, process, type) of each line.
    fn lines(operations: &[Operation]) -> Vec<(u64, u64, String)> {
        let text = to_json_lines(operations);
        let line = |line: &str| {
            let line: Value = serde_json::from_str(line).unwrap();
            let number = |name: &str| line[name].as_u64().unwrap();
            (number("time"), number("process"), line["type"].as_str().unwrap().to_owned())
        };
        text.lines().map(line).collect()
    }

    #[test]
    fn a_process_does_one_thing_at_a_time() {
        use Completion::{Info, Ok};
        let told = lines(&[
            operation("a", 1, Some((5, Ok))),
            operation("a", 2, Some((3, Info))),
            operation("a", 5, Some((5, Ok))),
            operation("a", 5, Some((5, Ok))),
            operation("a", 6, None),
            operation("b", 9, None),
        ]);
        let expected = [
            (1, 0, "invoke"),
            (2, 1, "invoke"),
            (3, 1, "info"),
            (5, 0, "ok"),
            (5, 0, "invoke"),
            (5, 0, "ok"),
            (5, 0, "invoke"),
            (5, 0, "ok"),
            (6, 0, "invoke"),
            (9, 2, "invoke"),
        ];
        let told: Vec<(u64, u64, &str)> = told.iter().map(|(t, p, k)| (*t, *p, k.as_str())).collect();
        assert_eq!(told, expected);
    }
}
