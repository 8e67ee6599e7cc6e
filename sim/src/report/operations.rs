//! What the clients did, in words: what each asked for, and what it was told.
use serde_json::Value;

use super::events::Kind;
use crate::history::{Completion, Operation};

/// The beginning of an operation, or its end.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Told {
    /// In nanoseconds.
    pub(super) time: u64,
    /// The names of the lane, the first of which there is.
    pub(super) lanes: [String; 2],
    pub(super) kind: Kind,
    pub(super) text: String,
}

/// Who stands outside of the cluster; what that one does stands among the faults already.
const OPERATOR: &str = "operator";

impl Told {
    /// All of them, each operation's two ends after each other.
    pub(super) fn of_all(operations: &[Operation]) -> Vec<Told> {
        operations.iter().filter(|one| one.client != OPERATOR).flat_map(Told::of).collect()
    }

    fn of(operation: &Operation) -> impl Iterator<Item = Told> {
        let function = &*operation.function;
        let told = |time, kind, how: &str, value: &Value| Told {
            time,
            lanes: [operation.machine.clone().unwrap_or_default(), operation.client.clone()],
            kind,
            text: format!("{function}{how}: {}", plain(function, value)),
        };
        let begins = told(operation.began.0, asked(function), "", &operation.value);
        let ends = operation.ended.as_ref().map(|(time, completion, value)| match completion {
            Completion::Ok => told(time.0, answered(function), " ok", value),
            Completion::Fail => told(time.0, Kind::Refused, " failed", value),
            Completion::Info => told(time.0, Kind::Unknown, " unknown", value),
        });
        // What a poll has brought stands in the lines, a partition each.
        let is_in_lines =
            function == "poll" && matches!(operation.ended, None | Some((_, Completion::Ok, _)));
        [Some(begins), ends].into_iter().flatten().filter(move |_| !is_in_lines)
    }
}

fn asked(function: &str) -> Kind {
    if function == "commit" { Kind::Commit } else { Kind::Sent }
}

/// What changes something is acknowledged, what looks at something is read.
fn answered(function: &str) -> Kind {
    match function {
        "send" | "commit" | "change-topic" | "delete-records" | "init-producer-id" | "join" => {
            Kind::Acknowledged
        }
        _ => Kind::Read,
    }
}

/// A value without the marks that only a machine needs, and without the function's own name.
fn plain(function: &str, value: &Value) -> String {
    let mut text = String::new();
    put(value, &mut text);
    let text = text.trim();
    text.strip_prefix(function).map_or(text, str::trim_start).to_owned()
}

fn put(value: &Value, text: &mut String) {
    match value {
        Value::Null => text.push('-'),
        Value::String(word) => text.push_str(word),
        Value::Bool(_) | Value::Number(_) => text.push_str(&value.to_string()),
        Value::Array(all) => {
            for (index, one) in all.iter().enumerate() {
                if index > 0 {
                    text.push(' ');
                }
                put(one, text);
            }
        }
        Value::Object(all) => {
            for (index, (name, one)) in all.iter().enumerate() {
                if index > 0 {
                    text.push_str(", ");
                }
                text.push_str(name);
                text.push(' ');
                put(one, text);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::time::SimTime;

    fn told(operation: &Operation) -> Vec<(u64, Kind, String)> {
        Told::of(operation).map(|told| (told.time, told.kind, told.text)).collect()
    }

    #[test]
    fn what_was_asked_and_what_was_told_are_in_words() {
        let mut send =
            Operation::new("producer-1", "send", SimTime(5), json!([["send", "events-0", "1/1/9"]]));
        send.end(SimTime(9), Completion::Ok, json!([["send", "events-0", [17, "1/1/9"]]]));
        let expected = [
            (5, Kind::Sent, "send: events-0 1/1/9".to_owned()),
            (9, Kind::Acknowledged, "send ok: events-0 17 1/1/9".to_owned()),
        ];
        assert_eq!(told(&send), expected);
        let mut commit =
            Operation::new("group", "commit", SimTime(5), json!({ "events-0": 4, "events-1": 5 }));
        commit.end(SimTime(6), Completion::Fail, Value::Null);
        let expected = [
            (5, Kind::Commit, "commit: events-0 4, events-1 5".to_owned()),
            (6, Kind::Refused, "commit failed: -".to_owned()),
        ];
        assert_eq!(told(&commit), expected);
        let mut poll = Operation::new("reader-0", "poll", SimTime(5), json!([["poll"]]));
        assert_eq!(told(&poll), []);
        poll.end(SimTime(7), Completion::Info, json!([["poll"]]));
        assert_eq!(told(&poll).len(), 2, "what it has brought, nobody knows");
        let heal = Operation::new(OPERATOR, "heal", SimTime(5), Value::Null);
        assert_eq!(Told::of_all(&[heal]), []);
    }
}
