//! The data-plane process and the stream to it.

use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use nix::poll::PollFlags;
use nix::sys::signal::Signal;

use super::super::Input;
use super::starter::{Manner, Order, Starter, starter};
use crate::error::{Error, Result};
use crate::heir::{Bequest, moved_up};
use crate::process::{Capability, Child, Identity, Standing};
use crate::stream::{Limits, Stream};
use crate::waiting::Waiting;

/// Configuration files and statuses are well below; a data plane that leaves this much unread hangs.
const LIMITS: Limits = Limits {
    message: 16 * 1024 * 1024,
    backlog: 32 * 1024 * 1024,
};

/// A process that closes its socket is about to end; one that has not after this is killed.
const CLOSING: Duration = Duration::from_millis(200);

pub(super) struct DataPlane {
    starter: Starter,
    running: Option<Running>,
    /// Given up before it was known how their start went.
    given_up: usize,
    /// Killed, and not yet waited for.
    killed: Vec<Child>,
}

struct Running {
    /// `None`: it is being started.
    child: Option<Child>,
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
    ) -> Result<Self> {
        let manner = Manner {
            identity,
            keep,
            environment,
        };
        Ok(Self {
            starter: starter(manner)?,
            running: None,
            given_up: 0,
            killed: Vec::new(),
        })
    }

    /// `leases` is for it to end them when this process is gone.
    pub(super) fn start(&mut self, leases: Option<OwnedFd>) -> Result<()> {
        let (ours, theirs) =
            UnixStream::pair().map_err(|source| Error::os("make a socket pair", source))?;
        let stream = Stream::new(ours, LIMITS)?;
        let bequest = Bequest::new(leases)?;
        self.starter.order(Order {
            socket: OwnedFd::from(theirs),
            bequest: moved_up(&bequest.descriptors())?,
        })?;
        self.running = Some(Running {
            child: None,
            stream,
            _bequest: bequest,
            closing: None,
        });
        Ok(())
    }

    pub(super) fn standing(&self) -> Option<Standing> {
        let child = self.running.as_ref()?.child.as_ref()?;
        Standing::of(child.pid())
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
        match running.child {
            Some(child) => self.kill_child(child),
            None => {
                self.given_up += 1;
                Ok(())
            }
        }
    }

    fn kill_child(&mut self, child: Child) -> Result<()> {
        let outcome = child.signal(Signal::SIGKILL);
        self.killed.push(child);
        outcome
    }

    pub(super) fn reopen_logs(&self) -> Result<()> {
        let running = self.running.as_ref();
        match running.and_then(|running| running.child.as_ref()) {
            Some(child) => child.signal(Signal::SIGUSR1),
            None => Ok(()),
        }
    }

    pub(super) fn wait_too(&self, waiting: &mut Waiting) {
        waiting.read(self.starter.as_fd());
        if let Some(running) = &self.running
            && let Some(child) = &running.child
        {
            if running.closing.is_none() {
                let mut flags = PollFlags::POLLIN;
                flags.set(PollFlags::POLLOUT, running.stream.has_backlog());
                waiting.add(running.stream.as_fd(), flags);
            }
            waiting.read(child.as_fd());
        }
        for child in &self.killed {
            waiting.read(child.as_fd());
        }
    }

    /// When [`DataPlane::collect`] has something to do although nothing came.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.running.as_ref().and_then(|running| running.closing)
    }

    pub(super) fn collect(&mut self, now: Instant, inputs: &mut Vec<Input>) -> Result<()> {
        self.killed
            .retain_mut(|child| matches!(child.ended(), Ok(None)));
        while let Some(started) = self.starter.next() {
            inputs.extend(self.take_started(started)?);
        }
        // What it says before it is known to run waits in its socket.
        let Some(running) = &mut self.running else {
            return Ok(());
        };
        let Some(child) = &mut running.child else {
            return Ok(());
        };
        let ended = child.ended()?;
        let nonsense = running.receive(inputs);
        if let Some(how) = ended {
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

    /// `None`: it was given up meanwhile.
    fn take_started(&mut self, started: Result<Child>) -> Result<Option<Input>> {
        let wanted = self.running.as_mut().filter(|_| self.given_up == 0);
        let outcome = match (started, wanted) {
            (Ok(child), Some(running)) => {
                let pid = child.pid();
                running.child = Some(child);
                Ok(pid)
            }
            (Ok(child), None) => {
                self.given_up = self.given_up.saturating_sub(1);
                self.kill_child(child)?;
                return Ok(None);
            }
            (Err(problem), Some(_)) => {
                self.running = None;
                Err(problem.to_string())
            }
            (Err(_), None) => {
                self.given_up = self.given_up.saturating_sub(1);
                return Ok(None);
            }
        };
        Ok(Some(Input::DataPlaneStarted { outcome }))
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
