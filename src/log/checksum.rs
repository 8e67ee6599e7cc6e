pub(crate) use crate::wire::batch::crc32c;

/// CRC-32C of two pieces as if they were one.
pub(crate) fn crc32c_of_two(first: &[u8], second: &[u8]) -> u32 {
    let mut digest = crc_fast::Digest::new(crc_fast::CrcAlgorithm::Crc32Iscsi);
    digest.update(first);
    digest.update(second);
    // A 32-bit algorithm yields a value below 2³².
    digest.finalize() as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_pieces_are_as_one() {
        assert_eq!(crc32c_of_two(b"1234", b"56789"), crc32c(b"123456789"));
    }
}
