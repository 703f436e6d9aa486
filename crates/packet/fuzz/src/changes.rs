//! Every small change to a seed: what a fuzzer needs libFuzzer for, within a second and without it.

/// Shows the check the seed, all that it starts with, and it with each byte changed, cut there or doubled.
pub(crate) fn each_small_change(seed: &[u8], check: impl Fn(&[u8])) {
    check(seed);
    for at in 0..seed.len() {
        check(&seed[..at]);
        let byte = seed[at];
        for value in [0, 1, 0x7f, 0x80, 0xff, byte ^ 1, byte.wrapping_add(1)] {
            let mut changed = seed.to_vec();
            changed[at] = value;
            check(&changed);
            changed.truncate(at + 1);
            check(&changed);
            changed.extend(seed);
            check(&changed);
        }
    }
}
