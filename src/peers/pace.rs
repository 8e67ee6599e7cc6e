use std::time::Duration;

use crate::types::Instant;

/// How long to wait between attempts to connect: doubled each time, less a random half.
#[derive(Debug)]
pub(super) struct Backoff {
    least: Duration,
    most: Duration,
    next: Duration,
}

impl Backoff {
    pub(super) fn new(least: Duration, most: Duration) -> Backoff {
        Backoff { least, most, next: least }
    }

    /// The next wait; `random` draws its part.
    pub(super) fn wait(&mut self, random: u64) -> Duration {
        let whole = self.next;
        self.next = (self.next * 2).min(self.most);
        let half = whole / 2;
        // An even draw to within one part in 2^64 / half: enough for a delay.
        let part = (u128::from(random) * half.as_nanos()) >> 64;
        half + Duration::from_nanos(u64::try_from(part).unwrap_or(u64::MAX))
    }

    /// An attempt has succeeded.
    pub(super) fn reset(&mut self) {
        self.next = self.least;
    }
}

/// Lets one line through an interval, or one of another kind than the last, and counts the others.
#[derive(Debug)]
pub(super) struct Throttle {
    every: Duration,
    last: Option<(Instant, String)>,
    held_back: u64,
}

impl Throttle {
    pub(super) fn new(every: Duration) -> Throttle {
        Throttle { every, last: None, held_back: 0 }
    }

    /// If a line of this kind is to be written: how many were not since the last one.
    pub(super) fn permit(&mut self, now: Instant, kind: &str) -> Option<u64> {
        let repeats =
            self.last.as_ref().is_some_and(|(at, last)| last == kind && now.since(*at) < self.every);
        if repeats {
            self.held_back += 1;
            return None;
        }
        self.last = Some((now, kind.to_owned()));
        Some(std::mem::take(&mut self.held_back))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_bound_and_begin_anew() {
        let ms = Duration::from_millis;
        let mut backoff = Backoff::new(ms(50), ms(150));
        let least: Vec<Duration> = (0..4).map(|_| backoff.wait(0)).collect();
        assert_eq!(least, [ms(25), ms(50), ms(75), ms(75)]);
        let most = backoff.wait(u64::MAX);
        assert!(most > ms(149) && most <= ms(150), "{most:?}");
        backoff.reset();
        assert_eq!(backoff.wait(0), ms(25));
    }

    #[test]
    fn a_line_is_repeated_once_an_interval() {
        let mut throttle = Throttle::new(Duration::from_secs(60));
        let mut permit = |seconds: u64, line| throttle.permit(Instant(seconds * 1_000_000_000), line);
        assert_eq!(permit(0, "refused"), Some(0));
        assert_eq!(permit(1, "refused"), None);
        assert_eq!(permit(2, "refused"), None);
        assert_eq!(permit(3, "reset"), Some(2));
        assert_eq!(permit(4, "reset"), None);
        assert_eq!(permit(64, "reset"), Some(1));
    }
}
