//! Which names a topic may have, by Kafka's rules, and which topics are the broker's own.
use crate::types::limits::TOPIC_NAME_BYTES_MAX;

/// Where committed offsets and groups are kept.
pub const OFFSETS_TOPIC: &str = "__consumer_offsets";

/// Topics that hold the coordinators' state: clients may read them, and neither write nor delete them.
pub const INTERNAL_TOPICS: &[&str] = &[OFFSETS_TOPIC, "__share_group_state", "__transaction_state"];

/// Why a text is no topic name.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TopicNameError {
    #[error("Topic name is invalid: it is empty")]
    Empty,
    #[error("Topic name is invalid: '{name}' would be a directory of its own meaning")]
    Dots { name: String },
    #[error(
        "Topic name is invalid: it has {length} characters, and at most {TOPIC_NAME_BYTES_MAX} are allowed"
    )]
    TooLong { length: usize },
    #[error(
        "Topic name is invalid: '{name}' has {character:?} in it, and only ASCII letters and digits, '.', '_' and \
         '-' are allowed"
    )]
    Character { name: String, character: char },
}

/// # Errors
/// If `name` is no name for a topic.
pub fn validate_topic_name(name: &str) -> Result<(), TopicNameError> {
    if name.is_empty() {
        return Err(TopicNameError::Empty);
    }
    if name == "." || name == ".." {
        return Err(TopicNameError::Dots { name: name.to_owned() });
    }
    if name.len() > TOPIC_NAME_BYTES_MAX {
        return Err(TopicNameError::TooLong { length: name.chars().count() });
    }
    match name.chars().find(|c| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))) {
        Some(character) => Err(TopicNameError::Character { name: name.to_owned(), character }),
        None => Ok(()),
    }
}

/// Whether the names differ only in `.` and `_`, which the names of metrics do not tell apart; Kafka does not
/// create a topic whose name collides with another's. A name collides with itself.
#[must_use]
pub fn topic_names_collide(a: &str, b: &str) -> bool {
    let unified = |c: u8| if c == b'.' { b'_' } else { c };
    a.bytes().map(unified).eq(b.bytes().map(unified))
}

/// Whether a name can collide with another one at all.
#[must_use]
pub fn has_collision_characters(name: &str) -> bool {
    name.contains(['.', '_'])
}

/// Whether the topic is one of the broker's own.
#[must_use]
pub fn is_internal_topic(name: &str) -> bool {
    INTERNAL_TOPICS.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kafkas_rules_hold() {
        for name in ["a", "A-b.c_9", "...", "__consumer_offsets", &"x".repeat(249)] {
            assert_eq!(validate_topic_name(name), Ok(()), "{name}");
        }
        for name in ["", ".", "..", &"x".repeat(250), "a b", "a/b", "ä", "a:b", "a\0"] {
            assert!(validate_topic_name(name).is_err(), "{name}");
        }
    }

    #[test]
    fn messages_name_the_character() {
        assert_eq!(
            validate_topic_name("or ders").expect_err("a blank").to_string(),
            "Topic name is invalid: 'or ders' has ' ' in it, and only ASCII letters and digits, '.', '_' and '-' \
             are allowed"
        );
        assert_eq!(
            validate_topic_name(&"x".repeat(300)).expect_err("too long").to_string(),
            "Topic name is invalid: it has 300 characters, and at most 249 are allowed"
        );
    }

    #[test]
    fn dots_and_underscores_collide() {
        assert!(topic_names_collide("a.b", "a_b"));
        assert!(topic_names_collide("a.b", "a.b"));
        assert!(!topic_names_collide("a.b", "a-b"));
        assert!(!topic_names_collide("a.b", "a.b."));
        assert!(has_collision_characters("a.b") && !has_collision_characters("a-b"));
    }

    #[test]
    fn the_brokers_own_topics_are_known() {
        assert!(is_internal_topic("__consumer_offsets"));
        assert!(!is_internal_topic("__consumer_offset"));
    }
}
