//! One page that shows a failure: a lane for each node and client, and on them what happened, from the lines of
//! the trace. It stands alone: no other file, no network, nothing to install.
//!
//! `events` reads the lines, `operations` puts into words what the clients did, `focus` finds where to look, this file writes the page, whose script
//! (`model.js`, `replicas.js`, `timeline.js`, `view.js`) draws it. What a run said only ever reaches the page as JSON in which
//! no `<` stands, and the script only ever shows it as text.
use std::collections::BTreeSet;

use serde::Serialize;

use crate::history::Operation;
use crate::standings::ReplicaLife;

mod events;
mod focus;
mod operations;
mod replicas;

use events::{Event, Kind, Lane, Trace};
use focus::Focus;
use operations::Told;
use replicas::Replicas;

/// What a page shows.
pub struct Page<'a> {
    /// What was run, in a few words.
    pub title: &'a str,
    /// The command that shows the run again.
    pub replay: &'a str,
    /// What was found, if anything.
    pub violation: Option<Finding<'a>>,
    /// The case, as it is kept.
    pub case_json: &'a str,
    /// The trace's lines: time, place, what.
    pub lines: &'a [String],
    /// What the clients did.
    pub operations: &'a [Operation],
    /// How much the world made go wrong, as it counts; nothing of a run that did not live to say it.
    pub faults: Option<u64>,
    /// How the replicas stood, if there were some.
    pub replicas: &'a [ReplicaLife],
}

/// What was found, and by whom.
#[derive(Clone, Copy, Serialize)]
pub struct Finding<'a> {
    /// The checker's lasting name.
    pub checker: &'a str,
    pub text: &'a str,
}

/// No page holds more events: a browser shows these at once.
const EVENTS_MAX: usize = 40_000;
/// Nor more standings of replicas.
const STANDINGS_MAX: usize = 40_000;
/// Of one event's text, and of the violation's.
const TEXT_BYTES_MAX: usize = 1_000;
/// Of the case.
const CASE_BYTES_MAX: usize = 512 << 10;

/// What the script reads.
#[derive(Serialize)]
struct Data<'a> {
    title: &'a str,
    replay: &'a str,
    violation: Option<Finding<'a>>,
    case: &'a str,
    kinds: &'static [&'static str],
    lanes: &'a [Lane],
    /// Time in nanoseconds, kind, lane, the other lane or -1, text.
    events: Vec<(u64, usize, usize, i64, &'a str)>,
    replicas: Replicas<'a>,
    /// What has gone wrong because the world made it, as `run` counts it.
    faults: Option<u64>,
    /// How many events there were.
    total: usize,
    /// Between these times nothing is left out.
    whole: (u64, u64),
    end: u64,
    /// The event to look at first.
    focus: Option<usize>,
    /// The events that the violation speaks of.
    related: Vec<usize>,
}

/// The whole page.
#[must_use]
pub fn page(page: &Page<'_>) -> String {
    let told = Told::of_all(page.operations);
    let trace = Trace::read(page.lines, &told);
    let focus = Focus::find(&trace.events, page.violation.map(|violation| violation.text));
    let kept = keep(&trace.events, &focus, EVENTS_MAX);
    let end = trace.events.last().map_or(0, |event| event.time);
    let centre = focus.first.map_or(end, |index| trace.events[index].time);
    let place = |index: usize| kept.indices.binary_search(&index).ok();
    let data = Data {
        title: page.title,
        replay: page.replay,
        violation: page
            .violation
            .map(|found| Finding { text: shortened(found.text, 4 * TEXT_BYTES_MAX), ..found }),
        case: shortened(page.case_json, CASE_BYTES_MAX),
        kinds: Kind::NAMES,
        lanes: &trace.lanes,
        events: kept.indices.iter().map(|index| row(&trace.events[*index])).collect(),
        replicas: replicas::rows(page.replicas, &trace.lanes, centre, STANDINGS_MAX),
        faults: page.faults,
        total: trace.events.len(),
        whole: kept.whole,
        end,
        focus: focus.first.and_then(place),
        related: focus.related.iter().filter_map(|index| place(*index)).collect(),
    };
    let json = serde_json::to_string(&data).expect("plain data").replace('<', "\\u003c");
    let script = [
        include_str!("model.js"),
        include_str!("replicas.js"),
        include_str!("timeline.js"),
        include_str!("view.js"),
    ]
    .concat();
    fill(
        include_str!("page.html"),
        &[
            ("{{title}}", &escaped(page.title)),
            ("{{style}}", include_str!("page.css")),
            ("{{data}}", &json),
            ("{{script}}", &script),
        ],
    )
}

fn row<'a>(event: &Event<'a>) -> (u64, usize, usize, i64, &'a str) {
    let peer = event.peer.and_then(|peer| i64::try_from(peer).ok()).unwrap_or(-1);
    (event.time, event.kind.place(), event.lane, peer, shortened(event.text, TEXT_BYTES_MAX))
}

/// Replaces each mark, which stands in the template once; what is put in is not looked at again.
fn fill(template: &str, marks: &[(&str, &str)]) -> String {
    let mut page = String::new();
    let mut rest = template;
    for (mark, text) in marks {
        let (before, after) = rest.split_once(mark).expect("the template has every mark, in this order");
        page.push_str(before);
        page.push_str(text);
        rest = after;
    }
    page + rest
}

/// Text that means itself in HTML.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn shortened(text: &str, bytes_max: usize) -> &str {
    &text[..text.floor_char_boundary(bytes_max)]
}

/// Which events the page holds.
struct Kept {
    /// In order.
    indices: Vec<usize>,
    whole: (u64, u64),
}

/// Everything if it is not too much; else what the violation speaks of, what is rare, and of the rest what is
/// nearest to the focus.
fn keep(events: &[Event<'_>], focus: &Focus, most: usize) -> Kept {
    let end = events.last().map_or(0, |event| event.time);
    if events.len() <= most {
        return Kept { indices: (0..events.len()).collect(), whole: (0, end) };
    }
    let centre = focus.first.map_or(end, |index| events[index].time);
    let related: BTreeSet<usize> = focus.related.iter().copied().chain(focus.first).collect();
    let mut order: Vec<usize> = (0..events.len()).collect();
    let worth = |index: usize| {
        let event = &events[index];
        (!related.contains(&index), event.kind.is_frequent(), event.time.abs_diff(centre), index)
    };
    order.sort_by_key(|index| worth(*index));
    let reach = order.get(most).map_or(end, |index| events[*index].time.abs_diff(centre));
    order.truncate(most);
    order.sort_unstable();
    Kept { indices: order, whole: (centre.saturating_sub(reach), centre.saturating_add(reach).min(end)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::standings::Standing;
    use crate::time::SimTime;

    fn lines(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn a_page_stands_alone_and_means_what_it_is_given_as_text() {
        let evil = "</script><img src=x onerror=alert(1)>{{script}}";
        let lines = lines(&["0.000000000 broker node added", &format!("0.000000001 scenario {evil}")]);
        let violation = Some(Finding { checker: "I1-lost-record", text: evil });
        let html = page(&Page {
            title: evil,
            replay: evil,
            violation,
            case_json: evil,
            lines: &lines,
            operations: &[],
            faults: Some(3),
            replicas: &[],
        });
        assert!(!html.contains("<img") && html.matches("</script>").count() == 2, "{html}");
        assert!(!html.contains("http:") && !html.contains("https:") && !html.contains("url("));
        assert!(html.contains("default-src 'none'"));
    }

    #[test]
    fn a_long_trace_makes_a_bounded_page() {
        let many: Vec<String> = (0..3 * EVENTS_MAX)
            .map(|number| format!("{number}.000000000 broker disk read f at 0 +1 0123456789abcdef ok"))
            .collect();
        let standing = |number: usize| Standing {
            time: SimTime(u64::try_from(number).unwrap() * 1_000_000),
            role: "follower",
            epoch: 7,
            log_end: 1_000_000,
            high_watermark: 1_000_000,
        };
        let replicas = [ReplicaLife {
            node: "broker".to_owned(),
            partition: "events-0".to_owned(),
            standings: (0..3 * STANDINGS_MAX).map(standing).collect(),
        }];
        let (replay, case_json) = ("r", "{}");
        let html = page(&Page {
            title: "t",
            replay,
            violation: None,
            case_json,
            lines: &many,
            operations: &[],
            faults: Some(0),
            replicas: &replicas,
        });
        assert!(html.len() < 200 * EVENTS_MAX + 60 * STANDINGS_MAX, "{} bytes", html.len());
        assert!(html.contains("events-0") && html.contains("follower"));
    }

    #[test]
    fn of_too_many_events_the_rare_and_the_near_are_kept() {
        let mut texts = vec!["0.000000000 broker started".to_owned(), "1.000000000 broker crash".to_owned()];
        texts.extend((2..100).map(|second| format!("{second}.000000000 broker disk sync f ok")));
        texts[50] = "50.000000000 scenario WRONG: something".to_owned();
        let trace = Trace::read(&texts, &[]);
        let focus = Focus::find(&trace.events, None);
        let kept = keep(&trace.events, &focus, 7);
        assert_eq!(kept.indices, [0, 1, 48, 49, 50, 51, 52]);
        assert_eq!(kept.whole, (47_000_000_000, 53_000_000_000));
    }
}
