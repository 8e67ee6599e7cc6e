//! The topics in a consumer's subscription (`ConsumerProtocolSubscription`), which is otherwise the clients'
//! own business.
//!
//! Read with the layout of version 0, which is a prefix of all later ones; the bytes come from clients, so
//! nothing is reserved on their word.
use std::collections::BTreeSet;

use super::names::TopicName;

/// Why a subscription cannot be read. The client that sent it is at fault.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SubscriptionError {
    #[error("the subscription ends early: {wanted} bytes wanted at byte {at} of {len}")]
    TooShort { wanted: usize, at: usize, len: usize },
    #[error("the subscription's version is {0}, below 0")]
    Version(i16),
    #[error("the subscription has a negative length, {0}")]
    NegativeLength(i32),
}

/// The topics that a subscription names.
///
/// # Errors
/// [`SubscriptionError`] if the bytes are no subscription.
pub fn subscribed_topics(bytes: &[u8]) -> Result<BTreeSet<TopicName>, SubscriptionError> {
    let mut reader = Reader { bytes, at: 0 };
    let version = reader.i16()?;
    if version < 0 {
        return Err(SubscriptionError::Version(version));
    }
    let count = reader.length()?;
    let mut topics = BTreeSet::new();
    for _ in 0..count {
        let length = i32::from(reader.i16()?);
        let length = usize::try_from(length).map_err(|_| SubscriptionError::NegativeLength(length))?;
        topics.insert(TopicName::from(&*String::from_utf8_lossy(reader.take(length)?)));
    }
    // User data: −1 stands for none.
    let user_data = reader.i32()?;
    if user_data > 0 {
        reader.take(user_data as usize)?;
    }
    Ok(topics)
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, wanted: usize) -> Result<&'a [u8], SubscriptionError> {
        let len = self.bytes.len();
        let end = self.at.checked_add(wanted).filter(|&end| end <= len);
        let end = end.ok_or(SubscriptionError::TooShort { wanted, at: self.at, len })?;
        let taken = &self.bytes[self.at..end];
        self.at = end;
        Ok(taken)
    }

    fn i16(&mut self) -> Result<i16, SubscriptionError> {
        let bytes = self.take(2)?;
        Ok(i16::from_be_bytes([bytes[0], bytes[1]]))
    }

    fn i32(&mut self) -> Result<i32, SubscriptionError> {
        let bytes = self.take(4)?;
        Ok(i32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
    }

    /// A count; each element takes bytes of its own, so a lie ends the reading and reserves nothing.
    fn length(&mut self) -> Result<usize, SubscriptionError> {
        let length = self.i32()?;
        usize::try_from(length).map_err(|_| SubscriptionError::NegativeLength(length))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(version: i16, topics: &[&str], rest: &[u8]) -> Vec<u8> {
        let mut out = version.to_be_bytes().to_vec();
        out.extend((topics.len() as i32).to_be_bytes());
        for topic in topics {
            out.extend((topic.len() as i16).to_be_bytes());
            out.extend(topic.as_bytes());
        }
        out.extend(rest);
        out
    }

    const NO_USER_DATA: [u8; 4] = (-1i32).to_be_bytes();

    #[test]
    fn any_version_is_read_as_version_0() {
        let topics: BTreeSet<_> = [TopicName::from("a"), TopicName::from("b")].into();
        assert_eq!(subscribed_topics(&bytes(0, &["b", "a"], &NO_USER_DATA)), Ok(topics.clone()));
        assert_eq!(subscribed_topics(&bytes(3, &["a", "b"], b"\0\0\0\x02hi\0\0\0\0")), Ok(topics.clone()));
        assert_eq!(subscribed_topics(&bytes(99, &["a", "b"], &NO_USER_DATA)), Ok(topics));
    }

    #[test]
    fn what_is_no_subscription_is_refused() {
        assert_eq!(subscribed_topics(&[]), Err(SubscriptionError::TooShort { wanted: 2, at: 0, len: 0 }));
        assert_eq!(subscribed_topics(&bytes(-1, &[], &NO_USER_DATA)), Err(SubscriptionError::Version(-1)));
        assert_eq!(
            subscribed_topics(b"\0\0\x7f\xff\xff\xff"),
            Err(SubscriptionError::TooShort { wanted: 2, at: 6, len: 6 })
        );
        assert_eq!(
            subscribed_topics(b"\0\0\xff\xff\xff\xff"),
            Err(SubscriptionError::NegativeLength(-1)),
            "topics are not nullable"
        );
        assert_eq!(
            subscribed_topics(&bytes(0, &["a"], b"\0\0\0\x09abc")),
            Err(SubscriptionError::TooShort { wanted: 9, at: 13, len: 16 })
        );
    }
}
