pub(crate) use crate::wire::batch::crc32c;

/// CRC-32C of two pieces as if they were one.
pub(crate) fn crc32c_of_two(first: &[u8], second: &[u8]) -> u32 {
    let mut digest = crc_fast::Digest::new(crc_fast::CrcAlgorithm::Crc32Iscsi);
    digest.update(first);
    digest.update(second);
    // A 32-bit algorithm yields a value below 2³².
    digest.finalize() as u32
}

/// Where a header's CRC stands: behind its magic and its version.
const CRC_AT: std::ops::Range<usize> = 12..16;

/// CRC-32C of all of a header, or of what begins with one, but the CRC itself: a bit that flips in the version is noticed, too, and does
/// not make of damage what another release has written.
pub(crate) fn crc32c_of_header(bytes: &[u8]) -> u32 {
    crc32c_of_two(&bytes[..CRC_AT.start], &bytes[CRC_AT.end..])
}

/// Puts the CRC in its place, of a header or of what begins with one; gives it.
pub(crate) fn seal_header(bytes: &mut [u8]) -> u32 {
    let crc = crc32c_of_header(bytes);
    bytes[CRC_AT].copy_from_slice(&crc.to_be_bytes());
    crc
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_pieces_are_as_one() {
        assert_eq!(crc32c_of_two(b"1234", b"56789"), crc32c(b"123456789"));
    }
}
