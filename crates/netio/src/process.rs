//! The data-plane process: started from this very binary, without privileges, and watched by pidfd.

mod capability;
mod identity;
mod launch;
mod memory;
mod scheduling;
mod secret;
mod standing;

use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use nix::sys::signal::Signal;

pub use capability::{Capability, require_network_privileges};
pub use identity::{Identity, resolve as resolve_identity};
pub(crate) use launch::{Launch, Launched};
pub use memory::{Residence, lock_memory};
pub use scheduling::{
    Precedence, take_precedence, take_precedence_as_instrument, take_precedence_as_watch,
};
pub use secret::{random_seed, read_secret};
pub use standing::Standing;

use crate::error::{Error, Result};

/// Where the child finds its socket to the agent.
pub const CHILD_SOCKET: RawFd = 3;
/// Where it finds what it inherits beside that ([`crate::heir::Heir::inherit`]).
pub const CHILD_BEQUEST: RawFd = 4;

/// A child process, held by a pidfd so that no other process can be meant by mistake.
#[derive(Debug)]
pub struct Child(Launched);

impl Child {
    /// Starts this binary again as `halod data-plane --fd 3` with `socket` as descriptor 3, and
    /// `bequest` as those from 4 on, which must be out of their way (64 and above). The calling thread waits
    /// until it is executed, no other does.
    ///
    /// The child has a session of its own, runs as `identity`, keeps no capability but those of `keep` (and these only if the
    /// parent has them), can gain none (`no_new_privs`), and is continued if it was stopped when the
    /// calling thread ends: it notices that, and ends too.
    pub fn spawn(
        identity: &Identity,
        keep: &[Capability],
        environment: &[(&str, String)],
        socket: &OwnedFd,
        bequest: &[OwnedFd],
    ) -> Result<Self> {
        let failed = |source| Error::os("start the data plane (/proc/self/exe)", source);
        let launch = program(environment, bequest.len()).map_err(failed)?;
        let identity = *identity;
        let keep = Capability::bits(keep);
        let socket = socket.as_raw_fd();
        let mut prepare = || {
            hand_over(socket, CHILD_SOCKET)?;
            for (fd, at) in bequest.iter().zip(CHILD_BEQUEST..) {
                hand_over(fd.as_raw_fd(), at)?;
            }
            // Where the kernel shares the processor out by sessions (sched(7), autogroup), what the data
            // plane uses is not to be taken off the agent's share.
            nix::unistd::setsid()?;
            capability::gain_no_more(keep)?;
            identity.assume()?;
            capability::keep_only(keep)?;
            // After the change of user: that resets the death signal.
            nix::sys::prctl::set_pdeathsig(Signal::SIGCONT)?;
            Ok(())
        };
        // SAFETY: the closure makes only system calls, and changes nothing in memory.
        unsafe { launch.start(&mut prepare) }
            .map(Self)
            .map_err(failed)
    }

    /// Its process number.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.0.pid()
    }

    /// Sends it a signal; it is fine if it has ended already.
    ///
    /// Needs `CAP_KILL` where the child runs as another user.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        // SAFETY: plain system call on a descriptor that we own; a null siginfo is allowed.
        let outcome = unsafe {
            libc::syscall(
                libc::SYS_pidfd_send_signal,
                self.0.as_fd().as_raw_fd(),
                signal as libc::c_int,
                std::ptr::null::<libc::siginfo_t>(),
                0,
            )
        };
        if outcome == 0 {
            return Ok(());
        }
        let error = io::Error::last_os_error();
        if error.raw_os_error() == Some(libc::ESRCH) {
            return Ok(());
        }
        Err(Error::os(
            format!("send {signal} to the data plane (needs CAP_KILL)"),
            error,
        ))
    }

    /// How it ended, in words; `None` while it runs.
    pub fn ended(&mut self) -> Result<Option<String>> {
        self.0
            .try_wait()
            .map(|status| status.map(describe))
            .map_err(|source| Error::os("wait for the data plane", source))
    }
}

impl AsFd for Child {
    /// Readable when the process has ended.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// This binary as a data plane: its environment is this process's, with `environment` on top.
fn program(environment: &[(&str, String)], inherited: usize) -> io::Result<Launch> {
    let mut launch = Launch::new("/proc/self/exe", "halod")?.nowhere(&[libc::STDIN_FILENO]);
    for argument in ["data-plane", "--fd", "3", "--inherited"] {
        launch = launch.argument(argument)?;
    }
    launch = launch.argument(inherited.to_string())?;
    let own =
        std::env::vars_os().filter(|(key, _)| environment.iter().all(|(name, _)| key != *name));
    let given = environment
        .iter()
        .map(|(key, value)| (OsString::from(key), OsString::from(value)));
    for (key, value) in own.chain(given) {
        launch = launch.variable(key, value)?;
    }
    Ok(launch)
}

/// Takes over the socket that the agent left at `fd`, and names the process for `ps`.
pub fn inherited_socket(fd: RawFd) -> Result<OwnedFd> {
    // SAFETY: getsockopt checks the descriptor itself; the out pointers are valid for the call.
    let is_socket = unsafe {
        let mut kind: libc::c_int = 0;
        let mut length = size_of::<libc::c_int>() as libc::socklen_t;
        libc::getsockopt(
            fd,
            libc::SOL_SOCKET,
            libc::SO_TYPE,
            (&raw mut kind).cast(),
            &raw mut length,
        ) == 0
            && kind == libc::SOCK_STREAM
    };
    if !is_socket || fd < CHILD_SOCKET {
        return Err(Error::NotInherited { fd });
    }
    // SAFETY: the descriptor is open (checked above), was left to us by the parent over exec, and
    // nothing else in this process knows it.
    let socket = unsafe { OwnedFd::from_raw_fd(fd) };
    nix::fcntl::fcntl(
        &socket,
        nix::fcntl::FcntlArg::F_SETFD(nix::fcntl::FdFlag::FD_CLOEXEC),
    )
    .map_err(|source| Error::os("close the agent's socket on exec", source))?;
    nix::sys::prctl::set_name(c"halod-data")
        .map_err(|source| Error::os("name the process", source))?;
    Ok(socket)
}

/// This machine's name, by which a node finds itself in the configuration.
pub fn hostname() -> Result<String> {
    let name =
        nix::unistd::gethostname().map_err(|source| Error::os("read the hostname", source))?;
    name.into_string()
        .map_err(|_| Error::os("read the hostname", io::Error::other("it is not UTF-8")))
}

/// Becomes `identity` without any capability, and without a way to gain one. Only system calls: runs
/// before exec, in this process's memory.
pub(crate) fn give_up_everything(identity: Identity) -> io::Result<()> {
    capability::gain_no_more(0)?;
    identity.assume()?;
    capability::keep_none()
}

/// Moves a descriptor to the number `to`, open over exec.
fn hand_over(socket: RawFd, to: RawFd) -> io::Result<()> {
    // SAFETY: plain system calls on a descriptor that is open in this process.
    let outcome = unsafe {
        if socket == to {
            libc::fcntl(socket, libc::F_SETFD, 0)
        } else {
            libc::dup2(socket, to)
        }
    };
    if outcome < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// How a process ended, after its name.
pub(crate) fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exited with status {code}"),
        (None, Some(signal)) => match Signal::try_from(signal) {
            Ok(signal) => format!("was ended by {signal}"),
            Err(_) => format!("was ended by signal {signal}"),
        },
        (None, None) => "ended".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_told_in_words() {
        assert_eq!(
            describe(ExitStatus::from_raw(0x0100)),
            "exited with status 1"
        );
        assert_eq!(describe(ExitStatus::from_raw(9)), "was ended by SIGKILL");
    }

    #[test]
    fn a_descriptor_that_is_no_socket_is_not_taken_over() {
        assert!(matches!(
            inherited_socket(0),
            Err(Error::NotInherited { fd: 0 })
        ));
    }
}
