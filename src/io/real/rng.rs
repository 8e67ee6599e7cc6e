use crate::io::{Rng, RngStream};

/// The operating system's entropy; the names of streams mean nothing here.
pub(super) struct RealRng;

/// Words drawn at once, so that a system call serves many draws.
const WORDS_PER_DRAW: usize = 32;

struct RealStream {
    words: [u8; WORDS_PER_DRAW * 8],
    used: usize,
}

impl Rng for RealRng {
    fn stream(&self, _name: &'static str) -> Box<dyn RngStream> {
        Box::new(RealStream { words: [0; WORDS_PER_DRAW * 8], used: WORDS_PER_DRAW * 8 })
    }
}

impl RngStream for RealStream {
    fn next_u64(&mut self) -> u64 {
        if self.used == self.words.len() {
            getrandom::fill(&mut self.words).expect("the operating system gives entropy");
            self.used = 0;
        }
        let word = &mut self.words[self.used..self.used + 8];
        self.used += 8;
        let mut bytes = [0; 8];
        bytes.copy_from_slice(word);
        word.fill(0);
        u64::from_ne_bytes(bytes)
    }
}
