//! The data-plane process: started from this very binary, without privileges, and watched by pidfd.

mod capability;
mod identity;
mod scheduling;
mod secret;

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, ExitStatus, Stdio};

use nix::sys::signal::Signal;

pub use capability::{Capability, require_network_privileges};
pub use identity::{Identity, resolve as resolve_identity};
pub use scheduling::{Precedence, take_precedence};
pub use secret::{random_seed, read_secret};

use crate::error::{Error, Result};
use crate::heir::moved_up;

/// Where the child finds its socket to the agent.
pub const CHILD_SOCKET: RawFd = 3;
/// Where it finds what it inherits beside that ([`crate::heir::Heir::inherit`]).
pub const CHILD_BEQUEST: RawFd = 4;

/// A child process, held by a pidfd so that no other process can be meant by mistake.
#[derive(Debug)]
pub struct Child {
    child: std::process::Child,
    pidfd: OwnedFd,
}

impl Child {
    /// Starts this binary again as `halod data-plane --fd 3` with `socket` as descriptor 3, and
    /// `bequest` as those from 4 on.
    ///
    /// The child runs as `identity`, keeps no capability but those of `keep` (and these only if the
    /// parent has them), can gain none (`no_new_privs`), and is continued if it was stopped when the
    /// calling thread ends: it notices that, and ends too.
    pub fn spawn(
        identity: &Identity,
        keep: &[Capability],
        environment: &[(&str, String)],
        socket: &OwnedFd,
        bequest: &[BorrowedFd<'_>],
    ) -> Result<Self> {
        let bequest = moved_up(bequest)?;
        let count = bequest.len().to_string();
        let mut command = Command::new("/proc/self/exe");
        command
            .arg0("halod")
            .args(["data-plane", "--fd", "3", "--inherited", &count])
            .envs(environment.iter().map(|(key, value)| (key, value)))
            .stdin(Stdio::null());
        let identity = *identity;
        let keep = Capability::bits(keep);
        let socket = socket.as_raw_fd();
        let inherited: Vec<RawFd> = bequest.iter().map(AsRawFd::as_raw_fd).collect();
        // SAFETY: the closure runs between fork and exec in a single-threaded copy of this
        // process and makes only system calls: no allocation, no locks.
        unsafe {
            command.pre_exec(move || {
                hand_over(socket, CHILD_SOCKET)?;
                for (fd, at) in inherited.iter().zip(CHILD_BEQUEST..) {
                    hand_over(*fd, at)?;
                }
                capability::gain_no_more(keep)?;
                identity.assume()?;
                capability::keep_only(keep)?;
                // After the change of user: that resets the death signal.
                nix::sys::prctl::set_pdeathsig(Signal::SIGCONT)?;
                Ok(())
            });
        }
        let child = command
            .spawn()
            .map_err(|source| Error::os("start the data plane (/proc/self/exe)", source))?;
        let pidfd = open_pidfd(child.id())
            .map_err(|source| Error::os("open a pidfd for the data plane", source))?;
        Ok(Self { child, pidfd })
    }

    /// Its process number.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends it a signal; it is fine if it has ended already.
    ///
    /// Needs `CAP_KILL` where the child runs as another user.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        // SAFETY: plain system call on a descriptor that we own; a null siginfo is allowed.
        let outcome = unsafe {
            libc::syscall(
                libc::SYS_pidfd_send_signal,
                self.pidfd.as_raw_fd(),
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
        self.child
            .try_wait()
            .map(|status| status.map(describe))
            .map_err(|source| Error::os("wait for the data plane", source))
    }
}

impl AsFd for Child {
    /// Readable when the process has ended.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pidfd.as_fd()
    }
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
/// between fork and exec.
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

pub(crate) fn open_pidfd(pid: u32) -> io::Result<OwnedFd> {
    // SAFETY: plain system call; the child has not been waited for, so the number is its.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    let fd = RawFd::try_from(fd).map_err(io::Error::other)?;
    // SAFETY: the kernel just gave us this descriptor (close-on-exec by default).
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
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
