/// CRC-32C (Castagnoli) of `bytes`, as record batches carry it and as this project's own formats do.
#[must_use]
pub fn crc32c(bytes: &[u8]) -> u32 {
    crc_fast::crc32_iscsi(bytes)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_polynomial_is_castagnolis() {
        // The check value of CRC-32/ISCSI, and RFC 3720's 32 bytes of zeroes.
        assert_eq!(super::crc32c(b"123456789"), 0xe306_9283);
        assert_eq!(super::crc32c(&[0; 32]), 0x8a91_36aa);
    }
}
