//! What the kernel does with a packet filter, for tests of those.

use super::Step;

/// Whether a frame for this host alone passes.
pub(crate) fn accepts(program: &[Step], frame: &[u8]) -> bool {
    let (mut at, mut register) = (0, 0);
    let load = |from: u32, length: usize| {
        let from = from as usize;
        let bytes = frame.get(from..from + length)?;
        Some(
            bytes
                .iter()
                .fold(0, |all, byte| all << 8 | u32::from(*byte)),
        )
    };
    loop {
        let step = program[at];
        at += 1;
        let loaded = match step {
            Step::LoadWord(from) => load(from, 4),
            Step::LoadHalf(from) => load(from, 2),
            Step::LoadByte(from) => load(from, 1),
            Step::LoadPacketType => Some(0),
            Step::SkipIf(value, skip) | Step::SkipUnless(value, skip) => {
                let skips = (register == value) == matches!(step, Step::SkipIf(..));
                at += if skips { usize::from(skip) } else { 0 };
                continue;
            }
            Step::Accept => return true,
            Step::Drop => return false,
        };
        match loaded {
            Some(loaded) => register = loaded,
            None => return false,
        }
    }
}
