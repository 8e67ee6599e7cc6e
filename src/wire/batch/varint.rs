//! The zigzag variable-length integers inside records: at most 5 bytes for 32 bits, 10 for 64.
use bytes::BufMut;

/// Longest encoding of a 32-bit and of a 64-bit number, in bytes.
pub(super) const VARINT_BYTES_MAX: usize = 5;
pub(super) const VARLONG_BYTES_MAX: usize = 10;

pub(super) fn zigzag_decode(raw: u64) -> i64 {
    ((raw >> 1) as i64) ^ -((raw & 1) as i64)
}

fn zigzag_encode(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

pub(super) fn put(out: &mut impl BufMut, value: i64) {
    let mut raw = zigzag_encode(value);
    while raw >= 0x80 {
        out.put_u8((raw as u8 & 0x7f) | 0x80);
        raw >>= 7;
    }
    out.put_u8(raw as u8);
}

/// How many bytes [`put`] writes.
pub(super) fn len(value: i64) -> usize {
    let bits = 64 - (zigzag_encode(value) | 1).leading_zeros() as usize;
    bits.div_ceil(7)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodings_are_zigzag_and_len_agrees() {
        let mut out = Vec::new();
        put(&mut out, -1);
        put(&mut out, 1);
        put(&mut out, 64);
        assert_eq!(out, [0x01, 0x02, 0x80, 0x01]);
        for value in [0, -1, 63, -64, 64, i64::from(i32::MAX), i64::from(i32::MIN), i64::MAX, i64::MIN] {
            out.clear();
            put(&mut out, value);
            assert_eq!(out.len(), len(value), "{value}");
            assert!(out.len() <= VARLONG_BYTES_MAX);
        }
        assert_eq!(len(i64::from(i32::MIN)), VARINT_BYTES_MAX);
    }
}
