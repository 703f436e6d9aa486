//! Runs of bytes of one class, several bytes at a step.

use crate::table::CLASS;

/// The first position from `from` on whose byte is not of class `BIT`, or the input's length.
#[inline]
pub(crate) fn run<const BIT: u8>(input: &[u8], from: usize) -> usize {
    let mut pos = from;
    while let Some(four) = input.get(pos..).and_then(|rest| rest.first_chunk::<4>()) {
        let common = CLASS[four[0] as usize]
            & CLASS[four[1] as usize]
            & CLASS[four[2] as usize]
            & CLASS[four[3] as usize];
        if common & BIT == 0 {
            break;
        }
        pos += 4;
    }
    while let Some(&byte) = input.get(pos) {
        if CLASS[byte as usize] & BIT == 0 {
            break;
        }
        pos += 1;
    }
    pos
}

/// The first position from `from` on that cannot be part of a field value, or the input's length.
///
/// A value holds visible ASCII, space, tab and bytes from 0x80 on (RFC 9110 section 5.5).
#[inline]
pub(crate) fn value(input: &[u8], from: usize) -> usize {
    let mut pos = from;
    while let Some(eight) = input.get(pos..).and_then(|rest| rest.first_chunk::<8>()) {
        let stop = controls(u64::from_le_bytes(*eight));
        if stop == 0 {
            pos += 8;
            continue;
        }
        pos += stop.trailing_zeros() as usize / 8;
        if input[pos] != b'\t' {
            return pos;
        }
        pos += 1;
    }
    while let Some(&byte) = input.get(pos) {
        if (byte < 0x20 && byte != b'\t') || byte == 0x7f {
            break;
        }
        pos += 1;
    }
    pos
}

/// The top bit of each byte that is below 0x20 or 0x7f; exact for the lowest such byte, which is
/// the only one that is looked at.
#[inline]
const fn controls(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const TOPS: u64 = 0x8080_8080_8080_8080;
    let low = word.wrapping_sub(ONES * 0x20) & !word;
    let delete = word ^ (ONES * 0x7f);
    (low | (delete.wrapping_sub(ONES) & !delete)) & TOPS
}

/// `value` without spaces and tabs at either end (OWS of RFC 9110 section 5.6.3).
#[inline]
pub(crate) fn trim(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = value {
        value = rest;
    }
    while let [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::TOKEN;

    #[test]
    fn a_value_ends_at_exactly_the_bytes_that_rfc_9110_forbids() {
        for byte in 0..=255u8 {
            for at in 0..20 {
                let mut input = [b'a'; 20];
                input[at] = byte;
                let allowed = byte == b'\t' || (byte >= 0x20 && byte != 0x7f);
                let expected = if allowed { 20 } else { at };
                assert_eq!(value(&input, 0), expected, "byte {byte:#x} at {at}");
            }
        }
    }

    #[test]
    fn the_first_of_several_forbidden_bytes_ends_the_value_after_any_number_of_tabs() {
        assert_eq!(value(b"\t\t\t\x80\xff\t\ta\x7f\0\r\n", 0), 8);
        assert_eq!(value(b"abc\t\tdefghijkl\r\n\0", 2), 14);
    }

    #[test]
    fn a_run_ends_at_the_first_byte_of_another_class() {
        for length in 0..12 {
            let mut input = vec![b'x'; length];
            assert_eq!(run::<TOKEN>(&input, 0), length);
            input.extend_from_slice(b": value");
            assert_eq!(run::<TOKEN>(&input, 0), length);
        }
    }
}
