//! Runs of bytes of one class, several bytes at a step.

use crate::block;
use crate::table::{CLASS, TOKEN};

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
#[inline(always)]
pub(crate) fn value(input: &[u8], from: usize) -> usize {
    let mut pos = from;
    while let Some(block) = input.get(pos..).and_then(|rest| rest.first_chunk()) {
        let Some(stop) = block::first_control(*block) else {
            pos += block::LEN;
            continue;
        };
        pos += stop;
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

/// The length of the field name that `input` begins with. Nearly all are of letters and dashes,
/// which are told a block at a step; the table takes over at what is neither.
#[inline(always)]
pub(crate) fn name(input: &[u8]) -> usize {
    let mut pos = 0;
    while let Some(block) = input.get(pos..).and_then(|rest| rest.first_chunk()) {
        let Some(other) = block::first_not_letter_or_dash(*block) else {
            pos += block::LEN;
            continue;
        };
        pos += other;
        if input[pos] == b':' {
            return pos;
        }
        break;
    }
    run::<TOKEN>(input, pos)
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
    fn a_name_ends_at_exactly_the_bytes_that_are_none_of_a_token() {
        for byte in 0..=255u8 {
            for at in 0..20 {
                let mut input = [b'a'; 20];
                input[at] = byte;
                let expected = if CLASS[byte as usize] & TOKEN != 0 {
                    20
                } else {
                    at
                };
                assert_eq!(name(&input), expected, "byte {byte:#x} at {at}");
            }
        }
        assert_eq!(name(b"X-B3-TraceId: a"), 12);
        assert_eq!(name(b"-\xff-a--------:"), 1);
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
