//! When to tell of a trouble that lasts: at once, then now and then, and when it is over.
use std::time::Duration;

use crate::types::Instant;

/// How often it is told that it lasts.
const AGAIN_AFTER: Duration = Duration::from_secs(30);

/// A trouble that may begin, last and end.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Lasting {
    began: Option<Began>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Began {
    at: Instant,
    told_at: Instant,
}

/// What is to be told of a trouble now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Tell {
    Nothing,
    Begun,
    Lasts { for_s: u64 },
    Over { after_s: u64 },
}

impl Lasting {
    /// The trouble is there.
    pub(super) fn there(&mut self, now: Instant) -> Tell {
        let Some(began) = &mut self.began else {
            self.began = Some(Began { at: now, told_at: now });
            return Tell::Begun;
        };
        if now.since(began.told_at) < AGAIN_AFTER {
            return Tell::Nothing;
        }
        began.told_at = now;
        Tell::Lasts { for_s: now.since(began.at).as_secs() }
    }

    /// The trouble is not there.
    pub(super) fn gone(&mut self, now: Instant) -> Tell {
        match self.began.take() {
            Some(began) => Tell::Over { after_s: now.since(began.at).as_secs() },
            None => Tell::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_told_at_once_now_and_then_and_when_it_is_over() {
        let start = Instant::default();
        let at = |seconds| start.after(Duration::from_secs(seconds));
        let mut trouble = Lasting::default();
        assert_eq!(trouble.gone(at(0)), Tell::Nothing);
        let told: Vec<(u64, Tell)> = (5..=100).map(|second| (second, trouble.there(at(second)))).collect();
        let told: Vec<_> = told.into_iter().filter(|(_, tell)| *tell != Tell::Nothing).collect();
        let lasts = |for_s| Tell::Lasts { for_s };
        assert_eq!(told, [(5, Tell::Begun), (35, lasts(30)), (65, lasts(60)), (95, lasts(90))]);
        assert_eq!(trouble.gone(at(101)), Tell::Over { after_s: 96 });
        assert_eq!(trouble.gone(at(102)), Tell::Nothing);
        assert_eq!(trouble.there(at(103)), Tell::Begun);
    }
}
