//! Which sequence numbers of an incarnation have been taken.

/// Numbers below the highest that are still taken, once each: what the network may reorder.
const WINDOW: u64 = 128;

/// A sliding window (as in RFC 4303 section 3.4.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Replay {
    highest: u64,
    /// Bit n: `highest - n` was taken.
    taken: u128,
}

impl Replay {
    /// Takes a number; `false`: it was taken before, or is too old to tell.
    pub(crate) fn take(&mut self, sequence: u64) -> bool {
        if sequence > self.highest {
            let ahead = sequence - self.highest;
            self.taken = match u32::try_from(ahead) {
                Ok(ahead) if u64::from(ahead) < WINDOW => self.taken << ahead,
                Ok(_) | Err(_) => 0,
            } | 1;
            self.highest = sequence;
            return true;
        }
        let behind = self.highest - sequence;
        if behind >= WINDOW || sequence == 0 {
            return false;
        }
        let bit = 1_u128 << behind;
        let fresh = self.taken & bit == 0;
        self.taken |= bit;
        fresh
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_number_is_taken_once_in_whatever_order() {
        let mut window = Replay::default();
        for (sequence, taken) in [
            (1, true),
            (1, false),
            (5, true),
            (3, true),
            (3, false),
            (133, true),
            (5, false),
            (6, true),
            (0, false),
            (u64::MAX, true),
            (133, false),
            (u64::MAX, false),
        ] {
            assert_eq!(window.take(sequence), taken, "{sequence}");
        }
    }

    proptest! {
        #[test]
        fn no_number_is_ever_taken_twice(numbers in prop::collection::vec(1_u64..400, 1..500)) {
            let mut window = Replay::default();
            let mut taken = BTreeSet::new();
            for number in numbers {
                let newest = taken.last().is_none_or(|highest| number > *highest);
                let took = window.take(number);
                prop_assert!(!took || taken.insert(number));
                prop_assert!(took || !newest, "the newest is always taken");
            }
        }
    }
}
