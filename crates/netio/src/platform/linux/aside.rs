//! Work that the agent's loop has done by a thread of its own, because it may take long.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use nix::sys::eventfd::{EfdFlags, EventFd};

use crate::error::{Error, Result};

/// What a thread's stack is. They call little, and the agent's memory is locked, stacks included.
const STACK: usize = 256 * 1024;

/// A thread that does one thing after the other, for as long as this process runs.
pub(super) struct Aside<Order, Outcome> {
    orders: Sender<Order>,
    done: Receiver<Outcome>,
    wake: Arc<EventFd>,
    /// What it does, for errors: "start the data plane".
    what: &'static str,
}

impl<Order: Send + 'static, Outcome: Send + 'static> Aside<Order, Outcome> {
    /// Starts the thread, with its name and what it does.
    pub(super) fn start(
        name: &str,
        what: &'static str,
        mut work: impl FnMut(Order) -> Outcome + Send + 'static,
    ) -> Result<Self> {
        let failed = |source| Error::os(format!("start a thread to {what}"), source);
        let (orders, to_do) = channel();
        let (teller, done) = channel();
        let flags = EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK;
        let wake = Arc::new(EventFd::from_flags(flags).map_err(|error| failed(error.into()))?);
        let waker = wake.clone();
        thread::Builder::new()
            .name(name.to_owned())
            .stack_size(STACK)
            .spawn(move || {
                for order in to_do {
                    if teller.send(work(order)).is_err() {
                        return;
                    }
                    // Only a full counter fails, and that one wakes the agent as well.
                    waker.write(1).ok();
                }
            })
            .map_err(failed)?;
        Ok(Self {
            orders,
            done,
            wake,
            what,
        })
    }

    /// Has something done; [`Aside::next`] tells what came of it.
    pub(super) fn order(&self, order: Order) -> Result<()> {
        self.orders.send(order).map_err(|_| {
            let gone = io::Error::other("the thread that does it has ended");
            Error::os(self.what, gone)
        })
    }

    /// What came of the next order.
    pub(super) fn next(&self) -> Option<Outcome> {
        // Before it is looked: what comes afterwards wakes anew. Also where nothing is expected: an
        // outcome may be taken before its waking comes. It fails when nothing has come.
        self.wake.read().ok();
        self.done.try_recv().ok()
    }
}

impl<Order, Outcome> AsFd for Aside<Order, Outcome> {
    /// Readable when something is done.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.wake.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

    use super::*;

    #[test]
    fn what_is_ordered_is_done_in_its_order_and_wakes_who_waits() {
        let aside = Aside::start("doubles", "double", |number: u32| number * 2).unwrap();
        assert_eq!(aside.next(), None);
        aside.order(1).unwrap();
        aside.order(2).unwrap();
        let mut done = Vec::new();
        while done.len() < 2 {
            let mut waits = [PollFd::new(aside.as_fd(), PollFlags::POLLIN)];
            let ready = poll(&mut waits, PollTimeout::from(5000_u16)).unwrap();
            assert_eq!(ready, 1, "nobody was woken");
            done.extend(std::iter::from_fn(|| aside.next()));
        }
        assert_eq!(done, [2, 4]);
    }

    #[test]
    fn a_wake_up_for_what_was_taken_already_wakes_once() {
        let aside = Aside::start("doubles", "double", |number: u32| number * 2).unwrap();
        let wakes = |aside: &Aside<u32, u32>, within: PollTimeout| {
            poll(&mut [PollFd::new(aside.as_fd(), PollFlags::POLLIN)], within).unwrap() == 1
        };
        for number in 0..500 {
            aside.order(number).unwrap();
            // Taken as soon as it is there, which may be before anybody is woken for it.
            while aside.next().is_none() {
                std::hint::spin_loop();
            }
            if wakes(&aside, PollTimeout::from(1_u8)) {
                assert_eq!(aside.next(), None);
                let again = wakes(&aside, PollTimeout::ZERO);
                assert!(!again, "whoever waits is woken again and again");
            }
        }
    }
}
