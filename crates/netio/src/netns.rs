//! Namespaces: hosts of a lab on one machine.

use std::ffi::{CStr, CString};
use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::thread::{self, JoinHandle};

use nix::errno::Errno;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::prctl;
use nix::sys::signal::{SigSet, Signal};

/// Why a namespace could not be made or entered.
#[derive(Debug, thiserror::Error)]
pub enum NamespaceError {
    /// The namespaces of a process could not be opened.
    #[error("cannot open the {kind} namespace of process {pid}: {source}")]
    Open {
        /// `net`, `mnt`, `uts` or `user`.
        kind: &'static str,
        /// The process.
        pid: u32,
        /// Why.
        source: io::Error,
    },
    /// A thread could not be started in a network namespace.
    #[error("cannot enter the network namespace: {0}")]
    Enter(#[source] io::Error),
    /// The system does not let this user have a user namespace.
    #[error(
        "this user may not make network namespaces ({source}); run as root, or allow user namespaces \
         (sysctl kernel.unprivileged_userns_clone=1, user.max_user_namespaces, \
         kernel.apparmor_restrict_unprivileged_userns=0)"
    )]
    User {
        /// Why.
        source: io::Error,
    },
}

/// The network, mount and UTS (host name) namespaces of a process, and its user namespace where
/// that is not the caller's own. They live as long as a process is in them or this value is.
#[derive(Debug)]
pub struct Namespaces {
    user: Option<OwnedFd>,
    mount: OwnedFd,
    uts: OwnedFd,
    net: OwnedFd,
}

impl Namespaces {
    /// Opens those of a process.
    ///
    /// # Errors
    /// When there is no such process, or it is not the caller's to look at.
    pub fn of_process(pid: u32) -> Result<Self, NamespaceError> {
        let open =
            |kind: &'static str| {
                File::open(format!("/proc/{pid}/ns/{kind}"))
                    .map_err(|source| NamespaceError::Open { kind, pid, source })
            };
        let user = open("user")?;
        let inode = |of: io::Result<fs::Metadata>| {
            of.map(|data| data.ino())
                .map_err(|source| NamespaceError::Open {
                    kind: "user",
                    pid,
                    source,
                })
        };
        let same = inode(user.metadata())? == inode(fs::metadata("/proc/self/ns/user"))?;
        Ok(Self {
            user: (!same).then(|| user.into()),
            mount: open("mnt")?.into(),
            uts: open("uts")?.into(),
            net: open("net")?.into(),
        })
    }

    /// The network namespace.
    #[must_use]
    pub fn net(&self) -> BorrowedFd<'_> {
        self.net.as_fd()
    }

    /// Makes `command` run in these namespaces, in the caller's current directory, with no
    /// signal blocked, and die with the thread that spawns it.
    ///
    /// # Errors
    /// When the descriptors cannot be duplicated.
    pub fn enter(&self, command: &mut Command) -> io::Result<()> {
        let user = self.user.as_ref().map(OwnedFd::try_clone).transpose()?;
        let mount = self.mount.try_clone()?;
        let uts = self.uts.try_clone()?;
        let net = self.net.try_clone()?;
        let directory = CString::new(
            std::env::current_dir()?
                .into_os_string()
                .into_encoded_bytes(),
        )?;
        let enter = move || {
            if let Some(user) = &user {
                setns(user, CloneFlags::CLONE_NEWUSER)?;
            }
            setns(&net, CloneFlags::CLONE_NEWNET)?;
            setns(&uts, CloneFlags::CLONE_NEWUTS)?;
            setns(&mount, CloneFlags::CLONE_NEWNS)?;
            // Entering a mount namespace moves to its root.
            nix::unistd::chdir(directory.as_c_str()).or_else(|_| nix::unistd::chdir(c"/"))?;
            SigSet::all().thread_unblock()?;
            prctl::set_pdeathsig(Signal::SIGKILL)?;
            Ok(())
        };
        // SAFETY: between fork and exec only async-signal-safe system calls are made; nothing
        // is allocated (all paths and descriptors are made above) and no lock is taken.
        unsafe { command.pre_exec(enter) };
        Ok(())
    }
}

/// Gives `command` a session of its own, as a service has it. Where the kernel shares the processor out by
/// sessions (sched(7), autogroup), it has a share of its own then.
pub fn lead_session(command: &mut Command) {
    // SAFETY: between fork and exec only one system call is made.
    unsafe { command.pre_exec(|| Ok(nix::unistd::setsid().map(drop)?)) };
}

/// Makes `command` the first process of a new host: its own network, mount and UTS namespaces,
/// the host name `hostname`, an empty private `/run`. It dies with the thread that spawns it.
/// What the kernel refuses is reported by `spawn`.
pub fn make_host(command: &mut Command, hostname: &str) {
    let hostname = std::ffi::OsString::from(hostname);
    let make = move || {
        unshare(CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWUTS)?;
        nix::unistd::sethostname(&hostname)?;
        const NOTHING: Option<&CStr> = None;
        // What is mounted from here on is seen by no one else, and vanishes with the namespace.
        mount(
            NOTHING,
            c"/",
            NOTHING,
            MsFlags::MS_REC | MsFlags::MS_PRIVATE,
            NOTHING,
        )?;
        mount(
            Some(c"halo-lab"),
            c"/run",
            Some(c"tmpfs"),
            MsFlags::MS_NOSUID | MsFlags::MS_NODEV,
            Some(c"mode=0755"),
        )?;
        // What a program of a host says there (syslog(3) without a daemon) would hold a processor of the
        // machine: for seconds, where the console is a slow serial line.
        let quiet = mount(
            Some(c"/dev/null"),
            c"/dev/console",
            NOTHING,
            MsFlags::MS_BIND,
            NOTHING,
        );
        match quiet {
            // A container has no console.
            Ok(()) | Err(Errno::ENOENT) => {}
            Err(error) => return Err(error.into()),
        }
        SigSet::all().thread_unblock()?;
        prctl::set_pdeathsig(Signal::SIGKILL)?;
        Ok(())
    };
    // SAFETY: between fork and exec only async-signal-safe system calls are made; nothing is
    // allocated (nix takes `CStr` arguments as they are) and no lock is taken.
    unsafe { command.pre_exec(make) };
}

/// Runs `work` in a thread of its own that is in the network namespace `net`.
///
/// # Errors
/// When the thread cannot be started or the namespace cannot be entered.
pub fn spawn_in<T: Send + 'static>(
    net: BorrowedFd<'_>,
    name: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<NetnsThread<T>, NamespaceError> {
    let net = net.try_clone_to_owned().map_err(NamespaceError::Enter)?;
    let (entered, has_entered) = std::sync::mpsc::sync_channel(1);
    let thread = thread::Builder::new()
        .name(name.into())
        .spawn(move || {
            let result = setns(&net, CloneFlags::CLONE_NEWNET);
            let work = result.is_ok().then_some(work);
            entered
                .send(result)
                .expect("the starter waits for this message");
            work.map(|work| work())
        })
        .map_err(NamespaceError::Enter)?;
    match has_entered.recv() {
        Ok(Ok(())) => Ok(NetnsThread { thread }),
        Ok(Err(errno)) => Err(NamespaceError::Enter(errno.into())),
        Err(_) => Err(NamespaceError::Enter(io::ErrorKind::BrokenPipe.into())),
    }
}

/// A thread in a network namespace.
#[derive(Debug)]
pub struct NetnsThread<T> {
    thread: JoinHandle<Option<T>>,
}

impl<T> NetnsThread<T> {
    /// Waits for the thread's result. A panic in the thread goes on in the caller.
    pub fn join(self) -> T {
        match self.thread.join() {
            Ok(value) => value.expect("a thread that has not entered is never handed out"),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
}

/// Runs `work` in the network namespace `net` and waits for its result.
///
/// # Errors
/// As [`spawn_in`].
pub fn run_in<T: Send + 'static>(
    net: BorrowedFd<'_>,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, NamespaceError> {
    Ok(spawn_in(net, "netns", work)?.join())
}

/// Gives a process without privileges those of root over its own namespaces: a new user namespace
/// in which it is root. Does nothing for root. Call it first in `main`: the kernel refuses it
/// to a process with more than one thread.
///
/// # Errors
/// [`NamespaceError::User`], with the remedy.
pub fn become_namespace_root() -> Result<(), NamespaceError> {
    let (uid, gid) = (nix::unistd::geteuid(), nix::unistd::getegid());
    if uid.is_root() {
        return Ok(());
    }
    let failed = |source| NamespaceError::User { source };
    unshare(CloneFlags::CLONE_NEWUSER).map_err(|errno| failed(errno.into()))?;
    fs::write("/proc/self/setgroups", "deny").map_err(failed)?;
    fs::write("/proc/self/uid_map", format!("0 {uid} 1")).map_err(failed)?;
    fs::write("/proc/self/gid_map", format!("0 {gid} 1")).map_err(failed)
}

#[cfg(test)]
mod tests;
