//! Eight bytes looked at in one step, as one number.
//!
//! Sixteen with vector instructions were tried and cost as much: finding the place of a hit takes
//! what the wider step saves, since most names and values are shorter than two steps.

/// Bytes of a block.
pub(crate) const LEN: usize = 8;

const ONES: u64 = 0x0101_0101_0101_0101;
const TOPS: u64 = 0x8080_8080_8080_8080;

/// The place of the first control byte: below 0x20, or 0x7f.
#[inline]
pub(crate) const fn first_control(block: [u8; LEN]) -> Option<usize> {
    let word = u64::from_le_bytes(block);
    // A borrow sets bits only above the first that is right.
    let low = word.wrapping_sub(ONES * 0x20) & !word;
    let delete = word ^ (ONES * 0x7f);
    first((low | (delete.wrapping_sub(ONES) & !delete)) & TOPS)
}

/// The place of the first byte that is neither a letter nor `-`.
#[inline]
pub(crate) const fn first_not_letter_or_dash(block: [u8; LEN]) -> Option<usize> {
    let word = u64::from_le_bytes(block);
    // Without their top bits no sum reaches into the next byte.
    let low = word & !TOPS;
    let folded = low | (ONES * 0x20);
    let from_a = folded + ONES * (0x80 - b'a' as u64);
    let after_z = folded + ONES * (0x7f - b'z' as u64);
    let no_dash = (low ^ (ONES * b'-' as u64)) + ONES * 0x7f;
    first(((!from_a | after_z) & no_dash | word) & TOPS)
}

/// The place of the first byte whose top bit is set.
#[inline]
const fn first(tops: u64) -> Option<usize> {
    if tops == 0 {
        None
    } else {
        Some(tops.trailing_zeros() as usize / 8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_finds_the_same_first_byte_as_looking_at_each() {
        for byte in 0..=255u8 {
            for next in 0..=255u8 {
                for at in 0..LEN {
                    let mut block = [b'a'; LEN];
                    block[at] = byte;
                    if let Some(after) = block.get_mut(at + 1) {
                        *after = next;
                    }
                    let control = block.iter().position(|b| *b < 0x20 || *b == 0x7f);
                    assert_eq!(first_control(block), control, "{block:x?}");
                    let other = block
                        .iter()
                        .position(|b| !b.is_ascii_alphabetic() && *b != b'-');
                    assert_eq!(first_not_letter_or_dash(block), other, "{block:x?}");
                }
            }
        }
    }
}
