//! A process on a host of the lab.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus};
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::{LabError, proc, wait_until};

/// How long a process that was killed may take to be gone.
const REAP: Duration = Duration::from_secs(5);

/// A process on a host; killed when dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    program: String,
    host: String,
    log: PathBuf,
}

impl Process {
    pub(crate) fn new(child: Child, program: &str, host: &str, log: PathBuf) -> Self {
        Self {
            child,
            program: program.into(),
            host: host.into(),
            log,
        }
    }

    /// Its number.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The file with what it printed.
    #[must_use]
    pub fn log_file(&self) -> &Path {
        &self.log
    }

    /// What it printed so far.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Sends it a signal; `false` when it has gone.
    pub fn signal(&self, signal: Signal) -> bool {
        proc::signal(self.pid(), signal)
    }

    /// Kills it and waits until it is gone.
    ///
    /// # Errors
    /// When it cannot be killed or waited for.
    pub fn kill(&mut self) -> Result<ExitStatus, LabError> {
        let name = format!("kill {} on {}", self.program, self.host);
        self.child.kill().map_err(LabError::io(&name))?;
        self.child.wait().map_err(LabError::io(&name))
    }

    /// Asks it to end (SIGTERM) and waits until it has.
    ///
    /// # Errors
    /// When it has not ended within `within`.
    pub fn terminate(&mut self, within: Duration) -> Result<ExitStatus, LabError> {
        self.signal(Signal::SIGTERM);
        self.wait(within)
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// When it has not ended within `within`.
    pub fn wait(&mut self, within: Duration) -> Result<ExitStatus, LabError> {
        let mut status = None;
        let what = format!("the end of {} on {}", self.program, self.host);
        let waited = wait_until(&what, within, || {
            status = self.child.try_wait().ok().flatten();
            status.is_some()
        });
        match (status, waited) {
            (Some(status), _) => Ok(status),
            (None, Err(error)) => Err(error),
            (None, Ok(())) => self.child.wait().map_err(LabError::io(what)),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.is_running() && self.child.kill().is_ok() && self.wait(REAP).is_err() {
            eprintln!("halo-lab: {} on {} does not die", self.program, self.host);
        }
    }
}
