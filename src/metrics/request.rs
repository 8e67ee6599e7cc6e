use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use metrics::{Counter, Histogram, counter, histogram};

use super::names;
use crate::types::ErrorCode;

/// Counts and times of requests by API.
#[derive(Debug)]
pub struct RequestMetrics {
    /// By API key; `None` for one that is not served.
    by_api: Vec<Option<ApiMetrics>>,
}

#[derive(Debug)]
struct ApiMetrics {
    name: &'static str,
    requests: Counter,
    request_bytes: Counter,
    response_bytes: Counter,
    total_time: Histogram,
    /// By error code, filled as codes are met.
    errors: Mutex<BTreeMap<i16, Counter>>,
}

impl RequestMetrics {
    /// Handles for these APIs, given by key and name (`Produce`).
    ///
    /// # Panics
    /// If a key is negative: keys come from the table of APIs.
    #[must_use]
    pub fn new(apis: impl IntoIterator<Item = (i16, &'static str)>) -> RequestMetrics {
        let mut by_api = Vec::new();
        for (key, name) in apis {
            let at = usize::try_from(key).expect("an API's key is not negative");
            if by_api.len() <= at {
                by_api.resize_with(at + 1, || None);
            }
            by_api[at] = Some(ApiMetrics::new(name));
        }
        RequestMetrics { by_api }
    }

    /// A request of this API has been answered, `took` after its frame was there. Keys that are not served count
    /// nowhere.
    pub fn answered(&self, api_key: i16, took: Duration, request_bytes: usize, response_bytes: usize) {
        let Some(api) = self.api(api_key) else { return };
        api.requests.increment(1);
        api.request_bytes.increment(request_bytes as u64);
        api.response_bytes.increment(response_bytes as u64);
        api.total_time.record(milliseconds(took));
    }

    /// An answer carried `error` (`NONE` counts too, as in Kafka): once for each time it occurs.
    pub fn error(&self, api_key: i16, error: ErrorCode) {
        let Some(api) = self.api(api_key) else { return };
        let mut errors = api.errors.lock().unwrap_or_else(PoisonError::into_inner);
        let name = api.name;
        errors
            .entry(error.code())
            .or_insert_with(|| counter!(names::REQUEST_ERRORS, "request" => name, "error" => error.name()))
            .increment(1);
    }

    fn api(&self, api_key: i16) -> Option<&ApiMetrics> {
        self.by_api.get(usize::try_from(api_key).ok()?)?.as_ref()
    }
}

impl ApiMetrics {
    fn new(name: &'static str) -> ApiMetrics {
        ApiMetrics {
            name,
            requests: counter!(names::REQUESTS, "request" => name),
            request_bytes: counter!(names::REQUEST_BYTES, "request" => name),
            response_bytes: counter!(names::RESPONSE_BYTES, "request" => name),
            total_time: histogram!(names::REQUEST_TOTAL_TIME, "request" => name),
            errors: Mutex::new(BTreeMap::new()),
        }
    }
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}
