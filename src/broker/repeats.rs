//! Requests that name the same thing more than once, where each mention is answered.
use crate::wire::Text;

/// How many bytes an answer may still say again. What it says for the first time is not counted: whatever there is to say has bounds
/// of its own, which a request cannot raise.
pub(super) struct Repeats {
    max: usize,
    left: usize,
    refusal: Option<Text>,
}

impl Repeats {
    /// For one answer, which may say `max` bytes again.
    pub(super) fn new(max: usize) -> Repeats {
        Repeats { max, left: max, refusal: None }
    }

    /// Whether the answer may say these `bytes` once more; they are counted then.
    pub(super) fn admits(&mut self, bytes: usize) -> bool {
        let left = self.left.checked_sub(bytes);
        self.left = left.unwrap_or(self.left);
        left.is_some()
    }

    /// What a client is told that was refused, besides INVALID_REQUEST. All that are refused share one text.
    pub(super) fn refusal(&mut self) -> Text {
        let max = self.max;
        let text =
            || format!("what the request names again adds more than {max} bytes to the answer; name it once");
        self.refusal.get_or_insert_with(|| Text::from(text())).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_again_is_bounded_in_all() {
        let mut repeats = Repeats::new(10);
        assert!(repeats.admits(6));
        assert!(!repeats.admits(5));
        assert!(repeats.admits(4), "what was refused is not counted");
        assert!(repeats.admits(0) && !repeats.admits(1));
        let refusal = repeats.refusal();
        assert!(refusal.contains("10 bytes"), "{refusal}");
        assert_eq!(refusal.as_ptr(), repeats.refusal().as_ptr(), "one text for all");
    }
}
