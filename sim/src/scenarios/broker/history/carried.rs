//! What records carry beside their values: headers, and times. Both follow from whose they are, so that nobody draws them, and whoever
//! reads a record is held to all of it.
use bytes::Bytes;
use ordain::types::Timestamp;
use ordain::wire::batch::RecordHeader;

use super::{Content, RecordId};
use crate::trace::content_hash;

/// What the headers are called, in their order: one name comes twice.
const NAMES: [&[u8]; 3] = [b"a", b"b", b"a"];
/// By how much a record's time lies beside that at which it is sent, at most, in milliseconds. Times in a batch go up and down so, and two
/// records are by that alone less apart than any `segment.ms` here: no segment ends by it.
const ASIDE_MS: i64 = 90;

impl RecordId {
    /// The record's headers: none to three, some of them empty or without a value. Before them, if the record has no value, what
    /// tells whose it is.
    pub(in crate::scenarios) fn headers(self, content: Content) -> Vec<RecordHeader> {
        let mut rest = self.spread();
        let mut next = |bound: u64| {
            let part = rest % bound;
            rest /= bound;
            part
        };
        let mut headers = match content {
            Content::Value => Vec::new(),
            Content::Tombstone => vec![self.header()],
        };
        let count = usize::try_from(next(4)).unwrap_or(0);
        for &name in &NAMES[..count] {
            let value = match next(3) {
                0 => None,
                1 => Some(Bytes::new()),
                _ => Some(Bytes::from(self.number.to_string())),
            };
            headers.push(RecordHeader { key: Bytes::from_static(name), value });
        }
        headers
    }

    /// The record's time, if its producer's clock shows `now`.
    pub(in crate::scenarios) fn time(self, now: Timestamp) -> Timestamp {
        let span = 2 * ASIDE_MS.unsigned_abs() + 1;
        let aside = i64::try_from((self.spread() >> 32) % span).unwrap_or(0);
        now.plus_ms(aside - ASIDE_MS)
    }

    /// A number that follows from the record alone, and is another one for the next.
    fn spread(self) -> u64 {
        let parts = [self.producer, self.session, self.number].map(u32::to_le_bytes);
        content_hash(parts.as_flattened())
    }
}

/// What stands in a record, but for its time: a hash of each part.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::scenarios) struct Carried {
    key: u32,
    value: u32,
    headers: u32,
}

impl Carried {
    pub(in crate::scenarios) fn of(
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[RecordHeader],
    ) -> Carried {
        let mut parts = Vec::with_capacity(8 * headers.len());
        for header in headers {
            parts.extend_from_slice(&hash(Some(&header.key)).to_le_bytes());
            parts.extend_from_slice(&hash(header.value.as_deref()).to_le_bytes());
        }
        Carried { key: hash(key), value: hash(value), headers: hash(Some(&parts)) }
    }
}

/// A hash of what is there, and 0 for what is not.
fn hash(part: Option<&[u8]>) -> u32 {
    part.map_or(0, |bytes| content_hash(bytes) as u32)
}

/// A record as it was sent, or as a reader saw it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::scenarios) struct Stands {
    pub(in crate::scenarios) carried: Carried,
    /// Its timestamp.
    pub(in crate::scenarios) time: i64,
}

impl Stands {
    /// Which parts are others now; `None` if none is.
    pub(in crate::scenarios) fn unlike(self, now: Stands) -> Option<String> {
        let (one, other) = (self.carried, now.carried);
        let carried = [
            ("key", one.key, other.key),
            ("value", one.value, other.value),
            ("headers", one.headers, other.headers),
        ];
        let differ = carried.into_iter().filter(|(_, one, other)| one != other);
        let mut parts: Vec<String> = differ.map(|(part, ..)| part.to_owned()).collect();
        if self.time != now.time {
            parts.push(format!("time ({}, and now {})", self.time, now.time));
        }
        (!parts.is_empty()).then(|| parts.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn id(number: u32) -> RecordId {
        RecordId { producer: 3, session: 1, number }
    }

    #[test]
    fn headers_and_times_follow_from_the_record() {
        let (now, mut counts, mut times) = (Timestamp(1_000_000), BTreeSet::new(), BTreeSet::new());
        for number in 0..200 {
            let headers = id(number).headers(Content::Value);
            assert_eq!(headers, id(number).headers(Content::Value));
            assert!(headers.iter().zip(NAMES).all(|(header, name)| header.key == name));
            counts.insert(headers.len());
            let of_tombstone = id(number).headers(Content::Tombstone);
            assert_eq!(of_tombstone[1..], headers);
            assert_eq!(RecordId::of_record(None, &of_tombstone), Some(id(number)));
            let time = id(number).time(now);
            assert!(time.0.abs_diff(now.0) <= ASIDE_MS.unsigned_abs(), "{time}");
            times.insert(time);
        }
        assert_eq!(counts, BTreeSet::from([0, 1, 2, 3]));
        assert!(times.len() > 50 && times.first() < Some(&now) && times.last() > Some(&now), "{times:?}");
    }

    #[test]
    fn each_part_that_is_another_is_told() {
        let header = |name: &'static [u8], value| RecordHeader { key: Bytes::from_static(name), value };
        let with = Carried::of;
        let (a, b) = (header(b"a", None), header(b"b", None));
        let both = [a.clone(), b.clone()];
        let one = Stands { carried: with(Some(b"k"), Some(b"v"), &both), time: 5 };
        let told = |carried, time| one.unlike(Stands { carried, time });
        assert_eq!(told(one.carried, 5), None);
        assert_eq!(told(one.carried, 6).as_deref(), Some("time (5, and now 6)"));
        let others = [
            (with(None, Some(b"v"), &both), "key"),
            (with(Some(b"k"), Some(b"v."), &both), "value"),
            (with(Some(b""), None, &both), "key, value"),
            (with(Some(b"k"), Some(b"v"), &[]), "headers"),
            (with(Some(b"k"), Some(b"v"), &[b, a.clone()]), "headers"),
            (with(Some(b"k"), Some(b"v"), &[a, header(b"b", Some(Bytes::new()))]), "headers"),
        ];
        for (carried, parts) in others {
            assert_eq!(told(carried, 5).as_deref(), Some(parts));
        }
    }
}
