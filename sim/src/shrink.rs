//! Takes away from a case what its failure does not need: time, faults, clients, operations, bad luck of the
//! network. After Zeller and Hildebrandt, "Simplifying and isolating failure-inducing input" (2002): parts that
//! become smaller and smaller are left out, and what still fails in the same way goes on.
//!
//! What is taken away shifts when everything else happens, so that a case that still can fail often does not with its own seed. Once
//! nothing more goes with that, the same is tried with the seeds after it, as a kept schedule is run with them, too.
//!
//! Owns which cases are tried and in what order; not how a case is run, nor what the same failure is: that is
//! the oracle's. The result depends on the oracle's answers alone.
use serde::Serialize;

use crate::case::Case;
use crate::net::NetOptions;

/// Runs cases.
pub trait Oracle {
    /// The place of the first case, in this order, that still fails in the same way.
    fn first_failing(&mut self, candidates: &[Case]) -> Option<usize>;

    /// Whether to come to an end with what there is.
    fn is_tired(&self) -> bool;

    /// A smaller case was found by that step.
    fn smaller(&mut self, step: &str, case: &Case);
}

/// How large a case is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Size {
    pub faults: usize,
    pub clients: usize,
    /// As far as all clients have a bound.
    pub operations: Option<u64>,
    pub duration_us: u64,
}

impl Size {
    #[must_use]
    pub fn of(case: &Case) -> Size {
        Size {
            faults: case.faults.len(),
            clients: case.clients.len(),
            operations: case.clients.iter().map(|client| client.operations_max).sum(),
            duration_us: case.duration_us,
        }
    }
}

impl std::fmt::Display for Size {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let operations =
            self.operations.map_or("any number of".to_owned(), |operations| operations.to_string());
        let seconds = std::time::Duration::from_micros(self.duration_us).as_secs_f64();
        let (faults, clients) = (self.faults, self.clients);
        let several = |count: usize| if count == 1 { "" } else { "s" };
        write!(f, "{faults} fault{}, {clients} client{}, ", several(faults), several(clients))?;
        let of_one = if self.operations == Some(1) { "" } else { "s" };
        write!(f, "{operations} operation{of_one}, {seconds:.3} s")
    }
}

/// What shrinking came to.
#[derive(Clone, PartialEq, Debug)]
pub struct Shrunk {
    pub case: Case,
    /// Nothing more can go; else the oracle was tired before that was known.
    pub is_finished: bool,
}

/// With so many seeds after the case's own the same candidates are tried.
const OTHER_SEEDS: u64 = 4;

/// The smallest case that the steps lead to. `case` itself must fail.
pub fn shrink(mut case: Case, oracle: &mut dyn Oracle) -> Shrunk {
    let mut seeds = 0;
    loop {
        let before = case.clone();
        let mut attempt = Attempt { oracle, seeds };
        for step in STEPS {
            if attempt.oracle.is_tired() {
                return Shrunk { case, is_finished: false };
            }
            step(&mut case, &mut attempt);
        }
        if oracle.is_tired() {
            return Shrunk { case, is_finished: false };
        }
        // Another seed costs many runs: first all that goes without, again and again.
        seeds = match (case == before, seeds) {
            (true, 0) => OTHER_SEEDS,
            (true, _) => return Shrunk { case, is_finished: true },
            (false, _) => 0,
        };
    }
}

const STEPS: [fn(&mut Case, &mut Attempt<'_>); 6] =
    [shorten, leave_out_faults, leave_out_clients, bound_operations, compress, calm];

/// Who says what fails, and with how many seeds after a case's own.
struct Attempt<'a> {
    oracle: &'a mut dyn Oracle,
    seeds: u64,
}

impl Attempt<'_> {
    fn is_tired(&self) -> bool {
        self.oracle.is_tired()
    }

    /// Goes on with the first candidate that fails, with the first seed with which one does.
    fn try_all(&mut self, case: &mut Case, step: &str, candidates: &[Case]) -> Option<usize> {
        for after in 0..=self.seeds {
            if after > 0 && self.is_tired() {
                return None;
            }
            let with_seed =
                |candidate: &Case| Case { seed: candidate.seed.wrapping_add(after), ..candidate.clone() };
            let candidates: Vec<Case> = candidates.iter().map(with_seed).collect();
            if let Some(place) = self.oracle.first_failing(&candidates) {
                *case = candidates[place].clone();
                self.oracle.smaller(step, case);
                return Some(place);
            }
        }
        None
    }
}

/// Ends earlier.
fn shorten(case: &mut Case, attempt: &mut Attempt<'_>) {
    while !attempt.is_tired() {
        let duration = case.duration_us;
        let mut ends: Vec<u64> = [1, 2, 4, 8, 12, 14, 15].iter().map(|share| duration / 16 * share).collect();
        ends.extend(case.faults.last().map(|fault| fault.at_us.saturating_add(1)));
        ends.retain(|end| *end < duration);
        ends.sort_unstable();
        ends.dedup();
        let until = |end: &u64| {
            let faults = case.faults.iter().filter(|fault| fault.at_us <= *end).cloned().collect();
            Case { duration_us: *end, faults, ..case.clone() }
        };
        let candidates: Vec<Case> = ends.iter().map(until).collect();
        if attempt.try_all(case, "time", &candidates).is_none() {
            return;
        }
    }
}

fn leave_out_faults(case: &mut Case, attempt: &mut Attempt<'_>) {
    leave_out(case, "faults", |case| &mut case.faults, attempt);
}

fn leave_out_clients(case: &mut Case, attempt: &mut Attempt<'_>) {
    leave_out(case, "clients", |case| &mut case.clients, attempt);
}

/// Leaves out parts of a list: all, halves, quarters, and so on down to single items.
fn leave_out<T: Clone>(
    case: &mut Case,
    step: &str,
    list: fn(&mut Case) -> &mut Vec<T>,
    attempt: &mut Attempt<'_>,
) {
    let mut part = list(case).len();
    while part > 0 && !attempt.is_tired() {
        let length = list(case).len();
        let without = |from: usize| {
            let mut candidate = case.clone();
            list(&mut candidate).drain(from..(from + part).min(length));
            candidate
        };
        let candidates: Vec<Case> = (0..length).step_by(part).map(without).collect();
        if attempt.try_all(case, step, &candidates).is_none() {
            part /= 2;
        }
        part = part.min(list(case).len());
    }
}

/// The most operations that are told apart from any number of them.
const OPERATIONS_MAX: u64 = 1 << 14;

/// Lets each client do as little as is enough.
fn bound_operations(case: &mut Case, attempt: &mut Attempt<'_>) {
    for index in 0..case.clients.len() {
        let bounded = |operations: u64| {
            let mut candidate = case.clone();
            candidate.clients[index].operations_max = Some(operations);
            candidate
        };
        let now = case.clients[index].operations_max.unwrap_or(2 * OPERATIONS_MAX);
        let powers: Vec<u64> =
            (0..=OPERATIONS_MAX.ilog2()).map(|power| 1 << power).filter(|o| *o < now).collect();
        let candidates: Vec<Case> = powers.iter().map(|operations| bounded(*operations)).collect();
        if attempt.is_tired() || attempt.try_all(case, "operations", &candidates).is_none() {
            continue;
        }
        // Between the power that is enough and the one before, which is not.
        let mut enough = case.clients[index].operations_max.unwrap_or(1);
        let mut too_few = enough / 2;
        while enough - too_few > 1 && !attempt.is_tired() {
            let middle = too_few + (enough - too_few) / 2;
            let mut candidate = case.clone();
            candidate.clients[index].operations_max = Some(middle);
            match attempt.try_all(case, "operations", &[candidate]) {
                Some(_) => enough = middle,
                None => too_few = middle,
            }
        }
    }
}

/// Lets everything follow faster upon each other.
fn compress(case: &mut Case, attempt: &mut Attempt<'_>) {
    while !attempt.is_tired() && case.duration_us > 1000 {
        let faster = |by: &u64| {
            let mut candidate = case.clone();
            candidate.duration_us /= by;
            candidate.faults.iter_mut().for_each(|fault| fault.at_us /= by);
            candidate
        };
        let candidates: Vec<Case> = [8, 4, 2].iter().map(faster).collect();
        if attempt.try_all(case, "pace", &candidates).is_none() {
            return;
        }
    }
}

/// A network without mishaps.
fn calm(case: &mut Case, attempt: &mut Attempt<'_>) {
    let changes: [fn(&mut NetOptions); 5] = [
        |net| {
            (net.late_per_mille, net.loss_per_mille, net.partial_per_mille) = (0, 0, 0);
            net.window = NetOptions::default().window;
        },
        |net| net.late_per_mille = 0,
        |net| net.loss_per_mille = 0,
        |net| net.partial_per_mille = 0,
        |net| net.window = NetOptions::default().window,
    ];
    for change in changes {
        let mut candidate = case.clone();
        change(&mut candidate.net);
        if candidate != *case && !attempt.is_tired() {
            attempt.try_all(case, "network", &[candidate]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::ClientCase;
    use crate::faults::{Fault, TimedFault};

    /// A failure that needs these.
    struct Needs {
        jumps: Vec<i64>,
        client: &'static str,
        operations: u64,
        until_us: u64,
        runs: usize,
        steps: Vec<String>,
    }

    impl Needs {
        fn fails(&self, case: &Case) -> bool {
            let has = |wanted: &i64| {
                case.faults.iter().any(|f| matches!(f.fault, Fault::Jump { ms, .. } if ms == *wanted))
            };
            let enough =
                |client: &ClientCase| client.operations_max.is_none_or(|most| most >= self.operations);
            self.jumps.iter().all(has)
                && case.duration_us >= self.until_us
                && case.clients.iter().any(|client| client.name == self.client && enough(client))
        }
    }

    impl Oracle for Needs {
        fn first_failing(&mut self, candidates: &[Case]) -> Option<usize> {
            self.runs += candidates.len();
            candidates.iter().position(|case| self.fails(case))
        }

        fn is_tired(&self) -> bool {
            self.runs > 5000
        }

        fn smaller(&mut self, step: &str, _: &Case) {
            self.steps.push(step.to_owned());
        }
    }

    fn large() -> Case {
        let mut case = Case::new("broker", 1);
        case.duration_us = 20_000_000;
        for second in 0..19_i64 {
            let fault = Fault::Jump { node: "broker".to_owned(), ms: second };
            case.faults.push(TimedFault { at_us: u64::try_from(second).unwrap() * 1_000_000, fault });
        }
        case.clients = (0..7).map(|number| ClientCase::new(format!("producer-{number}"), &number)).collect();
        case.net.loss_per_mille = 20;
        case
    }

    #[test]
    fn only_what_the_failure_needs_is_left() {
        let mut needs = Needs {
            jumps: vec![3, 11],
            client: "producer-4",
            operations: 37,
            until_us: 90_000,
            runs: 0,
            steps: Vec::new(),
        };
        assert!(needs.fails(&large()));
        let Shrunk { case: small, is_finished } = shrink(large(), &mut needs);
        assert!(is_finished && needs.fails(&small));
        let size = Size::of(&small);
        assert_eq!((size.faults, size.clients, size.operations), (2, 1, Some(37)));
        assert!(size.duration_us < 200_000, "{size}");
        assert!(small.net.loss_per_mille == 0 && small.seed == 1);
        assert!(small.faults.is_sorted_by_key(|fault| fault.at_us));
        for step in ["time", "faults", "clients", "operations", "pace", "network"] {
            assert!(needs.steps.iter().any(|told| told == step), "{step}");
        }
    }

    #[test]
    fn a_failure_that_needs_nothing_needs_nothing() {
        struct Always;
        impl Oracle for Always {
            fn first_failing(&mut self, candidates: &[Case]) -> Option<usize> {
                (!candidates.is_empty()).then_some(0)
            }
            fn is_tired(&self) -> bool {
                false
            }
            fn smaller(&mut self, _: &str, _: &Case) {}
        }
        let small = shrink(large(), &mut Always).case;
        assert_eq!(Size::of(&small), Size { faults: 0, clients: 0, operations: Some(0), duration_us: 0 });
    }

    #[test]
    fn sizes_are_told_in_words() {
        let size = |faults, clients, operations| Size { faults, clients, operations, duration_us: 1_500_000 };
        assert_eq!(size(1, 1, Some(1)).to_string(), "1 fault, 1 client, 1 operation, 1.500 s");
        assert_eq!(size(0, 2, None).to_string(), "0 faults, 2 clients, any number of operations, 1.500 s");
    }

    /// A failure of two clients of many: with a third one gone it shows with every third seed alone.
    struct WithLuck {
        runs: usize,
        runs_max: usize,
    }

    impl WithLuck {
        fn fails(case: &Case) -> bool {
            let has = |name: &str| case.clients.iter().any(|client| client.name == name);
            has("producer-2") && has("producer-5") && (case.clients.len() == 7 || case.seed % 3 == 2)
        }
    }

    impl Oracle for WithLuck {
        fn first_failing(&mut self, candidates: &[Case]) -> Option<usize> {
            self.runs += candidates.len();
            candidates.iter().position(WithLuck::fails)
        }

        fn is_tired(&self) -> bool {
            self.runs >= self.runs_max
        }

        fn smaller(&mut self, _: &str, _: &Case) {}
    }

    #[test]
    fn what_its_own_seed_does_not_show_the_next_ones_may() {
        let mut case = large();
        case.seed = 3;
        let Shrunk { case: small, is_finished } =
            shrink(case.clone(), &mut WithLuck { runs: 0, runs_max: 100_000 });
        let clients: Vec<&str> = small.clients.iter().map(|client| client.name.as_str()).collect();
        assert_eq!((clients, small.seed), (vec!["producer-2", "producer-5"], 5));
        assert!(is_finished && WithLuck::fails(&small), "it fails with the seed that is kept");
        let cut_short = shrink(case, &mut WithLuck { runs: 0, runs_max: 20 });
        assert!(!cut_short.is_finished && WithLuck::fails(&cut_short.case));
    }
}
