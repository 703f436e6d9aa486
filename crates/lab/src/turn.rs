//! When a measuring instrument gets the processor: one that is late measures itself.

use halo_netio::process::{Precedence, take_precedence_as_instrument};

/// When a thread runs, beside all others that could.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// Like any program.
    Ordinary,
    /// Before all ordinary programs, as far as the machine permits, and behind the nodes' heartbeats.
    First,
}

impl Turn {
    /// Makes it the calling thread's. Processes that it starts do not inherit it.
    pub fn take(self) {
        match self {
            Self::Ordinary => {}
            Self::First => match take_precedence_as_instrument() {
                Precedence::Realtime => {}
                Precedence::Nice(error) | Precedence::None(error) => {
                    eprintln!(
                        "no real-time scheduling for what measures ({error}): it may be late"
                    );
                }
            },
        }
    }
}
