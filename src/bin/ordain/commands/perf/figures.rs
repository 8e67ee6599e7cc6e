use std::time::Duration;

use hdrhistogram::Histogram;
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::output::{self, Format};

/// An hour: what takes longer counts as that long.
const MICROS_MAX: u64 = 3_600_000_000;

/// Latencies in microseconds, to three digits.
#[derive(Clone)]
pub struct Latencies(Histogram<u64>);

impl Latencies {
    pub fn new() -> Latencies {
        Latencies(Histogram::new_with_bounds(1, MICROS_MAX, 3).expect("the bounds and digits are allowed"))
    }

    pub fn record(&mut self, latency: Duration) {
        let micros = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX).max(1);
        self.0.saturating_record(micros);
    }

    pub fn merge(&mut self, other: &Latencies) {
        self.0.add(&other.0).expect("both histograms have the same bounds");
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// In milliseconds.
    fn at(&self, quantile: f64) -> f64 {
        self.0.value_at_quantile(quantile) as f64 / 1000.0
    }

    fn json(&self) -> Value {
        json!({
            "min": self.0.min() as f64 / 1000.0, "mean": self.0.mean() / 1000.0,
            "p50": self.at(0.5), "p90": self.at(0.9), "p99": self.at(0.99),
            "p99.9": self.at(0.999), "p99.99": self.at(0.9999), "max": self.at(1.0),
        })
    }

    fn line(&self) -> String {
        format!(
            "p50 {:.2} ms   p99 {:.2} ms   p99.9 {:.2} ms   max {:.2} ms",
            self.at(0.5),
            self.at(0.99),
            self.at(0.999),
            self.at(1.0)
        )
    }
}

/// This process's CPU time.
#[derive(Clone, Copy)]
pub struct Cpu {
    user: Duration,
    system: Duration,
}

impl Cpu {
    pub fn now() -> Cpu {
        // SAFETY: all zeroes is a valid rusage, and the pointer is to a live one.
        let usage = unsafe {
            let mut usage: libc::rusage = std::mem::zeroed();
            libc::getrusage(libc::RUSAGE_SELF, &raw mut usage);
            usage
        };
        let duration = |time: libc::timeval| {
            Duration::new(
                u64::try_from(time.tv_sec).unwrap_or(0),
                u32::try_from(time.tv_usec).unwrap_or(0).saturating_mul(1000),
            )
        };
        Cpu { user: duration(usage.ru_utime), system: duration(usage.ru_stime) }
    }

    fn since(self, earlier: Cpu) -> Cpu {
        Cpu {
            user: self.user.saturating_sub(earlier.user),
            system: self.system.saturating_sub(earlier.system),
        }
    }
}

/// What a measurement found.
pub struct Figures {
    pub what: &'static str,
    pub topic: String,
    pub records: u64,
    /// Of record batches, as they travel.
    pub bytes: u64,
    pub requests: u64,
    pub errors: u64,
    pub first_error: Option<String>,
    pub took: Duration,
    /// At the start of the measurement.
    pub cpu_before: Cpu,
    pub latencies: Latencies,
    pub latency_of: &'static str,
    /// Other latencies, each with its name in JSON and for people; empty ones are not told.
    pub more: Vec<(&'static str, &'static str, Latencies)>,
    /// The settings, for the record.
    pub settings: Value,
}

impl Figures {
    /// Prints them; an error if anything failed.
    pub fn report(&self, format: Format) -> Result<(), Failure> {
        let cpu = Cpu::now().since(self.cpu_before);
        let seconds = self.took.as_secs_f64().max(1e-9);
        let records_per_second = self.records as f64 / seconds;
        let mb_per_second = self.bytes as f64 / 1e6 / seconds;
        let cpu_seconds = (cpu.user + cpu.system).as_secs_f64();
        let more: Vec<_> = self.more.iter().filter(|(_, _, latencies)| !latencies.is_empty()).collect();
        match format {
            Format::Json => output::json(&json!({
                "what": self.what, "topic": self.topic, "settings": self.settings,
                "seconds": seconds, "records": self.records, "bytes": self.bytes, "requests": self.requests,
                "errors": self.errors, "first_error": self.first_error,
                "records_per_second": records_per_second, "mb_per_second": mb_per_second,
                "mib_per_second": self.bytes as f64 / f64::from(1 << 20) / seconds,
                "cpu_user_seconds": cpu.user.as_secs_f64(), "cpu_system_seconds": cpu.system.as_secs_f64(),
                "cpu_cores": cpu_seconds / seconds,
                "latency_of": self.latency_of,
                "latency_ms": if self.latencies.is_empty() { Value::Null } else { self.latencies.json() },
                "more_latency_ms": more.iter().map(|(name, _, latencies)| ((*name).to_owned(), latencies.json()))
                    .collect::<serde_json::Map<_, _>>(),
            }))?,
            Format::Human => {
                output::line(format_args!(
                    "{:.0} records/s   {mb_per_second:.1} MB/s   {} records, {} in {seconds:.2} s",
                    records_per_second,
                    output::count(self.records),
                    output::bytes(self.bytes),
                ))?;
                if !self.latencies.is_empty() {
                    output::line(format_args!("{}: {}", self.latency_of, self.latencies.line()))?;
                }
                for (_, of, latencies) in more {
                    output::line(format_args!("{of}: {}", latencies.line()))?;
                }
                output::line(format_args!(
                    "own CPU: {cpu_seconds:.2} s ({:.2} user, {:.2} system), {:.2} cores",
                    cpu.user.as_secs_f64(),
                    cpu.system.as_secs_f64(),
                    cpu_seconds / seconds
                ))?;
            }
        }
        if self.errors == 0 {
            return Ok(());
        }
        let first = self.first_error.as_deref().unwrap_or("(none told)");
        Err(Failure::Message(format!(
            "{} failed; the first: {first}",
            output::plural(self.errors as usize, "request")
        )))
    }
}
