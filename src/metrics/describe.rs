use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};

use super::names;

/// Tells the installed recorder what each metric means; call it once, after installing one.
pub fn describe() {
    describe_requests();
    describe_counter!(names::CONNECTIONS_OPENED, "Connections accepted");
    describe_counter!(names::CONNECTIONS_CLOSED, "Connections that have ended");
    describe_counter!(names::CONNECTIONS_REFUSED, "Connections turned away at a cap");
    describe_gauge!(names::CONNECTIONS, "Connections that are open");
    describe_gauge!(names::REQUEST_MEMORY_USED, Unit::Bytes, "Memory that requests under way hold");
    describe_gauge!(
        names::REQUEST_MEMORY_AVAILABLE,
        Unit::Bytes,
        "Memory left for requests (queued.max.request.bytes)"
    );
    describe_counter!(names::MESSAGES_IN, "Records appended");
    describe_counter!(names::BYTES_IN, Unit::Bytes, "Bytes of record batches appended");
    describe_counter!(names::BYTES_OUT, Unit::Bytes, "Bytes of record batches sent to consumers");
    describe_counter!(names::BYTES_REJECTED, Unit::Bytes, "Bytes of record batches refused");
    describe_counter!(names::PRODUCE_REQUESTS, "Partitions handled in Produce requests");
    describe_counter!(names::FETCH_REQUESTS, "Partitions handled in Fetch requests");
    describe_counter!(names::FAILED_PRODUCE, "Partitions of Produce requests that failed");
    describe_counter!(names::FAILED_FETCH, "Partitions of Fetch requests that failed");
    describe_counter!(names::JOURNAL_COMMITS, "Durable writes of the journal");
    describe_counter!(names::JOURNAL_ENTRIES, "Entries made durable");
    describe_counter!(names::JOURNAL_BYTES, Unit::Bytes, "Bytes written to the journal");
    describe_counter!(names::JOURNAL_PADDING, Unit::Bytes, "Of these, bytes that only fill a block");
    describe_histogram!(names::JOURNAL_COMMIT_TIME, Unit::Seconds, "Time of one durable write");
    describe_counter!(names::JOURNAL_FAILURES, "Journal writes or syncs that failed; any is fatal");
    describe_gauge!(names::JOURNAL_USED, Unit::Bytes, "Bytes between the journal's trim point and its end");
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
    describe_histogram!(names::REQUEST_QUEUE_TIME, Unit::Milliseconds, "Time a request waited to be handled");
    describe_histogram!(names::REQUEST_LOCAL_TIME, Unit::Milliseconds, "Time a request's handling took");
    describe_histogram!(names::RESPONSE_SEND_TIME, Unit::Milliseconds, "Time a response waited to be sent");
}
