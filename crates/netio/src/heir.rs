//! What a data plane does when its agent is gone: the agent's last words, and the end of its leases.
//!
//! An agent that is killed cannot say that it gives its virtual IPs up, and its peers would wait for
//! adverts. So the data plane gets, at its start and before it loses its privileges, sockets that can only
//! send VRRP, one a family, and the memory of the leases' deadlines; and from the agent, whenever something changes, the
//! messages to send, signed. It needs no key.

use std::io::Read;
use std::net::IpAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, PoisonError};

use socket2::{Domain, Socket};

use crate::clock::Clock;
use crate::error::{Error, Result};
use crate::lease::Deadlines;
use crate::vrrp::{self, Family};

/// A message to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastWord {
    /// Index of the interface.
    pub interface: u32,
    /// Source address.
    pub source: IpAddr,
    /// Destination address, of the same family.
    pub destination: IpAddr,
    /// What is behind the IP header.
    pub payload: Vec<u8>,
}

/// The agent's half: what a data plane inherits.
#[derive(Debug)]
pub(crate) struct Bequest {
    /// Closed by the kernel when the agent ends, however it does.
    _alive: UnixStream,
    ended: UnixStream,
    senders: Vec<Socket>,
    deadlines: Option<OwnedFd>,
}

impl Bequest {
    /// Needs `CAP_NET_RAW`. `deadlines` is the map of the leases, if there are any.
    pub(crate) fn new(deadlines: Option<OwnedFd>) -> Result<Self> {
        let (alive, ended) =
            UnixStream::pair().map_err(|source| Error::os("make a socket pair", source))?;
        let mut senders = Vec::new();
        for family in [Family::V4, Family::V6] {
            senders.extend(vrrp::open_sender(family)?);
        }
        Ok(Self {
            _alive: alive,
            ended,
            senders,
            deadlines,
        })
    }

    /// The descriptors that the data plane is to have, in the order of [`Heir::inherit`].
    pub(crate) fn descriptors(&self) -> Vec<BorrowedFd<'_>> {
        let senders = self.senders.iter().map(AsFd::as_fd);
        std::iter::once(self.ended.as_fd())
            .chain(senders)
            .chain(self.deadlines.as_ref().map(AsFd::as_fd))
            .collect()
    }
}

/// The data plane's half.
#[derive(Debug, Clone)]
pub struct Heir(Arc<Mutex<Estate>>);

#[derive(Debug)]
struct Estate {
    senders: Vec<(Domain, Socket)>,
    deadlines: Option<Deadlines>,
    words: Vec<LastWord>,
    done: bool,
}

impl Heir {
    /// Takes over the descriptors that the agent left from `first` on, `count` of them, and watches: when
    /// the agent is gone, a thread of its own does what is to be done and ends the process, even if all
    /// other threads hang.
    pub fn inherit(first: RawFd, count: usize) -> Result<Self> {
        let ended = UnixStream::from(take(first)?);
        let (mut senders, mut deadlines) = (Vec::new(), None);
        for fd in (first..).take(count).skip(1) {
            let inherited = Socket::from(take(fd)?);
            match inherited.domain() {
                Ok(family) => senders.push((family, inherited)),
                // No socket: the map of the leases.
                Err(_) => {
                    let map = Deadlines::map(inherited.into());
                    let failed = |source| Error::os("map the leases' deadlines", source);
                    deadlines = Some(map.map_err(failed)?);
                }
            }
        }
        let heir = Self(Arc::new(Mutex::new(Estate {
            senders,
            deadlines,
            words: Vec::new(),
            done: false,
        })));
        heir.watch(ended)?;
        Ok(heir)
    }

    /// What is to be sent, in place of what was to be before.
    pub fn set_words(&self, words: Vec<LastWord>) {
        self.estate().words = words;
    }

    /// Ends the leases and sends the last words, the first time that it is called.
    pub fn execute(&self) {
        self.estate().execute();
    }

    fn watch(&self, mut ended: UnixStream) -> Result<()> {
        let heir = self.clone();
        std::thread::Builder::new()
            .name("halod-heir".to_owned())
            .spawn(move || {
                // Nothing is ever sent: this returns at the end of the agent.
                let mut nothing = [0];
                while matches!(ended.read(&mut nothing), Err(error) if error.kind() == std::io::ErrorKind::Interrupted) {}
                heir.execute();
                std::process::exit(1);
            })
            .map(drop)
            .map_err(|source| Error::os("start a thread", source))
    }

    fn estate(&self) -> std::sync::MutexGuard<'_, Estate> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Estate {
    fn execute(&mut self) {
        if std::mem::replace(&mut self.done, true) {
            return;
        }
        // First: whoever hears the words takes the addresses over at once.
        if let Some(deadlines) = &self.deadlines {
            let clock = Clock::new();
            deadlines.end_all(clock.boot_nanos(clock.now()));
        }
        for word in &self.words {
            let destination = word.destination;
            if let Err(problem) = self.send(word) {
                eprintln!("halod: the agent's last word to {destination} was not sent: {problem}");
            }
        }
    }

    fn send(&self, word: &LastWord) -> std::io::Result<()> {
        let family = Domain::for_address((word.destination, 0).into());
        let mut senders = self.senders.iter();
        let (_, socket) = senders
            .find(|(domain, _)| *domain == family)
            .ok_or(std::io::ErrorKind::Unsupported)?;
        vrrp::send_from(
            socket,
            word.interface,
            word.source,
            word.destination,
            &word.payload,
        )
    }
}

/// Takes over an open descriptor that the agent left.
fn take(fd: RawFd) -> Result<OwnedFd> {
    // SAFETY: fcntl checks the descriptor itself.
    let open = unsafe { libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC) };
    if open < 0 {
        return Err(Error::NotInherited { fd });
    }
    // SAFETY: the descriptor is open (checked above), was left to us by the parent over exec, and nothing
    // else in this process knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Moves descriptors out of the way of the numbers that a child is to find them under.
pub(crate) fn moved_up(descriptors: &[BorrowedFd<'_>]) -> Result<Vec<OwnedFd>> {
    /// Above all numbers that a child is given.
    const ABOVE: RawFd = 64;
    descriptors
        .iter()
        .map(|fd| {
            // SAFETY: plain system call on a descriptor that is open in this process.
            let copy = unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_DUPFD_CLOEXEC, ABOVE) };
            if copy < 0 {
                return Err(Error::os(
                    "copy a descriptor",
                    std::io::Error::last_os_error(),
                ));
            }
            // SAFETY: the kernel just gave us this descriptor.
            Ok(unsafe { OwnedFd::from_raw_fd(copy) })
        })
        .collect()
}
