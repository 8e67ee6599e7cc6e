use std::time::{Duration, Instant};

use super::super::workers::Progress;
use super::fetching::{FetchSpec, Fetching};
use super::outcome::Outcome;
use super::poller::Poller;
use super::producing::{Due, Pace, ProduceSpec, Producing};
use super::taking::{Counting, Marks};
use crate::failure::Failure;

/// How long a wait lasts at most: whether to stop is asked that often.
const WAIT_MAX: Duration = Duration::from_millis(50);
/// How long consumers have to get what was acknowledged.
const CONSUMED_WITHIN: Duration = Duration::from_secs(10);

/// A measurement.
#[derive(Clone)]
pub struct Spec {
    pub produce: Option<ProduceSpec>,
    pub fetch: Option<FetchSpec>,
    /// How long a produce request may take.
    pub answer_within: Duration,
}

/// Runs one thread's part, which is every `of`-th connection beginning with number `part`.
///
/// # Errors
/// A connection that cannot be opened. What fails later stands in the outcome, and stops all.
pub fn run(spec: &Spec, part: usize, of: usize, shared: &Progress) -> Result<Outcome, Failure> {
    let mut engine = Engine::open(spec, part, of)?;
    shared.begin(of);
    if let Err(error) = engine.run(shared) {
        engine.outcome.failed(error);
        shared.stop();
    }
    Ok(engine.outcome)
}

struct Engine<'a> {
    spec: &'a Spec,
    poller: Poller,
    /// By token: producers first, then fetchers.
    producers: Vec<Producing>,
    fetchers: Vec<Fetching>,
    schedule: Option<Schedule>,
    began: Instant,
    outcome: Outcome,
}

/// What is due when, in an open loop.
#[derive(Clone, Copy)]
struct Schedule {
    rate: f64,
    count: u64,
    warm_up: u64,
    marked: bool,
    next: u64,
}

impl Schedule {
    /// When the next is due, after the beginning; `None` when all has been sent.
    fn due(&self) -> Option<Duration> {
        (self.next < self.count).then(|| Duration::from_secs_f64(self.next as f64 / self.rate))
    }
}

impl Engine<'_> {
    fn open(spec: &Spec, part: usize, of: usize) -> Result<Engine<'_>, Failure> {
        let poller = Poller::new().map_err(|error| {
            Failure::Message(format!("cannot make an epoll set: {error}; try fewer threads"))
        })?;
        let mine = |connections: usize| (part..connections).step_by(of);
        let mut producers = Vec::new();
        let mut schedule = None;
        if let Some(produce) = &spec.produce {
            for number in mine(produce.connections) {
                producers.push(Producing::open(produce, number, &poller, producers.len())?);
            }
            if let Pace::Open { rate, count, warm_up, marked } = produce.pace {
                assert!(of == 1, "an open loop is kept by one thread");
                schedule = Some(Schedule { rate, count, warm_up, marked, next: 0 });
            }
        }
        let mut fetchers = Vec::new();
        if let Some(fetch) = &spec.fetch {
            for number in mine(fetch.connections) {
                let token = producers.len() + fetchers.len();
                fetchers.extend(Fetching::open(fetch, number, &poller, token)?);
            }
        }
        let (began, outcome) = (Instant::now(), Outcome::new());
        Ok(Engine { spec, poller, producers, fetchers, schedule, began, outcome })
    }

    fn run(&mut self, shared: &Progress) -> Result<(), String> {
        self.began = Instant::now();
        let mut ready: Vec<usize> = (0..self.producers.len() + self.fetchers.len()).collect();
        let mut aged = self.began;
        let mut finished: Option<Instant> = None;
        loop {
            for token in ready.drain(..) {
                self.turn(token, shared)?;
            }
            let next_due = self.send_due(shared)?;
            let now = Instant::now();
            if now.duration_since(aged) >= WAIT_MAX {
                aged = now;
                let within = self.spec.answer_within;
                self.producers.iter().try_for_each(|producer| producer.check_age(now, within))?;
            }
            if self.is_done(shared) {
                let since = *finished.get_or_insert(now);
                if self.has_all_marks(shared) {
                    return Ok(());
                }
                if now.duration_since(since) > CONSUMED_WITHIN {
                    return Err(format!(
                        "consumers did not get all that was acknowledged in {CONSUMED_WITHIN:?}"
                    ));
                }
            }
            let until = next_due.unwrap_or(now + WAIT_MAX).min(now + WAIT_MAX);
            self.poller
                .wait(until, &mut ready)
                .map_err(|error| format!("cannot wait for sockets: {error}"))?;
        }
    }

    /// One connection that is ready: takes in what has come, sends what there is room for.
    fn turn(&mut self, token: usize, shared: &Progress) -> Result<(), String> {
        if let (Some(producer), Some(produce)) = (self.producers.get_mut(token), &self.spec.produce) {
            producer.receive(&mut self.outcome)?;
            if let Pace::Closed { in_flight, records_max } = produce.pace {
                producer.fill(produce, in_flight, records_max, shared);
            }
            return producer.flush();
        }
        let at = token - self.producers.len();
        if let (Some(fetcher), Some(fetch)) = (self.fetchers.get_mut(at), &self.spec.fetch) {
            fetcher.flush()?;
            let outcome = &mut self.outcome;
            match (&self.spec.produce, self.schedule) {
                (Some(produce), Some(schedule)) => {
                    let measured_after = Duration::from_secs_f64(schedule.warm_up as f64 / schedule.rate);
                    let (template, began) = (&produce.template, self.began);
                    fetcher.receive(fetch, &mut Marks { outcome, template, began, measured_after })?;
                }
                (Some(_) | None, _) => {
                    let records_max = fetch.records_max;
                    fetcher.receive(fetch, &mut Counting { outcome, shared, records_max })?;
                }
            }
            if !shared.must_stop() {
                fetcher.ask(fetch)?;
            }
        }
        Ok(())
    }

    /// Sends what is due by now; gives when the next is.
    fn send_due(&mut self, shared: &Progress) -> Result<Option<Instant>, String> {
        let (Some(schedule), Some(produce)) = (&mut self.schedule, &self.spec.produce) else {
            return Ok(None);
        };
        let count = self.producers.len();
        while let Some(after) = schedule.due() {
            let at = self.began + after;
            let now = Instant::now();
            if at > now {
                return Ok(Some(at));
            }
            if shared.must_stop() {
                break;
            }
            let number = usize::try_from(schedule.next).unwrap_or(0);
            let mark = schedule.marked.then(|| u64::try_from(after.as_nanos()).unwrap_or(u64::MAX));
            let measured = schedule.next >= schedule.warm_up;
            let producer = &mut self.producers[number % count];
            producer.push(&produce.template, &Due { at, measured, mark });
            producer.flush()?;
            if measured {
                self.outcome.lateness.record(Instant::now().duration_since(at));
            }
            schedule.next += 1;
            shared.take(1, None);
        }
        Ok(None)
    }

    /// Whether nothing is to be sent any more, and nothing waits for its answer.
    fn is_done(&self, shared: &Progress) -> bool {
        match &self.spec.produce {
            None => {
                let done = |fetcher: &Fetching| self.spec.fetch.as_ref().is_none_or(|f| fetcher.is_done(f));
                shared.must_stop() || self.fetchers.iter().all(done)
            }
            Some(produce) => {
                let sent_all = shared.must_stop()
                    || match (produce.pace, &self.schedule) {
                        (Pace::Closed { records_max, .. }, _) => {
                            records_max.is_some_and(|records| shared.has(records))
                        }
                        (Pace::Open { .. }, Some(schedule)) => schedule.due().is_none(),
                        (Pace::Open { .. }, None) => true,
                    };
                sent_all && self.producers.iter().all(|producer| producer.in_flight() == 0)
            }
        }
    }

    /// Whether consumers have every marked record that was sent.
    fn has_all_marks(&self, shared: &Progress) -> bool {
        match (&self.schedule, shared.must_stop()) {
            (Some(schedule), false) if schedule.marked => {
                let readers = self.spec.fetch.as_ref().map_or(1, |fetch| fetch.readers as u64);
                self.outcome.marks >= schedule.count * readers
            }
            (Some(_) | None, _) => true,
        }
    }
}
