//! A node of the cluster: halod on a host.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{ExitStatus, Output};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use halo_api::{AgentReply, AgentRequest, AgentStatus, Event, Status};
use nix::sys::signal::Signal;

use crate::{Host, LabError, Process, Programs, find_tool, proc};

/// The agent answers at once; a frozen one never.
const AGENT_ANSWER: Duration = Duration::from_millis(500);

/// A node: its host, and halod on it.
#[derive(Debug)]
pub struct Node {
    // Before the host: the process goes first.
    halod: Mutex<Option<Process>>,
    host: Arc<Host>,
    program: PathBuf,
    config: PathBuf,
}

impl Node {
    pub(crate) fn new(host: Arc<Host>, programs: &Programs, config: PathBuf) -> Self {
        Self {
            halod: Mutex::new(None),
            host,
            program: programs.path("halod"),
            config,
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.host.name()
    }

    /// Its host.
    #[must_use]
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// Starts halod.
    ///
    /// # Errors
    /// When it runs already, or cannot be started.
    pub fn start_halod(&self) -> Result<(), LabError> {
        self.start(self.program.as_os_str(), &[])
    }

    /// Starts halod as one that may not run before other processes: neither real-time scheduling nor
    /// a better nice value is granted to it.
    ///
    /// # Errors
    /// As [`Self::start_halod`].
    pub fn start_halod_without_precedence(&self) -> Result<(), LabError> {
        self.start_halod_without("sys_nice")
    }

    /// Starts halod as one that lacks a capability (as capabilities(7) has it, in lower case and without
    /// `CAP_`).
    ///
    /// # Errors
    /// As [`Self::start_halod`].
    pub fn start_halod_without(&self, capability: &str) -> Result<(), LabError> {
        let program = self.program.as_os_str();
        let setpriv = find_tool("setpriv")?;
        let without = format!("--bounding-set=-{capability}");
        self.start(setpriv.as_os_str(), &[without.as_ref(), program])
    }

    fn start(&self, program: &OsStr, before: &[&OsStr]) -> Result<(), LabError> {
        let mut halod = self.lock();
        if halod.as_mut().is_some_and(Process::is_running) {
            return Err(LabError::Refused(format!(
                "halod runs on {} already",
                self.name()
            )));
        }
        let config = self.config.as_os_str();
        let arguments = before.iter().copied().chain(["--config".as_ref(), config]);
        *halod = Some(self.host.spawn("halod", program, arguments)?);
        Ok(())
    }

    /// Whether the agent's process is there.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.lock().as_mut().is_some_and(Process::is_running)
    }

    /// The agent's process.
    #[must_use]
    pub fn agent_pid(&self) -> Option<u32> {
        let mut halod = self.lock();
        let process = halod.as_mut()?;
        process.is_running().then(|| process.pid())
    }

    /// The data plane's process.
    #[must_use]
    pub fn data_plane_pid(&self) -> Option<u32> {
        let mut all = self.host.processes().into_iter();
        all.find(|pid| {
            proc::arguments(*pid)
                .get(1)
                .is_some_and(|a| a == "data-plane")
        })
    }

    /// Kills both processes of halod (SIGKILL), as a machine that loses its power.
    ///
    /// # Errors
    /// When halod does not run.
    pub fn kill(&self) -> Result<(), LabError> {
        let data_plane = self.data_plane_pid();
        let agent = self.signal_agent(Signal::SIGKILL);
        if let Some(pid) = data_plane {
            proc::signal(pid, Signal::SIGKILL);
        }
        agent?;
        self.reap()
    }

    /// Kills the agent alone (SIGKILL).
    ///
    /// # Errors
    /// When halod does not run.
    pub fn kill_agent(&self) -> Result<(), LabError> {
        self.signal_agent(Signal::SIGKILL)?;
        self.reap()
    }

    /// Kills the data plane alone (SIGKILL).
    ///
    /// # Errors
    /// When it does not run.
    pub fn kill_data_plane(&self) -> Result<(), LabError> {
        let pid = self.data_plane_pid().ok_or_else(|| self.not_running())?;
        proc::signal(pid, Signal::SIGKILL);
        Ok(())
    }

    /// Stops both processes in their tracks (SIGSTOP), as a virtual machine that is paused.
    ///
    /// # Errors
    /// When halod does not run.
    pub fn freeze(&self) -> Result<(), LabError> {
        self.signal_agent(Signal::SIGSTOP)?;
        if let Some(pid) = self.data_plane_pid() {
            proc::signal(pid, Signal::SIGSTOP);
        }
        Ok(())
    }

    /// Undoes [`Self::freeze`].
    ///
    /// # Errors
    /// When halod does not run.
    pub fn thaw(&self) -> Result<(), LabError> {
        if let Some(pid) = self.data_plane_pid() {
            proc::signal(pid, Signal::SIGCONT);
        }
        self.signal_agent(Signal::SIGCONT)
    }

    /// Asks halod to end (SIGTERM) and waits for it.
    ///
    /// # Errors
    /// When it does not run, or has not ended within `within`.
    pub fn terminate(&self, within: Duration) -> Result<ExitStatus, LabError> {
        let mut halod = self.lock();
        let process = halod.as_mut().ok_or_else(|| self.not_running())?;
        process.terminate(within)
    }

    /// Asks halod to read its configuration again (SIGHUP).
    ///
    /// # Errors
    /// When it does not run.
    pub fn hang_up(&self) -> Result<(), LabError> {
        self.signal_agent(Signal::SIGHUP)
    }

    /// Runs `hactl` on the node.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn hactl(&self, arguments: &[&str]) -> Result<Output, LabError> {
        let program = self.program.with_file_name("hactl");
        self.host.run(&program.to_string_lossy(), arguments)
    }

    /// `hactl -o json status`.
    ///
    /// # Errors
    /// When hactl fails or prints what is not a [`Status`].
    pub fn status(&self) -> Result<Status, LabError> {
        let output = self.hactl(&["-o", "json", "status"])?;
        let failed = |detail: String| LabError::Program {
            program: "hactl status".into(),
            host: self.name().into(),
            detail,
        };
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(failed(format!("{}: {said}", output.status)));
        }
        serde_json::from_slice(&output.stdout).map_err(|e| {
            failed(format!(
                "{e} in {}",
                String::from_utf8_lossy(&output.stdout)
            ))
        })
    }

    /// The agent's status, from its own socket.
    ///
    /// # Errors
    /// When the agent does not answer.
    pub fn agent_status(&self) -> Result<AgentStatus, LabError> {
        match self.ask_agent(&AgentRequest::Status)? {
            AgentReply::Status(status) => Ok(*status),
            other => Err(self.odd_answer(&other)),
        }
    }

    /// The node's events, from the agent's socket.
    ///
    /// # Errors
    /// When the agent does not answer.
    pub fn events(&self) -> Result<Vec<Event>, LabError> {
        match self.ask_agent(&AgentRequest::Events { after: 0 })? {
            AgentReply::Events { events } => Ok(events),
            other => Err(self.odd_answer(&other)),
        }
    }

    /// Asks the agent over its Unix socket.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn ask_agent(&self, request: &AgentRequest) -> Result<AgentReply, LabError> {
        let ask = || -> std::io::Result<AgentReply> {
            let mut stream = UnixStream::connect(self.host.path("/run/halo/agent.sock"))?;
            stream.set_read_timeout(Some(AGENT_ANSWER))?;
            stream.write_all((serde_json::to_string(request)? + "\n").as_bytes())?;
            let mut line = String::new();
            BufReader::new(stream).read_line(&mut line)?;
            Ok(serde_json::from_str(&line)?)
        };
        ask().map_err(LabError::io(format!("ask the agent of {}", self.name())))
    }

    /// Resident memory in KiB: agent, data plane.
    #[must_use]
    pub fn memory(&self) -> (Option<u64>, Option<u64>) {
        let of = |pid: Option<u32>| pid.and_then(proc::resident_kib);
        (of(self.agent_pid()), of(self.data_plane_pid()))
    }

    fn signal_agent(&self, signal: Signal) -> Result<(), LabError> {
        let pid = self.agent_pid().ok_or_else(|| self.not_running())?;
        proc::signal(pid, signal);
        Ok(())
    }

    /// Takes the exit status of an agent that was killed.
    ///
    /// # Errors
    /// When it has not ended.
    pub fn reap(&self) -> Result<(), LabError> {
        if let Some(mut process) = self.lock().take() {
            process.wait(Duration::from_secs(5))?;
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Option<Process>> {
        self.halod.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn not_running(&self) -> LabError {
        LabError::Refused(format!(
            "halod does not run on {0}; start it with `halo-lab start {0}`",
            self.name()
        ))
    }

    fn odd_answer(&self, answer: &AgentReply) -> LabError {
        LabError::Program {
            program: "the agent".into(),
            host: self.name().into(),
            detail: format!("answered {answer:?}"),
        }
    }
}
