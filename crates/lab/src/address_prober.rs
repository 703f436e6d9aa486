//! A client that asks "who has this address?" every few milliseconds, by ARP or neighbour discovery, and
//! keeps book of who says so.

use std::net::{IpAddr, Ipv6Addr};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use halo_netio::frame::{FrameListener, FrameSocket};
use halo_netio::netlink::Netlink;
use halo_netio::netns::NetnsThread;
use halo_packet::MacAddr;
use halo_packet::arp::{Arp, Operation};
use halo_packet::ndp::{FRAME_LEN, Kind, Ndp};
use nix::poll::{PollFd, PollTimeout, poll};

use crate::{Host, LabError, Turn};

/// Time between two questions.
const INTERVAL: Duration = Duration::from_millis(2);
/// Answers of two nodes closer to each other than this are answers at one time: a few questions, so
/// that one that is lost does not make two short disputes of a long one.
const AT_ONE_TIME: Duration = Duration::from_millis(20);
const ETHERTYPE_ARP: u16 = 0x0806;
const ETHERTYPE_IPV6: u16 = 0x86dd;

/// An address prober at work. It stops when dropped.
#[derive(Debug)]
pub struct AddressProber {
    shared: Arc<Shared>,
    thread: Option<NetnsThread<Result<(), LabError>>>,
}

#[derive(Debug, Default)]
struct Shared {
    stop: AtomicBool,
    answers: Mutex<Vec<Answer>>,
}

/// An answer to "who has it?".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    /// When it came.
    pub at: Instant,
    /// Who says that it has the address.
    pub mac: MacAddr,
}

impl AddressProber {
    /// Starts to ask from `host`'s eth0 who has `address`.
    ///
    /// # Errors
    /// When the host has no eth0, or gives no sockets.
    pub fn start(host: &Host, address: impl Into<IpAddr>) -> Result<Self, LabError> {
        Self::start_with(host, address, Turn::Ordinary)
    }

    /// The same, in the turn that `turn` says.
    ///
    /// # Errors
    /// When the host has no eth0, or gives no sockets.
    pub fn start_with(
        host: &Host,
        address: impl Into<IpAddr>,
        turn: Turn,
    ) -> Result<Self, LabError> {
        let address = address.into();
        let shared = Arc::new(Shared::default());
        let theirs = shared.clone();
        let link = host
            .within(|| Netlink::open()?.link("eth0"))?
            .map_err(LabError::netlink(host.name()))?;
        let own = host.address6();
        let asker = link
            .and_then(|link| {
                Some(Asker {
                    interface: link.index,
                    mac: MacAddr::from(link.mac?),
                    address: own,
                })
            })
            .ok_or_else(|| LabError::Refused(format!("{} has no eth0", host.name())))?;
        let thread = host.thread(move || {
            turn.take();
            run(&theirs, asker, address)
        })?;
        Ok(Self {
            shared,
            thread: Some(thread),
        })
    }

    /// Every answer so far, in order.
    #[must_use]
    pub fn answers(&self) -> Vec<Answer> {
        let answers = self.shared.answers.lock();
        answers.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Stops; every answer.
    ///
    /// # Errors
    /// When asking failed.
    pub fn stop(mut self) -> Result<Vec<Answer>, LabError> {
        self.shared.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join()?;
        }
        Ok(self.answers())
    }
}

impl Drop for AddressProber {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
    }
}

/// The longest time in which two hosts said that they have the address. One that answers after the
/// other has fallen silent, however soon, is its successor: there are two owners only where the former
/// one is heard again.
#[must_use]
pub fn longest_dispute(answers: &[Answer]) -> Duration {
    let mut longest = Duration::ZERO;
    let mut dispute: Option<Dispute> = None;
    for pair in answers.windows(2) {
        let [before, after] = pair else { continue };
        let both = before.mac != after.mac && after.at - before.at <= AT_ONE_TIME;
        if !both {
            continue;
        }
        let goes_on = dispute.filter(|was| before.at - was.end.min(before.at) <= AT_ONE_TIME);
        let now = Dispute {
            start: goes_on.map_or(before.at, |was| was.start),
            end: after.at,
            changes: goes_on.map_or(0, |was| was.changes) + 1,
        };
        dispute = Some(now);
        if now.changes > 1 {
            longest = longest.max(now.end - now.start);
        }
    }
    longest
}

/// Answers of two hosts close to each other.
#[derive(Clone, Copy)]
struct Dispute {
    start: Instant,
    end: Instant,
    /// How often another host answered than the last one.
    changes: u32,
}

/// Who asks.
#[derive(Clone, Copy)]
struct Asker {
    interface: u32,
    mac: MacAddr,
    /// For neighbour discovery: a question of nobody is answered to everyone.
    address: Ipv6Addr,
}

impl Asker {
    /// The EtherType and the frame of the question.
    fn question(self, address: IpAddr) -> Result<(u16, Vec<u8>), LabError> {
        let mut frame = vec![0; FRAME_LEN];
        let (ethertype, length) = match address {
            IpAddr::V4(ip) => (ETHERTYPE_ARP, Arp::probe(self.mac, ip).encode(&mut frame)),
            IpAddr::V6(ip) => {
                let question = Ndp::question(self.mac, self.address, ip);
                (ETHERTYPE_IPV6, question.encode(&mut frame))
            }
        };
        frame.truncate(length.map_err(|error| LabError::Refused(error.to_string()))?);
        Ok((ethertype, frame))
    }

    /// Who says in this frame that it has the address. Announcements are to everyone; an answer is to us.
    fn answered(self, frame: &[u8], address: IpAddr) -> Option<MacAddr> {
        match address {
            IpAddr::V4(ip) => {
                let arp = Arp::decode(frame).ok()?;
                let answer = arp.operation == Operation::Reply && arp.sender_ip == ip;
                (answer && arp.destination == self.mac).then_some(arp.sender_mac)
            }
            IpAddr::V6(ip) => {
                let ndp = Ndp::decode(frame).ok()?;
                let answer = matches!(ndp.kind, Kind::Advertisement { .. }) && ndp.target == ip;
                (answer && ndp.destination == self.mac).then(|| ndp.claimant())
            }
        }
    }
}

fn run(shared: &Shared, asker: Asker, address: IpAddr) -> Result<(), LabError> {
    let failed = |error: halo_netio::Error| LabError::Refused(error.to_string());
    let index = asker.interface;
    let (ethertype, question) = asker.question(address)?;
    let listener = FrameListener::open(index, ethertype).map_err(failed)?;
    let socket = FrameSocket::open().map_err(failed)?;
    let mut next = Instant::now();
    while !shared.stop.load(Ordering::Relaxed) {
        let now = Instant::now();
        if now >= next {
            socket.send(index, &question).map_err(failed)?;
            next = now + INTERVAL;
        }
        wait(&listener, next.saturating_duration_since(now));
        let mut frame = [0; 128];
        while let Some(length) = listener.receive(&mut frame).map_err(failed)? {
            let at = Instant::now();
            let bytes = frame.len().min(length);
            if let Some(mac) = asker.answered(&frame[..bytes], address) {
                let answers = shared.answers.lock();
                answers
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(Answer { at, mac });
            }
        }
    }
    Ok(())
}

fn wait(listener: &FrameListener, time: Duration) {
    let millis = time.as_micros().div_ceil(1000).min(10);
    let timeout = PollTimeout::from(u8::try_from(millis).unwrap_or(10));
    let mut fds = [PollFd::new(listener.as_fd(), nix::poll::PollFlags::POLLIN)];
    if poll(&mut fds, timeout).is_err() {
        // Interrupted: the caller looks anyway.
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dispute(script: &[(u64, u8)]) -> u128 {
        let start = Instant::now();
        let answers: Vec<Answer> = script
            .iter()
            .map(|(ms, host)| Answer {
                at: start + Duration::from_millis(*ms),
                mac: MacAddr::new(2, 0, 0, 0, 0, *host),
            })
            .collect();
        longest_dispute(&answers).as_millis()
    }

    #[test]
    fn a_handover_is_no_dispute_but_answers_in_turns_are() {
        assert_eq!(dispute(&[]), 0);
        assert_eq!(dispute(&[(0, 1), (10, 1), (60, 2), (70, 2)]), 0);
        assert_eq!(
            dispute(&[(0, 1), (10, 1), (12, 2), (14, 2)]),
            0,
            "a quick one"
        );
        assert_eq!(dispute(&[(0, 1), (2, 2), (4, 1), (6, 2), (50, 2)]), 6);
        let long: Vec<(u64, u8)> = (0..500).map(|n| (n * 2, (n % 2) as u8)).collect();
        assert_eq!(dispute(&long), 998);
        let two = [(0, 1), (2, 2), (100, 2), (102, 1), (104, 2)];
        assert_eq!(dispute(&two), 4, "the longer one of two");
    }
}
