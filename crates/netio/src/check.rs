//! Checks that take their time: programs, and questions to neighbours.
//!
//! Each runs under a thread of its own, since starting a program means to wait for it to be loaded,
//! and the agent must not wait.

mod question;
mod script;

use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use nix::sys::eventfd::{EfdFlags, EventFd};

pub use question::{Judge, Question};
pub use script::Script;

use crate::error::{Error, Result};
use crate::process::Identity;

/// A checking thread calls little, and the agent's memory is locked, stacks included.
const STACK: usize = 128 * 1024;

/// What is to be done.
#[derive(Debug)]
pub enum Check {
    /// A program that exits with status 0 when all is well.
    Script(Script),
    /// A frame that is answered when all is well.
    Question(Question),
}

/// What was found, in words: all is well, or it is not.
pub type Outcome = std::result::Result<String, String>;

/// The checks under way.
#[derive(Debug)]
pub(crate) struct Checks {
    identity: Identity,
    ended: Receiver<(u64, Outcome)>,
    teller: Sender<(u64, Outcome)>,
    wake: Arc<EventFd>,
}

impl Checks {
    /// None yet. Scripts run as `identity`, without capabilities.
    pub(crate) fn new(identity: Identity) -> Result<Self> {
        let (teller, ended) = channel();
        let flags = EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK;
        let wake = EventFd::from_flags(flags)
            .map_err(|source| Error::os("make an eventfd for checks", source))?;
        Ok(Self {
            identity,
            ended,
            teller,
            wake: Arc::new(wake),
        })
    }

    /// Starts a check; its outcome comes from [`Checks::next`] with the same `id`.
    pub(crate) fn start(&self, id: u64, check: Check) -> Result<()> {
        let (identity, teller, wake) = (self.identity, self.teller.clone(), self.wake.clone());
        thread::Builder::new()
            .name("halod-check".to_owned())
            .stack_size(STACK)
            .spawn(move || {
                let outcome = match &check {
                    Check::Script(script) => script::run(identity, script),
                    Check::Question(question) => question.ask(),
                };
                // Without an agent nobody wants to know.
                if teller.send((id, outcome)).is_ok() {
                    // Only a full counter fails, and that one wakes the agent as well.
                    wake.write(1).ok();
                }
            })
            .map(drop)
            .map_err(|source| Error::os("start a thread for a check", source))
    }

    /// The next check that has ended.
    pub(crate) fn next(&self) -> Option<(u64, Outcome)> {
        self.ended.try_recv().ok().or_else(|| {
            // Fails when it was not written to since; then nothing has come either.
            self.wake.read().ok();
            self.ended.try_recv().ok()
        })
    }
}

impl AsFd for Checks {
    /// Readable when a check has ended.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.wake.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use nix::poll::{PollFd, PollFlags, ppoll};

    use super::*;

    #[test]
    fn an_outcome_wakes_who_polls_and_comes_once() {
        let checks = Checks::new(Identity::Keep).unwrap();
        let script = Script {
            command: vec!["/bin/false".to_owned()],
            directory: "/".into(),
            timeout: Duration::from_secs(30),
        };
        checks.start(7, Check::Script(script)).unwrap();
        let mut ready = [PollFd::new(checks.as_fd(), PollFlags::POLLIN)];
        ppoll(&mut ready, None, None).unwrap();
        let outcome = Err("exited with status 1".to_owned());
        assert_eq!(checks.next(), Some((7, outcome)));
        assert_eq!(checks.next(), None);
    }
}
