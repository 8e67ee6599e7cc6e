use super::Stage;
use crate::types::Uuid;

pub(super) async fn streams_differ(stage: &Stage) {
    let rng = &stage.client.rng;
    let draw = |name| {
        let mut stream = rng.stream(name);
        [stream.next_u64(), stream.next_u64(), stream.next_u64(), stream.next_u64()]
    };
    let first = draw("contract-a");
    assert_ne!(first, draw("contract-b"), "two names gave one stream");
    assert_ne!(first, draw("contract-a"), "a second stream of the same name repeated the first");
    let mut stream = rng.stream("contract-c");
    assert_ne!(stream.bytes16(), stream.bytes16());
    let dashes = (0..1000).filter(|_| Uuid(stream.identity()).to_string().starts_with('-')).count();
    assert_eq!(dashes, 0, "an identity that a tool takes for an option");
}

pub(super) async fn below_stays_below(stage: &Stage) {
    let mut stream = stage.client.rng.stream("contract-below");
    let mut seen = [0_u32; 6];
    for _ in 0..6000 {
        seen[usize::try_from(stream.below(6)).unwrap()] += 1;
    }
    // The deviation of a fair die here is 29: 200 is never reached by chance.
    assert!(seen.iter().all(|count| count.abs_diff(1000) < 200), "uneven: {seen:?}");
    assert_eq!(stream.below(1), 0);
    assert!(stream.below(u64::MAX) < u64::MAX);
}
