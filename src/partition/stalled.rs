use std::collections::BTreeSet;
use std::time::Duration;

use tracing::warn;

use crate::types::{Instant, first_names};

/// How often it is said at most: candidates try many times in a second.
const TELL_EVERY: Duration = Duration::from_secs(60);

/// Says of which partitions no leader can be elected any more, all of a shard together.
#[derive(Default)]
pub(super) struct Stalled {
    names: BTreeSet<String>,
    not_before: Option<Instant>,
}

impl Stalled {
    /// A candidate of this partition has found it so.
    pub(super) fn tell(&mut self, now: Instant, name: String) {
        if let Some(sentence) = self.sentence(now, name) {
            warn!("{sentence}");
        }
    }

    fn sentence(&mut self, now: Instant, name: String) -> Option<String> {
        self.names.insert(name);
        if self.not_before.is_some_and(|at| now < at) {
            return None;
        }
        self.not_before = Some(now.after(TELL_EVERY));
        Some(format!(
            "no leader can be elected: too many replicas have lost what they held, of {}. If nobody has it any more, \
             `ordain cluster recover` lets what is left here go on",
            first_names(std::mem::take(&mut self.names))
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_told_once_a_minute_of_all_together() {
        let mut stalled = Stalled::default();
        let at = |seconds: u64| Instant(seconds * 1_000_000_000);
        let first = stalled.sentence(at(0), "t-0 (2 of 3)".to_owned()).expect("the first is told at once");
        assert!(first.contains("held, of t-0 (2 of 3). If"), "{first}");
        assert!(first.contains("`ordain cluster recover`"), "{first}");
        for index in 0..7 {
            assert_eq!(stalled.sentence(at(30), format!("t-{index} (2 of 3)")), None);
        }
        let all = stalled.sentence(at(60), "t-0 (2 of 3)".to_owned()).expect("a minute is over");
        assert!(all.contains("t-0 (2 of 3), t-1 (2 of 3)") && all.contains(" and 2 more."), "{all}");
    }
}
