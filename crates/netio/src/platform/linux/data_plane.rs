//! The data-plane process and the stream to it.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;

use nix::poll::{PollFd, PollFlags};
use nix::sys::signal::Signal;

use super::super::Input;
use crate::error::{Error, Result};
use crate::process::{Child, Identity};
use crate::stream::{Limits, Stream};

/// Configuration files and statuses are well below; a data plane that leaves this much unread hangs.
const LIMITS: Limits = Limits {
    message: 16 * 1024 * 1024,
    backlog: 32 * 1024 * 1024,
};

pub(super) struct DataPlane {
    identity: Identity,
    environment: Vec<(&'static str, String)>,
    running: Option<Running>,
    /// Killed, and not yet waited for.
    killed: Vec<Child>,
}

struct Running {
    child: Child,
    stream: Stream,
}

impl DataPlane {
    pub(super) fn new(identity: Identity, environment: Vec<(&'static str, String)>) -> Self {
        Self {
            identity,
            environment,
            running: None,
            killed: Vec::new(),
        }
    }

    pub(super) fn start(&mut self) -> Result<u32> {
        let (ours, theirs) =
            UnixStream::pair().map_err(|source| Error::os("make a socket pair", source))?;
        let stream = Stream::new(ours, LIMITS)?;
        let child = Child::spawn(&self.identity, &self.environment, &OwnedFd::from(theirs))?;
        let pid = child.pid();
        self.running = Some(Running { child, stream });
        Ok(pid)
    }

    pub(super) fn send(&mut self, message: &[u8]) -> Result<()> {
        match &mut self.running {
            Some(running) => running.stream.send_frame(message),
            None => Err(Error::os(
                "send to the data plane",
                io::Error::from(io::ErrorKind::NotConnected),
            )),
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
            let mut flags = PollFlags::POLLIN;
            flags.set(PollFlags::POLLOUT, running.stream.has_backlog());
            ready.push(PollFd::new(running.stream.as_fd(), flags));
            ready.push(PollFd::new(running.child.as_fd(), PollFlags::POLLIN));
        }
        for child in &self.killed {
            ready.push(PollFd::new(child.as_fd(), PollFlags::POLLIN));
        }
    }

    pub(super) fn collect(&mut self, inputs: &mut Vec<Input>) -> Result<()> {
        self.killed
            .retain_mut(|child| matches!(child.ended(), Ok(None)));
        let Some(running) = &mut self.running else {
            return Ok(());
        };
        let stream = &mut running.stream;
        stream.flush();
        stream.receive();
        let broken = loop {
            match stream.take_frame() {
                Ok(Some(message)) => inputs.push(Input::DataPlaneMessage(message)),
                Ok(None) => break None,
                Err(error) => break Some(format!("spoke nonsense: {error}")),
            }
        };
        let ended = running.child.ended()?;
        let closed = stream
            .is_closed()
            .then(|| "closed its socket to the agent".to_owned());
        if let Some(how) = ended {
            self.running = None;
            inputs.push(Input::DataPlaneEnded { how });
        } else if let Some(how) = broken.or(closed) {
            let how = match self.kill() {
                Ok(()) => how,
                Err(error) => format!("{how}, and lives on: {error}"),
            };
            inputs.push(Input::DataPlaneEnded { how });
        }
        Ok(())
    }
}
