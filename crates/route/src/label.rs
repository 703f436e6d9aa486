//! Labels of a trie: how one is hashed and compared.

/// Odd, and with bits set all over: a product carries each bit of a word into many of its own.
const MIX: u64 = 0x9E37_79B9_7F4A_7C15;
/// Sets the bit that tells lower from upper case in each byte of a word.
const CASE_BITS: u64 = 0x2020_2020_2020_2020;

/// Whether letters that differ only in case are the same letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Case {
    /// ASCII letters are: host names (RFC 9110 section 4.2.3).
    Folded,
    /// They are not: paths.
    Kept,
}

impl Case {
    pub(crate) fn is_equal(self, a: &[u8], b: &[u8]) -> bool {
        match self {
            Self::Folded => a.eq_ignore_ascii_case(b),
            Self::Kept => a == b,
        }
    }

    /// A hash of `label` below the node `parent`; labels that [`Self::is_equal`] have the same.
    ///
    /// Whoever sends requests cannot put anything into a table that is only read, so this need not
    /// withstand an adversary: it spreads what operators write, eight bytes at a time.
    pub(crate) fn hash(self, parent: u32, label: &[u8]) -> u32 {
        let bits = match self {
            // Equates a few more characters than it should, which a comparison then tells apart.
            Self::Folded => CASE_BITS,
            Self::Kept => 0,
        };
        let mut state = mix(MIX, (u64::from(parent) << 32) ^ label.len() as u64);
        match label.last_chunk::<8>() {
            Some(last) => {
                for word in label.as_chunks::<8>().0 {
                    state = mix(state, u64::from_le_bytes(*word) | bits);
                }
                // Overlaps the word before it, and spares a loop over single bytes.
                state = mix(state, u64::from_le_bytes(*last) | bits);
            }
            None => state = mix(state, short(label) | bits),
        }
        (state >> 32) as u32
    }
}

/// The bytes of a label of up to seven.
fn short(label: &[u8]) -> u64 {
    match (label.first_chunk::<4>(), label.last_chunk::<4>()) {
        (Some(first), Some(last)) => {
            u64::from(u32::from_le_bytes(*first)) << 32 | u64::from(u32::from_le_bytes(*last))
        }
        _ => label
            .iter()
            .fold(0, |word, byte| word << 8 | u64::from(*byte)),
    }
}

fn mix(state: u64, word: u64) -> u64 {
    let product = u128::from(state ^ word) * u128::from(MIX);
    (product >> 64) as u64 ^ product as u64
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::Case::{Folded, Kept};

    #[test]
    fn equal_labels_have_equal_hashes() {
        for (a, b) in [
            ("", ""),
            ("wWw", "WwW"),
            ("Example", "eXAMPLE"),
            ("api.Example.com", "API.eXample.COM"),
        ] {
            assert!(Folded.is_equal(a.as_bytes(), b.as_bytes()));
            assert_eq!(Folded.hash(7, a.as_bytes()), Folded.hash(7, b.as_bytes()));
        }
        assert!(!Kept.is_equal(b"a", b"A"));
    }

    #[test]
    fn what_operators_write_is_spread() {
        let mut hashes = HashSet::new();
        for parent in 0..10 {
            for n in 0..10_000 {
                for name in [
                    format!("{n}"),
                    format!("svc{n}"),
                    format!("h{n}.example.com"),
                ] {
                    hashes.insert(Kept.hash(parent, name.as_bytes()));
                }
            }
        }
        // 300,000 of 2^32: chance alone gives about ten pairs.
        assert!(hashes.len() > 300_000 - 40, "{}", hashes.len());
    }
}
