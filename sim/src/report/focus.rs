//! Where to look: the events that a violation speaks of, and the one to begin with.
use super::events::{Event, Kind, nanoseconds};

/// Indices of events.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Focus {
    /// Where to begin; nowhere only in an empty trace.
    pub(super) first: Option<usize>,
    /// What the violation speaks of, in order.
    pub(super) related: Vec<usize>,
}

/// How the line begins that a run ends with when it has failed.
const FOUND: &str = "FOUND: ";
/// A violation that speaks of more is not better understood.
const RELATED_MAX: usize = 200;

impl Focus {
    /// The first of these that there is: what was seen to be wrong at once, a panic, the time that the violation
    /// tells, the promise that it says was broken, where it was found, the end.
    pub(super) fn find(events: &[Event<'_>], violation: Option<&str>) -> Focus {
        let marks = violation.map(marks).unwrap_or_default();
        let speaks = |event: &&Event<'_>| {
            let of_kind = !event.text.starts_with(FOUND)
                && !matches!(event.kind, Kind::Message | Kind::Disk | Kind::Plan);
            of_kind && marks.records.iter().any(|record| mentions(event.text, record))
        };
        let is_told = |event: &Event<'_>| marks.times.contains(&event.time);
        let related: Vec<usize> = (0..events.len())
            .filter(|index| speaks(&&events[*index]) || is_told(&events[*index]))
            .take(RELATED_MAX)
            .collect();
        let first_of = |kind: Kind| events.iter().position(|event| event.kind == kind);
        let at_once = |event: &Event<'_>| event.kind == Kind::Violation && !event.text.starts_with(FOUND);
        let promise = || related.iter().copied().find(|index| events[*index].kind == Kind::Acknowledged);
        let first = events
            .iter()
            .position(at_once)
            .or_else(|| first_of(Kind::Panic))
            .or_else(|| events.iter().rposition(is_told))
            .or_else(promise)
            .or_else(|| related.last().copied())
            .or_else(|| first_of(Kind::Violation))
            .or_else(|| events.len().checked_sub(1));
        Focus { first, related }
    }
}

/// What a violation's text names.
#[derive(Default)]
struct Marks<'a> {
    /// Records: three numbers with slashes between them.
    records: Vec<&'a str>,
    times: Vec<u64>,
}

fn marks(text: &str) -> Marks<'_> {
    let mut marks = Marks::default();
    for word in text.split(|c: char| !c.is_ascii_digit() && c != '/' && c != '.') {
        let word = word.trim_matches(['.', '/']);
        let numbers = word.split('/').filter(|part| part.parse::<u32>().is_ok()).count();
        if numbers == 3 && word.matches('/').count() == 2 {
            marks.records.push(word);
        } else if let Some(time) = nanoseconds(word) {
            marks.times.push(time);
        }
    }
    marks
}

/// Whether the record stands there, and not as a part of a longer number.
fn mentions(text: &str, record: &str) -> bool {
    let is_part = |c: char| c.is_ascii_digit() || c == '/';
    text.match_indices(record)
        .any(|(at, _)| !text[..at].ends_with(is_part) && !text[at + record.len()..].starts_with(is_part))
}

#[cfg(test)]
mod tests {
    use super::super::events::Trace;
    use super::*;

    fn find(lines: &[&str], violation: &str) -> Focus {
        let lines: Vec<String> =
            (1..).zip(lines).map(|(second, line)| format!("{second}.000000000 {line}")).collect();
        Focus::find(&Trace::read(&lines, &[]).events, Some(violation))
    }

    #[test]
    fn the_promise_that_was_broken_is_looked_at() {
        let lines = [
            "producer-1 node added",
            "scenario send 1/1/2 to events-0",
            "scenario send 1/1/22 to events-0",
            "scenario sent 1/1/2: Acknowledged(Some(Offset(1)))",
            "broker power failure, 0 of 1000 unsynced kept",
        ];
        let focus = find(&lines, "1/1/2 was acknowledged at events-0 1, which ends at 1");
        assert_eq!(focus, Focus { first: Some(3), related: vec![1, 3] });
    }

    #[test]
    fn what_was_seen_at_once_and_what_has_a_time_come_before() {
        let lines = ["broker node added", "scenario WRONG: x", "broker task t panicked: y", "world end"];
        assert_eq!(find(&lines, "x").first, Some(1));
        assert_eq!(find(&[lines[0], lines[2], lines[3]], "y").first, Some(1));
        let timed =
            find(&[lines[0], lines[0], lines[3]], "events-0 5 at 2.000000000: a value that nobody wrote");
        assert_eq!(timed, Focus { first: Some(1), related: vec![1] });
        assert_eq!(find(&[lines[0], lines[3]], "something else").first, Some(1));
        let found = find(&[lines[0], "scenario FOUND: I16-stuck: x", lines[3]], "x");
        assert_eq!(found.first, Some(1), "and not the end");
    }
}
