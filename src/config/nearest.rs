//! The known name that a mistyped one is closest to.

/// Names at a greater distance are no help. Counted in single-character edits per four characters.
const CHARACTERS_PER_EDIT: usize = 4;

/// The name closest to `wrong` by edits and transpositions, or `None` where none is near. Of equally near
/// names the first one wins.
pub fn nearest<'a>(wrong: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    // Names are short; a long text is not a mistyped one, and its distance would be dear to compute.
    if wrong.len() > 128 {
        return None;
    }
    let most = (wrong.chars().count() / CHARACTERS_PER_EDIT).max(1);
    names
        .map(|name| (strsim::osa_distance(wrong, name), name))
        .filter(|(distance, _)| *distance <= most)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::keys::broker_keys;

    #[test]
    fn a_slip_finds_its_key_and_nonsense_none() {
        let near = |wrong| nearest(wrong, broker_keys().map(|key| key.name));
        assert_eq!(near("advertised.listener"), Some("advertised.listeners"));
        assert_eq!(near("num.partition"), Some("num.partitions"));
        assert_eq!(near("log.retnetion.ms"), Some("log.retention.ms"));
        assert_eq!(near("ordain.insecrue"), Some("ordain.insecure"));
        assert_eq!(near("colour"), None);
        assert_eq!(near(""), None);
        assert_eq!(near(&"x".repeat(10_000)), None);
    }
}
