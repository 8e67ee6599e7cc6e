use super::exposition::Exposition;
use super::names;

/// What a node counts itself, to be written out for a scrape.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct NodeFigures {
    pub listeners: Vec<ListenerFigures>,
    pub request_memory_used_bytes: u64,
    pub request_memory_available_bytes: u64,
    pub fetch_memory_used_bytes: u64,
    pub fetch_memory_available_bytes: u64,
    /// Of the newest records, with the frames that they came in; a moment's excess is allowed.
    pub tail_memory_used_bytes: u64,
    pub tail_memory_available_bytes: u64,
    pub journal: JournalFigures,
    /// Whether something to be written finds no room on the disk.
    pub disk_is_full: bool,
    /// Whether something to be written behind the journal is refused by the disk for another reason.
    pub disk_fails: bool,
    /// Whether the journal's disk is too slow for this node to lead.
    pub disk_is_slow: bool,
    /// Places with stored records that readers found damaged since the start.
    pub unreadable_places: u64,
    pub repaired_segments: u64,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ListenerFigures {
    pub listener: String,
    /// Connections that are open now.
    pub open: usize,
    /// Connections taken since the start.
    pub accepted: usize,
    /// Connections turned away at a cap since the start.
    pub refused: usize,
}

/// Counted since the start, but what says "now".
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct JournalFigures {
    pub commits: u64,
    pub entries: u64,
    pub bytes: u64,
    /// How often a commit had to wait for a checkpoint.
    pub full_waits: u64,
    /// Bytes that wait for a commit, now.
    pub queued_bytes: u64,
    /// Files in use and in all, now.
    pub files_live: u64,
    pub files_total: u64,
    pub has_failed: bool,
}

impl NodeFigures {
    /// The figures in Prometheus' text format.
    #[must_use]
    pub fn render(&self) -> String {
        let mut out = Exposition::default();
        out.gauge(names::CONNECTIONS, "Connections that are open");
        for l in &self.listeners {
            out.sample(names::CONNECTIONS, &[("listener", &l.listener)], l.open);
        }
        out.counter(names::CONNECTIONS_OPENED, "Connections accepted");
        for l in &self.listeners {
            out.sample(names::CONNECTIONS_OPENED, &[("listener", &l.listener)], l.accepted);
        }
        out.counter(names::CONNECTIONS_REFUSED, "Connections turned away at a cap");
        for l in &self.listeners {
            out.sample(names::CONNECTIONS_REFUSED, &[("listener", &l.listener)], l.refused);
        }
        let j = &self.journal;
        for (name, help, value) in [
            (names::JOURNAL_COMMITS, "Durable writes of the journal", j.commits),
            (names::JOURNAL_ENTRIES, "Entries made durable", j.entries),
            (names::JOURNAL_BYTES, "Bytes written to the journal", j.bytes),
            (names::JOURNAL_FULL_WAITS, "Commits that had to wait for a checkpoint", j.full_waits),
        ] {
            out.counter(name, help);
            out.sample(name, &[], value);
        }
        for (name, help, value) in self.gauges() {
            out.gauge(name, help);
            out.sample(name, &[], value);
        }
        out.0
    }

    fn gauges(&self) -> [(&'static str, &'static str, u64); 15] {
        let j = &self.journal;
        [
            (
                names::REQUEST_MEMORY_USED,
                "Memory that requests under way hold",
                self.request_memory_used_bytes,
            ),
            (
                names::REQUEST_MEMORY_AVAILABLE,
                "Memory left for requests",
                self.request_memory_available_bytes,
            ),
            (
                names::FETCH_MEMORY_USED,
                "Memory of records on their way to consumers",
                self.fetch_memory_used_bytes,
            ),
            (
                names::FETCH_MEMORY_AVAILABLE,
                "Memory left for records on their way to consumers",
                self.fetch_memory_available_bytes,
            ),
            (
                names::TAIL_MEMORY_USED,
                "Memory of the newest records, with the requests they came in",
                self.tail_memory_used_bytes,
            ),
            (
                names::TAIL_MEMORY_AVAILABLE,
                "Memory left for the newest records",
                self.tail_memory_available_bytes,
            ),
            (names::JOURNAL_QUEUED, "Bytes that wait for a commit", j.queued_bytes),
            (names::JOURNAL_FILES_LIVE, "Journal files in use", j.files_live),
            (names::JOURNAL_FILES, "Journal files in all", j.files_total),
            (
                names::JOURNAL_FAILED,
                "1 if the journal has failed, and the node with it",
                u64::from(j.has_failed),
            ),
            (
                names::DISK_FULL,
                "1 while something to be written finds no room on the disk",
                u64::from(self.disk_is_full),
            ),
            (
                names::DISK_FAILS,
                "1 while the disk fails to take segments or the checkpoint, though it may have room",
                u64::from(self.disk_fails),
            ),
            (
                names::DISK_SLOW,
                "1 while the journal's disk is too slow for this node to lead: others lead what it led, as far as they can",
                u64::from(self.disk_is_slow),
            ),
            (
                names::UNREADABLE_PLACES,
                "Places with stored records that readers found damaged since the start; the log names them",
                self.unreadable_places,
            ),
            (
                names::REPAIRED_SEGMENTS,
                "Segments that were written again since the start with what other nodes hold",
                self.repaired_segments,
            ),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_and_gauges_are_told_apart() {
        let figures = NodeFigures {
            listeners: vec![ListenerFigures {
                listener: "PLAINTEXT".to_owned(),
                open: 2,
                accepted: 5,
                refused: 0,
            }],
            request_memory_used_bytes: 1,
            request_memory_available_bytes: 9,
            fetch_memory_used_bytes: 5,
            fetch_memory_available_bytes: 6,
            tail_memory_used_bytes: 7,
            tail_memory_available_bytes: 8,
            journal: JournalFigures { commits: 4, has_failed: true, ..JournalFigures::default() },
            disk_is_full: true,
            disk_fails: false,
            disk_is_slow: true,
            unreadable_places: 3,
            repaired_segments: 2,
        };
        let text = figures.render();
        for line in [
            "kafka_server_socket_server_metrics_connection_count{listener=\"PLAINTEXT\"} 2",
            "# TYPE ordain_journal_commits_total counter",
            "ordain_journal_commits_total 4",
            "# TYPE ordain_journal_failed gauge",
            "ordain_journal_failed 1",
            "ordain_disk_full 1",
            "ordain_fetch_memory_used_bytes 5",
            "ordain_fetch_memory_available_bytes 6",
            "ordain_tail_memory_used_bytes 7",
            "ordain_tail_memory_available_bytes 8",
            "ordain_disk_fails 0",
            "ordain_disk_slow 1",
            "ordain_unreadable_places 3",
            "ordain_repaired_segments 2",
            "kafka_network_socketserver_memorypoolavailable 9",
        ] {
            assert!(text.lines().any(|l| l == line), "{line} is missing in:\n{text}");
        }
    }
}
