//! Waiting for descriptors, in room that is kept from one time to the next.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::Duration;

use nix::poll::PollFlags;

/// What is waited for.
#[derive(Debug, Default)]
pub(crate) struct Waiting(Vec<libc::pollfd>);

impl Waiting {
    /// Nothing, to begin with.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// Until there is something to read, too.
    pub(crate) fn read(&mut self, descriptor: BorrowedFd<'_>) {
        self.add(descriptor, PollFlags::POLLIN);
    }

    /// Until it is in one of these conditions, too.
    pub(crate) fn add(&mut self, descriptor: BorrowedFd<'_>, conditions: PollFlags) {
        self.0.push(libc::pollfd {
            fd: descriptor.as_raw_fd(),
            events: conditions.bits(),
            revents: 0,
        });
    }

    /// Waits until something is there, a signal comes, or the time is over. `None`: for as long as it
    /// takes.
    pub(crate) fn wait(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        let timeout = timeout.map(|time| libc::timespec {
            tv_sec: libc::time_t::try_from(time.as_secs()).unwrap_or(libc::time_t::MAX),
            tv_nsec: libc::c_long::from(time.subsec_nanos().cast_signed()),
        });
        let timeout = timeout.as_ref().map_or(std::ptr::null(), |time| time);
        // SAFETY: the list is valid with its true length, and so is the time, for the call. A descriptor
        // that was closed meanwhile is the kernel's to refuse.
        let ready = unsafe {
            libc::ppoll(
                self.0.as_mut_ptr(),
                self.0.len() as libc::nfds_t,
                timeout,
                std::ptr::null(),
            )
        };
        if ready < 0 {
            let error = io::Error::last_os_error();
            if error.kind() != io::ErrorKind::Interrupted {
                return Err(error);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::fd::AsFd;
    use std::os::unix::net::UnixStream;
    use std::time::Instant;

    use super::*;

    #[test]
    fn something_to_read_or_the_time_ends_it() {
        let (mut near, far) = UnixStream::pair().unwrap();
        let mut waiting = Waiting::default();
        waiting.read(far.as_fd());
        let start = Instant::now();
        waiting.wait(Some(Duration::from_millis(20))).unwrap();
        assert!(start.elapsed() >= Duration::from_millis(20));
        near.write_all(b"x").unwrap();
        waiting.wait(None).unwrap();
    }
}
