//! Signals, taken as events rather than as interruptions.

use std::os::fd::{AsFd, BorrowedFd};

use nix::sys::signal::{SigSet, SigmaskHow, Signal as Number, sigprocmask};
use nix::sys::signalfd::{SfdFlags, SignalFd};

use crate::error::{Error, Result};

/// What the operator or the service manager asks for by signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// SIGTERM or SIGINT: give everything up and end.
    Stop,
    /// SIGHUP: read the configuration again.
    Reload,
    /// SIGUSR1: reopen log files.
    ReopenLogs,
}

/// The signals that the agent takes, blocked and readable.
#[derive(Debug)]
pub struct Signals(SignalFd);

impl Signals {
    /// Blocks the agent's signals for the calling thread and those it starts later; from now on
    /// they come through [`Signals::next`].
    pub fn take_over() -> Result<Self> {
        let mut set = SigSet::empty();
        for number in [
            Number::SIGTERM,
            Number::SIGINT,
            Number::SIGHUP,
            Number::SIGUSR1,
        ] {
            set.add(number);
        }
        sigprocmask(SigmaskHow::SIG_BLOCK, Some(&set), None)
            .map_err(|source| Error::os("block signals", source))?;
        SignalFd::with_flags(&set, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)
            .map(Self)
            .map_err(|source| Error::os("open a signalfd", source))
    }

    /// The next signal that has come, if any.
    pub fn next(&self) -> Result<Option<Signal>> {
        let Some(info) = self
            .0
            .read_signal()
            .map_err(|source| Error::os("read the signalfd", source))?
        else {
            return Ok(None);
        };
        Ok(match info.ssi_signo as libc::c_int {
            libc::SIGHUP => Some(Signal::Reload),
            libc::SIGUSR1 => Some(Signal::ReopenLogs),
            _ => Some(Signal::Stop),
        })
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
