//! The data-plane process and the stream to it.

use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags};
use nix::sys::signal::Signal;

use super::super::Input;
use crate::error::{Error, Result};
use crate::heir::Bequest;
use crate::process::{Capability, Child, Identity};
use crate::stream::{Limits, Stream};

/// Configuration files and statuses are well below; a data plane that leaves this much unread hangs.
const LIMITS: Limits = Limits {
    message: 16 * 1024 * 1024,
    backlog: 32 * 1024 * 1024,
};

/// A process that closes its socket is about to end; one that has not after this is killed.
const CLOSING: Duration = Duration::from_millis(200);

pub(super) struct DataPlane {
    identity: Identity,
    keep: Vec<Capability>,
    environment: Vec<(&'static str, String)>,
    running: Option<Running>,
    /// Killed, and not yet waited for.
    killed: Vec<Child>,
}

struct Running {
    child: Child,
    stream: Stream,
    /// Closed with this process, for it to notice.
    _bequest: Bequest,
    /// It closed its socket; its end is waited for until then.
    closing: Option<Instant>,
}

impl DataPlane {
    pub(super) fn new(
        identity: Identity,
        keep: Vec<Capability>,
        environment: Vec<(&'static str, String)>,
    ) -> Self {
        Self {
            identity,
            keep,
            environment,
            running: None,
            killed: Vec::new(),
        }
    }

    /// `leases` is for it to end them when this process is gone.
    pub(super) fn start(&mut self, leases: Option<OwnedFd>) -> Result<u32> {
        let (ours, theirs) =
            UnixStream::pair().map_err(|source| Error::os("make a socket pair", source))?;
        let stream = Stream::new(ours, LIMITS)?;
        let bequest = Bequest::new(leases)?;
        let child = Child::spawn(
            &self.identity,
            &self.keep,
            &self.environment,
            &OwnedFd::from(theirs),
            &bequest.descriptors(),
        )?;
        let pid = child.pid();
        self.running = Some(Running {
            child,
            stream,
            _bequest: bequest,
            closing: None,
        });
        Ok(pid)
    }

    pub(super) fn send(&mut self, message: &[u8]) -> Result<()> {
        match &mut self.running {
            Some(running) => running.stream.send_frame(message),
            None => Ok(()),
        }
    }

    pub(super) fn kill(&mut self) -> Result<()> {
        let Some(running) = self.running.take() else {
            return Ok(());
        };
        let outcome = running.child.signal(Signal::SIGKILL);
        self.killed.push(running.child);
        outcome
    }

    pub(super) fn reopen_logs(&self) -> Result<()> {
        match &self.running {
            Some(running) => running.child.signal(Signal::SIGUSR1),
            None => Ok(()),
        }
    }

    pub(super) fn poll_into<'a>(&'a self, ready: &mut Vec<PollFd<'a>>) {
        if let Some(running) = &self.running {
            if running.closing.is_none() {
                let mut flags = PollFlags::POLLIN;
                flags.set(PollFlags::POLLOUT, running.stream.has_backlog());
                ready.push(PollFd::new(running.stream.as_fd(), flags));
            }
            ready.push(PollFd::new(running.child.as_fd(), PollFlags::POLLIN));
        }
        for child in &self.killed {
            ready.push(PollFd::new(child.as_fd(), PollFlags::POLLIN));
        }
    }

    /// When [`DataPlane::collect`] has something to do although nothing came.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.running.as_ref().and_then(|running| running.closing)
    }

    pub(super) fn collect(&mut self, now: Instant, inputs: &mut Vec<Input>) -> Result<()> {
        self.killed
            .retain_mut(|child| matches!(child.ended(), Ok(None)));
        let Some(running) = &mut self.running else {
            return Ok(());
        };
        let nonsense = running.receive(inputs);
        if let Some(how) = running.child.ended()? {
            self.running = None;
            inputs.push(Input::DataPlaneEnded { how });
        } else if let Some(how) = nonsense.or_else(|| running.lingers(now)) {
            let how = match self.kill() {
                Ok(()) => how,
                Err(error) => format!("{how}, and lives on: {error}"),
            };
            inputs.push(Input::DataPlaneEnded { how });
        }
        Ok(())
    }
}

impl Running {
    /// Takes what it sent; says what is wrong if it makes no sense.
    fn receive(&mut self, inputs: &mut Vec<Input>) -> Option<String> {
        self.stream.flush();
        self.stream.receive();
        loop {
            match self.stream.take_frame() {
                Ok(Some(message)) => inputs.push(Input::DataPlaneMessage(message)),
                Ok(None) => return None,
                Err(error) => return Some(format!("spoke nonsense: {error}")),
            }
        }
    }

    /// Whether it has closed its socket and does not end.
    fn lingers(&mut self, now: Instant) -> Option<String> {
        if !self.stream.is_closed() {
            return None;
        }
        let until = *self.closing.get_or_insert(now + CLOSING);
        (now >= until).then(|| "closed its socket to the agent and did not end".to_owned())
    }
}
