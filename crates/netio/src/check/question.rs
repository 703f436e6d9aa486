//! Questions to neighbours: a frame, and whether one comes back that answers it.

use std::fmt;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::time::TimeSpec;

use super::Outcome;
use crate::error::{Error, Result};
use crate::frame::{FrameListener, FrameSocket, Step};

/// A question is asked again when there is no answer for this long: one frame may be lost.
const AGAIN: Duration = Duration::from_millis(100);
/// Longest frame that is looked at; the answers of neighbours are below 100 bytes.
const FRAME: usize = 256;

/// Says whether a frame answers a question.
pub type Judge = Box<dyn Fn(&[u8]) -> bool + Send>;

/// A question to a neighbour.
pub struct Question {
    /// The interface that it is asked on.
    pub interface: u32,
    /// EtherType of the answer.
    pub ethertype: u16,
    /// Which frames wake the one who asks; empty: all of this type.
    pub filter: Vec<Step>,
    /// The frame, its Ethernet header included.
    pub frame: Vec<u8>,
    /// Whether a frame that came in answers it.
    pub answers: Judge,
    /// How long an answer is waited for.
    pub timeout: Duration,
}

impl fmt::Debug for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Question")
            .field("interface", &self.interface)
            .field("frame", &self.frame)
            .finish_non_exhaustive()
    }
}

impl Question {
    /// Asks, and waits for the answer.
    pub(super) fn ask(&self) -> Outcome {
        let started = Instant::now();
        match self.answered() {
            Ok(true) => Ok(format!("answered in {:.1} ms", millis(started.elapsed()))),
            Ok(false) => Err(format!("no answer within {:.0} ms", millis(self.timeout))),
            Err(problem) => Err(problem.to_string()),
        }
    }

    fn answered(&self) -> Result<bool> {
        let deadline = Instant::now() + self.timeout;
        // First the ear, then the mouth.
        let listener = FrameListener::open(self.interface, self.ethertype)?;
        if !self.filter.is_empty() {
            listener.filter(&self.filter)?;
        }
        let socket = FrameSocket::open()?;
        while Instant::now() < deadline {
            socket.send(self.interface, &self.frame)?;
            if self.hears(&listener, deadline.min(Instant::now() + AGAIN))? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn hears(&self, listener: &FrameListener, until: Instant) -> Result<bool> {
        let mut frame = [0; FRAME];
        loop {
            while let Some(length) = listener.receive(&mut frame)? {
                if (self.answers)(&frame[..length.min(FRAME)]) {
                    return Ok(true);
                }
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(false);
            }
            let mut ready = [PollFd::new(listener.as_fd(), PollFlags::POLLIN)];
            match ppoll(&mut ready, Some(TimeSpec::from(left)), None) {
                Ok(_) | Err(Errno::EINTR) => {}
                Err(error) => return Err(Error::os("wait for an answer", error)),
            }
        }
    }
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
