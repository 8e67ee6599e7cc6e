//! I12: a fetch from the ends of partitions is answered when there are as many bytes as it wants at least, or when its
//! time is over, by the broker's own clock; earlier only for an error, or because the broker is asked to stop. What is
//! read from a segment is given at once, however little it is: whoever has not waited for it lags behind (as in Kafka,
//! whose fetch waits for nothing where it lies in an older segment than the end). So an answer that may come from a
//! segment, with anything in it, counts as right. Source: Kafka's `DelayedFetch`. Seen broken here: a record that came
//! between the reading and the wait ended the fetch with nothing.
use crate::scenarios::broker::history::Waited;

pub(super) fn one_waits(waited: &Waited) -> Result<(), String> {
    let has_cause = waited.has_error || waited.is_stopping || (waited.from_segments && waited.bytes > 0);
    if waited.took >= waited.wait || waited.bytes >= waited.min_bytes || has_cause {
        return Ok(());
    }
    Err(format!(
        "a fetch that was sent at {} wants {} bytes or to wait for {:?}; it was answered within {:?} of the broker's \
         clock, with {} bytes and no error",
        waited.began, waited.min_bytes, waited.wait, waited.took, waited.bytes
    ))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn an_early_answer_without_a_cause_is_found() {
        let early = Waited {
            wait: Duration::from_millis(500),
            took: Duration::from_millis(499),
            min_bytes: 10,
            bytes: 9,
            ..Waited::default()
        };
        let check = |waited: Waited| one_waits(&waited);
        assert!(check(early).unwrap_err().contains("wants 10 bytes"));
        assert_eq!(check(Waited { took: Duration::from_millis(500), ..early }), Ok(()));
        assert_eq!(check(Waited { bytes: 10, ..early }), Ok(()));
        assert_eq!(check(Waited { has_error: true, ..early }), Ok(()));
        assert_eq!(check(Waited { from_segments: true, ..early }), Ok(()));
        assert!(check(Waited { from_segments: true, bytes: 0, ..early }).is_err());
        assert_eq!(check(Waited { is_stopping: true, ..early }), Ok(()));
    }
}
