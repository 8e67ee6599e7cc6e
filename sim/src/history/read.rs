//! A history as it is read back, whoever has written it: each line in its form, each end with its begin.
use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::{Completion, Operation};
use crate::time::SimTime;

/// An operation, and the lines (from 1) on which it begins and ends.
#[derive(Clone, PartialEq, Debug)]
pub struct Written {
    pub operation: Operation,
    pub begin_line: usize,
    pub end_line: Option<usize>,
}

/// What makes a text no history.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    #[error("line {line} is not a line of a history: {source}")]
    Form { line: usize, source: serde_json::Error },
    #[error(
        "line {line} begins `{function}`, and its process {process} has not ended what it began on line {begun}"
    )]
    Busy { line: usize, function: String, process: u64, begun: usize },
    #[error(
        "line {line} begins `{function}`, and its process {process} ended with `info` on line {ended}: it may not be used again"
    )]
    UsedUp { line: usize, function: String, process: u64, ended: usize },
    #[error("line {line} ends `{function}` of {client}, which its process {process} has not begun")]
    NotBegun { line: usize, function: String, client: String, process: u64 },
    #[error("line {line} ends at {time} what line {begun} begins at {began}")]
    EndsBefore { line: usize, time: SimTime, begun: usize, began: SimTime },
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Kind {
    Invoke,
    Ok,
    Fail,
    Info,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    /// The order of the lines says the same.
    #[serde(default, rename = "index")]
    _index: u64,
    time: u64,
    process: u64,
    client: String,
    #[serde(rename = "type")]
    kind: Kind,
    f: String,
    value: Value,
}

/// What a process does.
enum Doing {
    /// The operation at this place.
    Operation(usize),
    /// Nothing ever again, since this line.
    UsedUp(usize),
}

/// The operations of a text of JSON lines, in the order of their begins. Empty lines are passed over.
///
/// # Errors
/// For a line that has another form, or does not fit those before it.
pub fn from_json_lines(text: &str) -> Result<Vec<Written>, HistoryError> {
    let mut all: Vec<Written> = Vec::new();
    let mut processes: BTreeMap<u64, Doing> = BTreeMap::new();
    for (line, text) in (1..).zip(text.lines()).filter(|(_, text)| !text.trim().is_empty()) {
        let told: Line = serde_json::from_str(text).map_err(|source| HistoryError::Form { line, source })?;
        match told.kind {
            Kind::Invoke => {
                begins(&all, &processes, line, &told)?;
                processes.insert(told.process, Doing::Operation(all.len()));
                let function = Cow::Owned(told.f);
                let (client, began, value) = (told.client, SimTime(told.time), told.value);
                let operation = Operation { client, machine: None, function, began, value, ended: None };
                all.push(Written { operation, begin_line: line, end_line: None });
            }
            Kind::Ok | Kind::Fail | Kind::Info => {
                let completion = match told.kind {
                    Kind::Ok => Completion::Ok,
                    Kind::Fail => Completion::Fail,
                    Kind::Invoke | Kind::Info => Completion::Info,
                };
                let process = told.process;
                ends(&mut all, &processes, line, completion, told)?;
                match completion {
                    Completion::Info => processes.insert(process, Doing::UsedUp(line)),
                    Completion::Ok | Completion::Fail => processes.remove(&process),
                };
            }
        }
    }
    Ok(all)
}

/// Whether a process may begin something.
fn begins(
    all: &[Written],
    processes: &BTreeMap<u64, Doing>,
    line: usize,
    told: &Line,
) -> Result<(), HistoryError> {
    let (function, process) = (told.f.clone(), told.process);
    match processes.get(&process) {
        None => Ok(()),
        Some(Doing::UsedUp(ended)) => Err(HistoryError::UsedUp { line, function, process, ended: *ended }),
        Some(Doing::Operation(place)) => {
            let begun = all[*place].begin_line;
            Err(HistoryError::Busy { line, function, process, begun })
        }
    }
}

fn ends(
    all: &mut [Written],
    processes: &BTreeMap<u64, Doing>,
    line: usize,
    completion: Completion,
    told: Line,
) -> Result<(), HistoryError> {
    let Line { process, client, f, value, .. } = told;
    let time = SimTime(told.time);
    let written = match processes.get(&process) {
        Some(Doing::Operation(place)) => all.get_mut(*place),
        Some(Doing::UsedUp(_)) | None => None,
    };
    let is_its_own =
        |written: &&mut Written| written.operation.client == client && written.operation.function == f;
    let Some(written) = written.filter(is_its_own) else {
        return Err(HistoryError::NotBegun { line, function: f, client, process });
    };
    let (begun, began) = (written.begin_line, written.operation.began);
    if time < began {
        return Err(HistoryError::EndsBefore { line, time, begun, began });
    }
    written.operation.end(time, completion, value);
    written.end_line = Some(line);
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::to_json_lines;
    use super::*;

    fn line(time: u64, process: u64, kind: &str, function: &str) -> String {
        let line = json!({ "time": time, "process": process, "client": "a", "type": kind, "f": function, "value": time });
        format!("{line}\n")
    }

    fn refused(lines: &[(u64, u64, &str, &str)]) -> String {
        let text: String =
            lines.iter().map(|(time, process, kind, f)| line(*time, *process, kind, f)).collect();
        from_json_lines(&text).expect_err("it is none").to_string()
    }

    #[test]
    fn what_is_written_is_read_back() {
        let mut first = Operation::new("a", "send", SimTime(1), json!(["x"]));
        first.end(SimTime(5), Completion::Ok, json!({ "y": 1 }));
        let mut second = Operation::new("b", "poll", SimTime(2), Value::Null);
        second.end(SimTime(3), Completion::Info, Value::Null);
        let open = Operation::new("a", "poll", SimTime(7), Value::Null);
        let operations = vec![first, second, open];
        let text = to_json_lines(&operations);
        let read = from_json_lines(&text).unwrap();
        let lines: Vec<_> = read.iter().map(|one| (one.begin_line, one.end_line)).collect();
        assert_eq!(lines, [(1, Some(4)), (2, Some(3)), (5, None)]);
        assert_eq!(read.into_iter().map(|one| one.operation).collect::<Vec<_>>(), operations);
    }

    #[test]
    fn what_is_no_history_is_refused_and_where() {
        assert!(from_json_lines("{}\n").unwrap_err().to_string().starts_with("line 1 is not a line"));
        let busy = refused(&[(1, 0, "invoke", "send"), (2, 0, "invoke", "poll")]);
        assert!(busy.contains("has not ended what it began on line 1"), "{busy}");
        let again = refused(&[(1, 0, "invoke", "send"), (2, 0, "info", "send"), (3, 0, "invoke", "send")]);
        assert!(again.contains("`info` on line 2"), "{again}");
        assert!(refused(&[(1, 0, "ok", "send")]).contains("has not begun"));
        assert!(refused(&[(1, 0, "invoke", "send"), (2, 0, "ok", "poll")]).contains("ends `poll` of a"));
        assert!(refused(&[(5, 0, "invoke", "send"), (2, 0, "ok", "send")]).contains("what line 1 begins"));
    }
}
