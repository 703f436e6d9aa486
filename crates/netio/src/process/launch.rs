//! Programs started without a copy of this process.
//!
//! `fork` copies the page tables of a process that is about to be replaced anyhow, and holds its memory map
//! meanwhile: every other thread that touches a new page waits, and each page that is written to
//! afterwards is copied. For an agent with real-time precedence that is a stall whose length an ordinary
//! thread decides. A child made as by `vfork` shares the memory until it executes the program: nothing
//! is copied, and only the thread that starts it waits. The price is that the child may do
//! nothing but system calls, and those not by way of libc's wrappers where these look after other threads
//! (`setuid` and its kin).

use std::ffi::{CString, OsStr, c_char, c_int, c_void};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::ptr;

/// What the child needs before it executes the program: a dozen system calls deep.
const STACK: usize = 64 * 1024;
/// What a shell says of a program that cannot be executed; nobody sees it.
const NOT_EXECUTED: c_int = 127;
/// What executes a program that the kernel does not know, as `execvp` has it.
const SHELL: &str = "/bin/sh";

/// What is to be started.
#[derive(Debug)]
pub(crate) struct Launch {
    program: CString,
    arguments: Vec<CString>,
    environment: Vec<CString>,
    directory: Option<CString>,
    /// Which of descriptors 0 to 2 lead nowhere.
    nowhere: Vec<RawFd>,
}

/// A child process, held by a pidfd. One that is not waited for stays a zombie.
#[derive(Debug)]
pub(crate) struct Launched {
    pid: libc::pid_t,
    pidfd: OwnedFd,
    ended: Option<ExitStatus>,
}

impl Launch {
    /// `program` is a path; `name` is what the program is told that it is called.
    pub(crate) fn new(program: impl AsRef<OsStr>, name: &str) -> io::Result<Self> {
        Ok(Self {
            program: c_string(program.as_ref())?,
            arguments: vec![c_string(OsStr::new(name))?],
            environment: Vec::new(),
            directory: None,
            nowhere: Vec::new(),
        })
    }

    /// Adds an argument.
    pub(crate) fn argument(mut self, argument: impl AsRef<OsStr>) -> io::Result<Self> {
        self.arguments.push(c_string(argument.as_ref())?);
        Ok(self)
    }

    /// Adds an environment variable; the program has no others.
    pub(crate) fn variable(
        mut self,
        key: impl AsRef<OsStr>,
        value: impl AsRef<OsStr>,
    ) -> io::Result<Self> {
        let mut variable = key.as_ref().to_owned();
        variable.push("=");
        variable.push(value);
        self.environment.push(c_string(&variable)?);
        Ok(self)
    }

    /// Starts it in this directory.
    pub(crate) fn directory(mut self, directory: impl AsRef<OsStr>) -> io::Result<Self> {
        self.directory = Some(c_string(directory.as_ref())?);
        Ok(self)
    }

    /// Lets these of descriptors 0 to 2 lead nowhere.
    pub(crate) fn nowhere(mut self, descriptors: &[RawFd]) -> Self {
        self.nowhere = descriptors.to_vec();
        self
    }

    /// Starts it, and waits until it is executed. Signals are as at the start of a program: none is
    /// blocked, and SIGPIPE ends it.
    ///
    /// # Safety
    /// `prepare` runs in the child, which shares this process's memory. It may make system calls, and
    /// change nothing in memory: no allocation, no lock, no panic, and no function of libc that sees to
    /// other threads.
    pub(crate) unsafe fn start(
        &self,
        prepare: &mut dyn FnMut() -> io::Result<()>,
    ) -> io::Result<Launched> {
        let pointers = |strings: &[CString]| -> Vec<*const c_char> {
            let all = strings.iter().map(|string| string.as_ptr());
            all.chain([ptr::null()]).collect()
        };
        let shell = c_string(OsStr::new(SHELL))?;
        let by_shell = [shell.clone(), self.program.clone()];
        let rest = self.arguments.get(1..).unwrap_or_default();
        let by_shell: Vec<CString> = by_shell.into_iter().chain(rest.iter().cloned()).collect();
        let mut child = ChildsView {
            launch: self,
            prepare,
            arguments: pointers(&self.arguments),
            environment: pointers(&self.environment),
            shell: shell.as_ptr(),
            by_shell: pointers(&by_shell),
            error: 0,
        };
        let signals = Blocked::all()?;
        // SAFETY: the caller vouches for `prepare`, and `child` lives until this thread goes on, which is
        // when the child does not use it any more.
        let cloned = unsafe { clone(&mut child) };
        drop(signals);
        let launched = cloned?;
        if child.error != 0 {
            let mut launched = launched;
            launched.wait()?;
            return Err(io::Error::from_raw_os_error(child.error));
        }
        Ok(launched)
    }
}

impl Launched {
    pub(crate) fn pid(&self) -> u32 {
        self.pid.unsigned_abs()
    }

    /// How it ended; `None` while it runs.
    pub(crate) fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        self.wait_with(libc::WNOHANG)
    }

    /// Waits for its end.
    pub(crate) fn wait(&mut self) -> io::Result<Option<ExitStatus>> {
        self.wait_with(0)
    }

    fn wait_with(&mut self, options: c_int) -> io::Result<Option<ExitStatus>> {
        if self.ended.is_some() {
            return Ok(self.ended);
        }
        let mut status = 0;
        loop {
            // SAFETY: plain system call for a child that has not been waited for; `status` outlives it.
            match unsafe { libc::waitpid(self.pid, &raw mut status, options) } {
                0 => return Ok(None),
                pid if pid > 0 => break,
                _ => {
                    let error = io::Error::last_os_error();
                    if error.kind() != io::ErrorKind::Interrupted {
                        return Err(error);
                    }
                }
            }
        }
        self.ended = Some(ExitStatus::from_raw(status));
        Ok(self.ended)
    }
}

impl AsFd for Launched {
    /// Readable when the process has ended.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pidfd.as_fd()
    }
}

/// What the child sees of its parent's memory.
struct ChildsView<'a> {
    launch: &'a Launch,
    prepare: &'a mut dyn FnMut() -> io::Result<()>,
    arguments: Vec<*const c_char>,
    environment: Vec<*const c_char>,
    shell: *const c_char,
    by_shell: Vec<*const c_char>,
    /// Why it did not get there; for the parent.
    error: c_int,
}

impl ChildsView<'_> {
    /// Returns only when it fails.
    fn become_program(&mut self) -> io::Error {
        if let Err(error) = self.get_ready() {
            return error;
        }
        let environment = self.environment.as_ptr();
        let program = self.launch.program.as_ptr();
        // SAFETY: strings and lists end in zero and live until exec has copied them.
        unsafe { libc::execve(program, self.arguments.as_ptr(), environment) };
        let error = io::Error::last_os_error();
        if error.raw_os_error() == Some(libc::ENOEXEC) {
            // SAFETY: as above.
            unsafe { libc::execve(self.shell, self.by_shell.as_ptr(), environment) };
            return io::Error::last_os_error();
        }
        error
    }

    fn get_ready(&mut self) -> io::Result<()> {
        for to in &self.launch.nowhere {
            lead_nowhere(*to)?;
        }
        if let Some(directory) = &self.launch.directory {
            // SAFETY: a string that ends in zero.
            check(unsafe { libc::chdir(directory.as_ptr()) })?;
        }
        (self.prepare)()?;
        // SAFETY: the child's table of handlers is its own (no CLONE_SIGHAND), and so is its mask; the
        // set is initialized before it is used.
        unsafe {
            if libc::signal(libc::SIGPIPE, libc::SIG_DFL) == libc::SIG_ERR {
                return Err(io::Error::last_os_error());
            }
            let mut none: libc::sigset_t = std::mem::zeroed();
            libc::sigemptyset(&raw mut none);
            check(libc::sigprocmask(
                libc::SIG_SETMASK,
                &raw const none,
                ptr::null_mut(),
            ))
        }
    }
}

/// # Safety
/// As for [`Launch::start`].
unsafe fn clone(child: &mut ChildsView<'_>) -> io::Result<Launched> {
    let mut stack: Vec<u128> = vec![0; STACK / size_of::<u128>()];
    let mut pidfd: c_int = -1;
    let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::CLONE_PIDFD | libc::SIGCHLD;
    // A change of user makes the memory, which is this process's, one that is not to be dumped.
    // SAFETY: plain system call.
    let dumpable = unsafe { libc::prctl(libc::PR_GET_DUMPABLE, 0, 0, 0, 0) };
    // SAFETY: the stack grows down from its end and is this thread's until the child has gone; `child` and
    // `pidfd` outlive the child's use of them, since with CLONE_VFORK this thread goes on only then.
    let pid = unsafe {
        libc::clone(
            enter,
            stack.as_mut_ptr_range().end.cast::<c_void>(),
            flags,
            ptr::from_mut(child).cast::<c_void>(),
            &raw mut pidfd,
        )
    };
    let failed = io::Error::last_os_error();
    if dumpable == 1 {
        // SAFETY: plain system call.
        unsafe { libc::prctl(libc::PR_SET_DUMPABLE, 1, 0, 0, 0) };
    }
    drop(stack);
    if pid < 0 {
        return Err(failed);
    }
    Ok(Launched {
        pid,
        // SAFETY: the kernel just gave us this descriptor (close-on-exec by default).
        pidfd: unsafe { OwnedFd::from_raw_fd(pidfd) },
        ended: None,
    })
}

extern "C" fn enter(view: *mut c_void) -> c_int {
    // SAFETY: this is what `clone` was given; the parent does not touch it before the child has gone.
    let view = unsafe { &mut *view.cast::<ChildsView<'_>>() };
    view.error = view.become_program().raw_os_error().unwrap_or(libc::EINVAL);
    // SAFETY: ends the child alone, and runs nothing of the parent's.
    unsafe { libc::_exit(NOT_EXECUTED) }
}

/// All signals, blocked for this thread: a handler would run in the child with the parent's memory.
struct Blocked(libc::sigset_t);

impl Blocked {
    fn all() -> io::Result<Self> {
        // SAFETY: both sets are initialized before they are read, and live across the calls.
        unsafe {
            let (mut all, mut before): (libc::sigset_t, libc::sigset_t) =
                (std::mem::zeroed(), std::mem::zeroed());
            libc::sigfillset(&raw mut all);
            match libc::pthread_sigmask(libc::SIG_SETMASK, &raw const all, &raw mut before) {
                0 => Ok(Self(before)),
                error => Err(io::Error::from_raw_os_error(error)),
            }
        }
    }
}

impl Drop for Blocked {
    fn drop(&mut self) {
        // SAFETY: the set was filled by the kernel; the call cannot fail with it.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const self.0, ptr::null_mut()) };
    }
}

fn lead_nowhere(to: RawFd) -> io::Result<()> {
    // SAFETY: plain system calls, and a string that ends in zero.
    unsafe {
        let null = libc::open(c"/dev/null".as_ptr(), libc::O_RDWR | libc::O_CLOEXEC);
        check(null)?;
        if null == to {
            return check(libc::fcntl(null, libc::F_SETFD, 0));
        }
        check(libc::dup2(null, to))?;
        check(libc::close(null))
    }
}

fn check(outcome: c_int) -> io::Result<()> {
    if outcome < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

fn c_string(text: &OsStr) -> io::Result<CString> {
    CString::new(text.as_bytes()).map_err(io::Error::other)
}

#[cfg(test)]
mod tests;
