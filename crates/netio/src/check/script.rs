//! Programs that say whether all is well: run without privileges, and killed when they take too long.

use std::io;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::{Signal, killpg};
use nix::sys::time::TimeSpec;
use nix::unistd::{Pid, setsid};

use super::Outcome;
use crate::process::{self, Identity, Launch, Launched};

/// Where programs that a script calls are looked for.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// What a script may have open, and how much it may write to a file.
const MOST_FILES: u64 = 256;
const LARGEST_FILE: u64 = 16 * 1024 * 1024;

/// A program to be run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    /// Its absolute path and its arguments; not empty.
    pub command: Vec<String>,
    /// Where it starts.
    pub directory: PathBuf,
    /// When it is killed, with all that it started.
    pub timeout: Duration,
}

/// Runs it to its end.
pub(super) fn run(identity: Identity, script: &Script) -> Outcome {
    let deadline = Instant::now() + script.timeout;
    let mut child = spawn(identity, script).map_err(|error| format!("did not start: {error}"))?;
    let status = wait(&mut child, deadline).map_err(|error| format!("was lost: {error}"))?;
    match status {
        Some(status) if status.success() => Ok(process::describe(status)),
        Some(status) => Err(process::describe(status)),
        None => Err(format!(
            "took longer than {} ms",
            script.timeout.as_millis()
        )),
    }
}

/// A session of its own, no privileges, no input and output, an empty environment, small limits.
fn spawn(identity: Identity, script: &Script) -> io::Result<Launched> {
    let (program, arguments) = script
        .command
        .split_first()
        .ok_or(io::ErrorKind::InvalidInput)?;
    let mut launch = Launch::new(program, program)?
        .variable("PATH", PATH)?
        .directory(&script.directory)?
        .nowhere(&[0, 1, 2]);
    for argument in arguments {
        launch = launch.argument(argument)?;
    }
    let cpu = script.timeout.as_secs() + 1;
    let mut prepare = || {
        setsid()?;
        process::give_up_everything(identity)?;
        setrlimit(Resource::RLIMIT_CORE, 0, 0)?;
        setrlimit(Resource::RLIMIT_CPU, cpu, cpu)?;
        setrlimit(Resource::RLIMIT_NOFILE, MOST_FILES, MOST_FILES)?;
        setrlimit(Resource::RLIMIT_FSIZE, LARGEST_FILE, LARGEST_FILE)?;
        // After the change of user: that resets the death signal.
        nix::sys::prctl::set_pdeathsig(Signal::SIGKILL)?;
        Ok(())
    };
    // SAFETY: the closure makes only system calls, and changes nothing in memory.
    unsafe { launch.start(&mut prepare) }
}

/// Waits for the end; `None`: it had to be killed, with all of its session's first process group.
fn wait(child: &mut Launched, deadline: Instant) -> io::Result<Option<ExitStatus>> {
    let ended = loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let mut ready = [PollFd::new(child.as_fd(), PollFlags::POLLIN)];
        match ppoll(&mut ready, Some(TimeSpec::from(left)), None) {
            Ok(0) => break false,
            Ok(_) => break true,
            Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
    };
    // What it left running goes with it. The number is still its own: it was not waited for.
    let group = Pid::from_raw(child.pid().cast_signed());
    match killpg(group, Signal::SIGKILL) {
        Ok(()) | Err(Errno::ESRCH) => {}
        Err(error) => return Err(error.into()),
    }
    let status = child.wait()?;
    Ok(status.filter(|_| ended))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(command: &[&str], timeout: Duration) -> Outcome {
        let script = Script {
            command: command.iter().map(|word| (*word).to_owned()).collect(),
            directory: "/".into(),
            timeout,
        };
        run(Identity::Keep, &script)
    }

    const LONG: Duration = Duration::from_secs(30);

    #[test]
    fn status_0_is_well_and_anything_else_is_told() {
        assert_eq!(
            outcome(&["/bin/true"], LONG),
            Ok("exited with status 0".to_owned())
        );
        assert_eq!(
            outcome(&["/bin/sh", "-c", "exit 3"], LONG),
            Err("exited with status 3".to_owned())
        );
        assert_eq!(
            outcome(&["/bin/sh", "-c", "kill -9 $$"], LONG),
            Err("was ended by SIGKILL".to_owned())
        );
        let missing = outcome(&["/no/such/program"], LONG).unwrap_err();
        assert!(missing.starts_with("did not start: "), "{missing}");
    }

    #[test]
    fn one_that_takes_too_long_is_killed_with_what_it_started() {
        let started = Instant::now();
        let slow = ["/bin/sh", "-c", "/bin/sleep 60 & /bin/sleep 60"];
        assert_eq!(
            outcome(&slow, Duration::from_millis(100)),
            Err("took longer than 100 ms".to_owned())
        );
        assert!(started.elapsed() < LONG);
    }

    #[test]
    fn it_has_no_privileges_no_environment_and_no_terminal() {
        let check = "set -e
            test \"$(env | grep -v -e ^PWD= -e ^_= -e ^SHLVL= -e ^OLDPWD=)\" = \"PATH=$PATH\"
            grep -q '^NoNewPrivs:.1$' /proc/self/status
            grep -q '^CapEff:.0000000000000000$' /proc/self/status
            grep -q '^CapPrm:.0000000000000000$' /proc/self/status
            test \"$(ulimit -c)\" = 0
            test ! -t 0";
        let outcome = outcome(&["/bin/sh", "-c", check], LONG);
        assert_eq!(outcome, Ok("exited with status 0".to_owned()));
    }
}
