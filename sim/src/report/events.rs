//! The lines of a trace as events on lanes.
use std::collections::BTreeMap;

use serde::Serialize;

use super::operations::Told;
use crate::cluster::HISTORY;

/// What kind of event it is: how it is drawn, and what it is filtered by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// The process begins.
    Up,
    /// The process ends, or the machine with it.
    Down,
    Pause,
    Resume,
    /// Something goes wrong, or is planned to.
    Fault,
    /// It is made good again.
    Heal,
    Plan,
    Message,
    Connection,
    Disk,
    DiskError,
    Sent,
    Acknowledged,
    /// A client was told that its request has failed.
    Refused,
    /// A client was not told what became of its request.
    Unknown,
    Read,
    Commit,
    Note,
    /// What the node's own program logged.
    Log,
    Panic,
    Violation,
}

impl Kind {
    const ALL: [Kind; 21] = [
        Kind::Up,
        Kind::Down,
        Kind::Pause,
        Kind::Resume,
        Kind::Fault,
        Kind::Heal,
        Kind::Plan,
        Kind::Message,
        Kind::Connection,
        Kind::Disk,
        Kind::DiskError,
        Kind::Sent,
        Kind::Acknowledged,
        Kind::Refused,
        Kind::Unknown,
        Kind::Read,
        Kind::Commit,
        Kind::Note,
        Kind::Log,
        Kind::Panic,
        Kind::Violation,
    ];

    /// The names under which the script knows them, in the order of [`Kind::place`].
    pub(super) const NAMES: &[&str] = &[
        "up",
        "down",
        "pause",
        "resume",
        "fault",
        "heal",
        "plan",
        "message",
        "connection",
        "disk",
        "disk-error",
        "sent",
        "acknowledged",
        "refused",
        "unknown",
        "read",
        "commit",
        "note",
        "log",
        "panic",
        "violation",
    ];

    pub(super) fn place(self) -> usize {
        Kind::ALL.iter().position(|kind| *kind == self).expect("all kinds are in the list")
    }

    /// Whether there are thousands in a run.
    pub(super) fn is_frequent(self) -> bool {
        match self {
            Kind::Message
            | Kind::Connection
            | Kind::Disk
            | Kind::Sent
            | Kind::Acknowledged
            | Kind::Refused
            | Kind::Unknown
            | Kind::Read
            | Kind::Commit
            | Kind::Note
            | Kind::Log => true,
            Kind::Up
            | Kind::Down
            | Kind::Pause
            | Kind::Resume
            | Kind::Fault
            | Kind::Heal
            | Kind::Plan
            | Kind::DiskError
            | Kind::Panic
            | Kind::Violation => false,
        }
    }
}

/// Who has a lane.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub(super) struct Lane {
    pub(super) name: String,
    pub(super) role: Role,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Role {
    /// A node that listens or has a disk in use.
    Server,
    Client,
    /// What stands outside of all nodes.
    World,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Event<'a> {
    /// In nanoseconds.
    pub(super) time: u64,
    pub(super) kind: Kind,
    pub(super) lane: usize,
    /// The other end, if it is between two lanes.
    pub(super) peer: Option<usize>,
    pub(super) text: &'a str,
}

pub(super) struct Trace<'a> {
    pub(super) lanes: Vec<Lane>,
    pub(super) events: Vec<Event<'a>>,
}

impl<'a> Trace<'a> {
    /// Reads what is a line of a trace, and takes what the clients did: where that was told, the lines that tell the same are
    /// left out. Servers come first, the world last.
    pub(super) fn read(lines: &'a [String], told: &'a [Told]) -> Trace<'a> {
        let mut reading = Reading::default();
        let world = reading.lane("scenario");
        reading.lanes[world].role = Role::World;
        let mut events = Vec::with_capacity(lines.len());
        for line in lines {
            let Some((time, place, text)) = parts(line) else { continue };
            if place != HISTORY || told.is_empty() || text.starts_with(A_READ) {
                events.push(reading.event(time, place, text));
            }
        }
        events.extend(told.iter().map(|told| reading.told(told)));
        events.sort_by_key(|event: &Event<'_>| event.time);
        let Reading { lanes, .. } = reading;
        let mut order: Vec<usize> = (0..lanes.len()).collect();
        order.sort_by_key(|lane| (lanes[*lane].role, *lane));
        let mut places = vec![0; lanes.len()];
        for (place, lane) in order.iter().enumerate() {
            places[*lane] = place;
        }
        for event in &mut events {
            event.lane = places[event.lane];
            event.peer = event.peer.map(|peer| places[peer]);
        }
        Trace { lanes: order.iter().map(|lane| lanes[*lane].clone()).collect(), events }
    }
}

/// How a line begins that tells what a reader got.
const A_READ: &str = "reader ";

/// Time in nanoseconds, place, and what happened.
fn parts(line: &str) -> Option<(u64, &str, &str)> {
    let (time, rest) = line.trim().split_once(' ')?;
    let (place, text) = rest.trim_start().split_once(' ')?;
    Some((nanoseconds(time)?, place, text.trim()))
}

/// A time as traces write it.
pub(super) fn nanoseconds(time: &str) -> Option<u64> {
    let (seconds, nanos) = time.split_once('.')?;
    if nanos.len() != 9 {
        return None;
    }
    seconds.parse::<u64>().ok()?.checked_mul(1_000_000_000)?.checked_add(nanos.parse().ok()?)
}

/// The lanes found so far.
#[derive(Default)]
struct Reading<'a> {
    lanes: Vec<Lane>,
    names: BTreeMap<String, usize>,
    /// The lanes of the nodes in the order of their numbers.
    nodes: Vec<usize>,
    /// The two ends of each stream.
    streams: BTreeMap<&'a str, (usize, usize)>,
}

impl<'a> Reading<'a> {
    fn lane(&mut self, name: &str) -> usize {
        if let Some(lane) = self.names.get(name) {
            return *lane;
        }
        self.lanes.push(Lane { name: name.to_owned(), role: Role::Client });
        self.names.insert(name.to_owned(), self.lanes.len() - 1);
        self.lanes.len() - 1
    }

    fn event(&mut self, time: u64, place: &str, text: &'a str) -> Event<'a> {
        let (kind, lane, peer) = match place {
            "net" => self.of_network(text),
            "scenario" | "world" | HISTORY => {
                let (kind, lane) = self.of_scenario(text);
                (kind, lane, None)
            }
            node => {
                let lane = self.lane(node);
                let kind = of_node(text);
                if text == "node added" {
                    self.nodes.push(lane);
                }
                if text.starts_with("net listen") || kind == Kind::Disk {
                    self.lanes[lane].role = Role::Server;
                }
                (kind, lane, None)
            }
        };
        Event { time, kind, lane, peer, text }
    }

    /// What a client did is on its machine's lane, on the client's own, or the world's.
    fn told(&self, told: &'a Told) -> Event<'a> {
        let lane = told.lanes.iter().find_map(|name| self.names.get(name)).copied().unwrap_or(0);
        Event { time: told.time, kind: told.kind, lane, peer: None, text: &told.text }
    }

    fn of_network(&mut self, text: &'a str) -> (Kind, usize, Option<usize>) {
        let words: Vec<&'a str> = text.split(' ').collect();
        let known = |name: &str| self.names.get(name).copied();
        if let [from, ">", to, stream, what, ..] = words[..]
            && let (Some(from), Some(to)) = (known(from), known(to))
        {
            self.streams.insert(stream, (from, to));
            let kind = if what.starts_with('+') { Kind::Message } else { Kind::Connection };
            return (kind, from, Some(to));
        }
        if let Some((a, b)) = self.streams.get(words[0]) {
            return (Kind::Connection, *a, Some(*b));
        }
        // Faults name nodes by their numbers.
        let mut nodes = words.iter().filter_map(|word| self.nodes.get(word.parse::<usize>().ok()?).copied());
        let (lane, peer) = (nodes.next(), nodes.next());
        let heals = words[0] == "mend" || text.ends_with(" by 0 us");
        (if heals { Kind::Heal } else { Kind::Fault }, lane.unwrap_or(0), peer)
    }

    fn of_scenario(&self, text: &str) -> (Kind, usize) {
        let mut words = text.split(' ');
        let (first, second) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let number = || second.split('/').next()?.parse::<u32>().ok();
        let lane = |name: &str| self.names.get(name.trim_end_matches(':')).copied();
        let of = |name: String| lane(&name).unwrap_or(0);
        let somebody = || lane(first).or_else(|| lane(second)).unwrap_or(0);
        let producer = || of(number().map(|number| format!("producer-{number}")).unwrap_or_default());
        match first {
            "send" => (Kind::Sent, producer()),
            "sent" if text.contains("Acknowledged") => (Kind::Acknowledged, producer()),
            "sent" => (Kind::Unknown, producer()),
            "reader" => (Kind::Read, number().map_or(0, |number| of(reader(number)))),
            "commit" | "commit:" | "committed" => (Kind::Commit, somebody()),
            "heal" => (Kind::Heal, 0),
            "planned" => (Kind::Plan, 0),
            "WRONG:" | "FOUND:" => (Kind::Violation, 0),
            _ => (Kind::Note, somebody()),
        }
    }
}

/// Readers have numbers of their own, members of groups higher ones, and the last reader is the judge.
fn reader(number: u32) -> String {
    match number {
        60 => "slow-reader".to_owned(),
        70 => "prober".to_owned(),
        80 => "near-reader".to_owned(),
        0..100 => format!("reader-{number}"),
        100..1000 => format!("member-{}", number - 100),
        1000.. => "judge".to_owned(),
    }
}

fn of_node(text: &str) -> Kind {
    let mut words = text.split(' ');
    match (words.next().unwrap_or_default(), words.next().unwrap_or_default()) {
        ("started", _) => Kind::Up,
        ("crash", _) | ("power", "failure,") => Kind::Down,
        ("pause", _) => Kind::Pause,
        ("resume", _) => Kind::Resume,
        ("net", _) => Kind::Connection,
        ("log", _) => Kind::Log,
        ("task", _) if text.contains(" panicked") => Kind::Panic,
        ("clock", "drift") if text.ends_with(" 0 ppm") => Kind::Heal,
        ("clock", "frozen:") if text.ends_with("false") => Kind::Heal,
        ("clock", _) => Kind::Fault,
        ("disk", what) => of_disk(what, text),
        (_, _) => Kind::Note,
    }
}

/// An operation says how it went with its last word; everything else about a disk is a fault.
fn of_disk(what: &str, text: &str) -> Kind {
    const OPERATIONS: [&str; 14] = [
        "open",
        "list",
        "mkdir",
        "rmdir",
        "rename",
        "remove",
        "sync_dir",
        "sync_files",
        "read",
        "write",
        "durable",
        "sync",
        "set_len",
        "space",
    ];
    if OPERATIONS.contains(&what) {
        let is_usual = text.ends_with(" ok") || text.ends_with(" NotFound");
        return if is_usual { Kind::Disk } else { Kind::DiskError };
    }
    // A disk as large as any that is drawn.
    const WHOLE: u64 = 1 << 30;
    let room = text.strip_prefix("disk capacity ").and_then(|bytes| bytes.parse::<u64>().ok());
    let heals = text.ends_with("faults cleared")
        || text.ends_with("slower by 1")
        || room.is_some_and(|bytes| bytes >= WHOLE);
    // What is only prepared to go wrong has not gone wrong yet, and an image is looked at by nobody.
    let is_prepared = text.starts_with("disk trap ")
        || text.starts_with("disk next write of ")
        || text == "disk image taken";
    match () {
        () if heals || text.ends_with(" repaired") => Kind::Heal,
        () if is_prepared => Kind::Note,
        () => Kind::Fault,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &[&str]) -> Vec<(Kind, String, Option<String>)> {
        let lines: Vec<String> = lines.iter().map(|line| format!("1.000000002 {line}")).collect();
        let trace = Trace::read(&lines, &[]);
        let name = |lane: usize| trace.lanes[lane].name.clone();
        let seen = |event: &Event<'_>| (event.kind, name(event.lane), event.peer.map(name));
        trace.events.iter().map(seen).collect()
    }

    #[test]
    fn every_kind_has_its_name() {
        assert_eq!(Kind::ALL.len(), Kind::NAMES.len());
        assert_eq!(Kind::NAMES[Kind::DiskError.place()], "disk-error");
        assert_eq!(Kind::NAMES[Kind::Violation.place()], "violation");
    }

    #[test]
    fn lines_become_events_on_lanes() {
        let (some, at) = (|name: &str| Some(name.to_owned()), |name: &str| name.to_owned());
        let events = read(&[
            "admin node added",
            "producer-0 node added",
            "broker node added",
            "broker net listen 0.0.0.0:9092",
            "net producer-0 > broker s3 open",
            "net producer-0 > broker s3 +14 714dd5c5addc2b9a",
            "net s3 broken",
            "net cut 2 > 0",
            "net slow 2 > 1 by 0 us",
            "broker disk sync journal/1 Other",
            "broker disk stalls for 12 us",
            "broker power failure, 3 of 1000 unsynced kept",
            "scenario sent 0/1/2: Acknowledged(Some(Offset(4)))",
            "scenario the broker runs: well",
            "broker disk space \"\" ok",
            "broker disk image taken",
            "broker disk image restored",
            "broker disk trap Sync \"journal/\" after 3",
            "broker disk next write of \"journal/1\" misses by 2 sectors",
            "broker disk misdirects a write of \"journal/1\"",
            "broker disk \"journal/1\" repaired",
            "broker disk capacity 4096",
            "broker disk capacity 1099511627776",
            "scenario WRONG: all",
            "scenario FOUND: I1-lost-record: 0/1/2",
        ]);
        let expected = [
            (Kind::Note, at("admin"), None),
            (Kind::Note, at("producer-0"), None),
            (Kind::Note, at("broker"), None),
            (Kind::Connection, at("broker"), None),
            (Kind::Connection, at("producer-0"), some("broker")),
            (Kind::Message, at("producer-0"), some("broker")),
            (Kind::Connection, at("producer-0"), some("broker")),
            (Kind::Fault, at("broker"), some("admin")),
            (Kind::Heal, at("broker"), some("producer-0")),
            (Kind::DiskError, at("broker"), None),
            (Kind::Fault, at("broker"), None),
            (Kind::Down, at("broker"), None),
            (Kind::Acknowledged, at("producer-0"), None),
            (Kind::Note, at("broker"), None),
            (Kind::Disk, at("broker"), None),
            (Kind::Note, at("broker"), None),
            (Kind::Fault, at("broker"), None),
            (Kind::Note, at("broker"), None),
            (Kind::Note, at("broker"), None),
            (Kind::Fault, at("broker"), None),
            (Kind::Heal, at("broker"), None),
            (Kind::Fault, at("broker"), None),
            (Kind::Heal, at("broker"), None),
            (Kind::Violation, at("scenario"), None),
            (Kind::Violation, at("scenario"), None),
        ];
        assert_eq!(events, expected);
    }

    #[test]
    fn servers_come_first_and_what_is_no_event_is_left_out() {
        let lines = ["1.000000000 a node added", "no line", "", "2.000000000 b net listen x"];
        let lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
        let trace = Trace::read(&lines, &[]);
        let names: Vec<&str> = trace.lanes.iter().map(|lane| lane.name.as_str()).collect();
        assert_eq!((names, trace.events.len()), (vec!["b", "a", "scenario"], 2));
        assert_eq!(trace.events[1].time, 2_000_000_000);
    }

    #[test]
    fn what_clients_did_is_on_their_lanes() {
        let lines: Vec<String> = [
            "1.000000000 writer-0 node added",
            "1.000000001 scenario begun",
            "2.000000000 history send 0/1/2 to events-0",
            "2.500000000 history reader 3/1 got nothing",
            "4.000000000 scenario done",
        ]
        .map(str::to_owned)
        .to_vec();
        let told = |time, lanes: [&str; 2], kind, text: &str| Told {
            time,
            lanes: lanes.map(str::to_owned),
            kind,
            text: text.to_owned(),
        };
        let told = [
            told(2_000_000_000, ["writer-0", "producer-0"], Kind::Sent, "send: events-0 0/1/2"),
            told(3_000_000_000, ["", "nobody"], Kind::Acknowledged, "send ok"),
        ];
        let read = |told| {
            let trace = Trace::read(&lines, told);
            let seen = |event: &Event<'_>| (event.text.to_owned(), trace.lanes[event.lane].name.clone());
            trace.events.iter().map(seen).collect::<Vec<_>>()
        };
        let line = |text: &str, lane: &str| (text.to_owned(), lane.to_owned());
        let expected = [
            line("node added", "writer-0"),
            line("begun", "scenario"),
            line("send: events-0 0/1/2", "writer-0"),
            line("reader 3/1 got nothing", "scenario"),
            line("send ok", "scenario"),
            line("done", "scenario"),
        ];
        assert_eq!(read(&told), expected);
        assert_eq!(read(&[])[2], line("send 0/1/2 to events-0", "scenario"), "where nothing else tells it");
    }
}
