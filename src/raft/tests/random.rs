//! Random schedules: nothing that must hold is broken at any step, and once nothing goes wrong any more, all agree.
use proptest::prelude::*;

use crate::raft::cluster::run_bytes;

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, max_shrink_iters: 4_000, ..ProptestConfig::default() })]

    #[test]
    fn random_schedules_break_nothing_and_end_in_agreement(
        bytes in proptest::collection::vec(any::<u8>(), 0..1_500),
        voters in 1..=4i32,
    ) {
        if let Err(story) = run_bytes(&bytes, voters, None) {
            prop_assert!(false, "{}", story);
        }
    }
}
