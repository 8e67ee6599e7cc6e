use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};

use super::names;

/// Tells the installed recorder what each metric means; call it once, after installing one.
pub fn describe() {
    describe_requests();
    describe_cleaner();
}

fn describe_cleaner() {
    describe_gauge!(
        names::CLEANER_MAX_CLEAN_TIME,
        Unit::Seconds,
        "Time of the last compaction of a partition"
    );
    describe_gauge!(
        names::CLEANER_RECOPY_PERCENT,
        "Bytes that the last compaction kept, of 100 that it read"
    );
    describe_gauge!(
        names::CLEANER_BUFFER_UTILIZATION,
        "Memory for keys that the last compaction used, of 100"
    );
    describe_gauge!(names::CLEANER_DEAD_THREADS, "1 if compaction is on and its task has ended");
    describe_gauge!(names::CLEANER_MAX_DIRTY, "Dirty bytes, of 100, of the dirtiest partition that is due");
    describe_gauge!(
        names::CLEANER_SINCE_LAST_RUN,
        Unit::Milliseconds,
        "Time between the last two looks for work"
    );
    describe_gauge!(
        names::CLEANER_UNCLEANABLE_PARTITIONS,
        "Partitions that could not be compacted when it was last tried"
    );
}

fn describe_requests() {
    describe_counter!(names::REQUESTS, "Requests answered, by API");
    describe_counter!(names::REQUEST_ERRORS, "Error codes in answers, by API and code");
    describe_counter!(names::REQUEST_BYTES, Unit::Bytes, "Bytes of requests, by API");
    describe_counter!(names::RESPONSE_BYTES, Unit::Bytes, "Bytes of responses, by API");
    describe_histogram!(
        names::REQUEST_TOTAL_TIME,
        Unit::Milliseconds,
        "Time of a request, queue to last byte"
    );
}
