//! Random numbers: xoshiro256++ (Blackman and Vigna), one stream per (seed, owner, name, count), so that a new
//! draw in one place does not shift the others.
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use ordain::io::{Rng, RngStream};

use crate::trace::fnv64;

/// A stream of random numbers.
#[derive(Clone, Debug)]
pub struct Stream {
    state: [u64; 4],
}

impl Stream {
    /// The stream of that name; `count` tells apart streams of one name.
    #[must_use]
    pub fn new(seed: u64, owner: &str, name: &str, count: u64) -> Stream {
        let mut mix = fnv64(owner.as_bytes(), fnv64(name.as_bytes(), seed)) ^ count.rotate_left(32);
        // SplitMix64, as the authors advise for filling the state: never all zeros.
        let state = std::array::from_fn(|_| {
            mix = mix.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mut word = mix;
            word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            word ^ (word >> 31)
        });
        Stream { state }
    }

    /// A copy that is so many words ahead, to draw what was not drawn before: what this stream gives stays as it is.
    #[must_use]
    pub fn aside(&self, words: u32) -> Stream {
        let mut own = self.clone();
        for _ in 0..words {
            let _passed_over = own.word();
        }
        own
    }

    /// True with a chance of `per_mille` in a thousand.
    pub fn chance(&mut self, per_mille: u32) -> bool {
        self.below(1000) < u64::from(per_mille)
    }

    /// A number from `low` to `high`, both included.
    ///
    /// # Panics
    /// If `low` exceeds `high`.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        assert!(low <= high, "no number lies between {low} and {high}");
        match (high - low).checked_add(1) {
            Some(span) => low + self.below(span),
            None => self.next_u64(),
        }
    }

    /// One of these.
    ///
    /// # Panics
    /// If there are none.
    pub fn pick<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        let last = u64::try_from(all.len()).unwrap_or(u64::MAX).checked_sub(1).expect("there is one to pick");
        &all[usize::try_from(self.between(0, last)).unwrap_or(0)]
    }

    /// All of these in any order.
    pub fn shuffled<'a, T>(&mut self, all: &'a [T]) -> Vec<&'a T> {
        let mut order: Vec<&T> = all.iter().collect();
        for last in (1..order.len()).rev() {
            order.swap(last, usize::try_from(self.between(0, last as u64)).unwrap_or(0));
        }
        order
    }

    /// A number that is at most `most` away from 0.
    pub fn around(&mut self, most: i64) -> i64 {
        let most = most.unsigned_abs().min(u64::MAX >> 2);
        let drawn = self.between(0, 2 * most);
        i64::try_from(drawn).unwrap_or(0) - i64::try_from(most).unwrap_or(0)
    }

    /// 64 random bits.
    pub fn word(&mut self) -> u64 {
        self.next_u64()
    }

    /// A duration from `low` to `high`, in whole nanoseconds.
    pub fn duration(&mut self, low: Duration, high: Duration) -> Duration {
        let nanos = |duration: Duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        Duration::from_nanos(self.between(nanos(low), nanos(high).max(nanos(low))))
    }
}

impl RngStream for Stream {
    fn next_u64(&mut self) -> u64 {
        let [a, b, c, d] = &mut self.state;
        let result = a.wrapping_add(*d).rotate_left(23).wrapping_add(*a);
        let shifted = *b << 17;
        *c ^= *a;
        *d ^= *b;
        *b ^= *c;
        *a ^= *d;
        *c ^= shifted;
        *d = d.rotate_left(45);
        result
    }
}

/// A node's source of streams. It outlives restarts: a stream of a later run is another one.
pub(crate) struct Streams {
    seed: u64,
    owner: String,
    created: Mutex<BTreeMap<&'static str, u64>>,
}

impl Streams {
    pub(crate) fn new(seed: u64, owner: &str) -> Streams {
        Streams { seed, owner: owner.to_owned(), created: Mutex::default() }
    }

    pub(crate) fn create(&self, name: &'static str) -> Stream {
        let mut created = self.created.lock().unwrap_or_else(PoisonError::into_inner);
        let count = created.entry(name).or_default();
        *count += 1;
        Stream::new(self.seed, &self.owner, name, *count)
    }
}

impl Rng for Streams {
    fn stream(&self, name: &'static str) -> Box<dyn RngStream> {
        Box::new(self.create(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generator_is_xoshiro256_plus_plus() {
        // The first outputs for the state 1, 2, 3, 4 of the authors' program.
        let mut stream = Stream { state: [1, 2, 3, 4] };
        let drawn: [u64; 4] = std::array::from_fn(|_| stream.next_u64());
        assert_eq!(drawn, [41_943_041, 58_720_359, 3_588_806_011_781_223, 3_591_011_842_654_386]);
    }

    #[test]
    fn every_order_of_what_is_shuffled_comes() {
        let mut rng = Stream::new(1, "test", "shuffled", 0);
        let mut orders = std::collections::BTreeSet::new();
        for _ in 0..200 {
            let order = rng.shuffled(&["a", "b", "c"]);
            assert_eq!(order.len(), 3);
            orders.insert(order);
        }
        assert_eq!(orders.len(), 6);
        assert!(orders.iter().all(|order| ["a", "b", "c"].iter().all(|one| order.contains(&one))));
        assert!(rng.shuffled::<u8>(&[]).is_empty());
    }

    #[test]
    fn streams_depend_on_seed_owner_name_and_count_alone() {
        let first = |seed, owner, name, count| Stream::new(seed, owner, name, count).next_u64();
        let base = first(1, "a", "x", 0);
        assert_eq!(base, first(1, "a", "x", 0));
        assert_ne!(base, first(2, "a", "x", 0));
        assert_ne!(base, first(1, "b", "x", 0));
        assert_ne!(base, first(1, "a", "y", 0));
        assert_ne!(base, first(1, "a", "x", 1));
    }
}
