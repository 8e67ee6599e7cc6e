//! Where a start begins to replay the journal, by `docs/segment-format.md`.

const MAGIC: &[u8] = b"ORDNCKPT";

/// A place in the journal: a file's sequence number, and an offset in it.
pub(super) type Place = (u64, u64);

/// The replay position of a checkpoint; `None` if it is none.
pub(super) fn replay_from(content: &[u8]) -> Option<Place> {
    let number = |at: usize| Some(u64::from_be_bytes(content.get(at..at + 8)?.try_into().ok()?));
    content.starts_with(MAGIC).then_some(())?;
    Some((number(48)?, number(56)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_position_is_read() {
        let mut content = MAGIC.to_vec();
        content.extend([0; 40]);
        content.extend(7_u64.to_be_bytes());
        assert_eq!(replay_from(&content), None, "cut short");
        content.extend(4096_u64.to_be_bytes());
        assert_eq!(replay_from(&content), Some((7, 4096)));
        assert_eq!(replay_from(b"ORDNJRNL"), None);
    }
}
